"""Keys as requests find them, each with what was foreseen to be read along."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Collection, Iterable, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypeAlias

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Integer,
    TableValuedAlias,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    column,
    func,
    literal_column,
    null,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from gateway.access import Caller
from gateway.model import Environment, Folder, Project, Surface, Timestamp
from gateway.storage.ahead import Current, Forecast, ReadAhead
from gateway.storage.connections import FetchNow
from gateway.storage.engine import Database
from gateway.storage.gathering import Gatherer
from gateway.storage.key_records import KeyRecord, caller_from, current, valid_keys
from gateway.storage.records import (
    SURFACES,
    TYPES,
    environment_from,
    environments_by_number,
    folder_from,
    folders_in_places,
    new_folder,
)
from gateway.storage.statements import SQLITE, any_of
from gateway.storage.tables import api_keys, environments, folders, projects, users

_NOW: Final = bindparam("now", type_=BigInteger)
_type_of: Final = itemgetter(Folder._fields.index("type"))


class Question(NamedTuple):
    key_hash: str
    now: Timestamp
    forecast: Forecast


Found: TypeAlias = tuple[KeyRecord, ReadAhead]


class KeyLookup:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._plain: Gatherer[Question, Found | None]
        self._with_folders: Gatherer[Question, Found | None]
        if database.dialect == SQLITE:
            self._plain = self._with_folders = database.gatherer(_SQLiteReader(database).read)
        else:
            # Two, so that who reads no folders never waits for their table.
            self._plain = database.gatherer(_PostgreSQLReader(database, with_folders=False).read)
            self._with_folders = database.gatherer(_PostgreSQLReader(database, with_folders=True).read)
        self._all = database.prepare(
            valid_keys(
                api_keys.c.hash,
                wanted=any_of(api_keys.c.hash, "hashes", database.dialect),
                now=_NOW,
                dialect=database.dialect,
            )
        )

    def find(self, key_hash: str, now: Timestamp, forecast: Forecast) -> Future[Found | None]:
        """None where the key is not valid."""
        gatherer = self._with_folders if forecast.surfaces else self._plain
        return gatherer.ask(Question(key_hash, now, forecast))

    async def find_all(self, hashes: Collection[str], now: Timestamp) -> dict[str, KeyRecord]:
        """The valid ones."""
        rows = await self._database.read(self._all, hashes=[*hashes], now=now)
        return {key_hash: KeyRecord(caller_from(key_hash, told), used) for key_hash, used, told in rows}


Places: TypeAlias = dict[tuple[int, Surface], list[Folder]]


class _Answer:
    """To one question, as far as its rows have come."""

    __slots__ = ("environments", "folders", "key")

    def __init__(self) -> None:
        self.key: KeyRecord | None = None
        self.environments: dict[int, Environment] = {}
        self.folders: Places = {}

    def found(self, forecast: Forecast) -> Found | None:
        if self.key is None:
            return None
        caller = self.key.caller
        for place in self.folders.values():
            place.sort(key=_type_of)
        environments = self.environments
        found = {number: environments.get(number) for number in _numbers(caller, forecast)}
        return self.key, ReadAhead(caller.user_id, forecast, found, self.folders)


def _add(places: Places, folder: Folder, number: int, surface: Surface) -> None:
    place = places.get((number, surface))
    if place is None:
        places[number, surface] = [folder]
    else:
        place.append(folder)


def _numbers(caller: Caller, forecast: Forecast) -> Sequence[int]:
    """Of the environments that were foreseen."""
    if forecast.current is None:
        return forecast.environments
    number = caller.current_project_id if forecast.current is Current.PROJECT else caller.current_environment_id
    return () if number is None else (number,)


class _SQLiteReader:
    """One plain statement after the other: nothing goes over a wire, only a visit to another thread costs."""

    def __init__(self, database: Database) -> None:
        dialect = database.dialect
        self._database = database
        self._key = database.prepare(valid_keys(wanted=api_keys.c.hash == bindparam("hash"), now=_NOW, dialect=dialect))
        self._environments = database.prepare(environments_by_number(dialect))
        self._read_environment = self._environments.reader()
        self._folders = database.prepare(folders_in_places(dialect))
        self._read_folder = self._folders.reader()

    async def read(self, questions: Sequence[Question]) -> Sequence[Found | None]:
        return await self._database.visit(lambda fetch: [self._answer(fetch, each) for each in questions])

    def _answer(self, fetch: FetchNow, question: Question) -> Found | None:
        answer, forecast = _Answer(), question.forecast
        for used, told in fetch(self._key.text, self._key.arguments({"hash": question.key_hash, "now": question.now})):
            answer.key = KeyRecord(caller_from(question.key_hash, told), used)
        if answer.key is not None and (numbers := _numbers(answer.key.caller, forecast)):
            values = {"numbers": numbers, "surfaces": forecast.surfaces, "user_id": answer.key.caller.user_id}
            for row in fetch(self._environments.text, self._environments.arguments(values)):
                environment = environment_from(self._read_environment(row))
                answer.environments[environment.id] = environment
            if forecast.surfaces:
                for row in fetch(self._folders.text, self._folders.arguments(values)):
                    folder = folder_from(self._read_folder(row))
                    _add(answer.folders, folder, folder.environment_id, folder.surface)
        return answer.found(forecast)


# Kinds of rows on PostgreSQL.
_KEY: Final = 0
_ENVIRONMENT: Final = 1
_FOLDER: Final = 2
# In place of an environment's number, which is positive: what only the key's row can tell.
_CURRENT: Final = {Current.ENVIRONMENT: 0, Current.PROJECT: -1}


class _PostgreSQLReader:
    """One statement for all questions, with a row for each key, each environment and each folder."""

    def __init__(self, database: Database, *, with_folders: bool) -> None:
        self._database = database
        # By whether a current environment is among the places: only then is it known late which ones are meant.
        self._statements = [
            database.prepare(_keys_and_more(database.dialect, with_folders=with_folders, with_current=with_current))
            for with_current in (False, True)
        ]

    async def read(self, questions: Sequence[Question]) -> Sequence[Found | None]:
        places: list[tuple[int, int]] = []
        lists: list[tuple[int, int, str]] = []
        for n, (_, _, forecast) in enumerate(questions):
            numbers = forecast.environments if forecast.current is None else (_CURRENT[forecast.current],)
            for number in numbers:
                places.append((n, number))
                lists += [(n, number, surface) for surface in forecast.surfaces]
        with_current = any(each.forecast.current is not None for each in questions)
        rows = await self._database.read(
            self._statements[with_current],
            asked_n=_array(range(len(questions))),
            asked_hash=_array(each.key_hash for each in questions),
            asked_now=_array(each.now for each in questions),
            places_n=_array(n for n, _ in places),
            places_number=_array(number for _, number in places),
            lists_n=_array(n for n, _, _ in lists),
            lists_number=_array(number for _, number, _ in lists),
            lists_surface=_array(surface for _, _, surface in lists),
        )
        answers = [_Answer() for _ in questions]
        for n, kind, number, id_, text, text2, text3, text4, time, time2 in rows:
            if kind == _FOLDER:
                surface = SURFACES[text]
                folder = new_folder((id_, number, surface, TYPES[text2], text3, text4, time, time2))
                _add(answers[n].folders, folder, number, surface)
            elif kind == _ENVIRONMENT:
                answers[n].environments[number] = Environment(number, text, Project(time, text2, id_))
            else:
                answers[n].key = KeyRecord(caller_from(questions[n].key_hash, text), time)
        return [answer.found(each.forecast) for answer, each in zip(answers, questions, strict=True)]


def _keys_and_more(dialect: str, *, with_folders: bool, with_current: bool) -> CompoundSelect[Any]:
    """Rows of several kinds share their columns, and each says once what it is about: in one row for each folder, key
    and environment would stand as often as there are folders."""
    asked = _rows("asked", n=Integer(), hash=Text(), now=BigInteger())
    keys = valid_keys(
        asked.c.n,
        users.c.id.label("user_id"),
        users.c.current_environment_id,
        current.c.project_id.label("current_project_id"),
        wanted=api_keys.c.hash == asked.c.hash,
        now=asked.c.now,
        dialect=dialect,
    ).cte("keys")

    def meant(number: ColumnElement[int]) -> ColumnElement[int]:
        if not with_current:
            return number
        return case(
            (number == _literal(_CURRENT[Current.ENVIRONMENT]), keys.c.current_environment_id),
            (number == _literal(_CURRENT[Current.PROJECT]), keys.c.current_project_id),
            else_=number,
        )

    places = _rows("places", n=Integer(), number=BigInteger())
    no_number, no_id, no_text = (cast(null(), kind) for kind in (BigInteger, Uuid, Text))
    parts = [
        select(
            *(keys.c.n, _literal(_KEY), no_number, no_id),
            *(keys.c.told, no_text, no_text, no_text, keys.c.last_used_at, no_number),
        ),
        select(
            *(places.c.n, _literal(_ENVIRONMENT), environments.c.id, projects.c.organization_id),
            *(environments.c.name, projects.c.name, no_text, no_text, projects.c.id, no_number),
        )
        .join_from(places, keys, keys.c.n == places.c.n)
        .join(environments, environments.c.id == meant(places.c.number))
        .join(projects, projects.c.id == environments.c.project_id),
    ]
    if with_folders:
        lists = _rows("lists", n=Integer(), number=BigInteger(), surface=Text())
        parts.append(
            select(
                *(lists.c.n, _literal(_FOLDER), folders.c.environment_id, folders.c.id),
                *(folders.c.surface, folders.c.type, folders.c.protocol, folders.c.path),
                *(folders.c.created_at, folders.c.updated_at),
            )
            .join_from(lists, keys, keys.c.n == lists.c.n)
            .join(
                folders,
                (folders.c.environment_id == meant(lists.c.number))
                & (folders.c.user_id == keys.c.user_id)
                & (folders.c.surface == lists.c.surface),
            )
        )
    return union_all(*parts)


def _literal(number: int) -> ColumnElement[int]:
    return literal_column(str(number))


def _array(values: Iterable[object]) -> str:
    """As PostgreSQL reads one: of numbers and words, which need no quotes. For lists asyncpg looks at each item five
    times."""
    return f"{{{','.join(map(str, values))}}}"


def _rows(name: str, **columns: TypeEngine[Any]) -> TableValuedAlias:
    """A table of one array for each column; the parameters are `name_column`, as `_array` writes them."""
    arrays = [cast(bindparam(f"{name}_{each}", type_=Text), ARRAY(kind)) for each, kind in columns.items()]
    names = [column(each, kind) for each, kind in columns.items()]
    return func.unnest(*arrays).table_valued(*names).render_derived(name=name)
