"""The pool of connections: its bound holds whatever goes wrong, and nobody waits for ever."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import Unavailable
from gateway.storage import pool as pool_module
from gateway.storage.connections import PooledConnection, SQLiteConnection
from gateway.storage.engine import POSTGRESQL, Database, DatabaseConfig
from gateway.storage.failures import StatementFailed
from gateway.storage.pool import ConnectionPool
from tests.databases import PostgreSQLServer, SQLiteServer
from tests.patience import PATIENCE_SECONDS


class Fake(PooledConnection):
    is_closed = False
    is_sound = True
    is_in_transaction = False
    pinged = 0

    def __init__(self, opened: list[Fake]) -> None:
        self.used_at = 0.0
        self.is_open = True
        opened.append(self)

    async def fetch(self, *_: Any) -> list[Any]:
        return []

    async def ping(self) -> None:
        self.pinged += 1
        if not self.is_sound:
            raise ConnectionError

    @asynccontextmanager
    async def autocommit(self) -> Any:
        yield None

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.is_open = False


class Pool:
    """Two connections at most; `opened` has all that there ever were."""

    def __init__(self, patience: float = 60.0) -> None:
        self.opened: list[Fake] = []
        self.fails = False
        self.pool = ConnectionPool(self._open, 2, patience)

    async def _open(self) -> PooledConnection:
        await asyncio.sleep(0)
        if self.fails:
            raise ConnectionError
        return Fake(self.opened)

    async def take(self) -> Fake:
        return cast("Fake", await self.pool.take())

    async def assert_whole(self) -> None:
        """Two can be had, and no third."""
        taken = [await asyncio.wait_for(self.pool.take(), PATIENCE_SECONDS) for _ in range(2)]
        third = asyncio.create_task(self.pool.take())
        await asyncio.sleep(0.01)
        assert not third.done()
        self.pool.give_back(taken.pop())
        self.pool.give_back(await third)
        self.pool.give_back(taken.pop())
        assert sum(each.is_open for each in self.opened) <= 2


async def test_the_last_one_used_is_lent_first() -> None:
    pool = Pool()
    one, two = await pool.take(), await pool.take()
    pool.pool.give_back(one)
    pool.pool.give_back(two)
    assert await pool.take() is two
    assert await pool.take() is one
    assert one.pinged == two.pinged == 0


async def test_who_waits_is_served_in_order() -> None:
    pool = Pool()
    taken = [await pool.take(), await pool.take()]
    served: list[int] = []

    async def wait(number: int) -> None:
        connection = await pool.take()
        served.append(number)
        pool.pool.give_back(connection)

    waiting = [asyncio.create_task(wait(number)) for number in range(5)]
    await asyncio.sleep(0)
    pool.pool.give_back(taken.pop())
    await asyncio.gather(*waiting)
    assert served == [0, 1, 2, 3, 4]
    assert len(pool.opened) == 2


async def test_patience_has_an_end() -> None:
    pool = Pool(patience=0.01)
    taken = [await pool.take(), await pool.take()]
    with pytest.raises(TimeoutError):
        await pool.take()
    for each in taken:
        pool.pool.give_back(each)
    assert await pool.take() is taken[1]


async def test_one_who_goes_takes_nothing_along() -> None:
    pool = Pool()
    taken = [await pool.take(), await pool.take()]
    waiting = [asyncio.create_task(pool.take()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    # This one is cancelled when its connection is on its way already.
    pool.pool.give_back(taken.pop())
    waiting[1].cancel()
    pool.pool.give_back(await waiting[2])
    pool.pool.give_back(taken.pop())
    assert all(each.cancelled() for each in waiting[:2])
    await pool.assert_whole()


@pytest.mark.parametrize("failure", [asyncio.CancelledError(), TimeoutError(), ConnectionError()], ids=repr)
async def test_what_leaves_a_connection_in_doubt_closes_it(failure: BaseException) -> None:
    pool = Pool()
    connection = await pool.take()
    pool.pool.give_back(connection, failure)
    await pool.assert_whole()
    assert not connection.is_open


async def test_other_failures_leave_it_unless_it_is_unsound() -> None:
    pool = Pool()
    connection = await pool.take()
    pool.pool.give_back(connection, ValueError())
    assert await pool.take() is connection
    connection.is_sound = False
    pool.pool.give_back(connection, ValueError())
    await pool.assert_whole()
    assert not connection.is_open


async def test_one_that_is_gone_is_replaced() -> None:
    pool = Pool()
    connection = await pool.take()
    pool.pool.give_back(connection)
    connection.is_closed = True
    assert await pool.take() is not connection


async def test_one_that_has_lain_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_TRUSTED_SECONDS", 0.0)
    pool = Pool()
    connection = await pool.take()
    pool.pool.give_back(connection)
    assert await pool.take() is connection
    assert connection.pinged == 1
    pool.pool.give_back(connection)
    connection.is_sound = False
    assert await pool.take() is not connection


async def test_who_is_cancelled_while_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_TRUSTED_SECONDS", 0.0)
    pool = Pool()
    connection = await pool.take()
    pool.pool.give_back(connection)
    is_asked = asyncio.Event()

    async def hang() -> None:
        is_asked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(connection, "ping", hang)
    taking = asyncio.create_task(pool.take())
    await is_asked.wait()
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    await pool.assert_whole()
    assert not connection.is_open


async def test_opening_that_fails_gives_the_next_one_its_turn() -> None:
    pool = Pool()
    pool.fails = True
    for _ in range(3):
        with pytest.raises(ConnectionError):
            await pool.take()
    attempts = await asyncio.gather(*(pool.take() for _ in range(5)), return_exceptions=True)
    assert all(isinstance(each, ConnectionError) for each in attempts)
    pool.fails = False
    await pool.assert_whole()


async def test_one_that_comes_back_late_is_closed_too() -> None:
    pool = Pool()
    lent, idle = await pool.take(), await pool.take()
    pool.pool.give_back(idle)
    await pool.pool.close()
    assert (lent.is_open, idle.is_open) == (True, False)
    pool.pool.give_back(lent)
    await pool.pool.close()
    assert not lent.is_open


async def test_both_forms_share_the_bound(postgresql: PostgreSQLServer) -> None:
    url = postgresql.create()
    database = Database(DatabaseConfig(url=url, pool_size=3, pool_timeout=60))
    assert database.dialect == POSTGRESQL
    prepared = database.prepare(text("SELECT pg_backend_pid(), pg_sleep(0.01)"))
    plain = text("SELECT pg_backend_pid(), pg_sleep(0.01)")
    rows = await asyncio.gather(
        *(database.read(prepared) for _ in range(20)),
        *(database.fetch(plain) for _ in range(20)),
        *(database.transaction(lambda connection: connection.execute(plain)) for _ in range(20)),
    )
    assert len({next(iter(each))[0] for each in rows}) == 3
    await database.close()
    postgresql.drop(url)


async def test_a_read_that_is_cancelled_leaves_the_pool_whole(postgresql: PostgreSQLServer) -> None:
    url = postgresql.create()
    database = Database(DatabaseConfig(url=url, pool_size=1, pool_timeout=60))
    slow = database.prepare(text("SELECT pg_sleep(60)"))
    for _ in range(3):
        reading = asyncio.create_task(database.read(slow))
        await asyncio.sleep(0.05)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert [tuple(row) for row in await database.read(database.prepare(text("SELECT 1")))] == [(1,)]
    await database.close()
    postgresql.drop(url)


async def test_a_read_that_failed_leaves_the_pool_to_others(database: Database) -> None:
    async def work(connection: AsyncConnection) -> Any:
        return (await connection.execute(text("SELECT 1"))).scalar()

    for _ in range(2):
        with pytest.raises(StatementFailed):
            await database.fetch(text("SELECT nothing FROM nowhere"))
        # It would get the connection that was used last.
        assert await database.transaction(work) == 1


async def test_postgresql_plans_a_prepared_statement_once(postgresql: PostgreSQLServer) -> None:
    url = postgresql.create()
    database = Database(DatabaseConfig(url=url))
    try:
        # In both forms, and still after what rolls back.
        for _ in range(2):
            (row,) = await database.fetch(text("SHOW plan_cache_mode"))
            assert row.plan_cache_mode == "force_generic_plan"
            with pytest.raises(StatementFailed):
                await database.fetch(text("SELECT 1 / 0"))
    finally:
        await database.close()
        postgresql.drop(url)


async def test_a_prepared_statement_outlives_a_change_of_its_table(postgresql: PostgreSQLServer) -> None:
    url = postgresql.create()
    database = Database(DatabaseConfig(url=url, pool_size=1))
    names = database.prepare(text("SELECT * FROM organizations"))
    before = await database.read(names)
    await database.transaction(lambda connection: connection.execute(text("ALTER TABLE organizations ADD note text")))
    after = await database.read(names)
    assert [tuple(row) for row in after] == [(*row, None) for row in before]
    await database.close()
    postgresql.drop(url)


async def test_a_prepared_write_that_is_refused_for_now_is_run_again(postgresql: PostgreSQLServer) -> None:
    url = postgresql.create()
    database = Database(DatabaseConfig(url=url))
    await database.transaction(lambda connection: connection.execute(text("CREATE SEQUENCE attempts")))
    again = text(
        "DO $$ BEGIN IF nextval('attempts') < 4 THEN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END IF; END $$"
    )
    await database.write(database.prepare(again))
    assert (await database.fetch(text("SELECT last_value FROM attempts")))[0][0] == 4
    never = text("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$")
    for run in (database.read, database.write):
        with pytest.raises(Unavailable):
            await run(database.prepare(never))
    await database.close()
    postgresql.drop(url)


async def test_one_that_was_closed_already_gives_its_place_up(
    sqlite: SQLiteServer, caplog: pytest.LogCaptureFixture
) -> None:
    """SQLAlchemy closes what is cancelled in a transaction."""
    url = sqlite.create()
    database = Database(DatabaseConfig(url=url, pool_size=1, pool_timeout=5))
    try:
        for _ in range(3):
            connection = await database._connections.take()
            assert isinstance(connection, SQLiteConnection)
            await connection._driver.close()
            assert connection.is_closed
            assert not connection.is_sound
            database._connections.give_back(connection, asyncio.CancelledError())
            await database.check()
        await database.close()
        assert not caplog.records
    finally:
        sqlite.drop(url)
