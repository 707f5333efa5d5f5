"""Reads organizations, projects, environments, users and keys for the service."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Sequence
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Column, Select, Update, Uuid, bindparam, func, or_, select, update

from gateway.access import Reach
from gateway.model import Environment, Page, Timestamp, Window
from gateway.storage.ahead import NO_FORECAST, Forecast
from gateway.storage.engine import Database
from gateway.storage.key_lookup import KeyLookup
from gateway.storage.key_questions import Found
from gateway.storage.key_records import KeyRecord
from gateway.storage.pages import KeysetQuery, PreparedPages, fetch_pages
from gateway.storage.records import ENVIRONMENTS, environment_from, environment_of, environments_by_number, is_members
from gateway.storage.statements import any_of
from gateway.storage.tables import api_keys, environments, organizations, projects, users

EnvironmentKey = tuple[int]

MARKED_EVERY: Final = 3_600_000_000
"""How old the time that a key was last used at may be, in microseconds."""


class Directory:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys = KeyLookup(database)
        self._environments = database.prepare(environments_by_number(database.dialect))
        self._read_environment = self._environments.reader()
        self._mark_used = database.prepare(_mark_used(database.dialect))
        self._uses = database.write_gatherer(self._write_uses)
        # By whether the key has limits: to environments, to organizations.
        self._pages: dict[tuple[bool, bool], PreparedPages[Environment, EnvironmentKey]] = {}

    def find_key(self, key_hash: str, now: Timestamp, forecast: Forecast = NO_FORECAST) -> Awaitable[Found | None]:
        """None where the key is unknown, revoked or expired at `now`, or its user inactive."""
        return self._keys.find(key_hash, now, forecast)

    async def find_keys(self, hashes: Collection[str], now: Timestamp) -> dict[str, KeyRecord]:
        """The valid ones of several keys, in one statement."""
        return await self._keys.find_all(hashes, now)

    async def has_users(self) -> bool:
        return bool(await self._database.fetch(select(users.c.id).limit(1)))

    def mark_used(self, key_id: UUID, now: Timestamp) -> Awaitable[None]:
        """Writes the time of last use, unless one from the last hour is stored: of two that try, one writes."""
        return self._uses.ask((key_id, now))

    async def _write_uses(self, uses: Sequence[tuple[UUID, Timestamp]]) -> Sequence[None]:
        now = max(at for _, at in uses)
        await self._database.write(self._mark_used, ids=[key_id for key_id, _ in uses], now=now)
        return [None] * len(uses)

    async def environments(self, ids: Sequence[int]) -> dict[int, Environment]:
        """Those of `ids` that exist. Access is not checked here: pass them to the Caller."""
        rows = await self._database.read(self._environments, numbers=[*set(ids)])
        found = map(environment_from, map(self._read_environment, rows))
        return {environment.id: environment for environment in found}

    async def reachable(self, reach: Reach, project_ids: Sequence[int]) -> dict[int, list[Environment]]:
        """The environments of each project that a key may reach, by number. Projects without any are omitted."""
        rows = await self._database.fetch(
            _reachable(reach).where(environments.c.project_id.in_(set(project_ids))).order_by(environments.c.id)
        )
        found: dict[int, list[Environment]] = {}
        for environment in map(environment_of, rows):
            found.setdefault(environment.project.id, []).append(environment)
        return found

    async def pages(self, reach: Reach, windows: Sequence[Window[EnvironmentKey]]) -> list[Page[Environment]]:
        """Pages of all environments that a key may reach, ordered by number."""
        if len(windows) == 1:
            return [await self._page(reach, windows[0])]
        queries = [KeysetQuery(_reachable(reach), (environments.c.id,), window) for window in windows]
        return await fetch_pages(self._database, queries, environment_of, environment_key)

    async def _page(self, reach: Reach, window: Window[EnvironmentKey]) -> Page[Environment]:
        limits = (reach.environments is not None, reach.organizations is not None)
        pages = self._pages.get(limits)
        if pages is None:
            rows = _reachable_by_parameters(*limits, self._database.dialect)
            pages = PreparedPages(self._database, rows, (environments.c.id,), environment_from, environment_key)
            self._pages[limits] = pages
        return await pages.fetch(
            window,
            user_id=reach.user_id,
            environments=[*(reach.environments or ())],
            organizations=[*(reach.organizations or ())],
        )

    async def count(self, reach: Reach) -> int:
        rows = await self._database.fetch(select(func.count()).select_from(reachable_environments(reach).subquery()))
        count: int = rows[0][0]
        return count


def _mark_used(dialect: str) -> Update:
    now = bindparam("now", type_=BigInteger)
    is_due = or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < now - MARKED_EVERY)
    return update(api_keys).where(any_of(api_keys.c.id, "ids", dialect), is_due).values(last_used_at=now)


def environment_key(environment: Environment) -> EnvironmentKey:
    return (environment.id,)


def reachable_environments(reach: Reach) -> Select[tuple[int]]:
    """The ids of the environments in `reach`, as a subquery: the SQL of `Caller.may_reach`."""
    return _narrow(select(environments.c.id).join_from(environments, projects), reach)


def _reachable(reach: Reach) -> Select[Any]:
    return _narrow(ENVIRONMENTS, reach)


def _narrow(statement: Select[Any], reach: Reach) -> Select[Any]:
    statement = statement.where(is_members(reach.user_id))
    if reach.environments is not None:
        statement = statement.where(environments.c.id.in_(_limit(environments.c.id, reach.environments)))
    if reach.organizations is not None:
        statement = statement.where(projects.c.organization_id.in_(_limit(organizations.c.id, reach.organizations)))
    return statement


def _reachable_by_parameters(has_environments: bool, has_organizations: bool, dialect: str) -> Select[Any]:
    """As `_reachable`, for any reach with such limits."""
    statement = ENVIRONMENTS.where(is_members(bindparam("user_id", type_=Uuid)))
    if has_environments:
        statement = statement.where(any_of(environments.c.id, "environments", dialect))
    if has_organizations:
        statement = statement.where(any_of(projects.c.organization_id, "organizations", dialect))
    return statement


@lru_cache(maxsize=256)
def _limit(column: Column[Any], ids: frozenset[Any]) -> Select[Any]:
    """Those of `ids` that exist, as one common table expression for all lists of a statement.

    It stands in the statement once, however many lists there are: PostgreSQL takes 32,767 parameters.
    The cache makes it the same object for all of them, which is how SQLAlchemy tells.
    """
    allowed = select(column.label("id")).where(column.in_(ids)).cte(f"allowed_{column.table.name}")
    return select(allowed.c.id)
