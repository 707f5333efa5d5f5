"""A Strawberry schema with every kind of field that plans look into, and those that they leave alone."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

import strawberry
from graphql import GraphQLSchema
from strawberry.dataloader import DataLoader
from strawberry.extensions.field_extension import FieldExtension
from strawberry.permission import BasePermission
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info

from gateway.execution import InstancesOf
from tests.execution.strawberry_kinds import SCALARS, Kinds


class Diary:
    """The context: what happens, in which order, and a loader whose batches are part of it."""

    def __init__(self) -> None:
        self.trace: list[Any] = []
        self.titles: DataLoader[int, str] = DataLoader(self._load)

    async def _load(self, keys: list[int]) -> list[str | BaseException]:
        self.trace.append(("batch", list(keys)))
        await asyncio.sleep(0)
        return [KeyError(key) if key % 5 == 4 else f"title {key}" for key in keys]


@strawberry.enum
class Level(enum.Enum):
    LOW = 1
    HIGH = strawberry.enum_value(2, name="TOP")


@strawberry.enum
class Tone(enum.StrEnum):
    LOUD = "loud"
    QUIET = "quiet"


@strawberry.input
class Range:
    start: int = 0
    size: int | None = None
    level: Level = Level.LOW


@strawberry.input
class Wish:
    text: str
    ranges: list[Range] = strawberry.field(default_factory=list)
    range: Range | None = strawberry.UNSET
    tones: list[Tone | None] | None = None
    at: datetime | None = None
    note: strawberry.Maybe[str | None]


@strawberry.input
class Even:
    number: int = 2
    other: Even | None = None

    def __post_init__(self) -> None:
        if self.number % 2:
            raise ValueError(f"{self.number} is odd")


class Allowed(BasePermission):
    message = "not allowed"

    def has_permission(self, source: Any, info: Info, **kwargs: Any) -> bool:
        info.context.trace.append(("asked", source.number, info.path.key))
        return kwargs.get("really", True)


class Loud(FieldExtension):
    def resolve(self, next_: Any, source: Any, info: Info, **kwargs: Any) -> Any:
        return str(next_(source, info, **kwargs)).upper()


@strawberry.interface
class Item:
    id: strawberry.ID
    level: Level


@strawberry.type
class Book(Item):
    title: str
    tone: Tone | None
    made_at: datetime
    uuid: UUID
    price: Decimal
    extra: JSON
    number: strawberry.Private[int]
    ratio: float = 0.5
    tags: list[str] = strawberry.field(default_factory=lambda: ["a", "b"])

    @strawberry.field
    def shout(self) -> str:
        return self.title.upper()

    @strawberry.field
    def failing(self) -> str | None:
        raise ValueError(f"book {self.number}")

    @strawberry.field
    async def failing_later(self, info: Info, ticks: int = 1) -> str:
        for _ in range(ticks):
            await asyncio.sleep(0)
        info.context.trace.append(("failing", self.number))
        if self.number % 3 == 0:
            raise ValueError(f"later {self.number}")
        return "fine"

    @strawberry.field
    async def loaded(self, info: Info) -> str | None:
        return await info.context.titles.load(self.number)

    @strawberry.field
    def loading(self, info: Info) -> str | None:
        return info.context.titles.load(self.number + 1)  # type: ignore[no-any-return]

    @strawberry.field
    async def related(self, count: int = 2) -> list[Book]:
        return [make_book(self.number + 1 + each) for each in range(count)]

    @strawberry.field
    def next_item(self) -> Item | None:
        return make_item(self.number + 1)

    @strawberry.field
    def next_any(self) -> Thing:
        return make_item(self.number + 2)

    @strawberry.field
    @staticmethod
    def nothing() -> None:
        return None

    @strawberry.field
    @staticmethod
    def by_root(root: Book, info: Info, level: Level = Level.HIGH) -> str:
        return f"{root.number} {level} {info.field_name} {info.python_name}"

    @strawberry.field
    @staticmethod
    def by_parent(parent: strawberry.Parent[Book]) -> int:
        return parent.number

    @strawberry.field(permission_classes=[Allowed])
    def guarded(self, really: bool = False) -> str | None:
        return f"guarded {really}"

    @strawberry.field(extensions=[Loud()])
    def loud(self, text: str = "x") -> str:
        return text + self.title


@strawberry.type
class Film(Item):
    length: int
    books: list[Book | None]

    @strawberry.field
    def book(self) -> Book:
        return None  # type: ignore[return-value]

    @strawberry.field
    def odd(self, what: int = 0) -> int:
        return (2**40, "7", "x", 1.5, None)[what % 5]  # type: ignore[return-value]

    @strawberry.field
    async def stream(self, count: int = 3) -> list[int]:
        async def numbers() -> AsyncIterator[int]:
            for each in range(count):
                await asyncio.sleep(0)
                yield each

        return numbers()  # type: ignore[return-value]

    @strawberry.field
    def lazily(self) -> list[Book]:
        def books() -> Iterator[Book]:
            yield make_book(1)
            yield make_book(2)

        return books()  # type: ignore[return-value]


class TownRecord(NamedTuple):
    """A record of the application's own: the values of a type that it does not know of."""

    number: int
    level: Level
    name: str | None

    @property
    def label(self) -> str:
        if self.number == 7:
            raise ValueError("no label")
        return f"town {self.number}"


