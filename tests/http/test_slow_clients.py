"""Clients that are slow, greedy or gone: they are dropped, and the others do not notice.

Which database there is makes no difference here, so there is one.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Final

import pytest
from aiohttp import web

from gateway.app import open_application
from gateway.http.protocol import Server
from gateway.http.shortcuts import Shortcuts
from gateway.server import listening, server_options
from gateway.settings import load_settings
from gateway.storage.engine import Database
from tests.conftest import Serve, patient
from tests.databases import DatabaseServer, SQLiteServer
from tests.http.raw import Connection, RawResponse, connected, port_of, send
from tests.http.test_protocol import FOLDERS, HOST, get, graphql_error, rest_error
from tests.patience import PATIENCE_SECONDS

LIVE: Final = get("/health/live")
BODY_MISSING: Final = HOST + b"Content-Type: application/json\r\nContent-Length: 24\r\n\r\n"
TYPENAME: Final = b'{"query":"{__typename}"}'
# For what must not happen by itself in a test's time.
LONG: Final = 3000


@pytest.fixture
def database_server(sqlite: SQLiteServer) -> DatabaseServer:
    return sqlite


async def closed(connection: Connection) -> None:
    """Waits until the server closes it, without an answer."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises((EOFError, ConnectionResetError)):
            await connection.read()


async def answer(connection: Connection) -> RawResponse:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await connection.read()


async def served(stack: AsyncExitStack, port: int) -> Connection:
    """One that has had an answer, so that no head is awaited: what it sends next begins the time of the next one.

    On a busy machine, the time of the first can be over before it is sent.
    """
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            connection = await stack.enter_async_context(connected(port))
            connection.write(LIVE)
            with suppress(EOFError, ConnectionError):
                assert (await answer(connection)).status == 200
                return connection


async def first_answer(stack: AsyncExitStack, port: int, *sent: bytes) -> tuple[Connection, RawResponse]:
    """What a new connection is answered that sends this. Of what comes too late, the server has not seen a byte."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            connection = await stack.enter_async_context(connected(port))
            with suppress(EOFError, ConnectionError):
                reading = asyncio.create_task(answer(connection))
                for part in sent:
                    connection.write(part)
                    await asyncio.sleep(0.02)
                    if reading.done():
                        break
                return connection, await reading


@pytest.mark.parametrize("sent", [b"G", b"GET /health/live HTTP/1.1\r\n", LIVE[:-2], LIVE + LIVE[:-2]])
async def test_a_head_that_does_not_arrive(sent: bytes, serve: Serve) -> None:
    async with serve(request_head_timeout=0.2, keepalive_timeout=LONG) as client, AsyncExitStack() as stack:
        port = await port_of(client)
        if sent.startswith(LIVE):
            connection = await served(stack, port)
            connection.write(sent.removeprefix(LIVE))
            response = await answer(connection)
        else:
            connection, response = await first_answer(stack, port, sent)
        assert response.status == 408
        assert rest_error(response)["code"] == "request_timeout"
        await closed(connection)


async def test_a_head_that_arrives_bit_by_bit(serve: Serve) -> None:
    """That something arrives does not prolong the time."""
    async with serve(request_head_timeout=0.3, keepalive_timeout=LONG) as client, AsyncExitStack() as stack:
        _, response = await first_answer(stack, await port_of(client), b"GET /", *[b"x"] * 5000)
        assert response.status == 408


async def test_a_connection_without_a_request_is_closed(serve: Serve) -> None:
    """Browsers open some in advance; an answer to nothing would only confuse them."""
    async with (
        serve(request_head_timeout=0.2, keepalive_timeout=LONG) as client,
        connected(await port_of(client)) as connection,
    ):
        await closed(connection)


async def test_an_idle_connection_is_closed(serve: Serve) -> None:
    async with (
        serve(request_head_timeout=LONG, keepalive_timeout=0.2) as client,
        connected(await port_of(client)) as connection,
    ):
        connection.write(LIVE)
        assert (await answer(connection)).status == 200
        await closed(connection)


async def test_a_request_that_arrives_is_not_idle(serve: Serve) -> None:
    async with (
        serve(request_head_timeout=LONG, keepalive_timeout=0.2) as client,
        connected(await port_of(client)) as connection,
    ):
        # The second one has begun when the first is answered, so that the connection is never idle.
        for part in (LIVE[:9], LIVE[9:] + LIVE[:9], LIVE[9:]):
            connection.write(part)
            if part != LIVE[:9]:
                assert (await answer(connection)).status == 200
            await asyncio.sleep(0.5)


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_does_not_arrive(chunked: bool, serve: Serve) -> None:
    missing = (
        BODY_MISSING.replace(b"Content-Length: 24", b"Transfer-Encoding: chunked") + b"5\r\n{"
        if chunked
        else BODY_MISSING
    )
    async with serve(request_body_timeout=0.2) as client:
        port = await port_of(client)
        for path, error_of in ((b"/graphql", graphql_error), (FOLDERS.encode(), rest_error)):
            async with connected(port) as connection:
                connection.write(b"POST " + path + b" HTTP/1.1\r\n" + missing + b"{")
                response = await answer(connection)
                assert response.status == 408
                assert response.headers["connection"] == "close"
                error_of(response)
                await closed(connection)


async def test_a_body_that_nobody_waits_for(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """It is refused before it is read; the connection is not kept for its rest."""
    async with serve(request_body_timeout=0.2) as client, connected(await port_of(client)) as connection:
        connection.write(b"POST /nope HTTP/1.1\r\n" + BODY_MISSING)
        assert (await answer(connection)).status == 404
        await closed(connection)
    assert caplog.records == []


async def test_a_body_that_comes_later_keeps_the_connection(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many clients send the head and the body apart."""
    monkeypatch.setattr("gateway.http.connection._LINGER_SECONDS", PATIENCE_SECONDS)
    async with serve() as client, connected(await port_of(client)) as connection:
        connection.write(b"POST /nope HTTP/1.1\r\n" + BODY_MISSING)
        assert (await answer(connection)).status == 404
        connection.write(b"x" * 24 + LIVE)
        assert (await answer(connection)).status == 200


