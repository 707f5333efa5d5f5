"""Brings a database to the newest schema, with Alembic; and tells how far one is."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from gateway.storage.engine import POSTGRESQL, Database

_FOLDER: Final = Path(__file__).parent
# Any number that no other program on the same PostgreSQL uses for its advisory locks.
_LOCK: Final = 0x676174657761790A


class SchemaState(Enum):
    """How the database's schema stands to the code's."""

    CURRENT = "current"
    EMPTY = "empty"
    OLDER = "older"
    NEWER = "newer"


class SchemaTooNew(Exception):
    """The database was migrated by a newer version of the service."""


async def schema_state(database: Database) -> SchemaState:
    return await database.fetch_sync(_state)


async def migrate(database: Database) -> Sequence[str]:
    """Applies what is missing and returns the revisions applied. Raises SchemaTooNew.

    Several at once are safe: one migrates, the others wait and find nothing to do.
    """

    def work(connection: Connection) -> Sequence[str]:
        if database.dialect == POSTGRESQL:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        if _state(connection) is SchemaState.NEWER:
            raise SchemaTooNew
        before = _revision(connection)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        newer = ScriptDirectory.from_config(config).iterate_revisions("head", before or "base")
        return [script.revision for script in reversed(list(newer))]

    async with database.unhurried() as patient:
        return await patient.run_sync(work)


def _state(connection: Connection) -> SchemaState:
    revision = _revision(connection)
    scripts = ScriptDirectory.from_config(_config())
    if revision is None:
        return SchemaState.EMPTY
    if revision == scripts.get_current_head():
        return SchemaState.CURRENT
    known = {script.revision for script in scripts.walk_revisions()}
    return SchemaState.OLDER if revision in known else SchemaState.NEWER


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config
