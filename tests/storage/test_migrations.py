"""Migrations bring a database to where the tables say."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.storage.engine import POSTGRESQL, Database, DatabaseConfig
from gateway.storage.migrations import (
    REVISIONS,
    SchemaState,
    SchemaTooNew,
    alembic_config,
    migrate,
    schema_state,
)
from gateway.storage.tables import metadata
from tests.databases import DatabaseServer


@pytest.fixture
def empty_url(database_server: DatabaseServer) -> Iterator[str]:
    url = database_server.create_empty()
    yield url
    database_server.drop(url)


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


async def test_from_nothing_to_the_newest_and_no_further(empty_url: str) -> None:
    database = Database(DatabaseConfig(url=empty_url))
    assert await schema_state(database) is SchemaState.EMPTY
    applied = await migrate(database)
    assert applied[0] == "0001"
    assert list(applied) == sorted(applied)
    assert await schema_state(database) is SchemaState.CURRENT
    assert list(await migrate(database)) == []
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
