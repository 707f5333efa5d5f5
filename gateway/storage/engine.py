"""The database: single statements, transactions, and retries."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

import asyncpg
import structlog
from sqlalchemy import ClauseElement, Connection, Executable, Row, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import Unavailable
from gateway.storage.connections import (
    PING_SECONDS,
    PostgreSQLConnection,
    SQLiteConnection,
    postgresql_engine,
    sqlite_engine,
)
from gateway.storage.failures import LockNotAvailable, RetryTransaction, translated
from gateway.storage.gathering import Gatherer
from gateway.storage.pool import ConnectionPool
from gateway.storage.statements import POSTGRESQL, SQLITE, DriverRow, FetchNow, Prepared
from gateway.storage.urls import DRIVERS, parse_url

# What others need to know of the database they are given.
__all__ = ["POSTGRESQL", "SQLITE", "Database", "DatabaseConfig", "parse_url"]

log = structlog.get_logger(__name__)
T = TypeVar("T")
Q = TypeVar("Q")
A = TypeVar("A")

_ATTEMPTS: Final = 5
_BACKOFF_SECONDS: Final = 0.02
_PATIENCE_SECONDS: Final = 3600.0
# So long a connection may listen and hear nothing. Networks forget connections after minutes.
_QUIET_SECONDS: Final = 15.0
# Of what is gathered from several requests: enough to keep the database busy while its last answer is worked on.
_AT_ONCE: Final = 2
_MOST_GATHERED: Final = 64


@dataclass(frozen=True, slots=True)
class DatabaseConfig:
    """`url` may hold a password: it is kept out of every repr. Times are in seconds."""

    url: str = field(repr=False)
    pool_size: int = 10
    pool_timeout: float = 5.0
    connect_timeout: float = 5.0
    statement_timeout: float = 5.0
    behind_pgbouncer: bool = False


class Database:
    """`read` and `write` run one prepared statement, `fetch` any other single read, `transaction` everything else."""

    def __init__(self, config: DatabaseConfig) -> None:
        self._config = config
        url = parse_url(config.url)
        self.dialect = DRIVERS[url.drivername]
        is_sqlite = self.dialect == SQLITE
        self._engine = sqlite_engine(url, config) if is_sqlite else postgresql_engine(url, config)
        kind = SQLiteConnection if is_sqlite else PostgreSQLConnection
        self._connections = ConnectionPool(lambda: kind.open(self._engine), config.pool_size, config.pool_timeout)
        # SQLite has one writer at a time. Waiting here is in order of arrival; SQLite's own waiting is a race that a
        # connection can lose until its time is up. On PostgreSQL a transaction that waits for a lock holds a connection:
        # half of the pool stays free for what waits for none.
        self._writers = asyncio.Semaphore(1 if is_sqlite else max(1, config.pool_size // 2))

    @property
    def statement_timeout(self) -> float:
        """In seconds."""
        return self._config.statement_timeout

    def prepare(self, statement: ClauseElement) -> Prepared:
        """Prepares a statement for `read` or `write`: once, not for each request."""
        return Prepared(statement, self._engine.dialect)

    async def read(self, statement: Prepared, **values: Any) -> Sequence[DriverRow]:
        """The rows of a prepared SELECT. Raises Unavailable or StatementFailed."""
        try:
            return await self._run(statement, values)
        except Exception as error:
            failure = error
        # Told apart, and run again if the database asks for it, where that is needed: seldom.
        return await _retried(lambda: self._run(statement, values), statement.text, failure)

    async def write(self, statement: Prepared, **values: Any) -> Sequence[DriverRow]:
        """The rows that a writing statement returns, which is a transaction by itself. Raises as `transaction`.

        A statement that limits how long it waits for a lock raises LockNotAvailable too, which is not logged, for the
        statement may be tried again.
        """

        async def attempt() -> Sequence[DriverRow]:
            async with self._turn_to_write() if self.dialect == SQLITE else nullcontext():
                try:
                    return await self._run(statement, values)
                except asyncpg.LockNotAvailableError:
                    raise LockNotAvailable from None

        return await _retried(attempt, statement.text)

    async def visit(self, work: Callable[[FetchNow], T], *, writes: bool = False) -> T:
        """For SQLite: runs `work`, with any statements, in one transaction and one visit to the connection's thread.

        `work` may run several times, and errors are those of `transaction`.
        """

        async def attempt() -> T:
            async with self._turn_to_write() if writes else nullcontext(), self._connections.lent() as lent:
                assert isinstance(lent, SQLiteConnection)
                return await lent.visit(work, writes=writes)

        return await _retried(attempt)

    def gatherer(self, read: Callable[[Sequence[Q]], Awaitable[Sequence[A | Exception]]]) -> Gatherer[Q, A]:
        """Passes to `read` what several requests ask at one moment."""
        return self._gatherer(read, _AT_ONCE)

    def write_gatherer(self, write: Callable[[Sequence[Q]], Awaitable[Sequence[A | Exception]]]) -> Gatherer[Q, A]:
        """Passes to `write` what several requests write at one moment."""
        # SQLite's one writer is who they wait for, in one line or the other.
        return self._gatherer(write, 1 if self.dialect == SQLITE else _AT_ONCE)

    def _gatherer(
        self, work: Callable[[Sequence[Q]], Awaitable[Sequence[A | Exception]]], at_once: int
    ) -> Gatherer[Q, A]:
        return Gatherer(work, at_once=at_once, most=_MOST_GATHERED, patience=self._config.pool_timeout)

    async def fetch(self, statement: Executable, parameters: Any = None) -> list[Row[Any]]:
        """The rows of one reading statement. Raises Unavailable or StatementFailed."""

        async def attempt() -> list[Row[Any]]:
            async with self._connections.lent() as lent, lent.autocommit() as connection:
                return list(await connection.execute(statement, parameters))

        return await _retried(attempt)

    async def transaction(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Runs `work` in one transaction, and runs it again if the database asks for it.

        `work` may run several times, so it must have no side effects before it returns. Raises Unavailable,
        ConstraintViolated or StatementFailed.
        """

        async def attempt() -> T:
            async with self._turn_to_write(), self._connections.lent() as lent, lent.sqlalchemy.begin():
                return await work(lent.sqlalchemy)

        return await _retried(attempt)

    async def run_sync(self, work: Callable[[Connection], T]) -> T:
        """`transaction` for Alembic, which knows synchronous connections only."""
        return await self.transaction(lambda connection: connection.run_sync(work))

    async def fetch_sync(self, work: Callable[[Connection], T]) -> T:
        """The same for `work` that only reads: it waits for no writer."""

        async def attempt() -> T:
            async with self._connections.lent() as lent, lent.autocommit() as connection:
                return await connection.run_sync(work)

        return await _retried(attempt)

    @asynccontextmanager
    async def unhurried(self) -> AsyncIterator[Database]:
        """The same database with a long statement timeout, for migrations and the like."""
        database = Database(replace(self._config, statement_timeout=_PATIENCE_SECONDS))
        try:
            yield database
        finally:
            await database.close()

    def insert(self, table: Any) -> Any:
        """An INSERT that knows `on_conflict_do_update`, which Core has per dialect only."""
        return sqlite.insert(table) if self.dialect == SQLITE else postgresql.insert(table)

    async def check(self) -> None:
        """Raises Unavailable if the database does not answer."""
        await self.fetch(text("SELECT 1"))

    @property
    def can_listen(self) -> bool:
        """Whether `listening` works: on PostgreSQL without pgbouncer, which does not deliver notifications."""
        return self.dialect == POSTGRESQL and not self._config.behind_pgbouncer

    @asynccontextmanager
    async def listening(self, channel: str, heard: Callable[[str], None]) -> AsyncIterator[asyncio.Future[None]]:
        """Calls `heard` with each payload that PostgreSQL's NOTIFY sends on `channel`, over a connection of its own.

        The future is done when that connection is lost, also in silence. Raises Unavailable.
        """
        lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def on_lost(_: object) -> None:
            if not lost.done():
                lost.set_result(None)

        with translated():
            # The engine has no pool: this one is new.
            async with self._engine.connect() as connection:
                driver: Any = (await connection.get_raw_connection()).driver_connection
                # Who looks at the server's connections can tell it from those of the pool.
                await driver.execute("SET application_name = 'gateway-changes'")
                driver.add_termination_listener(on_lost)
                await driver.add_listener(channel, lambda _, __, ___, payload: heard(payload))
                watching = asyncio.create_task(_watch(driver, lost))
                try:
                    yield lost
                finally:
                    watching.cancel()
                    driver.remove_termination_listener(on_lost)
                    # As the pool's are: to close it would wait for the server as long as for a statement.
                    await connection.invalidate()

    async def close(self) -> None:
        await self._connections.close()
        await self._engine.dispose()

    async def _run(self, statement: Prepared, values: Mapping[str, Any]) -> Sequence[DriverRow]:
        arguments = statement.arguments(values)
        connection = await self._connections.take()
        try:
            rows = await connection.fetch(statement.text, arguments)
        except BaseException as failure:
            self._connections.give_back(connection, failure)
            raise
        self._connections.give_back(connection)
        return rows

    @asynccontextmanager
    async def _turn_to_write(self) -> AsyncIterator[None]:
        async with asyncio.timeout(self._config.pool_timeout):
            await self._writers.acquire()
        try:
            yield
        finally:
            self._writers.release()


async def _watch(driver: asyncpg.Connection[Any], lost: asyncio.Future[None]) -> None:
    """Asks a connection now and then whether it lives: of one that only listens, nothing else would tell."""
    try:
        while not (await asyncio.wait([lost], timeout=_QUIET_SECONDS))[0]:
            await driver.execute("SELECT 1", timeout=PING_SECONDS)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
        if not lost.done():
            lost.set_result(None)


async def _retried(
    work: Callable[[], Awaitable[T]], statement: str | None = None, failure: Exception | None = None
) -> T:
    """`statement` where `work` runs it on the driver itself, which does not say what failed.

    `failure` where the first attempt was made already.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with translated(statement):
                if failure is not None and attempt == 1:
                    raise failure
                return await work()
        except RetryTransaction:
            if attempt == _ATTEMPTS:
                log.warning("database.retries_exhausted", attempts=attempt)
                raise Unavailable from None
            await asyncio.sleep(random.uniform(0, _BACKOFF_SECONDS * 2**attempt))  # noqa: S311  # no secret, a pause
    raise AssertionError("unreachable")