async def small_socket(port: int, size: int) -> socket.socket:
    """Connected; its system takes no more than that for a client that does not read."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    return sock


@asynccontextmanager
async def deaf(port: int) -> AsyncIterator[asyncio.StreamWriter]:
    """A client that reads nothing, and has little room for what it does not read."""
    reader, writer = await asyncio.open_connection(sock=await small_socket(port, 4096), limit=1)
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    try:
        yield writer
    finally:
        writer.transport.abort()


async def test_an_answer_that_is_not_read(serve: Serve) -> None:
    async with (
        serve(response_send_timeout=0.3, keepalive_timeout=LONG, compression=False) as client,
        deaf(await port_of(client)) as writer,
        asyncio.timeout(PATIENCE_SECONDS),
    ):
        # More than fits into the buffers of both systems.
        writer.write(get("/schema.graphql") * 1000)
        connection = writer.get_extra_info("socket")
        # Who reads nothing is not told that the connection is reset, but the system knows.
        while connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != errno.ECONNRESET:  # noqa: ASYNC110  # see above
            await asyncio.sleep(0.05)
        async with client.get("/health/live") as response:
            assert response.status == 200


async def test_the_rest_of_an_answer_that_is_not_read_before_the_end() -> None:
    """Of what is left in the service's own buffer when it closes, no client can make sure that there is some."""
    settings = load_settings(response_send_timeout=5)
    shortcuts = Shortcuts(web.Application())
    server = Server(web.Server(health), shortcuts, server_options(settings), asyncio.get_running_loop())
    connection, transport = server(), ClosingTransport()
    for now, is_dropped in ((100.0, False), (104.0, False), (106.0, True)):
        connection.check(now, transport)
        assert transport.is_dropped == is_dropped
    server.pre_shutdown()


class ClosingTransport(asyncio.Transport):
    """With something left to send."""

    def __init__(self) -> None:
        self.socket = socket.socket()
        super().__init__({"socket": self.socket})
        self.is_dropped = False

    def is_closing(self) -> bool:
        return True

    def abort(self) -> None:
        self.is_dropped = True
        self.socket.close()


async def health(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response()


async def test_an_answer_that_is_read_slowly_is_sent_whole(serve: Serve) -> None:
    async with serve(response_send_timeout=1.5, compression=False) as client, asyncio.timeout(PATIENCE_SECONDS):
        port = await port_of(client)
        while True:
            count, longest = await read_slowly(port, 1000)
            # On a busy machine a client can be kept from reading for so long that it is dropped with reason.
            if count == 1000 or longest < 0.5:
                break
        assert count == 1000


async def read_slowly(port: int, requests: int) -> tuple[int, float]:
    """How many are answered in full, and the longest time between two reads."""
    clock = asyncio.get_running_loop().time
    last = get("/schema.graphql", b"Connection: close\r\n")
    received, longest, read_at = b"", 0.0, clock()
    reader, writer = await asyncio.open_connection(sock=await small_socket(port, 262_144), limit=4096)
    writer.write(get("/schema.graphql") * (requests - 1) + last)
    try:
        while True:
            received += await reader.readexactly(1_000_000)
            await asyncio.sleep(0.2)
            longest, read_at = max(longest, clock() - read_at), clock()
    except asyncio.IncompleteReadError as end:
        received += end.partial
    except ConnectionError:
        longest = max(longest, clock() - read_at)
    finally:
        writer.close()
    return received.count(b"HTTP/1.1 200 OK"), longest


async def test_many_slow_clients_do_not_keep_others_from_being_served(serve: Serve) -> None:
    async with serve(request_head_timeout=2) as client, AsyncExitStack() as stack:
        port = await port_of(client)
        slow = [await served(stack, port) for _ in range(200)]
        for connection in slow:
            connection.write(LIVE[:20])
        for _ in range(20):
            async with client.post("/graphql", json={"query": "{__typename}"}) as response:
                assert response.status == 200
        assert [(await answer(connection)).status for connection in slow] == [408] * 200


async def test_connections_of_one_address_are_bounded(serve: Serve) -> None:
    async with serve(max_connections_per_address=3) as client:
        # The client's own is the third.
        port = await port_of(client)
        async with connected(port) as first, connected(port) as second:
            for each in (first, second):
                each.write(LIVE)
                assert (await answer(each)).status == 200
            async with connected(port) as third:
                response = await answer(third)
                assert response.status == 429
                assert rest_error(response)["code"] == "too_many_connections"
            first.write(LIVE)
            assert (await answer(first)).status == 200
        # Until what was closed does not count any more.
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await send(port, "GET", "/health/live")).status != 200:
                pass


