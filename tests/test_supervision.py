"""The supervisor of workers at moments that are hard to meet: in a process of its own, with workers that serve nothing."""

from __future__ import annotations

import asyncio
import json
import os
import selectors
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable
from contextlib import suppress
from math import inf
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from gateway import server
from gateway.settings import load_settings
from gateway.workers import Supervised, Supervisor, WorkerFailed, stop_signals
from tests.databases import SQLiteServer
from tests.keys import ADA
from tests.patience import PATIENCE_SECONDS, PATIENT
from tests.test_server import FOLDERS


async def apart(scenario: Callable[..., Any], *arguments: Any) -> Any:
    """What a function of this module returns in a process of its own: a supervisor forks, and takes the signals."""
    program = (
        "import json, sys; from gateway.logs import configure_logs; configure_logs('error', 'json');"
        f"from {scenario.__module__} import {scenario.__name__};"
        f"json.dump({scenario.__name__}(*json.loads(sys.argv[1])), sys.stdout)"
    )
    command = [sys.executable, "-c", program, json.dumps(arguments)]
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
    assert process.returncode == 0, err.decode()[-4000:]
    return json.loads(out)


class Enough(Exception):
    """Ends a scenario, and its workers with it."""


def serve(supervised: Supervised) -> None:
    """Until the supervisor is gone."""
    supervised.tell()
    os.read(supervised.lifeline, 1)


def forked() -> list[int]:
    """The process numbers of those that are forked from now on; in one of them, of those before it."""
    pids: list[int] = []
    fork = os.fork

    def noted() -> int:
        pid = fork()
        if pid:
            pids.append(pid)
        return pid

    mock.patch("os.fork", noted).start()
    return pids


def wait_for_end(pid: int) -> None:
    """Whoever is waited for remains to be reaped."""
    with suppress(ChildProcessError):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def hurried() -> list[float]:
    """From now on the supervisor waits for events only: the seconds, here, pass at once."""
    seconds: list[float] = []

    class Selector(selectors.DefaultSelector):
        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            events = super().select(timeout and 0)
            if timeout and not events:
                seconds.append(timeout)
            return events

    mock.patch("selectors.DefaultSelector", Selector).start()
    mock.patch("gateway.workers.time", SimpleNamespace(monotonic=lambda: sum(seconds))).start()
    return seconds


def reaped_before_its_pipe_is_looked_at() -> None:
    pids = forked()

    def work(supervised: Supervised) -> None:
        # The second does not come to serve, and the third ends when it does.
        match len(pids):
            case 1:
                os.read(supervised.lifeline, 1)
            case 2:
                supervised.tell()
            case _:
                serve(supervised)

    def note_end(pid: int) -> None:
        if pid == pids[2]:
            # What is next selected is the wake-up, and then the pipe of one that can be reaped.
            os.kill(os.getpid(), signal.SIGCHLD)
            os.kill(pids[1], signal.SIGKILL)
            wait_for_end(pids[1])
        elif pid == pids[1]:
            raise Enough

    with suppress(Enough):
        Supervisor(3, work, PATIENCE_SECONDS, note_end, silence=inf).run()


async def test_a_worker_is_reaped_while_its_pipe_waits_to_be_read() -> None:
    await apart(reaped_before_its_pipe_is_looked_at)


def hanging(silence: float) -> float:
    """The seconds until a worker is killed that has told only once."""
    seconds = hurried()
    kill = os.kill
    killed: list[float] = []

    def killing(pid: int, number: int) -> None:
        killed.append(sum(seconds))
        kill(pid, number)
        wait_for_end(pid)

    def note_end(pid: int) -> None:
        raise Enough

    with mock.patch("os.kill", killing), suppress(Enough):
        Supervisor(1, serve, PATIENCE_SECONDS, note_end, silence=silence).run()
    [at] = killed
    return at


async def test_a_worker_that_tells_nothing_any_more_is_killed() -> None:
    assert await apart(hanging, 30) == 30


@pytest.mark.usefixtures("heard_hangup")
def test_what_nohup_ignores_does_not_stop_the_service() -> None:
    assert signal.SIGHUP in stop_signals()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert stop_signals() == (signal.SIGTERM, signal.SIGINT)


