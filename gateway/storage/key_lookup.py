"""Keys as requests find them: with their users and memberships, and with what was foreseen to be read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, ColumnElement, Select, Text, bindparam, cast, func, literal_column, or_, select

from gateway.access import Caller
from gateway.model import Environment, Folder, Surface, Timestamp
from gateway.storage.ahead import Current, Forecast, ReadAhead
from gateway.storage.engine import Database
from gateway.storage.records import ENVIRONMENT_COLUMNS, FOLDER_COLUMNS, environment_from, folder_from
from gateway.storage.statements import SQLITE, DriverRow, Prepared, any_of, parse_uuid
from gateway.storage.tables import api_keys, environments, folders, memberships, projects, users

# The user's, whose project `@current` stands for.
_current = environments.alias("current_environment")

# As texts: these columns are the same in each row, and are read from the first alone.
_KEY_COLUMNS: Final = (
    api_keys.c.id.label("key_id"),
    api_keys.c.hash,
    users.c.id.label("user_id"),
    users.c.email,
    cast(api_keys.c.scopes, Text).label("scopes"),
    cast(api_keys.c.scoped_environments, Text).label("scoped_environments"),
    cast(api_keys.c.scoped_organizations, Text).label("scoped_organizations"),
    users.c.current_environment_id,
    _current.c.project_id.label("current_project_id"),
    api_keys.c.last_used_at,
)
# One more is for the memberships.
_ENVIRONMENT: Final = len(_KEY_COLUMNS) + 1
_FOLDER: Final = _ENVIRONMENT + len(ENVIRONMENT_COLUMNS)


class KeyRecord(NamedTuple):
    """A valid key with its caller; `last_used_at` None where it was never used."""

    caller: Caller
    last_used_at: Timestamp | None


class _Lookup:
    """One statement, and what reads its rows."""

    def __init__(self, database: Database, statement: Select[Any]) -> None:
        self.statement = database.prepare(statement)
        self.key = self.statement.reader(0, _ENVIRONMENT)
        self.environment = self.statement.reader(_ENVIRONMENT, _FOLDER)
        self.folder = self.statement.reader(_FOLDER)


class KeyLookup:
    def __init__(self, database: Database) -> None:
        self._database = database
        # By what is read along: a handful.
        self._lookups: dict[tuple[Current | bool, bool], _Lookup] = {}
        self._all: Prepared = database.prepare(
            _valid_keys(any_of(api_keys.c.hash, "hashes", database.dialect), database.dialect)
        )
        self._read_key = self._all.reader()

    async def find_all(self, hashes: Collection[str], now: int) -> dict[str, KeyRecord]:
        """The valid ones."""
        rows = await self._database.read(self._all, hashes=[*hashes], now=now)
        records = map(_record, map(self._read_key, rows))
        return {record.caller.key_hash: record for record in records}

    async def find(self, key_hash: str, now: int, forecast: Forecast) -> tuple[KeyRecord, ReadAhead] | None:
        """None where the key is not valid."""
        lookup = self._lookup(forecast.current or bool(forecast.environments), bool(forecast.surfaces))
        rows = await self._database.read(
            lookup.statement,
            hash=key_hash,
            now=now,
            numbers=forecast.environments,
            surfaces=forecast.surfaces,
        )
        if not rows:
            return None
        record = _record(lookup.key(rows[0]))
        return record, _read_ahead(record.caller, forecast, lookup, rows)

    def _lookup(self, place: Current | bool, with_folders: bool) -> _Lookup:  # a key of a mapping
        known = self._lookups.get((place, with_folders))
        if known is None:
            statement = _valid_keys(api_keys.c.hash == bindparam("hash"), self._database.dialect)
            if place:
                statement = _with_places(statement, place, self._database.dialect)
                if with_folders:
                    statement = _with_folders(statement, self._database.dialect)
            known = self._lookups[place, with_folders] = _Lookup(self._database, statement)
        return known


def _valid_keys(wanted: ColumnElement[bool], dialect: str) -> Select[Any]:
    now = bindparam("now", type_=BigInteger)
    # Together in one text: rows for them would multiply the others.
    joined = func.group_concat if dialect == SQLITE else func.string_agg
    organizations = select(joined(cast(memberships.c.organization_id, Text), literal_column("','")))
    return (
        select(
            *_KEY_COLUMNS,
            organizations.where(memberships.c.user_id == users.c.id).scalar_subquery().label("organizations"),
        )
        .join_from(api_keys, users)
        .outerjoin(_current, _current.c.id == users.c.current_environment_id)
        .where(
            wanted,
            api_keys.c.revoked_at.is_(None),
            or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now),
            users.c.is_active,
        )
    )


def _with_places(statement: Select[Any], place: Current | bool, dialect: str) -> Select[Any]:
    """A row for each environment, and one where there is none."""
    number = environments.c.id
    if place is Current.ENVIRONMENT:
        is_meant = number == users.c.current_environment_id
    elif place is Current.PROJECT:
        is_meant = number == _current.c.project_id
    else:
        is_meant = any_of(number, "numbers", dialect)
    return (
        statement.add_columns(*ENVIRONMENT_COLUMNS)
        .outerjoin(environments, is_meant)
        .outerjoin(projects, projects.c.id == environments.c.project_id)
    )


def _with_folders(statement: Select[Any], dialect: str) -> Select[Any]:
    """A row for each of the user's own folders there, and one for an environment without any."""
    return statement.add_columns(*FOLDER_COLUMNS).outerjoin(
        folders,
        (folders.c.environment_id == environments.c.id)
        & (folders.c.user_id == users.c.id)
        & any_of(folders.c.surface, "surfaces", dialect),
    )


