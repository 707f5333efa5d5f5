"""Gathers upserts, and writes one by one those that met a folder which someone else has locked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

import structlog

from gateway.errors import Unavailable
from gateway.model import Folder
from gateway.storage.engine import Database
from gateway.storage.failures import LockNotAvailable
from gateway.storage.upserts import UniqueKey, Upsert, Upserted, upsert_writer

log = structlog.get_logger(__name__)

# How long a statement waits for a lock. Statements that write folders of the same user wait for each other's commit,
# which usually takes a hundredth of this.
_LOCK_SECONDS: Final = 0.5
# It is never shortened to less than a fifth: commits that send a NOTIFY wait for each other, whoever's folders they
# write.
_MOST_SHARES: Final = 5
# How many upserts are written alone at a time, of those that may only have shared a statement with a locked one. For 64,
# of which half are locked, it takes 1.6 s.
_LANES: Final = 2

_Keys: TypeAlias = tuple[UniqueKey, ...]


class _Line:
    """The upserts of the same folders. One of them tries at a time: the others would only wait for the same lock."""

    def __init__(self) -> None:
        self.length = 0
        self.turn = asyncio.Lock()
        # As the last one that tried alone found it.
        self.is_locked = False


class Upserts:
    """Upserts are written together, unless a lock stops the statement: then each is written alone.

    One that meets the lock alone tries again, for as long as a statement may take. Of those, one is under way at a time;
    of the others two.
    """

    def __init__(self, database: Database) -> None:
        self._writer = upsert_writer(database)
        self._patience = database.statement_timeout
        self._gathered = database.write_gatherer(self._write)
        self._lines: dict[_Keys, _Line] = {}
        self._lanes = asyncio.Semaphore(_LANES)
        self._lane_of_locked = asyncio.Semaphore(1)

    async def write(self, upsert: Upsert) -> Sequence[Folder]:
        """The folders as they are now, in the same order. Raises as `Database.transaction`."""
        # Folders that are known to be locked would stop the statement again.
        if not self._lines or tuple(upsert.unique_keys()) not in self._lines:
            try:
                return await self._gathered.ask(upsert)
            except LockNotAvailable:
                pass
        return await self._write_alone(upsert)

    async def _write(self, upserts: Sequence[Upsert]) -> Sequence[Upserted]:
        # The more wait for locks, the less long each does: others are behind them.
        seconds = min(_LOCK_SECONDS, self._patience / 4) / min(1 + len(self._lines), _MOST_SHARES)
        return await self._writer.write(upserts, seconds)

    async def _write_alone(self, upsert: Upsert) -> Sequence[Folder]:
        end = asyncio.get_running_loop().time() + self._patience
        keys = tuple(upsert.unique_keys())
        line = self._lines.setdefault(keys, _Line())
        line.length += 1
        try:
            async with _held(line.turn, end):
                return await self._try(upsert, line, end)
        except TimeoutError:
            log.error("database.unavailable", cause="a folder is locked")
            raise Unavailable from None
        finally:
            line.length -= 1
            if not line.length:
                del self._lines[keys]

    async def _try(self, upsert: Upsert, line: _Line, end: float) -> Sequence[Folder]:
        """Until it is written. Raises TimeoutError at `end`."""
        while True:
            async with _held(self._lane_of_locked if line.is_locked else self._lanes, end):
                [stored] = await self._write([upsert])
            line.is_locked = isinstance(stored, LockNotAvailable)
            if not isinstance(stored, Exception):
                return stored
            if not line.is_locked:
                raise stored


@asynccontextmanager
async def _held(lock: asyncio.Lock | asyncio.Semaphore, end: float) -> AsyncIterator[None]:
    """Raises TimeoutError if it is not free by then."""
    if asyncio.get_running_loop().time() >= end:
        # `timeout_at` would still let a free one be taken.
        raise TimeoutError
    async with asyncio.timeout_at(end):
        await lock.acquire()
    try:
        yield
    finally:
        lock.release()
