"""The service and its peers: how each is started, on one core, and what it can be asked."""

from __future__ import annotations

import http.client
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.bench.databases import POSTGRESQL, SQLITE, Copy
from benchmarks.bench.operations import (
    DOCUMENTS,
    POSTGRAPHILE_DOCUMENTS,
    Case,
    Operation,
    Request,
    essence,
    postgraphile_essence,
    request,
)
from schema.ids import FOLDER, node_id
from tests.processes import environment

PEERS: Final = Path(__file__).parents[1] / "peers"
_PYTHON: Final = PEERS / ".venv" / "bin"
# With the service's own requirements, and nothing of what its development needs.
SERVICE: Final = PEERS.parent / ".venv" / "bin" / "python"
_PATIENCE_SECONDS: Final = 60
_HZ: Final = os.sysconf("SC_CLK_TCK")

_GRAPHQL: Final = frozenset({Operation.A, Operation.B, Operation.C, Operation.C_NESTED})
_REST: Final = frozenset({Operation.R_LIST, Operation.R_CREATE})
_READS: Final = _GRAPHQL - {Operation.B}


class Kind(NamedTuple):
    """One program that can be measured. `command` takes the port."""

    name: str
    title: str
    databases: frozenset[str]
    operations: frozenset[Operation]
    command: Callable[[int], list[str]]
    path: Callable[[Operation], str] = lambda _: "/graphql"
    documents: Mapping[Operation, str] = DOCUMENTS
    essence: Callable[[Operation, bytes], Any] = essence
    # Statements that prepare its copy of the database.
    preparation: Path | None = None


def _node(program: str) -> Callable[[int], list[str]]:
    return lambda _: ["node", str(PEERS / "node" / program)]


def _python(program: str) -> Callable[[int], list[str]]:
    return lambda _: [str(_PYTHON / "python"), str(PEERS / "python" / program)]


def _gunicorn(port: int) -> list[str]:
    options = ["--workers", "1", "--threads", "4", "--keep-alive", "60", "--log-level", "warning"]
    folder = str(PEERS / "python")
    bind = f"127.0.0.1:{port}"
    return [str(_PYTHON / "gunicorn"), *options, "--chdir", folder, "--bind", bind, "rest_framework_peer:application"]


_BOTH: Final = frozenset({POSTGRESQL, SQLITE})
_ON_POSTGRESQL: Final = frozenset({POSTGRESQL})

GATEWAY: Final = "gateway"
MERCURIUS: Final = "mercurius"
HANDWRITTEN: Final = "handwritten"
STRAWBERRY: Final = "strawberry"
REST_FRAMEWORK: Final = "rest_framework"

KINDS: Final = (
    Kind(GATEWAY, "This service", _BOTH, _GRAPHQL | _REST, lambda _: [str(SERVICE), "-m", "gateway", "serve"]),
    Kind(
        HANDWRITTEN,
        "Hand-written aiohttp handlers, one statement, no GraphQL",
        _BOTH,
        _GRAPHQL | _REST,
        _python("handwritten.py"),
        path=lambda operation: f"/{operation}",
    ),
    Kind(MERCURIUS, "Mercurius with JIT (Node)", _BOTH, _GRAPHQL, _node("mercurius.js")),
    Kind("yoga", "GraphQL Yoga (Node)", _ON_POSTGRESQL, _GRAPHQL, _node("yoga.js")),
    Kind(
        "postgraphile",
        "PostGraphile 5 (Node)",
        _ON_POSTGRESQL,
        _READS,
        _node("postgraphile.js"),
        documents=POSTGRAPHILE_DOCUMENTS,
        essence=postgraphile_essence(lambda raw: node_id(FOLDER, raw)),
        preparation=PEERS / "node" / "postgraphile.sql",
    ),
    Kind("ariadne", "Ariadne with caches", _ON_POSTGRESQL, _GRAPHQL, _python("ariadne_peer.py")),
    Kind(STRAWBERRY, "Strawberry, SQLAlchemy ORM", _BOTH, _GRAPHQL, _python("strawberry_peer.py")),
    Kind(REST_FRAMEWORK, "Django REST Framework", _ON_POSTGRESQL, _REST, _gunicorn),
)
TITLES: Final = {kind.name: kind.title for kind in KINDS}


class Answer(NamedTuple):
    status: int
    body: bytes


class Usage(NamedTuple):
    """Of a process and its children."""

    cpu_seconds: float
    memory: int


@dataclass
class Server:
    kind: Kind
    database: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    seconds_to_first_answer: float = field(default=0.0)

    def request(self, operation: Operation, case: Case) -> Request:
        return request(operation, case, self.kind.path(operation), dict(self.kind.documents))

    def ask(self, operation: Operation, case: Case) -> Answer:
        """Raises OSError where it does not answer."""
        asked = self.request(operation, case)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE_SECONDS)
        try:
            headers = {"Authorization": f"Bearer {asked.key}"}
            if asked.body:
                headers["Content-Type"] = "application/json"
            connection.request(asked.method, asked.path, asked.body or None, headers)
            response = connection.getresponse()
            return Answer(response.status, response.read())
        finally:
            connection.close()

    def usage(self) -> Usage:
        ticks, memory = 0, 0
        for pid in _family(self.process.pid):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
            memory += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
        return Usage(ticks / _HZ, memory)

    def errors(self) -> str:
        return self.log.read_text()[-2000:]


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _family(int(child))


@contextmanager
def running(kind: Kind, copy: Copy, port: int, core: int, folder: Path, case: Case) -> Iterator[Server]:
    """The server, when it has answered `case`."""
    log = folder / f"{kind.name}-{copy.database}.log"
    settings = {
        "database_url": copy.url,
        "port": port,
        "log_level": "error",
        "graphiql": False,
    }
    peer_settings = {"PEER_PORT": str(port), "NODE_ENV": "production", "GRAPHILE_ENV": "production", **copy.peer}
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            ["taskset", "--cpu-list", str(core), *kind.command(port)],
            stdout=output,
            stderr=output,
            env=environment(settings) | peer_settings,
        )
    try:
        server = Server(kind, copy.database, port, process, log)
        _wait_for_answer(server, case)
        server.seconds_to_first_answer = time.perf_counter() - started
        yield server
    finally:
        process.terminate()
        try:
            process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for_answer(server: Server, case: Case) -> None:
    operation = next(each for each in Operation if each in server.kind.operations)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            answer = server.ask(operation, case)
        except OSError:
            if server.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{server.kind.title} does not start:\n{server.errors()}") from None
            time.sleep(0.01)
        else:
            if answer.status != 200:
                raise RuntimeError(f"{server.kind.title} answers {answer}:\n{server.errors()}")
            return
