"""Strawberry's conversion of arguments, prepared as far as it does not depend on values.

Not supported here, and left to Strawberry: `Maybe`, global ids, inputs with a `from_input` of their own, and inputs
that contain themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import MISSING
from typing import Any

from strawberry import UNSET
from strawberry.relay import GlobalID
from strawberry.scalars import is_scalar
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.base import StrawberryList, StrawberryMaybe, StrawberryOptional, has_object_definition
from strawberry.types.enum import StrawberryEnumDefinition, has_enum_definition
from strawberry.types.field import StrawberryField
from strawberry.types.lazy_type import LazyType

Convert = Callable[[Any], Any]


class _Unknown(Exception):
    pass


class Conversion:
    """From the arguments as graphql-core has them to those of a resolver.

    `parts` are the names that each has, and what converts its value where that is needed.
    """

    def __init__(self, parts: Sequence[tuple[str, str, Convert | None]]) -> None:
        self.parts = parts

    def __call__(self, given: dict[str, Any]) -> dict[str, Any]:
        return {
            python_name: given[name] if convert is None else convert(given[name])
            for name, python_name, convert in self.parts
            if name in given
        }


def prepare_conversion(field: StrawberryField, converter: GraphQLCoreConverter) -> Conversion | None:
    """None where only Strawberry knows."""
    name_of = converter.config.name_converter.from_argument
    try:
        return Conversion(
            [
                (name_of(argument), argument.python_name, _Conversions(converter).get(argument.type))
                for argument in field.arguments
            ]
        )
    except _Unknown:
        return None


class _Conversions:
    """The conversions for one argument; None stands for none."""

    def __init__(self, converter: GraphQLCoreConverter) -> None:
        self._converter = converter
        self._within: set[Any] = set()

    def get(self, kind: Any) -> Convert | None:
        if isinstance(kind, StrawberryMaybe) or kind is GlobalID:
            raise _Unknown
        if isinstance(kind, StrawberryOptional):
            return self.get(kind.of_type)
        if isinstance(kind, StrawberryList):
            return _list_of(self.get(kind.of_type))
        if is_scalar(kind, self._converter.scalar_registry) or isinstance(kind, StrawberryEnumDefinition):
            return None
        if isinstance(kind, LazyType):
            return self.get(kind.resolve_type())
        if has_enum_definition(kind):
            return None
        if has_object_definition(kind):
            return self._object(kind)
        raise _Unknown

    def _object(self, kind: Any) -> Convert:
        definition = kind.__strawberry_definition__
        if definition.from_input is not None or not definition.is_input or kind in self._within:
            raise _Unknown
        self._within.add(kind)
        name_of = self._converter.config.name_converter.from_field
        fields = [
            (name_of(field), field.python_name, self.get(field.resolve_type(type_definition=definition)))
            for field in definition.fields
        ]
        self._within.discard(kind)
        absent = {
            field.python_name: None
            for field in definition.fields
            if field.default_value is MISSING and field.default_factory is MISSING
        }

        def convert(value: Any) -> Any:
            if value is None or value is UNSET:
                return value
            arguments = dict(absent)
            for name, python_name, convert_field in fields:
                if name in value:
                    given = value[name]
                    arguments[python_name] = given if convert_field is None else convert_field(given)
            return kind(**arguments)

        return convert


def _list_of(convert_item: Convert | None) -> Convert:
    def convert(value: Any) -> Any:
        if value is None or value is UNSET:
            return value
        return list(value) if convert_item is None else [convert_item(each) for each in value]

    return convert