def _record(values: Sequence[Any]) -> KeyRecord:
    (
        key_id,
        key_hash,
        user_id,
        email,
        scopes,
        scoped_environments,
        scoped_organizations,
        current_environment_id,
        current_project_id,
        last_used_at,
        organizations,
    ) = values
    caller = Caller(
        key_id=key_id,
        key_hash=key_hash,
        user_id=user_id,
        email=email,
        scopes=_set_of(scopes),
        # An empty limit is no limit, as in the product's own keys.
        environments=_set_of(scoped_environments) or None,
        organizations=_organizations(scoped_organizations) or None,
        memberships=_memberships(organizations),
        current_environment_id=current_environment_id,
        current_project_id=current_project_id,
    )
    return KeyRecord(caller, last_used_at)


# What these texts say does not depend on when they were read, and most keys have the same ones.
@lru_cache(maxsize=1024)
def _set_of(items: str) -> frozenset[Any]:
    return frozenset(orjson.loads(items))


@lru_cache(maxsize=1024)
def _organizations(ids: str) -> frozenset[UUID]:
    return frozenset(map(parse_uuid, orjson.loads(ids)))


@lru_cache(maxsize=1024)
def _memberships(ids: str | None) -> frozenset[UUID]:
    return frozenset(map(parse_uuid, ids.split(","))) if ids else frozenset()


def _read_ahead(caller: Caller, forecast: Forecast, lookup: _Lookup, rows: Sequence[DriverRow]) -> ReadAhead:
    numbers: Sequence[int | None] = forecast.environments
    if forecast.current is not None:
        is_project = forecast.current is Current.PROJECT
        numbers = [caller.current_project_id if is_project else caller.current_environment_id]
    found: dict[int, Environment | None] = dict.fromkeys([number for number in numbers if number is not None])
    places: dict[tuple[int, Surface], list[Folder]] = {}
    if found:
        for row in rows:
            number = row[_ENVIRONMENT]
            if number is not None and found[number] is None:
                found[number] = environment_from(lookup.environment(row))
            if forecast.surfaces and row[_FOLDER] is not None:
                folder = folder_from(lookup.folder(row))
                places.setdefault((folder.environment_id, folder.surface), []).append(folder)
    for each in places.values():
        each.sort(key=_type_of)
    return ReadAhead(caller.user_id, forecast, found, places)


def _type_of(folder: Folder) -> str:
    return folder.type
