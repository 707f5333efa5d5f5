"""What few applications do, next to graphql-core."""

from __future__ import annotations

import asyncio
import operator
from datetime import date
from types import SimpleNamespace
from typing import Any, NewType

import orjson
import strawberry
from graphql import GraphQLField, GraphQLObjectType, GraphQLSchema, GraphQLString, build_schema
from strawberry.schema.config import StrawberryConfig

from tests.execution.compare import Comparison, Outcome

Day = NewType("Day", date)


async def _same(schema: GraphQLSchema, text: str, root: Any = None) -> Outcome:
    expected, actual = await Comparison(schema).run(text, {}, dict, root)
    assert actual == expected
    return actual


class _Dated(date):
    name = property(operator.methodcaller("strftime", "%d.%m.%Y"))


async def test_a_function_in_c_that_imports_something() -> None:
    """`strftime` of a date does: as what reads an attribute, and as a scalar's `serialize`."""
    scalar = strawberry.scalar(name="Day", serialize=operator.methodcaller("strftime", "%d.%m.%Y"))

    @strawberry.type
    class Query:
        day: Day | None
        name: str

    schema = strawberry.Schema(Query, config=StrawberryConfig(scalar_map={Day: scalar}))._schema
    day = _Dated(2026, 1, 2)
    assert (await _same(schema, "{ name }", day)).data == b'{"name":"02.01.2026"}'
    assert (await _same(schema, "{ day }", SimpleNamespace(day=day))).data == b'{"day":"02.01.2026"}'


class _OfACluster(Exception):
    """Has what a GraphQLError has, and something else in it."""

    nodes = ("node-1", "node-2")


class _Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


async def test_an_error_that_cannot_be_located_is_an_error_of_its_field() -> None:
    async def fail(error: Exception) -> str:
        await asyncio.sleep(0)
        raise error

    @strawberry.type
    class Query:
        @strawberry.field
        def clusters(self) -> list[str] | None:
            return [fail(_OfACluster("away"))]  # type: ignore[list-item]

        @strawberry.field
        def texts(self) -> list[str] | None:
            return [fail(_Unspeakable())]  # type: ignore[list-item]

        @strawberry.field
        def needed(self) -> list[str]:
            return [fail(_OfACluster("away"))]  # type: ignore[list-item]

    schema = strawberry.Schema(Query)._schema
    for name, data in (("clusters", {"clusters": None}), ("texts", {"texts": None}), ("needed", None)):
        # graphql-core locates it one place further out (docs/decisions/0015).
        _, actual = await Comparison(schema).run(f"{{ {name} }}", {}, dict)
        assert orjson.loads(actual.data) == data
        assert [error["path"] for error in actual.errors] == [[name, 0]]


async def test_one_definition_under_two_names() -> None:
    field = GraphQLField(GraphQLString)
    schema = GraphQLSchema(GraphQLObjectType("Query", {"a": field, "b": field}))
    assert (await _same(schema, "{ a b }", {"a": "A", "b": "B"})).data == b'{"a":"A","b":"B"}'


class _Pretending:
    @property
    def __class__(self) -> Any:
        return ValueError


async def test_a_value_that_pretends_to_be_an_error() -> None:
    schema = build_schema("type Query { o: O, os: [O] } type O { x: Int }")
    actual = await _same(schema, "{ o { x } os { x } }", {"o": _Pretending(), "os": [_Pretending()]})
    assert len(actual.errors) == 2
