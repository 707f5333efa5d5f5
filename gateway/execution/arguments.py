"""The arguments of a field, prepared as far as possible before it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLNonNull,
    ListValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    get_nullable_type,
    is_list_type,
)
from graphql.execution.values import get_argument_values
from graphql.type import is_required_argument
from graphql.utilities.coerce_input_value import coerce_default_value, coerce_input_literal

from gateway.execution.run import Run
from gateway.execution.variables import is_immutable, is_read_alike

MakeArguments = Callable[[Run], dict[str, Any]]
"""Raises as graphql-core does. What it returns is not to be changed."""

ABSENT: Final = object()


class FromVariable(NamedTuple):
    """An argument that is a variable. `default` ABSENT: the argument may be left out; Undefined: it may not."""

    out_name: str
    variable: str
    is_non_null: bool
    default: Any


@dataclass(frozen=True, slots=True)
class Arguments:
    """`constants` is what `make` returns, if that is always the same and immutable.

    `parts` are all arguments, in their order, if each is an immutable constant or a variable.
    """

    make: MakeArguments
    constants: dict[str, Any] | None = None
    parts: Mapping[str, FromVariable | Any] | None = None


_NO_ARGUMENTS: Final = Arguments(lambda _: {}, {}, {})


def prepare_arguments(definition: GraphQLField, node: FieldNode) -> Arguments:
    if not definition.args:
        return _NO_ARGUMENTS
    given = {argument.name.value: argument.value for argument in node.arguments or ()}
    constants: dict[str, Any] = {}
    lists: dict[str, list[Any]] = {}
    variables: list[FromVariable] = []
    try:
        for name, argument in definition.args.items():
            _prepare(argument, name, given.get(name), constants, lists, variables)
    except Exception:  # an application's function may have read a default: what it raised is the field's error, in time

        def coerce(run: Run) -> dict[str, Any]:
            return get_argument_values(definition, node, run.variables, None, run.hide_suggestions)

        return Arguments(coerce)
    both: dict[str, Any] = constants | lists
    constants = {name: both[name] for name in _order(definition) if name in both}
    if lists:
        # A resolver may change a list that was written for it.
        fixed = _make_fixed(definition, node, constants, variables)
        return Arguments(lambda run: fixed(run) | {name: [*items] for name, items in lists.items()})
    both |= {each.out_name: each for each in variables}
    parts = {name: both[name] for name in _order(definition) if name in both}
    return Arguments(_make_fixed(definition, node, constants, variables), None if variables else constants, parts)


def _order(definition: GraphQLField) -> list[str]:
    """In which graphql-core hands arguments over: a resolver with `**arguments` sees it."""
    return [argument.out_name or name for name, argument in definition.args.items()]


def _make_fixed(
    definition: GraphQLField, node: FieldNode, constants: dict[str, Any], variables: list[FromVariable]
) -> MakeArguments:
    if not variables:
        return lambda _: constants
    order = _order(definition)
    # Not the function itself, which would be in a circle with what it holds: the nodes of its document.
    key = object()

    def make(run: Run) -> dict[str, Any]:
        kept = run.kept_arguments.get(key)
        if kept is not None:
            return kept
        coerced = run.coerced
        found = dict(constants)
        for out_name, variable, is_non_null, default in variables:
            value = coerced.get(variable, ABSENT)
            if value is ABSENT:
                value = default
            elif value is None and is_non_null:
                value = Undefined
            if value is Undefined:
                return get_argument_values(definition, node, run.variables, None, run.hide_suggestions)
            if value is not ABSENT:
                found[out_name] = value
        kept = {name: found[name] for name in order if name in found}
        run.kept_arguments[key] = kept
        return kept

    return make


class _NotPrepared(Exception):
    """Coerced anew each time."""


def _prepare(
    argument: GraphQLArgument,
    name: str,
    value: ValueNode | None,
    constants: dict[str, Any],
    lists: dict[str, list[Any]],
    variables: list[FromVariable],
) -> None:
    out_name = argument.out_name or name
    default = ABSENT if is_required_argument(argument) else coerce_default_value(argument)
    if value is None:
        if default is ABSENT:
            raise _NotPrepared
        if default is not Undefined:
            # graphql-core too gives the same object to all.
            constants[out_name] = default
    elif isinstance(value, VariableNode):
        missing = Undefined if default is ABSENT else (ABSENT if default is Undefined else default)
        is_non_null = isinstance(argument.type, GraphQLNonNull)
        variables.append(FromVariable(out_name, value.name.value, is_non_null, missing))
    else:
        if not is_read_alike(argument.type) or _has_variable(value):
            raise _NotPrepared
        coerced = coerce_input_literal(value, argument.type)
        if (
            is_list_type(get_nullable_type(argument.type))
            and isinstance(coerced, list)
            and all(map(is_immutable, coerced))
        ):
            lists[out_name] = coerced
        elif coerced is not Undefined and is_immutable(coerced):
            constants[out_name] = coerced
        else:
            raise _NotPrepared


def _has_variable(value: ValueNode) -> bool:
    if isinstance(value, ListValueNode):
        return any(map(_has_variable, value.values))
    return isinstance(value, VariableNode)
