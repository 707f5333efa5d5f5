"""Kinds of Strawberry fields that stand for themselves: guarded, extended, generic, with odd resolvers or values."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Generator
from dataclasses import replace
from functools import partial, update_wrapper
from typing import Any, ClassVar, Final, Generic, NewType, TypeVar

import strawberry
from graphql import GraphQLError, Undefined
from strawberry.extensions.field_extension import FieldExtension
from strawberry.permission import BasePermission, PermissionExtension
from strawberry.types import Info
from strawberry.types.scalar import ScalarDefinition

T = TypeVar("T")
Odd = NewType("Odd", object)


def _serialize_odd(value: Any) -> Any:
    if value == "raise":
        raise ValueError("odd value")
    if value == "tell":
        raise GraphQLError("told", extensions={"code": "TOLD"})
    return {"none": None, "undefined": Undefined, "infinite": float("inf"), "huge": 2**70}.get(value, [value, {"a": 1}])


_ODD_VALUES: Final[list[Any]] = ["fine", "raise", "none", "undefined", "infinite", "huge", "tell", b"bytes", 5]
SCALARS: Final[dict[object, ScalarDefinition]] = {
    Odd: strawberry.scalar(name="Odd", serialize=_serialize_odd, parse_value=lambda value: {"odd": value})
}


@strawberry.enum
class Growing(enum.Enum):
    SMALL = "small"
    TEXT = "text"

    @classmethod
    def _missing_(cls, value: object) -> Growing:
        """A member that the schema does not know of."""
        member = object.__new__(cls)
        member._name_ = member._value_ = str(value)
        return member


@strawberry.enum
class Shape(enum.Enum):
    LISTED = ["a"]  # noqa: RUF012  # what a member is worth
    PAIRED = (1, 2)
    ALSO_PAIRED = (1, 2)  # noqa: PIE796  # an alias


@strawberry.input(one_of=True)
class Choice:
    number: int | None = strawberry.UNSET
    text: str | None = strawberry.UNSET


@strawberry.input
class Sized(Generic[T]):
    size: T
    sizes: list[T] | None = None


class AllowedLater(BasePermission):
    message = "not allowed in time"
    error_extensions: ClassVar = {"code": "LATE"}

    async def has_permission(self, source: Any, info: Info, **kwargs: Any) -> bool:
        await asyncio.sleep(0)
        info.context.trace.append(("asked later", source.number, info.path.key))
        return bool(kwargs["really"])


class Echo(FieldExtension):
    def resolve(self, next_: Any, source: Any, info: Info, **kwargs: Any) -> Any:
        info.context.trace.append(("echo", sorted(kwargs)))
        return f"{next_(source, info, **kwargs)}!"

    async def resolve_async(self, next_: Any, source: Any, info: Info, **kwargs: Any) -> Any:
        info.context.trace.append(("echo later", sorted(kwargs)))
        return f"{await next_(source, info, **kwargs)}?"


class InTime(FieldExtension):
    async def resolve_async(self, next_: Any, source: Any, info: Info, **kwargs: Any) -> Any:
        await asyncio.sleep(0)
        return await next_(source, info, **kwargs)


@strawberry.type
class Cell(Generic[T]):
    value: T

    @strawberry.field
    def same(self) -> T:
        return self.value

    @strawberry.field
    async def later(self) -> T | None:
        await asyncio.sleep(0)
        return self.value


class Awaitable:
    """Neither a coroutine nor a future."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __await__(self) -> Generator[None, None, Any]:
        yield
        if isinstance(self._value, Exception):
            raise self._value
        return self._value


def _future(value: Any) -> asyncio.Future[Any]:
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    if isinstance(value, Exception):
        future.set_exception(value)
    else:
        future.set_result(value)
    return future


def _add(first: int = 0, second: int = 0) -> int:
    return first + second


