"""A larger workspace, for lists that are longer than a page."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Final

import pytest
from aiohttp import ClientSession

from gateway.settings import load_settings
from gateway.storage.engine import Database, DatabaseConfig
from gateway.storage.workspace import load_workspace
from gateway.workspace import parse_workspace
from tests.conftest import serving
from tests.databases import DatabaseServer
from tests.drivers import GraphQLDriver, Place
from tests.keys import ADA

MANY: Final = 26


@pytest.fixture(scope="module")
def many_url(database_server: DatabaseServer) -> Iterator[str]:
    """The example workspace and as many environments more, with a folder in each."""
    url = database_server.create()
    yield url
    database_server.drop(url)


@pytest.fixture(scope="module")
async def many(many_url: str) -> AsyncIterator[ClientSession]:
    database = Database(DatabaseConfig(url=many_url))
    organization = {
        "id": "018f0000-0000-7000-8000-000000000001",
        "name": "Acme",
        "projects": [
            {"id": 100 + n, "name": f"P{n}", "environments": [{"id": 100 + n, "name": "Production"}]}
            for n in range(MANY)
        ],
    }
    await load_workspace(database, parse_workspace(json.dumps({"organizations": [organization]})), now=0)
    await database.close()
    async with serving(load_settings(database_url=many_url)) as client:
        driver = GraphQLDriver(client)
        for folder_type in ("home", "pinned", "custom_products"):
            await driver.upsert(ADA, Place("environment", "1"), "web", {"type": folder_type})
        for n in range(MANY):
            surface = "web" if n % 3 else "desktop"
            await driver.upsert(ADA, Place("environment", str(100 + n)), surface, {"type": "home"})
        yield client
