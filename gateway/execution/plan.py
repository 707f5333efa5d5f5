"""Plans: operations that are compiled once, and then only run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from types import CoroutineType
from typing import Any, Final, NamedTuple

import orjson
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    TypeNameMetaFieldDef,
    assert_valid_schema,
)
from graphql.execution.values import VariableValues, get_variable_values

from gateway.execution.fields import Field
from gateway.execution.handover import execute_with_core
from gateway.execution.inputs import Coercers
from gateway.execution.mutations import write_serial_executor
from gateway.execution.objects import Execute, write_executor
from gateway.execution.resolvers import Attribute, Direct, Opaque, find_resolver
from gateway.execution.run import Json, Place, Run
from gateway.execution.selections import Collector, Condition, Undecided, Unsupported, condition_variables
from gateway.execution.variables import Variables

# Of one selection set, by the values of the variables that decide what is in it.
_MAX_VARIANTS: Final = 64
# Variants bring more, which go with them.
_MAX_SHARED_EXECUTORS: Final = 2000


class Executed(NamedTuple):
    """`data` is JSON. Errors are in the order in which graphql-core has them, and not rendered."""

    data: bytes
    errors: list[GraphQLError]


class PlanCompiler:
    """Compiles operations on one schema, whose resolvers must not be exchanged later."""

    def __init__(self, schema: GraphQLSchema, encode: Callable[[Any], bytes] = orjson.dumps) -> None:
        assert_valid_schema(schema)
        self.schema = schema
        self.encode = encode
        self.coercers = Coercers()
        self._resolvers: dict[int, tuple[GraphQLField, Attribute | Direct | Opaque]] = {}

    def compile(
        self,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        written: Callable[[int], object] = lambda _: None,
    ) -> Plan | None:
        """Of a document that is valid; None where only graphql-core can run it.

        `written` is told of how many fields a plan has grown: most are written when they first run, again for each
        combination of the conditions that decide the order of the answer.
        """
        if operation.operation is OperationType.SUBSCRIPTION:
            return None
        if self.schema.get_directive("defer") or self.schema.get_directive("stream"):
            return None
        try:
            return Plan(self, document, operation, written)
        except (Unsupported, RecursionError):
            return None

    def resolver(self, definition: GraphQLField, name: str) -> Attribute | Direct | Opaque:
        known = self._resolvers.get(id(definition))
        if known is None:
            # Kept with its definition, whose number could else become another's.
            known = self._resolvers[id(definition)] = (definition, find_resolver(definition, name))
        return known[1]


class Executor:
    """One selection set on one type, written when it is first run: of an interface's types, few ever are."""

    __slots__ = ("_nodes", "_plan", "_selection_sets", "_type", "call")

    def __init__(
        self,
        plan: Plan,
        runtime_type: GraphQLObjectType,
        nodes: tuple[FieldNode, ...],
        selection_sets: tuple[SelectionSetNode, ...],
    ) -> None:
        self._plan = plan
        self._type = runtime_type
        self._nodes = nodes
        self._selection_sets = selection_sets
        self.call: Execute = self._write_and_call

    def _write_and_call(self, run: Run, source: Any, place: Place) -> Json:
        self.write()
        return self.call(run, source, place)

    def write(self) -> None:
        self.call = self._written({})

    def _written(self, decided: Mapping[str, bool]) -> Execute:
        try:
            fields = self._plan.fields(self._type, self._selection_sets, decided)
        except Undecided as undecided:
            return self._by_variables(undecided.variables, decided)
        if not self._nodes and self._plan.is_serial:
            return write_serial_executor(self._type, fields)
        return write_executor(self._type, self._nodes, fields)

    def _by_variables(self, names: tuple[str, ...], decided: Mapping[str, bool]) -> Execute:
        variants: dict[tuple[bool, ...], Execute] = {}

        def execute(run: Run, source: Any, place: Place) -> Json:
            values = tuple([run.coerced[name] for name in names])
            variant = variants.get(values)
            if variant is None:
                if len(variants) >= _MAX_VARIANTS:
                    variants.pop(next(iter(variants)))
                variant = variants[values] = self._written({**decided, **dict(zip(names, values, strict=True))})
            return variant(run, source, place)

        return execute


