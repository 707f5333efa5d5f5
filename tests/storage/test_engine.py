"""Connections: how SQLite's are set up, and transactions that are run again."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import Unavailable
from gateway.storage.engine import Database, DatabaseConfig, parse_url
from tests.databases import PostgreSQLServer, SQLiteServer
from tests.patience import PATIENCE_SECONDS


@pytest.fixture
async def sqlite_database(sqlite: SQLiteServer) -> Any:
    url = sqlite.create()
    database = Database(DatabaseConfig(url=url))
    yield database
    await database.close()
    sqlite.drop(url)


@pytest.fixture
async def postgresql_database(postgresql: PostgreSQLServer) -> Any:
    url = postgresql.create()
    database = Database(DatabaseConfig(url=url))
    yield database
    await database.close()
    postgresql.drop(url)


async def test_pragmas_of_every_connection(sqlite_database: Database) -> None:
    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}

    async def pragmas(connection: AsyncConnection) -> dict[str, Any]:
        return {name: (await connection.execute(text(f"PRAGMA {name}"))).scalar() for name in expected}

    assert await sqlite_database.transaction(pragmas) == expected
    # As many at once as the pool has, so that each is another connection.
    found = await asyncio.gather(
        *(sqlite_database.fetch(text(f"PRAGMA {name}")) for name in expected for _ in range(10))
    )
    assert [rows[0][0] for rows in found] == [value for value in expected.values() for _ in range(10)]


async def test_a_transaction_takes_the_write_lock_when_it_begins(sqlite_database: Database) -> None:
    """A deferred one would fail when it turns into a writer, and no waiting would help."""

    async def add(connection: AsyncConnection) -> None:
        (number,) = (await connection.execute(text("SELECT count(*) FROM organizations"))).one()
        await asyncio.sleep(0)
        await connection.execute(
            text("INSERT INTO organizations (id, name) VALUES (:id, 'new')"), {"id": f"{number:032x}"}
        )

    # Two pools, as of two processes: their locks do not know each other.
    config = replace(sqlite_database._config, pool_timeout=PATIENCE_SECONDS, statement_timeout=PATIENCE_SECONDS)
    databases = [Database(config) for _ in range(2)]
    await asyncio.gather(*(databases[n % 2].transaction(add) for n in range(100)))
    for each in databases:
        await each.close()
    rows = await sqlite_database.fetch(text("SELECT count(*) FROM organizations"))
    assert rows[0][0] == 102


async def test_readers_do_not_wait_for_the_writer(sqlite_database: Database) -> None:
    async def write(connection: AsyncConnection) -> list[Any]:
        await connection.execute(text("DELETE FROM memberships"))
        # What is not committed is not seen.
        return await sqlite_database.fetch(text("SELECT count(*) FROM memberships"))

    assert (await sqlite_database.transaction(write))[0][0] == 5
    assert (await sqlite_database.fetch(text("SELECT count(*) FROM memberships")))[0][0] == 0


async def test_work_that_fails_is_undone(database: Database) -> None:
    class Mistake(Exception):
        pass

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text("DELETE FROM memberships"))
        raise Mistake

    with pytest.raises(Mistake):
        await database.transaction(work)
    assert (await database.fetch(text("SELECT count(*) FROM memberships")))[0][0] == 5


async def test_work_that_is_cancelled_lets_others_write_at_once(database: Database) -> None:
    slow = text(
        "UPDATE users SET name = (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)"
        " SELECT CAST(max(i) AS TEXT) FROM n) RETURNING id"
    )

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text("DELETE FROM memberships"))
        runs.set()
        await connection.execute(slow)

    # What is left of it is not cleared away by chance.
    gc.disable()
    try:
        for _ in range(3):
            runs = asyncio.Event()
            running = asyncio.create_task(database.transaction(work))
            await runs.wait()
            # In the middle of the slow one.
            await asyncio.sleep(0.05)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            await database.transaction(lambda connection: connection.execute(text("UPDATE users SET name = 'x'")))
    finally:
        gc.enable()
    assert (await database.fetch(text("SELECT count(*) FROM memberships")))[0][0] == 5


async def test_a_read_that_is_cancelled_lets_the_log_be_cleared(sqlite_database: Database) -> None:
    slow = text(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)"
        " SELECT max(i) FROM n UNION ALL SELECT name FROM users"
    )
    gc.disable()
    try:
        reading = asyncio.create_task(sqlite_database.fetch(slow))
        # In the middle of it.
        await asyncio.sleep(0.05)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await sqlite_database.transaction(lambda connection: connection.execute(text("DELETE FROM memberships")))
        async with asyncio.timeout(PATIENCE_SECONDS):
            # Its thread may not have come to the end.
            while (await sqlite_database.fetch(text("PRAGMA wal_checkpoint(TRUNCATE)")))[0][0]:
                pass
    finally:
        gc.enable()


async def test_closing_waits_for_what_was_cancelled_a_moment_ago(database_url: str) -> None:
    database = Database(DatabaseConfig(url=database_url))
    begun = asyncio.Event()

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text("DELETE FROM memberships"))
        begun.set()
        await asyncio.get_running_loop().create_future()

    running = asyncio.create_task(database.transaction(work))
    await begun.wait()
    running.cancel()
    before = asyncio.all_tasks()
    await database.close()
    assert running.cancelled()
    assert asyncio.all_tasks() <= before


async def test_a_visit_that_fails_leaves_nothing_behind(sqlite_database: Database) -> None:
    def work(fetch: Any) -> None:
        fetch("DELETE FROM memberships", ())
        assert fetch("SELECT count(*) FROM memberships", ()) == [(0,)]
        raise LookupError

    # More often than there are connections: each of them is as good as before.
    for _ in range(12):
        with pytest.raises(LookupError):
            await sqlite_database.visit(work, writes=True)
    assert (await sqlite_database.fetch(text("SELECT count(*) FROM memberships")))[0][0] == 5


async def test_a_deadlock_is_run_again(postgresql_database: Database) -> None:
    database = postgresql_database
    both = asyncio.Barrier(2)
    attempts = 0

    async def rename(connection: AsyncConnection, *numbers: int) -> None:
        nonlocal attempts
        attempts += 1
        for number in numbers:
            await connection.execute(text("UPDATE projects SET name = name || '!' WHERE id = :id"), {"id": number})
            if number == numbers[0] and attempts <= 2:
                # Each holds what the other wants next.
                await both.wait()

    await asyncio.gather(
        database.transaction(lambda connection: rename(connection, 1, 2)),
        database.transaction(lambda connection: rename(connection, 2, 1)),
    )
    assert attempts == 3
    rows = await database.fetch(text("SELECT name FROM projects WHERE id < 3 ORDER BY id"))
    assert [row.name for row in rows] == ["Web shop!!", "Mobile!!"]


async def test_a_serialization_failure_is_run_again(postgresql_database: Database) -> None:
    database = postgresql_database
    both = asyncio.Barrier(2)
    attempts = 0

    async def append(connection: AsyncConnection, letter: str) -> None:
        nonlocal attempts
        attempts += 1
        first = attempts <= 2
        await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        name = (await connection.execute(text("SELECT name FROM projects WHERE id = 1"))).scalar_one()
        if first:
            await both.wait()
        await connection.execute(text("UPDATE projects SET name = :name WHERE id = 1"), {"name": name + letter})

    await asyncio.gather(*(database.transaction(lambda c, letter=letter: append(c, letter)) for letter in "ab"))  # type: ignore[misc]
    assert attempts == 3
    rows = await database.fetch(text("SELECT name FROM projects WHERE id = 1"))
    assert rows[0].name in ("Web shopab", "Web shopba")


async def test_retries_come_to_an_end(postgresql_database: Database) -> None:
    attempts = 0

    async def fail(connection: AsyncConnection) -> None:
        nonlocal attempts
        attempts += 1
        await connection.execute(text("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$"))

    with pytest.raises(Unavailable):
        await postgresql_database.transaction(fail)
    assert attempts == 5


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "is no database URL"),
        ("secret", "is no database URL"),
        ("mysql://root:secret@h/d", "has the driver 'mysql'"),
        ("postgresql://root:secret@h/d", "has the driver 'postgresql'"),
        ("sqlite:///secret.db", "has the driver 'sqlite'"),
        ("sqlite+aiosqlite://", "needs a file"),
        ("sqlite+aiosqlite:///:memory:", "needs a file"),
        ("postgresql+asyncpg://root:secret@h:port/d", "is no database URL"),
    ],
)
def test_a_wrong_url_is_told_without_what_is_in_it(url: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as caught:
        parse_url(url)
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(DatabaseConfig(url="postgresql+asyncpg://root:secret@h/d"))
