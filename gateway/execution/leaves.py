"""Scalars and enums."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum, Flag
from functools import lru_cache
from inspect import getattr_static
from typing import Any, cast

from graphql import (
    GraphQLBoolean,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLString,
    Undefined,
)
from graphql.pyutils import inspect, is_awaitable
from graphql.type.scalars import GRAPHQL_MAX_INT, GRAPHQL_MIN_INT
from strawberry.schema.schema_converter import CustomGraphQLEnumType

from gateway.execution.plain import plain_types
from gateway.execution.run import Json

Leaf = Callable[[Any], Json]


def make_leaf(kind: GraphQLLeafType) -> Leaf:
    """Completes a value that is not awaitable."""
    exact = exact_type(kind)
    coerce = kind.coerce_output_value

    def complete(value: Any) -> Json:
        if type(value) is exact:
            return value
        if isinstance(value, Exception):
            raise value
        if value is None or value is Undefined:
            return None
        return checked(kind, value, coerce(value))

    return complete


def checked(kind: GraphQLLeafType, value: Any, coerced: Any) -> Json:
    if type(coerced) in plain_types:
        return coerced
    if coerced is Undefined or coerced is None:
        # graphql-core's words.
        raise TypeError(
            f"Expected `{inspect(kind)}.coerce_output_value({inspect(value)})`"
            f" to return non-nullable value, returned: {inspect(coerced)}"
        )
    return _awaited(coerced) if is_awaitable(coerced) else coerced


async def _awaited(value: Awaitable[Json]) -> Json:
    return await value


def exact_type(kind: GraphQLLeafType) -> type | None:
    """The type whose values are written to the answer unchanged."""
    if kind is GraphQLString or kind is GraphQLID:
        return str
    return bool if kind is GraphQLBoolean else None


def test_of(kind: GraphQLLeafType) -> str | None:
    """The same as an expression about `value`; also for types whose values are not all valid."""
    if kind is GraphQLInt:
        return f"type(value) is int and {GRAPHQL_MIN_INT} <= value <= {GRAPHQL_MAX_INT}"
    if kind is GraphQLFloat:
        return "type(value) is float and isfinite(value)"
    exact = exact_type(kind)
    return None if exact is None else f"type(value) is {exact.__name__}"


@lru_cache(maxsize=1000)
def names_of_members(kind: GraphQLLeafType) -> tuple[type[Enum], dict[str, str]] | None:
    """From the names of a Python enum's members to their names in the schema; None if it is not such an enum."""
    if type(kind) is not CustomGraphQLEnumType:
        return None
    enum = cast("type[Enum]", kind.wrapped_cls)
    if issubclass(enum, Flag) or not all(isinstance(member.value, str | int) for member in enum):
        return None
    if getattr_static(enum, "_missing_") is not getattr_static(Enum, "_missing_"):
        # It may make members that are not here.
        return None
    names: dict[str, str] = {}
    for member in enum:
        try:
            names[member.name] = kind.coerce_output_value(member)
        except ValueError:
            return None
    return enum, names