class CapitalRecord(TownRecord):
    """No value of that type; and with attributes of its own, it can be cast to one."""


class RoadRecord:
    """The same without the ways of a tuple."""

    def __init__(self, length: float, *towns: Any) -> None:
        self.length = length
        self.towns = towns


def _town_id(self: TownRecord) -> strawberry.ID:
    return strawberry.ID(f"town-{self.number}")


def _town_books(self: TownRecord, info: Info, count: int = 1) -> list[Book]:
    info.context.trace.append(("town", self.number))
    return [make_book(self.number + each) for each in range(count)]


async def _town_next(self: TownRecord) -> Item:
    return make_item(self.number + 5)  # type: ignore[no-any-return]


def _town_roads(self: TownRecord) -> list[Road | None]:
    return [RoadRecord(0.5, self), None, RoadRecord(self.number, make_film(1), self)]  # type: ignore[list-item]


@strawberry.type
class Town(Item):
    is_type_of = InstancesOf(TownRecord)

    id: strawberry.ID = strawberry.field(resolver=_town_id)
    name: str
    label: str | None
    number: int
    lost: int | None
    books: list[Book] = strawberry.field(resolver=_town_books)
    next: Item = strawberry.field(resolver=_town_next)
    roads: list[Road | None] = strawberry.field(resolver=_town_roads)


@strawberry.type
class Road:
    is_type_of = InstancesOf(RoadRecord)

    length: float
    towns: list[Town | None]


Thing = Annotated[Book | Film | Town, strawberry.union("Thing")]


def make_book(number: int) -> Book:
    return Book(
        id=strawberry.ID(f"book-{number}"),
        level=Level(1 + number % 2),
        title=f'"book" {number}',
        tone=(Tone.LOUD, Tone.QUIET, None)[number % 3],
        made_at=datetime(2026, 1, 1 + number % 20, tzinfo=UTC),
        uuid=UUID(int=number),
        price=Decimal(number) / 4,
        extra=JSON({"n": [number, None]}),  # type: ignore[operator]
        number=number,
    )


def make_film(number: int) -> Film:
    return Film(id=strawberry.ID(f"film-{number}"), level=Level.LOW, length=number, books=[make_book(number), None])


def make_town(number: int) -> Any:
    return TownRecord(number, Level(1 + number % 2), None if number % 3 == 2 else f"name {number}")


def make_item(number: int) -> Any:
    if number % 5 == 4:
        return make_town(number)
    return make_book(number) if number % 2 else make_film(number)


