"""Brings a database to the newest schema, with Alembic; and tells how far one is.

A service that starts only asks the latter. Alembic is imported by who migrates: it takes a twentieth of the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, column, inspect, select, table, text

from gateway.storage.engine import POSTGRESQL, Database

if TYPE_CHECKING:
    from alembic.config import Config

_FOLDER: Final = Path(__file__).parent
# The file of a revision begins with its name, and revisions are numbered.
REVISIONS: Final = sorted(path.name.partition("_")[0] for path in (_FOLDER / "versions").glob("[0-9]*_*.py"))
_VERSION: Final = table("alembic_version", column("version_num"))
# Any number that no other program on the same PostgreSQL uses for its advisory locks.
_LOCK: Final = 0x676174657761790A


class SchemaState(Enum):
    """How the database's schema stands to the code's."""

    CURRENT = "current"
    EMPTY = "empty"
    OLDER = "older"
    NEWER = "newer"


class WrongSchema(Exception):
    """The database's schema is not the code's; the text says what to do."""


class NotMigrated(WrongSchema):
    def __init__(self) -> None:
        super().__init__("The database is not at the schema of this version. Run: gateway migrate")


class SchemaTooNew(WrongSchema):
    def __init__(self) -> None:
        super().__init__("The database was migrated by a newer version of the service: upgrade this one.")


async def schema_state(database: Database) -> SchemaState:
    return await database.fetch_sync(_state)


async def check_schema(database: Database) -> None:
    """Raises NotMigrated or SchemaTooNew."""
    state = await schema_state(database)
    if state is SchemaState.NEWER:
        raise SchemaTooNew
    if state is not SchemaState.CURRENT:
        raise NotMigrated


async def migrate(database: Database) -> Sequence[str]:
    """Applies what is missing and returns the revisions applied. Raises SchemaTooNew.

    Several at once are safe: one migrates, the others wait and find nothing to do.
    """

    from alembic import command  # noqa: PLC0415  # a service whose schema is there needs no Alembic

    def work(connection: Connection) -> Sequence[str]:
        if database.dialect == POSTGRESQL:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        if _state(connection) is SchemaState.NEWER:
            raise SchemaTooNew
        before = _revision(connection)
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return REVISIONS if before is None else REVISIONS[REVISIONS.index(before) + 1 :]

    async with database.unhurried() as patient:
        return await patient.run_sync(work)


def alembic_config() -> Config:
    from alembic.config import Config  # noqa: PLC0415  # the same

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config


def _state(connection: Connection) -> SchemaState:
    revision = _revision(connection)
    if revision is None:
        return SchemaState.EMPTY
    if revision == REVISIONS[-1]:
        return SchemaState.CURRENT
    return SchemaState.OLDER if revision in REVISIONS else SchemaState.NEWER


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSION.name):
        return None
    revision: str | None = connection.scalar(select(_VERSION.c.version_num))
    return revision
