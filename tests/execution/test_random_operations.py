"""Plans and graphql-core answer random operations alike. `make plan-proof` does the same for many more."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any
from weakref import ref

import pytest
from graphql import OperationDefinitionNode, execute, parse

from gateway.execution import PlanCompiler
from gateway.execution import plan as plan_module
from tests.execution.cases import CASES

_OPERATIONS = 1000


@pytest.mark.parametrize("name", CASES)
# graphql-core drops what a cancelled sibling had not begun to await, and so do plans.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
async def test_answers_calls_and_errors_are_the_same(name: str) -> None:
    case = CASES[name]
    comparison = case.comparison()
    failures = successes = 0
    for seed in range(_OPERATIONS):
        operation, expected, actual = await case.compare(comparison, seed)
        assert actual == expected, (seed, operation)
        failures += bool(expected.errors)
        successes += expected.data != b"null"
    # Else the operations would prove little.
    assert failures > _OPERATIONS / 20
    assert successes > _OPERATIONS / 4


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.usefixtures("without_collector")
async def test_a_plan_is_gone_with_the_last_who_has_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with_core: list[bool] = []

    def noted(*arguments: Any, **options: Any) -> Any:
        with_core.append(True)
        return execute(*arguments, **options)

    monkeypatch.setattr(plan_module, "execute", noted)
    case = CASES[name]
    compiler = PlanCompiler(case.schema)
    gone = 0
    for seed in range(_OPERATIONS // 5):
        operation, make_context, options = case.operation(seed)
        del options["cancel_after"]
        # Tokens are in a circle of their own.
        document = parse(operation.text, no_location=True)
        node = next(each for each in document.definitions if isinstance(each, OperationDefinitionNode))
        plan = compiler.compile(document, node)
        assert plan is not None
        try:
            executed = await plan.execute(make_context(), operation.variables, **options)
        except asyncio.CancelledError:
            continue
        if executed.errors or with_core:
            # An error knows the frame that raised it, which knows the error. What graphql-core runs is in circles too.
            with_core.clear()
            continue
        kept = ref(node)
        del document, node, plan
        assert kept() is None, operation
        gone += 1
    assert gone > _OPERATIONS / 50
