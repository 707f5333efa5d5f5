"""The variables of an operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

from graphql import (
    GraphQLEnumType,
    GraphQLInputType,
    GraphQLNonNull,
    GraphQLSchema,
    Undefined,
    VariableDefinitionNode,
    get_named_type,
    is_specified_scalar_type,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource, input_is_nested_too_deeply
from graphql.utilities.coerce_input_value import coerce_input_literal

from gateway.execution.inputs import Coerce, Coercers
from gateway.execution.selections import Unsupported

_IMMUTABLE: Final = (str, int, float, bool, type(None), Enum, UUID, datetime, date, time, timedelta, Decimal)


def is_immutable(value: Any) -> bool:
    """Whether one value may be shared by all requests."""
    return isinstance(value, _IMMUTABLE)


def is_read_alike(kind: GraphQLInputType) -> bool:
    """Whether a literal has the same value in each request. Literals of other types are read by the application."""
    named = get_named_type(kind)
    return is_specified_scalar_type(named) or isinstance(named, GraphQLEnumType)


class _Unfit(Exception):
    """graphql-core is to say why."""


@dataclass(frozen=True, slots=True)
class _Variable:
    name: str
    signature: GraphQLVariableSignature
    absent: VariableValueSource
    coerce: Coerce
    is_shallow: bool
    is_required: bool
    make_default: Callable[[], Any] | None


class Variables:
    """Coerces the variables of one operation from what a request sends."""

    def __init__(
        self, schema: GraphQLSchema, definitions: Sequence[VariableDefinitionNode], coercers: Coercers
    ) -> None:
        """Raises Unsupported where one is of no input type."""
        self._variables = [_prepared(schema, definition, coercers) for definition in definitions]

    def coerce(self, given: Mapping[str, Any]) -> VariableValues | None:
        """None if a value does not fit."""
        try:
            return self._coerced(given)
        except Exception:  # a scalar of the schema may raise anything; graphql-core tells what it means
            return None

    def _coerced(self, given: Mapping[str, Any]) -> VariableValues:
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for variable in self._variables:
            name = variable.name
            value = given.get(name, Undefined)
            if value is Undefined:
                sources[name] = variable.absent
                if variable.make_default is not None:
                    coerced[name] = variable.make_default()
                elif variable.is_required:
                    raise _Unfit
                continue
            sources[name] = VariableValueSource(variable.signature, value)
            if not variable.is_shallow and input_is_nested_too_deeply(value, variable.signature.type):
                raise _Unfit
            value = variable.coerce(value)
            if value is Undefined:
                raise _Unfit
            coerced[name] = value
        return VariableValues(sources, coerced)


def _prepared(schema: GraphQLSchema, definition: VariableDefinitionNode, coercers: Coercers) -> _Variable:
    signature = get_variable_signature(schema, definition)
    if not isinstance(signature, GraphQLVariableSignature):
        raise Unsupported
    return _Variable(
        name=signature.name,
        signature=signature,
        absent=VariableValueSource(signature),
        coerce=coercers.get(signature.type),
        is_shallow=coercers.is_shallow(signature.type),
        is_required=isinstance(signature.type, GraphQLNonNull),
        make_default=_default_maker(definition, signature),
    )


def _default_maker(definition: VariableDefinitionNode, signature: GraphQLVariableSignature) -> Callable[[], Any] | None:
    literal = definition.default_value
    if not literal:
        return None

    def make() -> Any:
        value = coerce_input_literal(literal, signature.type)
        if value is Undefined:
            raise _Unfit
        return value

    if not is_read_alike(signature.type):
        return make
    try:
        value = make()
    except Exception:  # left for the request that needs it
        return make
    return (lambda: value) if is_immutable(value) else make
