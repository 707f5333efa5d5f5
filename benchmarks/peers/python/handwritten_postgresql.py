"""One statement for each handler, on PostgreSQL with asyncpg."""

from __future__ import annotations

import os
from typing import Any
from uuid import UUID

import asyncpg

# $1 is the key's hash, $2 the time; `e` is an environment that the key's user may reach.
_ACCESS = """
    api_keys k
    JOIN users u ON u.id = k.user_id AND u.is_active
    JOIN memberships m ON m.user_id = u.id
    JOIN projects p ON p.organization_id = m.organization_id
    JOIN environments e ON e.project_id = p.id
"""
_VALID = "k.hash = $1 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2)"
_COLUMNS = "f.id, f.surface, f.type, f.protocol, f.path, f.created_at, f.updated_at"

_FOLDERS = f"""
    SELECT {_COLUMNS} FROM {_ACCESS}
    LEFT JOIN persisted_folders f ON f.environment_id = e.id AND f.user_id = u.id AND f.surface = $4
    WHERE {_VALID} AND e.id = $3 ORDER BY f.type
"""
_PLACES = f"""
    SELECT e.id AS environment_id, {_COLUMNS} FROM {_ACCESS}
    LEFT JOIN persisted_folders f ON f.environment_id = e.id AND f.user_id = u.id
    WHERE {_VALID} AND e.id = ANY($3::bigint[]) ORDER BY f.type
"""
_ALL_PLACES = f"""
    SELECT e.id AS environment_id, {_COLUMNS} FROM (
        SELECT u.id AS user_id, e.id FROM {_ACCESS} WHERE {_VALID} ORDER BY e.id LIMIT $3
    ) e
    LEFT JOIN persisted_folders f ON f.environment_id = e.id AND f.user_id = e.user_id ORDER BY e.id, f.type
"""
_UPSERT = f"""
    INSERT INTO persisted_folders
        (environment_id, id, user_id, surface, type, protocol, path, created_at, updated_at)
    SELECT e.id, $4, u.id, $5, $6, $7, $8, $2, $2 FROM {_ACCESS} WHERE {_VALID} AND e.id = $3
    ON CONFLICT (environment_id, user_id, surface, type) DO UPDATE
        SET protocol = excluded.protocol, path = excluded.path, updated_at = excluded.updated_at
    RETURNING id, type, protocol, path, created_at, updated_at, id = $4 AS created
"""


class Store:
    def __init__(self, pool: Any) -> None:
        self._pool = pool

    @classmethod
    async def open(cls) -> Store:
        return cls(
            await asyncpg.create_pool(
                host=os.environ["PEER_HOST"], database=os.environ["PEER_DATABASE"], user="postgres"
            )
        )

    async def folders(self, key_hash: str, now: int, environment_id: int, surface: str) -> list[Any] | None:
        """None where the key is invalid or gives no access."""
        rows = await self._pool.fetch(_FOLDERS, key_hash, now, environment_id, surface)
        if not rows:
            return None
        return [row for row in rows if row["id"] is not None]

    async def places(self, key_hash: str, now: int, environment_ids: list[int]) -> dict[int, list[Any]]:
        return _by_environment(await self._pool.fetch(_PLACES, key_hash, now, environment_ids))

    async def all_places(self, key_hash: str, now: int, first: int) -> dict[int, list[Any]]:
        return _by_environment(await self._pool.fetch(_ALL_PLACES, key_hash, now, first))

    async def upsert(
        self,
        key_hash: str,
        now: int,
        environment_id: int,
        folder_id: UUID,
        surface: str,
        folder_type: str,
        protocol: str,
        path: str,
    ) -> Any:
        return await self._pool.fetchrow(
            _UPSERT, key_hash, now, environment_id, folder_id, surface, folder_type, protocol, path
        )


def _by_environment(rows: list[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for row in rows:
        of_environment = found.setdefault(row["environment_id"], [])
        if row["id"] is not None:
            of_environment.append(row)
    return found
