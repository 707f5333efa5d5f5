"""`make fuzz`: generated requests against the service, and what they must not do to it.

Each request follows from the seed and its number alone, so one that fails can be sent again by its number.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal

import click
import uvloop
from hypothesis import HealthCheck, Phase, given, seed, settings

from benchmarks.service import Service, running_service
from tests.http.generated.conversations import Conversation, conversation, converse
from tests.http.generated.exchange import Outcome, read_answer, send_bytes
from tests.http.generated.mutations import mutated
from tests.http.generated.operations import misfit, operation_request, operations
from tests.http.generated.requests import Framed, framed
from tests.http.raw import Connection, connected

Kind = Literal["mutated bytes", "framed request", "operation", "conversation"]

_CONNECTIONS: Final = 6
_PIPELINED: Final = 8
# How many different operations there are; Hypothesis takes its time for each.
_OPERATIONS: Final = 500
_MAX_SHOWN: Final = 5_000


@dataclass(frozen=True, slots=True)
class Case:
    """`document` is that of an operation, `talk` that of a conversation over a WebSocket."""

    number: int
    kind: Kind
    request: Framed
    document: str | None = None
    talk: Conversation | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    case: Case
    problem: str
    outcome: Outcome


@dataclass(slots=True)
class Report:
    """`statuses` counts the answers; `tried` the requests, of which one of mutated bytes may be several or none."""

    tried: Counter[Kind] = field(default_factory=Counter)
    statuses: Counter[tuple[Kind, int]] = field(default_factory=Counter)
    finding: Finding | None = None
    log: str = ""

    @property
    def findings(self) -> int:
        return (self.finding is not None) + bool(self.log)


async def fuzz(service: Service, numbers: Sequence[int], base: int) -> Report:
    """Stops at the first finding. `base` is the seed."""
    report = Report()
    cases = _cases(iter(numbers), base)
    async with asyncio.TaskGroup() as group:
        for _ in range(_CONNECTIONS):
            group.create_task(_send_all(service.port, cases, report))
    report.log = service.errors()
    return report


def _cases(numbers: Iterator[int], base: int) -> Iterator[Case]:
    documents = _documents(base)
    for number in numbers:
        random = Random(f"{base} {number}")  # noqa: S311  # to be repeated
        chance = random.random()
        if chance < 0.4:
            yield Case(number, "mutated bytes", Framed(mutated(random), "POST", ""))
        elif chance < 0.85:
            yield Case(number, "framed request", framed(random))
        elif chance < 0.9:
            talk = conversation(random)
            yield Case(number, "conversation", Framed(talk.sent, "GET", ""), talk=talk)
        else:
            document = random.choice(documents)
            yield Case(number, "operation", operation_request(document, f"{base}-{number}"), document)


def _documents(base: int) -> list[str]:
    found: list[str] = []

    @seed(base)
    @settings(
        max_examples=_OPERATIONS,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(operations())
    def collect(document: str) -> None:
        found.append(document)

    collect()
    return found


async def _send_all(port: int, cases: Iterator[Case], report: Report) -> None:
    waiting: list[Case] = []
    while report.finding is None:
        # Those of which each gets one answer go together over one connection.
        case = next(cases, None)
        if case is not None and case.kind == "mutated bytes":
            _note(report, case, await send_bytes(port, case.request.sent))
        elif case is not None and case.talk is not None:
            _note(report, case, await converse(port, case.talk))
        elif case is not None:
            waiting.append(case)
        if len(waiting) == _PIPELINED or (case is None and waiting):
            await _pipeline(port, waiting, report)
            waiting = []
        if case is None:
            return


async def _pipeline(port: int, cases: list[Case], report: Report) -> None:
    """What was sent behind a request after which the server closes, and says so, is sent again."""
    while cases and report.finding is None:
        async with connected(port) as connection:
            cases = cases[await _answered(connection, cases, report) :]


async def _answered(connection: Connection, cases: list[Case], report: Report) -> int:
    connection.write(b"".join(case.request.sent for case in cases))
    for count, case in enumerate(cases, start=1):
        outcome = await read_answer(connection, case.request)
        _note(report, case, outcome)
        if outcome.problem is not None or outcome.answers[0].closes:
            return count
    return len(cases)


def _note(report: Report, case: Case, outcome: Outcome) -> None:
    report.tried[case.kind] += 1
    for answer in outcome.answers:
        report.statuses[case.kind, answer.status] += 1
    problem = outcome.problem
    if problem is None and case.document is not None:
        problem = misfit(case.document, json.loads(outcome.answers[0].body).get("data"))
    if problem is not None and report.finding is None:
        report.finding = Finding(case, problem, outcome)


def table(report: Report) -> str:
    """What was tried, by kind, and how it was answered."""
    statuses = sorted({status for _, status in report.statuses})
    rows = [["kind", "requests", *map(str, statuses)], ["---", *["---:"] * (len(statuses) + 1)]]
    for kind, tried in sorted(report.tried.items()):
        rows.append([kind, f"{tried:,}", *(f"{report.statuses[kind, status]:,}" for status in statuses)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _print_finding(finding: Finding, base: int) -> None:
    case = finding.case
    click.echo(f"\nRequest {case.number} of seed {base} ({case.kind}): {finding.problem}")
    click.echo(f"Again: python -m benchmarks.fuzz --seed {base} --first {case.number} --requests 1")
    click.echo(f"Sent {len(case.request.sent):,} bytes:\n{case.request.sent[:_MAX_SHOWN]!r}")
    for answer in finding.outcome.answers:
        click.echo(f"Answered {answer.status} {dict(answer.headers)}:\n{answer.body[:_MAX_SHOWN]!r}")


async def _main(requests: int, first: int, base: int) -> int:
    started = time.monotonic()
    async with running_service() as service:
        report = await fuzz(service, range(first, first + requests), base)
    seconds = time.monotonic() - started
    click.echo(f"{report.tried.total():,} requests of seed {base} in {seconds:.0f} s; findings: {report.findings}\n")
    click.echo(table(report))
    if report.finding is not None:
        _print_finding(report.finding, base)
    if report.log:
        click.echo(f"\nThe service logged errors:\n{report.log[:_MAX_SHOWN]}")
    return 1 if report.findings else 0


@click.command(help=__doc__)
@click.option("--requests", default=1_000_000, help="How many.")
@click.option("--seed", "base", default=1)
@click.option("--first", default=0, help="The number of the first.")
def main(requests: int, first: int, base: int) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(_main(requests, first, base)))


if __name__ == "__main__":
    main()
