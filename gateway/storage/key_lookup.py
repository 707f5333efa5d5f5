"""Keys as requests find them, each with what was foreseen to be read along."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Collection, Sequence
from enum import IntEnum
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


class _Answer:
    """To one question, as far as its rows have come."""

    __slots__ = ("environments", "folders", "key")

    def __init__(self) -> None:
        self.key: KeyRecord | None = None
        self.environments: dict[int, Environment] = {}
        self.folders: dict[tuple[int, Surface], list[Folder]] = {}

    def add(self, folder: Folder) -> None:
        self.folders.setdefault((folder.environment_id, folder.surface), []).append(folder)

    def found(self, forecast: Forecast) -> Found | None:
        if self.key is None:
            return None
        caller = self.key.caller
        for place in self.folders.values():
            place.sort(key=_type_of)
        environments = {number: self.environments.get(number) for number in _numbers(caller, forecast)}
        return self.key, ReadAhead(caller.user_id, forecast, environments, self.folders)


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
                    answer.add(folder_from(self._read_folder(row)))
        return answer.found(forecast)


class _Kind(IntEnum):
    """Of a row on PostgreSQL."""

    KEY = 0
    ENVIRONMENT = 1
    FOLDER = 2


# In place of an environment's number, which is positive: what only the key's row can tell.
_CURRENT: Final = {Current.ENVIRONMENT: 0, Current.PROJECT: -1}


class _PostgreSQLReader:
    """One statement for all questions, with a row for each key, each environment and each folder."""

    def __init__(self, database: Database, *, with_folders: bool) -> None:
        self._database = database
        self._statement = database.prepare(_keys_and_more(database.dialect, with_folders=with_folders))

    async def read(self, questions: Sequence[Question]) -> Sequence[Found | None]:
        places: list[tuple[int, int]] = []
        lists: list[tuple[int, int, str]] = []
        for n, (_, _, forecast) in enumerate(questions):
            numbers = forecast.environments if forecast.current is None else (_CURRENT[forecast.current],)
            for number in numbers:
                places.append((n, number))
                lists += [(n, number, surface) for surface in forecast.surfaces]
        rows = await self._database.read(
            self._statement,
            asked_n=[*range(len(questions))],
            asked_hash=[each.key_hash for each in questions],
            asked_now=[each.now for each in questions],
            places_n=[n for n, _ in places],
            places_number=[number for _, number in places],
            lists_n=[n for n, _, _ in lists],
            lists_number=[number for _, number, _ in lists],
            lists_surface=[surface for _, _, surface in lists],
        )
        answers = [_Answer() for _ in questions]
        for n, kind, number, id_, text, text2, text3, text4, time, time2 in rows:
            answer = answers[n]
            if kind == _Kind.FOLDER:
                answer.add(new_folder((id_, number, SURFACES[text], TYPES[text2], text3, text4, time, time2)))
            elif kind == _Kind.ENVIRONMENT:
                answer.environments[number] = Environment(number, text, Project(time, text2, id_))
            else:
                answer.key = KeyRecord(caller_from(questions[n].key_hash, text), time)
        return [answer.found(each.forecast) for answer, each in zip(answers, questions, strict=True)]


def _keys_and_more(dialect: str, *, with_folders: bool) -> CompoundSelect[Any]:
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

    def kind(value: _Kind) -> ColumnElement[int]:
        return literal_column(f"{value:d}")

    def meant(number: ColumnElement[int]) -> ColumnElement[int]:
        return case(
            (number == literal_column(f"{_CURRENT[Current.ENVIRONMENT]}"), keys.c.current_environment_id),
            (number == literal_column(f"{_CURRENT[Current.PROJECT]}"), keys.c.current_project_id),
            else_=number,
        )

    places = _rows("places", n=Integer(), number=BigInteger())
    no_number, no_id, no_text = (cast(null(), kind) for kind in (BigInteger, Uuid, Text))
    parts = [
        select(
            *(keys.c.n, kind(_Kind.KEY), no_number, no_id),
            *(keys.c.told, no_text, no_text, no_text, keys.c.last_used_at, no_number),
        ),
        select(
            *(places.c.n, kind(_Kind.ENVIRONMENT), environments.c.id, projects.c.organization_id),
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
                *(lists.c.n, kind(_Kind.FOLDER), folders.c.environment_id, folders.c.id),
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


def _rows(name: str, **columns: TypeEngine[Any]) -> TableValuedAlias:
    """A table of one array for each column; the parameters are `name_column`."""
    arrays = [bindparam(f"{name}_{each}", type_=ARRAY(kind)) for each, kind in columns.items()]
    names = [column(each, kind) for each, kind in columns.items()]
    return func.unnest(*arrays).table_valued(*names).render_derived(name=name)
