"""What a document may ask for, measured before it is validated (contract/graphql.md, 'Limits').

One pass: each fragment is measured once, and its figures are added wherever it is spread, so the work is linear in the
size of the document, however often its fragments are used. The figures may become very large; Python's integers allow
that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
)
from graphql.language.parser import MAX_NESTING_DEPTH


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings of the same names, which begin with `max_`.

    Tokens, literals and comparisons are counted over the document, all else per operation.
    """

    tokens: int
    literal_length: int
    depth: int
    introspection_depth: int
    fields: int
    root_fields: int
    aliases: int
    directives: int
    nodes: int
    values: int
    field_comparisons: int
    variable_values: int


class LimitExceeded(Exception):
    """`limit` is a field of Limits, or one of graphql-core that is no setting.

    `figure` is what was measured, None where measuring stopped at the limit.
    """

    def __init__(self, limit: str, allowed: int, figure: int | None) -> None:
        super().__init__(limit)
        self.limit = limit
        self.allowed = allowed
        self.figure = figure

    def error(self) -> GraphQLError:
        name = self.limit.replace("_", " ")
        found = f"more than {self.allowed}" if self.figure is None else _shown(self.figure)
        setting = f" (setting GATEWAY_MAX_{self.limit.upper()})" if hasattr(Limits, self.limit) else ""
        return GraphQLError(f"The document is too complex: {name} {found}, at most {self.allowed} allowed{setting}.")


@dataclass(slots=True)
class _Measure:
    """Of a selection set with everything below it. `root_fields` is of the set's own level alone.

    `nesting` counts the sets within each other, those of fragments too.
    """

    depth: int = 0
    introspection_depth: int = 0
    fields: int = 0
    root_fields: int = 0
    aliases: int = 0
    directives: int = 0
    nesting: int = 0

    def add_beside(self, other: _Measure) -> None:
        """For a fragment that is spread here: its fields stand on this level."""
        self._add(other)
        self.depth = max(self.depth, other.depth)
        self.root_fields += other.root_fields

    def add_below(self, field: FieldNode, below: _Measure) -> None:
        """For a field of this set."""
        self._add(below)
        if field.name.value.startswith("__"):
            # What is below `__schema` has a limit of its own; `__typename` is no depth at all.
            self.introspection_depth = max(self.introspection_depth, below.depth)
        else:
            self.depth = max(self.depth, below.depth + 1)
        self.root_fields += 1
        self.fields += 1
        self.aliases += field.alias is not None

    def _add(self, other: _Measure) -> None:
        self.introspection_depth = max(self.introspection_depth, other.introspection_depth)
        self.fields += other.fields
        self.aliases += other.aliases
        self.directives += other.directives
        self.nesting = max(self.nesting, other.nesting)


_NOTHING: Final = _Measure()
_CHECKED: Final = tuple(field.name for field in fields(_Measure) if field.name != "nesting")


def check_document(document: DocumentNode, limits: Limits) -> None:
    """Raises LimitExceeded for the first operation that exceeds a limit.

    Of fragments that no operation uses, only the nesting is checked: validation refuses them.
    """
    meter = _Meter(document)
    for definition in document.definitions:
        if not isinstance(definition, (OperationDefinitionNode, FragmentDefinitionNode)):
            continue
        measure = meter.measure(definition.selection_set)
        if measure.nesting > MAX_NESTING_DEPTH:
            raise LimitExceeded("nesting", MAX_NESTING_DEPTH, measure.nesting)
        if isinstance(definition, OperationDefinitionNode):
            measure.directives += len(definition.directives or ())
            measure.directives += sum(len(each.directives or ()) for each in definition.variable_definitions or ())
            for name in _CHECKED:
                figure, allowed = getattr(measure, name), getattr(limits, name)
                if figure > allowed:
                    raise LimitExceeded(name, allowed, figure)


def check_variables(variables: Mapping[str, Any], limits: Limits) -> None:
    """Raises LimitExceeded if lists and objects contain too many values."""
    count = 0
    waiting = [each for each in variables.values() if isinstance(each, (list, dict))]
    while waiting:
        collection = waiting.pop()
        count += len(collection)
        if count > limits.variable_values:
            raise LimitExceeded("variable_values", limits.variable_values, None)
        values = collection.values() if isinstance(collection, dict) else collection
        waiting.extend(each for each in values if isinstance(each, (list, dict)))


class _Meter:
    def __init__(self, document: DocumentNode) -> None:
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._measured: dict[str, _Measure] = {}

    def measure(self, root: SelectionSetNode | None) -> _Measure:
        # Fragments first, those that spread no other before those that spread them. So no walk goes
        # from one fragment into the next, and a long chain of them is no deep recursion.
        for name in self._in_order(root):
            fragment = self._fragments[name]
            measure = self._measure_set(fragment.selection_set)
            measure.directives += len(fragment.directives or ())
            self._measured[name] = measure
        return self._measure_set(root)

    def _in_order(self, root: SelectionSetNode | None) -> Iterator[str]:
        """The fragments that are reached and not measured yet. One that spreads itself is left to validation."""
        entered: set[str] = set()
        stack: list[tuple[str | None, Iterator[str]]] = [(None, _spreads(root))]
        while stack:
            name, spreads = stack[-1]
            following = next(
                (
                    each
                    for each in spreads
                    if each in self._fragments and each not in entered and each not in self._measured
                ),
                None,
            )
            if following is not None:
                entered.add(following)
                stack.append((following, _spreads(self._fragments[following].selection_set)))
                continue
            stack.pop()
            if name is not None:
                yield name

    def _measure_set(self, selection_set: SelectionSetNode | None) -> _Measure:
        measure = _Measure()
        for selection in selection_set.selections if selection_set else ():
            measure.directives += len(selection.directives or ())
            if isinstance(selection, FieldNode):
                measure.add_below(
                    selection, self._measure_set(selection.selection_set) if selection.selection_set else _NOTHING
                )
            elif isinstance(selection, InlineFragmentNode):
                measure.add_beside(self._measure_set(selection.selection_set))
            elif isinstance(selection, FragmentSpreadNode):
                # Unknown, or around a circle: validation refuses both.
                measure.add_beside(self._measured.get(selection.name.value, _NOTHING))
        measure.nesting += 1
        return measure


def _spreads(selection_set: SelectionSetNode | None) -> Iterator[str]:
    """The names of the fragments that are spread in a set, at any depth of fields."""
    waiting: list[Iterable[Node]] = [selection_set.selections if selection_set else ()]
    while waiting:
        for selection in waiting.pop():
            if isinstance(selection, FragmentSpreadNode):
                yield selection.name.value
            elif isinstance(selection, (FieldNode, InlineFragmentNode)) and selection.selection_set:
                waiting.append(selection.selection_set.selections)


def _shown(figure: int) -> str:
    # A figure with thousands of digits tells nobody more than this.
    return str(figure) if figure < 10**15 else "over 10^15"
