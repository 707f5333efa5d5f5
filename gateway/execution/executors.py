"""What runs a selection set, written from its fields when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakValueDictionary, ref

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    TypeNameMetaFieldDef,
)

from gateway.execution.fields import Field
from gateway.execution.mutations import write_serial_executor
from gateway.execution.objects import Execute, write_executor
from gateway.execution.resolvers import Attribute, Direct, Opaque
from gateway.execution.run import Json, ResponsePath, Run
from gateway.execution.selections import Collector, Condition, Undecided

# Of one selection set, by the values of the variables that decide what is in it.
_MAX_VARIANTS: Final = 64


class Executor:
    """Runs one selection set on one type. It is written when it first runs: of an interface's types, few ever do."""

    __slots__ = ("__weakref__", "_selection", "call")

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self.call: Execute = _write_first(ref(self))

    def write(self) -> None:
        self.call = self._selection.written({})


def _write_first(executor: ref[Executor]) -> Execute:
    def execute(run: Run, source: Any, path: ResponsePath) -> Json:
        unwritten = executor()
        assert unwritten is not None
        unwritten.write()
        return unwritten.call(run, source, path)

    return execute


@dataclass(frozen=True, slots=True)
class Selection:
    """What an executor is written from."""

    fields: Fields
    type: GraphQLObjectType
    nodes: tuple[FieldNode, ...]
    selection_sets: tuple[SelectionSetNode, ...]

    def written(self, decided: Mapping[str, bool]) -> Execute:
        try:
            fields = self.fields.collect(self.type, self.selection_sets, decided)
        except Undecided as undecided:
            return self._by_variables(undecided.variables, decided)
        if not self.nodes and self.fields.operation.operation is OperationType.MUTATION:
            return write_serial_executor(self.type, fields)
        return write_executor(self.type, self.nodes, fields)

    def _by_variables(self, names: tuple[str, ...], decided: Mapping[str, bool]) -> Execute:
        variants: dict[tuple[bool, ...], Execute] = {}

        def execute(run: Run, source: Any, path: ResponsePath) -> Json:
            values = tuple([run.coerced[name] for name in names])
            variant = variants.get(values)
            if variant is None:
                if len(variants) >= _MAX_VARIANTS:
                    variants.pop(next(iter(variants)))
                variant = variants[values] = self.written({**decided, **dict(zip(names, values, strict=True))})
            return variant(run, source, path)

        return execute


class Fields:
    """What all selection sets of one operation share.

    It only knows the executors, whose fields hold it: a plan that nobody has any more is freed at once, and not when
    the garbage collector comes.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        find_resolver: Callable[[GraphQLField, str], Attribute | Direct | Opaque],
        written: Callable[[int], object],
    ) -> None:
        """`written` is told of each selection set, when it is written, how many fields it has, and one for itself."""
        self.schema = schema
        self.operation = operation
        self.fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._find_resolver = find_resolver
        self._written = written
        self._collector = Collector(self.schema, self.fragments)
        self._executors: WeakValueDictionary[tuple[str, tuple[int, ...]], Executor] = WeakValueDictionary()

    def executor(self, runtime_type: GraphQLObjectType, nodes: tuple[FieldNode, ...]) -> Executor:
        key = (runtime_type.name, tuple(map(id, nodes)))
        known = self._executors.get(key)
        if known is None:
            selection_sets = tuple(node.selection_set for node in nodes if node.selection_set)
            known = self._executors[key] = Executor(Selection(self, runtime_type, nodes, selection_sets))
        return known

    def collect(
        self,
        parent_type: GraphQLObjectType,
        selection_sets: tuple[SelectionSetNode, ...],
        decided: Mapping[str, bool],
    ) -> list[tuple[Field | str, Condition]]:
        """The fields of a selection set. Raises Undecided."""
        fields: list[tuple[Field | str, Condition]] = []
        size = 1
        for selected in self._collector.collect(parent_type, selection_sets, decided):
            size += len(selected.nodes)
            name = selected.nodes[0].name.value
            definition = self.schema.get_field(parent_type, name)
            if definition is None:
                continue
            if definition is TypeNameMetaFieldDef:
                fields.append((selected.key, selected.condition))
                continue
            resolver = self._find_resolver(definition, name)
            made = Field(self, selected.key, selected.nodes, parent_type, definition, resolver)
            fields.append((made, selected.condition))
        self._written(size)
        return fields
