"""Server-sent events: what goes over the wire, and how a stream ends."""

from __future__ import annotations

import asyncio
import ctypes
import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession

from gateway.app import open_application
from gateway.events import EventBus
from gateway.server import listening
from gateway.settings import load_settings
from tests.conftest import Serve, patient
from tests.http.raw import port_of, send_bytes
from tests.keys import ADA, ADA_OTHER_SCOPE, bearer
from tests.patience import PATIENCE_SECONDS
from tests.subscriptions import (
    CHANGES,
    SAVE,
    Ended,
    EventSource,
    begun,
    listeners,
    over_events,
    save,
    stopped_while_it_saves,
    until,
)

# What happens in the database is in tests/test_subscriptions.py.
pytestmark = pytest.mark.parametrize("database_server", ["sqlite"], indirect=True)

EVENTS = {"Accept": "text/event-stream"}
KINDS = 'subscription { persistedFolderChanged(projectId: "1") { kind } }'


async def test_headers(client: ClientSession) -> None:
    async with over_events(client, project="1") as events:
        headers = events.response.headers
        assert events.response.status == 200
        assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Accel-Buffering"] == "no"
        assert headers["X-Request-Id"]
        assert "Content-Encoding" not in headers


async def test_bytes_on_the_wire(client: ClientSession) -> None:
    body = {"query": '{ persistedFolders(projectId: "1") { totalCount } }'}
    async with client.post("/graphql", json=body, headers={**EVENTS, **bearer(ADA)}) as response:
        data = b'{"data":{"persistedFolders":{"totalCount":0}}}'
        assert await response.read() == b":\n\nevent: next\ndata: " + data + b"\n\nevent: complete\ndata:\n\n"


async def test_line_ends_in_data_stay_in_their_line(client: ClientSession) -> None:
    path = "a\r\ndata: b\n\n\u2028c"
    async with over_events(client, query=SAVE, path=path) as events:
        first = await events.event()
        assert first is not None
        assert first.json["data"]["upsertPersistedFolder"]["persistedFolder"]["path"] == path
        assert (await events.event()).event == "complete"  # type: ignore[union-attr]
        assert await events.event() is None


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_get_and_post(client: ClientSession, method: str) -> None:
    variables = {"project": "1"}
    if method == "GET":
        request: dict[str, Any] = {"params": {"query": CHANGES, "variables": json.dumps(variables)}}
    else:
        request = {"json": {"query": CHANGES, "variables": variables}}
    async with client.request(method, "/graphql", headers={**EVENTS, **bearer(ADA)}, **request) as response:
        change = await begun(EventSource(response), lambda path: save(client, path))
        assert change.kind in ("CREATED", "UPDATED")


async def test_head_has_the_headers_and_ends(client: ClientSession, bus: EventBus) -> None:
    request = f"HEAD /graphql?query={KINDS.replace(' ', '%20')} HTTP/1.1\r\nHost: testserver\r\nConnection: close\r\n"
    request += "".join(f"{name}: {value}\r\n" for name, value in {**EVENTS, **bearer(ADA)}.items()) + "\r\n"
    response = await send_bytes(await port_of(client), "HEAD", request.encode())
    assert response.status == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"


async def test_the_id_needs_no_selection(client: ClientSession) -> None:
    async with over_events(client, query=KINDS) as events:
        first = None
        while first is None:
            await save(client, "x")
            try:
                async with asyncio.timeout(1):
                    first = await events.event()
            except TimeoutError:
                continue
        await save(client, "y")
    async with over_events(client, last_event_id=first.id, project="1") as events:
        paths = [(await events.change()).path]
        while paths[-1] != "y":
            paths.append((await events.change()).path)
        assert set(paths) <= {"x", "y"}


async def test_last_event_id_is_newer_than_after(client: ClientSession) -> None:
    """A browser that connects again repeats the URL."""
    async with over_events(client, project="1") as events:
        first = await begun(events, lambda path: save(client, path))
        for path in ("second", "third"):
            await save(client, path)
        second = await events.change()
    async with over_events(client, project="1", after=first.cursor) as events:
        assert [(await events.change()).path for _ in range(2)] == ["second", "third"]
    async with over_events(client, project="1", after=first.cursor, last_event_id=second.cursor) as events:
        assert (await events.change()).path == "third"
    async with over_events(client, project="1", after=second.cursor, last_event_id="") as events:
        assert (await events.change()).path == "third"


async def test_a_stream_that_is_idle_is_fed(serve: Serve) -> None:
    async with serve(stream_heartbeat=0.05) as client, over_events(client, project="1") as events:
        reading = asyncio.create_task(events.event())
        await until(lambda: events.comments > 3)
        assert not reading.done()
        reading.cancel()


