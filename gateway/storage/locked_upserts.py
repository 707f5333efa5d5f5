"""Upserts that are gathered, and what becomes of those that wait for a folder which somebody else has locked."""

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
from gateway.storage.upserts import Place, Upsert, Upserted, upsert_writer

log = structlog.get_logger(__name__)

# Statements that write the same user's folders wait for each other's commit, which mostly takes a hundredth of it.
_LOCK_SECONDS: Final = 0.5
# Nor for less than a fifth of it: each commit that sends a NOTIFY is waited for by all others, of whatever user.
_MOST_SHARES: Final = 5
# Of those who write alone, and may only have shared a statement: with 64, of which half are locked, it takes 1.6 s.
_LANES: Final = 2

_Places: TypeAlias = tuple[Place, ...]


class _Line:
    """Of those who wait to write the same folders: one of them tries, the others would only wait for the same lock."""

    def __init__(self) -> None:
        self.length = 0
        self.turn = asyncio.Lock()
        # As the last one found it who tried alone.
        self.is_locked = False


class Upserts:
    """Written together with others', until a lock stands in the way. Who shared that statement then writes alone.

    Who finds the lock alone tries again, for as long as a statement may take; one of those is under way at a time, and
    two who may only have shared a statement.
    """

    def __init__(self, database: Database) -> None:
        self._writer = upsert_writer(database)
        self._patience = database.statement_timeout
        self._gathered = database.write_gatherer(self._write)
        self._lines: dict[_Places, _Line] = {}
        self._lanes = asyncio.Semaphore(_LANES)
        self._lane_of_locked = asyncio.Semaphore(1)

    async def write(self, upsert: Upsert) -> Sequence[Folder]:
        """The folders as they are now, in the same order. Raises as `Database.transaction`."""
        # Nobody is to wait again for what is known to be locked.
        if not self._lines or tuple(upsert.places()) not in self._lines:
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
        places = tuple(upsert.places())
        line = self._lines.setdefault(places, _Line())
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
                del self._lines[places]

    async def _try(self, upsert: Upsert, line: _Line, end: float) -> Sequence[Folder]:
        """Raises TimeoutError."""
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
    """Raises TimeoutError where it cannot be had until then."""
    if asyncio.get_running_loop().time() >= end:
        # One that is free would be had all the same.
        raise TimeoutError
    async with asyncio.timeout_at(end):
        await lock.acquire()
    try:
        yield
    finally:
        lock.release()
