"""Which places an operation will probably read, told from its root fields before its key is looked up.

It need not be right: what is not foreseen here is read when a resolver asks for it. So only what
operations mostly look like is looked at: fields of the root itself, and what they name by arguments.
All of an operation is foreseen or nothing: else what is there at once would overtake what has to be
read, and of two fields that fail another one would come first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    EnumValueNode,
    FieldNode,
    IntValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    StringValueNode,
    ValueNode,
    VariableNode,
)

from gateway.access import PlaceRef
from gateway.errors import InvalidInput
from gateway.model import Surface
from gateway.storage.ahead import NO_FORECAST, Forecast
from schema.context import place_or_current

_LISTS: Final = frozenset({"persistedFolders", "persistedFolderByType"})
_ENVIRONMENT: Final = "environment"
# They read nothing that a list beside them has to wait for.
_OTHERS: Final = frozenset({"viewer", "rateLimit", "__typename"})
_KNOWN: Final = _LISTS | _OTHERS | {_ENVIRONMENT}
_INPUT: Final = "input"
_SURFACES: Final = {each.name: each for each in Surface}

_Value = Callable[[Mapping[str, Any]], Any]
"""Of an argument, from the variables of a request as they were sent."""


@dataclass(frozen=True, slots=True)
class _Ask:
    """A place that is asked for; `surface` where folders are read there."""

    project: _Value
    environment: _Value
    surface: _Value | None

    def place(self, variables: Mapping[str, Any]) -> PlaceRef | None:
        """None where the arguments are not as they should be."""
        try:
            return place_or_current(_id(self.project(variables)), _id(self.environment(variables)))
        except (InvalidInput, TypeError, ValueError):
            return None


class OperationForecast:
    """Of one validated operation."""

    def __init__(self, operation: OperationDefinitionNode) -> None:
        defaults = {
            definition.variable.name.value: _constant(definition.default_value)
            for definition in operation.variable_definitions or ()
        }
        self._asks: list[_Ask] = []
        for selection in operation.selection_set.selections:
            if operation.operation is OperationType.MUTATION:
                if isinstance(selection, FieldNode):
                    self._asks += _mutation_asks(selection, defaults)
            elif not isinstance(selection, FieldNode) or selection.name.value not in _KNOWN:
                self._asks = []
                break
            else:
                self._asks += _query_asks(selection, defaults)
        self._constant = None if defaults else self._of({})

    def of(self, variables: Mapping[str, Any]) -> Forecast:
        """`variables` as they were sent."""
        return self._of(variables) if self._constant is None else self._constant

    def _of(self, variables: Mapping[str, Any]) -> Forecast:
        places, surfaces = [], set()
        for ask in self._asks:
            place = ask.place(variables)
            if place is not None:
                places.append(place)
                if ask.surface is not None:
                    name = ask.surface(variables)
                    surfaces.add(_SURFACES.get(name, Surface.WEB) if isinstance(name, str) else Surface.WEB)
        return Forecast.at(places, surfaces, has_several=len(self._asks) > 1) if places else NO_FORECAST


def _query_asks(field: FieldNode, defaults: Mapping[str, Any]) -> Iterator[_Ask]:
    arguments = _arguments(field)
    name = field.name.value
    if name in _LISTS:
        yield _ask(arguments, defaults, with_folders=True)
    elif name == _ENVIRONMENT:
        number = {"environmentId": arguments["id"]} if "id" in arguments else {}
        yield _ask(number, defaults)
        for inner in _fields(field.selection_set):
            if inner.name.value in _LISTS:
                yield _ask(number | _arguments(inner), defaults, with_folders=True)


def _mutation_asks(field: FieldNode, defaults: Mapping[str, Any]) -> Iterator[_Ask]:
    given = _arguments(field).get(_INPUT)
    if isinstance(given, ObjectValueNode):
        yield _ask({each.name.value: each.value for each in given.fields}, defaults)
    elif isinstance(given, VariableNode):
        whole = _value(given, defaults)

        def member(name: str) -> _Value:
            def read(variables: Mapping[str, Any]) -> Any:
                sent = whole(variables)
                return sent.get(name) if isinstance(sent, dict) else None

            return read

        yield _Ask(member("projectId"), member("environmentId"), None)


def _ask(arguments: Mapping[str, ValueNode], defaults: Mapping[str, Any], *, with_folders: bool = False) -> _Ask:
    return _Ask(
        _value(arguments.get("projectId"), defaults),
        _value(arguments.get("environmentId"), defaults),
        _value(arguments.get("surface"), defaults) if with_folders else None,
    )


def _fields(selection_set: SelectionSetNode | None) -> Iterator[FieldNode]:
    for selection in selection_set.selections if selection_set else ():
        if isinstance(selection, FieldNode):
            yield selection


def _arguments(field: FieldNode) -> dict[str, ValueNode]:
    return {argument.name.value: argument.value for argument in field.arguments or ()}


def _value(node: ValueNode | None, defaults: Mapping[str, Any]) -> _Value:
    if isinstance(node, VariableNode):
        name = node.name.value
        default = defaults.get(name)
        return lambda variables: variables.get(name, default)
    constant = _constant(node)
    return lambda _: constant


def _constant(node: ValueNode | None) -> Any:
    return node.value if isinstance(node, (StringValueNode, IntValueNode, EnumValueNode)) else None


def _id(value: Any) -> str | None:
    """An ID is sent as text or as a number. Raises TypeError."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    raise TypeError
