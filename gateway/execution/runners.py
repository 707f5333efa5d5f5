"""Runs one field, from its resolver to its part of the answer, unless `objects` handles the field inline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import CoroutineType
from typing import Any, TypeAlias

from strawberry.utils.await_maybe import await_maybe

from gateway.execution.calls import make_call
from gateway.execution.fields import Field
from gateway.execution.plain import learn, plain_types
from gateway.execution.resolvers import Attribute, Direct, Opaque
from gateway.execution.run import Json, ResponsePath, Run

RunField: TypeAlias = Callable[[Run, ResponsePath, Any], Json]
"""Takes the path of the parent and the source. Raises a located error where the field may not be null."""


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
    def run_field(run: Run, parent: ResponsePath, source: Any) -> Json:
        try:
            value = getattr(source, name)
        except Exception as error:
            return field.fail(run, parent, error)
        return field.finish(run, parent, value)

    return run_field


def _run_lenient(field: Field, name: str) -> RunField:
    make_info, arguments = field.make_info, field.arguments.make

    def run_field(run: Run, parent: ResponsePath, source: Any) -> Json:
        info = None
        try:
            given = arguments(run)
            value = read_leniently(source, name)
            if callable(value):
                info = make_info(run, field.path(parent))
                value = value(info, **given)
        except Exception as error:
            return field.fail(run, parent, error)
        return field.finish(run, parent, value, info)

    return run_field


def _run_opaque(field: Field, function: Callable[..., Any]) -> RunField:
    make_info, arguments = field.make_info, field.arguments.make

    def run_field(run: Run, parent: ResponsePath, source: Any) -> Json:
        info = make_info(run, field.path(parent))
        try:
            value = function(source, info, **arguments(run))
        except Exception as error:
            return field.fail(run, parent, error)
        return field.finish(run, parent, value, info)

    return run_field


def _run_direct(field: Field, resolver: Direct) -> RunField:
    call = make_call(field, resolver)
    key, parent_name, executor = field.key, field.parent_type.name, field.object_executor

    def run_field(run: Run, parent: ResponsePath, source: Any) -> Json:
        try:
            value = call(run, parent, source)
            if executor is not None and type(value) in plain_types:
                path = (parent, key, parent_name)
                done = executor.call(run, value, path)
                return field.guard(run, path, done) if type(done) is CoroutineType else done
        except Exception as error:
            return field.fail(run, parent, error)
        return field.finish(run, parent, value)

    return run_field


def _run_coroutine(field: Field, resolver: Direct) -> RunField:
    call, arguments = make_call(field, resolver), field.arguments
    complete, make_info, needs_info = field.complete, field.make_info, field.needs_info
    key, parent_name, executor = field.key, field.parent_type.name, field.object_executor

    async def start(run: Run, parent: ResponsePath, source: Any, given: dict[str, Any] | None = None) -> Json:
        # Nothing is called before the first step, as in Strawberry's coroutine: its errors come in the same order.
        try:
            try:
                value = call(run, parent, source, given)
            except StopIteration as error:
                # As of Python's own coroutines, whose end it would be.
                raise RuntimeError("coroutine raised StopIteration") from error
            value = await (value if type(value) is CoroutineType else await_maybe(value))
            path = (parent, key, parent_name)
            if executor is not None and type(value) in plain_types:
                done = executor.call(run, value, path)
            else:
                learn(value)
                done = complete(run, value, path, make_info(run, path) if needs_info else None)
            return await done if type(done) is CoroutineType else done
        except Exception as error:
            return field.fail(run, parent, error)

    def run_field(run: Run, parent: ResponsePath, source: Any) -> Json:
        try:
            given = arguments.make(run)
        except Exception as error:
            return field.fail(run, parent, error)
        return start(run, parent, source, given)

    return run_field if arguments.constants is None else start
