"""The validation rule 'Field Selection Merging' (specification, 5.3.2), in linear time.

graphql-core compares all fields of one response name in pairs, up to half a million, which takes most of a second. Here
each field of a name is compared with the first one only: if all equal that one, they equal each other. All
selections below them are the next level, and each level is looked at once, however many ways lead to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLNamedType,
    GraphQLOutputType,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    ValidationContext,
    ValueNode,
    VariableNode,
    get_named_type,
    is_composite_type,
    is_leaf_type,
    is_object_type,
)

from gateway.http.graphql.limits import LimitExceeded


class _Field:
    def __init__(
        self, node: FieldNode, parent: GraphQLNamedType | None, type_: GraphQLOutputType | None, below: _Set | None
    ) -> None:
        self.node = node
        self.name = node.name.value
        self.response_name = (node.alias or node.name).value
        self.type = type_
        self.below = below
        # Of two objects a value can be only one; of an interface and anything else it may be both.
        self.object = parent if is_object_type(parent) else None

    @cached_property
    def arguments(self) -> list[tuple[str, Any]]:
        values = [(argument.name.value, _comparable(argument.value)) for argument in self.node.arguments or ()]
        return sorted(values, key=itemgetter(0))

    @cached_property
    def shape(self) -> str | None:
        """What the value looks like in the answer; None where the type is unknown, which is another rule's error."""
        if self.type is None:
            return None
        named = get_named_type(self.type)
        return str(self.type) if is_leaf_type(named) else str(self.type).replace(named.name, "{}")


class _Set:
    """The fields of a selection set and of its inline fragments, and the names of what it spreads.

    By `number` sets are in one order each time; a set of Python's is not.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.fields: list[_Field] = []
        self.spreads: list[str] = []


class _Level(NamedTuple):
    """What stands in one place of the answer. `shape_only` where no value can have the fields of all sets."""

    sets: frozenset[_Set]
    shape_only: bool


class Overlaps:
    def __init__(self, context: ValidationContext, document: DocumentNode, max_comparisons: int) -> None:
        self._schema = context.schema
        self._max_comparisons = max_comparisons
        self._comparisons = 0
        self._sets = 0
        self._fragments: dict[str, _Set] = {}
        self._roots: list[_Set] = []
        for definition in document.definitions:
            if isinstance(definition, OperationDefinitionNode):
                root = self._schema.get_root_type(definition.operation)
                self._roots.append(self._new_set(definition.selection_set, root))
            elif isinstance(definition, FragmentDefinitionNode):
                condition = self._schema.get_type(definition.type_condition.name.value)
                self._fragments[definition.name.value] = self._new_set(definition.selection_set, condition)

    def conflicts(self) -> Iterator[GraphQLError]:
        """Raises LimitExceeded on `field_comparisons`."""
        waiting = [_Level(frozenset({root}), shape_only=False) for root in self._roots]
        seen: set[_Level] = set()
        while waiting:
            level = self._with_fragments(waiting.pop())
            if level in seen:
                continue
            seen.add(level)
            for name, group in self._groups(level.sets).items():
                parts = [] if level.shape_only else self._parts(group)
                reason = next(filter(None, map(_conflict, parts)), None) or _shape_conflict(group)
                if reason is not None:
                    why, *nodes = reason
                    yield GraphQLError(
                        f"Fields '{name}' conflict because {why}."
                        " Use different aliases on the fields to fetch both if this was intentional.",
                        nodes,
                    )
                    continue
                if len(parts) != 1:
                    waiting.append(_below(group, shape_only=True))
                waiting.extend(_below(part, shape_only=False) for part in parts)

    def _new_set(self, selection_set: SelectionSetNode, parent: GraphQLNamedType | None) -> _Set:
        self._sets += 1
        new = _Set(self._sets)
        self._collect(selection_set, parent, new)
        return new

    def _collect(self, selection_set: SelectionSetNode, parent: GraphQLNamedType | None, into: _Set) -> None:
        for selection in selection_set.selections:
            if isinstance(selection, FragmentSpreadNode):
                into.spreads.append(selection.name.value)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                self._collect(
                    selection.selection_set, self._schema.get_type(condition.name.value) if condition else parent, into
                )
            elif isinstance(selection, FieldNode):
                field = self._schema.get_field(parent, selection.name.value) if is_composite_type(parent) else None
                type_ = field.type if field else None
                below = None
                if selection.selection_set:
                    below = self._new_set(selection.selection_set, get_named_type(type_) if type_ else None)
                into.fields.append(_Field(selection, parent, type_, below))

    def _with_fragments(self, level: _Level) -> _Level:
        """With all that its sets spread, and without sets that only do that: so most operations share their levels."""
        found = set(level.sets)
        waiting = list(found)
        while waiting:
            spreads = waiting.pop().spreads
            self._count(len(spreads))
            for name in spreads:
                fragment = self._fragments.get(name)
                if fragment is not None and fragment not in found:
                    found.add(fragment)
                    waiting.append(fragment)
        return _Level(frozenset(each for each in found if each.fields), level.shape_only)

    def _groups(self, sets: Iterable[_Set]) -> dict[str, list[_Field]]:
        groups: dict[str, list[_Field]] = {}
        for each in sorted(sets, key=attrgetter("number")):
            self._count(len(each.fields))
            for field in each.fields:
                groups.setdefault(field.response_name, []).append(field)
        return groups

    def _parts(self, group: list[_Field]) -> list[list[_Field]]:
        """The fields of a group that one value may have together."""
        # A dict has an order.
        objects = {field.object: None for field in group if field.object}
        if len(objects) < 2:
            return [group]
        self._count(len(objects) * len(group))
        return [[field for field in group if field.object in (each, None)] for each in objects]

    def _count(self, comparisons: int) -> None:
        self._comparisons += comparisons
        if self._comparisons > self._max_comparisons:
            raise LimitExceeded("field_comparisons", self._max_comparisons, None)


_Conflict = tuple[str, FieldNode, FieldNode]


def _shape_conflict(group: list[_Field]) -> _Conflict | None:
    first = next((field for field in group if field.type is not None), group[0])
    for field in group:
        # Mostly it is the same type, whose text need not be made.
        if field.type is not first.type and field.shape not in (first.shape, None):
            return f"they return conflicting types '{first.type}' and '{field.type}'", first.node, field.node
    return None


def _conflict(group: list[_Field]) -> _Conflict | None:
    first = group[0]
    for field in group[1:]:
        if field.name != first.name:
            return f"'{first.name}' and '{field.name}' are different fields", first.node, field.node
        if field.arguments != first.arguments:
            return "they have differing arguments", first.node, field.node
    return None


def _below(group: list[_Field], *, shape_only: bool) -> _Level:
    return _Level(frozenset(field.below for field in group if field.below), shape_only)


def _comparable(value: ValueNode) -> Any:
    """Equal for values that are written alike, whatever the order of an object's fields."""
    if isinstance(value, VariableNode):
        return value.kind, value.name.value
    if isinstance(value, ListValueNode):
        return value.kind, [_comparable(each) for each in value.values]
    if isinstance(value, ObjectValueNode):
        return value.kind, sorted(
            ((each.name.value, _comparable(each.value)) for each in value.fields), key=itemgetter(0)
        )
    if isinstance(value, StringValueNode):
        return value.kind, value.value, value.block
    return value.kind, getattr(value, "value", None)
