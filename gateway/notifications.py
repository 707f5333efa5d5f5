"""Tells the other replicas that a user's folders have changed, and receives the same from them.

On PostgreSQL a trigger sends the notification; Redis, where it is configured, is told after the commit. Both may lose
a message: `gateway.changes` also looks every half second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Final
from uuid import UUID

import structlog

from gateway.errors import GatewayError
from gateway.events import EventBus
from gateway.storage.engine import Database

if TYPE_CHECKING:
    from gateway.redis_channel import RedisChannel

log = structlog.get_logger(__name__)

_POSTGRESQL_CHANNEL: Final = "folder_changes"
_RECONNECT_SECONDS: Final = 1.0


class Notifications:
    """`announce` is for the writer of a change; `run` must be running to send and to hear."""

    def __init__(self, bus: EventBus, database: Database, redis: RedisChannel | None) -> None:
        self._bus = bus
        self._database = database
        self._redis = redis
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

    async def _kept_up(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except (GatewayError, OSError) as error:
                # Of Redis it is told by the text, which is a name.
                cause = str(error) if type(error) is ConnectionError else type(error).__name__
                log.warning("notifications.lost", source=name, cause=cause)
            except Exception:
                # Whatever it is, the other sources go on, and this one is tried again.
                log.exception("notifications.failed", source=name)
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _listen_to_postgresql(self) -> None:
        async with self._database.listening(_POSTGRESQL_CHANNEL, self._heard) as lost:
            self._bus.wake_all()
            await lost

    async def _listen_to_redis(self, redis: RedisChannel) -> None:
        async with redis.subscribed() as messages:
            self._bus.wake_all()
            async for message in messages:
                self._heard(message)

    async def _send(self, redis: RedisChannel) -> None:
        while True:
            await self._something_unsent.wait()
            self._something_unsent.clear()
            sending, self._unsent = self._unsent, set()
            for user_id in sending:
                await redis.publish(str(user_id))

    def _heard(self, payload: str) -> None:
        if not self._bus.has_listeners:
            return
        try:
            self._bus.wake(UUID(payload))
        except ValueError:
            log.warning("notifications.not_understood")
