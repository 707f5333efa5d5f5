"""From a key to its Caller, and from a place that a request names to a Grant."""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

import structlog

from gateway.access import Caller, Grant, PlaceRef, WriteGrant
from gateway.errors import AuthenticationFailed, GatewayError
from gateway.folders import Clock, system_clock
from gateway.keys import hash_key
from gateway.model import Environment, Surface, Timestamp
from gateway.storage.ahead import NO_FORECAST, NOTHING_AHEAD, Forecast, ReadAhead
from gateway.storage.directory import MARKED_EVERY, Directory
from gateway.storage.failures import StatementFailed

log = structlog.get_logger(__name__)

_LAST_SECONDS: Final = 1.0


class Admitted(NamedTuple):
    """A caller, and what was read ahead with the key. It belongs to one request: nothing of it is kept."""

    caller: Caller
    ahead: ReadAhead = NOTHING_AHEAD


class CallerService:
    def __init__(self, directory: Directory, clock: Clock = system_clock) -> None:
        self._directory = directory
        self._clock = clock
        self._writing: set[asyncio.Task[None]] = set()

    async def authenticate(self, key: str, found_in: str) -> Caller:
        """Raises AuthenticationFailed, which tells where the key was `found_in`."""
        return (await self.admit(key, found_in, NO_FORECAST)).caller

    async def admit(self, key: str, found_in: str, forecast: Forecast) -> Admitted:
        """Like `authenticate`; also reads what the request will probably ask for."""
        now = self._clock()
        found = await self._directory.find_key(hash_key(key), now, forecast)
        if found is None:
            raise AuthenticationFailed(found_in)
        record, ahead = found
        if record.last_used_at is None or record.last_used_at < now - MARKED_EVERY:
            # The answer does not wait for this.
            task = asyncio.create_task(self._mark_used(record.caller, now))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)
        return Admitted(record.caller, ahead)

    async def read_grant(
        self, caller: Caller, place: PlaceRef, surface: Surface, ahead: ReadAhead = NOTHING_AHEAD
    ) -> Grant:
        """Raises NotFound or PermissionDenied."""
        return caller.read(place, await self._environment(caller, place, ahead), surface)

    async def write_grant(
        self, caller: Caller, place: PlaceRef, surface: Surface, ahead: ReadAhead = NOTHING_AHEAD
    ) -> WriteGrant:
        """Raises NotFound or PermissionDenied."""
        return caller.write(place, await self._environment(caller, place, ahead), surface)

    async def close(self) -> None:
        """Waits for what is still being written, though not as long as for a request: it can be written another time."""
        if self._writing:
            _, late = await asyncio.wait(self._writing, timeout=_LAST_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _environment(self, caller: Caller, place: PlaceRef, ahead: ReadAhead) -> Environment | None:
        number = caller.locate(place)
        if number in ahead.environments:
            return ahead.environments[number]
        return (await self._directory.environments([number])).get(number)

    async def _mark_used(self, caller: Caller, now: Timestamp) -> None:
        try:
            await self._directory.mark_used(caller.key_id, now)
        except (GatewayError, StatementFailed) as error:
            # The next request tries again.
            log.warning("key.last_used_not_written", key_id=str(caller.key_id), cause=str(error))
