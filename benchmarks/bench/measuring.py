"""Starts the servers of one database and measures them in alternation."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import click

from benchmarks.bench import checks, wrk
from benchmarks.bench.databases import Copy, loaded
from benchmarks.bench.operations import DESCRIPTIONS, Case, Operation, cases
from benchmarks.bench.results import Measured, median_of
from benchmarks.bench.servers import GATEWAY, HANDWRITTEN, KINDS, Server, running
from tests.ports import free_port

CONNECTIONS: Final = 32
DOCUMENTS: Final = 10_000
_SECONDS_OF_DOCUMENTS: Final = 5
_CASES: Final = 2000
_CHECKED: Final = 5


class Plan(NamedTuple):
    """`core` is that of the servers. `memory_requests` are sent to see what memory is taken afterwards; 0 for none."""

    kinds: Collection[str]
    operations: Collection[Operation]
    rounds: int
    seconds: int
    core: int
    memory_requests: int
    aside: bool


def measure(database: str, plan: Plan, folder: Path) -> Measured:
    """Raises Disagreement, WrongAnswers."""
    asked = cases(_CASES)
    kinds = [kind for kind in KINDS if kind.name in plan.kinds and database in kind.databases]
    found = Measured(database)
    with ExitStack() as stack:
        click.echo(f"{database}: loads the data", err=True)
        source = stack.enter_context(loaded(database, folder))
        copies = {kind.name: source.copy(kind.name, kind.preparation) for kind in kinds}
        servers = [
            stack.enter_context(running(kind, copies[kind.name], free_port(), plan.core, folder, asked[0]))
            for kind in kinds
        ]
        operations = [operation for operation in Operation if operation in plan.operations]
        for operation in operations:
            checks.check(_that_can(servers, operation), operation, asked[:_CHECKED])
        click.echo(f"{database}: all {len(servers)} servers answer the same", err=True)
        for operation in operations:
            able = _that_can(servers, operation)
            if len(able) > 1:
                click.echo(f"{database}: {DESCRIPTIONS[operation]}", err=True)
                rounds = _rounds(able, operation, asked, CONNECTIONS, plan, folder)
                found.rounds[operation] = {name: median_of(each) for name, each in rounds.items()}
        if plan.aside:
            _measure_aside(found, servers, copies, asked, plan, folder)
    return found


def _measure_aside(
    found: Measured, servers: Sequence[Server], copies: dict[str, Copy], asked: list[Case], plan: Plan, folder: Path
) -> None:
    click.echo(f"{found.database}: one connection, memory, start, two workers", err=True)
    pair = [server for server in servers if server.kind.name in {GATEWAY, HANDWRITTEN}]
    alone = _rounds(pair, Operation.A, asked, 1, plan, folder)
    found.alone = {name: median_of(each) for name, each in alone.items()}
    gateway = next(server for server in servers if server.kind.name == GATEWAY)
    found.memory_requests = _many_documents(gateway, asked, plan, folder)
    found.memory = gateway.usage().memory
    for _ in range(plan.rounds):
        with running(gateway.kind, copies[GATEWAY], free_port(), plan.core, folder, asked[0]) as fresh:
            found.starts.append(fresh.seconds_to_first_answer)
    two = gateway.kind._replace(
        name="two workers", command=lambda port: [*gateway.kind.command(port), "--workers", "2"]
    )
    with running(two, copies[GATEWAY], free_port(), plan.core, folder, asked[0]) as workers:
        # What connections ask at one moment is gathered, in each worker by itself: with half of them, half as much.
        each = replace(workers, kind=two._replace(name="two workers with as many connections each"))
        found_rounds = _rounds(
            [gateway, workers, each], Operation.A, asked, CONNECTIONS, plan, folder, frozenset({each.kind.name})
        )
        one, shared, separate = (median_of(turns) for turns in found_rounds.values())
        found.workers = (one, shared, separate)


def _that_can(servers: Sequence[Server], operation: Operation) -> list[Server]:
    return [server for server in servers if operation in server.kind.operations]


def _rounds(
    servers: Sequence[Server],
    operation: Operation,
    asked: list[Case],
    connections: int,
    plan: Plan,
    folder: Path,
    twice: frozenset[str] = frozenset(),
) -> dict[str, list[wrk.Round]]:
    """In alternation. The kinds of servers in `twice` have twice the connections."""
    files = {server.kind.name: wrk.write_requests(server, operation, asked, folder) for server in servers}
    counts = {name: connections * (1 + (name in twice)) for name in files}
    lengths = {
        server.kind.name: wrk.warm_up(
            server, files[server.kind.name], connections=counts[server.kind.name], seconds=plan.seconds
        )
        for server in servers
    }
    found: dict[str, list[wrk.Round]] = {server.kind.name: [] for server in servers}
    for number in range(plan.rounds):
        for server in servers:
            name = server.kind.name
            # Each round begins elsewhere: with few requests per second, all would ask for the same otherwise.
            start = number * _CASES // plan.rounds
            try:
                measured = wrk.run(server, files[name], connections=counts[name], seconds=lengths[name], start=start)
            except wrk.TooSlow:
                # Something else took the machine; the next round is long enough for that too.
                lengths[name] = wrk.warm_up(server, files[name], connections=counts[name], seconds=lengths[name] * 2)
                measured = wrk.run(server, files[name], connections=counts[name], seconds=lengths[name], start=start)
            found[name].append(measured)
    return found


def _many_documents(server: Server, asked: list[Case], plan: Plan, folder: Path) -> int:
    """Sends requests with 10,000 different documents, and returns how many."""
    document = server.kind.documents[Operation.A]
    requests = []
    for number in range(DOCUMENTS):
        request = server.request(Operation.A, asked[number % len(asked)])
        renamed = document.replace("persistedFolders(", f"list{number}: persistedFolders(")
        requests.append(request._replace(body=request.body.replace(document.encode(), renamed.encode())))
    size = len(server.ask(Operation.A, asked[0]).body)
    file = wrk.write_file(folder / "documents.requests", requests, size)
    times = max(1, plan.memory_requests // DOCUMENTS)
    sent = 0
    while sent < plan.memory_requests:
        sent += wrk.run(
            server, file, connections=CONNECTIONS, seconds=_SECONDS_OF_DOCUMENTS, start=sent // times, times=times
        ).count
    return sent
