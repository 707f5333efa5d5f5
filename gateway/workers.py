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
from dataclasses import dataclass
from functools import partial
from typing import Final, NoReturn

import structlog

log = structlog.get_logger(__name__)

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
# A worker that ends before it serves is started again after a pause, which doubles each time.
_FIRST_PAUSE_SECONDS: Final = 0.5
_MAX_PAUSE_SECONDS: Final = 30.0
# What a worker may take beyond the time that its requests have to end.
_GRACE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Supervised:
    """What a worker has in hand. `lifeline` is a file descriptor that ends with the supervisor."""

    lifeline: int
    tell_ready: Callable[[], object]


class WorkerFailed(Exception):
    """A worker ended before any of them served; `code` is its exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class _Worker:
    ready: int
    is_ready: bool = False
    # When it is killed, once it was told to end.
    deadline: float | None = None


class Supervisor:
    """`work` is what each worker does, in its own process; `patience` how long its requests may take to end, in seconds.

    `note_end` is told the process number of one that has ended.
    """

    def __init__(
        self,
        count: int,
        work: Callable[[Supervised], None],
        patience: float,
        note_end: Callable[[int], object] | None = None,
    ) -> None:
        self._count = count
        self._work = work
        self._patience = patience
        self._tell_end = note_end
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
        """Until SIGTERM or SIGINT; then the workers end one by one, at a second signal all at once. Raises WorkerFailed."""
        # What is shared with the workers stays shared: the collector would write to each object that it looks at.
        gc.freeze()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        signal.set_wakeup_fd(self._waker.fileno())
        for number in _SIGNALS:
            # Python's own handler of SIGINT would raise.
            signal.signal(number, lambda *_: None)
        while not self._is_stopping or self._workers:
            self._start_missing()
            self._stop_next()
            for key, _ in self._selector.select(self._timeout()):
                if key.fileobj is self._woken:
                    self._hear()
                elif key.data in self._workers:
                    # Otherwise it was reaped just now, and what it told was read then.
                    self._note_ready(key.data)
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
            pid, ready = self._fork()
        except OSError as error:
            # Later there may be enough of what is short now: processes, memory or file descriptors.
            log.error("worker.not_started", reason=str(error))
            self._note_failure()
            return
        self._workers[pid] = _Worker(ready)
        self._selector.register(ready, selectors.EVENT_READ, pid)
        log.info("worker.started", worker=pid)

    def _fork(self) -> tuple[int, int]:
        """The worker's process number, and what it tells by."""
        ready, tell = os.pipe()
        # A new worker has the supervisor's handlers still, and would tell the supervisor of its own signals.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            pid = os.fork()
            if pid == 0:
                self._become_worker(ready, tell, mask)
        except OSError:
            os.close(ready)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.close(tell)
        return pid, ready

    def _become_worker(self, ready: int, tell: int, mask: Iterable[int]) -> NoReturn:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            self._selector.close()
            # The lifeline ends when nobody holds its other end, so no worker may.
            for descriptor in (self._life, ready, *(worker.ready for worker in self._workers.values())):
                os.close(descriptor)
            self._woken.close()
            self._waker.close()
            self._work(Supervised(self._lifeline, partial(os.write, tell, b"1")))
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        except BaseException:
            # Whatever it is, a worker must never go on as a second supervisor.
            log.exception("worker.failed", worker=os.getpid())
        finally:
            os._exit(code)

    def _note_ready(self, pid: int) -> None:
        worker = self._workers[pid]
        # Nothing to read: it ended before.
        worker.is_ready = bool(os.read(worker.ready, 1))
        self._selector.unregister(worker.ready)
        if worker.is_ready:
            self._has_served = True
            self._pause = _FIRST_PAUSE_SECONDS

    def _hear(self) -> None:
        numbers = self._woken.recv(4096)
        self._reap()
        if {signal.SIGTERM, signal.SIGINT} & set(numbers):
            self._all_at_once = self._is_stopping
            self._is_stopping = True

    def _reap(self) -> None:
        for pid in list(self._workers):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._note_end(pid, os.waitstatus_to_exitcode(status))

    def _note_end(self, pid: int, code: int) -> None:
        worker = self._workers[pid]
        if worker.ready in self._selector.get_map():
            # It may have told so in the moment before.
            self._note_ready(pid)
        os.close(worker.ready)
        del self._workers[pid]
        if self._tell_end is not None:
            self._tell_end(pid)
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

    def _timeout(self) -> float | None:
        times = [worker.deadline for worker in self._workers.values() if worker.deadline is not None]
        if not self._is_stopping and len(self._workers) < self._count and (self._has_served or not self._workers):
            times.append(self._start_at)
        return max(0.0, min(times) - time.monotonic()) if times else None


def reserved_port(host: str, port: int) -> tuple[socket.socket, int]:
    """A socket that keeps `port` for this process and its workers, who share it; 0 finds a free one.

    Raises OSError where somebody listens there already: with SO_REUSEPORT alone, two services of one user would
    share the port unnoticed.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        reserved = socket.socket(family, kind, protocol)
        try:
            reserved.setsockopt(socket.SOL_SOCKET, option, 1)
            reserved.bind(address)
        except OSError:
            reserved.close()
            raise
        if option == socket.SO_REUSEADDR:
            address = reserved.getsockname()
            reserved.close()
    return reserved, reserved.getsockname()[1]
