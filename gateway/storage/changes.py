"""The outbox of folder changes: read from a position on, and cleared of what is old."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Row, delete, func, literal_column, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Grant
from gateway.model import ChangeKind, FolderChange
from gateway.storage.engine import POSTGRESQL, SQLITE, Database
from gateway.storage.records import ENVIRONMENT_COLUMNS, environment_of, folder_of
from gateway.storage.statements import any_of
from gateway.storage.tables import change_counters, environments, folder_changes, projects

# Of the longest folders 320 kB: each reader that is slow keeps so many.
BATCH: Final = 20
_CLEARED_AT_ONCE: Final = 1000
# In microseconds, as the triggers write `at`.
_NOW: Final = {
    SQLITE: "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)",
    # Unlike clock_timestamp() it stands still within a statement, so that the index on `at` serves.
    POSTGRESQL: "CAST(extract(epoch FROM statement_timestamp()) * 1000000 AS BIGINT)",
}


class ChangeStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def position(self, grant: Grant) -> int:
        """The number of the user's last change; 0 where there was none."""
        return (await self.positions([grant.user_id])).get(grant.user_id, 0)

    async def positions(self, user_ids: Collection[UUID]) -> dict[UUID, int]:
        """Like `position`, for those users that have changes at all."""
        theirs = any_of(change_counters.c.user_id, "user_ids", self._database.dialect)
        rows = await self._database.fetch(select(change_counters).where(theirs), {"user_ids": [*user_ids]})
        return {row.user_id: row.number for row in rows}

    async def oldest(self, grant: Grant) -> int | None:
        """The number of the oldest change of the user that is still kept."""
        rows = await self._database.fetch(
            select(func.min(folder_changes.c.number)).where(folder_changes.c.user_id == grant.user_id)
        )
        number: int | None = rows[0][0]
        return number

    async def after(self, grant: Grant, position: int) -> list[FolderChange]:
        """The user's next changes, everywhere, by number: `BATCH` of them, or all that there are."""
        rows = await self._database.fetch(
            select(folder_changes, *ENVIRONMENT_COLUMNS)
            .outerjoin_from(folder_changes, environments, environments.c.id == folder_changes.c.environment_id)
            .outerjoin(projects, projects.c.id == environments.c.project_id)
            .where(folder_changes.c.user_id == grant.user_id, folder_changes.c.number > position)
            .order_by(folder_changes.c.number)
            .limit(BATCH)
        )
        return [_change(row) for row in rows]

    async def clear(self, age: int) -> None:
        """Forgets the changes that are older than `age` microseconds, by the database's clock: it set their time too."""
        key = (folder_changes.c.user_id, folder_changes.c.number)
        before = literal_column(_NOW[self._database.dialect], BigInteger) - age
        old = select(*key).where(folder_changes.c.at < before).order_by(folder_changes.c.at).limit(_CLEARED_AT_ONCE)
        statement = delete(folder_changes).where(tuple_(*key).in_(old))

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(statement)).rowcount

        # In small steps: none overruns the time that a statement has, or lets other writers wait for long.
        while await self._database.transaction(work) == _CLEARED_AT_ONCE:
            pass


def _change(row: Row[Any]) -> FolderChange:
    return FolderChange(
        number=row.number,
        kind=ChangeKind(row.kind),
        folder=folder_of(row, row.folder_id),
        environment=None if row.id is None else environment_of(row),
    )
