"""Pages as Relay's connections: arguments, cursors, and the parts that every connection has."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final, Generic, NamedTuple, TypeVar

import strawberry

from gateway.cursors import Cursors
from gateway.errors import InvalidInput
from gateway.model import Page, Window

T = TypeVar("T")
K = TypeVar("K")

MAX_PAGE_SIZE: Final = 100

First = Annotated[
    int | None,
    strawberry.argument(
        description="How many from the start of the list, 1 to 100; 100 if neither `first` nor `last` is given."
    ),
]
After = Annotated[str | None, strawberry.argument(description="Only what comes after this cursor.")]
Last = Annotated[
    int | None,
    strawberry.argument(description="How many from the end of the list, 1 to 100. Not together with `first`."),
]
Before = Annotated[str | None, strawberry.argument(description="Only what comes before this cursor.")]


class Edge(NamedTuple):
    """The value of each of the edge types."""

    cursor: str
    node: Any


class Connection(Generic[T]):
    """A page: the value of the connection types and of PageInfo, whose fields are its attributes.

    `count` returns how many items there are on all pages, or something to await for it.
    """

    __slots__ = ("_count", "_cursors", "_key", "has_next_page", "has_previous_page", "nodes")

    def __init__(self, page: Page[T], cursors: Cursors, key: Callable[[T], Any], count: Callable[[], Any]) -> None:
        self.nodes, self.has_next_page, self.has_previous_page = page
        self._cursors = cursors
        self._key = key
        self._count = count

    @property
    def edges(self) -> list[Edge]:
        cursors = self._cursors.encode_all(map(self._key, self.nodes))
        return [*map(_new_edge, zip(cursors, self.nodes))]  # noqa: B905  # a cursor each

    @property
    def page_info(self) -> Connection[T]:
        return self

    @property
    def total_count(self) -> Any:
        return self._count()

    @property
    def start_cursor(self) -> str | None:
        return self._cursors.encode(self._key(self.nodes[0])) if self.nodes else None

    @property
    def end_cursor(self) -> str | None:
        return self._cursors.encode(self._key(self.nodes[-1])) if self.nodes else None


# Without a look at how many values there are: a third of the time of the class's own.
_new_edge: Callable[[tuple[str, Any]], Edge] = partial(tuple.__new__, Edge)


def window_of(
    cursors: Cursors,
    make_key: Callable[..., K],
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Window[K]:
    """Raises InvalidInput that names the argument."""
    if first is None and after is None and last is None and before is None:
        return _FIRST_PAGE
    if first is not None and last is not None:
        raise InvalidInput("Arguments 'first' and 'last' exclude each other.")
    for name, value in (("first", first), ("last", last)):
        if value is not None and not 1 <= value <= MAX_PAGE_SIZE:
            raise InvalidInput(f"Argument '{name}' must be from 1 to {MAX_PAGE_SIZE}, not {value}.", attr=name)
    return Window(
        limit=first or last or MAX_PAGE_SIZE,
        backward=last is not None,
        after=None if after is None else make_key(*cursors.decode(after, "after")),
        before=None if before is None else make_key(*cursors.decode(before, "before")),
    )


_FIRST_PAGE: Final[Window[Any]] = Window(MAX_PAGE_SIZE)


@strawberry.type(description="Where a page lies in the whole list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether the list goes on after this page.")
    has_previous_page: bool = strawberry.field(description="Whether the list goes on before this page.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first item; null if the page is empty.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last item; null if the page is empty.")
