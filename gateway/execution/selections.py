"""The fields that a selection set asks for on one type, collected before anything runs.

`@skip` and `@include` on a variable are not decided here: a field carries its condition. If two nodes of one field have
different conditions, the fields are collected for given values of the variables (`Undecided`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    is_abstract_type,
    type_from_ast,
)

Condition: TypeAlias = frozenset[tuple[str, bool]]
"""Variables with the value that each must have; empty means always."""

_ALWAYS: Final[Condition] = frozenset()
# Of one field. They are written at each field: of conditions in conditions, the text would grow with their square.
_MAX_TESTS: Final = 8
_WANTED: Final = {"skip": False, "include": True}
_UNKNOWN_DIRECTIVES: Final = frozenset({"defer", "stream", "experimental_disableErrorPropagation"})


class Unsupported(Exception):
    """The document uses something that only graphql-core supports."""


class Undecided(Exception):
    """The fields depend on the values of `variables`."""

    def __init__(self, conditions: Sequence[Condition]) -> None:
        super().__init__()
        self.variables = tuple(sorted({name for condition in conditions for name, _ in condition}))


@dataclass(frozen=True, slots=True)
class SelectedField:
    """All nodes with one response key."""

    key: str
    nodes: tuple[FieldNode, ...]
    condition: Condition


def condition_variables(
    operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> frozenset[str]:
    """The variables that `@skip` and `@include` ask for, in all that the operation reaches.

    Raises Unsupported.
    """
    names: set[str] = set()
    reached: set[str] = set()
    _check_directives(operation.directives)
    pending: list[SelectionSetNode] = [operation.selection_set]
    while pending:
        for selection in pending.pop().selections:
            _check_directives(selection.directives)
            names |= {node.name.value for _, node in _conditions(selection) if isinstance(node, VariableNode)}
            if isinstance(selection, FragmentSpreadNode):
                fragment = fragments.get(selection.name.value)
                if fragment is not None and selection.name.value not in reached:
                    reached.add(selection.name.value)
                    if fragment.variable_definitions:
                        raise Unsupported
                    pending.append(fragment.selection_set)
            elif isinstance(selection, FieldNode | InlineFragmentNode) and selection.selection_set:
                pending.append(selection.selection_set)
    return frozenset(names)


def _check_directives(directives: Sequence[DirectiveNode] | None) -> None:
    if any(directive.name.value in _UNKNOWN_DIRECTIVES for directive in directives or ()):
        raise Unsupported


def _conditions(selection: SelectionNode) -> Iterator[tuple[bool, BooleanValueNode | VariableNode]]:
    """What `@skip` and `@include` want `if` to be, with what it is. Raises Unsupported."""
    seen: set[str] = set()
    for directive in selection.directives or ():
        name = directive.name.value
        wanted = _WANTED.get(name)
        if wanted is None or name in seen:
            continue
        seen.add(name)
        given = next((argument.value for argument in directive.arguments or () if argument.name.value == "if"), None)
        if not isinstance(given, BooleanValueNode | VariableNode):
            raise Unsupported
        yield wanted, given


class Collector:
    """Collects fields for the types of one schema and the fragments of one document."""

    def __init__(self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._schema = schema
        self._fragments = fragments

    def collect(
        self,
        runtime_type: GraphQLObjectType,
        selection_sets: Sequence[SelectionSetNode],
        decided: Mapping[str, bool],
    ) -> list[SelectedField]:
        """In the order of the answer. Raises Undecided."""
        collecting = _Collecting(self._schema, self._fragments, runtime_type, decided)
        for selection_set in selection_sets:
            collecting.visit(selection_set, _ALWAYS)
        return collecting.selected()


class _Collecting:
    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        runtime_type: GraphQLObjectType,
        decided: Mapping[str, bool],
    ) -> None:
        self._found: dict[str, list[tuple[FieldNode, Condition]]] = {}
        self._undecided: list[Condition] = []
        self._schema = schema
        self._fragments = fragments
        self._runtime_type = runtime_type
        self._decided = decided
        self._visited: dict[str, Condition] = {}

    def visit(self, selection_set: SelectionSetNode, outer: Condition) -> None:
        for selection in selection_set.selections:
            condition = self._narrowed(outer, selection)
            if condition is None:
                continue
            if isinstance(selection, FieldNode):
                key = (selection.alias or selection.name).value
                self._found.setdefault(key, []).append((selection, condition))
            elif isinstance(selection, InlineFragmentNode):
                if self._matches(selection):
                    self.visit(selection.selection_set, condition)
            elif isinstance(selection, FragmentSpreadNode):
                fragment = self._fragments.get(selection.name.value)
                if fragment is not None and self._matches(fragment) and self._is_first(fragment, condition):
                    self.visit(fragment.selection_set, condition)

    def selected(self) -> list[SelectedField]:
        """Raises Undecided for all conflicts at once: one by one, each would have variants within those of the last."""
        selected = []
        for key, found in self._found.items():
            condition = found[0][1]
            if len(condition) > _MAX_TESTS or any(other != condition for _, other in found):
                self._undecided += [each for _, each in found]
            selected.append(SelectedField(key, tuple(node for node, _ in found), condition))
        if self._undecided:
            raise Undecided(self._undecided)
        return selected

    def _narrowed(self, outer: Condition, selection: SelectionNode) -> Condition | None:
        """None where it can never be met."""
        condition = set(outer)
        for wanted, given in _conditions(selection):
            if isinstance(given, BooleanValueNode):
                value: bool | None = given.value
            else:
                value = self._decided.get(given.name.value)
            if value is not None:
                if value is not wanted:
                    return None
            elif (given.name.value, not wanted) in condition:  # type: ignore[union-attr]  # only a variable is open
                return None
            else:
                condition.add((given.name.value, wanted))  # type: ignore[union-attr]
        return frozenset(condition)

    def _is_first(self, fragment: FragmentDefinitionNode, condition: Condition) -> bool:
        """A fragment counts where it is spread first, if it is there at all."""
        name = fragment.name.value
        earlier = self._visited.get(name)
        if earlier is None:
            self._visited[name] = condition
            return True
        if not earlier <= condition:
            self._undecided += [earlier, condition]
        return False

    def _matches(self, fragment: FragmentDefinitionNode | InlineFragmentNode) -> bool:
        if fragment.type_condition is None:
            return True
        kind = type_from_ast(self._schema, fragment.type_condition)
        if kind is self._runtime_type:
            return True
        return is_abstract_type(kind) and self._schema.is_sub_type(kind, self._runtime_type)
