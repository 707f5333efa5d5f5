"""From the text of a document to an operation that fits the schema and the limits; what passed once is kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    Visitor,
    validate,
    visit,
)
from graphql.language.parser import MAX_NESTING_DEPTH, Parser
from graphql.validation.validation_context import MAX_FRAGMENT_WORK

from gateway.execution import Plan, PlanCompiler
from gateway.http.graphql.errors import (
    OPERATION_UNRESOLVED,
    PARSE_FAILED,
    TOO_COMPLEX,
    VALIDATION_FAILED,
    RequestRefused,
)
from gateway.http.graphql.lexer import FastLexer, FastSource
from gateway.http.graphql.limits import LimitExceeded, Limits, check_document
from gateway.http.graphql.overlaps import rules
from gateway.http.graphql.sizes import SizeEstimate
from gateway.http.json import encode_json

T = TypeVar("T")

_INTROSPECTION_FIELDS: Final = frozenset({"__schema", "__type"})
# How graphql-core words it where operations share so many fragments that it gives up.
_ABORTED: Final = "Validation aborted."
_META_FIELDS: Final = _INTROSPECTION_FIELDS | {"__typename"}
# What a token takes in a document that is kept: itself, its part of the tree, its part of the plan. Measured, 500 to
# 860 bytes.
_BYTES_OF_TOKEN: Final = 800


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """One operation of a document, and what it may return at most. `plan` None leaves it to graphql-core.

    `forecast` is what the application makes of it when it is first seen.
    """

    node: OperationDefinitionNode
    size: SizeEstimate
    plan: Plan | None = field(repr=False)
    forecast: T


@dataclass(frozen=True, slots=True)
class Document(Generic[T]):
    """A document that fits the schema and the limits. `is_public` tells that it only introspects."""

    text: str
    node: DocumentNode
    tokens: int
    introspects: bool
    is_public: bool
    operations: dict[str | None, Operation[T]] = field(repr=False)

    def operation(self, name: str | None) -> Operation[T]:
        """Raises RequestRefused where `name` names none, or is left out though there are several."""
        if name is not None:
            found = self.operations.get(name)
            if found is not None:
                return found
            message = f"There is no operation named {name!r} in the document."
        elif len(self.operations) == 1:
            return next(iter(self.operations.values()))
        elif self.operations:
            message = "The document has several operations: 'operationName' must name one."
        else:
            message = "The document has no operation."
        raise RequestRefused([GraphQLError(message)], OPERATION_UNRESOLVED)


class Documents(Generic[T]):
    """Parses, measures and validates; keeps the last documents that passed, as long as they fit into `cache_size` bytes."""

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits,
        max_errors: int,
        max_page_size: int,
        forecast: Callable[[OperationDefinitionNode], T],
        cache_size: int = 0,
    ) -> None:
        self._schema = schema
        self._limits = limits
        self._max_errors = max_errors
        self._max_page_size = max_page_size
        self._compiler = PlanCompiler(schema, encode_json)
        self._forecast = forecast
        self._kept: BoundedTexts[Document[T]] = BoundedTexts(cache_size)
        self._rules = rules(limits)

    def known(self, text: str) -> Document[T] | None:
        """Of the last documents that passed."""
        return self._kept.get(text)

    def get(self, text: str, *, hide_suggestions: bool) -> Document[T]:
        """Raises RequestRefused."""
        document = self._kept.get(text)
        if document is None:
            document = self._checked(text, hide_suggestions)
            self._kept.put(text, document, len(text) + document.tokens * _BYTES_OF_TOKEN)
        return document

    def _checked(self, text: str, hide_suggestions: bool) -> Document[T]:
        node, tokens = self._parsed(text)
        try:
            check_document(node, self._limits)
            errors = validate(self._schema, node, self._rules, self._max_errors, hide_suggestions)
        except LimitExceeded as exceeded:
            raise RequestRefused([exceeded.error()], TOO_COMPLEX) from None
        if any(error.message == _ABORTED for error in errors):
            too_much = LimitExceeded("fragment_work", MAX_FRAGMENT_WORK, None)
            raise RequestRefused([too_much.error()], TOO_COMPLEX)
        if errors:
            raise RequestRefused(errors, VALIDATION_FAILED)
        finder = _FieldFinder()
        visit(node, finder)
        return Document(
            text=text,
            node=node,
            tokens=tokens,
            introspects=bool(finder.found & _INTROSPECTION_FIELDS),
            is_public=_only_introspects(node),
            operations=dict(self._operations(node)),
        )

    def _parsed(self, text: str) -> tuple[DocumentNode, int]:
        """The tree, and of how many tokens it is."""
        source = FastSource(text)
        lexer = FastLexer(source, self._limits)
        try:
            document = Parser(source, lexer=lexer).parse_document()
        except GraphQLSyntaxError as error:
            raise RequestRefused([error], PARSE_FAILED) from None
        except LimitExceeded as exceeded:
            raise RequestRefused([exceeded.error()], TOO_COMPLEX) from None
        except RecursionError:
            too_deep = LimitExceeded("nesting", MAX_NESTING_DEPTH, None)
            raise RequestRefused([too_deep.error()], TOO_COMPLEX) from None
        # Tokens know their lines (`errors` takes them from there). graphql-core counts them anew for each
        # error of a field, and in a mebibyte of empty lines that takes a tenth of a second.
        source.body = ""
        _unchain(document)
        return document, lexer.tokens

    def _operations(self, document: DocumentNode) -> Iterator[tuple[str | None, Operation[T]]]:
        fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        for definition in document.definitions:
            if isinstance(definition, OperationDefinitionNode):
                estimate = SizeEstimate(self._schema, definition, fragments, self._max_page_size)
                plan = self._compiler.compile(document, definition)
                name = definition.name.value if definition.name else None
                yield name, Operation(definition, estimate, plan, self._forecast(definition))


# Its place in the table, and the least that its objects take.
_BYTES_OF_ITEM: Final = 512


class BoundedTexts(Generic[T]):
    """The values that were asked for last, by a text; their sizes are in bytes, and bounded together."""

    def __init__(self, max_size: int = 4 * 1024 * 1024) -> None:
        self._items: OrderedDict[str, tuple[T, int]] = OrderedDict()
        self._max_size = max_size
        self._size = 0

    def get(self, text: str) -> T | None:
        item = self._items.get(text)
        if item is None:
            return None
        self._items.move_to_end(text)
        return item[0]

    def put(self, text: str, value: T, size: int) -> None:
        if text in self._items:
            self._size -= self._items.pop(text)[1]
        size += _BYTES_OF_ITEM
        self._items[text] = (value, size)
        self._size += size
        while self._size > self._max_size:
            _, (_, dropped) = self._items.popitem(last=False)
            self._size -= dropped


def _unchain(document: DocumentNode) -> None:
    """Tokens are kept for their places. Each leads to the next and the last: a circle, which only the collector frees."""
    token = document.loc.start_token if document.loc else None
    while token is not None:
        following = token.next
        token.prev = token.next = None
        token = following


class _FieldFinder(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def enter_field(self, node: FieldNode, *_: object) -> None:
        self.found.add(node.name.value)


def _only_introspects(document: DocumentNode) -> bool:
    """Whether all root fields are of introspection; fragments at the root are not looked into."""
    return all(
        isinstance(selection, FieldNode) and selection.name.value in _META_FIELDS
        for definition in document.definitions
        if isinstance(definition, OperationDefinitionNode)
        for selection in definition.selection_set.selections
    )
