"""Upserts of several requests are written together, and each is answered as if it were alone."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import product
from typing import Any

import pytest
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import PlaceRef, WriteGrant
from gateway.errors import NotFound, Unavailable
from gateway.folders import system_clock
from gateway.keys import hash_key
from gateway.model import Folder, FolderDraft, FolderType, Surface
from gateway.storage.changes import ChangeStore
from gateway.storage.directory import Directory
from gateway.storage.engine import Database
from gateway.storage.folders import FolderStore
from gateway.storage.tables import environments
from tests.keys import ADA, GRACE
from tests.statements import counted_statements

_NOW = 1_700_000_000_000_000


async def grant_for(database: Database, key: str = ADA, number: int = 1, surface: Surface = Surface.WEB) -> WriteGrant:
    directory = Directory(database)
    found = await directory.find_key(hash_key(key), system_clock())
    assert found is not None
    environment = (await directory.environments([number]))[number]
    return found[0].caller.write(PlaceRef(str(number), is_project=False), environment, surface)


async def upsert(
    store: FolderStore, grant: WriteGrant, *types: FolderType, path: str = "", protocol: str = "products://"
) -> list[tuple[Folder, bool]]:
    return await store.upsert(grant, [FolderDraft(each, protocol, path) for each in types], _NOW)


async def test_each_gets_its_own_folders_back(database: Database) -> None:
    store = FolderStore(database)
    grants = [
        await grant_for(database, key, number, surface)
        for key, number, surface in product((ADA, GRACE), (1, 3), Surface)
    ]
    some = [(FolderType.PINNED,), (FolderType.HOME, FolderType.CUSTOM_PRODUCTS), (*reversed(FolderType),)]
    asked = [(grant, types, f"{n}") for n, (grant, types) in enumerate(product(grants, some))]
    answers = await asyncio.gather(*(upsert(store, grant, *types, path=path) for grant, types, path in asked))
    created: Counter[Any] = Counter()
    for (grant, types, path), answer in zip(asked, answers, strict=True):
        assert [folder.type for folder, _ in answer] == [*types]
        for folder, is_new in answer:
            assert (folder.environment_id, folder.surface, folder.path) == (grant.environment.id, grant.surface, path)
            created[grant, folder.type] += is_new
    assert {*created.values()} == {1}
    for grant in grants:
        (found,) = await store.in_places([grant])
        # The last one that wrote it.
        assert [folder.path for folder in found] == [
            max((path for each, types, path in asked if each == grant and folder.type in types), key=int)
            for folder in found
        ]


async def test_those_of_different_folders_are_one_statement(database: Database) -> None:
    store = FolderStore(database)
    grants = [await grant_for(database, key, 1, surface) for key, surface in product((ADA, GRACE), Surface)]
    with counted_statements() as sent:
        await asyncio.gather(*(upsert(store, grant, each) for grant, each in product(grants, FolderType)))
    assert len(sent) == 1, sent


@pytest.mark.parametrize("several_first", [True, False])
async def test_changes_of_one_come_together(database: Database, several_first: bool) -> None:
    """Others' do not come in between, though their types would."""
    store, grant, other = FolderStore(database), await grant_for(database), await grant_for(database, GRACE)
    asked = [
        (grant, (FolderType.CUSTOM_PRODUCTS, FolderType.PINNED), "a"),
        (grant, (FolderType.HOME,), "b"),
        (other, (FolderType.HOME,), "c"),
    ]
    if not several_first:
        asked.reverse()
    await asyncio.gather(*(upsert(store, grant, *types, path=path) for grant, types, path in asked))
    paths = [change.folder.path for change in await ChangeStore(database).after(grant, 0)]
    assert paths == (["a", "a", "b"] if several_first else ["b", "a", "a"])