def refused_starts(call: str, served: int) -> list[int]:
    """How many files are open at each of three refusals, when so many serve already."""
    pids = forked()
    hurried()
    files: list[int] = []

    def work(supervised: Supervised) -> None:
        if len(pids) == 1:
            # The second: it ends the scenario.
            supervised.tell()
        else:
            serve(supervised)

    def note_end(pid: int) -> None:
        raise Enough

    supervisor = Supervisor(2, work, PATIENCE_SECONDS, note_end, silence=inf)
    allowed: Callable[[], Any] = getattr(os, call)

    def refused() -> Any:
        if len(pids) == served and len(files) < 3:
            files.append(sum(1 for _ in Path("/proc/self/fd").iterdir()))
            raise BlockingIOError
        return allowed()

    with mock.patch(f"os.{call}", refused), suppress(Enough):
        supervisor.run()
    return files


@pytest.mark.parametrize("call", ["pipe", "fork"])
@pytest.mark.parametrize("served", [0, 1])
async def test_a_start_that_the_system_refuses_is_tried_again(call: str, served: int) -> None:
    files = await apart(refused_starts, call, served)
    assert len(files) == 3
    assert len(set(files)) == 1, "nothing is left open"


def failing_rounds(rounds: int) -> list[float]:
    """The pauses, where one worker serves and three end before they do, all at one moment."""
    pids = forked()
    pauses = hurried()

    def work(supervised: Supervised) -> None:
        if not pids:
            serve(supervised)

    def note_end(pid: int) -> None:
        if len(pauses) == rounds:
            raise Enough
        for each in pids[1:]:
            wait_for_end(each)

    with suppress(Enough):
        Supervisor(4, work, PATIENCE_SECONDS, note_end, silence=inf).run()
    return pauses


async def test_the_pause_doubles_once_for_all_that_fail_in_a_round() -> None:
    assert await apart(failing_rounds, 8) == [0.5, 1, 2, 4, 8, 16, 30, 30]


def failing_for_hours(rounds: int) -> list[float]:
    pauses = hurried()

    def refused() -> int:
        if len(pauses) == rounds:
            raise Enough
        raise BlockingIOError

    with mock.patch("os.fork", refused), suppress(Enough):
        Supervisor(1, serve, PATIENCE_SECONDS, silence=inf).run()
    return pauses


async def test_the_pause_stays_at_its_maximum() -> None:
    pauses = await apart(failing_for_hours, 1100)
    assert set(pauses[6:]) == {30}


def signalled_at_birth() -> str:
    """What a worker tells that has a signal before it can have done anything."""
    told, tell = os.pipe()
    os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGTERM))

    def work(supervised: Supervised) -> None:
        os.write(tell, b"works")

    with suppress(WorkerFailed):
        Supervisor(1, work, PATIENCE_SECONDS, silence=inf).run()
    os.close(tell)
    return os.read(told, 100).decode()


async def test_a_worker_hears_a_signal_that_comes_while_it_is_forked() -> None:
    assert await apart(signalled_at_birth) == ""


def draining_without_a_supervisor(database_url: str) -> bool:
    """Whether the worker still watches for its supervisor's end while a request is under way."""
    lifeline, life = os.pipe()
    settings = load_settings(**PATIENT, database_url=database_url, port=0, shutdown_timeout=PATIENCE_SECONDS)

    async def drained() -> bool:
        loop = asyncio.get_running_loop()
        address = loop.create_future()
        supervised = Supervised(lifeline, lambda: None)
        serving = asyncio.create_task(server.serve(settings, address.set_result, supervised))
        port = int((await address).rpartition(":")[2])
        reader, writer = await asyncio.open_connection(settings.host, port)
        head = f"POST {FOLDERS} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {ADA}\r\n"
        head += "Content-Type: application/json\r\nContent-Length: 16\r\nExpect: 100-continue\r\n\r\n"
        writer.write(head.encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        os.close(life)
        with suppress(ConnectionError):
            while True:
                _, another = await asyncio.open_connection(settings.host, port)
                another.close()
        assert not serving.done()
        watches = loop.remove_reader(lifeline)
        writer.close()
        await serving
        return watches

    # uvloop does not say what there was to remove.
    return asyncio.run(drained())


async def test_a_worker_that_drains_does_not_look_for_its_supervisor(sqlite: SQLiteServer) -> None:
    """An ended pipe can always be read: the loop would not come to rest."""
    assert await apart(draining_without_a_supervisor, sqlite.create()) is False
