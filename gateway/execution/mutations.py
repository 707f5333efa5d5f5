"""The root of a mutation, whose fields run one after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import CoroutineType
from typing import Any, TypeAlias

from graphql import GraphQLObjectType

from gateway.execution.fields import Field
from gateway.execution.objects import Execute
from gateway.execution.run import Json, ResponsePath, Run
from gateway.execution.runners import RunField, make_runner
from gateway.execution.selections import Condition

_Step: TypeAlias = tuple[str, RunField | None, Condition]


def write_serial_executor(parent_type: GraphQLObjectType, fields: Sequence[tuple[Field | str, Condition]]) -> Execute:
    """For the fields of a mutation: each starts when the one before it has finished."""
    steps: list[_Step] = [
        (field, None, condition) if isinstance(field, str) else (field.key, make_runner(field), condition)
        for field, condition in fields
    ]

    def execute(run: Run, source: Any, path: ResponsePath) -> Json:
        result: dict[str, Json] = {}
        remaining = iter(steps)
        for key, run_field, condition in remaining:
            if is_met(run, condition):
                value = parent_type.name if run_field is None else run_field(run, path, source)
                if type(value) is CoroutineType:
                    return execute_rest(run, source, path, result, key, value, remaining)
                result[key] = value
        return result

    async def execute_rest(
        run: Run,
        source: Any,
        path: ResponsePath,
        result: dict[str, Json],
        key: str,
        value: Any,
        remaining: Iterator[_Step],
    ) -> Json:
        result[key] = await value
        for next_key, run_field, condition in remaining:
            if is_met(run, condition):
                value = parent_type.name if run_field is None else run_field(run, path, source)
                result[next_key] = await value if type(value) is CoroutineType else value
        return result

    def is_met(run: Run, condition: Condition) -> bool:
        return all(run.coerced[name] is wanted for name, wanted in condition)

    return execute
