"""Clients of subscriptions, over WebSocket and over server-sent events, and what they say alike."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

import pytest
from aiohttp import ClientResponse, ClientSession, ClientWebSocketResponse, WSMsgType, web

from gateway.access import WriteGrant
from gateway.app import open_application
from gateway.events import EventBus
from gateway.folders import FolderInput, FolderService
from gateway.model import Folder
from gateway.server import listening
from gateway.settings import load_settings
from tests.conftest import patient
from tests.keys import ADA, bearer
from tests.patience import PATIENCE_SECONDS

PROTOCOL: Final = "graphql-transport-ws"
CHANGES: Final = """
subscription Changes($project: ID, $environment: ID, $surface: Surface, $after: String) {
  persistedFolderChanged(projectId: $project, environmentId: $environment, surface: $surface, after: $after) {
    kind
    cursor
    persistedFolder { id uuid type path surface environment { environmentId } }
  }
}
"""


@dataclass(frozen=True)
class Change:
    """As a client sees it."""

    kind: str
    cursor: str
    folder_id: str
    type: str
    path: str
    surface: str
    environment_id: int


class Subscriber(Protocol):
    """One subscription, whatever carries it."""

    async def change(self) -> Change:
        """The next one. Raises Ended."""


class Ended(Exception):
    """The subscription is over: `errors` as GraphQL writes them, `code` of a WebSocket that was closed."""

    def __init__(self, errors: list[Any] | None = None, code: int | None = None) -> None:
        super().__init__(errors, code)
        self.errors = errors or []
        self.code = code


class WebSocket:
    """A connection. `receive` raises Ended when it is closed."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.raw = socket
        self.reason: str | None = None

    async def send(self, **message: Any) -> None:
        await self.raw.send_str(json.dumps(message))

    async def subscribe(self, operation_id: str, query: str, variables: Any = None) -> None:
        await self.send(id=operation_id, type="subscribe", payload={"query": query, "variables": variables})

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            frame = await self.raw.receive()
        if frame.type is WSMsgType.TEXT:
            message: dict[str, Any] = json.loads(frame.data)
            return message
        self.reason = frame.extra if frame.type is WSMsgType.CLOSE else None
        raise Ended(code=self.raw.close_code)

    async def close_code(self) -> int | None:
        """Reads until the server closes."""
        while True:
            try:
                await self.receive()
            except Ended as ended:
                return ended.code

    async def init(self, key: str | None = ADA) -> None:
        await self.send(type="connection_init", payload=bearer(key) if key else None)
        assert await self.receive() == {"type": "connection_ack"}


@asynccontextmanager
async def connected(client: ClientSession, **options: Any) -> AsyncIterator[WebSocket]:
    async with client.ws_connect("/graphql", **{"protocols": [PROTOCOL], **options}) as socket:
        yield WebSocket(socket)


class WebSocketSubscriber:
    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket

    async def change(self) -> Change:
        message = await self.socket.receive()
        if message["type"] == "next":
            return _change(message["payload"])
        raise Ended(message.get("payload"))


@asynccontextmanager
async def over_websocket(
    client: ClientSession, key: str = ADA, query: str = CHANGES, **variables: Any
) -> AsyncIterator[WebSocketSubscriber]:
    async with connected(client) as socket:
        await socket.init(key)
        await socket.subscribe("1", query, variables)
        yield WebSocketSubscriber(socket)


@dataclass(frozen=True)
class Event:
    event: str
    id: str | None
    data: str

    @property
    def json(self) -> Any:
        return json.loads(self.data)


class EventSource:
    """Reads events as the standard says, but that only LF ends a line. `comments` counts the heartbeats."""

    def __init__(self, response: ClientResponse) -> None:
        self.response = response
        self.comments = 0
        self._buffer = b""

    async def event(self) -> Event | None:
        """The next one; None where the stream ends."""
        while True:
            while b"\n\n" not in self._buffer:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    data = await self.response.content.readany()
                if not data:
                    assert self._buffer == b""
                    return None
                self._buffer += data
            block, _, self._buffer = self._buffer.partition(b"\n\n")
            assert b"\r" not in block
            fields: dict[str, str] = {}
            for line in block.decode().split("\n"):
                name, _, value = line.partition(":")
                if name:
                    assert name not in fields
                    fields[name] = value.removeprefix(" ")
                else:
                    self.comments += 1
            if fields:
                return Event(fields["event"], fields.get("id"), fields["data"])

    async def change(self) -> Change:
        event = await self.event()
        if event is None or event.event == "complete":
            raise Ended
        if "errors" in event.json:
            raise Ended(event.json["errors"])
        change = _change(event.json)
        assert event.id == change.cursor
        return change


