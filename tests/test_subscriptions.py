"""Changes as subscribers see them: all of them, in the order of commit, once, and only their own."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import ClientSession, TCPConnector
from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from gateway.changes import KEPT_MICROSECONDS, ChangeService
from gateway.errors import InvalidInput, Unavailable
from gateway.events import EventBus
from gateway.folders import system_clock
from gateway.keys import hash_key
from gateway.settings import load_settings
from gateway.storage.changes import ChangeStore
from gateway.storage.directory import Directory
from gateway.storage.engine import Database
from gateway.storage.tables import api_keys, folder_changes, memberships, users
from tests.conftest import Serve, serving
from tests.databases import PostgreSQLServer
from tests.drivers import GraphQLDriver, Place
from tests.keys import ADA, ADA_READ, EVE, GRACE, bearer
from tests.patience import PATIENCE_SECONDS
from tests.subscriptions import (
    CHANGES,
    TRANSPORTS,
    Change,
    Ended,
    EventSource,
    Subscribe,
    Subscriber,
    begun,
    connected,
    listeners,
    over_events,
    over_websocket,
    save,
    until,
)

# A wrong change would be here by then: the service looks twice in a second.
_QUIET_SECONDS = 1.2
_WITH_PROJECT = CHANGES.replace("environmentId }", "environmentId project { environments { environmentId } } }")
_KEY_OF_SOCKET_IS_WRONG = "Personal API key found in request connection_init payload is invalid."
# Path and locations of an error of `CHANGES`.
AT_THE_FIELD = (["persistedFolderChanged"], [{"line": 3, "column": 3}])


@pytest.fixture(params=list(TRANSPORTS))
def subscribe(request: pytest.FixtureRequest) -> Subscribe:
    return TRANSPORTS[request.param]


async def test_what_happens_to_a_folder(client: ClientSession, subscribe: Subscribe) -> None:
    """Over REST and over GraphQL."""
    driver = GraphQLDriver(client)
    place = Place("project", "1")
    async with subscribe(client, project="1") as subscriber:
        await begun(subscriber, lambda path: save(client, path))
        created = (await driver.upsert(ADA, place, "web", {"type": "pinned", "path": "a"})).folder
        await driver.update(ADA, place, "web", created.id, {"path": "b"})
        await save(client, "c", type="pinned")
        url = f"/api/projects/1/persisted_folder/{created.id}/"
        async with client.patch(url, json={"path": "d"}, headers=bearer(ADA)) as response:
            assert response.status == 200
        async with client.delete(url, headers=bearer(ADA)) as response:
            assert response.status == 204
        changes = [await subscriber.change() for _ in range(5)]
        assert [(change.kind, change.path) for change in changes] == [
            ("CREATED", "a"),
            ("UPDATED", "b"),
            ("UPDATED", "c"),
            ("UPDATED", "d"),
            ("DELETED", "d"),
        ]
        assert {(change.type, change.surface, change.environment_id) for change in changes} == {("PINNED", "WEB", 1)}
        assert len({change.folder_id for change in changes}) == 1
        assert len({change.cursor for change in changes}) == 5


async def test_a_batch_in_its_order(client: ClientSession, subscribe: Subscribe) -> None:
    mutation = """mutation ($folders: [PersistedFolderDraft!]!) {
      upsertPersistedFolders(input: {projectId: "1", folders: $folders}) { userErrors { code } }
    }"""
    types = ["PINNED", "HOME", "CUSTOM_PRODUCTS"]
    async with subscribe(client, project="1") as subscriber:
        await begun(subscriber, lambda path: save(client, path))
        variables = {"folders": [{"type": each, "path": each} for each in types]}
        body = {"query": mutation, "variables": variables}
        async with client.post("/graphql", json=body, headers=bearer(ADA)) as response:
            assert (await response.json())["data"]["upsertPersistedFolders"]["userErrors"] == []
        # All are written by one statement, in the order of their types: so two batches never wait for each other.
        assert [(await subscriber.change()).type for _ in types] == sorted(types)


async def test_only_what_was_asked_for(client: ClientSession, subscribe: Subscribe) -> None:
    """Neither other users', nor of other environments, nor of the other surface."""
    async with AsyncExitStack() as stack:

        async def started(key: str, change: Callable[[str], Awaitable[None]], **place: Any) -> Subscriber:
            subscriber: Subscriber = await stack.enter_async_context(subscribe(client, key, **place))
            await begun(subscriber, change)
            return subscriber

        def web(path: str) -> Awaitable[None]:
            return save(client, path)

        async def desktop(path: str) -> None:
            url = "/api/projects/1/desktop_persisted_folder/"
            async with client.post(url, json={"type": "home", "path": path}, headers=bearer(ADA)) as response:
                assert response.status == 201

        def staging(path: str) -> Awaitable[None]:
            return save(client, path, place="environments/3")

        def graces(path: str) -> Awaitable[None]:
            return save(client, path, GRACE)

        everything = await started(ADA, web, project="1")
        only_web = await started(ADA, web, environment="1", surface="WEB")
        only_desktop = await started(ADA_READ, desktop, project="1", surface="DESKTOP")
        only_staging = await started(ADA, staging, environment="3")
        current = await started(ADA, web)
        grace = await started(GRACE, graces, project="1")
        await asyncio.sleep(0.1)
        for change in (web, desktop, staging, graces):
            await change("last")
        for subscriber, expected in (
            (everything, ["WEB", "DESKTOP"]),
            (only_web, ["WEB"]),
            (only_desktop, ["DESKTOP"]),
            (only_staging, ["WEB"]),
            (current, ["WEB", "DESKTOP"]),
            (grace, ["WEB"]),
        ):
            # Those that began earlier have seen the probes of those that began later.
            seen = [await _skip_probes(subscriber) for _ in expected]
            assert [change.surface for change in seen] == expected
            assert {change.path for change in seen} == {"last"}
            assert {change.environment_id for change in seen} == {3 if subscriber is only_staging else 1}
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(_QUIET_SECONDS):
                    await subscriber.change()


