"""Parses documents, validates them, checks them against the limits, and caches those that passed."""

from __future__ import annotations

from collections.abc import Callable
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
from gateway.http.graphql.bounded import BoundedTexts
from gateway.http.graphql.errors import (
    OPERATION_UNRESOLVED,
    PARSE_FAILED,
    TOO_COMPLEX,
    VALIDATION_FAILED,
    RequestRefused,
)
from gateway.http.graphql.lexer import FastLexer, FastSource
from gateway.http.graphql.limits import LimitExceeded, Limits, check_document
from gateway.http.graphql.rules import rules
from gateway.http.graphql.sizes import SizeEstimate
from gateway.http.json import encode_json

T = TypeVar("T")

_INTROSPECTION_FIELDS: Final = frozenset({"__schema", "__type"})
# How graphql-core words it where operations share so many fragments that it gives up.
_ABORTED: Final = "Validation aborted."
_META_FIELDS: Final = _INTROSPECTION_FIELDS | {"__typename"}
# What a token takes in a document that is kept: itself and its part of the tree. Measured, 500 to 860 bytes.
_BYTES_OF_TOKEN: Final = 800
# A field in a plan. Measured, 780 to 970 bytes.
_BYTES_OF_FIELD: Final = 900


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """One operation of a document, and how much it may return. Without a `plan`, graphql-core runs it.

    `forecast` is made by the application when the operation is first used.
    """

    node: OperationDefinitionNode
    size: SizeEstimate
    plan: Plan | None = field(repr=False)
    forecast: T


@dataclass(frozen=True, slots=True)
class Document(Generic[T]):
    """A document that is valid and within the limits. `is_public` if it only introspects."""

    text: str
    node: DocumentNode
    tokens: int
    introspects: bool
    is_public: bool
    operation_names: tuple[str | None, ...]
    _make: Callable[[str | None], Operation[T]] = field(repr=False)
    _made: dict[str | None, Operation[T]] = field(repr=False, default_factory=dict)

    def operation(self, name: str | None) -> Operation[T]:
        """Raises RequestRefused if there is no such operation, or several and no name."""
        return self._made.get(name) or self._first_time(name)

    def _first_time(self, name: str | None) -> Operation[T]:
        # Of many that share their fragments, each takes as long as all of these.
        known_as = self._name_of(name)
        found = self._made.get(known_as) or self._make(known_as)
        self._made[name] = self._made[known_as] = found
        return found

    def _name_of(self, name: str | None) -> str | None:
        if name is not None:
            if name in self.operation_names:
                return name
            message = f"There is no operation named {name!r} in the document."
        elif len(self.operation_names) == 1:
            return self.operation_names[0]
        elif self.operation_names:
            message = "The document has several operations: 'operationName' must name one."
        else:
            message = "The document has no operation."
        raise RequestRefused([GraphQLError(message)], OPERATION_UNRESOLVED)


class Documents(Generic[T]):
    """Parses, measures and validates documents; caches those that passed and were used last, in `cache_size` bytes."""

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
        """The document, if it is in the cache."""
        return self._kept.get(text)

    def get(self, text: str, *, hide_suggestions: bool) -> Document[T]:
        """Raises RequestRefused."""
        document = self._kept.get(text)
        if document is None:
            document = self._checked(text, hide_suggestions)
            self._kept.put(text, document, document.tokens * _BYTES_OF_TOKEN)
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
        fragments = {each.name.value: each for each in node.definitions if isinstance(each, FragmentDefinitionNode)}
        operations = {
            each.name.value if each.name else None: each
            for each in node.definitions
            if isinstance(each, OperationDefinitionNode)
        }

        def make(name: str | None) -> Operation[T]:
            operation = operations[name]
            return Operation(
                operation,
                SizeEstimate(self._schema, operation, fragments, self._max_page_size),
                self._compiler.compile(node, operation, lambda fields: self._grew(text, fields)),
                self._forecast(operation),
            )

        return Document(
            text=text,
            node=node,
            tokens=tokens,
            introspects=bool(finder.found & _INTROSPECTION_FIELDS),
            is_public=_only_introspects(node),
            operation_names=(*operations,),
            _make=make,
        )

    def _grew(self, text: str, fields: int) -> None:
        """Plans are written as they run, each part for the values that decide what is in it."""
        self._kept.grow(text, fields * _BYTES_OF_FIELD)

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