class Plan:
    """One operation. What it runs is made when it is first needed."""

    def __init__(
        self,
        compiler: PlanCompiler,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        written: Callable[[int], object],
    ) -> None:
        """Raises Unsupported."""
        schema = compiler.schema
        root_type = schema.get_root_type(operation.operation)
        if root_type is None:
            raise Unsupported
        self._compiler = compiler
        self._written = written
        self.schema = schema
        self.operation = operation
        self.fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._conditions = condition_variables(operation, self.fragments)
        self._variables = Variables(schema, operation.variable_definitions or (), compiler.coercers)
        self._collector = Collector(schema, self.fragments)
        self._executors: dict[tuple[str, tuple[int, ...]], Executor] = {}
        self.is_serial = operation.operation is OperationType.MUTATION
        self._root = Executor(self, root_type, (), (operation.selection_set,))
        self._root.write()

    async def execute(self, *arguments: Any, **options: Any) -> Executed:
        """`start`, awaited."""
        executed = self.start(*arguments, **options)
        return executed if isinstance(executed, Executed) else await executed

    def start(
        self,
        context_value: Any = None,
        variable_values: Mapping[str, Any] | None = None,
        root_value: Any = None,
        *,
        hide_suggestions: bool = False,
        max_coercion_errors: int = 50,
        operation_extensions: dict[str, Any] | None = None,
    ) -> Executed | Coroutine[Any, Any, Executed]:
        """As `graphql.execute`: at once, where no resolver has anything to await.

        `operation_extensions` is what Strawberry's `Info.input_extensions` reads.
        """
        given = variable_values or {}
        variables: Any = self._variables.coerce(given)
        if variables is None:
            variables = get_variable_values(
                self.schema,
                self.operation.variable_definitions or (),
                dict(given),
                max_errors=max_coercion_errors,
                hide_suggestions=hide_suggestions,
            )
            if not isinstance(variables, VariableValues):
                return Executed(b"null", variables)
        coerced = variables.coerced
        for name in self._conditions:
            if not isinstance(coerced.get(name), bool):
                # An error of the field around it: too rare to be worth a plan.
                return self._hand_over(
                    root_value=root_value,
                    context_value=context_value,
                    variable_values=dict(given),
                    hide_suggestions=hide_suggestions,
                    max_coercion_errors=max_coercion_errors,
                    operation_extensions=operation_extensions,
                )
        run = Run(context_value, variables, root_value, hide_suggestions, operation_extensions)
        try:
            data = self._root.call(run, root_value, None)
        except GraphQLError as error:
            return self._failed(run, error)
        if type(data) is CoroutineType:
            return self._finish(run, data)
        return Executed(self._compiler.encode(data), run.errors.errors)

    async def _finish(self, run: Run, data: Coroutine[Any, Any, Json]) -> Executed:
        try:
            return Executed(self._compiler.encode(await data), run.errors.errors)
        except GraphQLError as error:
            return self._failed(run, error)

    def _failed(self, run: Run, error: GraphQLError) -> Executed:
        run.errors.add(error, None)
        return Executed(self._compiler.encode(None), run.errors.errors)

    def _hand_over(self, **options: Any) -> Executed | Coroutine[Any, Any, Executed]:
        result = execute_with_core(self.schema, self.operation, self.fragments, **options)
        return self._executed(result) if isinstance(result, ExecutionResult) else self._executed_later(result)

    async def _executed_later(self, result: Awaitable[ExecutionResult]) -> Executed:
        return self._executed(await result)

    def _executed(self, result: ExecutionResult) -> Executed:
        return Executed(self._compiler.encode(result.data), result.errors or [])

    def executor(self, runtime_type: GraphQLObjectType, nodes: tuple[FieldNode, ...]) -> Executor:
        key = (runtime_type.name, tuple(map(id, nodes)))
        known = self._executors.get(key)
        if known is None:
            selection_sets = tuple(node.selection_set for node in nodes if node.selection_set)
            known = Executor(self, runtime_type, nodes, selection_sets)
            if len(self._executors) < _MAX_SHARED_EXECUTORS:
                self._executors[key] = known
        return known

    def fields(
        self,
        parent_type: GraphQLObjectType,
        selection_sets: tuple[SelectionSetNode, ...],
        decided: Mapping[str, bool],
    ) -> list[tuple[Field | str, Condition]]:
        """What a selection set asks for. Raises Undecided."""
        fields: list[tuple[Field | str, Condition]] = []
        for selected in self._collector.collect(parent_type, selection_sets, decided):
            name = selected.nodes[0].name.value
            definition = self.schema.get_field(parent_type, name)
            if definition is None:
                continue
            if definition is TypeNameMetaFieldDef:
                fields.append((selected.key, selected.condition))
                continue
            resolver = self._compiler.resolver(definition, name)
            made = Field(self, selected.key, selected.nodes, parent_type, definition, resolver)
            fields.append((made, selected.condition))
        self._written(len(fields))
        return fields
