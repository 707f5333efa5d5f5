"""What the database itself refuses, whoever writes to it."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.storage.engine import Database
from gateway.storage.failures import ConstraintViolated, StatementFailed
from gateway.storage.tables import api_keys, environments, folders, memberships, organizations, projects, users

_ORGANIZATION = UUID("018f0000-0000-7000-8000-000000000001")


async def _user(database: Database) -> UUID:
    rows = await database.fetch(select(users.c.id).where(users.c.email == "ada@acme.test"))
    user_id: UUID = rows[0].id
    return user_id


async def _row(database: Database, **changes: Any) -> dict[str, Any]:
    return {
        "environment_id": 1,
        "id": uuid4(),
        "user_id": await _user(database),
        "surface": "web",
        "type": "home",
        "protocol": "products://",
        "path": "",
        "created_at": 1,
        "updated_at": 1,
        **changes,
    }


async def _insert(database: Database, table: Any, *rows: dict[str, Any]) -> None:
    async def work(connection: AsyncConnection) -> None:
        for row in rows:
            await connection.execute(insert(table).values(row))

    await database.transaction(work)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"surface": "desktop"},
        {"type": "custom_products"},
        {"protocol": "x" * 64},
        # Characters, not bytes.
        {"protocol": "\U0001f600" * 64, "path": "\U0001f600" * 4096},
    ],
)
async def test_what_fits(database: Database, changes: dict[str, Any]) -> None:
    row = await _row(database, **changes)
    await _insert(database, folders, row)
    assert [dict(found._mapping) for found in await database.fetch(select(folders))] == [row]


@pytest.mark.parametrize(
    "changes",
    [
        {"surface": "tablet"},
        {"surface": "WEB"},
        {"surface": ""},
        {"type": "nope"},
        {"type": "HOME"},
        {"protocol": ""},
        {"path": "x" * 4097},
        {"environment_id": 999},
        {"user_id": UUID(int=1)},
    ]
    + [
        {name: None}
        for name in (
            "environment_id",
            "id",
            "user_id",
            "surface",
            "type",
            "protocol",
            "path",
            "created_at",
            "updated_at",
        )
    ],
)
async def test_what_no_folder_may_be(database: Database, changes: dict[str, Any]) -> None:
    with pytest.raises(ConstraintViolated):
        await _insert(database, folders, await _row(database, **changes))
    assert await database.fetch(select(folders)) == []


async def test_a_protocol_that_is_too_long(database: Database) -> None:
    # PostgreSQL says so of the column's type, before it looks at constraints.
    with pytest.raises(StatementFailed):
        await _insert(database, folders, await _row(database, protocol="x" * 65))


@pytest.mark.parametrize("other", [{}, {"protocol": "other", "path": "other"}])
async def test_one_folder_of_a_type(database: Database, other: dict[str, Any]) -> None:
    with pytest.raises(ConstraintViolated) as caught:
        await _insert(database, folders, await _row(database), await _row(database, **other))
    assert caught.value.is_unique
    # The first went with the second.
    assert await database.fetch(select(folders)) == []


async def test_one_of_each_type_surface_user_and_environment(database: Database) -> None:
    others = await database.fetch(select(users.c.id).where(users.c.email == "grace@acme.test"))
    rows = [
        await _row(database, **changes)
        for changes in (
            {},
            {"type": "pinned"},
            {"surface": "desktop"},
            {"environment_id": 3},
            {"user_id": others[0].id},
        )
    ]
    await _insert(database, folders, *rows)
    assert len(await database.fetch(select(folders))) == 5


async def test_one_folder_of_an_id(database: Database) -> None:
    row = await _row(database)
    with pytest.raises(ConstraintViolated) as caught:
        await _insert(database, folders, row, {**row, "type": "pinned"})
    assert caught.value.is_unique


@pytest.mark.parametrize("gone", [environments, users])
async def test_folders_go_with_what_they_belong_to(database: Database, gone: Any) -> None:
    other = await _row(database, environment_id=3, type="pinned")
    await _insert(database, folders, await _row(database, environment_id=10), other)

    async def work(connection: AsyncConnection) -> None:
        if gone is users:
            await connection.execute(delete(users).where(users.c.id == other["user_id"]))
        else:
            await connection.execute(users.update().values(current_environment_id=None))
            await connection.execute(delete(environments).where(environments.c.id == 10))

    await database.transaction(work)
    left = [row.environment_id for row in await database.fetch(select(folders))]
    assert left == ([] if gone is users else [3])


async def test_other_tables(database: Database) -> None:
    user_id = await _user(database)
    key = {
        "id": uuid4(), "user_id": user_id, "label": "new", "hash": "0" * 64, "mask": "phx_...0000", "scopes": [],
        "scoped_environments": [], "scoped_organizations": [], "created_at": 1,
    }  # fmt: skip
    await _insert(database, api_keys, key)
    for table, row in (
        (api_keys, {**key, "id": uuid4(), "label": "other"}),
        (api_keys, {**key, "id": uuid4(), "hash": "1" * 64}),
        (users, {"id": uuid4(), "email": "ada@acme.test", "name": "Twice", "is_active": True}),
        (projects, {"id": 0, "organization_id": _ORGANIZATION, "name": "Zero"}),
        (projects, {"id": 1, "organization_id": _ORGANIZATION, "name": "Twice"}),
        (projects, {"id": 77, "organization_id": UUID(int=9), "name": "Of nobody"}),
        (environments, {"id": -1, "project_id": 1, "name": "Negative"}),
        (environments, {"id": 78, "project_id": 77, "name": "Of nothing"}),
        (memberships, {"user_id": user_id, "organization_id": _ORGANIZATION, "level": "owner"}),
        (memberships, {"user_id": UUID(int=9), "organization_id": _ORGANIZATION, "level": "owner"}),
        (organizations, {"id": _ORGANIZATION, "name": "Twice"}),
    ):
        with pytest.raises(ConstraintViolated):
            await _insert(database, table, row)
    rows = await database.fetch(select(users.c.id).where(users.c.email == "eve@other.test"))
    with pytest.raises(ConstraintViolated):
        await _insert(
            database,
            memberships,
            {"user_id": rows[0].id, "organization_id": _ORGANIZATION, "level": "king"},
        )
