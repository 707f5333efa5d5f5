"""The protocol `graphql-transport-ws`: its messages, its close codes, and what clients may not do with it."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import zlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import pytest
from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError
from aiohttp.web import WebSocketResponse

from gateway.app import open_application
from gateway.events import EventBus
from gateway.http.graphql import runner
from gateway.http.graphql.admission import Admission, Visit
from gateway.server import listening
from gateway.settings import load_settings
from tests.conftest import Serve, patient
from tests.http.raw import port_of, send
from tests.keys import ADA, ADA_OTHER_SCOPE, GONE, GRACE, bearer
from tests.patience import PATIENCE_SECONDS
from tests.subscriptions import (
    CHANGES,
    PROTOCOL,
    SAVE,
    Ended,
    WebSocket,
    WebSocketSubscriber,
    begun,
    connected,
    listeners,
    over_websocket,
    save,
    stopped_while_it_saves,
    until,
)

# What happens in the database is in tests/test_subscriptions.py.
pytestmark = pytest.mark.parametrize("database_server", ["sqlite"], indirect=True)

FOLDERS = '{ persistedFolders(projectId: "1") { nodes { path } } }'
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": PROTOCOL,
}


@pytest.fixture
async def ada(client: ClientSession) -> AsyncIterator[WebSocket]:
    """A connection that is initialised with her key."""
    async with connected(client) as opened:
        await opened.init()
        yield opened


# Messages


async def test_init_is_acknowledged(client: ClientSession) -> None:
    async with connected(client) as opened:
        assert opened.raw.protocol == PROTOCOL
        await opened.init()


@pytest.mark.parametrize("payload", [None, {}, {"other": "things"}, {"authorization": f"bearer {ADA}"}])
async def test_init_payloads(client: ClientSession, payload: Any) -> None:
    async with connected(client) as opened:
        await opened.send(type="connection_init", payload=payload)
        assert await opened.receive() == {"type": "connection_ack"}


async def test_ping_is_answered_also_before_init(client: ClientSession) -> None:
    async with connected(client) as opened:
        await opened.send(type="ping", payload={"any": "thing"})
        assert await opened.receive() == {"type": "pong"}
        await opened.send(type="pong")
        await opened.init()


async def test_pings_of_websocket_itself_are_answered(client: ClientSession) -> None:
    async with connected(client, autoping=False) as opened:
        await opened.raw.ping(b"hello")
        frame = await opened.raw.receive()
        assert (frame.type, frame.data) == (WSMsgType.PONG, b"hello")


async def test_the_service_pings(serve: Serve) -> None:
    async with serve(websocket_ping_interval=0.1) as client, connected(client, autoping=False) as opened:
        frame = await opened.raw.receive()
        assert frame.type is WSMsgType.PING


async def test_query(client: ClientSession, ada: WebSocket) -> None:
    await save(client, "here")
    await ada.subscribe("q", FOLDERS)
    data = {"persistedFolders": {"nodes": [{"path": "here"}]}}
    assert await ada.receive() == {"id": "q", "type": "next", "payload": {"data": data}}
    assert await ada.receive() == {"id": "q", "type": "complete"}
    await ada.subscribe("q", FOLDERS)
    assert (await ada.receive())["type"] == "next"


async def test_mutation(client: ClientSession, ada: WebSocket) -> None:
    mutation = "mutation M($i: UpsertPersistedFolderInput!) { upsertPersistedFolder(input: $i) { created } }"
    await ada.subscribe("m", mutation, {"i": {"projectId": "1", "type": "HOME", "path": "by socket"}})
    assert (await ada.receive())["payload"] == {"data": {"upsertPersistedFolder": {"created": True}}}
    assert (await ada.receive())["type"] == "complete"
    async with client.get("/api/projects/1/persisted_folder/", headers=bearer(ADA)) as response:
        assert [folder["path"] for folder in (await response.json())["results"]] == ["by socket"]


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "query ($n: Int!) { persistedFolders(first: $n) { totalCount } }"}, "BAD_USER_INPUT"),
        ({"query": "query A { __typename } query B { __typename }"}, "OPERATION_RESOLUTION_FAILURE"),
        ({"query": "{" + "".join(f"a{n}: __typename " for n in range(31)) + "}"}, "QUERY_TOO_COMPLEX"),
        ({"query": 1}, "BAD_USER_INPUT"),
        ({"query": FOLDERS, "variables": []}, "BAD_USER_INPUT"),
        ({}, "BAD_USER_INPUT"),
        ({"query": "subscription { persistedFolderChanged { kind } viewer }"}, "GRAPHQL_VALIDATION_FAILED"),
        (
            {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}},
            "PERSISTED_QUERY_NOT_FOUND",
        ),
    ],
)
async def test_what_does_not_run_is_an_error_message(ada: WebSocket, payload: Any, code: str) -> None:
    await ada.send(id="e", type="subscribe", payload=payload)
    message = await ada.receive()
    assert (message["id"], message["type"]) == ("e", "error")
    assert message["payload"][0]["extensions"]["code"] == code
    await ada.subscribe("e", "{ __typename }")
    assert (await ada.receive())["type"] == "next"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ('projectId: "99"', "NOT_FOUND"),
        ('projectId: "10", environmentId: "10"', "BAD_USER_INPUT"),
        ('projectId: "1", after: "garbage"', "BAD_USER_INPUT"),
    ],
)
async def test_a_subscription_that_cannot_begin(ada: WebSocket, arguments: str, code: str) -> None:
    await ada.subscribe("s", f"subscription {{ persistedFolderChanged({arguments}) {{ kind }} }}")
    message = await ada.receive()
    assert (message["id"], message["type"]) == ("s", "error")
    assert [error["extensions"]["code"] for error in message["payload"]] == [code]
    await ada.subscribe("s", "{ __typename }")
    assert (await ada.receive())["type"] == "next"


@pytest.mark.parametrize(
    ("key", "code"), [(None, "UNAUTHENTICATED"), (ADA_OTHER_SCOPE, "FORBIDDEN"), (GRACE, "NOT_FOUND")]
)
async def test_access_is_that_of_queries(client: ClientSession, key: str | None, code: str) -> None:
    project = "99" if key == GRACE else "1"
    async with connected(client) as opened:
        await opened.init(key)
        await opened.subscribe("s", CHANGES, {"project": project})
        message = await opened.receive()
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["code"] == code


async def test_introspection_without_a_key_is_refused_and_the_connection_stays(serve: Serve) -> None:
    async with serve(introspection="key") as client, connected(client) as opened:
        await opened.init(None)
        for _ in range(2):
            await opened.subscribe("i", "{ __schema { queryType { name } } }")
            message = await opened.receive()
            assert message["type"] == "error"
            assert message["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_several_operations_at_once(client: ClientSession, ada: WebSocket) -> None:
    await ada.subscribe("web", CHANGES, {"project": "1", "surface": "WEB"})
    await ada.subscribe("other place", CHANGES, {"environment": "3"})
    assert (await begun(_Only(ada, "web"), lambda path: save(client, path))).surface == "WEB"
    change = await begun(_Only(ada, "other place"), lambda path: save(client, path, place="environments/3"))
    assert change.environment_id == 3
    await ada.subscribe("q", FOLDERS)
    await save(client, "both run")
    kinds = {(message["id"], message["type"]) for message in [await ada.receive() for _ in range(3)]}
    assert kinds == {("q", "next"), ("q", "complete"), ("web", "next")}


class _Only(WebSocketSubscriber):
    """One of several on a connection."""

    def __init__(self, opened: WebSocket, operation_id: str) -> None:
        super().__init__(_Filtered(opened, operation_id))


class _Filtered(WebSocket):
    def __init__(self, opened: WebSocket, operation_id: str) -> None:
        super().__init__(opened.raw)
        self._operation_id = operation_id

    async def receive(self) -> dict[str, Any]:
        while (message := await super().receive())["id"] != self._operation_id:
            pass
        return message


async def test_complete_ends_a_subscription_and_frees_its_id(bus: EventBus, serve: Serve) -> None:
    async with serve() as client, connected(client) as opened:
        await opened.init()
        for _ in range(50):
            await opened.subscribe("1", CHANGES, {"project": "1"})
            await opened.send(id="1", type="complete")
        await until(lambda: listeners(bus) == 1)
        await opened.subscribe("1", CHANGES, {"project": "1"})
        await begun(WebSocketSubscriber(opened), lambda path: save(client, path))
        assert listeners(bus) == 2
        await opened.send(id="unknown", type="complete")
        await opened.send(id="1", type="complete")
        await until(lambda: listeners(bus) == 1)


# Close codes


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        "1",
        "[]",
        "{}",
        '{"type": 1}',
        '{"type": "start"}',
        '{"type": "ping", "payload": []}',
        '{"type": "connection_init", "payload": "x"}',
        '{"type": "subscribe", "id": "1"}',
        '{"type": "subscribe", "id": "1", "payload": null}',
        '{"type": "subscribe", "id": "1", "payload": []}',
        '{"type": "subscribe", "payload": {"query": "{ __typename }"}}',
        '{"type": "subscribe", "id": "", "payload": {"query": "{ __typename }"}}',
        '{"type": "subscribe", "id": 1, "payload": {"query": "{ __typename }"}}',
        json.dumps({"type": "subscribe", "id": "x" * 257, "payload": {"query": "{ __typename }"}}),
        '{"type": "complete"}',
        '{"type": "complete", "id": 1}',
        "[" * 100_000,
    ],
)
async def test_4400_for_what_is_no_message(client: ClientSession, text: str) -> None:
    async with connected(client) as opened:
        await opened.raw.send_str(text)
        assert await opened.close_code() == 4400


async def test_4400_for_binary_messages(client: ClientSession) -> None:
    async with connected(client) as opened:
        await opened.raw.send_bytes(b'{"type": "ping"}')
        assert await opened.close_code() == 4400


async def test_4401_without_init(client: ClientSession) -> None:
    async with connected(client) as opened:
        await opened.subscribe("1", "{ __typename }")
        assert await opened.close_code() == 4401


@pytest.mark.parametrize("value", ["Bearer phx_wrong", f"Bearer {GONE}", "Basic abc", "", ADA, 1, None, [ADA]])
async def test_4403_for_a_wrong_key(client: ClientSession, value: Any) -> None:
    async with connected(client) as opened:
        await opened.send(type="connection_init", payload={"Authorization": value})
        if value is None:
            # As clients write it that have no key.
            assert await opened.receive() == {"type": "connection_ack"}
            return
        with pytest.raises(Ended) as ended:
            await opened.receive()
        assert ended.value.code == 4403
        assert opened.reason == "Personal API key found in request connection_init payload is invalid."


@pytest.mark.parametrize("protocols", [[], ["graphql-ws"], ["graphql-transport-wss"]])
async def test_4406_for_other_protocols(client: ClientSession, protocols: list[str]) -> None:
    async with connected(client, protocols=protocols) as opened:
        assert opened.raw.protocol is None
        assert await opened.close_code() == 4406


async def test_the_right_protocol_among_others(client: ClientSession) -> None:
    async with connected(client, protocols=["graphql-ws", PROTOCOL]) as opened:
        assert opened.raw.protocol == PROTOCOL
        await opened.init()


async def test_4408_without_init_in_time(serve: Serve) -> None:
    async with serve(websocket_init_timeout=0.1) as client:
        async with connected(client) as opened:
            with suppress(ConnectionError):
                await opened.send(type="ping")
            assert await opened.close_code() == 4408
        initialised = False
        while not initialised:
            async with connected(client) as opened:
                # On a busy machine it can be too late.
                with suppress(Ended, ConnectionError):
                    await opened.init()
                    initialised = True
                    await asyncio.sleep(0.2)
                    await opened.send(type="ping")
                    assert await opened.receive() == {"type": "pong"}


@pytest.mark.parametrize("operation_id", ["1", "é" * 100, "\ud800", "null"])
async def test_4409_for_an_id_that_is_in_use(ada: WebSocket, operation_id: str) -> None:
    for _ in range(2):
        await ada.subscribe(operation_id, CHANGES, {"project": "1"})
    with pytest.raises(Ended) as ended:
        await ada.receive()
    assert ended.value.code == 4409
    assert (ada.reason or "").startswith("Subscriber for ")


async def test_4429_for_a_second_init(ada: WebSocket) -> None:
    await ada.send(type="connection_init")
    assert await ada.close_code() == 4429


async def test_4500_for_what_nobody_expected(
    client: ClientSession, ada: WebSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("gateway.http.graphql.runner.Runner.prepare", fail)
    await ada.subscribe("1", "{ __typename }")
    with pytest.raises(Ended) as ended:
        await ada.receive()
    assert (ended.value.code, ada.reason) == (4500, "A server error occurred.")


async def test_1013_where_the_database_is_away(client: ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    # Clients take 4500 for a reason never to come back.
    async def fail(*_: Any) -> None:
        from gateway.errors import Unavailable

        raise Unavailable

    async with connected(client) as opened:
        monkeypatch.setattr("gateway.callers.CallerService.authenticate", fail)
        await opened.send(type="connection_init", payload=bearer(ADA))
        assert await opened.close_code() == 1013


async def test_1001_when_the_service_stops(database_url: str) -> None:
    # It waits for none of them.
    settings = patient(load_settings(database_url=database_url, port=0, shutdown_timeout=3600))
    async with ClientSession() as client, asyncio.timeout(PATIENCE_SECONDS):
        async with open_application(settings) as app, listening(app, settings) as port:
            address = f"http://127.0.0.1:{port}/graphql"
            idle, busy, silent = [WebSocket(await client.ws_connect(address, protocols=[PROTOCOL])) for _ in range(3)]
            await busy.init()
            await busy.subscribe("1", CHANGES, {"project": "1"})
            closed = [asyncio.create_task(each.close_code()) for each in (idle, busy)]
            # Nobody answers the close frame here.
            assert silent.raw.protocol == PROTOCOL
        assert await asyncio.gather(*closed) == [1001, 1001]


async def test_the_service_hears_that_a_client_agrees_to_its_end(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Browsers answer the close frame, and leave it to the service to close the connection."""
    monkeypatch.setattr("gateway.http.graphql.websocket_session._CLOSE_SECONDS", 3600)
    settings = patient(load_settings(database_url=database_url, port=0, shutdown_timeout=3600))

    async def agree(opened: _Raw) -> int:
        code = await opened.close_code()
        opened.frame(0x88, struct.pack("!H", code))
        return code

    async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE_SECONDS):
        async with open_application(settings) as app, listening(app, settings) as port:
            client = await stack.enter_async_context(ClientSession(f"http://127.0.0.1:{port}"))
            agreed = asyncio.create_task(agree(await stack.enter_async_context(_raw(client))))
        assert await agreed == 1001