async def test_connections_of_a_trusted_proxy_are_not_bounded(serve: Serve) -> None:
    async with (
        serve(max_connections_per_address=1, trusted_proxies=["127.0.0.0/8"]) as client,
        AsyncExitStack() as stack,
    ):
        port = await port_of(client)
        for _ in range(5):
            connection = await stack.enter_async_context(connected(port))
            connection.write(LIVE)
            assert (await answer(connection)).status == 200


async def test_connections_are_bounded_in_all(serve: Serve) -> None:
    async with serve(max_connections=2, trusted_proxies=["127.0.0.0/8"]) as client:
        port = await port_of(client)
        async with connected(port) as first:
            first.write(LIVE)
            assert (await answer(first)).status == 200
            async with connected(port) as second:
                response = await answer(second)
                assert response.status == 503
                assert rest_error(response)["code"] == "unavailable"


# When the service stops


class Slow:
    """A request that waits for its turn."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.release = asyncio.Event()

    async def check(self, *_: Any) -> None:
        self.begun.set()
        await self.release.wait()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    held = Slow()
    monkeypatch.setattr(Database, "check", held.check)
    return held


async def test_requests_under_way_end_before_the_service_does(database_url: str, slow: Slow) -> None:
    settings = patient(load_settings(database_url=database_url, port=0, shutdown_timeout=PATIENCE_SECONDS))

    async def release(_: web.Application) -> None:
        slow.release.set()

    async with AsyncExitStack() as stack, open_application(settings) as app:
        # Not before the service stops.
        app.on_shutdown.append(release)
        async with listening(app, settings) as port:
            idle = await stack.enter_async_context(connected(port))
            idle.write(LIVE)
            assert (await answer(idle)).status == 200
            busy = await stack.enter_async_context(connected(port))
            busy.write(get("/health/ready") + LIVE)
            await slow.begun.wait()
            assert not slow.release.is_set()
        await closed(idle)
        response = await answer(busy)
        assert response.status == 200
        assert response.headers["connection"] == "close"
        await closed(busy)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_a_body_that_is_arriving_is_read_before_the_service_stops(database_url: str) -> None:
    settings = patient(load_settings(database_url=database_url, port=0, shutdown_timeout=PATIENCE_SECONDS))
    async with AsyncExitStack() as stack, open_application(settings) as app:
        begun = [b"POST /graphql HTTP/1.1\r\n" + BODY_MISSING]
        begun.append(begun[0].replace(b"Content-Length: 24", b"Transfer-Encoding: chunked") + b"18\r\n")
        rest = [TYPENAME, TYPENAME + b"\r\n0\r\n\r\n"]
        arriving: list[Connection] = []

        async def go_on(_: web.Application) -> None:
            for connection, data in zip(arriving, rest, strict=True):
                # What comes behind it comes too late.
                connection.write(data + LIVE)

        # Not before the service stops.
        app.on_shutdown.append(go_on)
        async with listening(app, settings) as port:
            for head in begun:
                connection = await stack.enter_async_context(connected(port))
                connection.write(head.replace(HOST, HOST + b"Expect: 100-continue\r\n"))
                # It has been read, then.
                assert (await connection.read_head()).status == 100
                arriving.append(connection)
        for connection in arriving:
            response = await answer(connection)
            assert (response.status, response.text) == (200, '{"data":{"__typename":"Query"}}')
            assert response.headers["connection"] == "close"
            await closed(connection)


async def test_the_service_does_not_wait_for_ever(database_url: str, slow: Slow) -> None:
    settings = patient(load_settings(database_url=database_url, port=0, shutdown_timeout=0.2))
    async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE_SECONDS), open_application(settings) as app:
        async with listening(app, settings) as port:
            busy = await stack.enter_async_context(connected(port))
            busy.write(get("/health/ready"))
            await slow.begun.wait()
            half = await stack.enter_async_context(connected(port))
            half.write(b"POST /graphql HTTP/1.1\r\n" + BODY_MISSING)
        await closed(busy)
        await closed(half)
