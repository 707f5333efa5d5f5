"""The service behind pgbouncer, which gives every transaction another connection to PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import ClientSession
from sqlalchemy import text

from gateway.settings import load_settings
from gateway.storage.engine import Database
from tests.components import require_program
from tests.conftest import serving
from tests.databases import PostgreSQLServer
from tests.keys import ADA, GRACE, bearer
from tests.patience import PATIENCE_SECONDS
from tests.processes import gateway

SERVER_CONNECTIONS = 3
PREPARED = text("SELECT count(*) FROM pg_prepared_statements WHERE name <> ''")
DOCUMENT = """
mutation Move($path: String!) {
  upsertPersistedFolder(input: {projectId: "1", type: HOME, path: $path}) { persistedFolder { path } }
}
"""


@pytest.fixture
def pgbouncer_url(postgresql: PostgreSQLServer, tmp_path: Path) -> Iterator[str]:
    """A database with the example workspace, by way of a pgbouncer that pools transactions."""
    program = require_program("pgbouncer")
    url = postgresql.create()
    folder = url.partition("host=")[2]
    # pgbouncer refuses to run as root, and names its socket after its port.
    user = "nobody" if os.geteuid() == 0 else None
    port = 6432
    config = Path(folder) / "pgbouncer.ini"
    config.write_text(
        f"""
        [databases]
        * = host={folder} user=postgres
        [pgbouncer]
        listen_port = {port}
        unix_socket_dir = {folder}
        auth_type = any
        pool_mode = transaction
        default_pool_size = {SERVER_CONNECTIONS}
        max_client_conn = 500
        server_round_robin = 1
        """
    )
    with (tmp_path / "pgbouncer.log").open("wb") as log:
        process = subprocess.Popen([program, config], user=user, stdout=log, stderr=log)
    try:
        socket = Path(folder) / f".s.PGSQL.{port}"
        until = time.monotonic() + PATIENCE_SECONDS
        while not socket.exists():
            assert process.poll() is None, "pgbouncer ended by itself"
            assert time.monotonic() < until, "pgbouncer does not listen"
            time.sleep(0.02)
        yield url.replace("?host=", f"?port={port}&host=")
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)
        postgresql.drop(url)


async def move(client: ClientSession, number: int) -> None:
    """One request of each kind; what is written is what is read."""
    key = (ADA, GRACE)[number % 2]
    path = f"/{number}"
    place = "/api/environments/3/persisted_folder"
    async with client.post(place, json={"type": "pinned", "path": path}, headers=bearer(key)) as response:
        assert response.status == 201
        assert (await response.json())["path"] == path
    body = {"query": DOCUMENT, "variables": {"path": path}}
    async with client.post("/graphql", json=body, headers=bearer(key)) as response:
        answer = await response.json()
        assert answer == {"data": {"upsertPersistedFolder": {"persistedFolder": {"path": path}}}}
    async with client.get("/api/projects/1/persisted_folder/", headers=bearer(key)) as response:
        assert (await response.json())["count"] == 1
    async with client.get("/health/ready") as response:
        assert response.status == 200


async def test_the_service_works_under_concurrency(pgbouncer_url: str) -> None:
    settings = load_settings(database_url=pgbouncer_url, database_behind_pgbouncer=True, database_pool_size=20)
    async with serving(settings) as client:
        await asyncio.gather(*(move(client, number) for number in range(100)))


async def test_nothing_is_left_behind_on_the_connections_to_postgresql(pgbouncer_url: str) -> None:
    settings = load_settings(database_url=pgbouncer_url, database_behind_pgbouncer=True)
    async with serving(settings) as client:
        await asyncio.gather(*(move(client, number) for number in range(10)))
    database = Database(settings.database())
    for _ in range(SERVER_CONNECTIONS * 2):
        assert [tuple(row) for row in await database.fetch(PREPARED)] == [(0,)]
    await database.close()


async def test_commands_work_too(pgbouncer_url: str) -> None:
    options = {"database_url": pgbouncer_url, "database_behind_pgbouncer": True}
    migrated = await gateway("migrate", **options)
    assert migrated == (0, "Nothing to do: the database is up to date.\n", "")
    listed = await gateway("keys", "list", **options)
    assert (listed.code, listed.out.count("\n")) == (0, 9)
