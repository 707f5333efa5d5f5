"""Streams of folder changes: those that were missed, then new ones, for as long as the key has access.

Every change is read from the outbox, in the order of commit; wake-ups only say when to look. They come from this
process, from PostgreSQL's NOTIFY and from Redis. A check every half second makes up for lost ones, and finds keys that
were revoked and memberships that ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from uuid import UUID

import structlog

from gateway.access import Caller, Grant, PlaceRef
from gateway.errors import AccessLost, AuthenticationFailed, GatewayError, InvalidInput, Unavailable
from gateway.events import EventBus, Listener
from gateway.folders import Clock, system_clock
from gateway.model import FolderChange
from gateway.storage.changes import BATCH, ChangeStore
from gateway.storage.directory import Directory
from gateway.storage.shared_reads import SharedReads

log = structlog.get_logger(__name__)

Turn: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]
"""In it, a change is made an answer and sent: of the streams of one connection, one is at it at a time."""

KEPT_MICROSECONDS: Final = 3_600_000_000
"""How long a change can be asked for again."""

_LOOK_SECONDS: Final = 0.5
_CLEAR_SECONDS: Final = 60.0
# A key that could not be checked for this long counts as revoked.
_UNCHECKED_SECONDS: Final = 5.0


@dataclass(eq=False, slots=True)
class Watched:
    """Someone who is stopped when the key is no longer good, or no longer reads at the place of a grant.

    `caller` is as of the last look: a key's scopes and limits may change while its user follows.
    """

    caller: Caller
    listener: Listener
    grants: Sequence[Grant] = field(default=())

    def check(self, fresh: Caller | None) -> None:
        """Raises a GatewayError."""
        if fresh is None:
            raise AuthenticationFailed("Authorization header")
        if fresh == self.caller:
            return
        for grant in self.grants:
            place = PlaceRef(str(grant.environment.id), is_project=False)
            fresh.read(place, grant.environment, grant.surface)
        self.caller = fresh


class ChangeService:
    """`run` must be running for streams to learn of other processes and of revoked keys."""

    def __init__(self, store: ChangeStore, directory: Directory, bus: EventBus, clock: Clock = system_clock) -> None:
        self._store = store
        self._reads = SharedReads(store)
        self._directory = directory
        self._bus = bus
        self._clock = clock
        self._watched: set[Watched] = set()
        self._positions: dict[UUID, int] = {}

    async def follow(
        self, caller: Caller, grants: Sequence[Grant], after: int | None, turn: Turn = nullcontext
    ) -> AsyncGenerator[tuple[FolderChange, Caller], None]:
        """The changes at the places of `grants`, which are one environment's; from now on, or from `after` on.

        Each comes within a turn of its own, with what its caller may do by then. Ends only by an
        error: InvalidInput where the changes after `after` are gone, or what took the right to read away.
        """
        grant = grants[0]
        surfaces = {each.surface for each in grants}
        with self.watch(caller, grants) as watched:
            listener = watched.listener
            position = await self._start(grant, after)
            # With a position of its own there is nothing to read before something wakes it.
            may_have_more = after is not None
            while True:
                changes = await self._next(listener, grant, position, may_have_more)
                may_have_more = len(changes) == BATCH
                for change in changes:
                    if change.number != position + 1:
                        raise _gone()
                    position = change.number
                    if change.folder.environment_id == grant.environment.id and change.folder.surface in surfaces:
                        async with turn():
                            # It may have been waited for for long.
                            listener.check()
                            yield change, watched.caller
                        # To resolve it and send it need not suspend, and many may have been missed.
                        await asyncio.sleep(0)

    @contextmanager
    def watch(self, caller: Caller, grants: Sequence[Grant] = ()) -> Iterator[Watched]:
        """Its listener is woken by the user's changes, and stopped when the key or a grant is no longer good."""
        with self._bus.listen(caller.user_id) as listener:
            watched = Watched(caller, listener, grants)
            self._watched.add(watched)
            try:
                yield watched
            finally:
                self._watched.discard(watched)

    async def run(self) -> None:
        """Looks, checks and clears until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_looking())
            tasks.create_task(self._keep_clearing())

    async def _keep_looking(self) -> None:
        clock = asyncio.get_running_loop().time
        checked = clock()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await self._look()
                checked = clock()
            except Exception as error:  # whatever it is, the next look must come
                if not isinstance(error, GatewayError):
                    log.exception("changes.look_failed")
                if clock() - checked > _UNCHECKED_SECONDS:
                    for watched in self._watched:
                        watched.listener.stop(Unavailable())

    async def _keep_clearing(self) -> None:
        while True:
            await asyncio.sleep(_CLEAR_SECONDS)
            try:
                await self._store.clear(KEPT_MICROSECONDS)
            except GatewayError as error:
                log.warning("changes.not_cleared", cause=type(error).__name__)
            except Exception:  # whatever it is, the next clearing must come
                log.exception("changes.not_cleared")

    async def _start(self, grant: Grant, after: int | None) -> int:
        position = await self._store.position(grant)
        if after is None:
            return position
        oldest = await self._store.oldest(grant)
        if after > position or (after < position and (oldest is None or oldest > after + 1)):
            raise _gone()
        return after

    async def _next(self, listener: Listener, grant: Grant, position: int, may_have_more: bool) -> list[FolderChange]:
        """Waits until there are some. What came to be during the last read has woken the listener."""
        while True:
            if not may_have_more:
                await listener.wait()
            listener.check()
            may_have_more = False
            try:
                if changes := await self._reads.after(grant, position):
                    return changes
            except Unavailable:
                # The first look that succeeds wakes all whose number it does not know.
                self._positions.pop(grant.user_id, None)

    async def _look(self) -> None:
        watched = tuple(self._watched)
        if not watched:
            return
        # By its hash: a key that was rolled is another one.
        keys = await self._directory.find_keys({each.caller.key_hash for each in watched}, self._clock())
        for each in watched:
            record = keys.get(each.caller.key_hash)
            try:
                each.check(record.caller if record else None)
            except AuthenticationFailed as error:
                each.listener.stop(error)
            except GatewayError as error:
                each.listener.stop(AccessLost(error.detail))
        positions = await self._store.positions({each.caller.user_id for each in watched})
        for user_id, number in positions.items():
            if self._positions.get(user_id) != number:
                self._bus.wake(user_id)
        self._positions = positions


def _gone() -> InvalidInput:
    return InvalidInput("The changes after this cursor are gone: they are kept for an hour.", attr="after")
