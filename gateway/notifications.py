"""Tells the other replicas that a user's folders changed, and hears it from them.

PostgreSQL notifies by itself (a trigger does), and Redis is told after the commit where it is
configured. Both may lose a message: `gateway.changes` looks for itself every half second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.errors import GatewayError
from gateway.events import EventBus
from gateway.storage.engine import Database

log = structlog.get_logger(__name__)

_POSTGRESQL_CHANNEL: Final = "folder_changes"
_REDIS_CHANNEL: Final = "gateway:folder_changes"
_RECONNECT_SECONDS: Final = 1.0
# For what is sent; to hear something takes as long as it takes.
_REDIS_TIMEOUT_SECONDS: Final = 2.0


class Notifications:
    """`announce` is for the writer of a change; `run` must be running to send and to hear."""

    def __init__(self, bus: EventBus, database: Database, redis_url: str | None) -> None:
        self._bus = bus
        self._database = database
        self._redis = _connect(redis_url) if redis_url else None
        # A set: of many changes of one user, one message is as good as all of them.
        self._unsent: set[UUID] = set()
        self._something_unsent = asyncio.Event()

    def announce(self, user_id: UUID) -> None:
        """After the commit; never waits."""
        self._bus.wake(user_id)
        if self._redis is not None:
            self._unsent.add(user_id)
            self._something_unsent.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            if self._database.can_listen:
                tasks.create_task(self._kept_up("postgresql", self._listen_to_postgresql))
            if self._redis is not None:
                tasks.create_task(self._kept_up("redis", partial(self._listen_to_redis, self._redis)))
                tasks.create_task(self._kept_up("redis", partial(self._send, self._redis)))

    async def close(self) -> None:
        if self._redis is not None:
            await self._redis.aclose()

    async def _kept_up(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except (GatewayError, RedisError, OSError) as error:
                log.warning("notifications.lost", source=name, cause=type(error).__name__)
            except Exception:
                # Whatever it is, the other sources go on, and this one is tried again.
                log.exception("notifications.failed", source=name)
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _listen_to_postgresql(self) -> None:
        async with self._database.listening(_POSTGRESQL_CHANNEL, self._heard) as lost:
            self._bus.wake_all()
            await lost

    async def _listen_to_redis(self, redis: Redis) -> None:
        async with redis.pubsub() as pubsub:
            await pubsub.subscribe(_REDIS_CHANNEL)
            self._bus.wake_all()
            async for message in pubsub.listen():
                if message["type"] == "message":
                    self._heard(message["data"].decode("utf-8", "replace"))

    async def _send(self, redis: Redis) -> None:
        while True:
            await self._something_unsent.wait()
            self._something_unsent.clear()
            sending, self._unsent = self._unsent, set()
            for user_id in sending:
                await redis.publish(_REDIS_CHANNEL, str(user_id))

    def _heard(self, payload: str) -> None:
        try:
            self._bus.wake(UUID(payload))
        except ValueError:
            log.warning("notifications.not_understood")


def _connect(redis_url: str) -> Redis:
    return Redis.from_url(
        redis_url, socket_timeout=_REDIS_TIMEOUT_SECONDS, socket_connect_timeout=_REDIS_TIMEOUT_SECONDS
    )
