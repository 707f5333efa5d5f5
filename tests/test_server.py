"""The service as a process: where it listens, and how it stops."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket

import pytest
from aiohttp import ClientConnectionError, ClientSession
from sqlalchemy import text

from gateway.storage.engine import Database, DatabaseConfig
from tests.databases import DatabaseServer
from tests.keys import ADA, bearer
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_port
from tests.processes import Running, gateway, running

FOLDERS = "/api/projects/1/persisted_folder/"


@pytest.mark.parametrize(
    ("host", "shown", "elsewhere"),
    [
        ("127.0.0.2", "127.0.0.2", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1", "[::1]"),
        ("::1", "[::1]", "127.0.0.1"),
        ("localhost", "localhost", "127.0.0.2"),
    ],
)
async def test_it_listens_on_its_host_and_nowhere_else(
    database_url: str, host: str, shown: str, elsewhere: str
) -> None:
    async with running("serve", database_url=database_url, host=host) as service, ClientSession() as client:
        assert service.address.startswith(f"http://{shown}:")
        async with client.get(f"{service.address}/health/live") as response:
            assert response.status == 200
        with pytest.raises(ClientConnectionError):
            await client.get(f"{service.address.replace(shown, elsewhere)}/health/live")


async def test_it_listens_on_its_port_and_says_when_that_is_taken(database_url: str) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        result = await gateway("serve", database_url=database_url, port=port)
        assert (result.code, result.out) == (1, "")
        assert result.err.startswith("Cannot listen: ")
        assert str(port) in result.err
        assert "Traceback" not in result.err
    async with running("serve", database_url=database_url, port=port) as service:
        assert service.address == f"http://127.0.0.1:{port}"


async def test_a_host_that_is_none_is_told_in_one_line(database_url: str) -> None:
    result = await gateway("serve", database_url=database_url, host="no.such.host.invalid")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("Cannot listen: ")
    assert result.err.count("\n") == 1


class Stuck:
    """A request that waits for a lock of the database until it is released."""

    def __init__(self, url: str) -> None:
        self._database = Database(DatabaseConfig(url=url, statement_timeout=PATIENCE_SECONDS))
        self._release = asyncio.Event()
        self._held = asyncio.Event()
        self._holding = asyncio.create_task(self._hold())

    async def _hold(self) -> None:
        async def work(connection: object) -> None:
            # On SQLite the transaction is the lock.
            if self._database.dialect != "sqlite":
                await connection.execute(text("LOCK TABLE persisted_folders"))  # type: ignore[attr-defined]
            self._held.set()
            await self._release.wait()

        await self._database.transaction(work)

    async def request(self, service: Running) -> asyncio.Task[bytes]:
        """Its answer, to come. It is under way for sure: the service has asked for its body."""
        await self._held.wait()
        port = int(service.address.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = b'{"type": "home"}'
        head = f"POST {FOLDERS} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {ADA}\r\nConnection: close\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
        writer.write(head.encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)

        async def answer() -> bytes:
            try:
                return await reader.read()
            finally:
                writer.close()

        return asyncio.create_task(answer())

    async def release(self) -> None:
        self._release.set()
        await self._holding
        await self._database.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.usefixtures("heard_hangup")
async def test_a_signal_lets_requests_under_way_end(database_url: str, number: int) -> None:
    options = {"database_url": database_url, "shutdown_timeout": PATIENCE_SECONDS}
    async with running("serve", **options) as service:
        stuck = Stuck(database_url)
        request = await stuck.request(service)
        service.send_signal(number)
        await service.wait_for(re.compile(rb'"event":"stopping"'))
        with pytest.raises(ClientConnectionError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    async with ClientSession() as another:
                        await another.get(f"{service.address}/health/live")
        assert not request.done()
        await stuck.release()
        assert (await request).startswith(b"HTTP/1.1 201 Created\r\n")
        assert await service.ended() == 0
    events = [json.loads(line) for line in service.err.splitlines()]
    assert [event["event"] for event in events if event["event"] != "request"] == ["serving", "stopping"]


async def test_a_request_that_does_not_end_holds_nobody_up(database_url: str) -> None:
    # So long SQLite keeps the process, waiting for the lock; by then nobody is answered any more.
    options = {"database_url": database_url, "database_statement_timeout": 10, "shutdown_timeout": 0.2}
    async with running("serve", **options) as service:
        stuck = Stuck(database_url)
        request = await stuck.request(service)
        service.send_signal(signal.SIGTERM)
        assert await service.ended() == 0
        await stuck.release()
        assert await request == b""


async def test_two_replicas_share_what_the_database_holds(database_server: DatabaseServer, database_url: str) -> None:
    """Both are started at once on a database where no secret was made yet."""
    query = {"query": "{ viewer { environments(first: 1) { pageInfo { endCursor } } } }"}
    async with (
        running("serve", database_url=database_url) as one,
        running("serve", database_url=database_url) as other,
        ClientSession(headers=bearer(ADA)) as client,
    ):
        async with client.post(f"{one.address}/graphql", json=query) as response:
            cursor = (await response.json())["data"]["viewer"]["environments"]["pageInfo"]["endCursor"]
        page = {
            "query": "query($after: String) { viewer { environments(first: 1, after: $after) { nodes { id } } } }",
            "variables": {"after": cursor},
        }
        async with client.post(f"{other.address}/graphql", json=page) as response:
            assert "errors" not in await response.json()
