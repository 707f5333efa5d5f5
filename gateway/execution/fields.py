"""One field of a selection set: it resolves, completes, and turns what fails into a located error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import CoroutineType
from typing import Any, TypeAlias

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    is_non_null_type,
    located_error,
)
from graphql.pyutils import is_awaitable
from strawberry.types.info import Info
from strawberry.utils.await_maybe import await_maybe

from gateway.execution.arguments import prepare_arguments
from gateway.execution.completion import make_completer, needs_info, object_executor
from gateway.execution.lists import Executor
from gateway.execution.plain import learn, plain_types
from gateway.execution.resolvers import Attribute, Direct, Opaque
from gateway.execution.run import InfoMaker, Json, Place, Run, as_path
from gateway.execution.variables import is_immutable

RunField: TypeAlias = Callable[[Run, Place, Any], Json]
"""Takes the place of the parent and the source. Raises a located error where the field may not be null."""

GetExecutor: TypeAlias = Callable[[GraphQLObjectType, tuple[FieldNode, ...]], Executor]


class Field:
    """A field on one type, for all nodes that ask for it under one response key."""

    def __init__(
        self,
        key: str,
        nodes: tuple[FieldNode, ...],
        parent_type: GraphQLObjectType,
        definition: GraphQLField,
        resolver: Attribute | Direct | Opaque,
        schema: GraphQLSchema,
        fragments: dict[str, FragmentDefinitionNode],
        operation: OperationDefinitionNode,
        get_executor: GetExecutor,
    ) -> None:
        name = nodes[0].name.value
        self.key = key
        self.nodes = nodes
        self.parent_name = parent_type.name
        self.definition = definition
        self.kind = definition.type
        self.resolver = resolver
        self.schema = schema
        self.coordinates = f"{parent_type}.{name}"
        self.is_non_null = is_non_null_type(self.kind)
        self.needs_info = needs_info(self.kind)
        self.make_info = InfoMaker(name, nodes, self.kind, parent_type, schema, fragments, operation)
        self.arguments = prepare_arguments(definition, nodes[0])
        self._get_executor = get_executor
        self.complete = make_completer(self, self.kind)
        self.object_executor = object_executor(self, self.kind)

    def executor(self, runtime_type: GraphQLObjectType) -> Executor:
        return self._get_executor(runtime_type, self.nodes)

    def place(self, parent: Place) -> Place:
        return (parent, self.key, self.parent_name)

    def fail(self, run: Run, parent: Place, error: Exception) -> Json:
        """Records the error, and so nulls the field; raises it where that cannot be."""
        return self.fail_at(run, self.place(parent), error, is_non_null=self.is_non_null)

    def fail_at(self, run: Run, place: Place, error: Exception, *, is_non_null: bool) -> Json:
        path = as_path(place)
        assert path is not None
        located = located_error(error, [*self.nodes], path.as_list())
        if is_non_null:
            raise located
        run.errors.add(located, path)
        return None

    def finish(self, run: Run, parent: Place, value: Any, info: Any = None) -> Json:
        """From what the resolver returned, whatever it is."""
        try:
            place = self.place(parent)
            if info is None and self.needs_info:
                info = self.make_info(run, place)
            if type(value) not in plain_types:
                if is_awaitable(value):
                    return self._finish_later(run, place, value, info)
                learn(value)
            done = self.complete(run, value, place, info)
            return self.guard(run, place, done) if type(done) is CoroutineType else done
        except Exception as error:
            return self.fail(run, parent, error)

    def make_resumer(self) -> RunField:
        """Goes on with what an attribute holds or a function returned."""
        resolver = self.resolver
        if not (isinstance(resolver, Attribute) and resolver.lenient):
            return self.finish

        def resume(run: Run, parent: Place, value: Any) -> Json:
            info = None
            try:
                if callable(value):
                    info = self.make_info(run, self.place(parent))
                    value = value(info)
            except Exception as error:
                return self.fail(run, parent, error)
            return self.finish(run, parent, value, info)

        return resume

    async def _finish_later(self, run: Run, place: Place, value: Awaitable[Any], info: Any) -> Json:
        try:
            done = self.complete(run, await value, place, info)
            return await done if type(done) is CoroutineType else done
        except Exception as error:
            return self.fail_at(run, place, error, is_non_null=self.is_non_null)

    async def guard(self, run: Run, place: Place, done: Awaitable[Json]) -> Json:
        """Awaits what is being completed."""
        try:
            return await done
        except Exception as error:
            return self.fail_at(run, place, error, is_non_null=self.is_non_null)

    def make_runner(self) -> RunField:
        """The field as a whole, for what is not written out in place."""
        resolver = self.resolver
        if isinstance(resolver, Attribute):
            return _run_lenient(self, resolver.name) if resolver.lenient else _run_attribute(self, resolver.name)
        if isinstance(resolver, Opaque):
            return _run_opaque(self, resolver.function)
        return _run_coroutine(self, resolver) if resolver.is_async else _run_direct(self, resolver)


def read_leniently(source: Any, name: str) -> Any:
    return source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)


def _run_attribute(field: Field, name: str) -> RunField:
    def run_field(run: Run, parent: Place, source: Any) -> Json:
        try:
            value = getattr(source, name)
        except Exception as error:
            return field.fail(run, parent, error)
        return field.finish(run, parent, value)

    return run_field


def _run_lenient(field: Field, name: str) -> RunField:
    make_info, arguments = field.make_info, field.arguments.make

    def run_field(run: Run, parent: Place, source: Any) -> Json:
        info = None
        try:
            given = arguments(run)
            value = read_leniently(source, name)
            if callable(value):
                info = make_info(run, field.place(parent))
                value = value(info, **given)
        except Exception as error:
            return field.fail(run, parent, error)
        return field.finish(run, parent, value, info)

    return run_field


def _run_opaque(field: Field, function: Callable[..., Any]) -> RunField:
    make_info, arguments = field.make_info, field.arguments.make

    def run_field(run: Run, parent: Place, source: Any) -> Json:
        info = make_info(run, field.place(parent))
        try:
            value = function(source, info, **arguments(run))
        except Exception as error:
            return field.fail(run, parent, error)
        return field.finish(run, parent, value, info)

    return run_field


def _run_direct(field: Field, resolver: Direct) -> RunField:
    call, arguments = make_call(field, resolver), field.arguments.make

    def run_field(run: Run, parent: Place, source: Any) -> Json:
        try:
            value = call(run, parent, source, arguments(run))
        except Exception as error:
            return field.fail(run, parent, error)
        return field.finish(run, parent, value)

    return run_field


def _run_coroutine(field: Field, resolver: Direct) -> RunField:
    call, arguments, constants = make_call(field, resolver), field.arguments.make, field.arguments.constants
    complete, make_info, needs_info = field.complete, field.make_info, field.needs_info
    key, parent_name, executor = field.key, field.parent_name, field.object_executor

    async def start(run: Run, parent: Place, source: Any, given: dict[str, Any]) -> Json:
        # Nothing is called before the first step, as in Strawberry's coroutine: its errors come in the same order.
        try:
            value = call(run, parent, source, given)
            value = await (value if type(value) is CoroutineType else await_maybe(value))
            place = (parent, key, parent_name)
            if executor is not None and type(value) in plain_types:
                done = executor.call(run, value, place)
            else:
                learn(value)
                done = complete(run, value, place, make_info(run, place) if needs_info else None)
            return await done if type(done) is CoroutineType else done
        except Exception as error:
            return field.fail(run, parent, error)

    def run_field(run: Run, parent: Place, source: Any) -> Json:
        try:
            given = arguments(run)
        except Exception as error:
            return field.fail(run, parent, error)
        return start(run, parent, source, given)

    if constants is None:
        return run_field
    return lambda run, parent, source: start(run, parent, source, constants)


def make_call(field: Field, resolver: Direct) -> Callable[[Run, Place, Any, dict[str, Any]], Any]:
    """What calls the function, with the arguments that graphql-core would hand over."""
    function, takes_source, source_names = resolver.function, resolver.takes_source, resolver.source_names
    info_name, strawberry_field, make_info = resolver.info_name, resolver.field, field.make_info
    convert = _make_conversion(field, resolver)
    key, parent_name = field.key, field.parent_name

    if takes_source and not source_names:
        if info_name is None:
            return lambda _run, _parent, source, given: function(source, **convert(given))
        if info_name == "info":

            def call_with_info(run: Run, parent: Place, source: Any, given: dict[str, Any]) -> Any:
                info = Info(make_info(run, (parent, key, parent_name)), strawberry_field)
                return function(source, info=info, **convert(given))

            return call_with_info

    def call(run: Run, parent: Place, source: Any, given: dict[str, Any]) -> Any:
        keywords = {**convert(given), **dict.fromkeys(source_names, source)}
        if info_name is not None:
            keywords[info_name] = Info(make_info(run, (parent, key, parent_name)), strawberry_field)
        return function(source, **keywords) if takes_source else function(**keywords)

    return call


def _make_conversion(field: Field, resolver: Direct) -> Callable[[dict[str, Any]], dict[str, Any]]:
    constants = field.arguments.constants
    if constants is not None:
        keywords = resolver.convert(constants)
        if all(map(is_immutable, keywords.values())):
            return lambda _: keywords
    return resolver.convert
