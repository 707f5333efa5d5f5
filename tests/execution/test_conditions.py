"""What `@skip` and `@include` decide by variables, and how little is kept of it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from graphql import OperationDefinitionNode, build_schema, execute, parse

from gateway.execution import Plan, PlanCompiler
from tests.execution.compare import Comparison

_SCHEMA = build_schema("type Query { f: Int, person: Person } type Person { age: Int, person: Person }")


def _compiled(text: str, written: list[int]) -> Plan:
    """`written` gets the sizes of what is written while it runs."""
    document = parse(text)
    (operation,) = (each for each in document.definitions if isinstance(each, OperationDefinitionNode))
    plan = PlanCompiler(_SCHEMA).compile(document, operation, written.append)
    assert plan is not None
    return plan


def _declared(count: int) -> str:
    return " ".join(f"$v{n}: Boolean!" for n in range(count))


def _values(count: int, bits: int) -> dict[str, bool]:
    return {f"v{n}": bool(bits >> n & 1) for n in range(count)}


_FIELDS_TWICE = " ".join(f"a{n}: f @include(if: $v{n}) a{n}: f" for n in range(9))
_FRAGMENTS_TWICE = " ".join(f"...F{n} @include(if: $v{n}) ...F{n}" for n in range(9))
_FRAGMENTS = " ".join(f"fragment F{n} on Query {{ b{n}: f }}" for n in range(9))
_ONE_FIELD = " ".join(f"person {{ x{n}: age }} person @include(if: $v{n}) {{ y{n}: age }}" for n in range(9))


@pytest.mark.parametrize(
    "text",
    [
        f"query ({_declared(9)}) {{ {_FIELDS_TWICE} }}",
        f"query ({_declared(9)}) {{ {_FRAGMENTS_TWICE} }} {_FRAGMENTS}",
        f"query ({_declared(9)}) {{ {_ONE_FIELD} }}",
    ],
    ids=["fields", "fragments", "one field"],
)
async def test_of_all_ways_to_merge_fields_64_are_kept(text: str) -> None:
    written: list[int] = []
    plan = _compiled(text, written)
    document = parse(text)
    root = {"f": 1, "person": {"age": 1}}
    for bits in range(512):
        expected: Any = execute(_SCHEMA, document, root, variable_values=_values(9, bits))
        executed = await plan.execute(variable_values=_values(9, bits), root_value=root)
        assert executed.data == orjson.dumps(expected.data)
    first = len(written)
    for bits in range(512):
        await plan.execute(variable_values=_values(9, bits), root_value=root)
    assert len(written) - first >= 512 - 64


@pytest.mark.parametrize(
    "text",
    [
        f"query ({_declared(1000)}) {{ {' '.join(f'a{n}: f @include(if: $v{n}) a{n}: f' for n in range(1000))} }}",
        f"query ({_declared(300)}) {{ ...F0 }} "
        + " ".join(
            f"fragment F{n} on Query {{ a{n}: f ...F{n + 1} @include(if: $v{n}) }}"
            if n < 299
            else f"fragment F{n} on Query {{ a{n}: f @skip(if: $v{n}) }}"
            for n in range(300)
        ),
    ],
    ids=["beside each other", "within each other"],
)
async def test_conditions_of_any_number(text: str) -> None:
    for bits in (0, -1, 0x5A5A5A5A5A5A):
        expected, actual = await Comparison(_SCHEMA).run(text, _values(text.count("Boolean"), bits), dict, {"f": 1})
        assert actual == expected
        assert not actual.errors
