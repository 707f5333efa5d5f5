"""What the schema says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    SchemaMetaFieldDef,
    TypeKind,
    get_named_type,
    introspection_from_schema,
    lexicographic_sort_schema,
)
from graphql import build_schema as build_from_text

from schema.schema import build_schema, print_sdl
from tests.execution.compare import Comparison


@pytest.fixture
def ours() -> GraphQLSchema:
    """A new one: Strawberry changes `__Type` of graphql-core for all, and other tests make schemas with it."""
    return build_schema.__wrapped__()


def _everything(name: str, depth: int, field: GraphQLField = SchemaMetaFieldDef) -> str:
    """A field of introspection with all that can be asked of it; nothing, where that would be deeper."""
    arguments = "(includeDeprecated: true)" if "includeDeprecated" in field.args else ""
    kind = get_named_type(field.type)
    if not isinstance(kind, GraphQLObjectType):
        return name + arguments
    if depth == 0:
        return ""
    inner = " ".join(_everything(name, depth - 1, field) for name, field in kind.fields.items())
    return f"{name}{arguments} {{ __typename {inner} }}"


def _types(found: Any) -> Iterator[dict[str, Any]]:
    """Every `__Type` in an answer."""
    if isinstance(found, list):
        for each in found:
            yield from _types(each)
    elif isinstance(found, dict):
        if found.get("__typename") == "__Type":
            yield found
        for each in found.values():
            yield from _types(each)


async def test_every_field_can_be_asked_of_every_kind_of_type(ours: GraphQLSchema) -> None:
    expected, actual = await Comparison(ours).run(f"{{ {_everything('__schema', 5)} }}", {}, dict)
    assert actual.errors == []
    assert actual == expected
    is_one_of: dict[str, set[bool | None]] = {}
    for each in _types(orjson.loads(actual.data)):
        is_one_of.setdefault(each["kind"], set()).add(each["isOneOf"])
    assert is_one_of.pop("INPUT_OBJECT") == {False}
    # No type of ours is a union.
    assert is_one_of == {kind.name: {None} for kind in TypeKind if kind.name not in ("INPUT_OBJECT", "UNION")}


def test_it_says_what_the_text_says(ours: GraphQLSchema) -> None:
    read = build_from_text(print_sdl(ours))
    # The text leaves out those of GraphQL itself, for which graphql-core would put its own.
    read.directives = ours.directives
    told, expected = (
        introspection_from_schema(lexicographic_sort_schema(each), input_value_deprecation=True, one_of=True)
        for each in (ours, read)
    )
    assert told == expected