@asynccontextmanager
async def over_events(
    client: ClientSession,
    key: str | None = ADA,
    query: str = CHANGES,
    *,
    last_event_id: str | None = None,
    **variables: Any,
) -> AsyncIterator[EventSource]:
    headers = {"Accept": "text/event-stream", **(bearer(key) if key else {})}
    if last_event_id is not None:
        headers["Last-Event-ID"] = last_event_id
    body = {"query": query, "variables": variables}
    async with client.post("/graphql", json=body, headers=headers) as response:
        yield EventSource(response)


SAVE: Final = """mutation ($path: String!) {
  upsertPersistedFolder(input: {projectId: "1", type: HOME, path: $path}) { persistedFolder { path } }
}"""
Subscribe = Callable[..., Any]
TRANSPORTS: Final[dict[str, Subscribe]] = {"websocket": over_websocket, "events": over_events}


async def save(client: ClientSession, path: str, key: str = ADA, *, place: str = "projects/1", **fields: Any) -> None:
    """Over REST: the home folder on the web, unless something else is said."""
    body = {"type": "home", "path": path, **fields}
    async with client.post(f"/api/{place}/persisted_folder/", json=body, headers=bearer(key)) as response:
        assert response.status == 201, await response.text()


async def begun(subscriber: Subscriber, change: Callable[[str], Awaitable[None]]) -> Change:
    """Until it is sure that the subscription runs: the server does not tell when it begins. The last change."""
    for number in itertools.count():
        await change(f"probe {number}")
        try:
            async with asyncio.timeout(1):
                seen = await subscriber.change()
        except TimeoutError:
            continue
        while seen.path != f"probe {number}":
            seen = await subscriber.change()
        return seen
    raise AssertionError("unreachable")


def listeners(bus: EventBus) -> int:
    """Two for each subscription over a connection of its own, one for each stream of events."""
    return sum(map(len, bus._listeners.values()))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.01)


@asynccontextmanager
async def stopped_while_it_saves(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[ClientSession, Callable[[], Awaitable[None]]]]:
    """A client, and what stops its service as soon as a folder is being saved. That goes on once it has begun to stop."""
    saving, stopping = asyncio.Event(), asyncio.Event()
    upsert = FolderService.upsert

    async def held_upsert(self: FolderService, grant: WriteGrant, folder: FolderInput) -> tuple[Folder, bool]:
        saving.set()
        await stopping.wait()
        return await upsert(self, grant, folder)

    async def tell(_: web.Application) -> None:
        stopping.set()

    monkeypatch.setattr(FolderService, "upsert", held_upsert)
    settings = patient(load_settings(database_url=database_url, port=0, shutdown_timeout=PATIENCE_SECONDS))
    async with asyncio.timeout(PATIENCE_SECONDS), AsyncExitStack() as service:
        app = await service.enter_async_context(open_application(settings))
        app.on_shutdown.append(tell)
        port = await service.enter_async_context(listening(app, settings))

        async def stop() -> None:
            await saving.wait()
            await service.aclose()

        async with ClientSession(f"http://127.0.0.1:{port}") as client:
            yield client, stop


def _change(payload: dict[str, Any]) -> Change:
    assert "errors" not in payload, payload
    changed = payload["data"]["persistedFolderChanged"]
    folder = changed["persistedFolder"]
    assert re.fullmatch(r"[A-Za-z0-9_-]+", changed["cursor"])
    return Change(
        changed["kind"],
        changed["cursor"],
        folder["id"],
        folder["type"],
        folder["path"],
        folder["surface"],
        folder["environment"]["environmentId"],
    )
