"""Migrations bring a database to where the tables say."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Connection, Table, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.storage.engine import POSTGRESQL, SQLITE, Database, DatabaseConfig
from gateway.storage.migrations import (
    REVISIONS,
    SchemaState,
    SchemaTooNew,
    alembic_config,
    migrate,
    schema_state,
)
from gateway.storage.tables import (
    environments,
    folder_changes,
    folders,
    memberships,
    metadata,
    organizations,
    projects,
    users,
)

_CHANGES = select(folder_changes.c.kind, folder_changes.c.folder_id, folder_changes.c.path).order_by(
    folder_changes.c.number
)


def test_revisions_are_those_of_alembic() -> None:
    """In the order in which it applies them."""
    scripts = ScriptDirectory.from_config(alembic_config())
    assert [script.revision for script in scripts.walk_revisions()][::-1] == REVISIONS


async def test_migrations_equal_the_tables(database: Database) -> None:
    def difference(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    assert await database.run_sync(difference) == []


async def test_checks_and_keys_have_the_names_of_the_tables(database: Database) -> None:
    """Alembic compares no CHECKs; a name is what a later migration drops one by."""

    def names(connection: Connection) -> dict[str, set[str | None]]:
        inspector = inspect(connection)
        return {
            table: {check["name"] for check in inspector.get_check_constraints(table)}
            | {key["name"] for key in inspector.get_unique_constraints(table)}
            | {key["name"] for key in inspector.get_foreign_keys(table)}
            for table in metadata.tables
        }

    found = await database.run_sync(names)
    for name, table in metadata.tables.items():
        expected = {str(each.name) for each in table.constraints if each is not table.primary_key}
        assert found[name] == expected, name
    checks = [
        each for table in metadata.tables.values() for each in table.constraints if isinstance(each, CheckConstraint)
    ]
    assert len(checks) >= 7


async def test_primary_keys_are_those_of_the_tables(database: Database) -> None:
    """Alembic compares neither these, nor whether SQLite keeps the rows in their order."""

    def keys(connection: Connection) -> dict[str, tuple[list[str], bool]]:
        inspector = inspect(connection)
        return {
            table: (
                inspector.get_pk_constraint(table)["constrained_columns"],
                inspector.get_table_options(table).get("sqlite_with_rowid", True),
            )
            for table in metadata.tables
        }

    is_sqlite = database.dialect == SQLITE
    assert await database.run_sync(keys) == {
        name: ([*table.primary_key.columns.keys()], table.dialect_options["sqlite"]["with_rowid"] or not is_sqlite)
        for name, table in metadata.tables.items()
    }


async def test_every_foreign_key_has_an_index(database: Database) -> None:
    """That begins with it: without one, a row that it points to is not deleted before all others were read."""

    def missing(connection: Connection) -> list[str]:
        inspector = inspect(connection)
        return [
            f"{table}.{column}"
            for table in metadata.tables
            for key in inspector.get_foreign_keys(table)
            for column in key["constrained_columns"]
            if column
            not in {
                inspector.get_pk_constraint(table)["constrained_columns"][0],
                *(index["column_names"][0] for index in inspector.get_indexes(table)),
                *(unique["column_names"][0] for unique in inspector.get_unique_constraints(table)),
            }
        ]

    assert await database.run_sync(missing) == []


async def test_from_nothing_to_the_newest_and_no_further(empty_url: str) -> None:
    database = Database(DatabaseConfig(url=empty_url))
    assert await schema_state(database) is SchemaState.EMPTY
    applied = await migrate(database)
    assert applied[0] == "0001"
    assert list(applied) == sorted(applied)
    assert await schema_state(database) is SchemaState.CURRENT
    assert list(await migrate(database)) == []
    await database.close()


@pytest.mark.parametrize("revision", REVISIONS[:-1])
async def test_an_older_database_keeps_what_it_holds(empty_url: str, revision: str) -> None:
    organization, user, folder = uuid4(), uuid4(), uuid4()
    rows: dict[Table, dict[str, Any]] = {
        organizations: {"id": organization, "name": "Acme"},
        projects: {"id": 1, "organization_id": organization, "name": "Web shop"},
        environments: {"id": 1, "project_id": 1, "name": "Production"},
        users: {"id": user, "email": "a@b.c", "name": "Ada", "is_active": True, "current_environment_id": 1},
        memberships: {"user_id": user, "organization_id": organization, "level": "member"},
        folders: {
            "environment_id": 1,
            "id": folder,
            "user_id": user,
            "surface": "web",
            "type": "home",
            "protocol": "products://",
            "path": "Growth",
            "created_at": 1,
            "updated_at": 2,
        },
    }

    def prepare(connection: Connection) -> None:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for table, row in rows.items():
            connection.execute(table.insert().values(row))

    database = Database(DatabaseConfig(url=empty_url))
    await database.run_sync(prepare)
    assert await schema_state(database) is SchemaState.OLDER
    assert list(await migrate(database)) == REVISIONS[REVISIONS.index(revision) + 1 :]
    assert await schema_state(database) is SchemaState.CURRENT
    for table, row in rows.items():
        found = await database.fetch(select(*(table.c[name] for name in row)))
        assert [tuple(each) for each in found] == [tuple(row.values())]
    noted = await database.fetch(_CHANGES)
    await database.transaction(lambda connection: connection.execute(folders.update().values(path="Sales")))
    assert await database.fetch(_CHANGES) == [*noted, ("updated", folder, "Sales")]
    await database.close()


async def test_a_newer_database_is_left_alone(database: Database) -> None:
    async def newer(connection: AsyncConnection) -> None:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    await database.transaction(newer)
    assert await schema_state(database) is SchemaState.NEWER
    with pytest.raises(SchemaTooNew):
        await migrate(database)
    assert (await database.fetch(text("SELECT version_num FROM alembic_version")))[0][0] == "9999"


async def test_a_migration_may_take_longer_than_a_request(database: Database, database_url: str) -> None:
    """It waits for one that is under way: the limit on statements is for requests."""
    hasty = Database(DatabaseConfig(url=database_url, statement_timeout=0.2))
    is_held = asyncio.Event()

    async def hold(connection: AsyncConnection) -> None:
        if database.dialect == POSTGRESQL:
            await connection.execute(text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"))
        is_held.set()
        await asyncio.sleep(0.6)

    async def wait() -> Sequence[str]:
        await is_held.wait()
        return await migrate(hasty)

    _, applied = await asyncio.gather(database.transaction(hold), wait())
    assert list(applied) == []
    await hasty.close()
