"""Secrets that the service makes for itself and that replicas share."""

from __future__ import annotations

import secrets as random_source
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.storage.engine import Database
from gateway.storage.tables import secrets

_SIZE: Final = 32


async def shared_secret(database: Database, name: str) -> bytes:
    """The secret of that name; made at the first call, and the same for every replica from then on."""
    stored = select(secrets.c.value).where(secrets.c.name == name)
    rows = await database.fetch(stored)
    if rows:
        return bytes(rows[0].value)

    async def work(connection: AsyncConnection) -> bytes:
        insert = database.insert(secrets).values(name=name, value=random_source.token_bytes(_SIZE))
        # Of replicas that start at once, the first one wins and all read what it wrote.
        await connection.execute(insert.on_conflict_do_nothing(index_elements=[secrets.c.name]))
        return bytes((await connection.execute(stored)).scalar_one())

    return await database.transaction(work)
