"""The schema as a whole."""

from __future__ import annotations

from typing import Final

import strawberry
from graphql import GraphQLSchema, lexicographic_sort_schema, print_schema
from strawberry.schema.config import StrawberryConfig

from schema.mutation import Mutation
from schema.query import Query
from schema.scalars import SCALARS

_DESCRIPTION: Final = """\
Persisted folders: for each user, environment and product surface, where the home, pinned and
custom products folders point. The same rules as the REST endpoints; a key needs
`persisted_folder:read` to read and `persisted_folder:write` to change."""


def build_schema() -> GraphQLSchema:
    """The executable schema. Its resolvers expect a `schema.context.Context`."""
    schema = strawberry.Schema(Query, Mutation, config=StrawberryConfig(scalar_map=SCALARS))
    graphql_schema = schema._schema
    graphql_schema.description = _DESCRIPTION
    return graphql_schema


def print_sdl(schema: GraphQLSchema) -> str:
    """Sorted, so that a difference between two versions is a difference of the schema."""
    return print_schema(lexicographic_sort_schema(schema)) + "\n"
