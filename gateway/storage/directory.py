"""Who exists: organizations, projects, environments, users and keys, as the service reads them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Row, Select, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Caller, Reach
from gateway.model import Environment, Page, Project, Window
from gateway.storage.engine import Database
from gateway.storage.pages import KeysetQuery, fetch_pages
from gateway.storage.tables import api_keys, environments, memberships, organizations, projects, users

EnvironmentKey = tuple[int]

ENVIRONMENT_COLUMNS = (
    environments.c.id,
    environments.c.name,
    environments.c.project_id,
    projects.c.name.label("project_name"),
    projects.c.organization_id,
)
_ENVIRONMENTS = select(*ENVIRONMENT_COLUMNS).join_from(environments, projects)


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A valid key with its caller; `last_used_at` in microseconds since 1970, None where it was never used."""

    caller: Caller
    last_used_at: int | None


class Directory:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_key(self, key_hash: str, now: int) -> KeyRecord | None:
        """None where the key is unknown, revoked or expired at `now`, or its user inactive."""
        return (await self.find_keys([key_hash], now)).get(key_hash)

    async def find_keys(self, hashes: Collection[str], now: int) -> dict[str, KeyRecord]:
        """The valid ones of several keys with their users' memberships, in one statement."""
        rows = await self._database.fetch(
            select(
                api_keys.c.id.label("key_id"),
                api_keys.c.hash,
                api_keys.c.scopes,
                api_keys.c.scoped_environments,
                api_keys.c.scoped_organizations,
                api_keys.c.last_used_at,
                users.c.id.label("user_id"),
                users.c.email,
                users.c.current_environment_id,
                environments.c.project_id.label("current_project_id"),
                memberships.c.organization_id,
            )
            .join_from(api_keys, users)
            .outerjoin(environments, environments.c.id == users.c.current_environment_id)
            .outerjoin(memberships, memberships.c.user_id == users.c.id)
            .where(
                api_keys.c.hash.in_(hashes),
                api_keys.c.revoked_at.is_(None),
                or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now),
                users.c.is_active,
            )
        )
        by_hash: dict[str, list[Row[Any]]] = {}
        for row in rows:
            by_hash.setdefault(row.hash, []).append(row)
        return {key_hash: _key_record(found) for key_hash, found in by_hash.items()}

    async def has_users(self) -> bool:
        return bool(await self._database.fetch(select(users.c.id).limit(1)))

    async def mark_used(self, key_id: UUID, now: int, if_before: int) -> None:
        """Writes the time of last use unless it is at `if_before` or later: of two that try, one writes."""
        statement = (
            update(api_keys)
            .where(
                api_keys.c.id == key_id,
                or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < if_before),
            )
            .values(last_used_at=now)
        )

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(statement)

        await self._database.transaction(work)

    async def environments(self, ids: Sequence[int]) -> dict[int, Environment]:
        """Those of `ids` that exist. No access is checked: hand them to the Caller."""
        rows = await self._database.fetch(_ENVIRONMENTS.where(environments.c.id.in_(set(ids))))
        return {environment.id: environment for environment in map(environment_of, rows)}

    async def reachable(self, reach: Reach, project_ids: Sequence[int]) -> dict[int, list[Environment]]:
        """The environments of each project that a key may reach, by number; projects without any are left out."""
        rows = await self._database.fetch(
            _reachable(reach).where(environments.c.project_id.in_(set(project_ids))).order_by(environments.c.id)
        )
        found: dict[int, list[Environment]] = {}
        for environment in map(environment_of, rows):
            found.setdefault(environment.project.id, []).append(environment)
        return found

    async def pages(self, reach: Reach, windows: Sequence[Window[EnvironmentKey]]) -> list[Page[Environment]]:
        """Pages of all environments that a key may reach, by number."""
        queries = [KeysetQuery(_reachable(reach), (environments.c.id,), window) for window in windows]
        return await fetch_pages(self._database, queries, environment_of, environment_key)

    async def count(self, reach: Reach) -> int:
        rows = await self._database.fetch(select(func.count()).select_from(reachable_environments(reach).subquery()))
        count: int = rows[0][0]
        return count


def _key_record(rows: Sequence[Row[Any]]) -> KeyRecord:
    """From one row for each membership of the key's user."""
    first = rows[0]
    caller = Caller(
        key_id=first.key_id,
        key_hash=first.hash,
        user_id=first.user_id,
        email=first.email,
        scopes=frozenset(first.scopes),
        # An empty limit is no limit, as in the product's own keys.
        environments=frozenset(first.scoped_environments) or None,
        organizations=frozenset(map(UUID, first.scoped_organizations)) or None,
        memberships=frozenset(row.organization_id for row in rows if row.organization_id is not None),
        current_environment_id=first.current_environment_id,
        current_project_id=first.current_project_id,
    )
    return KeyRecord(caller, first.last_used_at)


def environment_key(environment: Environment) -> EnvironmentKey:
    return (environment.id,)


def reachable_environments(reach: Reach) -> Select[tuple[int]]:
    """The ids of the environments in `reach`, as a subquery: the SQL of `Caller.may_reach`."""
    return _narrow(select(environments.c.id).join_from(environments, projects), reach)


def _reachable(reach: Reach) -> Select[Any]:
    return _narrow(_ENVIRONMENTS, reach)


def _narrow(statement: Select[Any], reach: Reach) -> Select[Any]:
    statement = statement.where(
        projects.c.organization_id.in_(
            select(memberships.c.organization_id).where(memberships.c.user_id == reach.user_id)
        )
    )
    if reach.environments is not None:
        statement = statement.where(environments.c.id.in_(_limit(environments.c.id, reach.environments)))
    if reach.organizations is not None:
        statement = statement.where(projects.c.organization_id.in_(_limit(organizations.c.id, reach.organizations)))
    return statement


@lru_cache(maxsize=256)
def _limit(column: Column[Any], ids: frozenset[Any]) -> Select[Any]:
    """Those of `ids` that exist, as one common table expression for all lists of a statement.

    It stands in the statement once, however many lists there are: PostgreSQL takes 32,767 parameters.
    The cache makes it the same object for all of them, which is how SQLAlchemy tells.
    """
    allowed = select(column.label("id")).where(column.in_(ids)).cte(f"allowed_{column.table.name}")
    return select(allowed.c.id)


def environment_of(row: Row[Any]) -> Environment:
    return Environment(row.id, row.name, Project(row.project_id, row.project_name, row.organization_id))
