"""The schema as a whole."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from copy import copy
from functools import cache
from typing import Any, Final

import strawberry
from graphql import (
    DirectiveLocation,
    GraphQLArgument,
    GraphQLDeprecatedDirective,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    Undefined,
    lexicographic_sort_schema,
    located_error,
    print_schema,
)
from graphql.type.introspection import TypeFields
from strawberry.schema.config import StrawberryConfig

from schema.mutation import Mutation
from schema.query import Query
from schema.scalars import SCALARS
from schema.subscription import Subscription

_DESCRIPTION: Final = """\
Persisted folders: for each user, environment and product surface, where the home, pinned and
custom products folders point. The same rules as the REST endpoints; a key needs
`persisted_folder:read` to read and `persisted_folder:write` to change."""

# Those of the specification of October 2021.
_DEPRECATED_LOCATIONS: Final = (
    DirectiveLocation.FIELD_DEFINITION,
    DirectiveLocation.ARGUMENT_DEFINITION,
    DirectiveLocation.INPUT_FIELD_DEFINITION,
    DirectiveLocation.ENUM_VALUE,
)


@cache
def build_schema() -> GraphQLSchema:
    """The executable schema, the same one for all. Its resolvers expect a `schema.context.Context`."""
    schema = strawberry.Schema(Query, Mutation, Subscription, config=StrawberryConfig(scalar_map=SCALARS))
    graphql_schema = schema._schema
    graphql_schema.description = _DESCRIPTION
    _restore_is_one_of(graphql_schema)
    _drop_null_defaults(graphql_schema)
    _narrow_deprecated(graphql_schema)
    _locate_stream_errors(graphql_schema)
    return graphql_schema


def _restore_is_one_of(schema: GraphQLSchema) -> None:
    """Strawberry puts another resolver into graphql-core's `__Type`, which fails for lists and non-null types."""
    described = schema.type_map["__Type"]
    assert isinstance(described, GraphQLObjectType)
    described.fields["isOneOf"].resolve = TypeFields.is_one_of


def _drop_null_defaults(schema: GraphQLSchema) -> None:
    """Strawberry makes a Python default of None a default of null, which the public schema does not have."""
    for named in schema.type_map.values():
        if isinstance(named, GraphQLInputObjectType):
            inputs: Iterable[GraphQLInputField | GraphQLArgument] = named.fields.values()
        elif isinstance(named, GraphQLObjectType):
            inputs = [argument for field in named.fields.values() for argument in field.args.values()]
        else:
            continue
        for each in inputs:
            if each.default_value is None:
                each.default_value = Undefined


def _narrow_deprecated(schema: GraphQLSchema) -> None:
    """graphql-core adds a location of a newer draft, and clients that do not know it cannot read the whole schema."""
    narrowed = copy(GraphQLDeprecatedDirective)
    narrowed.locations = _DEPRECATED_LOCATIONS
    schema.directives = tuple(narrowed if each.name == narrowed.name else each for each in schema.directives)


def _locate_stream_errors(schema: GraphQLSchema) -> None:
    """graphql-core locates what is raised when a stream is made, but a generator raises when it is asked for events."""
    assert schema.subscription_type is not None
    for field in schema.subscription_type.fields.values():
        assert field.subscribe is not None
        field.subscribe = _locating(field.subscribe)


def _locating(subscribe: Callable[..., Any]) -> Callable[..., AsyncGenerator[Any, None]]:
    async def located(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> AsyncGenerator[Any, None]:
        try:
            async with aclosing(await subscribe(source, info, **arguments)) as events:
                async for event in events:
                    yield event
        except Exception as error:
            raise located_error(error, info.field_nodes, info.path.as_list()) from error

    return located


def print_sdl(schema: GraphQLSchema) -> str:
    """Sorted, so that a difference between two texts is a difference between the schemas."""
    return print_schema(lexicographic_sort_schema(schema)) + "\n"
