"""Wakes the streams of a user whose folders have changed. The changes themselves are read from the outbox.

A publisher never waits for a reader, and nothing is queued: a reader that was busy learns that it was woken, but not
how often.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID


class Listener:
    """Of one reader and one user."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()
        self._stopped: Exception | None = None

    async def wait(self) -> None:
        """Until there may be something new since the last wait. Raises what `stop` was given."""
        await self._woken.wait()
        self._woken.clear()
        self.check()

    def check(self) -> None:
        """Raises what `stop` was given."""
        if self._stopped is not None:
            raise self._stopped

    def wake(self) -> None:
        self._woken.set()

    def stop(self, error: Exception) -> None:
        """Lets the reader fail with `error`, now or when it waits or checks next."""
        self._stopped = error
        self._woken.set()


class EventBus:
    """Within one process; `gateway.notifications` connects those of several."""

    def __init__(self) -> None:
        self._listeners: dict[UUID, set[Listener]] = {}

    @contextmanager
    def listen(self, user_id: UUID) -> Iterator[Listener]:
        listener = Listener()
        self._listeners.setdefault(user_id, set()).add(listener)
        try:
            yield listener
        finally:
            listeners = self._listeners[user_id]
            listeners.discard(listener)
            if not listeners:
                del self._listeners[user_id]

    @property
    def has_listeners(self) -> bool:
        return bool(self._listeners)

    def wake(self, user_id: UUID) -> None:
        for listener in self._listeners.get(user_id, ()):
            listener.wake()

    def wake_all(self) -> None:
        """For when notifications may have been missed."""
        for user_id in self._listeners:
            self.wake(user_id)