class Counter:
    def __init__(self) -> None:
        # What Strawberry asks of a function.
        self.__name__ = "count"
        self.__module__ = __name__

    async def __call__(self, number: int = 1) -> int:
        return number + 1


@strawberry.type
class Kinds:
    number: int
    echoed: str = strawberry.field(default="value", extensions=[Echo()])
    added: int = strawberry.field(resolver=update_wrapper(partial(_add, 5), _add))
    counted: int = strawberry.field(resolver=Counter())

    @strawberry.field(permission_classes=[AllowedLater])
    async def guarded(self, really: bool = True) -> str | None:
        return f"guarded {really}"

    @strawberry.field(extensions=[PermissionExtension(permissions=[AllowedLater()], fail_silently=True)])
    async def guarded_silently(self, really: bool = False) -> list[str]:
        return [f"guarded {really}"]

    @strawberry.field(extensions=[Echo()])
    def echo(self, text: str = "x") -> str:
        return text

    @strawberry.field(extensions=[Echo(), InTime()])
    async def echo_later(self, info: Info, text: str = "y") -> str:
        return f"{info.field_name} {text}"

    @strawberry.field
    @classmethod
    def of_class(cls, number: int = 1) -> str:
        return f"{cls.__name__} {number}"

    @strawberry.field
    def grown(self, value: str = "small") -> Growing | None:
        return Growing(value)

    @strawberry.field
    def shapes(self, shape: Shape = Shape.LISTED) -> list[Shape | None]:
        return [shape, Shape.PAIRED, ["a"], "LISTED"]  # type: ignore[list-item]

    @strawberry.field
    def odd(self, what: int = 0) -> Odd | None:
        return _ODD_VALUES[what % len(_ODD_VALUES)]  # type: ignore[no-any-return]

    @strawberry.field
    def odds(self, given: Odd | None = None) -> list[Odd | None]:
        return [*_ODD_VALUES, given]

    @strawberry.field
    def cell(self) -> Cell[int]:
        return Cell(value=self.number)

    @strawberry.field
    async def cells(self) -> list[Cell[str] | None]:
        return [Cell(value="a"), Cell(value=[1]), None]  # type: ignore[arg-type]

    @strawberry.field
    def kinds_in_cells(self) -> list[Cell[Kinds]]:
        return [Cell(value=Kinds(number=self.number + 1)), Cell(value=self)]

    @strawberry.field
    def choose(self, choice: Choice | None = None) -> str:
        return repr(choice)

    @strawberry.field
    def sized(self, size: Sized[int], other: Sized[str] | None = None) -> str:
        return f"{size} {other}"

    @strawberry.field
    def awaited(self) -> int:
        return Awaitable(self.number)  # type: ignore[return-value]

    @strawberry.field
    async def awaited_twice(self) -> Kinds | None:
        return Awaitable(self)  # type: ignore[return-value]

    @strawberry.field
    def task(self, fails: bool = False) -> int | None:
        return asyncio.ensure_future(Awaitable(LookupError("task") if fails else 1))  # type: ignore[return-value]

    @strawberry.field
    def mixed(self) -> list[int | None]:
        refused = GraphQLError("refused", path=["else"], extensions={"code": "REFUSED"})
        return [Awaitable(1), _future(2), _future(KeyError("future")), Awaitable(refused), Awaitable(None)]  # type: ignore[list-item]

    @strawberry.field
    def generated(self, fails: bool = False) -> list[Kinds]:  # type: ignore[misc]
        yield Kinds(number=1)
        if fails:
            raise OSError("generator")
        yield Awaitable(Kinds(number=2))

    @strawberry.field
    async def generated_later(self) -> list[int]:  # type: ignore[misc]
        yield self.number
        await asyncio.sleep(0)
        yield Awaitable(2)

    @strawberry.field
    def shown(self, info: Info) -> str:
        other = replace(info, _field=info._field)
        return f"{repr(info).partition('(')[0]} {other == info} {other.path} {info.selected_fields}"
