"""Runs an operation with graphql-core and from a plan, and tells where they differ."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    execute,
    parse,
)

from gateway.execution import PlanCompiler

# Enough for whatever a failed operation has left behind.
_TICKS_AFTER = 30


@dataclass
class Outcome:
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
        **options: Any,
    ) -> tuple[Outcome, Outcome]:
        """What graphql-core says, and the plan; of several runs of the plan the last one, unless one differs."""
        document = parse(text)
        operation = next(each for each in document.definitions if isinstance(each, OperationDefinitionNode))
        context = make_context()

        async def with_core() -> tuple[bytes, list[GraphQLError]]:
            result = execute(self._schema, document, root_value, context, variables, **options)
            if not isinstance(result, ExecutionResult):
                result = await result
            return encode(result.data), result.errors or []

        expected = await self._outcome(with_core(), context)
        plan = self._compiler.compile(document, operation)
        assert plan is not None
        for _ in range(repeat):
            context = make_context()
            actual = await self._outcome(plan.execute(context, variables, root_value, **options), context)
            if actual != expected:
                break
        return expected, actual

    async def _outcome(self, run: Awaitable[tuple[bytes, list[GraphQLError]]], context: Any) -> Outcome:
        try:
            data, errors = await run
        except asyncio.CancelledError:
            # A future of a loader that two fields wait for, and that was cancelled with one of them.
            data, errors = b"cancelled", []
        for _ in range(_TICKS_AFTER):
            await asyncio.sleep(0)
        causes = [repr(type(error.original_error)) for error in errors]
        return Outcome(data, [error.formatted for error in errors], causes, [*self._trace_of(context)])