async def test_of_one_folder_the_last_that_was_asked_for_stays(database: Database) -> None:
    store, grant = FolderStore(database), await grant_for(database)
    paths = [f"{n}" for n in range(20)]
    answers = await asyncio.gather(*(upsert(store, grant, FolderType.HOME, path=path) for path in paths))
    stored = [folder for ((folder, _),) in answers]
    assert [folder.path for folder in stored] == paths
    assert [is_new for ((_, is_new),) in answers] == [True] + [False] * 19
    assert len({folder.updated_at for folder in stored}) == 20
    assert [folder.updated_at for folder in stored] == sorted(folder.updated_at for folder in stored)
    changes = await ChangeStore(database).after(grant, 0)
    assert [change.folder.path for change in changes] == paths


async def test_one_that_fails_does_so_alone(database: Database) -> None:
    store, here, gone = FolderStore(database), await grant_for(database), await grant_for(database, number=3)

    async def remove(connection: AsyncConnection) -> None:
        await connection.execute(delete(environments).where(environments.c.id == 3))

    await database.transaction(remove)
    answers = await asyncio.gather(
        upsert(store, here, FolderType.HOME, path="a"),
        upsert(store, gone, *FolderType),
        upsert(store, here, FolderType.HOME, path="b"),
        upsert(store, here, FolderType.PINNED),
        return_exceptions=True,
    )
    assert isinstance(answers[1], NotFound)
    (found,) = await store.in_places([here])
    assert [(folder.type, folder.path) for folder in found] == [(FolderType.HOME, "b"), (FolderType.PINNED, "")]
    assert [[folder.path for folder, _ in each] for n, each in enumerate(answers) if n != 1] == [["a"], ["b"], [""]]  # type: ignore[union-attr]


async def test_one_that_the_driver_refuses_fails_alone_too(database: Database) -> None:
    store, grant = FolderStore(database), await grant_for(database)
    answers = await asyncio.gather(
        upsert(store, grant, FolderType.HOME),
        # No database has so large a number.
        store.upsert(grant, [FolderDraft(FolderType.CUSTOM_PRODUCTS)], 2**63),
        upsert(store, grant, FolderType.PINNED),
        return_exceptions=True,
    )
    assert [isinstance(each, Exception) for each in answers] == [False, True, False]
    (found,) = await store.in_places([grant])
    assert [folder.type for folder in found] == [FolderType.HOME, FolderType.PINNED]


async def test_what_was_written_before_an_outage_is_told(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    store, grant = FolderStore(database), await grant_for(database)
    write, statements = Database.write, 0

    async def fail_later(self: Database, *arguments: Any, **values: Any) -> Any:
        nonlocal statements
        statements += 1
        if statements == 2:
            raise Unavailable
        return await write(self, *arguments, **values)

    monkeypatch.setattr(Database, "write", fail_later)
    answers = await asyncio.gather(
        *(upsert(store, grant, FolderType.HOME, path=path) for path in "abc"), return_exceptions=True
    )
    (found,) = await store.in_places([grant])
    # One statement changes a folder once: on PostgreSQL there are three. SQLite's transaction is whole.
    written = [each[0][0].path for each in answers if isinstance(each, list)]
    assert written == (["a"] if statements else ["a", "b", "c"])
    assert [folder.path for folder in found] == [written[-1]]
    # One for each: an exception that is raised to many gathers the tracebacks of all.
    assert len({id(each) for each in answers}) == 3


@pytest.mark.parametrize(
    "text",
    [
        '"',
        "\\",
        '\\"',
        "{}",
        "{a,b}",
        "a,b",
        "NULL",
        "null",
        "",
        " ",
        "\n\t\r",
        "'",
        "''",
        "$1",
        "%s",
        "é 🙂 \u200b",
        "\\N",
    ],
)
async def test_any_text_is_stored_as_it_is(database: Database, text: str) -> None:
    store, grant = FolderStore(database), await grant_for(database)
    await asyncio.gather(
        upsert(store, grant, FolderType.HOME, path=text, protocol=f"x{text}x"),
        upsert(store, grant, FolderType.PINNED, path=f"{text}{text}"),
    )
    (found,) = await store.in_places([grant])
    assert [(folder.protocol, folder.path) for folder in found] == [(f"x{text}x", text), ("products://", text * 2)]
