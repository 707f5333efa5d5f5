"""The folder store by itself, with a clock of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Caller, PlaceRef, WriteGrant
from gateway.callers import CallerService
from gateway.errors import Conflict, NotFound, Stale
from gateway.model import FolderChanges, FolderDraft, FolderType, Surface
from gateway.storage.directory import Directory
from gateway.storage.engine import Database, DatabaseConfig
from gateway.storage.folders import FolderStore
from gateway.storage.tables import environments, users
from tests.databases import SQLiteServer
from tests.keys import ADA, GRACE
from tests.statements import counted_statements

_HOME = FolderDraft(FolderType.HOME)
_NOW = 1_700_000_000_000_000


@pytest.fixture
async def callers(database: Database) -> AsyncIterator[CallerService]:
    service = CallerService(Directory(database))
    yield service
    await service.close()


@pytest.fixture
def store(database: Database) -> FolderStore:
    return FolderStore(database)


async def _grant(callers: CallerService, key: str = ADA, environment: int = 1) -> WriteGrant:
    caller: Caller = await callers.authenticate(key, "test")
    return await callers.write_grant(caller, PlaceRef(str(environment), is_project=False), Surface.WEB)


async def test_each_change_has_a_later_time_whatever_the_clock_says(callers: CallerService, store: FolderStore) -> None:
    grant = await _grant(callers)
    ((folder, created),) = await store.upsert(grant, [_HOME], _NOW)
    assert created
    assert folder.created_at == folder.updated_at == _NOW
    last = _NOW
    for now, expected in (
        (_NOW, _NOW + 1),
        (_NOW - 3_600_000_000, _NOW + 2),
        (0, _NOW + 3),
        (_NOW + 3, _NOW + 4),
        (_NOW + 100, _NOW + 100),
        (_NOW + 50, _NOW + 101),
    ):
        ((upserted, created),) = await store.upsert(grant, [_HOME], now)
        assert not created
        assert upserted.updated_at == expected > last
        assert upserted.created_at == _NOW
        last = expected
    for now in (0, last, last - 5):
        updated = await store.update([grant], folder.id, FolderChanges(), now)
        last += 1
        assert updated.updated_at == last
        assert updated.created_at == _NOW


async def test_any_number_of_upserts_is_one_statement(callers: CallerService, store: FolderStore) -> None:
    grant = await _grant(callers)
    for drafts in ([_HOME], [FolderDraft(each) for each in FolderType]):
        for _ in range(2):
            with counted_statements() as sent:
                stored = await store.upsert(grant, drafts, _NOW)
            assert len(sent) == 1
            assert [folder.type for folder, _ in stored] == [draft.type for draft in drafts]


async def test_new_ids_are_of_version_7_and_rise(callers: CallerService, store: FolderStore) -> None:
    grant = await _grant(callers)
    ids = []
    for _ in range(20):
        ((folder, _),) = await store.upsert(grant, [_HOME], _NOW)
        ids.append(folder.id)
        await store.delete([grant], folder.id)
    assert {each.version for each in ids} == {7}
    assert ids == sorted(ids)
    assert len(set(ids)) == 20


async def test_an_environment_that_goes_away_after_the_grant(
    database: Database, callers: CallerService, store: FolderStore
) -> None:
    grant = await _grant(callers, environment=3)

    async def drop(connection: AsyncConnection) -> None:
        await connection.execute(delete(environments).where(environments.c.id == 3))

    await database.transaction(drop)
    with pytest.raises(NotFound, match=r"Project not found\."):
        await store.upsert(grant, [_HOME], _NOW)


async def test_a_user_that_goes_away_after_the_grant(
    database: Database, callers: CallerService, store: FolderStore
) -> None:
    grant = await _grant(callers, GRACE)
    await callers.close()

    async def drop(connection: AsyncConnection) -> None:
        await connection.execute(delete(users).where(users.c.id == grant.user_id))

    await database.transaction(drop)
    with pytest.raises(NotFound):
        await store.upsert(grant, [_HOME], _NOW)


async def test_another_users_grant_reaches_nothing(callers: CallerService, store: FolderStore) -> None:
    mine, anothers = await _grant(callers), await _grant(callers, GRACE)
    ((folder, _),) = await store.upsert(mine, [_HOME], _NOW)
    assert await store.find([anothers], [folder.id]) == {}
    assert await store.in_places([anothers]) == [()]
    with pytest.raises(NotFound):
        await store.update([anothers], folder.id, FolderChanges(path="theirs"), _NOW)
    with pytest.raises(NotFound):
        await store.delete([anothers], folder.id)
    assert await store.find([mine], [folder.id]) == {folder.id: folder}


async def test_a_folder_is_not_looked_for_in_each_environment(sqlite: SQLiteServer) -> None:
    """By its id it is found at once, and SQLite would look for each id in each environment that the key may reach."""
    database = Database(DatabaseConfig(url=sqlite.create()))
    callers, store = CallerService(Directory(database)), FolderStore(database)
    reach = (await callers.authenticate(ADA, "test")).write_reach()
    with counted_statements() as sent:
        await store.find(reach, [uuid4(), uuid4()])
        for change in (store.update(reach, uuid4(), FolderChanges(path="x"), _NOW), store.delete(reach, uuid4())):
            with pytest.raises(NotFound):
                await change

    async def plan(connection: AsyncConnection, statement: str) -> str:
        parameters = (None,) * statement.count("?")
        return (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)).all()[0].detail

    assert len(sent) == 3
    for statement in sent:
        found = await database.transaction(partial(plan, statement=statement))
        assert found.endswith("(user_id=? AND id=?)"), found
    await callers.close()
    await database.close()


async def test_grants_of_two_users_are_no_request(callers: CallerService, store: FolderStore) -> None:
    grants = [await _grant(callers), await _grant(callers, GRACE)]
    with pytest.raises(ValueError, match="too many values"):
        await store.in_places(grants)
    with pytest.raises(ValueError, match="too many values"):
        await store.find(grants, [uuid4()])


async def test_several_places_at_once(callers: CallerService, store: FolderStore) -> None:
    caller = await callers.authenticate(ADA, "test")
    grants = [
        await callers.write_grant(caller, PlaceRef(str(number), is_project=False), surface)
        for number in (3, 1)
        for surface in Surface
    ]
    for grant in grants[1:]:
        await store.upsert(grant, [_HOME, FolderDraft(FolderType.CUSTOM_PRODUCTS)], _NOW)
    found = await store.in_places([*grants, grants[1]])
    assert [[(folder.environment_id, folder.surface, folder.type) for folder in folders] for folders in found] == [
        [],
        *(
            [(grant.environment.id, grant.surface, each) for each in ("custom_products", "home")]
            for grant in (*grants[1:], grants[1])
        ),
    ]


async def test_the_expected_time_comes_before_the_type(callers: CallerService, store: FolderStore) -> None:
    """A client with old data is told to read again, not that its change conflicts."""
    grant = await _grant(callers)
    (home, _), _ = await store.upsert(grant, [_HOME, FolderDraft(FolderType.PINNED)], _NOW)
    changes = FolderChanges(type=FolderType.PINNED)
    with pytest.raises(Stale):
        await store.update([grant], home.id, changes, _NOW, expected_updated_at=_NOW - 1)
    with pytest.raises(Conflict):
        await store.update([grant], home.id, changes, _NOW, expected_updated_at=_NOW)
    with pytest.raises(NotFound):
        await store.update([grant], UUID(int=0), changes, _NOW, expected_updated_at=_NOW)
    with pytest.raises(Stale):
        await store.delete([grant], home.id, expected_updated_at=_NOW + 1)
    assert await store.delete([grant], home.id, expected_updated_at=_NOW) == home
