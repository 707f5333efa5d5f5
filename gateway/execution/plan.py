"""Plans: operations that are compiled once, and then only run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from types import CoroutineType
from typing import Any, NamedTuple

import orjson
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLField,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    assert_valid_schema,
    execute,
)
from graphql.execution.values import VariableValues, get_variable_values

from gateway.execution.executors import Executor, Fields, Selection
from gateway.execution.inputs import Coercers
from gateway.execution.resolvers import Attribute, Direct, Opaque, find_resolver
from gateway.execution.run import Json, Run
from gateway.execution.selections import Unsupported, condition_variables
from gateway.execution.variables import Variables


class Executed(NamedTuple):
    """`data` is JSON. `errors` are in graphql-core's order, and not rendered."""

    data: bytes
    errors: list[GraphQLError]


class PlanCompiler:
    """Compiles operations on one schema. The schema's resolvers must not be replaced later."""

    def __init__(self, schema: GraphQLSchema, encode: Callable[[Any], bytes] = orjson.dumps) -> None:
        assert_valid_schema(schema)
        self.schema = schema
        self.encode = encode
        self.coercers = Coercers()
        self._resolvers: dict[tuple[int, str], tuple[GraphQLField, Attribute | Direct | Opaque]] = {}

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
        # One definition may be there under several names.
        known = self._resolvers.get((id(definition), name))
        if known is None:
            # Kept with its definition, whose number could else become another's.
            known = self._resolvers[id(definition), name] = (definition, find_resolver(definition, name))
        return known[1]


class Plan:
    """One compiled operation. Its executors are written when they are first needed."""

    def __init__(
        self,
        compiler: PlanCompiler,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        written: Callable[[int], object],
    ) -> None:
        """Raises Unsupported."""
        self._schema = compiler.schema
        root_type = self._schema.get_root_type(operation.operation)
        if root_type is None:
            raise Unsupported
        self._operation = operation
        self._encode = compiler.encode
        fields = Fields(self._schema, document, operation, compiler.resolver, written)
        self._fragments = fields.fragments
        self._conditions = condition_variables(operation, self._fragments)
        self._variables = Variables(self._schema, operation.variable_definitions or (), compiler.coercers)
        self._root = Executor(Selection(fields, root_type, (), (operation.selection_set,)))
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
    ) -> Executed | Coroutine[Any, Any, Executed]:
        """Like `graphql.execute`. Returns the result itself if no resolver has anything to await."""
        given = variable_values or {}
        variables: Any = self._variables.coerce(given)
        if variables is None:
            variables = get_variable_values(
                self._schema,
                self._operation.variable_definitions or (),
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
                )
        run = Run(context_value, variables, root_value, hide_suggestions)
        try:
            data = self._root.call(run, root_value, None)
        except GraphQLError as error:
            return self._failed(run, error)
        if type(data) is CoroutineType:
            return self._finish(run, data)
        return Executed(self._encode(data), run.errors.errors)

    async def _finish(self, run: Run, data: Coroutine[Any, Any, Json]) -> Executed:
        try:
            return Executed(self._encode(await data), run.errors.errors)
        except GraphQLError as error:
            return self._failed(run, error)

    def _failed(self, run: Run, error: GraphQLError) -> Executed:
        run.errors.add(error, None)
        return Executed(self._encode(None), run.errors.errors)

    def _hand_over(self, **options: Any) -> Executed | Coroutine[Any, Any, Executed]:
        """What a plan cannot run is run by graphql-core."""
        document = DocumentNode(definitions=(self._operation, *self._fragments.values()))
        result = execute(self._schema, document, **options)
        return self._executed(result) if isinstance(result, ExecutionResult) else self._executed_later(result)

    async def _executed_later(self, result: Awaitable[ExecutionResult]) -> Executed:
        return self._executed(await result)

    def _executed(self, result: ExecutionResult) -> Executed:
        return Executed(self._encode(result.data), result.errors or [])
