"""Connections to the database: how they are opened, bounded, retried, and how their failures are told."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from uuid import uuid4

import structlog
from sqlalchemy import Connection, Executable, Row, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from gateway.errors import Unavailable

log = structlog.get_logger(__name__)
T = TypeVar("T")

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
DRIVERS: Final = {"sqlite+aiosqlite": SQLITE, "postgresql+asyncpg": POSTGRESQL}

# Serialization failure and deadlock: the database asks to run the same transaction again.
_RETRYABLE_STATES: Final = frozenset({"40001", "40P01"})
_ATTEMPTS: Final = 5
_BACKOFF_SECONDS: Final = 0.02
# SQLAlchemy's own AUTOCOMMIT would give SQLite's driver back its implicit transactions afterwards.
_NO_BEGIN: Final = "gateway_no_begin"


@dataclass(frozen=True, slots=True)
class DatabaseConfig:
    """`url` may hold a password: it is kept out of every repr. Times are in seconds."""

    url: str = field(repr=False)
    pool_size: int = 10
    pool_timeout: float = 5.0
    connect_timeout: float = 5.0
    statement_timeout: float = 5.0
    behind_pgbouncer: bool = False


def parse_url(url: str) -> URL:
    """Raises ValueError that says what is wrong, without repeating the URL: it may hold a password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError("is no database URL, as sqlite+aiosqlite:///path or postgresql+asyncpg://...") from None
    if parsed.drivername not in DRIVERS:
        known = " and ".join(sorted(DRIVERS))
        raise ValueError(f"has the driver {parsed.drivername!r}; supported are {known}")
    if DRIVERS[parsed.drivername] == SQLITE and parsed.database in (None, "", ":memory:"):
        raise ValueError("needs a file for SQLite: connections do not share a database in memory")
    return parsed


class Database:
    """One engine, two ways to use it: `fetch` for a single read, `transaction` for all else."""

    def __init__(self, config: DatabaseConfig) -> None:
        self._config = config
        url = parse_url(config.url)
        self.dialect = DRIVERS[url.drivername]
        self._engine = _sqlite_engine(url, config) if self.dialect == SQLITE else _postgresql_engine(url, config)
        # A single read needs no BEGIN around it.
        self._autocommit = self._engine.execution_options(
            **({_NO_BEGIN: True} if self.dialect == SQLITE else {"isolation_level": "AUTOCOMMIT"})
        )
        # SQLite has one writer at a time. Waiting here is in order of arrival; SQLite's own waiting
        # is a race that a connection can lose until its time is up.
        self._writer = asyncio.Lock() if self.dialect == SQLITE else nullcontext()

    async def fetch(self, statement: Executable, parameters: Any = None) -> list[Row[Any]]:
        """The rows of one reading statement. Raises Unavailable."""
        async with _translated(), self._autocommit.connect() as connection:
            result = await connection.execute(statement, parameters)
            return list(result)

    async def transaction(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Runs `work` in one transaction, again if the database asks for it. Raises Unavailable.

        `work` can run several times: it keeps what it learns to itself until it returns.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                async with _translated(), self._writer, self._engine.begin() as connection:
                    return await work(connection)
            except _Retry:
                if attempt == _ATTEMPTS:
                    log.warning("database.retries_exhausted", attempts=attempt)
                    raise Unavailable from None
                await asyncio.sleep(random.uniform(0, _BACKOFF_SECONDS * 2**attempt))  # noqa: S311  # no secret, a pause
        raise AssertionError("unreachable")

    async def run_sync(self, work: Callable[[Connection], T]) -> T:
        """For Alembic, which knows synchronous connections only."""
        async with _translated(), self._writer, self._engine.begin() as connection:
            return await connection.run_sync(work)

    def insert(self, table: Any) -> Any:
        """An INSERT that knows `on_conflict_do_update`, which Core has per dialect only."""
        return sqlite.insert(table) if self.dialect == SQLITE else postgresql.insert(table)

    async def check(self) -> None:
        """Raises Unavailable where the database does not answer."""
        await self.fetch(text("SELECT 1"))

    async def close(self) -> None:
        await self._engine.dispose()


class _Retry(Exception):
    pass


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    """Turns a database that is gone, hung or overloaded into Unavailable; the cause goes to the log."""
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        if _sqlstate(error) in _RETRYABLE_STATES:
            raise _Retry from error
        if not _is_outage(error):
            raise
        log.error("database.unavailable", cause=str(error.orig)[:500])
        raise Unavailable from error
    except (PoolTimeoutError, OSError, TimeoutError) as error:
        log.error("database.unavailable", cause=type(error).__name__)
        raise Unavailable from error


def _sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


def _is_outage(error: DBAPIError) -> bool:
    state = _sqlstate(error)
    if state is not None:
        # 08 connection, 53 out of resources, 57 operator intervention; 3D000: no such database; 28: login.
        return state[:2] in ("08", "53", "57", "28", "3D")
    # SQLite: locked, busy, full, I/O error. asyncpg: its own errors of the connection carry no SQLSTATE.
    return error.connection_invalidated or isinstance(error, InterfaceError) or "Operational" in type(error).__name__


def is_unique_violation(error: IntegrityError) -> bool:
    return _sqlstate(error) == "23505" or getattr(error.orig, "sqlite_errorname", "") in (
        "SQLITE_CONSTRAINT_UNIQUE",
        "SQLITE_CONSTRAINT_PRIMARYKEY",
    )


def _sqlite_engine(url: URL, config: DatabaseConfig) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=config.pool_size,
        max_overflow=0,
        pool_timeout=config.pool_timeout,
        connect_args={"timeout": config.statement_timeout},
        hide_parameters=True,
    )

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
        if not connection.get_execution_options().get(_NO_BEGIN):
            # A deferred transaction that turns into a writer late fails with "database is locked".
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _postgresql_engine(url: URL, config: DatabaseConfig) -> AsyncEngine:
    connect_args: dict[str, Any] = {
        "timeout": config.connect_timeout,
        "command_timeout": config.statement_timeout,
        "server_settings": {"application_name": "gateway"},
    }
    if config.behind_pgbouncer:
        # Its server connection changes from one transaction to the next, so a prepared statement may
        # not be kept, nor its name be used twice; and the pooling is pgbouncer's work.
        connect_args |= {
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": lambda: f"__gateway_{uuid4().hex}",
        }
        del connect_args["server_settings"]
        return create_async_engine(url, poolclass=NullPool, connect_args=connect_args, hide_parameters=True)
    return create_async_engine(
        url,
        pool_size=config.pool_size,
        max_overflow=0,
        pool_timeout=config.pool_timeout,
        pool_pre_ping=True,
        connect_args=connect_args,
        # Errors go to the log with their traceback; what a statement was about does not.
        hide_parameters=True,
    )
