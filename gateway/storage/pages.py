"""Keyset pages of any number of lists in one statement.

Each list is up to three SELECTs: its rows, one row more than asked for, and for each end that a cursor names a check
whether anything lies beyond it. UNION ALL joins those of all lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import ColumnElement, Integer, Row, Select, bindparam, literal, select, tuple_, union_all

from gateway.model import Page, Window
from gateway.storage.engine import Database
from gateway.storage.statements import Prepared, Read

T = TypeVar("T")
K = TypeVar("K", bound=tuple[Any, ...])

_ROWS: Final = 0
_BELOW: Final = 1
_ABOVE: Final = 2
# SQLite takes at most 500 terms in a compound SELECT; a list has at most three.
_LISTS_PER_STATEMENT: Final = 100


@dataclass(frozen=True, slots=True)
class KeysetQuery(Generic[K]):
    """All rows of one list, unordered, and which part of it is wanted; `key` must be unique in the list."""

    rows: Select[Any]
    key: tuple[ColumnElement[Any], ...]
    window: Window[K]


async def fetch_pages(
    database: Database,
    queries: Sequence[KeysetQuery[K]],
    make: Callable[[Row[Any]], T],
    key: Callable[[T], K],
) -> list[Page[T]]:
    """One page for each query, in their order; one statement for 100 queries. `key` is that of `KeysetQuery`."""
    pages: list[Page[T]] = []
    for start in range(0, len(queries), _LISTS_PER_STATEMENT):
        chunk = queries[start : start + _LISTS_PER_STATEMENT]
        rows = await database.fetch(union_all(*(part for i, query in enumerate(chunk) for part in _parts(i, query))))
        by_list: list[dict[int, list[T]]] = [{_ROWS: [], _BELOW: [], _ABOVE: []} for _ in chunk]
        for row in rows:
            by_list[row.list_number][row.kind].append(make(row))
        pages.extend(_page(query.window, found, key) for query, found in zip(chunk, by_list, strict=True))
    return pages


class PreparedPages(Generic[T, K]):
    """Pages of one list, from a prepared statement; `fetch_pages` is for many lists.

    `rows` selects the whole list, with parameters; `key` must be unique in it. `make` takes the columns of a row.
    """

    def __init__(
        self,
        database: Database,
        rows: Select[Any],
        key: tuple[ColumnElement[Any], ...],
        make: Callable[[Sequence[Any]], T],
        key_of: Callable[[T], K],
    ) -> None:
        self._database = database
        self._rows = rows
        self._key = key
        self._make = make
        self._key_of = key_of
        # By what a window asks for: whether it is backward, and whether it has cursors.
        self._statements: dict[tuple[bool, bool, bool], tuple[Prepared, Read]] = {}

    async def fetch(self, window: Window[K], **values: Any) -> Page[T]:
        shape = (window.backward, window.after is not None, window.before is not None)
        if shape not in self._statements:
            self._statements[shape] = self._prepared(*shape)
        statement, read = self._statements[shape]
        for side, cursor in (("after", window.after), ("before", window.before)):
            values |= {f"{side}_{i}": value for i, value in enumerate(cursor or ())}
        found: dict[int, list[T]] = {_ROWS: [], _BELOW: [], _ABOVE: []}
        for row in await self._database.read(statement, page_limit=window.limit, **values):
            found[row[1]].append(self._make(read(row)))
        return _page(window, found, self._key_of)

    def _prepared(self, backward: bool, has_after: bool, has_before: bool) -> tuple[Prepared, Read]:
        window: Window[Any] = Window(
            bindparam("page_limit", type_=Integer),  # type: ignore[arg-type]  # stands for the number
            backward,
            self._cursor("after") if has_after else None,
            self._cursor("before") if has_before else None,
        )
        query = KeysetQuery(self._rows, self._key, window)
        statement = self._database.prepare(union_all(*_parts(0, query)))
        # The number of the list and the kind of the row come first.
        return statement, statement.reader(2)

    def _cursor(self, side: str) -> tuple[Any, ...]:
        return tuple(bindparam(f"{side}_{i}", type_=column.type) for i, column in enumerate(self._key))


def slice_page(rows: Iterable[T], key: Callable[[T], Any], window: Window[Any]) -> Page[T]:
    """A page of a list that is complete and in order in memory, by the same rules as `fetch_pages`."""
    if window.after is None and window.before is None:
        whole = tuple(rows)
        if len(whole) <= window.limit:
            return Page(whole, False, False)
        return _cut(whole, window, below=False, above=False)
    below = above = False
    inside: list[T] = []
    for row in rows:
        position = key(row)
        is_below = window.after is not None and position <= window.after
        # Both at once, where the two cursors stand in the wrong order.
        is_above = window.before is not None and position >= window.before
        below, above = below or is_below, above or is_above
        if not is_below and not is_above:
            inside.append(row)
    return _cut(inside, window, below=below, above=above)


def _parts(number: int, query: KeysetQuery[K]) -> Iterable[Select[Any]]:
    window = query.window
    rows = query.rows
    if window.after is not None:
        rows = rows.where(_compare(query.key, ">", window.after))
        yield _part(number, _BELOW, query.rows.where(_compare(query.key, "<=", window.after)).limit(1))
    if window.before is not None:
        rows = rows.where(_compare(query.key, "<", window.before))
        yield _part(number, _ABOVE, query.rows.where(_compare(query.key, ">=", window.before)).limit(1))
    order = [column.desc() if window.backward else column.asc() for column in query.key]
    yield _part(number, _ROWS, rows.order_by(*order).limit(window.limit + 1))


def _part(number: int, kind: int, rows: Select[Any]) -> Select[Any]:
    # A LIMIT inside a compound SELECT needs a subquery of its own, on SQLite.
    return select(literal(number).label("list_number"), literal(kind).label("kind"), rows.subquery())


def _compare(key: tuple[ColumnElement[Any], ...], operator: str, value: Sequence[Any]) -> ColumnElement[bool]:
    if len(key) == 1:
        return key[0].op(operator, is_comparison=True)(value[0])
    return tuple_(*key).op(operator, is_comparison=True)(tuple_(*value))


def _page(window: Window[K], found: Mapping[int, list[T]], key: Callable[[T], K]) -> Page[T]:
    """From rows by their kind."""
    # UNION ALL promises no order.
    inside = sorted(found[_ROWS], key=key)
    return _cut(inside, window, below=bool(found[_BELOW]), above=bool(found[_ABOVE]))


def _cut(rows: Sequence[T], window: Window[K], *, below: bool, above: bool) -> Page[T]:
    more = len(rows) > window.limit
    if window.backward:
        kept = rows[-window.limit :] if more else rows
        return Page(tuple(kept), has_next=above, has_previous=more or below)
    return Page(tuple(rows[: window.limit]), has_next=more or above, has_previous=below)
