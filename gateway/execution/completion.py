"""Value completion: from what a resolver returned to what the answer contains, by the type of the field."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from types import CoroutineType
from typing import Any, Final, Protocol, TypeAlias

from graphql import (
    FieldNode,
    GraphQLAbstractType,
    GraphQLError,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    Undefined,
    default_type_resolver,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.pyutils import inspect, is_awaitable

from gateway.execution.leaves import make_leaf
from gateway.execution.lists import Executor, Items, ListCompleter
from gateway.execution.plain import plain_types
from gateway.execution.resolvers import class_of_values
from gateway.execution.run import Json, ResolveInfo, ResponsePath, Run

# Of schemas, whose types are not collected while one of theirs is here.
_MAX_TYPES: Final = 1000

Complete: TypeAlias = Callable[[Run, Any, ResponsePath, ResolveInfo | None], Json]
"""Takes the path of the value. Raises what is to be located."""


class FieldToComplete(Items, Protocol):
    """What completion asks of a field."""

    nodes: tuple[FieldNode, ...]

    @property
    def schema(self) -> GraphQLSchema: ...

    def executor(self, runtime_type: GraphQLObjectType) -> Executor: ...


@lru_cache(maxsize=_MAX_TYPES)
def needs_info(kind: GraphQLOutputType) -> bool:
    """Whether completion calls functions of the schema that take the field's `Info`."""
    while is_non_null_type(kind) or is_list_type(kind):
        kind = kind.of_type
    if is_object_type(kind):
        return kind.is_type_of is not None and class_of_values(kind) is None
    return is_abstract_type(kind)


def object_executor(field: FieldToComplete, kind: GraphQLOutputType) -> Executor | None:
    """The executor of non-null values, if they are objects and no function of the schema has to be asked."""
    nullable = kind.of_type if is_non_null_type(kind) else kind
    return field.executor(nullable) if is_object_type(nullable) and not needs_info(nullable) else None


def make_completer(field: FieldToComplete, kind: GraphQLOutputType) -> Complete:
    if is_non_null_type(kind):
        return non_null(field, make_completer(field, kind.of_type))
    if is_list_type(kind):
        item_type = kind.of_type
        return ListCompleter(
            field, item_type, make_completer(field, item_type), object_executor(field, item_type)
        ).complete
    if is_leaf_type(kind):
        leaf = make_leaf(kind)
        return lambda _run, value, _path, _info: leaf(value)
    if is_object_type(kind):
        return _object_completer(field, kind)
    assert is_abstract_type(kind)
    return _abstract_completer(field, kind)


def non_null(field: FieldToComplete, complete_nullable: Complete) -> Complete:
    def complete(run: Run, value: Any, path: ResponsePath, info: ResolveInfo | None) -> Json:
        done = complete_nullable(run, value, path, info)
        if done is None:
            raise TypeError(f"Cannot return null for non-nullable field {field.coordinates}.")
        return done

    return complete


def _object_completer(field: FieldToComplete, kind: GraphQLObjectType) -> Complete:
    execute = _checked_executor(field, kind)

    def complete(run: Run, value: Any, path: ResponsePath, info: ResolveInfo | None) -> Json:
        if type(value) not in plain_types:
            if isinstance(value, Exception):
                raise value
            if value is None or value is Undefined:
                return None
        return execute(run, value, path, info)

    return complete


def _checked_executor(field: FieldToComplete, kind: GraphQLObjectType) -> Complete:
    """Runs the selection set of a value that is not null, if it is of the type."""
    executor = field.executor(kind)
    is_type_of = kind.is_type_of
    if is_type_of is None or class_of_values(kind) is not None:
        # The executor itself looks, where the class tells.
        return lambda run, value, path, _info: executor.call(run, value, path)

    def execute(run: Run, value: Any, path: ResponsePath, info: ResolveInfo | None) -> Json:
        verdict = is_type_of(value, info)  # type: ignore[arg-type]  # made wherever needs_info() says so
        if is_awaitable(verdict):
            return execute_later(run, value, path, verdict)
        if not verdict:
            raise invalid_return_type(kind, value, field.nodes)
        return executor.call(run, value, path)

    async def execute_later(run: Run, value: Any, path: ResponsePath, verdict: Awaitable[bool]) -> Json:
        if not await verdict:
            raise invalid_return_type(kind, value, field.nodes)
        done = executor.call(run, value, path)
        return await done if type(done) is CoroutineType else done

    return execute


def invalid_return_type(kind: GraphQLObjectType, value: Any, nodes: tuple[FieldNode, ...]) -> GraphQLError:
    return GraphQLError(f"Expected value of type '{kind}' but got: {inspect(value)}.", [*nodes])


def _abstract_completer(field: FieldToComplete, kind: GraphQLAbstractType) -> Complete:
    resolve_type = kind.resolve_type or default_type_resolver
    executors: dict[str, Complete] = {}

    def complete(run: Run, value: Any, path: ResponsePath, info: ResolveInfo | None) -> Json:
        if isinstance(value, Exception):
            raise value
        if value is None or value is Undefined:
            return None
        assert info is not None
        name = resolve_type(value, info, kind)
        if is_awaitable(name):
            return complete_later(run, value, path, info, name)
        return execute_as(name, run, value, path, info)

    def execute_as(name: Any, run: Run, value: Any, path: ResponsePath, info: ResolveInfo) -> Json:
        execute = executors.get(name) if type(name) is str else None
        if execute is None:
            runtime_type = _runtime_type(field, kind, name, value)
            execute = executors[runtime_type.name] = _checked_executor(field, runtime_type)
        return execute(run, value, path, info)

    async def complete_later(run: Run, value: Any, path: ResponsePath, info: ResolveInfo, name: Awaitable[Any]) -> Json:
        done = execute_as(await name, run, value, path, info)
        return await done if type(done) is CoroutineType else done

    return complete


def _runtime_type(field: FieldToComplete, kind: GraphQLAbstractType, name: Any, value: Any) -> GraphQLObjectType:
    """With graphql-core's words where it is none."""
    nodes = [*field.nodes]
    if name is None:
        raise GraphQLError(
            f"Abstract type '{kind}' must resolve to an Object type at runtime for field '{field.coordinates}'."
            f" Either the '{kind}' type should provide a 'resolve_type' function"
            " or each possible type should provide an 'is_type_of' function.",
            nodes,
        )
    if not isinstance(name, str):
        raise GraphQLError(
            f"Abstract type '{kind}' must resolve to an Object type at runtime for field '{field.coordinates}'"
            f" with value {inspect(value)}, received '{inspect(name)}', which is not a valid Object type name.",
            nodes,
        )
    runtime_type = field.schema.get_type(name)
    if runtime_type is None:
        raise GraphQLError(
            f"Abstract type '{kind}' was resolved to a type '{name}' that does not exist inside the schema.", nodes
        )
    if not is_object_type(runtime_type):
        raise GraphQLError(f"Abstract type '{kind}' was resolved to a non-object type '{name}'.", nodes)
    if not field.schema.is_sub_type(kind, runtime_type):
        raise GraphQLError(f"Runtime Object type '{runtime_type}' is not a possible type for '{kind}'.", nodes)
    return runtime_type