async def test_a_mutation_ends_before_the_service_stops(
    database_url: str, bus: EventBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the subscription beside it, which would tell of it, does not: its client asks elsewhere for the rest."""
    async with stopped_while_it_saves(database_url, monkeypatch) as (client, stop), connected(client) as opened:
        await opened.init()
        await opened.subscribe("s", CHANGES, {"project": "1"})
        await until(lambda: listeners(bus) == 2)
        await opened.subscribe("m", SAVE, {"path": "saved"})
        stopped = asyncio.create_task(stop())
        data = {"upsertPersistedFolder": {"persistedFolder": {"path": "saved"}}}
        assert await opened.receive() == {"id": "m", "type": "next", "payload": {"data": data}}
        assert await opened.receive() == {"id": "m", "type": "complete"}
        assert await opened.close_code() == 1001
        await stopped


# Limits


async def test_the_limit_of_operations(serve: Serve) -> None:
    async with serve(max_subscriptions=3) as client, connected(client) as opened:
        await opened.init()
        for number in range(3):
            await opened.subscribe(str(number), CHANGES, {"project": "1"})
        for _ in range(100):
            await opened.subscribe("more", FOLDERS)
            message = await opened.receive()
            assert (message["id"], message["type"]) == ("more", "error")
            assert message["payload"][0]["extensions"]["code"] == "BAD_USER_INPUT"
            assert message["payload"][0]["message"] == "A connection has at most 3 operations at a time."
        await opened.send(id="1", type="complete")
        await opened.subscribe("more", FOLDERS)
        assert (await opened.receive())["type"] == "next"


@pytest.mark.parametrize(
    "message",
    [
        b'{"type":"subscribe","id":"%d","payload":{"query":"xxxxxxxxxxxxxxxxxxxxxx"}}',
        b'{"type":"subscribe","id":"%d","payload":{"query":"subscription{persistedFolderChanged{kind}}"}}',
        b'{"type":"ping"}',
        None,
    ],
)
async def test_a_flood_from_a_client_that_does_not_read(serve: Serve, message: bytes | None) -> None:
    """It starts no tasks without end, and the connection is dropped. Without a message: pings of WebSocket itself."""
    async with serve(max_subscriptions=3, stream_send_timeout=0.5) as client, _raw(client, buffer=4096) as connection:
        connection.frame(0x81, b'{"type":"connection_init"}')
        before = len(asyncio.all_tasks())
        with pytest.raises(ConnectionError):
            for number in range(1_000_000):
                if message is None:
                    connection.frame(0x89, b"x" * 100)
                else:
                    connection.frame(0x81, message % number if b"%" in message else message)
                if number % 100 == 0:
                    await connection.drain()
                    assert len(asyncio.all_tasks()) < before + 20


async def test_a_flood_of_operations_that_are_completed_at_once(client: ClientSession) -> None:
    async with _raw(client) as connection:
        connection.frame(0x81, json.dumps({"type": "connection_init", "payload": bearer(ADA)}).encode())
        before = len(asyncio.all_tasks())
        for number in range(500):
            subscribe = {"type": "subscribe", "id": str(number), "payload": {"query": FOLDERS}}
            connection.frame(0x81, json.dumps(subscribe).encode())
            connection.frame(0x81, json.dumps({"type": "complete", "id": str(number)}).encode())
            await connection.drain()
            assert len(asyncio.all_tasks()) < before + 40
        connection.frame(0x89, b"done")
        while (await connection.receive()) != (0x8A, b"done"):
            pass
        await until(lambda: len(asyncio.all_tasks()) <= before + 5)


@pytest.mark.parametrize("message", [b'{"type":"ping"}', b'{"type":"pong"}', b'{"type":"complete","id":"1"}', None])
async def test_frames_that_arrive_together_hold_up_nobody(
    client: ClientSession, monkeypatch: pytest.MonkeyPatch, message: bytes | None
) -> None:
    """The loop turns between them. Without a message: pings of WebSocket itself."""
    turns, turns_of_frames = 0, []

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    receive = WebSocketResponse.receive

    async def receive_and_note(self: WebSocketResponse, *arguments: Any) -> Any:
        frame = await receive(self, *arguments)
        turns_of_frames.append(turns)
        return frame

    monkeypatch.setattr(WebSocketResponse, "receive", receive_and_note)
    async with _raw(client) as connection:
        for _ in range(1000):
            connection.frame(0x89 if message is None else 0x81, message or b"")
        connection.frame(0x89, b"done")
        counting = asyncio.create_task(count())
        while (await connection.receive()) != (0x8A, b"done"):
            pass
        counting.cancel()
    assert len(turns_of_frames) >= 1001
    # Who comes first in a turn is not said.
    assert max(Counter(turns_of_frames).values()) <= 2


@pytest.mark.parametrize("kind", ["events", "queries"])
async def test_few_answers_wait_for_a_slow_reader(
    client: ClientSession, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """However many operations there are: what is not made yet takes no memory."""
    made, sent, waiting = 0, 0, []

    def count_made(*arguments: Any) -> Any:
        nonlocal made
        made += 1
        waiting.append(made - sent)
        return answer(*arguments)

    async def send_slowly(self: WebSocketResponse, data: bytes, *arguments: Any) -> None:
        nonlocal sent
        await asyncio.sleep(0.01)
        sent += b'"type":"next"' in data
        await send_frame(self, data, *arguments)

    answer, send_frame = runner._answer, WebSocketResponse.send_frame
    monkeypatch.setattr(runner, "_answer", count_made)
    monkeypatch.setattr(WebSocketResponse, "send_frame", send_slowly)
    query, variables, expected = "{ __schema { queryType { name } } }", {}, 20
    if kind == "events":
        async with over_websocket(client, project="1") as subscriber:
            first = await begun(subscriber, lambda path: save(client, path))
        for number in range(5):
            await save(client, f"{number}")
        query, variables, expected = CHANGES, {"project": "1", "after": first.cursor}, 100
    async with connected(client) as opened:
        await opened.init()
        for number in range(20):
            await opened.subscribe(str(number), query, variables)
        for _ in range(expected):
            while (message := await opened.receive())["type"] != "next":
                pass
            assert "errors" not in message["payload"]
    # One is being sent; another can have begun just before.
    assert max(waiting) <= 2


async def test_what_waits_for_a_slow_reader_is_read_when_it_is_answered(
    client: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not when its key was checked."""
    is_sending, may_send, is_admitted = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def send_late(self: WebSocketResponse, *arguments: Any) -> None:
        is_sending.set()
        await may_send.wait()
        await send_frame(self, *arguments)

    async def note_admission(self: Admission, *arguments: Any) -> Visit:
        visit = await admit(self, *arguments)
        is_admitted.set()
        return visit

    send_frame, admit = WebSocketResponse.send_frame, Admission.admit
    async with connected(client) as opened:
        await opened.init()
        # From the second time on it is known what the document reads.
        await opened.subscribe("0", FOLDERS)
        assert [(await opened.receive())["type"] for _ in range(2)] == ["next", "complete"]
        monkeypatch.setattr(WebSocketResponse, "send_frame", send_late)
        await opened.subscribe("1", "{ __typename }")
        async with asyncio.timeout(PATIENCE_SECONDS):
            await is_sending.wait()
            monkeypatch.setattr(Admission, "admit", note_admission)
            await opened.subscribe("2", FOLDERS)
            await is_admitted.wait()
        await save(client, "written/meanwhile")
        may_send.set()
        while (message := await opened.receive())["id"] != "2":
            pass
        assert message["payload"]["data"]["persistedFolders"]["nodes"] == [{"path": "written/meanwhile"}]


async def test_operations_count_for_the_rate_limit(serve: Serve) -> None:
    async with serve(rate_limits=True, rate_limit_per_minute=3) as client, connected(client) as opened:
        await opened.init()
        for _ in range(3):
            await opened.subscribe("1", "{ rateLimit { remaining } }")
            assert (await opened.receive())["type"] == "next"
            assert (await opened.receive())["type"] == "complete"
        await opened.subscribe("1", "{ rateLimit { remaining } }")
        message = await opened.receive()
        assert message["type"] == "error"
        extensions = message["payload"][0]["extensions"]
        assert (extensions["code"], extensions["retryAfter"] > 0) == ("RATE_LIMITED", True)
        async with client.get("/api/projects/1/persisted_folder/", headers=bearer(ADA)) as response:
            assert response.status == 429


async def test_1009_for_a_message_that_is_too_large(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.http.connection._LINGER_SECONDS", PATIENCE_SECONDS)
    async with serve(max_body_size=2048) as client:
        for size in (2500, 5_000_000):
            async with connected(client) as opened:
                await opened.init()
                with suppress(ConnectionError):
                    await opened.raw.send_str(json.dumps({"type": "ping", "payload": {"x": "x" * size}}))
                assert await opened.close_code() == 1009


async def test_1009_for_fragments_that_are_too_large_together(serve: Serve) -> None:
    async with serve(max_body_size=2048) as client, _raw(client) as connection:
        connection.frame(0x01, b"x" * 1000)
        for _ in range(5):
            connection.frame(0x00, b"x" * 1000)
        assert await connection.close_code() == 1009


async def test_fragments_are_one_message(client: ClientSession) -> None:
    async with _raw(client) as connection:
        for part in (b'{"ty', b'pe": ', b'"pi'):
            connection.frame(0x01 if part == b'{"ty' else 0x00, part)
            # A control frame may stand in between.
            connection.frame(0x89, b"")
        connection.frame(0x80, b'ng"}')
        frames = [await connection.receive() for _ in range(4)]
        assert frames == [(0x8A, b"")] * 3 + [(0x81, b'{"type":"pong"}')]


async def test_nothing_is_compressed(client: ClientSession) -> None:
    """So that nothing small can unpack to something large, and no connection keeps the state of a compression."""
    async with connected(client, compress=15) as opened:
        assert opened.raw.compress == 0
    async with _raw(client) as connection:
        bomb = zlib.compressobj(wbits=-15)
        connection.frame(0xC1, bomb.compress(b" " * 10_000_000) + bomb.flush(zlib.Z_SYNC_FLUSH))
        assert await connection.close_code() == 1002


@pytest.mark.parametrize(
    ("first", "data", "code"),
    [(0x81, b"\xff", 1007), (0x83, b"", 1002), (0x09, b"", 1002), (0x89, b"x" * 126, 1002)],
)
async def test_broken_frames(client: ClientSession, first: int, data: bytes, code: int) -> None:
    async with _raw(client) as connection:
        connection.frame(first, data)
        assert await connection.close_code() == code


async def test_what_arrives_behind_the_close_frames_resets_nothing(
    client: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that is still sending when it gets the close frame would lose it with the reset."""
    monkeypatch.setattr("gateway.http.connection._LINGER_SECONDS", PATIENCE_SECONDS)
    async with _raw(client) as connection:
        connection.frame(0x88, b"")
        assert await connection.close_code() == 1000
        await connection.end()
        for _ in range(10):
            connection.frame(0x81, b"{}")
            # Raises ConnectionResetError after a reset.
            await connection.drain()


# The handshake


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Connection": "close"}, 400),
        ({"Sec-WebSocket-Version": "12"}, 400),
        ({"Sec-WebSocket-Key": "short"}, 400),
        ({"Sec-WebSocket-Key": ""}, 400),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_a_bad_handshake_is_answered_with_json(
    client: ClientSession, headers: dict[str, str], status: int
) -> None:
    response = await send(await port_of(client), "GET", "/graphql", {**HANDSHAKE, **headers})
    assert response.status == status
    assert response.headers["content-type"].startswith("application/json")
    assert response.headers["sec-websocket-version"] == "13"
    assert json.loads(response.body)["errors"][0]["extensions"]["status"] == status


async def test_an_upgrade_of_a_post_is_declined(client: ClientSession) -> None:
    headers = {**HANDSHAKE, "Content-Type": "application/json"}
    response = await send(await port_of(client), "POST", "/graphql", headers, b'{"query": "{ __typename }"}')
    assert response.status in (200, 400)
    assert json.loads(response.body)


@pytest.mark.parametrize("allowed", [[], ["https://app.example"], ["*"]])
async def test_origins(serve: Serve, allowed: list[str]) -> None:
    async with serve(cors_allowed_origins=allowed) as client:
        same = f"http://127.0.0.1:{await port_of(client)}"
        for origin, is_allowed in (
            (None, True),
            (same, True),
            (same.replace("http:", "https:"), bool("*" in allowed)),
            ("https://app.example", bool(allowed)),
            ("https://evil.example", "*" in allowed),
        ):
            if is_allowed:
                async with connected(client, origin=origin) as opened:
                    await opened.init()
            else:
                with pytest.raises(WSServerHandshakeError) as refused:
                    await client.ws_connect("/graphql", protocols=[PROTOCOL], origin=origin)
                assert refused.value.status == 403


async def test_the_origin_behind_a_proxy(serve: Serve) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "folders.example"}
    async with (
        serve(trusted_proxies=["127.0.0.1/32"]) as client,
        connected(client, origin="https://folders.example", headers=headers) as opened,
    ):
        await opened.init()


async def test_the_request_id_is_in_the_handshake(client: ClientSession) -> None:
    headers = {"X-Request-Id": "of-the-client"}
    async with connected(client, headers=headers) as opened:
        assert opened.raw._response.headers["X-Request-Id"] == "of-the-client"


# Connections that end


async def test_a_client_that_goes_leaves_nothing(bus: EventBus, serve: Serve) -> None:
    async with serve() as client:
        before = asyncio.all_tasks()
        for how in ("close", "abort"):
            async with connected(client) as opened:
                await opened.init()
                for number in range(5):
                    await opened.subscribe(str(number), CHANGES, {"project": "1"})
                await until(lambda: listeners(bus) == 6)
                if how == "abort":
                    opened.raw._response.connection.transport.abort()  # type: ignore[union-attr]
            await until(lambda: listeners(bus) == 0)
        await until(lambda: len(asyncio.all_tasks() - before) == 0)


async def test_a_client_that_answers_no_pings_is_closed(bus: EventBus, serve: Serve) -> None:
    async with serve(websocket_ping_interval=0.2) as client:
        has_begun = False
        # On a busy machine it can be closed before it subscribes.
        while not has_begun:
            async with connected(client, autoping=False) as opened:
                with suppress(Ended, ConnectionError):
                    await opened.init()
                    await opened.subscribe("1", CHANGES, {"project": "1"})
                    await until(lambda: listeners(bus) != 1)
                    has_begun = listeners(bus) == 2
                await until(lambda: listeners(bus) == 0)


class _Raw:
    """A connection after the handshake, for frames that no client library would send."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def frame(self, first: int, data: bytes) -> None:
        mask = b"\1\2\3\4"
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
        length = bytes([0x80 | len(data)]) if len(data) < 126 else struct.pack("!BH", 0xFE, len(data))
        self._writer.write(bytes([first]) + length + mask + masked)

    async def drain(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._writer.drain()

    async def receive(self) -> tuple[int, bytes]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            first, length = await self._reader.readexactly(2)
            if length == 126:
                (length,) = struct.unpack("!H", await self._reader.readexactly(2))
            return first, await self._reader.readexactly(length)

    async def end(self) -> None:
        """Until the service sends no more."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await self._reader.read() == b""

    async def close_code(self) -> int:
        while True:
            first, data = await self.receive()
            if first == 0x88:
                (code,) = struct.unpack("!H", data[:2])
                return int(code)


@asynccontextmanager
async def _raw(client: ClientSession, buffer: int | None = None) -> AsyncIterator[_Raw]:
    """`buffer` is how much the system takes for a client that does not read."""
    opened = socket.socket()
    if buffer is not None:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    opened.setblocking(False)
    await asyncio.get_running_loop().sock_connect(opened, ("127.0.0.1", await port_of(client)))
    reader, writer = await asyncio.open_connection(sock=opened)
    head = ["GET /graphql HTTP/1.1", "Host: testserver", *(f"{name}: {value}" for name, value in HANDSHAKE.items())]
    writer.write("\r\n".join([*head, "", ""]).encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    try:
        yield _Raw(reader, writer)
    finally:
        writer.transport.abort()
