"""Several replicas on one database: a change made at one is seen at all, whatever wakes them and whatever dies."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from typing import Any

import asyncpg
import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout

from gateway.redis_channel import RedisChannel
from gateway.settings import load_settings
from gateway.storage.engine import Database
from gateway.storage.tables import folder_changes
from tests.conftest import Serve, serving
from tests.databases import PostgreSQLServer, SQLiteServer
from tests.keys import ADA, bearer
from tests.patience import PATIENCE_SECONDS
from tests.processes import running
from tests.redis_server import PASSWORD, RedisServer
from tests.subscriptions import TRANSPORTS, Change, Ended, Subscribe, begun, over_events, over_websocket, save

CHANGES = 1000


@pytest.fixture
def never_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """What arrives then was brought by a notification, and one that is late is not given up."""
    monkeypatch.setattr("gateway.changes._LOOK_SECONDS", 3600)
    monkeypatch.setattr("gateway.redis_channel._TIMEOUT_SECONDS", PATIENCE_SECONDS)


@pytest.fixture
async def postgresql_url(postgresql: PostgreSQLServer) -> AsyncIterator[str]:
    url = postgresql.create()
    yield url
    postgresql.drop(url)


async def _arrives(changed: ClientSession, followed: ClientSession) -> None:
    for subscribe in TRANSPORTS.values():
        async with subscribe(followed, project="1") as subscriber:
            await begun(subscriber, lambda path: save(changed, path))
            for number in range(20):
                await save(changed, str(number))
            assert [(await subscriber.change()).path for _ in range(20)] == [str(number) for number in range(20)]


async def test_a_change_at_one_is_seen_at_the_other(serve: Serve) -> None:
    async with serve() as one, serve() as other:
        await _arrives(one, other)
        await _arrives(other, one)


async def test_a_redis_that_says_nothing_is_asked(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network can lose a connection in silence, and one that only listens would never know."""
    monkeypatch.setattr("gateway.redis_channel._QUIET_SECONDS", 0.05)
    monkeypatch.setattr("gateway.redis_channel._TIMEOUT_SECONDS", 1)
    channel = RedisChannel(redis.url, "some channel")
    heard = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(ConnectionError, match="TimeoutError"):
            async with channel.subscribed() as messages:
                for text in ("a", "b"):
                    await asyncio.sleep(0.3)
                    await channel.publish(text)
                    heard.append(await anext(messages))
                redis.hang()
                await anext(messages)
        redis.go_on()
        await channel.close()
    assert heard == ["a", "b"]


async def test_a_cursor_of_one_is_good_at_the_other(serve: Serve) -> None:
    async with serve() as one, serve() as other:
        async with over_websocket(one, project="1") as subscriber:
            first = await begun(subscriber, lambda path: save(one, path))
        await save(one, "missed")
        async with over_events(other, project="1", last_event_id=first.cursor) as subscriber:
            assert (await subscriber.change()).path == "missed"


@pytest.mark.usefixtures("never_look")
async def test_postgresql_wakes(postgresql_url: str) -> None:
    settings = load_settings(database_url=postgresql_url, shutdown_timeout=1)
    async with serving(settings) as one, serving(settings) as other:
        await _arrives(one, other)


@pytest.mark.usefixtures("never_look")
@pytest.mark.parametrize("by", ["url", "socket_url"])
async def test_redis_wakes(postgresql_url: str, redis: RedisServer, by: str) -> None:
    """Where PostgreSQL cannot: behind a pgbouncer that pools transactions nobody hears a notification."""
    settings = load_settings(
        database_url=postgresql_url,
        database_behind_pgbouncer=True,
        redis_url=getattr(redis, by),
        shutdown_timeout=1,
    )
    async with serving(settings) as one, serving(settings) as other:
        await _arrives(one, other)


async def test_nothing_wakes(postgresql_url: str) -> None:
    settings = load_settings(database_url=postgresql_url, database_behind_pgbouncer=True, shutdown_timeout=1)
    async with serving(settings) as one, serving(settings) as other:
        await _arrives(one, other)


@pytest.mark.parametrize("how", ["hangs", "stops"])
async def test_redis_fails_in_the_middle(postgresql_url: str, redis: RedisServer, how: str) -> None:
    settings = load_settings(
        database_url=postgresql_url, database_behind_pgbouncer=True, redis_url=redis.url, shutdown_timeout=1
    )
    async with serving(settings) as one, serving(settings) as other, over_websocket(other, project="1") as subscriber:
        await begun(subscriber, lambda path: save(one, path))
        redis.hang() if how == "hangs" else redis.stop()
        for number in range(20):
            await save(one, str(number))
        assert [(await subscriber.change()).path for _ in range(20)] == [str(number) for number in range(20)]
        if how == "hangs":
            redis.go_on()