async def _skip_probes(subscriber: Subscriber) -> Change:
    while (change := await subscriber.change()).path.startswith("probe"):
        pass
    return change


# `after`


async def test_after_gives_exactly_the_rest(client: ClientSession, subscribe: Subscribe) -> None:
    async with subscribe(client, project="1") as subscriber:
        seen = [await begun(subscriber, lambda path: save(client, path))]
        for number in range(12):
            if number % 3:
                await save(client, str(number), place="environments/3")
            await save(client, str(number))
            seen.append(await subscriber.change())
    for index, change in enumerate(seen):
        async with subscribe(client, project="1", after=change.cursor) as subscriber:
            assert [await subscriber.change() for _ in seen[index + 1 :]] == seen[index + 1 :]
    async with subscribe(client, project="1", after=seen[5].cursor) as subscriber:
        assert [await subscriber.change() for _ in seen[6:]] == seen[6:]
        await save(client, "new")
        assert (await subscriber.change()).path == "new"


async def test_more_than_one_look_brings(
    client: ClientSession, subscribe: Subscribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("gateway.changes", "gateway.storage.changes"):
        monkeypatch.setattr(f"{module}.BATCH", 4)
    async with subscribe(client, project="1") as subscriber:
        first = await begun(subscriber, lambda path: save(client, path))
    for number in range(13):
        await save(client, str(number))
    async with subscribe(client, project="1", after=first.cursor) as subscriber:
        assert [(await subscriber.change()).path for _ in range(13)] == [str(number) for number in range(13)]


@pytest.mark.parametrize("whose", ["environment", "viewer", "list", "changed", "none"])
async def test_a_cursor_from_elsewhere(client: ClientSession, subscribe: Subscribe, whose: str) -> None:
    key, place = ADA, "projects/1"
    async with subscribe(client, project="1") as subscriber:
        cursor = (await begun(subscriber, lambda path: save(client, path))).cursor
    if whose == "environment":
        place = "environments/3"
    elif whose == "viewer":
        key = GRACE
    elif whose == "changed":
        cursor = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    elif whose == "none":
        cursor = "x" * 100_000
    else:
        query = '{ persistedFolders(projectId: "1") { edges { cursor } } }'
        async with client.post("/graphql", json={"query": query}, headers=bearer(ADA)) as response:
            cursor = (await response.json())["data"]["persistedFolders"]["edges"][0]["cursor"]
    where = {"environment": "3"} if place == "environments/3" else {"project": "1"}
    async with subscribe(client, key, after=cursor, **where) as subscriber:
        with pytest.raises(Ended) as ended:
            await subscriber.change()
    (error,) = ended.value.errors
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "status": 400, "reason": "invalid_input"}
    assert error["message"] == "Argument 'after' is no cursor of this list."


