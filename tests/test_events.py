"""Wake-ups, and what a stream makes of them, without a database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from typing import Any
from uuid import UUID

import pytest

from gateway.changes import ChangeService
from gateway.errors import AccessLost, AuthenticationFailed, Unavailable
from gateway.events import EventBus
from gateway.notifications import Notifications
from gateway.storage.engine import Database
from gateway.storage.shared_reads import SharedReads
from tests.patience import PATIENCE_SECONDS

ADA, GRACE = UUID(int=1), UUID(int=2)


async def test_a_wake_up_while_nobody_waits_is_kept() -> None:
    bus = EventBus()
    with bus.listen(ADA) as listener:
        for _ in range(3):
            bus.wake(ADA)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await listener.wait()
        # And three are one.
        assert not await _is_woken(listener)


async def test_only_those_of_the_user_are_woken() -> None:
    bus = EventBus()
    with bus.listen(ADA) as first, bus.listen(ADA) as second, bus.listen(GRACE) as other:
        bus.wake(ADA)
        assert [await _is_woken(each) for each in (first, second, other)] == [True, True, False]
        bus.wake_all()
        assert [await _is_woken(each) for each in (first, second, other)] == [True, True, True]


async def test_nothing_is_left_of_a_listener() -> None:
    bus = EventBus()
    with bus.listen(ADA), pytest.raises(ZeroDivisionError), bus.listen(ADA):
        raise ZeroDivisionError
    bus.wake(ADA)
    assert bus._listeners == {}


async def test_a_listener_that_is_stopped() -> None:
    with EventBus().listen(ADA) as listener:
        listener.check()
        listener.stop(AccessLost("gone"))
        with pytest.raises(AccessLost):
            listener.check()
        for _ in range(2):
            with pytest.raises(AccessLost):
                await listener.wait()
            listener.wake()


async def _is_woken(listener: Any) -> bool:
    try:
        async with asyncio.timeout(0.01):
            await listener.wait()
    except TimeoutError:
        return False
    return True


class _Stub:
    """Stands for a grant, a caller, a change: has what it is made with."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


class _EndlessStore:
    """A store whose changes never end, so that a stream never waits."""

    async def position(self, _: Any) -> int:
        return 0

    async def oldest(self, _: Any) -> None:
        return None

    async def positions(self, _: Any) -> dict[UUID, int]:
        return {}

    async def after(self, _: Any, position: int) -> list[Any]:
        folder = _Stub(environment_id=1, surface="web")
        return [_Stub(number=position + number, folder=folder) for number in range(1, 4)]


class _Directory:
    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    async def find_keys(self, *_: Any) -> dict[str, Any]:
        if self._error is not None:
            raise self._error
        return {}


class _CountingStore:
    """Has one change; `reads` counts."""

    def __init__(self, error: Exception | None = None) -> None:
        self.reads = 0
        self.begun = asyncio.Event()
        self._error = error

    async def after(self, _: Any, position: int) -> list[Any]:
        self.reads += 1
        self.begun.set()
        await asyncio.sleep(0.01)
        if self._error is not None:
            raise self._error
        return [position + 1]


async def test_those_who_are_woken_together_share_a_read() -> None:
    store = _CountingStore()
    reads = SharedReads(store)  # type: ignore[arg-type]
    ada: Any = _Stub(user_id=ADA)
    assert await asyncio.gather(*(reads.after(ada, 1) for _ in range(300))) == [[2]] * 300
    assert store.reads == 1
    grace: Any = _Stub(user_id=GRACE)
    await asyncio.gather(reads.after(ada, 1), reads.after(ada, 2), reads.after(grace, 1))
    assert store.reads == 4
    assert reads._waiting == {}


async def test_nobody_joins_a_read_that_is_under_way() -> None:
    """It may not see the change that they were woken for."""
    store = _CountingStore()
    reads = SharedReads(store)  # type: ignore[arg-type]
    ada: Any = _Stub(user_id=ADA)
    first = asyncio.create_task(reads.after(ada, 1))
    await store.begun.wait()
    await reads.after(ada, 1)
    assert store.reads == 2
    await first


async def test_a_reader_that_goes_leaves_the_others_theirs() -> None:
    store = _CountingStore()
    reads = SharedReads(store)  # type: ignore[arg-type]
    ada: Any = _Stub(user_id=ADA)
    tasks = [asyncio.create_task(reads.after(ada, 1)) for _ in range(2)]
    await store.begun.wait()
    tasks[0].cancel()
    assert await tasks[1] == [2]
    assert tasks[0].cancelled()


async def test_a_read_that_fails_fails_for_all() -> None:
    reads = SharedReads(_CountingStore(Unavailable()))  # type: ignore[arg-type]
    ada: Any = _Stub(user_id=ADA)
    results = await asyncio.gather(*(reads.after(ada, 1) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in results] == [Unavailable] * 3


@contextmanager
def _fast(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setattr("gateway.changes._LOOK_SECONDS", 0.01)
        patched.setattr("gateway.changes._UNCHECKED_SECONDS", 0.05)
        patched.setattr("gateway.changes.BATCH", 3)
        yield


def _follow(service: ChangeService) -> Any:
    grant: Any = _Stub(environment=_Stub(id=1), surface="web", user_id=ADA)
    caller: Any = _Stub(user_id=ADA, key_hash="x")
    return service.follow(caller, [grant], 0)


async def test_a_stream_that_catches_up_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop turns between any two changes."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    service = ChangeService(_EndlessStore(), _Directory(), EventBus())  # type: ignore[arg-type]
    counting = asyncio.create_task(count())
    with _fast(monkeypatch):
        async with aclosing(_follow(service)) as changes:
            turns_of_changes = [(await anext(changes), turns)[1] for _ in range(30)]
    counting.cancel()
    assert len(set(turns_of_changes)) == 30


async def test_a_stream_that_never_catches_up_is_stopped_too(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = EventBus()
    service = ChangeService(_EndlessStore(), _Directory(), bus)  # type: ignore[arg-type]
    looking = asyncio.create_task(service.run())
    with _fast(monkeypatch), pytest.raises(AuthenticationFailed):
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for _ in _follow(service):
                await asyncio.sleep(0)
    looking.cancel()
    await asyncio.wait([looking])
    assert bus._listeners == {}


@pytest.mark.parametrize("error", [Unavailable(), ZeroDivisionError()])
async def test_a_key_that_cannot_be_checked_counts_as_revoked(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    service = ChangeService(_EndlessStore(), _Directory(error), EventBus())  # type: ignore[arg-type]
    with _fast(monkeypatch):
        looking = asyncio.create_task(service.run())
        with pytest.raises(Unavailable):
            async with asyncio.timeout(PATIENCE_SECONDS):
                async for _ in _follow(service):
                    await asyncio.sleep(0)
        assert not looking.done()
        looking.cancel()
        await asyncio.wait([looking])


async def test_notifications_that_make_no_sense_do_no_harm(database_url: str, database: Database) -> None:
    bus = EventBus()
    notifications = Notifications(bus, database, None)
    with bus.listen(ADA) as listener:
        for payload in ("", "nothing", "\ufffd", "0" * 1000):
            notifications._heard(payload)
        assert not await _is_woken(listener)
        notifications._heard(str(ADA))
        assert await _is_woken(listener)