async def test_the_log_tells_why_redis_does_not_wake(sqlite: SQLiteServer, redis: RedisServer) -> None:
    url = redis.url.replace(PASSWORD, "wrong")
    async with running("serve", database_url=sqlite.create(), redis_url=url) as service:
        lost = await service.wait_for(re.compile(rb'{[^{]*"notifications.lost"[^{]*}'))
    assert json.loads(lost[0])["cause"] == "AuthenticationError"
    assert b"wrong" not in service.err


@pytest.mark.usefixtures("never_look")
async def test_listening_begins_again_when_its_connection_is_lost(postgresql_url: str) -> None:
    """And what happened meanwhile is not left for the next notification."""
    settings = load_settings(database_url=postgresql_url, shutdown_timeout=1)
    async with serving(settings) as one, serving(settings) as other, over_websocket(other, project="1") as subscriber:
        await begun(subscriber, lambda path: save(one, path))
        await _kill_connections(postgresql_url)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                with suppress(AssertionError):
                    await save(one, "meanwhile")
                    break
        assert (await subscriber.change()).path == "meanwhile"


async def _kill_connections(url: str) -> None:
    """Those of the service, until they are gone: one that is lost later could be asked for what a notification woke for."""

    name, _, folder = url.partition("@/")[2].partition("?host=")
    connection = await asyncpg.connect(host=folder, user="postgres", database="postgres")
    try:
        pids = await connection.fetchval("SELECT array_agg(pid) FROM pg_stat_activity WHERE datname = $1", name)
        await connection.execute("SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid", pids)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY($1)", pids):
                pass
    finally:
        await connection.close()


async def test_one_of_two_is_killed_while_a_thousand_changes_are_made(database_url: str, database: Database) -> None:
    """Each subscriber has seen all, in order, none twice. Those of the dead one go on at the other."""
    async with (
        running("serve", database_url=database_url) as first,
        running("serve", database_url=database_url) as second,
        AsyncExitStack() as stack,
    ):
        timeout = ClientTimeout(total=None, sock_connect=PATIENCE_SECONDS)
        doomed, survivor = [
            await stack.enter_async_context(ClientSession(replica.address, timeout=timeout))
            for replica in (first, second)
        ]
        followers = [
            _Follower([home, survivor], subscribe)
            for home in (doomed, survivor, doomed)
            for subscribe in TRANSPORTS.values()
        ]
        tasks = [asyncio.create_task(follower.run()) for follower in followers]
        try:
            await _until_all_began(followers, survivor)
            await _make_changes(doomed, survivor, lambda: first.send_signal(signal.SIGKILL))
            await save(survivor, "the last")
            async with asyncio.timeout(PATIENCE_SECONDS):
                await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert await first.ended() == -signal.SIGKILL
    rows = await database.fetch(folder_changes.select().order_by(folder_changes.c.number))
    committed = [row.path for row in rows]
    assert len([path for path in committed if path.startswith("change ")]) >= CHANGES
    for follower in followers:
        paths = [change.path for change in follower.seen]
        assert paths == committed[committed.index(paths[0]) :]
        assert paths[0].startswith("probe ")
        assert len({change.cursor for change in follower.seen}) == len(paths)
    assert sum(follower.reconnects > 0 for follower in followers) == 4


class _Follower:
    """Connects to the first address, and to the next one when it is gone, from where it was."""

    def __init__(self, clients: list[ClientSession], subscribe: Subscribe) -> None:
        self._clients = clients
        self._subscribe = subscribe
        self.seen: list[Change] = []
        self.reconnects = -1

    async def run(self) -> None:
        for client in self._clients:
            self.reconnects += 1
            after = self.seen[-1].cursor if self.seen else None
            with suppress(Ended, ClientError, ConnectionError):
                async with self._subscribe(client, project="1", after=after) as subscriber:
                    while not self.seen or self.seen[-1].path != "the last":
                        self.seen.append(await subscriber.change())
                    return
        raise AssertionError("nobody left to ask")


async def _until_all_began(followers: list[_Follower], client: ClientSession) -> None:
    number = 0
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not all(follower.seen for follower in followers):
            await save(client, f"probe {number}")
            await asyncio.sleep(0.1)
            number += 1


async def _make_changes(doomed: ClientSession, survivor: ClientSession, kill: Any) -> None:
    """At both, and several at a time; what the killed one did not confirm is made again at the other."""
    numbers = iter(range(CHANGES))

    async def work() -> None:
        for number in numbers:
            if number == CHANGES // 3:
                kill()
            if number % 2 == 0:
                try:
                    async with doomed.post(
                        "/api/projects/1/persisted_folder/",
                        json={"type": "home", "path": f"change {number}"},
                        headers=bearer(ADA),
                    ) as response:
                        assert response.status == 201
                        continue
                except (ClientError, ConnectionError):
                    pass
            await save(survivor, f"change {number}")

    await asyncio.gather(*(work() for _ in range(4)))
