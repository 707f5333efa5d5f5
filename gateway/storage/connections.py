"""Connections to the database that can be used in two ways: through SQLAlchemy, and through the driver below it.

With SQLAlchemy's own pool, using the driver would cost as much as using SQLAlchemy.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import aiosqlite
import asyncpg
from sqlalchemy import URL, Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from gateway.storage import hosts
from gateway.storage.statements import DriverRow, FetchNow

if TYPE_CHECKING:
    from gateway.storage.engine import DatabaseConfig

T = TypeVar("T")

# Statements are prepared, and go by keys whatever their values are. PostgreSQL would rather plan those with lists anew
# each time, which takes it 0.7 ms, and running them 0.1. Its default `random_page_cost` is that of a
# turning disk: with it, it reads a small table whole instead of using the index.
_PLANNING: Final = "SET plan_cache_mode = force_generic_plan; SET random_page_cost = 1.1"
# A database that lives has answered by then. What a network has lost in silence is not waited for as a statement is.
PING_SECONDS: Final = 1.0
# Set in `AsyncConnection.info`: no BEGIN before the next statement.
_NO_BEGIN: Final = "gateway_no_begin"


class PooledConnection(ABC):
    def __init__(self, sqlalchemy: AsyncConnection) -> None:
        self.sqlalchemy = sqlalchemy
        self.used_at = 0.0

    @abstractmethod
    async def fetch(self, statement: str, arguments: Sequence[Any]) -> Sequence[DriverRow]:
        """All rows of one statement, which is a transaction by itself. Raises the driver's own errors."""

    @property
    @abstractmethod
    def is_closed(self) -> bool:
        """Whether it is known to be closed."""

    @property
    def is_sound(self) -> bool:
        """Whether it can be used again after a failure: it is open, and in no transaction."""
        # SQLAlchemy thinks itself in one after a statement that failed, also where none was begun.
        return not (
            self.is_closed or self.is_in_transaction or self.sqlalchemy.in_transaction() or self.sqlalchemy.invalidated
        )

    @property
    @abstractmethod
    def is_in_transaction(self) -> bool:
        """As the driver reports it, of an open connection."""

    @abstractmethod
    async def ping(self) -> None:
        """Raises if the server is gone."""

    @abstractmethod
    def autocommit(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """The SQLAlchemy connection, without a transaction around its statements."""

    async def close(self) -> None:
        if not self.is_sound:
            await self.sqlalchemy.invalidate()
        await self.sqlalchemy.close()


class PostgreSQLConnection(PooledConnection):
    def __init__(self, sqlalchemy: AsyncConnection, dbapi: Any) -> None:
        super().__init__(sqlalchemy)
        self._dbapi = dbapi
        self._driver: asyncpg.Connection[Any] = dbapi.driver_connection

    @classmethod
    async def open(cls, engine: AsyncEngine) -> PostgreSQLConnection:
        connection = await engine.connect()
        return cls(connection, (await connection.get_raw_connection()).dbapi_connection)

    async def fetch(self, statement: str, arguments: Sequence[Any]) -> Sequence[DriverRow]:
        # Prepared by asyncpg when it is first seen, unless the pool is told that pgbouncer is in between.
        return await self._driver.fetch(statement, *arguments)

    @property
    def is_closed(self) -> bool:
        return self._driver.is_closed()

    @property
    def is_in_transaction(self) -> bool:
        return self._driver.is_in_transaction()

    async def ping(self) -> None:
        await self._driver.execute("SELECT 1", timeout=PING_SECONDS)

    async def close(self) -> None:
        # With a limit in time of its own, shorter than that of statements: who is at the other end may not answer.
        await self.sqlalchemy.invalidate()
        await self.sqlalchemy.close()

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[AsyncConnection]:
        self._dbapi.autocommit = True
        try:
            yield self.sqlalchemy
            await self.sqlalchemy.rollback()
        finally:
            self._dbapi.autocommit = False


class SQLiteConnection(PooledConnection):
    def __init__(self, sqlalchemy: AsyncConnection, driver: aiosqlite.Connection) -> None:
        super().__init__(sqlalchemy)
        self._driver = driver

    @classmethod
    async def open(cls, engine: AsyncEngine) -> SQLiteConnection:
        connection = await engine.connect()
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        return cls(connection, driver)

    async def fetch(self, statement: str, arguments: Sequence[Any]) -> Sequence[DriverRow]:
        # Executed, fetched and closed in one visit to the connection's thread.
        return await self._driver.execute_fetchall(statement, arguments)  # type: ignore[return-value]  # it is a list

    async def visit(self, work: Callable[[FetchNow], T], *, writes: bool = False) -> T:
        """Runs `work` in the connection's thread, in one transaction. Raises the driver's own errors.

        A visit to the thread costs as much as several statements do.
        """
        # A deferred transaction that turns into a writer late fails with "database is locked".
        begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
        # The thread holds on to what it was given and what it returned until it is visited again.
        handed = [work]
        found: list[T] = []
        await self._driver._execute(self._visit, begin, handed, found)  # type: ignore[no-untyped-call]  # as all that aiosqlite does
        return found.pop()

    def _visit(self, begin: str, handed: list[Callable[[FetchNow], T]], found: list[T]) -> None:
        work = handed.pop()
        driver = self._driver._conn
        execute = driver.execute
        execute(begin)
        try:
            done = work(lambda statement, arguments: execute(statement, arguments).fetchall())
            execute("COMMIT")
        except BaseException:
            # What fails for want of disk or memory can have ended it already.
            if driver.in_transaction:
                execute("ROLLBACK")
            raise
        found.append(done)

    @property
    def is_closed(self) -> bool:
        try:
            _ = self._driver.in_transaction
        except ValueError:
            # So says aiosqlite of one that SQLAlchemy closed, as it does where a transaction is cancelled.
            return True
        return False

    @property
    def is_in_transaction(self) -> bool:
        return self._driver.in_transaction

    async def ping(self) -> None:
        """Nothing to do: a file does not go away."""

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[AsyncConnection]:
        info = self.sqlalchemy.sync_connection.info  # type: ignore[union-attr]  # it is connected
        info[_NO_BEGIN] = True
        try:
            yield self.sqlalchemy
            await self.sqlalchemy.rollback()
        finally:
            info[_NO_BEGIN] = False


def sqlite_engine(url: URL, config: DatabaseConfig) -> AsyncEngine:
    engine = create_async_engine(
        url,
        poolclass=NullPool,
        connect_args={"timeout": config.statement_timeout},
        hide_parameters=True,
    )

    @event.listens_for(engine.sync_engine, "do_connect")
    def look_first(*_: object) -> None:
        # aiosqlite would start a thread to find this out, and that thread complains on standard error
        # by itself when the loop is closed before it has ended.
        path = url.database or ""
        # In the form of a URI it is SQLite's to read.
        if not path.startswith("file:") and not Path(path).parent.is_dir():
            raise sqlite3.OperationalError("unable to open database file")

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        # The driver begins no transactions by itself: `begin` below does.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",  # readers and the writer do not wait for each other
            "synchronous=FULL",  # what was answered survives a loss of power
            "foreign_keys=ON",  # off by default, for each connection
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        if not connection.info.get(_NO_BEGIN):
            # A deferred transaction that turns into a writer late fails with "database is locked".
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def postgresql_engine(url: URL, config: DatabaseConfig) -> AsyncEngine:
    connect_args: dict[str, Any] = {
        "async_creator_fn": hosts.connect,
        "timeout": config.connect_timeout,
        "command_timeout": config.statement_timeout,
    }
    if config.behind_pgbouncer:
        # Its server connection changes from one transaction to the next, so a prepared statement may
        # not be kept; one without a name is gone with the next, and never left behind on a server.
        connect_args |= {
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": str,
        }
    else:
        connect_args["server_settings"] = {"application_name": "gateway"}
    engine = create_async_engine(
        url,
        poolclass=NullPool,
        connect_args=connect_args,
        # Errors go to the log; what a statement was about does not.
        hide_parameters=True,
    )
    if not config.behind_pgbouncer:

        @event.listens_for(engine.sync_engine, "connect")
        def configure(connection: Any, _: ConnectionPoolEntry) -> None:
            # Not among `server_settings`: a pgbouncer that pools whole sessions refuses those that it does not know.
            connection.run_async(lambda driver: driver.execute(_PLANNING))

    return engine
