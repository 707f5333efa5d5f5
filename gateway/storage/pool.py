"""Connections that are kept open, and lent to one user at a time."""

from __future__ import annotations

import asyncio
import sqlite3
import traceback
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Any, Final

import asyncpg
import structlog

from gateway.storage.connections import PooledConnection
from gateway.storage.failures import driver_error

log = structlog.get_logger(__name__)

# One that was used a moment ago lives; one that has lain for longer is asked, for a network can lose
# a connection without a word. A server that ends one is noticed at once.
_TRUSTED_SECONDS: Final = 1.0
# Long enough for a rollback. A database that hangs is not waited for.
_RETURN_SECONDS: Final = 2.0
# After these, what was sent may still be under way, or nothing can be sent any more. TimeoutError is an OSError.
_DOUBTFUL: Final = (asyncio.CancelledError, OSError, asyncpg.InternalClientError)
# These tell that the server has become another since the connection was opened: a replica, or one with a migration that
# changed what is prepared, also in its triggers.
_OUTDATED: Final = (
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.DatatypeMismatchError,
)
_UNUSABLE: Final = (*_DOUBTFUL, *_OUTDATED)


class ConnectionPool:
    """At most `size` connections. If all are lent, callers wait in line, for at most `patience` seconds."""

    def __init__(self, open_one: Callable[[], Awaitable[PooledConnection]], size: int, patience: float) -> None:
        self._open = open_one
        self._size = size
        self._patience = patience
        self._unopened = size
        # The last one used is the first to be lent: its caches are warm, and the others may rest.
        self._idle: list[PooledConnection] = []
        # They get a connection, or None for the right to open one.
        self._line: deque[asyncio.Future[PooledConnection | None]] = deque()
        self._closing: set[asyncio.Task[None]] = set()
        self._is_over = False
        self._all_are_back = asyncio.Event()

    async def take(self) -> PooledConnection:
        """Raises TimeoutError, and what opening raises. Always call `give_back` afterwards."""
        if self._idle:
            connection: PooledConnection | None = self._idle.pop()
        elif self._unopened:
            self._unopened -= 1
            connection = None
        else:
            connection = await self._wait()
        if connection is not None:
            if not connection.is_closed:
                is_recent = monotonic() - connection.used_at < _TRUSTED_SECONDS
                if is_recent or await self._lives(connection):
                    return connection
                # What has lain here for longer is lost along with it.
                self._discard_idle()
            self._in_background(self._close(connection))
        return await self._opened()

    def give_back(self, connection: PooledConnection, failure: BaseException | None = None) -> None:
        """After a `failure` that may have left something running on the connection, it is closed."""
        cause = None if failure is None else driver_error(failure)
        if isinstance(cause, _OUTDATED):
            self._discard_idle()
        if self._is_over or (cause is not None and (isinstance(cause, _UNUSABLE) or not connection.is_sound)):
            self._in_background(self._discard(connection))
            return
        connection.used_at = monotonic()
        if not self._hand_on(connection):
            self._idle.append(connection)

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[PooledConnection]:
        connection = await self.take()
        try:
            yield connection
        except BaseException as failure:
            if isinstance(failure, asyncio.CancelledError):
                # Its frames are in a reference cycle, and hold the statement that was under way. SQLite unlocks what that
                # one locked when it is freed, even if its connection is closed: without this, when the collector comes.
                traceback.clear_frames(failure.__traceback__)
            self.give_back(connection, failure)
            raise
        self.give_back(connection)

    async def close(self) -> None:
        """Those that are lent follow when they come back; it waits for that, though not for ever.

        What was cancelled a moment ago still has to roll back. Cancelled once more, when the loop ends, SQLAlchemy stops
        aiosqlite's thread twice, and waits for the second time for ever.
        """
        self._is_over = True
        self._discard_idle()
        await asyncio.gather(*self._closing)
        if self._unopened < self._size:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._all_are_back.wait(), _RETURN_SECONDS)

    async def _wait(self) -> PooledConnection | None:
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[PooledConnection | None] = loop.create_future()
        self._line.append(turn)
        # On a busy service every request waits here: `asyncio.timeout` takes three times as long.
        end = loop.call_later(self._patience, _give_up, turn)
        try:
            return await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                # It came at the very moment that the wait was over.
                self._pass_on(turn.result())
            raise
        finally:
            end.cancel()

    async def _lives(self, connection: PooledConnection) -> bool:
        try:
            await connection.ping()
        except BaseException as failure:
            if isinstance(failure, asyncio.CancelledError):
                self.give_back(connection, failure)
                raise
            return False
        return True

    async def _opened(self) -> PooledConnection:
        """With the right to open one."""
        while True:
            try:
                return await self._open()
            except BaseException as failure:
                is_full = isinstance(driver_error(failure), asyncpg.TooManyConnectionsError)
                if not is_full or self._unopened + len(self._idle) + 1 >= self._size:
                    self._pass_on(None)
                    raise
            # The server has no more: those that are lent must do.
            self._unopened += 1
            if connection := await self._wait():
                return connection

    def _discard_idle(self) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            self._in_background(self._discard(connection))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _discard(self, connection: PooledConnection) -> None:
        try:
            await self._close(connection)
        finally:
            # Whatever becomes of it, another one may be opened in its place.
            self._pass_on(None)

    async def _close(self, connection: PooledConnection) -> None:
        try:
            await connection.close()
        except (
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
            sqlite3.Error,
            OSError,
        ) as error:
            log.warning("database.connection_not_closed", cause=type(error).__name__)

    def _pass_on(self, connection: PooledConnection | None) -> None:
        """A connection, or the right to open one, that its owner does not want any more."""
        if connection is not None:
            self.give_back(connection)
        elif not self._hand_on(None):
            self._unopened += 1
            if self._is_over and self._unopened == self._size:
                self._all_are_back.set()

    def _hand_on(self, connection: PooledConnection | None) -> bool:
        """To the first in line; False where there is nobody."""
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(connection)
                return True
        return False


def _give_up(turn: asyncio.Future[PooledConnection | None]) -> None:
    if not turn.done():
        turn.set_exception(TimeoutError())
