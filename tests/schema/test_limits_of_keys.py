"""Keys with long limits: each list asks for all of them, and a statement takes only so many parameters."""

from __future__ import annotations

from typing import Any

from aiohttp import ClientSession
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.storage.engine import Database
from gateway.storage.keys import KeyStore, NewKey
from gateway.storage.tables import environments
from tests.drivers import execute
from tests.schema.lists import LISTS

_MANY = 1500


async def _key(database: Database) -> str:
    numbers = range(1000, 1000 + _MANY)

    async def work(connection: AsyncConnection) -> None:
        rows: list[dict[str, Any]] = [{"id": number, "project_id": 1, "name": "E"} for number in numbers]
        await connection.execute(insert(environments), rows)

    await database.transaction(work)
    key = NewKey("ada@acme.test", "long", ["*"], environments=[1, *numbers])
    return (await KeyStore(database).create(key, now=0)).value


async def test_lists_of_a_key_with_a_long_limit(client: ClientSession, database: Database) -> None:
    key = await _key(database)
    edges = (await LISTS["environments"].page(client, key))["edges"]
    after, before = edges[0]["cursor"], edges[-1]["cursor"]
    for field, is_empty in (("environments", False), ("persistedFolders", True)):
        aliases = " ".join(
            f'a{n}: {field}(first: {n + 1}, after: "{after}", before: "{before}") {{ totalCount nodes {{ id }} }}'
            if field == "environments"
            else f"a{n}: {field}(first: {n + 1}) {{ totalCount nodes {{ id }} }}"
            for n in range(28)
        )
        body = await execute(client, f"{{ viewer {{ {aliases} }} }}", key)
        assert "errors" not in body, body
        for n in range(28):
            assert len(body["data"]["viewer"][f"a{n}"]["nodes"]) == (0 if is_empty else n + 1)
