"""How a plan calls an application's resolver: with its arguments, and an `Info` if it asks for one."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

from strawberry.types.field import StrawberryField
from strawberry.types.info import Info

from gateway.execution.arguments import ABSENT, FromVariable
from gateway.execution.fields import Field
from gateway.execution.resolvers import Direct
from gateway.execution.run import InfoMaker, ResolveInfo, ResponsePath, Run
from gateway.execution.variables import is_immutable
from gateway.execution.written import write_function


class Call(Protocol):
    """Raises what the function raises, or a GraphQLError for an invalid argument."""

    def __call__(self, run: Run, parent: ResponsePath, source: Any, given: dict[str, Any] | None = None) -> Any:
        """`given` are the arguments, if they have been coerced already."""


class LazyInfo(Info[Any, Any]):
    """Most resolvers use only the context; everything else is made when it is first used."""

    # What a dataclass asks when it is shown, compared or replaced.
    __class__ = property(lambda _: Info)

    def __init__(self, run: Run, path: ResponsePath, make: InfoMaker, field: StrawberryField) -> None:
        self._run = run
        self._path = path
        self._make = make
        self._field = field

    @property
    def context(self) -> Any:
        return self._run.context

    @cached_property
    def _raw_info(self) -> ResolveInfo:  # type: ignore[override]  # Strawberry's has it from the start
        return self._make(self._run, self._path)


def make_call(field: Field, resolver: Direct) -> Call:
    arguments, convert = field.arguments, resolver.convert
    function, takes_source, source_names = resolver.function, resolver.takes_source, resolver.source_names
    info_name, strawberry_field = resolver.info_name, resolver.field
    make_info, key, parent_name = field.make_info, field.key, field.parent_type.name
    make_arguments = arguments.make

    def call(run: Run, parent: ResponsePath, source: Any, given: dict[str, Any] | None = None) -> Any:
        keywords = {**convert(make_arguments(run) if given is None else given), **dict.fromkeys(source_names, source)}
        if info_name is not None:
            keywords[info_name] = LazyInfo(run, (parent, key, parent_name), make_info, strawberry_field)
        return function(source, **keywords) if takes_source else function(**keywords)

    return _write_call(field, resolver, call) or call


def _write_call(field: Field, resolver: Direct, call: Call) -> Call | None:
    """The same, written out for the names of its arguments; `call` where a variable is not simply there.

    None where an argument has to be converted, or copied for whoever gets it.
    """
    parts = field.arguments.parts
    if parts is None:
        return None
    constants: dict[str, Any] = {
        "call": call,
        "function": resolver.function,
        "ABSENT": ABSENT,
        "LazyInfo": LazyInfo,
        "make_info": field.make_info,
        "field": resolver.field,
        "key": field.key,
        "parent_name": field.parent_type.name,
    }
    handed = ["source"] if resolver.takes_source else []
    handed += [f"{name}=source" for name in resolver.source_names]
    reads: list[str] = []
    for number, (name, python_name, convert) in enumerate(resolver.convert.parts):
        if name not in parts:
            continue
        part = parts[name]
        value = f"v{number}"
        if isinstance(part, FromVariable):
            if convert is not None:
                return None
            constants[f"n{number}"] = part.variable
            reads.append(f"{value} = coerced.get(n{number}, ABSENT)")
            missing = f"{value} is ABSENT" + (f" or {value} is None" if part.is_non_null else "")
            reads.append(f"if {missing}: return call(run, parent, source, given)")
        else:
            if not is_immutable(part):
                return None
            constants[value] = part
        handed.append(f"{python_name}={value}")
    if resolver.info_name is not None:
        handed.append(f"{resolver.info_name}=LazyInfo(run, (parent, key, parent_name), make_info, field)")
    lines = [*(["coerced = run.coerced"] if reads else []), *reads, f"return function({', '.join(handed)})"]
    written: Call = write_function("written(run, parent, source, given=None)", lines, constants)
    return written
