"""What was measured, and what was to be reached."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from benchmarks.bench.databases import POSTGRESQL, SQLITE
from benchmarks.bench.operations import DESCRIPTIONS, Operation
from benchmarks.bench.servers import GATEWAY, HANDWRITTEN, MERCURIUS, REST_FRAMEWORK, STRAWBERRY, TITLES
from benchmarks.bench.wrk import Round

# How many times the requests per second of each peer the service is to serve.
TARGETS: Final[Mapping[tuple[str, Operation], Mapping[str, float]]] = {
    (POSTGRESQL, Operation.A): {MERCURIUS: 1.6, HANDWRITTEN: 0.9, STRAWBERRY: 40},
    (POSTGRESQL, Operation.B): {MERCURIUS: 1.15, HANDWRITTEN: 0.9, STRAWBERRY: 35},
    (POSTGRESQL, Operation.C): {MERCURIUS: 1.7, HANDWRITTEN: 1.5, STRAWBERRY: 55},
    (POSTGRESQL, Operation.C_NESTED): {MERCURIUS: 1.7, HANDWRITTEN: 1.5, STRAWBERRY: 55},
    (POSTGRESQL, Operation.R_LIST): {HANDWRITTEN: 0.9, REST_FRAMEWORK: 25},
    (POSTGRESQL, Operation.R_CREATE): {HANDWRITTEN: 0.9, REST_FRAMEWORK: 25},
    (SQLITE, Operation.A): {MERCURIUS: 1.1, HANDWRITTEN: 0.9, STRAWBERRY: 60},
    (SQLITE, Operation.B): {MERCURIUS: 1.1, HANDWRITTEN: 0.9, STRAWBERRY: 45},
    (SQLITE, Operation.C): {MERCURIUS: 1.0, HANDWRITTEN: 0.9, STRAWBERRY: 40},
    (SQLITE, Operation.C_NESTED): {MERCURIUS: 1.0, HANDWRITTEN: 0.9, STRAWBERRY: 40},
    (SQLITE, Operation.R_LIST): {HANDWRITTEN: 0.9},
    (SQLITE, Operation.R_CREATE): {HANDWRITTEN: 0.9},
}
_MOST_P99_TO_P50: Final = 3.0
_MOST_ALONE: Final = 1.2
_MOST_MEMORY: Final = 120e6
_MOST_SECONDS_TO_START: Final = 1.5
_MOST_OF_WORKERS: Final = 1.05


@dataclass
class Measured:
    """Of one database; medians over the rounds, by server."""

    database: str
    rounds: dict[Operation, dict[str, Round]] = field(default_factory=dict)
    # Over one connection.
    alone: dict[str, Round] = field(default_factory=dict)
    memory: int = 0
    memory_requests: int = 0
    starts: list[float] = field(default_factory=list)
    # The list operation with one worker; and with two on the one core, which share its connections, or have as many each.
    workers: tuple[Round, Round, Round] | None = None


class Ratio(NamedTuple):
    database: str
    operation: Operation
    peer: str
    value: float
    target: float

    @property
    def met(self) -> bool:
        return self.value >= self.target

    def __str__(self) -> str:
        where = f"{DESCRIPTIONS[self.operation]}, on {self.database}, against {TITLES[self.peer]}"
        return f"{where}: {shown(self.value)} times, target {self.target:g}"


class Bound(NamedTuple):
    """Something of the service itself, which is to be small."""

    what: str
    value: float
    target: float
    unit: str

    @property
    def met(self) -> bool:
        return self.value <= self.target

    def __str__(self) -> str:
        return f"{self.what}: {self.value:.3g}{self.unit}, at most {self.target:g}{self.unit}"


def median_of(rounds: Sequence[Round]) -> Round:
    """The median of each figure by itself; the count is that of all."""
    fields = {name: statistics.median(getattr(each, name) for each in rounds) for name in Round._fields}
    return Round(**{**fields, "count": sum(each.count for each in rounds)})


def ratios(all_measured: Iterable[Measured]) -> list[Ratio]:
    return [
        Ratio(measured.database, operation, peer, rounds[GATEWAY].per_second / rounds[peer].per_second, target)
        for measured in all_measured
        for operation, rounds in measured.rounds.items()
        for peer, target in TARGETS[measured.database, operation].items()
        if peer in rounds
    ]


def bounds(all_measured: Iterable[Measured]) -> list[Bound]:
    found = []
    for measured in all_measured:
        on = f"on {measured.database}"
        for operation, rounds in measured.rounds.items():
            own = rounds[GATEWAY]
            what = f"p99 next to p50, {DESCRIPTIONS[operation]}, {on}"
            found.append(Bound(what, own.p99 / own.p50, _MOST_P99_TO_P50, " times"))
        if measured.alone:
            times = measured.alone[GATEWAY].p50 / measured.alone[HANDWRITTEN].p50
            what = f"Latency over one connection next to the hand-written handler's, {on}"
            found.append(Bound(what, times, _MOST_ALONE, " times"))
        if measured.memory_requests:
            what = f"Memory after {measured.memory_requests:,} requests with 10,000 documents, {on}"
            found.append(Bound(what, measured.memory / 1e6, _MOST_MEMORY / 1e6, " MB"))
        if measured.starts:
            seconds = statistics.median(measured.starts)
            found.append(Bound(f"Start to first answer, {on}", seconds, _MOST_SECONDS_TO_START, " s"))
        if measured.workers is not None:
            one, shared, each = (turn.cpu_microseconds for turn in measured.workers)
            what = "CPU per request of two workers next to one"
            found.append(Bound(f"{what}, {on}", shared / one, _MOST_OF_WORKERS, " times"))
            found.append(Bound(f"{what}, as many connections for each, {on}", each / one, _MOST_OF_WORKERS, " times"))
    return found


def shown(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2f}"
