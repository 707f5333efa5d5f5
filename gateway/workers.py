"""Several worker processes on one port, and the supervisor that starts, watches and stops them.

The kernel distributes connections among them (SO_REUSEPORT). They are forked, so imported modules are in memory once;
the supervisor has neither threads nor an event loop, which a fork could break.
"""

from __future__ import annotations

import gc
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Final, NoReturn

import structlog

log = structlog.get_logger(__name__)

# How often a worker says that its event loop runs.
HEARTBEAT_SECONDS: Final = 1.0
# A worker that ends before it serves is started again after a pause, which doubles each time.
_FIRST_PAUSE_SECONDS: Final = 0.5
_MAX_PAUSE_SECONDS: Final = 30.0
# What a worker may take beyond the time that its requests have to end.
_GRACE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Supervised:
    """What a worker has in hand. `lifeline` is a file descriptor that ends with the supervisor.

    `tell` says that the worker serves, and then every `HEARTBEAT_SECONDS` that it still does.
    """

    lifeline: int
    tell: Callable[[], object]


class WorkerFailed(Exception):
    """A worker ended before any of them served; `code` is its exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class _Worker:
    pipe: int
    is_ready: bool = False
    # When it last told that it serves, as `_watched` counts.
    heard_at: float = 0.0
    # When it is killed, once it was told to end.
    deadline: float | None = None


class Supervisor:
    """`work` is what each worker does, in its own process; `patience` how long its requests may take to end, in seconds.

    One that has served, and then tells nothing for `silence` seconds, is killed. `on_end` is told the process number
    of one that has ended.
    """

    def __init__(
        self,
        count: int,
        work: Callable[[Supervised], None],
        patience: float,
        on_end: Callable[[int], object] | None = None,
        *,
        silence: float,
    ) -> None:
        self._count = count
        self._work = work
        self._patience = patience
        self._silence = silence
        # For how long it has watched its workers, and when it did last.
        self._watched = 0.0
        self._looked_at = time.monotonic()
        self._stop_signals = stop_signals()
        self._signals = (*self._stop_signals, signal.SIGCHLD)
        self._on_end = on_end
        self._workers: dict[int, _Worker] = {}
        self._selector = selectors.DefaultSelector()
        self._lifeline, self._life = os.pipe()
        self._woken, self._waker = socket.socketpair()
        self._has_served = False
        self._is_stopping = False
        self._all_at_once = False
        self._pause = _FIRST_PAUSE_SECONDS
        self._start_at = 0.0
        self._failed: int | None = None

    def run(self) -> None:
        """Until a signal to stop; then the workers end one by one, at a second signal all at once. Raises WorkerFailed."""
        # What is shared with the workers stays shared: the collector would write to each object that it looks at.
        gc.freeze()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        signal.set_wakeup_fd(self._waker.fileno())
        for number in self._signals:
            # Python's own handler of SIGINT would raise.
            signal.signal(number, lambda *_: None)
        while not self._is_stopping or self._workers:
            self._start_missing()
            self._stop_next()
            self._kill_silent()
            for key, _ in self._selector.select(self._timeout()):
                if key.fileobj is self._woken:
                    self._hear()
                elif key.data in self._workers:
                    # Otherwise it was reaped just now, and what it told was read then.
                    self._listen(key.data)
        if self._failed is not None:
            raise WorkerFailed(self._failed)

    def _start_missing(self) -> None:
        """The first alone: what keeps it from serving would keep all of them, and is told once."""
        while not self._is_stopping and len(self._workers) < self._count and time.monotonic() >= self._start_at:
            if self._workers and not self._has_served:
                return
            self._start()

    def _start(self) -> None:
        try:
            pid, pipe = self._fork()
        except OSError as error:
            # Later there may be enough of what is short now: processes, memory or file descriptors.
            log.error("worker.not_started", reason=str(error))
            self._note_failure()
            return
        self._workers[pid] = _Worker(pipe)
        self._selector.register(pipe, selectors.EVENT_READ, pid)
        log.info("worker.started", worker=pid)

    def _fork(self) -> tuple[int, int]:
        """The worker's process number, and what it tells by."""
        pipe, tell = os.pipe()
        # A worker that is not heard must not wait for it.
        os.set_blocking(tell, False)
        # A new worker has the supervisor's handlers still, and would tell the supervisor of its own signals.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, self._signals)
        try:
            pid = os.fork()
            if pid == 0:
                self._become_worker(pipe, tell, mask)
        except OSError:
            os.close(pipe)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.close(tell)
        return pid, pipe

    def _become_worker(self, pipe: int, tell: int, mask: Iterable[int]) -> NoReturn:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in self._signals:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            self._selector.close()
            # The lifeline ends when nobody holds its other end, so no worker may.
            for descriptor in (self._life, pipe, *(worker.pipe for worker in self._workers.values())):
                os.close(descriptor)
            self._woken.close()
            self._waker.close()
            self._work(Supervised(self._lifeline, partial(_tell, tell)))
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        except BaseException:
            # Whatever it is, a worker must never go on as a second supervisor.
            log.exception("worker.failed", worker=os.getpid())
        finally:
            os._exit(code)

    def _listen(self, pid: int) -> None:
        worker = self._workers[pid]
        if not os.read(worker.pipe, 4096):
            # It ends.
            self._selector.unregister(worker.pipe)
            return
        if not worker.is_ready:
            worker.is_ready = True
            self._has_served = True
            self._pause = _FIRST_PAUSE_SECONDS
        worker.heard_at = self._watched

    def _hear(self) -> None:
        numbers = self._woken.recv(4096)
        self._reap()
        if set(self._stop_signals) & set(numbers):
            self._all_at_once = self._is_stopping
            self._is_stopping = True

    def _reap(self) -> None:
        for pid in list(self._workers):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._note_end(pid, os.waitstatus_to_exitcode(status))

    def _note_end(self, pid: int, code: int) -> None:
        worker = self._workers[pid]
        while worker.pipe in self._selector.get_map():
            # It may have told something in the moment before.
            self._listen(pid)
        os.close(worker.pipe)
        del self._workers[pid]
        if self._on_end is not None:
            self._on_end(pid)
        if self._is_stopping:
            log.info("worker.ended", worker=pid, code=code)
            return
        log.error("worker.ended", worker=pid, code=code)
        if not self._has_served:
            # Somebody is there to read why.
            self._failed = code if code > 0 else 1
            self._is_stopping = True
        elif not worker.is_ready:
            self._note_failure()

    def _note_failure(self) -> None:
        now = time.monotonic()
        # One that fails during a pause waits for its end with the others, and does not make the next one longer.
        if now >= self._start_at:
            self._start_at = now + self._pause
            self._pause = min(self._pause * 2, _MAX_PAUSE_SECONDS)

    def _stop_next(self) -> None:
        if not self._is_stopping:
            return
        now = time.monotonic()
        for pid, worker in self._workers.items():
            if worker.deadline is None:
                os.kill(pid, signal.SIGTERM)
                worker.deadline = now + self._patience + _GRACE_SECONDS
            elif now >= worker.deadline:
                log.error("worker.killed", worker=pid)
                os.kill(pid, signal.SIGKILL)
                worker.deadline = now + _GRACE_SECONDS
            if not self._all_at_once:
                return

    def _kill_silent(self) -> None:
        """Its event loop hangs, or it was stopped: who is connected to it waits for nothing."""
        now = time.monotonic()
        # A pause of the supervisor itself, as by Ctrl+Z, was one of its workers too.
        self._watched += min(now - self._looked_at, HEARTBEAT_SECONDS)
        self._looked_at = now
        for pid, worker in self._workers.items():
            if self._is_watched(worker) and self._watched - worker.heard_at >= self._silence:
                # Before it is told: if the supervisor ended in between, one that is stopped would stay for ever.
                os.kill(pid, signal.SIGKILL)
                log.error("worker.hangs", worker=pid)
                # Until it has ended, or for as long again.
                worker.heard_at = self._watched

    def _is_watched(self, worker: _Worker) -> bool:
        return worker.is_ready and worker.deadline is None and self._silence < inf

    def _timeout(self) -> float | None:
        times = [worker.deadline for worker in self._workers.values() if worker.deadline is not None]
        if any(map(self._is_watched, self._workers.values())):
            times.append(self._looked_at + HEARTBEAT_SECONDS)
        if not self._is_stopping and len(self._workers) < self._count and (self._has_served or not self._workers):
            times.append(self._start_at)
        return max(0.0, min(times) - time.monotonic()) if times else None


def stop_signals() -> tuple[signal.Signals, ...]:
    """Those that end the service. SIGHUP is one of them unless it is ignored, as nohup has it."""
    ends = (signal.SIGTERM, signal.SIGINT)
    return ends if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (*ends, signal.SIGHUP)


def _tell(pipe: int) -> None:
    # A supervisor that is gone has ended the lifeline, too; one that was stopped reads nothing.
    with suppress(BrokenPipeError, BlockingIOError):
        os.write(pipe, b"1")
