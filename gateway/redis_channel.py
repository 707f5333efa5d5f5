"""A channel of Redis, over which replicas send each other short texts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout

# For what is sent; to hear something takes as long as it takes.
_TIMEOUT_SECONDS: Final = 2.0
# So long it may be quiet before Redis is asked whether it is still there: a network can lose a connection in silence.
_QUIET_SECONDS: Final = 15.0


class RedisChannel:
    """Every method raises ConnectionError where Redis does not answer, with the name of Redis' own error.

    The text of that one may hold the address.
    """

    def __init__(self, url: str, name: str) -> None:
        self._redis = Redis.from_url(url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS)
        self._name = name

    async def publish(self, text: str) -> None:
        with _translated():
            await self._redis.publish(self._name, text)

    @asynccontextmanager
    async def subscribed(self) -> AsyncIterator[AsyncIterator[str]]:
        """What others and this one publish from now on."""
        with _translated():
            async with self._redis.pubsub() as pubsub:
                await pubsub.subscribe(self._name)
                yield _texts(pubsub)

    async def close(self) -> None:
        await self._redis.aclose()


async def _texts(pubsub: PubSub) -> AsyncIterator[str]:
    is_asked = False
    while True:
        message = await pubsub.get_message(timeout=_TIMEOUT_SECONDS if is_asked else _QUIET_SECONDS)
        if message is None and is_asked:
            raise RedisTimeout
        if message is None:
            await pubsub.ping()
        elif message["type"] == "message":
            yield message["data"].decode("utf-8", "replace")
        is_asked = message is None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise ConnectionError(type(error).__name__) from None
