"""Pages as Relay's connections: arguments, cursors, and the parts that every connection has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Generic, NamedTuple, TypeVar

import strawberry

from gateway.cursors import BoundCursors
from gateway.errors import InvalidInput
from gateway.model import Page, Window

T = TypeVar("T")
K = TypeVar("K", bound=tuple[Any, ...])

MAX_PAGE_SIZE: Final = 100

First = Annotated[
    int | None,
    strawberry.argument(
        description="How many from the start of the list: 1 to 100. Neither `first` nor `last` is 100."
    ),
]
After = Annotated[str | None, strawberry.argument(description="Only what comes after this cursor.")]
Last = Annotated[
    int | None, strawberry.argument(description="How many from the end of the list: 1 to 100. Not beside `first`.")
]
Before = Annotated[str | None, strawberry.argument(description="Only what comes before this cursor.")]


class Slice(NamedTuple, Generic[T]):
    """A page with what is needed to make its cursors."""

    page: Page[T]
    cursors: BoundCursors
    key: Callable[[T], tuple[Any, ...]]

    def cursor(self, row: T) -> str:
        return self.cursors.encode(self.key(row))


def window_of(
    cursors: BoundCursors,
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
    slice: strawberry.Private[Slice[Any]]

    @strawberry.field(description="Whether the list goes on after this page.")
    def has_next_page(self) -> bool:
        return self.slice.page.has_next

    @strawberry.field(description="Whether the list goes on before this page.")
    def has_previous_page(self) -> bool:
        return self.slice.page.has_previous

    @strawberry.field(description="The cursor of the first item; null where the page is empty.")
    def start_cursor(self) -> str | None:
        rows = self.slice.page.rows
        return self.slice.cursor(rows[0]) if rows else None

    @strawberry.field(description="The cursor of the last item; null where the page is empty.")
    def end_cursor(self) -> str | None:
        rows = self.slice.page.rows
        return self.slice.cursor(rows[-1]) if rows else None
