"""Reads of the outbox, shared by all who ask for the same at the same moment."""

from __future__ import annotations

import asyncio
from uuid import UUID

from gateway.access import Grant
from gateway.model import FolderChange
from gateway.storage.changes import ChangeStore


class SharedReads:
    """A change wakes all subscriptions of a user at once. If each read it alone, they would use up all connections."""

    def __init__(self, store: ChangeStore) -> None:
        self._store = store
        # Those that were asked for and are not under way.
        self._waiting: dict[tuple[UUID, int], asyncio.Task[list[FolderChange]]] = {}

    async def after(self, grant: Grant, position: int) -> list[FolderChange]:
        """As `ChangeStore.after`."""
        key = (grant.user_id, position)
        read = self._waiting.get(key)
        if read is None:
            read = self._waiting[key] = asyncio.create_task(self._read(grant, position))
            read.add_done_callback(_mark_seen)
        # One who goes leaves the others theirs.
        return await asyncio.shield(read)

    async def _read(self, grant: Grant, position: int) -> list[FolderChange]:
        # All who are woken together come by in one turn of the loop. Later nobody joins: what is under
        # way may not see the change that woke them.
        await asyncio.sleep(0)
        del self._waiting[grant.user_id, position]
        return await self._store.after(grant, position)


def _mark_seen(read: asyncio.Task[list[FolderChange]]) -> None:
    """A failure of a read whose readers have all gone is nobody's."""
    if not read.cancelled():
        read.exception()
