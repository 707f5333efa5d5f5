"""The shipped schema against the public one: what clients generate their code from may only grow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
    find_dangerous_changes,
    introspection_from_schema,
    is_specified_scalar_type,
    print_ast,
    print_schema,
    validate_schema,
)
from graphql.utilities import find_schema_changes

import schema
from schema.schema import build_schema as build_our_schema
from schema.schema import print_sdl

_HERE: Final = Path(__file__).parent
_SHIPPED: Final = _HERE.parent.parent / "schema.graphql"


def _read(sdl: Path) -> GraphQLSchema:
    """SDL leaves out the directives that GraphQL has by itself: those of ours are meant, not graphql-core's."""
    read, ours = build_schema(sdl.read_text()), build_our_schema()
    read.directives = tuple(ours.get_directive(each.name) or each for each in read.directives)
    return read


_CONTRACT: Final = _read(_HERE / "contract.graphql")


@pytest.fixture(scope="module")
def ours() -> GraphQLSchema:
    return build_our_schema()


def test_the_imported_package_is_ours() -> None:
    # PyPI has a distribution of this name, with the same import name.
    assert Path(schema.__file__).resolve() == _HERE.parent.parent / "schema" / "__init__.py"


def test_the_schema_is_valid(ours: GraphQLSchema) -> None:
    assert validate_schema(ours) == []


def test_nothing_breaks_clients(ours: GraphQLSchema) -> None:
    assert [change.description for change in find_breaking_changes(_CONTRACT, ours)] == []


def test_nothing_surprises_clients(ours: GraphQLSchema) -> None:
    assert [change.description for change in find_dangerous_changes(_CONTRACT, ours)] == []


def test_root_types_have_the_names_of_the_contract(ours: GraphQLSchema) -> None:
    roots = (ours.query_type, ours.mutation_type, ours.subscription_type)
    assert [str(root) for root in roots] == ["Query", "Mutation", "Subscription"]


def test_directives_have_no_location_that_clients_do_not_know(ours: GraphQLSchema) -> None:
    # graphql-core 3.2 cannot read a schema at all with a location that October 2021 does not have.
    directives = introspection_from_schema(ours)["__schema"]["directives"]
    assert {each["name"]: each["locations"] for each in directives} == {
        "include": ["FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"],
        "skip": ["FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"],
        "deprecated": ["FIELD_DEFINITION", "ARGUMENT_DEFINITION", "INPUT_FIELD_DEFINITION", "ENUM_VALUE"],
        "specifiedBy": ["SCALAR"],
        "oneOf": ["INPUT_OBJECT"],
    }


def test_defaults_are_those_of_the_contract(ours: GraphQLSchema) -> None:
    # graphql-core does not compare the defaults of input fields, nor new ones of arguments.
    expected = _defaults(_CONTRACT)
    assert len(expected) > 60
    found = _defaults(build_schema(print_sdl(ours)))
    assert {place: found.get(place) for place in expected} == expected


def _defaults(read: GraphQLSchema) -> dict[str, str | None]:
    return {
        place: print_ast(part.ast_node.default_value) if part.ast_node.default_value else None
        for place, part in _parts(read)
        if isinstance(part, (GraphQLArgument, GraphQLInputField))
    }


def test_scalars_name_their_specification(ours: GraphQLSchema) -> None:
    expected, found = _specifications(_CONTRACT), _specifications(ours)
    assert set(expected) == {"DateTime", "UUID"}
    assert all(found.values()), found
    assert expected.items() <= found.items()


def _specifications(read: GraphQLSchema) -> dict[str, str | None]:
    """Of all scalars but GraphQL's own."""
    return {
        name: named.specified_by_url
        for name, named in read.type_map.items()
        if isinstance(named, GraphQLScalarType) and not is_specified_scalar_type(named)
    }


def test_everything_is_described(ours: GraphQLSchema) -> None:
    parts = list(_parts(ours))
    assert len(parts) > 150
    assert [place for place, part in parts if not (part.description or "").strip()] == []


def _parts(ours: GraphQLSchema) -> Iterator[tuple[str, Any]]:
    yield "schema", ours
    for name, named in ours.type_map.items():
        if name.startswith("__"):
            continue
        yield name, named
        if isinstance(named, GraphQLEnumType):
            yield from ((f"{name}.{value}", part) for value, part in named.values.items())
        if isinstance(named, (GraphQLObjectType, GraphQLInterfaceType, GraphQLInputObjectType)):
            for field_name, field in named.fields.items():
                yield f"{name}.{field_name}", field
                for argument_name, argument in getattr(field, "args", {}).items():
                    yield f"{name}.{field_name}({argument_name}:)", argument


def test_the_file_is_fresh(ours: GraphQLSchema) -> None:
    assert _SHIPPED.read_text() == print_sdl(ours), "run: gateway schema > schema.graphql"


def test_the_file_holds_the_whole_schema(ours: GraphQLSchema) -> None:
    read = _read(_SHIPPED)
    assert find_schema_changes(read, ours) == find_schema_changes(ours, read) == []


def test_types_stand_in_order() -> None:
    named: list[GraphQLNamedType] = list(build_schema(_SHIPPED.read_text()).type_map.values())
    written = [part.name for part in named if part.ast_node is not None]
    assert written == sorted(written)
    assert "specifiedBy" in print_schema(build_schema(_SHIPPED.read_text()))
