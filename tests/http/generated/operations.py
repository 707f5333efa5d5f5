"""Queries and mutations that fit the schema, and whether an answer fits the operation."""

from __future__ import annotations

from typing import Any, Final

import graphql
from graphql import FieldNode, NameNode, SelectionSetNode, StringValueNode, Visitor, VisitorAction
from hypothesis import strategies as st
from hypothesis_graphql import from_schema

from schema.schema import build_schema, print_sdl
from tests.http.generated.requests import Framed
from tests.http.malformed.requests import operation, post, with_key

# Of the SDL, as a client has it: nothing in it resolves or converts.
SCHEMA: Final = graphql.build_schema(print_sdl(build_schema()))

_TIMES: Final = ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00.123456+02:00", "0001-01-01T00:00:00Z", "", "junk")
_UUIDS: Final = ("00000000-0000-0000-0000-000000000000", "", "junk")
# Texts that lead somewhere, among those that do not.
_TEXTS: Final = ("1", "2", "3", "@current", "home", "a/b", "products://", "\0", "\U0001f600")


def operations() -> st.SearchStrategy[str]:
    """Documents of one operation, with `__typename` wherever it may be asked for."""
    scalars = {"DateTime": _literals(_TIMES), "UUID": _literals(_UUIDS)}
    documents = from_schema(SCHEMA, custom_scalars=scalars)
    return st.builds(_with_texts, documents, st.lists(st.sampled_from(_TEXTS), max_size=4)).map(_with_typenames)


def operation_request(document: str, request_id: str) -> Framed:
    """From a caller who may do all."""
    return Framed(with_key(post(operation(document), ("X-Request-Id", request_id))), "POST", request_id)


def misfit(document: str, data: Any) -> str | None:
    """What of an answer's `data` is not what the document asks of the schema.

    The data are executed again, each field from the place in them that has its name: an answer with a field too few,
    a null or a type that may not be there comes out with errors, and one with a field too many comes out without it.
    """
    if data is None:
        # A root field that may not be null had an error.
        return None
    result = graphql.execute(
        SCHEMA,
        graphql.parse(document),
        root_value=data,
        field_resolver=lambda source, info, **_: source[info.path.key],
        type_resolver=lambda source, *_: source["__typename"],
    )
    assert isinstance(result, graphql.ExecutionResult)
    if result.errors:
        return str(result.errors[0])
    return None if result.data == data else f"{result.data} was asked for"


def _literals(texts: tuple[str, ...]) -> st.SearchStrategy[StringValueNode]:
    return st.sampled_from(texts).map(lambda text: StringValueNode(value=text))


def _with_texts(document: str, texts: list[str]) -> str:
    """The first texts of the document replaced by these."""
    rest = iter(texts)

    class Texts(Visitor):
        def enter_string_value(self, *_: Any) -> StringValueNode | None:
            text = next(rest, None)
            return None if text is None else StringValueNode(value=text)

    return graphql.print_ast(graphql.visit(graphql.parse(document), Texts()))


def _with_typenames(document: str) -> str:
    class Typenames(Visitor):
        def leave_selection_set(self, node: SelectionSetNode, *_: Any) -> VisitorAction | SelectionSetNode:
            return SelectionSetNode(selections=(*node.selections, FieldNode(name=NameNode(value="__typename"))))

    return graphql.print_ast(graphql.visit(graphql.parse(document), Typenames()))
