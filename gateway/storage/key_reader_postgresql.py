"""Keys on PostgreSQL, with what was foreseen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    case,
    cast,
    func,
    literal_column,
    null,
    select,
    true,
    union_all,
)

from gateway.model import Environment, Folder, Project, Surface
from gateway.storage.ahead import Current
from gateway.storage.engine import Database
from gateway.storage.key_questions import Answer, Found, Question
from gateway.storage.key_records import KeyRecord, caller_from, current, valid_keys
from gateway.storage.records import FOLDER_COLUMNS, SURFACES, TYPES, first_environments, new_folder
from gateway.storage.statements import Prepared
from gateway.storage.tables import api_keys, environments, folders, projects, users
from gateway.storage.unnested import arrays, unnested

# Kinds of rows.
_KEY: Final = 0
_ENVIRONMENT: Final = 1
_FOLDER: Final = 2
_NO_NUMBER: Final = cast(null(), BigInteger)
_NO_ID: Final = cast(null(), Uuid)
_NO_TEXT: Final = cast(null(), Text)
# In place of an environment's number, which is positive: what only the key's row can tell.
_CURRENT: Final = {Current.ENVIRONMENT: 0, Current.PROJECT: -1}


class PostgreSQLKeyReader:
    """One statement for all questions, with a row for each key, each environment and each folder."""

    def __init__(self, database: Database, *, with_folders: bool) -> None:
        self._database = database
        self._with_folders = with_folders
        # By what is asked for: current environments, pages. Who asks for neither does not pay for them.
        self._statements: dict[tuple[bool, bool], Prepared] = {}

    async def read(self, questions: Sequence[Question]) -> Sequence[Found | None]:
        places: list[tuple[int, int]] = []
        lists: list[tuple[int, int, str]] = []
        pages: list[tuple[int, int]] = []
        page_lists: list[tuple[int, str]] = []
        has_current = False
        for n, (_, _, forecast) in enumerate(questions):
            numbers: Sequence[int] = forecast.environments
            if forecast.current is not None:
                has_current = True
                numbers = (_CURRENT[forecast.current],)
            elif forecast.page is not None:
                pages.append((n, forecast.page + 1))
                page_lists += [(n, surface) for surface in forecast.surfaces]
            for number in numbers:
                places.append((n, number))
                lists += [(n, number, surface) for surface in forecast.surfaces]
        asked = [(n, each[0], each[1]) for n, each in enumerate(questions)]
        values = arrays("asked", ("n", "hash", "now"), asked) | arrays("places", ("n", "number"), places)
        if self._with_folders:
            values |= arrays("lists", ("n", "number", "surface"), lists)
        if pages:
            values |= arrays("pages", ("n", "most"), pages) | arrays("page_lists", ("n", "surface"), page_lists)
        rows = await self._database.read(self._statement(has_current, bool(pages)), **values)
        answers = [Answer() for _ in questions]
        # Rows of one place mostly follow one another.
        last, surface, place = (-1, 0, ""), Surface.WEB, list[Folder]()
        for n, kind, number, id_, text, text2, text3, text4, time, time2 in rows:
            if kind == _FOLDER:
                if (n, number, text) != last:
                    last, surface = (n, number, text), SURFACES[text]
                    place = answers[n].place(number, surface)
                place.append(new_folder((id_, number, surface, TYPES[text2], text3, text4, time, time2)))
            elif kind == _ENVIRONMENT:
                answers[n].environments[number] = Environment(number, text, Project(time, text2, id_))
            else:
                answers[n].key = KeyRecord(caller_from(questions[n].key_hash, text), time)
        return [answer.found(each.forecast) for answer, each in zip(answers, questions, strict=True)]

    def _statement(self, has_current: bool, has_pages: bool) -> Prepared:
        statement = self._statements.get((has_current, has_pages))
        if statement is None:
            written = _Statement(
                self._database.dialect, with_current=has_current, with_pages=has_pages, with_folders=self._with_folders
            )
            statement = self._statements[has_current, has_pages] = self._database.prepare(written.whole())
        return statement


class _Statement:
    """Rows of several kinds share their columns, and each says once what it is about: in one row for each folder, key
    and environment would stand as often as there are folders."""

    def __init__(self, dialect: str, *, with_current: bool, with_pages: bool, with_folders: bool) -> None:
        self._with_current = with_current
        self._with_pages = with_pages
        self._with_folders = with_folders
        asked = unnested("asked", n=Integer(), hash=Text(), now=BigInteger())
        limits = (api_keys.c.scoped_environments, api_keys.c.scoped_organizations)
        self._keys = valid_keys(
            asked.c.n,
            users.c.id.label("user_id"),
            users.c.current_environment_id,
            current.c.project_id.label("current_project_id"),
            # As `reaches_all` says.
            and_(*(func.json_array_length(limit) == _literal(0) for limit in limits)).label("reaches_all"),
            wanted=api_keys.c.hash == asked.c.hash,
            now=asked.c.now,
            dialect=dialect,
        ).cte("keys")

    def whole(self) -> CompoundSelect[Any]:
        parts = [self._key_rows(), self._environments()]
        if self._with_folders:
            parts.append(self._folders())
        if self._with_pages:
            paged = self._paged().cte("paged")
            parts.append(select(paged))
            if self._with_folders:
                parts.append(self._folders_of(paged))
        return union_all(*parts)

    def _key_rows(self) -> Select[Any]:
        keys = self._keys
        return select(
            *(keys.c.n, _literal(_KEY), _NO_NUMBER, _NO_ID),
            *(keys.c.told, _NO_TEXT, _NO_TEXT, _NO_TEXT, keys.c.last_used_at, _NO_NUMBER),
        )

    def _environments(self) -> Select[Any]:
        keys, places = self._keys, unnested("places", n=Integer(), number=BigInteger())
        return (
            select(
                *(places.c.n, _literal(_ENVIRONMENT), environments.c.id, projects.c.organization_id),
                *(environments.c.name, projects.c.name, _NO_TEXT, _NO_TEXT, projects.c.id, _NO_NUMBER),
            )
            .join_from(places, keys, keys.c.n == places.c.n)
            .join(environments, environments.c.id == self._meant(places.c.number))
            .join(projects, projects.c.id == environments.c.project_id)
        )

    def _folders(self) -> Select[Any]:
        keys, lists = self._keys, unnested("lists", n=Integer(), number=BigInteger(), surface=Text())
        return (
            select(lists.c.n, _literal(_FOLDER), *FOLDER_COLUMNS)
            .join_from(lists, keys, keys.c.n == lists.c.n)
            .join(folders, self._are_there(self._meant(lists.c.number), lists.c.surface))
        )

    def _paged(self) -> Select[Any]:
        keys, pages = self._keys, unnested("pages", n=Integer(), most=Integer())
        first = first_environments(keys.c.user_id, pages.c.most).lateral("first")
        return (
            select(
                *(pages.c.n, _literal(_ENVIRONMENT).label("kind"), first.c.id, first.c.organization_id),
                *(first.c.name, first.c.project_name, _NO_TEXT.label("text3"), _NO_TEXT.label("text4")),
                *(first.c.project_id, _NO_NUMBER.label("time2")),
            )
            .join_from(pages, keys, (keys.c.n == pages.c.n) & keys.c.reaches_all)
            .join(first, true())
        )

    def _folders_of(self, paged: CTE) -> Select[Any]:
        keys, lists = self._keys, unnested("page_lists", n=Integer(), surface=Text())
        return (
            select(lists.c.n, _literal(_FOLDER), *FOLDER_COLUMNS)
            .join_from(lists, keys, keys.c.n == lists.c.n)
            .join(paged, paged.c.n == lists.c.n)
            .join(folders, self._are_there(paged.c.id, lists.c.surface))
        )

    def _are_there(self, number: ColumnElement[int], surface: ColumnElement[str]) -> ColumnElement[bool]:
        """Folders of the key's user."""
        return and_(
            folders.c.environment_id == number,
            folders.c.user_id == self._keys.c.user_id,
            folders.c.surface == surface,
        )

    def _meant(self, number: ColumnElement[int]) -> ColumnElement[int]:
        if not self._with_current:
            return number
        return case(
            (number == _literal(_CURRENT[Current.ENVIRONMENT]), self._keys.c.current_environment_id),
            (number == _literal(_CURRENT[Current.PROJECT]), self._keys.c.current_project_id),
            else_=number,
        )


def _literal(number: int) -> ColumnElement[int]:
    return literal_column(str(number))