async def test_a_stream_is_fed_no_sooner_than_it_has_to_be(
    bus: EventBus, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it is looked at now and then whether its client is there."""
    monkeypatch.setattr("gateway.http.graphql.sse._LOOK_SECONDS", 0.01)
    async with serve(stream_heartbeat=3600) as client, over_events(client, project="1") as events:
        await until(lambda: listeners(bus) == 1)
        await asyncio.sleep(0.1)
        await begun(events, lambda path: save(client, path))
        # That of the beginning.
        assert events.comments == 1


async def test_the_id_is_that_of_changes_only(client: ClientSession) -> None:
    async with over_events(client, query="{ __typename }") as events:
        first = await events.event()
        assert first is not None
        assert first.id is None


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ('subscription { persistedFolderChanged(projectId: "99") { kind } }', "NOT_FOUND"),
        ('subscription { persistedFolderChanged(after: "x") { kind } }', "BAD_USER_INPUT"),
    ],
)
async def test_errors_in_the_stream(client: ClientSession, query: str, code: str) -> None:
    async with over_events(client, query=query) as events:
        assert events.response.status == 200
        first = await events.event()
        assert first is not None
        assert [error["extensions"]["code"] for error in first.json["errors"]] == [code]
        assert (await events.event()).event == "complete"  # type: ignore[union-attr]
        assert await events.event() is None


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"headers": bearer("phx_wrong")}, 401, "UNAUTHENTICATED"),
        ({"data": b"{"}, 400, "BAD_USER_INPUT"),
        ({"json": []}, 400, "BAD_USER_INPUT"),
        ({"data": b"{}", "headers": {"Content-Type": "text/plain"}}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    ],
)
async def test_errors_before_the_stream(
    client: ClientSession, request_: dict[str, Any], status: int, code: str
) -> None:
    headers = {"Content-Type": "application/json", **EVENTS, **request_.pop("headers", {})}
    body = request_ or {"json": {"query": KINDS}}
    async with client.post("/graphql", headers=headers, **body) as response:
        assert response.status == status
        assert response.content_type == "application/json"
        assert (await response.json())["errors"][0]["extensions"]["code"] == code


async def test_get_runs_no_mutation(client: ClientSession) -> None:
    query = "mutation { deletePersistedFolder(input: {id: 1}) { deletedPersistedFolderId } }"
    async with client.get("/graphql", params={"query": query}, headers={**EVENTS, **bearer(ADA)}) as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("key", [None, ADA_OTHER_SCOPE])
async def test_no_access(client: ClientSession, key: str | None) -> None:
    async with over_events(client, key, project="1") as events:
        with pytest.raises(Ended) as ended:
            await events.change()
        assert ended.value.errors[0]["extensions"]["code"] == ("FORBIDDEN" if key else "UNAUTHENTICATED")


async def test_a_query_that_takes_too_long(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that comes when the stream has begun is an event, not a second answer."""

    async def hang(*_: Any) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr("gateway.storage.directory.Directory.environments", hang)
    query = '{ persistedFolders(projectId: "1") { totalCount } }'
    async with serve(operation_timeout=0.1) as client, over_events(client, query=query) as events:
        first = await events.event()
        assert first is not None
        assert first.json["errors"][0]["extensions"]["code"] == "TIMEOUT"
        assert (await events.event()).event == "complete"  # type: ignore[union-attr]
        assert await events.event() is None


async def test_a_subscription_needs_an_event_stream(client: ClientSession) -> None:
    async with client.post("/graphql", json={"query": KINDS}, headers=bearer(ADA)) as response:
        assert response.status == 400
        assert "text/event-stream" in (await response.json())["errors"][0]["message"]


@pytest.mark.parametrize(
    ("accept", "is_streamed"),
    [
        ("application/json, text/event-stream", True),
        ("application/graphql-response+json, Text/Event-Stream;q=0.1", True),
        # So do clients ask that never heard of streams.
        ("application/json, */*", False),
        ("application/json, text/event-stream;q=0", False),
    ],
)
async def test_a_subscription_is_streamed_to_clients_that_take_events_among_others(
    client: ClientSession, accept: str, is_streamed: bool
) -> None:
    headers = {"Accept": accept, **bearer(ADA)}
    async with client.post("/graphql", json={"query": CHANGES}, headers=headers) as response:
        if not is_streamed:
            assert (response.status, response.content_type) == (400, "application/json")
            return
        assert (response.status, response.content_type) == (200, "text/event-stream")
        await begun(EventSource(response), lambda path: save(client, path))
    # All else is answered by what the client prefers.
    async with client.post("/graphql", json={"query": "{ __typename }"}, headers=headers) as response:
        assert (response.status, response.content_type) == (200, accept.partition(",")[0])


# Connections


async def test_the_connection_is_kept_when_the_stream_ended(client: ClientSession) -> None:
    ports = set()
    for _ in range(3):
        async with over_events(client, query="{ __typename }") as events:
            assert events.response.connection is not None
            assert events.response.connection.transport is not None
            ports.add(events.response.connection.transport.get_extra_info("sockname")[1])
            while await events.event():
                pass
    assert len(ports) == 1


@pytest.mark.parametrize("option", [b"", b"Connection: keep-alive\r\n"])
async def test_http_1_0_as_proxies_speak_it(serve: Serve, option: bytes) -> None:
    request = b"GET /graphql?query=%7B__typename%7D HTTP/1.0\r\nHost: testserver\r\nAccept: text/event-stream\r\n"
    async with asyncio.timeout(PATIENCE_SECONDS), serve(keepalive_timeout=3600) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", await port_of(client))
        writer.write(request + option + b"\r\n")
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
    assert head.startswith(b"HTTP/1.0 200 OK")
    assert b"chunked" not in head.lower()
    assert body.endswith(b"event: complete\ndata:\n\n")


@pytest.mark.parametrize("how", ["closes", "aborts"])
async def test_a_client_that_goes_leaves_nothing(bus: EventBus, serve: Serve, how: str) -> None:
    async with serve() as client:
        before = asyncio.all_tasks()
        for _ in range(3):
            async with over_events(client, project="1") as events:
                await until(lambda: listeners(bus) == 1)
                if how == "aborts":
                    assert events.response.connection is not None
                    assert events.response.connection.transport is not None
                    events.response.connection.transport.abort()
            await until(lambda: listeners(bus) == 0)
        await until(lambda: len(asyncio.all_tasks() - before) == 0)


async def test_nothing_is_logged_as_failed_when_clients_go(
    bus: EventBus, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: list[Any] = []
    for module in ("gateway.http.boundary", "gateway.http.graphql.sse"):
        monkeypatch.setattr(f"{module}.log.exception", lambda *args, **_: failed.append(args), raising=False)
    async with serve(stream_heartbeat=0.05) as client:
        for _ in range(10):
            async with over_events(client, project="1"):
                await until(lambda: listeners(bus) == 1)
            await until(lambda: listeners(bus) == 0)
    assert failed == []


async def test_the_service_stops_with_streams_open(database_url: str) -> None:
    """Without `complete`, which would tell the client that there is nothing more to come."""
    # It does not wait for them.
    settings = patient(load_settings(database_url=database_url, port=0, shutdown_timeout=3600))
    async with ClientSession() as session, asyncio.timeout(PATIENCE_SECONDS):
        async with open_application(settings) as app, listening(app, settings) as port:
            client = ClientSession(f"http://127.0.0.1:{port}", connector=session.connector, connector_owner=False)
            context = over_events(client, project="1")
            events = await context.__aenter__()
            await begun(events, lambda path: save(client, path))
        assert await events.event() is None
        await context.__aexit__(None, None, None)
        await client.close()


async def test_a_mutation_ends_before_the_service_stops(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        stopped_while_it_saves(database_url, monkeypatch) as (client, stop),
        over_events(client, query=SAVE, path="saved") as events,
    ):
        stopped = asyncio.create_task(stop())
        first = await events.event()
        assert first is not None
        assert first.json == {"data": {"upsertPersistedFolder": {"persistedFolder": {"path": "saved"}}}}
        assert (await events.event()).event == "complete"  # type: ignore[union-attr]
        assert await events.event() is None
        await stopped


@pytest.mark.skipif(sys.platform != "linux", reason="socket filters are Linux's")
async def test_a_client_that_vanishes_is_noticed(bus: EventBus, serve: Serve) -> None:
    """A cable that is pulled sends no end: nothing is acknowledged any more."""
    async with serve(stream_heartbeat=0.1, stream_send_timeout=1) as client, _raw_stream(client) as opened:
        await until(lambda: listeners(bus) == 1)
        _drop_all_that_arrives(opened)
        await until(lambda: listeners(bus) == 0)


@asynccontextmanager
async def _raw_stream(client: ClientSession) -> AsyncIterator[socket.socket]:
    loop = asyncio.get_running_loop()
    target = f"/graphql?query={KINDS.replace(' ', '%20')}"
    head = [f"GET {target} HTTP/1.1", "Host: testserver"]
    head += [f"{name}: {value}" for name, value in {**EVENTS, **bearer(ADA)}.items()]
    with socket.socket() as opened:
        opened.setblocking(False)
        await loop.sock_connect(opened, ("127.0.0.1", await port_of(client)))
        await loop.sock_sendall(opened, "\r\n".join([*head, "", ""]).encode())
        yield opened


def _drop_all_that_arrives(opened: socket.socket) -> None:
    """By a socket filter, whose one instruction is 'return 0': keep no byte of any packet."""
    attach_filter = 26
    instruction = ctypes.create_string_buffer((0x06).to_bytes(2, sys.byteorder) + bytes(6))
    program = (1).to_bytes(2, sys.byteorder) + bytes(6) + ctypes.addressof(instruction).to_bytes(8, sys.byteorder)
    opened.setsockopt(socket.SOL_SOCKET, attach_filter, program)
