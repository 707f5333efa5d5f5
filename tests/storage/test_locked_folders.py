"""On PostgreSQL somebody else's transaction can lock a folder: who upserts that one waits for it, and nobody else."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import product
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from gateway.access import WriteGrant
from gateway.errors import Unavailable
from gateway.model import Folder, FolderChanges, FolderType, Surface
from gateway.storage.changes import ChangeStore
from gateway.storage.engine import Database, DatabaseConfig
from gateway.storage.folders import FolderStore
from tests.databases import PostgreSQLServer
from tests.keys import ADA, GRACE
from tests.patience import PATIENCE_SECONDS
from tests.storage.test_upserts import grant_for, upsert

HOME, PINNED = FolderType.HOME, FolderType.PINNED
# With its trigger it locks all that the user may write, too.
CHANGE = "UPDATE persisted_folders SET path = 'operator'"
LOCK = "SELECT 1 FROM persisted_folders WHERE type = 'home' FOR UPDATE"


@pytest.fixture
def url(postgresql: PostgreSQLServer) -> Iterator[str]:
    url = postgresql.create()
    yield url
    postgresql.drop(url)


@asynccontextmanager
async def opened(url: str, statement_timeout: float = PATIENCE_SECONDS, pool_size: int = 10) -> AsyncIterator[Database]:
    database = Database(
        DatabaseConfig(
            url=url,
            pool_size=pool_size,
            pool_timeout=PATIENCE_SECONDS,
            connect_timeout=PATIENCE_SECONDS,
            statement_timeout=statement_timeout,
        )
    )
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def holding(url: str, statement: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """An operator's transaction that ran `statement`, and stays open."""
    name, _, folder = url.partition("@/")[2].partition("?host=")
    connection = await asyncpg.connect(host=folder, user="postgres", database=name)
    try:
        await connection.execute("BEGIN")
        await connection.execute(statement)
        yield connection
    finally:
        await connection.close()


async def others(database: Database) -> list[WriteGrant]:
    return [await grant_for(database, GRACE, number, surface) for number, surface in product((1, 3), Surface)]


async def write_all(store: FolderStore, grants: list[WriteGrant]) -> list[list[tuple[Folder, bool]]]:
    async with asyncio.timeout(PATIENCE_SECONDS / 2):
        return await asyncio.gather(*(upsert(store, grant, each) for grant, each in product(grants, FolderType)))


@pytest.mark.parametrize("statement", [CHANGE, LOCK])
async def test_others_are_written_while_one_waits(url: str, statement: str) -> None:
    async with opened(url) as database:
        store, ada, grants = FolderStore(database), await grant_for(database), await others(database)
        await upsert(store, ada, HOME)
        async with holding(url, statement):
            waiting = asyncio.create_task(upsert(store, ada, HOME, path="late"))
            answers = await write_all(store, grants)
            assert not waiting.done()
        assert Counter(is_new for answer in answers for _, is_new in answer) == {True: 12}
        ((folder, is_new),) = await waiting
        assert (folder.path, is_new) == ("late", False)
        changes = await ChangeStore(database).after(grants[0], 0)
        # Nothing was written twice.
        assert sorted((change.kind, change.folder.id) for change in changes) == sorted(
            ("created", folder.id) for answer in answers for folder, _ in answer
        )


async def test_other_folders_of_the_same_user_are_written_too(url: str) -> None:
    async with opened(url) as database:
        store, ada = FolderStore(database), await grant_for(database)
        await upsert(store, ada, HOME)
        async with holding(url, LOCK):
            waiting = [
                asyncio.create_task(upsert(store, ada, *types, path="late")) for types in ([HOME], [HOME, PINNED])
            ]
            async with asyncio.timeout(PATIENCE_SECONDS / 2):
                ((pinned, is_new),) = await upsert(store, ada, PINNED)
            assert (pinned.path, is_new) == ("", True)
            assert not any(each.done() for each in waiting)
        for each in waiting:
            assert {folder.path for folder, _ in await each} == {"late"}


