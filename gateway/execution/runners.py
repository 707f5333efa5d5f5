"""How a whole field runs, where it is not written out in place: from its resolver to its part of the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import CoroutineType
from typing import Any, TypeAlias

from strawberry.types.info import Info
from strawberry.utils.await_maybe import await_maybe

from gateway.execution.fields import Field
from gateway.execution.plain import learn, plain_types
from gateway.execution.resolvers import Attribute, Direct, Opaque
from gateway.execution.run import Json, Place, Run
from gateway.execution.variables import is_immutable

RunField: TypeAlias = Callable[[Run, Place, Any], Json]
"""Takes the place of the parent and the source. Raises a located error where the field may not be null."""


def make_runner(field: Field) -> RunField:
    resolver = field.resolver
    if isinstance(resolver, Attribute):
        return _run_lenient(field, resolver.name) if resolver.lenient else _run_attribute(field, resolver.name)
    if isinstance(resolver, Opaque):
        return _run_opaque(field, resolver.function)
    return _run_coroutine(field, resolver) if resolver.is_async else _run_direct(field, resolver)


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
    call, arguments = _make_call(field, resolver), field.arguments.make
    key, parent_name, executor = field.key, field.parent_type.name, field.object_executor

    def run_field(run: Run, parent: Place, source: Any) -> Json:
        try:
            value = call(run, parent, source, arguments(run))
            if executor is not None and type(value) in plain_types:
                place = (parent, key, parent_name)
                done = executor.call(run, value, place)
                return field.guard(run, place, done) if type(done) is CoroutineType else done
        except Exception as error:
            return field.fail(run, parent, error)
        return field.finish(run, parent, value)

    return run_field


def _run_coroutine(field: Field, resolver: Direct) -> RunField:
    call, arguments, constants = _make_call(field, resolver), field.arguments.make, field.arguments.constants
    complete, make_info, needs_info = field.complete, field.make_info, field.needs_info
    key, parent_name, executor = field.key, field.parent_type.name, field.object_executor

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


def _make_call(field: Field, resolver: Direct) -> Callable[[Run, Place, Any, dict[str, Any]], Any]:
    """What calls the function, with the arguments that graphql-core would hand over."""
    function, takes_source, source_names = resolver.function, resolver.takes_source, resolver.source_names
    info_name, strawberry_field, make_info = resolver.info_name, resolver.field, field.make_info
    convert = _make_conversion(field, resolver)
    key, parent_name = field.key, field.parent_type.name

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
