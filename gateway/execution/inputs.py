"""Prepared coercers of input values.

They only tell whether a value fits. If it does not, graphql-core coerces it too, so that the message is its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from graphql import (
    GraphQLEnumType,
    GraphQLID,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInt,
    GraphQLList,
    GraphQLNamedInputType,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLString,
    Undefined,
)
from graphql.pyutils import is_iterable
from graphql.type import is_required_input_field
from graphql.type.scalars import GRAPHQL_MAX_INT, GRAPHQL_MIN_INT
from graphql.utilities.coerce_input_value import coerce_default_value, coerce_input_value

Coerce: TypeAlias = Callable[[Any], Any]
"""Returns Undefined, or raises, where the value does not fit."""

_MAX_CHECKED_DEPTH: Final = 50


class Coercers:
    """The coercers of a schema's named types, each made once. Lists and non-null types are made for each document."""

    def __init__(self) -> None:
        self._made: dict[GraphQLNamedInputType, Coerce] = {}
        self._depths: dict[GraphQLNamedInputType, int] = {}

    def get(self, kind: GraphQLInputType) -> Coerce:
        if isinstance(kind, GraphQLNonNull):
            return _non_null(self.get(kind.of_type))
        if isinstance(kind, GraphQLList):
            return _list_of(self.get(kind.of_type))
        made = self._made.get(kind)
        if made is None:
            # An input object may hold itself: what it finds here is called only when it is whole.
            self._made[kind] = lambda value: self._made[kind](value)  # noqa: PLW0108  # not yet what it will be
            made = self._made[kind] = self._make(kind)
        return made

    def is_shallow(self, kind: GraphQLInputType) -> bool:
        """Whether no value of the type can be nested so deeply that graphql-core would refuse it."""
        named, lists = _unwrapped(kind)
        known = self._depths.get(named)
        if known is None:
            known = self._depths[named] = _depth(named, frozenset())
        return lists + known <= _MAX_CHECKED_DEPTH

    def _make(self, kind: GraphQLNamedInputType) -> Coerce:
        if isinstance(kind, GraphQLInputObjectType):
            return self._object(kind)
        return _leaf(kind)

    def _object(self, kind: GraphQLInputObjectType) -> Coerce:
        if kind.is_one_of:
            return lambda value: coerce_input_value(value, kind)
        fields = [
            (name, field.out_name or name, self.get(field.type), field, is_required_input_field(field))
            for name, field in kind.fields.items()
        ]
        names = frozenset(kind.fields)
        out_type = kind.out_type

        def coerce(value: Any) -> Any:
            if value is None:
                return None
            if not isinstance(value, dict) or not names.issuperset(value):
                return Undefined
            coerced: dict[str, Any] = {}
            for name, out_name, coerce_field, field, is_required in fields:
                given = value.get(name, Undefined)
                if given is Undefined:
                    if is_required:
                        return Undefined
                    given = coerce_default_value(field)
                    if given is not Undefined:
                        coerced[out_name] = given
                    continue
                given = coerce_field(given)
                if given is Undefined:
                    return Undefined
                coerced[out_name] = given
            return out_type(coerced)

        return coerce


def _non_null(coerce_nullable: Coerce) -> Coerce:
    return lambda value: Undefined if value is None else coerce_nullable(value)


def _list_of(coerce_item: Coerce) -> Coerce:
    def coerce(value: Any) -> Any:
        if value is None:
            return None
        if not is_iterable(value):
            item = coerce_item(value)
            return Undefined if item is Undefined else [item]
        items = [coerce_item(each) for each in value]
        return Undefined if any(item is Undefined for item in items) else items

    return coerce


def _leaf(kind: GraphQLScalarType | GraphQLEnumType) -> Coerce:
    if kind is GraphQLInt:
        return _coerce_int
    exact = str if kind is GraphQLString or kind is GraphQLID else None
    by_type = kind.coerce_input_value

    def coerce(value: Any) -> Any:
        if type(value) is exact or value is None:
            return value
        return by_type(value)

    return coerce


def _coerce_int(value: Any) -> Any:
    if value is None or (type(value) is int and GRAPHQL_MIN_INT <= value <= GRAPHQL_MAX_INT):
        return value
    return GraphQLInt.coerce_input_value(value)


def _depth(kind: GraphQLNamedInputType, within: frozenset[GraphQLNamedInputType]) -> int:
    if not isinstance(kind, GraphQLInputObjectType):
        return 0
    if kind in within or len(within) > _MAX_CHECKED_DEPTH:
        return _MAX_CHECKED_DEPTH + 1
    types = [_unwrapped(field.type) for field in kind.fields.values()]
    return 1 + max((lists + _depth(named, within | {kind}) for named, lists in types), default=0)


def _unwrapped(kind: GraphQLInputType) -> tuple[GraphQLNamedInputType, int]:
    """The named type, and in how many lists it is."""
    lists = 0
    while isinstance(kind, GraphQLNonNull | GraphQLList):
        lists += isinstance(kind, GraphQLList)
        kind = kind.of_type
    return kind, lists
