"""A schema on graphql-core alone whose resolvers do everything that resolvers can do, well or badly.

What a field does follows from the seed and its path, so that it is the same for each executor.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from random import Random
from typing import Any, Final

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    GraphQLUnionType,
    is_abstract_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)

_KINDS: Final = ("A", "B", "C")


class Scene:
    """The context of one execution: what happens in it, and in which order it did."""

    def __init__(self, seed: int, calm: float) -> None:
        self.seed = seed
        self.calm = calm
        self.trace: list[Any] = []

    def random(self, *place: Any) -> Random:
        return Random(zlib.crc32(repr((self.seed, place)).encode()))


class Thing:
    """Takes any of the object types; some of its attributes are values, some methods, some raise."""

    def __init__(self, kind: str, note: str) -> None:
        self.kind = kind
        self.plain = note
        self.count = len(note)

    def method(self, info: GraphQLResolveInfo, x: int = 0) -> str:
        return f"{self.kind}{x}{info.path.as_list()}"

    async def later(self, info: GraphQLResolveInfo) -> str:
        info.context.trace.append(("later", info.path.as_list()))
        await asyncio.sleep(0)
        return self.kind

    @property
    def broken(self) -> str:
        raise LookupError("broken attribute")


class Proxy:
    """Answers to any name with nothing."""

    def __str__(self) -> str:
        return "proxy"

    __repr__ = __str__

    def __getattr__(self, name: str) -> Any:
        if name in {"__await__", "__aiter__"}:
            raise AttributeError(name)
        return None


def _serialize_odd(value: Any) -> Any:
    if value == "raise":
        raise ValueError("odd value")
    return {"none": None, "dict": {"k": [1, None]}, "list": [1, "x"], "number": 7}.get(value, f"odd {value}")


def _parse_odd(value: Any) -> Any:
    if value == "wrong":
        raise GraphQLError("Odd cannot be wrong.")
    return {"odd": value}


ODD: Final = GraphQLScalarType("Odd", serialize=_serialize_odd, parse_value=_parse_odd)
COLOR: Final = GraphQLEnumType("Color", {"RED": 0, "GREEN": "g", "BLUE": (1, 2), "GREY": ["grey"]})
FILTER: Final = GraphQLInputObjectType(
    "Filter",
    lambda: {
        "text": GraphQLInputField(GraphQLString, default_value="all"),
        "count": GraphQLInputField(GraphQLNonNull(GraphQLInt)),
        "color": GraphQLInputField(COLOR, out_name="colour"),
        "odd": GraphQLInputField(ODD),
        "nested": GraphQLInputField(FILTER),
        "many": GraphQLInputField(GraphQLList(GraphQLNonNull(FILTER))),
    },
)
CHOICE: Final = GraphQLInputObjectType(
    "Choice", {"one": GraphQLInputField(GraphQLInt), "other": GraphQLInputField(GraphQLString)}, is_one_of=True
)


def _resolve(_source: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
    scene: Scene = info.context
    path = info.path.as_list()
    scene.trace.append(("call", path, sorted(arguments.items(), key=lambda item: item[0])))
    return _Behaviour(scene, info, path).of_field(info.return_type)


class _Behaviour:
    def __init__(self, scene: Scene, info: GraphQLResolveInfo, path: list[Any]) -> None:
        self._scene = scene
        self._info = info
        self._path = path
        self._random = scene.random(*path)

    def of_field(self, kind: Any) -> Any:
        choice = self._random.random()
        if choice < self._scene.calm:
            return self._later(kind) if choice < self._scene.calm / 3 else self._value(kind)
        return self._random.choice(
            (
                lambda: None,
                lambda: None,
                self._raise,
                lambda: ValueError("returned"),
                lambda: self._later(kind, fails=True),
                self._later_none,
                self._odd_type,
                lambda: self._later(kind),
            )
        )()

    def _raise(self) -> Any:
        error = self._random.choice(
            (
                ValueError("raised"),
                GraphQLError("told", extensions={"code": "TOLD"}),
                GraphQLError("elsewhere", path=["else", 1]),
                _WithExtensions("extended"),
            )
        )
        raise error

    async def _later(self, kind: Any, *, fails: bool = False) -> Any:
        ticks = self._random.randrange(3)
        for _ in range(ticks):
            await asyncio.sleep(0)
        self._scene.trace.append(("resumed", self._path, ticks))
        return self._raise() if fails else self._value(kind)

    async def _later_none(self) -> None:
        await asyncio.sleep(0)

    def _odd_type(self) -> Any:
        return self._random.choice((Proxy(), object, 2**70, float("nan"), {"plain": "dict"}, b"bytes", "text", [[]]))

    def _value(self, kind: Any) -> Any:
        if is_non_null_type(kind):
            kind = kind.of_type
        if is_list_type(kind):
            return self._list(kind.of_type)
        if is_object_type(kind):
            return self._thing(kind.name)
        if is_abstract_type(kind):
            return self._thing(self._random.choice(_KINDS))
        return self._leaf(kind)

    def _thing(self, kind: str) -> Any:
        note = f"{self._path}"
        if self._random.random() < 0.25:
            return {"__typename": kind, "kind": kind, "plain": note, "count": 3, "method": lambda _info, x=1: f"m{x}"}
        return Thing(kind, note)

    def _leaf(self, kind: Any) -> Any:
        choices: dict[str, tuple[Any, ...]] = {
            "String": ("text", 'quote " é', 5, True, 1.5, ""),
            "ID": ("id", 7),
            "Int": (1, 2**31 - 1, "3", 4.0, True),
            "Float": (1.5, 2, "2.5", 0.0),
            "Boolean": (True, False, 1, 0.0),
            "Color": (0, "g", (1, 2), ["grey"]),
            "Odd": ("a", "none", "dict", "list", "number", "raise"),
        }
        return self._random.choice(choices[kind.name])

    def _list(self, item_type: Any) -> Any:
        indices = range(self._random.randrange(4))
        shape = self._random.random()
        if shape < 0.7:
            return [self._item(item_type, index) for index in indices]
        if shape < 0.78:
            return tuple(self._item(item_type, index) for index in indices)
        if shape < 0.86:
            return self._generated(item_type, indices, fails=shape > 0.84)
        if shape < 0.98:
            return self._generated_later(item_type, indices, fails=shape > 0.95)
        return self._random.choice((7, "text", {"a": 1}))

    def _item(self, kind: Any, index: int) -> Callable[[], Any] | Any:
        choice = self._random.random()
        if is_non_null_type(kind) and is_list_type(kind.of_type):
            # A sibling may null the list before this item is looked at: nobody would await what is in it.
            return [_Behaviour(self._scene, self._info, [*self._path, index])._leaf(GraphQLInt)]
        if choice < self._scene.calm or is_list_type(kind):
            return self._value(kind)
        other = _Behaviour(self._scene, self._info, [*self._path, index])
        return self._random.choice(
            (
                lambda: None,
                lambda: KeyError("item"),
                lambda: other._later(kind),
                lambda: other._later(kind, fails=True),
                self._odd_type,
            )
        )()

    def _generated(self, item_type: Any, indices: range, *, fails: bool) -> Iterator[Any]:
        for index in indices:
            yield self._item(item_type, index)
        if fails:
            raise OSError("generator")

    async def _generated_later(self, item_type: Any, indices: range, *, fails: bool) -> AsyncIterator[Any]:
        try:
            for index in indices:
                await asyncio.sleep(0)
                yield self._item(item_type, index)
            if fails:
                raise OSError("generator")
        finally:
            self._scene.trace.append(("closed", self._path))


class _WithExtensions(Exception):
    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.extensions = {"own": True}


def _kind_of(value: Any) -> str | None:
    return value.get("__typename") if isinstance(value, dict) else getattr(value, "kind", None)


async def _later(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


def _is_type_of(kind: str) -> Callable[[Any, GraphQLResolveInfo], bool | Awaitable[bool]]:
    def check(value: Any, info: GraphQLResolveInfo) -> bool | Awaitable[bool]:
        scene: Scene = info.context
        choice = scene.random("type", kind, *info.path.as_list()).random()
        if choice > 0.97:
            raise RuntimeError(f"no idea what {kind} is")
        verdict = _kind_of(value) == kind and choice < 0.95
        return _later(verdict) if choice < 0.2 else verdict

    return check


def _resolve_type(value: Any, info: GraphQLResolveInfo, kind: Any) -> Any:
    scene: Scene = info.context
    choice = scene.random("resolve", kind.name, *info.path.as_list()).random()
    if choice > 0.9:
        answer: Any = scene.random("bad", *info.path.as_list()).choice((None, "Nothing", "Odd", "Query", 5))
    else:
        answer = _kind_of(value)
    return _later(answer) if choice < 0.3 else answer


NODE: Final = GraphQLInterfaceType("Node", {"id": GraphQLField(GraphQLNonNull(GraphQLID))}, resolve_type=_resolve_type)
NAMED: Final = GraphQLInterfaceType(
    "Named", lambda: {"id": GraphQLField(GraphQLNonNull(GraphQLID)), "obj": GraphQLField(A)}, interfaces=[NODE]
)


def _fields() -> dict[str, GraphQLField]:
    def resolved(kind: Any, **arguments: GraphQLArgument) -> GraphQLField:
        return GraphQLField(kind, arguments, resolve=_resolve)

    non_null, many = GraphQLNonNull, GraphQLList
    return {
        "id": resolved(non_null(GraphQLID)),
        "text": resolved(GraphQLString),
        "textN": resolved(non_null(GraphQLString)),
        "int": resolved(GraphQLInt),
        "intN": resolved(non_null(GraphQLInt)),
        "float": resolved(GraphQLFloat),
        "bool": resolved(non_null(GraphQLBoolean)),
        "color": resolved(COLOR),
        "colorN": resolved(non_null(COLOR)),
        "odd": resolved(ODD),
        "oddN": resolved(non_null(ODD)),
        "texts": resolved(many(GraphQLString)),
        "textsN": resolved(non_null(many(non_null(GraphQLString)))),
        "matrix": resolved(many(many(GraphQLInt))),
        "matrixN": resolved(non_null(many(non_null(many(non_null(GraphQLInt)))))),
        "obj": resolved(A),
        "objN": resolved(non_null(B)),
        "objs": resolved(many(A)),
        "objsN": resolved(non_null(many(non_null(C)))),
        "grid": resolved(many(many(non_null(A)))),
        "node": resolved(NODE),
        "nodeN": resolved(non_null(NODE)),
        "nodes": resolved(many(NODE)),
        "named": resolved(many(non_null(NAMED))),
        "any": resolved(ANY),
        "anys": resolved(non_null(many(ANY))),
        "plain": GraphQLField(GraphQLString),
        "count": GraphQLField(non_null(GraphQLInt)),
        "kind": GraphQLField(ODD),
        "missing": GraphQLField(GraphQLString),
        "broken": GraphQLField(GraphQLString),
        "later": GraphQLField(GraphQLString),
        "method": GraphQLField(GraphQLString, {"x": GraphQLArgument(GraphQLInt)}),
        "echo": GraphQLField(
            non_null(GraphQLString),
            {
                "text": GraphQLArgument(GraphQLString, default_value="default"),
                "number": GraphQLArgument(non_null(GraphQLInt), default_value=1),
                "needed": GraphQLArgument(non_null(GraphQLID)),
                "color": GraphQLArgument(COLOR, default_value="g", out_name="colour"),
                "odd": GraphQLArgument(ODD),
                "filter": GraphQLArgument(FILTER),
                "filters": GraphQLArgument(many(non_null(FILTER))),
                "choice": GraphQLArgument(CHOICE),
                "numbers": GraphQLArgument(many(GraphQLInt)),
                "float": GraphQLArgument(GraphQLFloat),
            },
            resolve=_echo,
        ),
        "info": GraphQLField(GraphQLString, resolve=_info),
    }


def _echo(_source: Any, info: GraphQLResolveInfo, **arguments: Any) -> str:
    text = repr(arguments)
    if arguments.get("numbers") and not info.variable_values.coerced:
        # A list that the document spells out is the resolver's own.
        arguments["numbers"].clear()
    return text


def _info(_source: Any, info: GraphQLResolveInfo) -> str:
    nodes = [(node.loc.start, node.loc.end) for node in info.field_nodes if node.loc]
    info.field_nodes.clear()
    return repr(
        (
            info.field_name,
            nodes,
            str(info.return_type),
            str(info.parent_type),
            info.path,
            sorted(info.fragments),
            info.operation.operation,
            info.variable_values.coerced,
            sorted(info.variable_values.sources),
            info.root_value,
            type(info.context),
            info.abort_signal,
        )
    )


A: Final = GraphQLObjectType("A", _fields, interfaces=[NODE, NAMED], is_type_of=None)
B: Final = GraphQLObjectType("B", _fields, interfaces=[NODE, NAMED], is_type_of=_is_type_of("B"))
C: Final = GraphQLObjectType("C", _fields, interfaces=[NODE], is_type_of=_is_type_of("C"))
ANY: Final = GraphQLUnionType("Any", [A, B, C])
QUERY: Final = GraphQLObjectType("Query", _fields)
MUTATION: Final = GraphQLObjectType("Mutation", _fields)
CORE_SCHEMA: Final = GraphQLSchema(QUERY, MUTATION, types=[A, B, C])
TEXTS: Final = ["text", "", "wrong", "raise", "é"]
