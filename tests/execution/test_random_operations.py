"""Plans and graphql-core answer random operations alike. `make plan-proof` does the same for many more."""

from __future__ import annotations

import pytest

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
