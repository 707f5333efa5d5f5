"""`make bench`, `make bench-quick`."""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from benchmarks.bench.chart import draw
from benchmarks.bench.databases import POSTGRESQL, SQLITE
from benchmarks.bench.machine import describe
from benchmarks.bench.measuring import Plan, measure
from benchmarks.bench.operations import Operation
from benchmarks.bench.report import render, summary
from benchmarks.bench.servers import GATEWAY, HANDWRITTEN, KINDS, MERCURIUS

_ROOT: Final = Path(__file__).parents[2]
_RESULTS: Final = _ROOT / "benchmarks" / "RESULTS.md"
_CHART: Final = _ROOT / "docs" / "images" / "benchmarks.svg"
# Where Debian has them.
_PROGRAMS: Final = {"node": "nodejs", "taskset": "util-linux", "wrk": "wrk"}
_QUICK_ROUNDS: Final = 3


@click.command()
@click.option("--rounds", default=5, show_default=True, help="How often each server has its turn.")
@click.option("--seconds", default=1, show_default=True, help="How long a turn is, at the least.")
@click.option(
    "--memory-requests",
    default=100_000,
    show_default=True,
    help="Sent with 10,000 documents on PostgreSQL; 0 for none.",
)
@click.option("--note", default="", help="For RESULTS.md: what else ran on the machine.")
@click.option("--quick", is_flag=True, help="Only A and C against two peers, in three rounds; writes nothing.")
def main(rounds: int, seconds: int, memory_requests: int, note: str, quick: bool) -> None:
    """Measures the service beside its peers, prints the ratios, and writes benchmarks/RESULTS.md with its chart."""
    for program, package in _PROGRAMS.items():
        if shutil.which(program) is None:
            raise click.ClickException(f"{program} is not installed; Debian's package is {package}.")
    server_core, *other_cores = sorted(os.sched_getaffinity(0))
    if not other_cores:
        raise click.ClickException("Two cores are needed: one for the servers, one for PostgreSQL and wrk.")
    # PostgreSQL and wrk inherit this; the servers are put on theirs.
    os.sched_setaffinity(0, other_cores[:1])
    plan = Plan(
        kinds=[kind.name for kind in KINDS],
        operations=list(Operation),
        rounds=rounds,
        seconds=seconds,
        core=server_core,
        memory_requests=memory_requests,
        aside=True,
    )
    if quick:
        plan = plan._replace(
            kinds=[GATEWAY, HANDWRITTEN, MERCURIUS],
            operations=[Operation.A, Operation.C],
            rounds=_QUICK_ROUNDS,
            aside=False,
        )
    all_measured = []
    for database in (POSTGRESQL, SQLITE):
        with tempfile.TemporaryDirectory() as folder:
            all_measured.append(measure(database, plan, Path(folder)))
        # What the service keeps in memory is the same on both.
        plan = plan._replace(memory_requests=0)
    click.echo(summary(all_measured))
    if not quick:
        day = datetime.now(UTC).date()
        _RESULTS.write_text(
            render(all_measured, rounds=rounds, seconds=seconds, machine=describe(), note=note, day=day)
        )
        _CHART.write_text(draw(all_measured[0]))


if __name__ == "__main__":
    main()
