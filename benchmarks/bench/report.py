"""The figures as Markdown: benchmarks/RESULTS.md."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from benchmarks.bench.operations import DESCRIPTIONS
from benchmarks.bench.results import TARGETS, Measured, bounds, ratios, shown
from benchmarks.bench.servers import GATEWAY, HANDWRITTEN, KINDS, MERCURIUS, REST_FRAMEWORK, STRAWBERRY, TITLES

_PEERS: Final = (MERCURIUS, HANDWRITTEN, STRAWBERRY, REST_FRAMEWORK)

_HOW: Final = """\
Written by `make bench`. The code of the peers is in [peers/](peers/), the measuring in [bench/](bench/).

- The data: 300,000 folders of 5,000 users in 100 organizations, each with 10 environments. Each server has its own copy of the same database.
- All servers check the key, its user and the membership for each request. Before anything is measured, all have to answer the same, and to refuse strangers.
- One worker on one core; PostgreSQL and wrk are on the other. 32 connections; requests come from 2,000 users in turn.
- {rounds} rounds of {seconds} s each (longer where a single answer is slow), in alternation; the figures are medians. Each server finishes what its clients left under way before the next has its turn.
- Mercurius, GraphQL Yoga and Ariadne run three statements, with data loaders; Strawberry is as its documentation shows it, on SQLAlchemy's ORM without data loaders; PostGraphile checks access by row security. The hand-written handlers run one statement each and know nothing of GraphQL.
- The service runs with its defaults, but logs errors only, for no peer logs its requests.
- PostgreSQL does not wait for the disk (`fsync` is off); SQLite does (WAL, `synchronous=FULL`), for all alike.
"""


def render(
    all_measured: Sequence[Measured], *, rounds: int, seconds: int, machine: Sequence[str], note: str, day: date
) -> str:
    parts = [
        "# Benchmarks",
        _HOW.format(rounds=rounds, seconds=seconds).strip(),
        f"Measured on {day.isoformat()}.{f' {note}' if note else ''}\n\n" + "\n".join(f"- {line}" for line in machine),
        f"## Ratios\n\nRequests per second of the service, as a multiple of a peer's; the target stands in brackets.\n\n{ratio_table(all_measured)}",
        f"## Bounds\n\n{bound_table(all_measured)}",
        f"## What is missed\n\n{missed(all_measured)}",
        *(f"## On {measured.database}\n\n{_figures(measured)}" for measured in all_measured),
    ]
    return "\n\n".join(parts) + "\n"


def ratio_table(all_measured: Sequence[Measured]) -> str:
    found = {(each.database, each.operation, each.peer): each for each in ratios(all_measured)}
    lines = [_row("operation", *(TITLES[peer] for peer in _PEERS)), _row("---", *("--:" for _ in _PEERS))]
    for database, operation in TARGETS:
        cells = []
        for peer in _PEERS:
            ratio = found.get((database, operation, peer))
            text = "" if ratio is None else f"{shown(ratio.value)} ({ratio.target:g})"
            cells.append(f"**{text}** missed" if ratio is not None and not ratio.met else text)
        if any(cells):
            lines.append(_row(f"{DESCRIPTIONS[operation]}, on {database}", *cells))
    return "\n".join(lines)


def bound_table(all_measured: Sequence[Measured]) -> str:
    lines = [_row("", "measured", "at most", ""), _row("---", "--:", "--:", "---")]
    lines += [
        _row(
            each.what,
            f"{each.value:.3g}{each.unit}",
            f"{each.target:g}{each.unit}",
            "" if each.met else "**missed**",
        )
        for each in bounds(all_measured)
    ]
    return "\n".join(lines)


def missed(all_measured: Sequence[Measured]) -> str:
    lines = [f"- {each}" for each in [*ratios(all_measured), *bounds(all_measured)] if not each.met]
    return "\n".join(lines) or "Nothing."


def _figures(measured: Measured) -> str:
    parts = []
    for operation, rounds in measured.rounds.items():
        lines = [
            f"### {DESCRIPTIONS[operation]}\n",
            _row("", "requests/s", "p50, ms", "p99, ms", "CPU per request, us"),
            _row("---", *["--:"] * 4),
        ]
        for name, found in sorted(rounds.items(), key=lambda each: -each[1].per_second):
            title = f"**{TITLES[name]}**" if name == GATEWAY else TITLES[name]
            figures = (f"{found.per_second:,.0f}", f"{found.p50:.2f}", f"{found.p99:.2f}")
            lines.append(_row(title, *figures, f"{found.cpu_microseconds:,.0f}"))
        parts.append("\n".join(lines))
    if measured.alone:
        lines = ["### A over one connection\n", _row("", "p50, ms", "p99, ms"), _row("---", "--:", "--:")]
        lines += [
            _row(TITLES[kind.name], f"{found.p50:.2f}", f"{found.p99:.2f}")
            for kind in KINDS
            if (found := measured.alone.get(kind.name)) is not None
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def summary(all_measured: Sequence[Measured]) -> str:
    """For the terminal."""
    return f"{ratio_table(all_measured)}\n\n{bound_table(all_measured)}\n\nMissed:\n{missed(all_measured)}"
