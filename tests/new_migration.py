"""`make migration NAME='Add a colour'`: drafts the migration from the database as it is to `tables.py` as it is."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from gateway.storage import migrations
from gateway.storage.engine import Database, DatabaseConfig


async def draft(message: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(DatabaseConfig(url=f"sqlite+aiosqlite:///{Path(folder, 'scratch.db')}"))
        try:
            await migrations.migrate(database)
            await database.run_sync(lambda connection: _write(connection, message))
        finally:
            await database.close()


def _write(connection: Connection, message: str) -> None:
    config = migrations.alembic_config()
    head = ScriptDirectory.from_config(config).get_current_head()
    config.attributes["connection"] = connection
    command.revision(config, message, autogenerate=True, rev_id=f"{int(head or 0) + 1:04}")


if __name__ == "__main__":
    asyncio.run(draft(sys.argv[1]))
