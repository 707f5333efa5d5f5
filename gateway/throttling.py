"""Rate limits per key, over both transports, and over replicas where Redis is configured (contract/rest.md)."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Final
from urllib.parse import urlsplit

import structlog
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import ConnectionPool
from redis.asyncio.connection import parse_url
from redis.exceptions import RedisError

from gateway.access import Caller
from gateway.errors import Throttled
from gateway.model import RateLimitState, Timestamp

log = structlog.get_logger(__name__)

# Redis has this long to answer. Without an answer the request is let through, and for a while all
# others without asking: the limits protect the service, and must not be what takes it down.
_REDIS_TIMEOUT_SECONDS: Final = 0.5
_REDIS_PAUSE_SECONDS: Final = 2.0


class Throttle:
    """Without a `redis_url`, the counts are kept in this process."""

    def __init__(self, per_minute: int, per_hour: int, redis_url: str | None = None) -> None:
        self._items: tuple[RateLimitItem, ...] = (RateLimitItemPerMinute(per_minute), RateLimitItemPerHour(per_hour))
        self._pool: ConnectionPool | None = None
        self._storage: RedisStorage | MemoryStorage = MemoryStorage()
        if redis_url is not None:
            self._pool = ConnectionPool.from_url(
                redis_url,
                socket_timeout=_REDIS_TIMEOUT_SECONDS,
                socket_connect_timeout=_REDIS_TIMEOUT_SECONDS,
            )
            self._storage = RedisStorage(
                # The library has a name of its own for a socket in the file system.
                "async+" + redis_url.replace("unix://", "redis+unix://", 1),
                implementation="redispy",
                connection_pool=self._pool,  # type: ignore[arg-type]  # the annotation forgets it
            )
        self._limiter = MovingWindowRateLimiter(self._storage)
        self._paused_until = 0.0

    async def hit(self, caller: Caller) -> RateLimitState | None:
        """Counts one request, and returns what is left; None if Redis does not answer. Raises Throttled."""
        if time.monotonic() < self._paused_until:
            return None
        try:
            # The client of Redis tries again by itself; this bounds all of it together.
            async with asyncio.timeout(_REDIS_TIMEOUT_SECONDS):
                return await self._hit(str(caller.key_id))
        except (RedisError, OSError, TimeoutError) as error:
            self._paused_until = time.monotonic() + _REDIS_PAUSE_SECONDS
            # The text of the error may hold the address of Redis.
            log.error("throttle.unavailable", cause=type(error).__name__)
            return None

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.aclose()

    async def _hit(self, key: str) -> RateLimitState:
        refused = [item for item in self._items if not await self._limiter.hit(item, key)]
        if refused:
            waits = [(await self._wait(item, key), item.amount) for item in refused]
            retry_after, limit = max(waits)
            raise Throttled(limit, retry_after)
        return await self._state(key)

    async def _wait(self, item: RateLimitItem, key: str) -> int:
        stats = await self._limiter.get_window_stats(item, key)
        return max(1, math.ceil(stats.reset_time - time.time()))

    async def _state(self, key: str) -> RateLimitState:
        states = [(item, await self._limiter.get_window_stats(item, key)) for item in self._items]
        item, stats = min(states, key=lambda state: state[1].remaining / state[0].amount)
        return RateLimitState(item.amount, stats.remaining, Timestamp(int(stats.reset_time * 1_000_000)))


def check_redis_url(url: str) -> None:
    """Raises ValueError that says what is wrong, without repeating the URL: it may hold a password."""
    try:
        options = parse_url(url)
    except ValueError:
        raise ValueError("is no Redis URL, as redis://host:6379/0") from None
    # The client would take database 0 in place of what is no number.
    if "path" not in options and not (number := urlsplit(url).path.strip("/")).isdecimal() and number:
        raise ValueError("has a database that is no number")
    try:
        # Not connected: options are looked at when it is made.
        ConnectionPool.from_url(url).make_connection()  # type: ignore[no-untyped-call]  # redis leaves it out
    except (TypeError, RedisError):
        raise ValueError("has an option that the client of Redis does not take") from None