@strawberry.type
class Query:
    @strawberry.field
    def book(self, number: int = 1) -> Book | None:
        return make_book(number) if number >= 0 else None

    @strawberry.field
    async def books(self, info: Info, count: int = 3, levels: list[Level] | None = None) -> list[Book]:
        info.context.trace.append(("books", count, levels))
        if levels is not None:
            levels.append(Level.LOW)
        return [make_book(each) for each in range(count) if not levels or Level(1 + each % 2) in levels]

    @strawberry.field
    def items(self, count: int = 3) -> list[Item]:
        return [make_item(each) for each in range(count)]

    @strawberry.field
    async def item(self, id: strawberry.ID, at: datetime | None = None) -> Item | None:
        return None if id == "" else make_item(len(id) + (at is not None))

    @strawberry.field
    def things(self, info: Info) -> list[Thing | None]:
        async def one(number: int) -> Any:
            info.context.trace.append(("thing", number))
            if number == 3:
                raise LookupError("thing")
            return make_item(number)

        return [make_item(1), one(2), None, one(3), one(4)]  # type: ignore[list-item]

    @strawberry.field
    def search(self, query: Wish, limit: int | None = None, tone: Tone = Tone.LOUD) -> str:
        note = "unset" if query.note is None else repr(query.note.value)
        return f"{query.text} {query.ranges} {query.range} {query.tones} {query.at} {note} {limit} {tone}"

    @strawberry.field
    def within(self, range: Range, ranges: list[Range | None] | None = None) -> str:
        return f"{range} {ranges}"

    @strawberry.field
    def given(
        self,
        info: Info,
        *,
        size: int | None = strawberry.UNSET,
        level: Level | None = None,
        ratio: float = 0.5,
        at: datetime = datetime(2026, 1, 1, tzinfo=UTC),
        extra: JSON | None = None,
        needed: bool,
    ) -> str | None:
        info.context.trace.append(("given", info.field_name))
        return f"{size!r} {level} {ratio} {at} {extra} {needed}"

    @strawberry.field
    async def given_later(
        self, info: Info, *, size: int | None = strawberry.UNSET, tones: list[Tone] | None = None, id: strawberry.ID
    ) -> str:
        info.context.trace.append(("given later", info.path.key))
        return f"{size!r} {tones} {id}"

    @strawberry.field
    def halved(self, even: Even, evens: list[Even] | None = None) -> str | None:
        return f"{even} {evens}"

    @strawberry.field
    async def halved_later(self, even: Even | None = strawberry.UNSET) -> str:
        return repr(even)

    @strawberry.field
    async def told(self, info: Info, number: int = 0) -> str:
        selected = [field.name for field in info.selected_fields]
        return f"{info.path} {info.field_name} {selected} {info.variable_values} {info.operation.operation} {number}"

    @strawberry.field
    def odd_book(self, cast: bool = False) -> Book:
        film: Any = make_film(2)
        return strawberry.cast(Book, film) if cast else film  # type: ignore[no-any-return]

    @strawberry.field
    def town(self, number: int = 1) -> Town | None:
        return make_town(number)  # type: ignore[no-any-return]

    @strawberry.field
    def towns(self) -> list[Town | None]:
        async def later(value: Any) -> Any:
            return value

        wrong: list[Any] = [CapitalRecord(2, Level.LOW, "wrong"), (2, Level.LOW, "wrong"), later(make_book(1)), {}]
        return [make_town(0), later(make_town(1)), None, *wrong, strawberry.cast(Town, CapitalRecord(*make_town(1)))]

    @strawberry.field
    async def odd_town(self, what: int = 0) -> Town:
        wrong: list[Any] = [make_film(1), CapitalRecord(1, Level.LOW, None), strawberry.cast(Town, make_book(1)), None]
        return wrong[what % 4]  # type: ignore[no-any-return]

    @strawberry.field
    def odd_items(self) -> list[Item | None]:
        book, capital = strawberry.cast(Town, make_book(1)), CapitalRecord(1, Level.LOW, None)
        return [make_town(1), book, capital, strawberry.cast(Town, RoadRecord(1))]  # type: ignore[list-item]

    @strawberry.field
    def odd_thing(self, what: int = 0) -> Thing | None:
        wrong: list[Any] = [CapitalRecord(1, Level.LOW, None), RoadRecord(1), strawberry.cast(Town, make_film(1))]
        return wrong[what % 3]  # type: ignore[no-any-return]

    @strawberry.field
    def kinds(self, number: int = 1) -> Kinds:
        return Kinds(number=number)

    @strawberry.field
    async def roads(self) -> list[Road]:
        return [RoadRecord(2.5, make_town(1), None), RoadRecord(1)]  # type: ignore[list-item]


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def write(self, info: Info, number: int = 1) -> Book:
        await asyncio.sleep(0)
        info.context.trace.append(("write", number))
        if number == 3:
            raise ValueError("cannot write")
        return make_book(number)

    @strawberry.mutation
    def write_now(self, info: Info, range: Range) -> str | None:
        info.context.trace.append(("now", range.size))
        if range.size == 7:
            raise ValueError("too large")
        return repr(range)


STRAWBERRY_SCHEMA: Final[GraphQLSchema] = strawberry.Schema(
    Query, Mutation, types=[Film], config=StrawberryConfig(scalar_map=SCALARS)
)._schema
TEXTS: Final = ["text", "", "2026-01-01T00:00:00+00:00", "book-3"]