async def test_only_the_one_that_is_locked_fails(url: str) -> None:
    # Long enough for the others on a busy machine.
    async with opened(url, statement_timeout=5) as database:
        store, ada, grants = FolderStore(database), await grant_for(database), await others(database)
        await upsert(store, ada, HOME)
        async with holding(url, CHANGE):
            waiting = [asyncio.create_task(upsert(store, ada, HOME, path="never")) for _ in range(3)]
            answers = await write_all(store, grants)
            for each in waiting:
                with pytest.raises(Unavailable):
                    await each
        assert Counter(is_new for answer in answers for _, is_new in answer) == {True: 12}
        assert [change.folder.path for change in await ChangeStore(database).after(ada, 0)] == [""]
        await upsert(store, ada, HOME, path="later")
        (found,) = await store.in_places([ada])
        assert [folder.path for folder in found] == ["later"]


async def test_who_waits_for_one_folder_is_written_in_order(url: str) -> None:
    async with opened(url) as database:
        store, ada = FolderStore(database), await grant_for(database)
        async with holding(url, "SELECT 1 FROM environments WHERE id = 1 FOR UPDATE") as operator:
            waiting = [asyncio.create_task(upsert(store, ada, HOME, path=f"{number}")) for number in range(20)]
            await backends_that_wait(operator, 1)
        answers = [await each for each in waiting]
        assert [is_new for ((_, is_new),) in answers] == [True] + [False] * 19
        paths = [change.folder.path for change in await ChangeStore(database).after(ada, 0)]
        assert paths == [folder.path for ((folder, _),) in answers] == [f"{number}" for number in range(20)]


async def backends_that_wait(connection: asyncpg.Connection[Any], least: int) -> int:
    """For somebody's lock, when it is so many at least."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found: int = await connection.fetchval("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
            if found >= least:
                return found


async def test_many_for_locked_folders_leave_connections_and_time_to_others(url: str) -> None:
    async with opened(url, pool_size=3) as database:
        store, grants = FolderStore(database), await others(database)
        theirs = [await grant_for(database, ADA, number, surface) for number, surface in product((1, 3), Surface)]
        for grant in theirs:
            await upsert(store, grant, *FolderType)
        async with holding(url, CHANGE) as operator:
            waiting: list[asyncio.Task[Any]] = []
            for _ in range(5):
                waiting += (
                    asyncio.create_task(upsert(store, grant, each)) for grant, each in product(theirs, FolderType)
                )
                answers = await write_all(store, grants)
                assert len(answers) == 12
                assert await backends_that_wait(operator, 0) <= 2
                async with asyncio.timeout(PATIENCE_SECONDS / 2):
                    await database.fetch(text("SELECT 1"))
            assert not any(each.done() for each in waiting)
        await asyncio.gather(*waiting)


async def test_who_gives_up_waiting_leaves_nothing_behind(url: str) -> None:
    async with opened(url) as database:
        store, ada = FolderStore(database), await grant_for(database)
        await upsert(store, ada, HOME)
        async with holding(url, CHANGE) as operator:
            waiting = [asyncio.create_task(upsert(store, ada, HOME, path=f"{n}")) for n in range(6)]
            await backends_that_wait(operator, 1)
            for each in waiting[::2]:
                each.cancel()
            await asyncio.sleep(0.5)
            waiting[1].cancel()
            await operator.execute("ROLLBACK")
            answers = await asyncio.gather(*waiting, return_exceptions=True)
            assert [isinstance(each, asyncio.CancelledError) for each in answers] == [
                True,
                True,
                True,
                False,
                True,
                False,
            ]
        paths = [change.folder.path for change in await ChangeStore(database).after(ada, 0)]
        assert [path for path in paths if path in "35"] == ["", "3", "5"]
        assert (await upsert(store, ada, HOME, path="x"))[0][0].path == "x"


async def test_many_changes_of_a_locked_folder_leave_connections_to_others(url: str) -> None:
    async with opened(url, pool_size=4) as database:
        store, ada, grants = FolderStore(database), await grant_for(database), await others(database)
        ((folder, _),) = await upsert(store, ada, HOME)
        async with holding(url, CHANGE) as operator:
            waiting = [
                asyncio.create_task(store.update([ada], folder.id, FolderChanges(path=f"{number}"), folder.updated_at))
                for number in range(8)
            ]
            await backends_that_wait(operator, 2)
            assert len(await write_all(store, grants)) == 12
            async with asyncio.timeout(PATIENCE_SECONDS / 2):
                assert [len(each) for each in await store.in_places(grants)] == [3] * 4
            assert not any(each.done() for each in waiting)
        assert {each.path for each in await asyncio.gather(*waiting)} == {f"{number}" for number in range(8)}
