"""One statement for each handler, on SQLite, called right in the event loop as better-sqlite3 is in Node's."""

from __future__ import annotations

import os
import sqlite3
from typing import Any
from uuid import UUID

_ACCESS = """
    api_keys k
    JOIN users u ON u.id = k.user_id AND u.is_active
    JOIN memberships m ON m.user_id = u.id
    JOIN projects p ON p.organization_id = m.organization_id
    JOIN environments e ON e.project_id = p.id
"""
_VALID = "k.hash = :hash AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > :now)"
_COLUMNS = "f.id, f.surface, f.type, f.protocol, f.path, f.created_at, f.updated_at"

_FOLDERS = f"""
    SELECT {_COLUMNS} FROM {_ACCESS}
    LEFT JOIN persisted_folders f ON f.environment_id = e.id AND f.user_id = u.id AND f.surface = :surface
    WHERE {_VALID} AND e.id = :environment_id ORDER BY f.type
"""
_PLACES = f"""
    SELECT e.id AS environment_id, {_COLUMNS} FROM {_ACCESS}
    LEFT JOIN persisted_folders f ON f.environment_id = e.id AND f.user_id = u.id
    WHERE {_VALID} AND e.id IN (%s) ORDER BY f.type
"""
_ALL_PLACES = f"""
    SELECT e.id AS environment_id, {_COLUMNS} FROM (
        SELECT u.id AS user_id, e.id FROM {_ACCESS} WHERE {_VALID} ORDER BY e.id LIMIT :first
    ) e
    LEFT JOIN persisted_folders f ON f.environment_id = e.id AND f.user_id = e.user_id ORDER BY e.id, f.type
"""
_UPSERT = f"""
    INSERT INTO persisted_folders
        (environment_id, id, user_id, surface, type, protocol, path, created_at, updated_at)
    SELECT e.id, :id, u.id, :surface, :type, :protocol, :path, :now, :now
    FROM {_ACCESS} WHERE {_VALID} AND e.id = :environment_id
    ON CONFLICT (environment_id, user_id, surface, type) DO UPDATE
        SET protocol = excluded.protocol, path = excluded.path, updated_at = excluded.updated_at
    RETURNING id, type, protocol, path, created_at, updated_at, id = :id AS created
"""


class Store:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls) -> Store:
        connection = sqlite3.connect(os.environ["PEER_SQLITE"], isolation_level=None, cached_statements=100)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        return cls(connection)

    async def folders(self, key_hash: str, now: int, environment_id: int, surface: str) -> list[Any] | None:
        """None where the key is invalid or gives no access."""
        rows = self._fetch(_FOLDERS, hash=key_hash, now=now, environment_id=environment_id, surface=surface)
        if not rows:
            return None
        return [row for row in rows if row["id"] is not None]

    async def places(self, key_hash: str, now: int, environment_ids: list[int]) -> dict[int, list[Any]]:
        names = ", ".join(f":e{index}" for index in range(len(environment_ids)))
        ids = {f"e{index}": each for index, each in enumerate(environment_ids)}
        return _by_environment(self._fetch(_PLACES % names, hash=key_hash, now=now, **ids))

    async def all_places(self, key_hash: str, now: int, first: int) -> dict[int, list[Any]]:
        return _by_environment(self._fetch(_ALL_PLACES, hash=key_hash, now=now, first=first))

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
    ) -> dict[str, Any] | None:
        rows = self._fetch(
            _UPSERT,
            hash=key_hash,
            now=now,
            environment_id=environment_id,
            id=folder_id.hex,
            surface=surface,
            type=folder_type,
            protocol=protocol,
            path=path,
        )
        return {**rows[0], "created": bool(rows[0]["created"])} if rows else None

    def _fetch(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        cursor = self._connection.execute(statement, parameters)
        names = [column[0] for column in cursor.description]
        return [_with_hyphens(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def _with_hyphens(row: dict[str, Any]) -> dict[str, Any]:
    """UUIDs stand in SQLite as 32 hexadecimal digits."""
    found = row["id"]
    if found is not None:
        row["id"] = f"{found[:8]}-{found[8:12]}-{found[12:16]}-{found[16:20]}-{found[20:]}"
    return row


def _by_environment(rows: list[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        of_environment = found.setdefault(row["environment_id"], [])
        if row["id"] is not None:
            of_environment.append(row)
    return found
