"""What the benchmarks make of their figures. Nothing is measured here."""

from __future__ import annotations

from datetime import date
from xml.etree import ElementTree as ET

import pytest

from benchmarks.bench.chart import draw
from benchmarks.bench.databases import POSTGRESQL
from benchmarks.bench.operations import Operation, essence
from benchmarks.bench.report import missed, ratio_table, render
from benchmarks.bench.results import Measured, bounds, median_of, ratios
from benchmarks.bench.servers import GATEWAY, HANDWRITTEN, MERCURIUS
from benchmarks.bench.wrk import Round
from benchmarks.instructions import verdict
from benchmarks.plan import OPERATIONS, ways


def _round(per_second: float, p50: float = 1.0, p99: float = 2.0) -> Round:
    return Round(count=10, per_second=per_second, p50=p50, p99=p99, cpu_microseconds=100.0)


def _measured() -> Measured:
    rounds = {GATEWAY: _round(8000), MERCURIUS: _round(4000), HANDWRITTEN: _round(10_000)}
    return Measured(POSTGRESQL, rounds={Operation.A: rounds, Operation.C: rounds})


def test_the_median_is_of_each_figure_by_itself() -> None:
    found = median_of([_round(10, 3, 7), _round(30, 1, 9), _round(20, 2, 8)])
    assert found == _round(20, 2, 8)._replace(count=30)


def test_ratios_are_of_the_service_to_its_peers() -> None:
    found = {(each.operation, each.peer): (each.value, each.met) for each in ratios([_measured()])}
    assert found == {
        (Operation.A, MERCURIUS): (2.0, True),
        (Operation.A, HANDWRITTEN): (0.8, False),
        (Operation.C, MERCURIUS): (2.0, True),
        (Operation.C, HANDWRITTEN): (0.8, False),
    }


def test_what_is_missed_is_said() -> None:
    measured = _measured()
    assert missed([measured]).count("\n") == 1
    row = next(line for line in ratio_table([measured]).splitlines() if line.startswith("| A, list, on PostgreSQL"))
    assert row == "| A, list, on PostgreSQL | 2.00 (1.6) | **0.80 (0.9)** missed |  |  |"
    measured.rounds = {Operation.A: {GATEWAY: _round(10), MERCURIUS: _round(5)}}
    assert missed([measured]) == "Nothing."


def test_bounds_hold_up_to_their_targets() -> None:
    measured = _measured()
    measured.alone = {GATEWAY: _round(1, p50=0.3), HANDWRITTEN: _round(1, p50=0.2)}
    measured.starts = [1.0, 9.0, 1.2]
    assert [(each.value, each.met) for each in bounds([measured])] == [
        (2.0, True),
        (2.0, True),
        (pytest.approx(1.5), False),
        (1.2, True),
    ]


def test_the_report_holds_the_note_and_every_figure() -> None:
    text = render([_measured()], rounds=5, seconds=2, machine=["A machine"], note="Alone.", day=date(2026, 1, 2))
    assert "Measured on 2026-01-02. Alone.\n\n- A machine\n" in text
    assert "| **This service** | 8,000 | 1.00 | 2.00 | 100 |" in text


def test_the_chart_is_xml_with_a_bar_for_each_server() -> None:
    root = ET.fromstring(draw(_measured()))
    widths = [int(bar.attrib["width"]) for bar in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert widths == [510, 408, 204, 510, 408, 204]


def test_answers_differ_in_cursors_only() -> None:
    def answer(cursor: str, end: str, path: str = "a") -> bytes:
        text = '{"data":{"l":{"edges":[{"cursor":"%s","node":{"path":"%s"}}],"pageInfo":{"hasNextPage":false,"endCursor":"%s"},"totalCount":1}}}'
        return (text % (cursor, path, end)).encode()

    assert essence(Operation.A, answer("x", "x")) == essence(Operation.A, answer("y", "y"))
    assert essence(Operation.A, answer("x", "x")) != essence(Operation.A, answer("x", "x", path="b"))
    with pytest.raises(ValueError, match="cursors"):
        essence(Operation.A, answer("x", "y"))
    with pytest.raises(ValueError, match="errors"):
        essence(Operation.A, b'{"data": {}, "errors": [{"message": "no"}]}')


def test_a_tenth_more_instructions_are_allowed() -> None:
    assert verdict(1_100_000, 1_000_000) is None
    assert verdict(500_000, 1_000_000) is None
    problem = verdict(1_100_001, 1_000_000)
    assert problem is not None
    assert "10% more" in problem
    assert "RECORD=1" in problem


@pytest.mark.parametrize("name", OPERATIONS)
async def test_what_is_timed_beside_a_plan_answers_as_it_does(name: str) -> None:
    runs = ways(name)
    # An upsert creates what the others overwrite.
    await runs["first"]()
    answers = {await run() for run in runs.values()}
    assert len(answers) == 1
    # Not that all fail.
    assert b"a/" in answers.pop()
