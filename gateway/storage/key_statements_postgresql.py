"""The statements that look up keys on PostgreSQL, together with what their forecasts say.

Their rows are keys, environments and folders, all with the same columns. With one row for each folder instead, the key
and the environment would be repeated in every row.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    CompoundSelect,
    FromClause,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    null,
    select,
    true,
    union_all,
)

from gateway.storage.ahead import Current
from gateway.storage.key_records import current, valid_keys
from gateway.storage.records import FOLDER_COLUMNS, first_environments
from gateway.storage.tables import api_keys, environments, folders, projects, users
from gateway.storage.unnested import unnested

# Kinds of rows.
KEY: Final = 0
ENVIRONMENT: Final = 1
FOLDER: Final = 2
# In place of an environment's number, which is positive: what only the key's row can tell.
CURRENT: Final = {Current.ENVIRONMENT: 0, Current.PROJECT: -1}

_NO_NUMBER: Final = cast(null(), BigInteger)
_NO_ID: Final = cast(null(), Uuid)
_NO_TEXT: Final = cast(null(), Text)


class _Places(NamedTuple):
    """Environments, each beside the key that asks for it."""

    joined: FromClause
    number: ColumnElement[int]


class _Lists(NamedTuple):
    """The same with a surface: where folders are listed."""

    joined: FromClause
    number: ColumnElement[int]
    surface: ColumnElement[str]


class KeyStatement(ABC):
    """Its columns are those that `PostgreSQLKeyReader` unpacks."""

    def __init__(
        self,
        number: ColumnElement[int],
        key_hash: ColumnElement[str],
        now: ColumnElement[int],
        *,
        dialect: str,
        with_current: bool,
        with_folders: bool,
    ) -> None:
        """`number` is that of the question."""
        self._with_current = with_current
        self._with_folders = with_folders
        limits = (api_keys.c.scoped_environments, api_keys.c.scoped_organizations)
        self._keys = valid_keys(
            number.label("n"),
            users.c.id.label("user_id"),
            users.c.current_environment_id,
            current.c.project_id.label("current_project_id"),
            # As `reaches_all` says.
            and_(*(func.json_array_length(limit) == _literal(0) for limit in limits)).label("reaches_all"),
            wanted=api_keys.c.hash == key_hash,
            now=now,
            dialect=dialect,
        ).cte("keys")

    def whole(self) -> CompoundSelect[Any]:
        return union_all(*self._parts())

    def _parts(self) -> list[Select[Any]]:
        parts = [self._key_rows(), self._environments(self._places())]
        if self._with_folders:
            parts.append(self._folders(self._lists()))
        return parts

    @abstractmethod
    def _places(self) -> _Places: ...

    @abstractmethod
    def _lists(self) -> _Lists: ...

    def _key_rows(self) -> Select[Any]:
        keys = self._keys
        return select(
            *(keys.c.n, _literal(KEY), _NO_NUMBER, _NO_ID),
            *(keys.c.told, _NO_TEXT, _NO_TEXT, _NO_TEXT, keys.c.last_used_at, _NO_NUMBER),
        )

    def _environments(self, places: _Places) -> Select[Any]:
        return (
            select(
                *(self._keys.c.n, _literal(ENVIRONMENT), environments.c.id, projects.c.organization_id),
                *(environments.c.name, projects.c.name, _NO_TEXT, _NO_TEXT, projects.c.id, _NO_NUMBER),
            )
            .join_from(places.joined, environments, environments.c.id == self._meant(places.number))
            .join(projects, projects.c.id == environments.c.project_id)
        )

    def _folders(self, lists: _Lists) -> Select[Any]:
        """Of the key's user."""
        there = and_(
            folders.c.environment_id == self._meant(lists.number),
            folders.c.user_id == self._keys.c.user_id,
            folders.c.surface == lists.surface,
        )
        return select(self._keys.c.n, _literal(FOLDER), *FOLDER_COLUMNS).join_from(lists.joined, folders, there)

    def _meant(self, number: ColumnElement[int]) -> ColumnElement[int]:
        if not self._with_current:
            return number
        return case(
            (number == _literal(CURRENT[Current.ENVIRONMENT]), self._keys.c.current_environment_id),
            (number == _literal(CURRENT[Current.PROJECT]), self._keys.c.current_project_id),
            else_=number,
        )


class StatementForOne(KeyStatement):
    """For `hash`, `now` and one place, `number` and `surface`. It takes half the time of arrays with one item."""

    def __init__(self, dialect: str, *, with_current: bool, with_folders: bool) -> None:
        super().__init__(
            _literal(0),
            bindparam("hash", type_=Text),
            bindparam("now", type_=BigInteger),
            dialect=dialect,
            with_current=with_current,
            with_folders=with_folders,
        )

    def _places(self) -> _Places:
        return _Places(self._keys, bindparam("number", type_=BigInteger))

    def _lists(self) -> _Lists:
        return _Lists(self._keys, bindparam("number", type_=BigInteger), bindparam("surface", type_=Text))


class StatementForMany(KeyStatement):
    """For arrays of keys, places, lists and pages."""

    def __init__(self, dialect: str, *, with_current: bool, with_pages: bool, with_folders: bool) -> None:
        asked = unnested("asked", n=Integer(), hash=Text(), now=BigInteger())
        super().__init__(
            *(asked.c.n, asked.c.hash, asked.c.now),
            dialect=dialect,
            with_current=with_current,
            with_folders=with_folders,
        )
        self._with_pages = with_pages

    def _parts(self) -> list[Select[Any]]:
        parts = super()._parts()
        if self._with_pages:
            paged = self._paged().cte("paged")
            parts.append(select(paged))
            if self._with_folders:
                parts.append(self._folders(self._lists_of(paged)))
        return parts

    def _places(self) -> _Places:
        places = unnested("places", n=Integer(), number=BigInteger())
        return _Places(places.join(self._keys, self._keys.c.n == places.c.n), places.c.number)

    def _lists(self) -> _Lists:
        lists = unnested("lists", n=Integer(), number=BigInteger(), surface=Text())
        return _Lists(lists.join(self._keys, self._keys.c.n == lists.c.n), lists.c.number, lists.c.surface)

    def _paged(self) -> Select[Any]:
        keys, pages = self._keys, unnested("pages", n=Integer(), most=Integer())
        first = first_environments(keys.c.user_id, pages.c.most).lateral("first")
        return (
            select(
                *(pages.c.n, _literal(ENVIRONMENT).label("kind"), first.c.id, first.c.organization_id),
                *(first.c.name, first.c.project_name, _NO_TEXT.label("text3"), _NO_TEXT.label("text4")),
                *(first.c.project_id, _NO_NUMBER.label("time2")),
            )
            .join_from(pages, keys, (keys.c.n == pages.c.n) & keys.c.reaches_all)
            .join(first, true())
        )

    def _lists_of(self, paged: CTE) -> _Lists:
        lists = unnested("page_lists", n=Integer(), surface=Text())
        joined = lists.join(self._keys, self._keys.c.n == lists.c.n).join(paged, paged.c.n == lists.c.n)
        return _Lists(joined, paged.c.id, lists.c.surface)


def _literal(number: int) -> ColumnElement[int]:
    return literal_column(str(number))
