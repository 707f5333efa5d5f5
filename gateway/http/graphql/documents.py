"""From the text of a document to a validated operation; what was validated once is kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    Visitor,
    parse,
    validate,
    visit,
)

from gateway.http.graphql.errors import (
    OPERATION_UNRESOLVED,
    PARSE_FAILED,
    VALIDATION_FAILED,
    RequestRefused,
)

_MAX_ERRORS: Final = 5
_MAX_DOCUMENTS: Final = 1000
_MAX_CHARACTERS: Final = 4 * 1024 * 1024
_INTROSPECTION_FIELDS: Final = frozenset({"__schema", "__type"})


@dataclass(frozen=True, slots=True)
class Document:
    """A document that fits the schema."""

    node: DocumentNode
    introspects: bool

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """Raises RequestRefused where `name` names none, or is left out though there are several."""
        operations = [each for each in self._operations() if name is None or (each.name and each.name.value == name)]
        if len(operations) == 1:
            return operations[0]
        if name is not None:
            message = f"There is no operation named {name!r} in the document."
        elif operations:
            message = "The document has several operations: 'operationName' must name one."
        else:
            message = "The document has no operation."
        raise RequestRefused([GraphQLError(message)], OPERATION_UNRESOLVED)

    def _operations(self) -> Iterator[OperationDefinitionNode]:
        return (each for each in self.node.definitions if isinstance(each, OperationDefinitionNode))


class Documents:
    """Parses and validates; keeps the last documents that fit, up to a number and a total length."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._characters = 0

    def get(self, text: str, *, hide_suggestions: bool) -> Document:
        """Raises RequestRefused."""
        document = self._kept.get(text)
        if document is not None:
            self._kept.move_to_end(text)
            return document
        document = self._validated(text, hide_suggestions)
        self._keep(text, document)
        return document

    def _validated(self, text: str, hide_suggestions: bool) -> Document:
        try:
            node = parse(text)
        except GraphQLSyntaxError as error:
            raise RequestRefused([error], PARSE_FAILED) from None
        except RecursionError:
            raise RequestRefused([GraphQLError("The document is nested too deeply.")], PARSE_FAILED) from None
        errors = validate(self._schema, node, max_errors=_MAX_ERRORS, hide_suggestions=hide_suggestions)
        if errors:
            raise RequestRefused(errors, VALIDATION_FAILED)
        finder = _IntrospectionFinder()
        visit(node, finder)
        return Document(node, finder.found)

    def _keep(self, text: str, document: Document) -> None:
        self._kept[text] = document
        self._characters += len(text)
        while len(self._kept) > _MAX_DOCUMENTS or self._characters > _MAX_CHARACTERS:
            dropped, _ = self._kept.popitem(last=False)
            self._characters -= len(dropped)


class _IntrospectionFinder(Visitor):
    found = False

    def enter_field(self, node: FieldNode, *_: object) -> None:
        self.found = self.found or node.name.value in _INTROSPECTION_FIELDS
