"""How a field is resolved: by an attribute, by a function of the application, or by a resolver that is called as it is.

Strawberry wraps every resolver in functions that convert arguments and make an `Info`, for each call. If a wrapper does
nothing else (no extension, no exception handler, no class of the application's own in between), its work is done here
once. Wrappers are recognised by their code objects: those of another version of Strawberry, or of anyone else, are
called as graphql-core would call them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any, Final

from graphql import GraphQLField, GraphQLObjectType
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver
from strawberry.types.info import Info

from gateway.execution.conversions import Conversion, prepare_conversion
from gateway.execution.instances import InstancesOf


def _codes_within(function: Callable[..., Any]) -> dict[str, CodeType]:
    return {each.co_name: each for each in function.__code__.co_consts if isinstance(each, CodeType)}


_RESOLVER_CODES: Final = _codes_within(GraphQLCoreConverter.from_resolver)
_WRAPPERS: Final = tuple(_RESOLVER_CODES.get(name) for name in ("_get_basic_result", "_resolver", "_async_resolver"))
_OBJECT_CODES: Final = _codes_within(GraphQLCoreConverter.from_object)


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of the source. `lenient` is graphql-core's default: also a key of a mapping; null if missing."""

    name: str
    lenient: bool


@dataclass(frozen=True, slots=True)
class Direct:
    """A function of the application, and what it takes: the source (first or by names), an `Info`, its arguments."""

    function: Callable[..., Any]
    takes_source: bool
    source_names: tuple[str, ...]
    info_name: str | None
    field: StrawberryField
    convert: Conversion
    is_async: bool


@dataclass(frozen=True, slots=True)
class Opaque:
    """A resolver that is called as it is."""

    function: Callable[..., Any]


def find_resolver(definition: GraphQLField, field_name: str) -> Attribute | Direct | Opaque:
    resolve = definition.resolve
    if resolve is None:
        return Attribute(field_name, lenient=True)
    known = _strawberry_resolver(definition, resolve)
    return Opaque(resolve) if known is None else known


def _strawberry_resolver(definition: GraphQLField, resolve: Callable[..., Any]) -> Attribute | Direct | None:
    code = getattr(resolve, "__code__", None)
    if code is None or code not in _WRAPPERS:
        return None
    return _attribute(definition, resolve) if code is _WRAPPERS[0] else _function(definition, resolve, code)


def _attribute(definition: GraphQLField, resolve: Callable[..., Any]) -> Attribute | None:
    field = _cells(resolve).get("field")
    if type(field) is not StrawberryField or field.default_resolver is not getattr or definition.args:
        return None
    return Attribute(field.python_name, lenient=False)


def _function(definition: GraphQLField, resolve: Callable[..., Any], code: CodeType) -> Direct | None:
    cells = _cells(resolve)
    inner = _cells(cells.get("_get_result_with_extensions"))
    field, converter = inner.get("field"), inner.get("self")
    if (
        cells.get("field_exception_handlers") != ()
        or inner.get("extension_functions") != []
        or type(field) is not StrawberryField
        or field.extensions
        or field.base_resolver is None
        or type(converter) is not GraphQLCoreConverter
        or converter.config.info_class is not Info
    ):
        return None
    return _direct(field, field.base_resolver, converter, definition, is_async=code is _WRAPPERS[2])


def _direct(
    field: StrawberryField,
    resolver: StrawberryResolver[Any],
    converter: GraphQLCoreConverter,
    definition: GraphQLField,
    *,
    is_async: bool,
) -> Direct | None:
    function = resolver.wrapped_func
    source_names = {each.name for each in (resolver.parent_parameter, resolver.root_parameter) if each is not None}
    info = resolver.info_parameter
    # The wrappers have parameters of their own: an argument of the same name never arrives.
    names = {argument.out_name or name for name, argument in definition.args.items()}
    names |= {argument.python_name for argument in field.arguments}
    taken = {"_source", "info", *source_names} | ({info.name} if info is not None else set())
    convert = prepare_conversion(field, converter)
    if (
        convert is None
        or type(resolver) is not StrawberryResolver
        or not isinstance(function, FunctionType)
        or names & taken
        or source_names & {"_source", "info"}
    ):
        return None
    return Direct(
        function=function,
        takes_source=resolver.self_parameter is not None,
        source_names=tuple(sorted(source_names)),
        info_name=None if info is None else info.name,
        field=field,
        convert=convert,
        is_async=is_async,
    )


@lru_cache(maxsize=1000)
def class_of_values(kind: GraphQLObjectType) -> type | None:
    """The class whose instances are values of this type without a further check; None if more has to be asked."""
    check = kind.is_type_of
    if type(check) is InstancesOf:
        return check.kind
    if not isinstance(check, FunctionType) or check.__code__ is not _is_type_of_code():
        return None
    origins = _cells(check).get("possible_types")
    definition = kind.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    origin = getattr(definition, "origin", None)
    return origin if isinstance(origins, tuple) and origin in origins else None


def _is_type_of_code() -> CodeType | None:
    maker = _OBJECT_CODES.get("_get_is_type_of")
    return (
        None
        if maker is None
        else next(
            (each for each in maker.co_consts if isinstance(each, CodeType) and each.co_name == "is_type_of"), None
        )
    )


def _cells(function: object) -> dict[str, Any]:
    """The variables that a function closes over."""
    if not isinstance(function, FunctionType):
        return {}
    try:
        values = [cell.cell_contents for cell in function.__closure__ or ()]
    except ValueError:
        # One is not set yet.
        return {}
    return dict(zip(function.__code__.co_freevars, values, strict=True))
