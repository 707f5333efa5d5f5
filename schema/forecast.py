"""What an operation will probably read, guessed from its root fields before its key is looked up.

It need not be right: what is not forecast is read when a resolver asks for it. So only the usual forms of operations
are recognised, by the fields of the root and their arguments. An operation is forecast as a whole or not at all: otherwise
data that is there at once would overtake data that has to be read, and of two fields that fail, another one would be
reported first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

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

from gateway.access import PlaceRef, parse_number
from gateway.errors import InvalidInput
from gateway.model import Surface
from gateway.storage.ahead import NO_FORECAST, Forecast
from schema.connections import MAX_PAGE_SIZE
from schema.context import place_or_current

_LISTS: Final = frozenset({"persistedFolders", "persistedFolderByType"})
_ENVIRONMENT: Final = "environment"
_VIEWER: Final = "viewer"
_ENVIRONMENTS: Final = "environments"
# What else reads something below the viewer.
_READING: Final = frozenset({"currentEnvironment", "persistedFolders"})
_KNOWN: Final = _LISTS | {_ENVIRONMENT, _VIEWER, "rateLimit", "__typename"}
_INPUT: Final = "input"
_SURFACES: Final = {each.name: each for each in Surface}

_Value = Callable[[Mapping[str, Any]], Any]
"""Of an argument, from the variables of a request as they were sent."""


class _Ask(NamedTuple):
    """A place that is asked for, and the surfaces on which folders are read there."""

    project: _Value
    environment: _Value
    surfaces: Sequence[_Value] = ()

    def place(self, variables: Mapping[str, Any]) -> PlaceRef | None:
        """None where the arguments are not as they should be."""
        try:
            return place_or_current(_id(self.project(variables)), _id(self.environment(variables)))
        except (InvalidInput, TypeError, ValueError):
            return None


class _PageAsk(NamedTuple):
    """The first environments of the viewer, and the surfaces on which folders will be read in each."""

    first: _Value
    surfaces: Sequence[_Value]

    def forecast(self, variables: Mapping[str, Any]) -> Forecast:
        first = self.first(variables)
        if first is None:
            first = MAX_PAGE_SIZE
        elif isinstance(first, str):
            # As a document has it.
            first = parse_number(first)
        if not isinstance(first, int) or not 1 <= first <= MAX_PAGE_SIZE:
            return NO_FORECAST
        surfaces = {_surface(each(variables)) for each in self.surfaces}
        return Forecast(surfaces=tuple(surfaces), has_several=True, page=first)


class OperationForecast:
    """For one validated operation."""

    def __init__(self, operation: OperationDefinitionNode) -> None:
        defaults = {
            definition.variable.name.value: _constant(definition.default_value)
            for definition in operation.variable_definitions or ()
        }
        fields = [*_fields(operation.selection_set)]
        values = _Values(defaults)
        asks: list[_Ask] = []
        viewers: list[FieldNode] = []
        self._page: _PageAsk | None = None
        if operation.operation is OperationType.MUTATION:
            asks = [ask for field in fields for ask in _mutation_asks(field, values)]
        elif len(fields) == len(operation.selection_set.selections) and _KNOWN.issuperset(map(_name, fields)):
            asks = [ask for field in fields for ask in _query_asks(field, values)]
            viewers = [field for field in fields if _name(field) == _VIEWER]
            if not asks and len(viewers) == 1:
                self._page = _page_ask(viewers[0], values)
            elif any(map(_may_read, viewers)):
                # Only a part would be foreseen.
                asks = []
        # A viewer that reads nothing may fail: its email needs a scope.
        self._has_several = len(asks) + len(viewers) > 1
        self._asks = _merged(asks)
        self._constant = None if defaults else self._of({})

    def of(self, variables: Mapping[str, Any]) -> Forecast:
        """`variables` as the client sent them."""
        return self._of(variables) if self._constant is None else self._constant

    def _of(self, variables: Mapping[str, Any]) -> Forecast:
        if self._page is not None:
            return self._page.forecast(variables)
        places: list[PlaceRef] = []
        surfaces: set[Surface] = set()
        for ask in self._asks:
            place = ask.place(variables)
            if place is not None:
                places.append(place)
                surfaces.update(_surface(each(variables)) for each in ask.surfaces)
        return Forecast.at(places, surfaces, has_several=self._has_several) if places else NO_FORECAST


def _merged(asks: Sequence[_Ask]) -> list[_Ask]:
    """Those of one place together: a dashboard names each of its places twice."""
    surfaces: dict[tuple[_Value, _Value], dict[_Value, None]] = {}
    for ask in asks:
        surfaces.setdefault((ask.project, ask.environment), {}).update(dict.fromkeys(ask.surfaces))
    return [_Ask(*place, tuple(found)) for place, found in surfaces.items()]


class _Values:
    """Reads arguments; the same one from the same source."""

    def __init__(self, defaults: Mapping[str, Any]) -> None:
        self._defaults = defaults
        self._variables: dict[str, _Value] = {}
        self._constants: dict[Any, _Value] = {}

    def of(self, node: ValueNode | None) -> _Value:
        if isinstance(node, VariableNode):
            return self._variables.setdefault(node.name.value, self._variable(node.name.value))
        constant = _constant(node)
        return self._constants.setdefault(constant, lambda _: constant)

    def _variable(self, name: str) -> _Value:
        default = self._defaults.get(name)
        return lambda variables: variables.get(name, default)


def _query_asks(field: FieldNode, values: _Values) -> Iterator[_Ask]:
    arguments = _arguments(field)
    name = _name(field)
    if name in _LISTS:
        yield _ask(arguments, values, with_folders=True)
    elif name == _ENVIRONMENT:
        number = {"environmentId": arguments["id"]} if "id" in arguments else {}
        yield _ask(number, values)
        for inner in _fields(field.selection_set):
            if _name(inner) in _LISTS:
                yield _ask(number | _arguments(inner), values, with_folders=True)


def _page_ask(viewer: FieldNode, values: _Values) -> _PageAsk | None:
    """None where anything else below the viewer is to be read, or may be."""
    fields = [*_fields(viewer.selection_set)]
    lists = [field for field in fields if _name(field) == _ENVIRONMENTS]
    if viewer.selection_set is None or len(fields) != len(viewer.selection_set.selections) or len(lists) != 1:
        return None
    arguments = _arguments(lists[0])
    if not _READING.isdisjoint(map(_name, fields)) or not arguments.keys() <= {"first"}:
        return None
    parts = [*_fields(lists[0].selection_set)]
    if any(_name(part) == "totalCount" for part in parts):
        return None
    nodes = [part for part in parts if _name(part) == "nodes"]
    edges = [part for part in parts if _name(part) == "edges"]
    nodes += [inner for edge in edges for inner in _fields(edge.selection_set) if _name(inner) == "node"]
    surfaces = [
        values.of(_arguments(inner).get("surface"))
        for node in nodes
        for inner in _fields(node.selection_set)
        if _name(inner) in _LISTS
    ]
    return _PageAsk(values.of(arguments.get("first")), surfaces)


def _may_read(viewer: FieldNode) -> bool:
    """Whether anything below it is read, or may be: a fragment is not looked into."""
    selections = viewer.selection_set.selections if viewer.selection_set else ()
    return any(
        not isinstance(each, FieldNode) or each.name.value in _READING or each.name.value == _ENVIRONMENTS
        for each in selections
    )


def _mutation_asks(field: FieldNode, values: _Values) -> Iterator[_Ask]:
    given = _arguments(field).get(_INPUT)
    if isinstance(given, ObjectValueNode):
        yield _ask({each.name.value: each.value for each in given.fields}, values)
    elif isinstance(given, VariableNode):
        whole = values.of(given)

        def member(name: str) -> _Value:
            def read(variables: Mapping[str, Any]) -> Any:
                sent = whole(variables)
                return sent.get(name) if isinstance(sent, dict) else None

            return read

        yield _Ask(member("projectId"), member("environmentId"))


def _ask(arguments: Mapping[str, ValueNode], values: _Values, *, with_folders: bool = False) -> _Ask:
    return _Ask(
        values.of(arguments.get("projectId")),
        values.of(arguments.get("environmentId")),
        (values.of(arguments.get("surface")),) if with_folders else (),
    )


def _name(field: FieldNode) -> str:
    return field.name.value


def _fields(selection_set: SelectionSetNode | None) -> Iterator[FieldNode]:
    for selection in selection_set.selections if selection_set else ():
        if isinstance(selection, FieldNode):
            yield selection


def _arguments(field: FieldNode) -> dict[str, ValueNode]:
    return {argument.name.value: argument.value for argument in field.arguments or ()}


def _constant(node: ValueNode | None) -> Any:
    return node.value if isinstance(node, (StringValueNode, IntValueNode, EnumValueNode)) else None


def _surface(value: Any) -> Surface:
    return _SURFACES.get(value, Surface.WEB) if isinstance(value, str) else Surface.WEB


def _id(value: Any) -> str | None:
    """An ID is sent as text or as a number. Raises TypeError."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    raise TypeError
