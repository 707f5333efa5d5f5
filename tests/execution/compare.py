"""Runs an operation with graphql-core and from a plan, and tells where they differ."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from graphql import (
    ExecutionResult,
    GraphQLSchema,
    OperationDefinitionNode,
    execute,
    parse,
)

from gateway.execution import Executed, PlanCompiler

# Enough for whatever a failed operation has left behind.
_TICKS_AFTER = 30

_Result = ExecutionResult | Executed


@dataclass
class Outcome:
    at_once: bool
    data: bytes
    errors: list[Any]
    causes: list[str]
    trace: list[Any]


def encode(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        # An integer over 64 bits.
        return json.dumps(value, separators=(",", ":"), default=repr).encode()


class Comparison:
    """Of one schema. `make_context` makes a context for each run; the same one twice must act the same."""

    def __init__(self, schema: GraphQLSchema, trace_of: Callable[[Any], list[Any]] = lambda _: []) -> None:
        self._schema = schema
        self._compiler = PlanCompiler(schema, encode)
        self._trace_of = trace_of

    async def run(
        self,
        text: str,
        variables: dict[str, Any],
        make_context: Callable[[], Any],
        root_value: Any = None,
        *,
        repeat: int = 1,
        cancel_after: int | None = None,
        **options: Any,
    ) -> tuple[Outcome, Outcome]:
        """What graphql-core says, and the plan; of several runs of the plan the last one, unless one differs.

        `cancel_after` is a number of turns of the loop.
        """
        document = parse(text)
        operation = next(each for each in document.definitions if isinstance(each, OperationDefinitionNode))
        context = make_context()

        with_core = partial(execute, self._schema, document, root_value, context, variables, **options)
        expected = await self._outcome(with_core, context, cancel_after)
        plan = self._compiler.compile(document, operation)
        assert plan is not None
        for _ in range(repeat):
            context = make_context()
            with_plan = partial(plan.start, context, variables, root_value, **options)
            actual = await self._outcome(with_plan, context, cancel_after)
            if actual != expected:
                break
        return expected, actual

    async def _outcome(
        self, start: Callable[[], _Result | Awaitable[_Result]], context: Any, cancel_after: int | None
    ) -> Outcome:
        result = start()
        at_once = isinstance(result, _Result)
        try:
            if not isinstance(result, _Result):
                result = await _cancelled(result, cancel_after)
            data, errors = result.data if isinstance(result, Executed) else encode(result.data), result.errors or []
        except asyncio.CancelledError:
            # Or a future of a loader that two fields wait for, and that was cancelled with one of them.
            data, errors = b"cancelled", []
        for _ in range(_TICKS_AFTER):
            await asyncio.sleep(0)
        causes = [repr(type(error.original_error)) for error in errors]
        return Outcome(at_once, data, [error.formatted for error in errors], causes, [*self._trace_of(context)])


async def _cancelled(result: Awaitable[_Result], after: int | None) -> _Result:
    if after is None:
        return await result
    task = asyncio.ensure_future(result)
    for _ in range(after):
        await asyncio.sleep(0)
    task.cancel()
    return await task