async def test_what_is_older_than_an_hour_is_gone(
    serve: Serve, database: Database, subscribe: Subscribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve() as client, subscribe(client, project="1") as subscriber:
        first = await begun(subscriber, lambda path: save(client, path))
        await save(client, "missed")
        second = await subscriber.change()
        await save(client, "last")
        last = await subscriber.change()
    await _execute(database, update(folder_changes).values(at=folder_changes.c.at - KEPT_MICROSECONDS))
    monkeypatch.setattr("gateway.changes._CLEAR_SECONDS", 0.05)
    async with serve() as client:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await database.fetch(folder_changes.select()):  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.05)
        for cursor in (first.cursor, second.cursor):
            async with subscribe(client, project="1", after=cursor) as subscriber:
                with pytest.raises(Ended) as ended:
                    await subscriber.change()
            (error,) = ended.value.errors
            assert error["extensions"]["code"] == "BAD_USER_INPUT"
            assert error["message"] == "The changes after this cursor are gone: they are kept for an hour."
        # Nothing is missing after the last one, however old it is.
        async with subscribe(client, project="1", after=last.cursor) as subscriber:
            await save(client, "new")
            assert (await subscriber.change()).path == "new"


async def test_one_look_brings_little(client: ClientSession, database: Database) -> None:
    """A slow reader keeps it for as long as it likes."""
    for _ in range(50):
        await save(client, "\N{GRINNING FACE}" * 4000)
    (found,) = {row.user_id for row in await database.fetch(folder_changes.select())}
    grant: Any = SimpleNamespace(user_id=found)
    changes = await ChangeStore(database).after(grant, 0)
    assert sum(len(change.folder.path.encode()) for change in changes) < 500_000


async def test_more_users_can_be_followed_than_a_statement_has_parameters(
    client: ClientSession, database: Database
) -> None:
    await save(client, "a")
    (ada,) = {row.user_id for row in await database.fetch(folder_changes.select())}
    assert await ChangeStore(database).positions([ada, *(uuid4() for _ in range(40_000))]) == {ada: 1}


async def test_only_what_is_old_is_cleared(client: ClientSession, database: Database) -> None:
    for number in range(5):
        await save(client, str(number))
    statement = update(folder_changes).where(folder_changes.c.number <= 3)
    await _execute(database, statement.values(at=folder_changes.c.at - KEPT_MICROSECONDS))
    await ChangeStore(database).clear(KEPT_MICROSECONDS)
    assert sorted(row.number for row in await database.fetch(folder_changes.select())) == [4, 5]


