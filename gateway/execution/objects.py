"""Executors of selection sets: Python functions that are generated for them.

For each set of fields on a type there is one function. It handles most fields inline (an attribute that holds a text,
a function of the source), and calls the other fields' runners. The generated source depends on the kinds of the fields
and on the names of attributes, never on a request: the names in a document are passed to it as values. So functions of
the same shape share their compiled code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from keyword import iskeyword
from math import isfinite
from types import CoroutineType
from typing import Any, Final, TypeAlias

from graphql import GraphQLObjectType, is_leaf_type
from graphql.pyutils import gather_with_cancel
from strawberry.types.cast import TYPE_CAST_ATTRIBUTE as _CAST

from gateway.execution.calls import make_call
from gateway.execution.completion import invalid_return_type
from gateway.execution.fields import Field
from gateway.execution.instances import InstancesOf
from gateway.execution.leaves import checked, names_of_members, test_of
from gateway.execution.plain import plain_types
from gateway.execution.resolvers import Attribute, Direct, class_of_values
from gateway.execution.run import Json, ResponsePath, Run, as_core_path, settle
from gateway.execution.runners import make_runner, read_leniently
from gateway.execution.selections import Condition
from gateway.execution.written import BUILTINS, write_function

Execute: TypeAlias = Callable[[Run, Any, ResponsePath], Json]


async def _finish(result: dict[str, Json], pending: dict[str, Any]) -> dict[str, Json]:
    if len(pending) == 1:
        for key, awaitable in pending.items():
            result[key] = await awaitable
    else:
        values = await gather_with_cancel(*pending.values())
        result.update(zip(pending, values, strict=True))
    return result


_GLOBALS: Final[dict[str, Any]] = {
    **BUILTINS,
    "CoroutineType": CoroutineType,
    "as_core_path": as_core_path,
    "checked": checked,
    "finish": _finish,
    "isfinite": isfinite,
    "read_leniently": read_leniently,
    "plain_types": plain_types,
    "settle": settle,
}


def write_executor(
    parent_type: GraphQLObjectType, nodes: tuple[Any, ...], fields: Sequence[tuple[Field | str, Condition]]
) -> Execute:
    """`fields` are in the order of the answer; a string among them stands for `__typename`, under that key."""
    writer = _Writer()
    writer.open(parent_type, nodes, [field for field, _ in fields if isinstance(field, Field)])
    is_open = any(condition for _, condition in fields)
    entries: list[str] = []
    if is_open:
        writer.line("result = {}")
        writer.line("coerced = run.coerced")
    for field, condition in fields:
        if condition:
            tests = [
                f"{'' if wanted else 'not '}coerced[{writer.constant(name)}]" for name, wanted in sorted(condition)
            ]
            writer.line(f"if {' and '.join(tests)}:")
            writer.indent += 1
        key, value = writer.field(parent_type, field)
        if is_open:
            writer.line(f"result[{key}] = {value}")
        else:
            entries.append(f"{key}: {value}")
        if condition:
            writer.indent -= 1
    return writer.close("result" if is_open else "{" + ", ".join(entries) + "}")


class _Writer:
    def __init__(self) -> None:
        self.indent = 0
        self._lines: list[str] = []
        self._constants: dict[str, Any] = {}
        self._names: dict[int, str] = {}
        self._count = 0
        self._is_checked = False

    def line(self, text: str) -> None:
        self._lines.append("    " * self.indent + text)

    def constant(self, value: Any) -> str:
        name = self._names.get(id(value))
        if name is None:
            name = self._names[id(value)] = f"c{len(self._constants)}"
            self._constants[name] = value
        return name

    def open(self, parent_type: GraphQLObjectType, nodes: tuple[Any, ...], fields: Sequence[Field]) -> None:
        kind = class_of_values(parent_type)
        # Of the root value, nobody asks.
        self._is_checked = kind is not None and bool(nodes)
        if self._is_checked:
            # The type's own rule, at first for what it mostly is.
            check = self.constant(_type_check(parent_type, nodes))
            cast = "" if type(parent_type.is_type_of) is InstancesOf else f" or hasattr(source, {_CAST!r})"
            self.line(f"if type(source) is not {self.constant(kind)}{cast}:")
            self.line(f"    {check}(source)")
        if any(_asks_for_path(field) for field in fields):
            # Else each of these fields would do it.
            self.line("path = as_core_path(path)")
        self.line("pending = None")
        self.line("try:")
        self.indent = 1
        self.line("pass")

    def close(self, result: str) -> Execute:
        self.indent = 0
        self.line("except Exception:")
        self.line("    if pending is not None:")
        self.line("        settle([*pending.values()])")
        self.line("    raise")
        self.line(f"result = {result}")
        self.line("return result if pending is None else finish(result, pending)")
        execute: Execute = write_function("execute(run, source, path)", self._lines, self._constants, _GLOBALS)
        return execute

    def field(self, parent_type: GraphQLObjectType, field: Field | str) -> tuple[str, str]:
        """Writes what runs it; returns the names of its key and its value."""
        if isinstance(field, str):
            return self.constant(field), self.constant(parent_type.name)
        self._count += 1
        value = f"v{self._count}"
        key = self.constant(field.key)
        in_place = None if field.needs_info else self._read(field)
        if in_place is None:
            runner = self.constant(make_runner(field))
            self.line(f"{value} = {runner}(run, path, source)")
            is_async = isinstance(field.resolver, Direct) and field.resolver.is_async
            self._wait(key, value, always=is_async and field.arguments.constants is not None)
            return key, value
        self.line("try:")
        self.indent += 1
        self.line(f"value = {in_place}")
        if is_leaf_type(field.nullable_kind):
            self._leaf(field, key, value)
        else:
            self._container(field, key, value)
        self.indent -= 1
        self.line("except Exception as error:")
        self.line(f"    {value} = {self.constant(field)}.fail(run, path, error)")
        return key, value

    def _leaf(self, field: Field, key: str, value: str) -> None:
        kind = field.nullable_kind
        test = test_of(kind)
        members = names_of_members(kind)
        if test is not None:
            self.line(f"if {test}:")
            self.line(f"    {value} = value")
        elif members is not None:
            enum, names = members
            self.line(f"if type(value) is {self.constant(enum)}:")
            self.line(f"    {value} = {self.constant(names)}[value._name_]")
        else:
            coerce, leaf = self.constant(kind.coerce_output_value), self.constant(kind)
            self.line("if type(value) in plain_types:")
            self.line(f"    {value} = {coerce}(value)")
            self.line(f"    if type({value}) not in plain_types:")
            self.line(f"        {value} = checked({leaf}, value, {value})")
            self.line(f"        if type({value}) is CoroutineType:")
            guard = f"{self.constant(field)}.guard(run, {self._path(field)}, {value})"
            self.indent += 3
            self.line(f"{value} = {guard}")
            self._wait(key, value, always=True)
            self.indent -= 3
        self._otherwise(field, key, value)

    def _container(self, field: Field, key: str, value: str) -> None:
        self.line("if type(value) in plain_types:")
        path = self._path(field)
        kind = field.nullable_kind
        if isinstance(kind, GraphQLObjectType):
            self.line(f"    {value} = {self.constant(field.object_executor)}.call(run, value, {path})")
        else:
            self.line(f"    {value} = {self.constant(field.complete_value)}(run, value, {path}, None)")
        self.line(f"    if type({value}) is CoroutineType:")
        self.indent += 2
        if not field.is_non_null:
            # What comes out of a selection set or a list is located already, and a field that may not be null
            # only hands it on.
            self.line(f"{value} = {self.constant(field)}.guard(run, {path}, {value})")
        self._wait(key, value, always=True)
        self.indent -= 2
        self._otherwise(field, key, value)

    def _otherwise(self, field: Field, key: str, value: str) -> None:
        if not field.is_non_null:
            self.line("elif value is None:")
            self.line(f"    {value} = None")
        self.line("else:")
        self.indent += 1
        self.line(f"{value} = {self.constant(field)}.resume(run, path, value)")
        self._wait(key, value)
        self.indent -= 1

    def _read(self, field: Field) -> str | None:
        """The expression for what the resolver returns; None where it takes more than one."""
        resolver = field.resolver
        if isinstance(resolver, Attribute):
            return self._attribute(field, resolver)
        if isinstance(resolver, Direct) and not resolver.is_async:
            if resolver.takes_source and not (resolver.source_names or resolver.info_name or field.definition.args):
                return f"{self.constant(resolver.function)}(source)"
            return f"{self.constant(make_call(field, resolver))}(run, path, source)"
        return None

    def _attribute(self, field: Field, resolver: Attribute) -> str | None:
        name = resolver.name
        if not resolver.lenient:
            check = field.parent_type.is_type_of
            index = check.index_of(name) if self._is_checked and isinstance(check, InstancesOf) else None
            if index is not None:
                return f"source[{index}]"
            return f"source.{name}" if name.isidentifier() and not iskeyword(name) else None
        if field.definition.args:
            return None
        key = self.constant(name)
        return f"source.get({key}) if type(source) is dict else read_leniently(source, {key})"

    def _path(self, field: Field) -> str:
        return f"(path, {self.constant(field.key)}, {self.constant(field.parent_type.name)})"

    def _wait(self, key: str, value: str, *, always: bool = False) -> None:
        if not always:
            self.line(f"if type({value}) is CoroutineType:")
            self.indent += 1
        self.line("if pending is None:")
        self.line("    pending = {}")
        self.line(f"pending[{key}] = {value}")
        if not always:
            self.indent -= 1


def _type_check(kind: GraphQLObjectType, nodes: tuple[Any, ...]) -> Callable[[Any], None]:
    is_type_of = kind.is_type_of
    assert is_type_of is not None

    def check(source: Any) -> None:
        # Neither rule looks at the info.
        if not is_type_of(source, None):  # type: ignore[arg-type]
            raise invalid_return_type(kind, source, nodes)

    return check


def _asks_for_path(field: Field) -> bool:
    resolver = field.resolver
    if isinstance(resolver, Attribute):
        return field.needs_info
    return (
        not isinstance(resolver, Direct) or field.needs_info or (resolver.is_async and resolver.info_name is not None)
    )
