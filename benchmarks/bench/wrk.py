"""Runs of wrk against one server."""

from __future__ import annotations

import json
import math
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.bench.operations import Case, Operation, Request
from benchmarks.bench.servers import Server

_SCRIPT: Final = Path(__file__).with_name("wrk.lua")
_SEPARATOR: Final = b"\1"
# Answers of one operation differ by a few bytes only: shorter ones are errors that HTTP calls fine.
_SHORTEST: Final = 0.9
_LATENCIES: Final = 5
_LONGEST_SECONDS: Final = 10
_QUIET_SECONDS: Final = 0.25
# Of a core, that is: what a service that is idle does now and then.
_QUIET_SHARE: Final = 0.1
_PATIENCE_SECONDS: Final = 60


class Round(NamedTuple):
    """Latencies in milliseconds; `cpu_microseconds` is what the server took of its core for each request."""

    count: int
    per_second: float
    p50: float
    p99: float
    cpu_microseconds: float


class WrongAnswers(Exception):
    """Under load, some requests were not answered as they should be."""


class TooSlow(Exception):
    """Nothing was answered in a whole round."""


class RequestFile(NamedTuple):
    path: Path
    # Of one answer's body.
    size: int


def write_requests(server: Server, operation: Operation, cases: list[Case], folder: Path) -> RequestFile:
    size = len(server.ask(operation, cases[0]).body)
    requests = (server.request(operation, case) for case in cases)
    return write_file(folder / f"{server.kind.name}-{operation}.requests", requests, size)


def write_file(path: Path, requests: Iterable[Request], size: int) -> RequestFile:
    path.write_bytes(_SEPARATOR.join(request.encode() for request in requests))
    return RequestFile(path, size)


def warm_up(server: Server, requests: RequestFile, *, connections: int, seconds: int) -> int:
    """Runs once, and returns how many seconds a round needs, `seconds` at the least. Raises WrongAnswers.

    A round ends with requests under way, which are not counted: it has to be long next to one of them.
    """
    while True:
        with suppress(TooSlow):
            found = run(server, requests, connections=connections, seconds=seconds)
            return max(seconds, min(math.ceil(found.p50 / 1000 * _LATENCIES), _LONGEST_SECONDS))
        seconds *= 2


def run(
    server: Server, requests: RequestFile, *, connections: int, seconds: int, start: int = 0, times: int = 1
) -> Round:
    """`start` is the number of the first request; each is sent so many `times`. Raises WrongAnswers, or TooSlow."""
    before = server.usage()
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"]
    command += ["--timeout", "60s", "--script", str(_SCRIPT), f"http://127.0.0.1:{server.port}", "--"]
    output = subprocess.run(
        [*command, str(requests.path), str(start), str(times)], check=True, capture_output=True, text=True
    ).stdout
    after = server.usage()
    _let_finish(server)
    found: dict[str, Any] = json.loads(output.partition("RESULT ")[2])
    count = found["requests"]
    if not count:
        raise TooSlow(f"{server.kind.title}, {requests.path.name}: no answer in {seconds} seconds\n{server.errors()}")
    if found["refused"] or found["broken"]:
        raise WrongAnswers(f"{server.kind.title}, {requests.path.name}: {found}\n{server.errors()}")
    if found["bytes"] / count < requests.size * _SHORTEST:
        raise WrongAnswers(f"{server.kind.title}, {requests.path.name}: its answers are too short: {found}")
    return Round(
        count=count,
        per_second=count / found["microseconds"] * 1e6,
        p50=found["p50"] / 1000,
        p99=found["p99"] / 1000,
        cpu_microseconds=(after.cpu_seconds - before.cpu_seconds) / count * 1e6,
    )


def _let_finish(server: Server) -> None:
    """Most go on with what was under way when their clients left; it would be taken from whoever is next on the core.

    Raises TimeoutError.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    before = server.usage().cpu_seconds
    while time.monotonic() < deadline:
        time.sleep(_QUIET_SECONDS)
        now = server.usage().cpu_seconds
        if now - before <= _QUIET_SECONDS * _QUIET_SHARE:
            return
        before = now
    raise TimeoutError(f"{server.kind.title} goes on for ever")