async def test_a_replica_whose_clock_is_ahead_clears_nothing_more(
    client: ClientSession, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await save(client, "kept")
    cleared = asyncio.Event()
    clear = ChangeStore.clear

    async def clear_and_tell(self: ChangeStore, age: int) -> None:
        await clear(self, age)
        cleared.set()

    monkeypatch.setattr(ChangeStore, "clear", clear_and_tell)
    monkeypatch.setattr("gateway.changes._CLEAR_SECONDS", 0.01)
    ahead = ChangeService(
        ChangeStore(database), Directory(database), EventBus(), lambda: system_clock() + 2 * KEPT_MICROSECONDS
    )
    running = asyncio.create_task(ahead.run())
    async with asyncio.timeout(PATIENCE_SECONDS):
        await cleared.wait()
    running.cancel()
    await asyncio.wait([running])
    assert len(await database.fetch(folder_changes.select())) == 1


async def test_much_is_cleared_in_steps(
    client: ClientSession, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.storage.changes._CLEARED_AT_ONCE", 2)
    for number in range(5):
        await save(client, str(number))
    await ChangeStore(database).clear(-1_000_000)
    assert await database.fetch(folder_changes.select()) == []


async def test_a_gap_ends_a_stream_that_would_jump_over_it(
    client: ClientSession, database: Database, subscribe: Subscribe
) -> None:
    async with subscribe(client, project="1") as subscriber:
        first = await begun(subscriber, lambda path: save(client, path))
        for number in range(3):
            await save(client, str(number))
            last = await subscriber.change()
    rows = await database.fetch(folder_changes.select().order_by(folder_changes.c.number))
    await _execute(database, delete(folder_changes).where(folder_changes.c.number == rows[-2].number))
    async with subscribe(client, project="1", after=first.cursor) as subscriber:
        assert (await subscriber.change()).path == "0"
        with pytest.raises(Ended) as ended:
            await subscriber.change()
        (error,) = ended.value.errors
        assert "gone" in error["message"]
        assert (error["path"], error["locations"]) == AT_THE_FIELD
    assert last.path == "2"


_IN_A_FRAGMENT = """subscription { ...F } fragment F on Subscription {
  mine: persistedFolderChanged(projectId: 1, environmentId: 1) { kind }
}"""


@pytest.mark.parametrize(
    ("document", "code", "path", "line"),
    [
        (
            "subscription {\n  persistedFolderChanged(projectId: 9) { kind }\n}",
            "NOT_FOUND",
            "persistedFolderChanged",
            2,
        ),
        ('subscription {\n\n  mine: persistedFolderChanged(after: "x") { kind }\n}', "BAD_USER_INPUT", "mine", 3),
        (_IN_A_FRAGMENT, "BAD_USER_INPUT", "mine", 2),
    ],
    ids=["place", "cursor", "fragment"],
)
async def test_what_refuses_a_stream_stands_at_its_field(
    client: ClientSession, subscribe: Subscribe, document: str, code: str, path: str, line: int
) -> None:
    async with subscribe(client, ADA, document) as subscriber:
        with pytest.raises(Ended) as ended:
            await subscriber.change()
    (error,) = ended.value.errors
    assert error["extensions"]["code"] == code
    assert (error["path"], error["locations"]) == ([path], [{"line": line, "column": 3}])


async def test_what_nobody_expected_of_a_stream_is_masked(
    client: ClientSession, subscribe: Subscribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    cause = RuntimeError("swordfish")

    async def fail(*_: Any) -> None:
        raise cause

    monkeypatch.setattr(ChangeStore, "position", fail)
    with capture_logs() as logs:
        async with subscribe(client, project="1") as subscriber:
            with pytest.raises(Ended) as ended:
                await subscriber.change()
    (error,) = ended.value.errors
    assert error["message"] == "A server error occurred."
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert (error["path"], error["locations"]) == AT_THE_FIELD
    (line,) = [line for line in logs if line.get("exc_info") is cause]
    assert line["path"] == ["persistedFolderChanged"]


# The key


def _of_ada() -> Any:
    return users.c.email == "ada@acme.test"


LOSSES = {
    "revoked": update(api_keys).where(api_keys.c.hash == hash_key(ADA)).values(revoked_at=1),
    "rolled": update(api_keys).where(api_keys.c.hash == hash_key(ADA)).values(hash="0" * 64),
    "expired": update(api_keys).where(api_keys.c.hash == hash_key(ADA)).values(expires_at=1),
    "deleted": delete(api_keys).where(api_keys.c.hash == hash_key(ADA)),
    "inactive": update(users).where(_of_ada()).values(is_active=False),
    "membership": delete(memberships).where(
        memberships.c.user_id.in_(users.select().with_only_columns(users.c.id).where(_of_ada()))
    ),
    "scope": update(api_keys).where(api_keys.c.hash == hash_key(ADA)).values(scopes=["project:read"]),
    "limit": update(api_keys).where(api_keys.c.hash == hash_key(ADA)).values(scoped_environments=[2]),
}


# After these, there is no such key; after the others, it may no longer read there.
LOSSES_OF_THE_KEY = ["revoked", "rolled", "expired", "deleted", "inactive"]


@pytest.mark.parametrize("loss", LOSSES)
async def test_a_stream_ends_with_the_right_to_read(
    client: ClientSession, database: Database, subscribe: Subscribe, loss: str
) -> None:
    async with subscribe(client, project="1") as subscriber, over_events(client, GRACE, project="1") as other:
        await begun(subscriber, lambda path: save(client, path))
        await begun(other, lambda path: save(client, path, GRACE))
        await _execute(database, LOSSES[loss])
        with pytest.raises(Ended) as ended:
            await subscriber.change()
        if subscribe is over_websocket:
            assert ended.value.code == 4403
            assert subscriber.socket.reason
            assert (subscriber.socket.reason == _KEY_OF_SOCKET_IS_WRONG) is (loss in LOSSES_OF_THE_KEY)
        else:
            (error,) = ended.value.errors
            extensions = error["extensions"]
            told = (extensions["code"], extensions["status"], extensions["reason"])
            if loss in LOSSES_OF_THE_KEY:
                # As the next request with the key will be answered.
                assert error["message"] == "Personal API key found in request Authorization header is invalid."
                assert told == ("UNAUTHENTICATED", 401, "authentication_failed")
            else:
                assert told == ("FORBIDDEN", 403, "permission_denied")
            assert (error["path"], error["locations"]) == AT_THE_FIELD
            assert (await subscriber.event()).event == "complete"
            assert await subscriber.event() is None
        await save(client, "goes on", GRACE)
        assert (await other.change()).path == "goes on"


async def test_an_event_shows_what_the_key_may_see_by_now(
    client: ClientSession, database: Database, subscribe: Subscribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it was narrowed, and may still read at the place."""
    looks = 0
    look = ChangeService._look

    async def counted_look(self: ChangeService) -> None:
        nonlocal looks
        await look(self)
        looks += 1

    monkeypatch.setattr(ChangeService, "_look", counted_look)
    async with subscribe(client, query=_WITH_PROJECT, project="1") as subscriber:
        await begun(subscriber, lambda path: save(client, path))
        for limits, visible in (([], [1, 3]), ([1], [1]), ([1, 3], [1, 3])):
            narrowed = update(api_keys).where(api_keys.c.hash == hash_key(ADA)).values(scoped_environments=limits)
            await _execute(database, narrowed)
            # One may be under way.
            enough = looks + 2
            await until(lambda enough=enough: looks >= enough)
            await save(client, f"may see {visible}")
            project = (await _next_folder(subscriber))["environment"]["project"]
            assert [each["environmentId"] for each in project["environments"]] == visible


async def _next_folder(subscriber: Any) -> Any:
    if isinstance(subscriber, EventSource):
        event = await subscriber.event()
        assert event is not None
        payload = event.json
    else:
        payload = (await subscriber.socket.receive())["payload"]
    return payload["data"]["persistedFolderChanged"]["persistedFolder"]


@pytest.mark.parametrize("loss", LOSSES_OF_THE_KEY)
async def test_an_idle_connection_ends_with_its_key(client: ClientSession, database: Database, loss: str) -> None:
    async with connected(client) as opened, connected(client) as other:
        await opened.init()
        await other.init(GRACE)
        await _execute(database, LOSSES[loss])
        assert await opened.close_code() == 4403
        assert opened.reason == _KEY_OF_SOCKET_IS_WRONG
        await other.send(type="ping")
        assert await other.receive() == {"type": "pong"}


async def test_an_operation_with_a_key_that_is_gone(
    serve: Serve, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is refused at once, however long the next look takes to come."""
    monkeypatch.setattr("gateway.changes._LOOK_SECONDS", 3600)
    async with serve() as client, connected(client) as opened:
        await opened.init()
        await _execute(database, LOSSES["revoked"])
        await opened.subscribe("1", "{ __typename }")
        assert await opened.close_code() == 4403


# Many, and slow ones


@pytest.mark.parametrize("keys", [[ADA], [ADA, GRACE, EVE]])
async def test_300_subscribers(database_url: str, keys: list[str]) -> None:
    places = {ADA: "1", GRACE: "1", EVE: "10"}
    settings = load_settings(database_url=database_url, shutdown_timeout=1)
    # By default, a client has no more than 100 connections.
    async with serving(settings, connector=TCPConnector(limit=0)) as client, AsyncExitStack() as stack:
        subscribers: list[tuple[str, Subscriber]] = []
        for number in range(300):
            key = keys[number % len(keys)]
            subscribe = list(TRANSPORTS.values())[number % 2]
            context = subscribe(client, key, project=places[key])
            subscribers.append((key, await stack.enter_async_context(context)))
        for key in keys:
            own = [subscriber for owner, subscriber in subscribers if owner == key]
            await _all_begun(own, lambda path, key=key: save(client, path, key, place=f"projects/{places[key]}"))
        for number in range(5):
            for key in keys:
                await save(client, f"{number}", key, place=f"projects/{places[key]}")
        for _, subscriber in subscribers:
            paths = [(await _skip_probes(subscriber)).path]
            while paths[-1] != "4":
                paths.append((await subscriber.change()).path)
            assert paths == ["0", "1", "2", "3", "4"]


async def _all_begun(subscribers: list[Subscriber], change: Callable[[str], Awaitable[None]]) -> None:
    """As `begun`, for many; of the changes that were made for it, each may have more to read."""
    first = [asyncio.create_task(subscriber.change()) for subscriber in subscribers]
    for number in itertools.count():
        await change(f"probe {number}")
        _, waiting = await asyncio.wait(first, timeout=1)
        if not waiting:
            break
    await asyncio.gather(*first)


async def test_a_reader_that_does_not_read_is_closed_and_holds_up_nobody(
    bus: EventBus, serve: Serve, subscribe: Subscribe
) -> None:
    long = "x" * 4000
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(serve(stream_send_timeout=0.5))
        reader = await stack.enter_async_context(subscribe(client, project="1"))
        await begun(reader, lambda path: save(client, path))
        before = listeners(bus)
        connector = TCPConnector(socket_factory=_small_socket)
        lazy = await stack.enter_async_context(ClientSession(client._base_url, connector=connector))
        much = " ".join(f"a{number}: path" for number in range(25))
        query = CHANGES.replace("path", f"path {much}")
        stuck = await stack.enter_async_context(subscribe(lazy, query=query, project="1"))
        await until(lambda: listeners(bus) > before)
        response = stuck.response if subscribe is over_events else stuck.socket.raw._response
        response.connection.transport.pause_reading()
        written = 0
        while listeners(bus) > before:
            await save(client, f"{long}{written}")
            assert (await reader.change()).path == f"{long}{written}"
            written += 1
        response.connection.transport.resume_reading()
        await save(client, "goes on")
        assert (await reader.change()).path == "goes on"


def _small_socket(address: Any) -> socket.socket:
    """Its system takes little for a client that does not read."""
    family, kind, protocol, *_ = address
    opened = socket.socket(family, kind, protocol)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    return opened


# The database goes away


async def test_streams_go_on_when_postgresql_was_restarted(
    postgresql: PostgreSQLServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine it may take long to start.
    monkeypatch.setattr("gateway.changes._UNCHECKED_SECONDS", 3600)
    url = postgresql.create()
    try:
        async with (
            serving(load_settings(database_url=url, shutdown_timeout=1)) as client,
            over_websocket(client, project="1") as first,
            over_events(client, project="1") as second,
        ):
            for subscriber in (first, second):
                await begun(subscriber, lambda path: save(client, path))
            postgresql.stop()
            # Long enough for a look, and for whatever else notices it.
            await asyncio.sleep(1)
            postgresql.start()
            await _saved_again(client, "after")
            for subscriber in (first, second):
                assert (await _skip_probes(subscriber)).path == "after"
    finally:
        postgresql.drop(url)


async def test_streams_end_with_a_clear_error_when_postgresql_stays_away(
    postgresql: PostgreSQLServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.changes._UNCHECKED_SECONDS", 0.5)
    url = postgresql.create()
    try:
        async with serving(load_settings(database_url=url, shutdown_timeout=1)) as client:
            async with over_websocket(client, project="1") as first, over_events(client, project="1") as second:
                seen = [await begun(each, lambda path: save(client, path)) for each in (first, second)]
                postgresql.stop()
                try:
                    ends = []
                    for subscriber in (first, second):
                        with pytest.raises(Ended) as ended:
                            await _skip_probes(subscriber)
                        ends.append(ended.value)
                finally:
                    postgresql.start()
                assert ends[0].code == 1013
                assert ends[1].errors[0]["extensions"]["code"] == "UNAVAILABLE"
                # `complete` would tell the client that there is nothing more to come.
                assert await second.event() is None
            await _saved_again(client, "after")
            for subscribe in TRANSPORTS.values():
                async with subscribe(client, project="1", after=seen[-1].cursor) as subscriber:
                    assert (await _skip_probes(subscriber)).path == "after"
    finally:
        postgresql.drop(url)


async def test_an_event_that_meets_an_outage_is_not_lost(
    client: ClientSession, subscribe: Subscribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with subscribe(client, query=_WITH_PROJECT, project="1") as subscriber:
        seen = await begun(subscriber, lambda path: save(client, path))
        _fail_within_events(monkeypatch, Unavailable())
        await save(client, "missed")
        if subscribe is over_websocket:
            with pytest.raises(Ended) as ended:
                await subscriber.change()
            assert ended.value.code == 1013
        else:
            event = await subscriber.event()
            (error,) = event.json["errors"]
            assert error["extensions"]["code"] == "UNAVAILABLE"
            assert error["path"][-1] == "environments"
            # Neither an id nor `complete`: either would take the change from the client.
            assert event.id is None
            assert await subscriber.event() is None
    monkeypatch.undo()
    async with subscribe(client, query=_WITH_PROJECT, project="1", after=seen.cursor) as subscriber:
        assert (await subscriber.change()).path == "missed"


async def test_an_event_that_nothing_is_left_of_has_no_id(
    client: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From there a client would go on after what it has not seen. The stream itself goes on."""
    async with over_events(client, query=_WITH_PROJECT, project="1") as events:
        await begun(events, lambda path: save(client, path))
        with monkeypatch.context() as patched:
            _fail_within_events(patched, InvalidInput("nothing"))
            await save(client, "fails")
            event = await events.event()
            assert event is not None
            assert (event.json["data"], event.id) == (None, None)
        await save(client, "goes on")
        assert (await events.change()).path == "goes on"


def _fail_within_events(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    async def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(Directory, "reachable", fail)


async def _saved_again(client: ClientSession, path: str) -> None:
    """Once the service has found its database again."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            async with client.post(
                "/api/projects/1/persisted_folder/", json={"type": "home", "path": path}, headers=bearer(ADA)
            ) as response:
                if response.status == 201:
                    return
            await asyncio.sleep(0.1)


async def _execute(database: Database, statement: Any) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(statement)

    await database.transaction(work)
