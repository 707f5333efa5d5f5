"""What random operations run on: three schemas, each with what its contexts are and what texts it understands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from graphql import GraphQLSchema

from schema.schema import build_schema
from tests.execution import core_schema, memory, strawberry_schema
from tests.execution.compare import Comparison, Outcome
from tests.execution.documents import Operation, OperationMaker

_CANCELLED: Final = 0.1


@dataclass(frozen=True)
class Case:
    schema: GraphQLSchema
    texts: list[Any]
    make_context: Callable[[Random, int], Callable[[], Any]]
    trace_of: Callable[[Any], list[Any]]

    def comparison(self) -> Comparison:
        return Comparison(self.schema, self.trace_of)

    def operation(self, seed: int) -> tuple[Operation, Callable[[], Any], dict[str, Any]]:
        random = Random(seed)
        operation = OperationMaker(self.schema, random, self.texts, depth=4).make()
        options = {
            "hide_suggestions": random.random() < 0.5,
            "max_coercion_errors": random.choice((1, 2, 50)),
            "cancel_after": random.randrange(1, 7) if random.random() < _CANCELLED else None,
        }
        return operation, self.make_context(random, seed), options

    async def compare(self, comparison: Comparison, seed: int) -> tuple[Operation, Outcome, Outcome]:
        operation, make_context, options = self.operation(seed)
        # The second run of a plan finds everything made that the first one makes.
        expected, actual = await comparison.run(operation.text, operation.variables, make_context, repeat=2, **options)
        return operation, expected, actual


def _scene(random: Random, seed: int) -> Callable[[], core_schema.Scene]:
    calm = random.choice((0.5, 0.8, 0.95))
    return lambda: core_schema.Scene(seed, calm)


def _context(random: Random, _seed: int) -> Callable[[], Any]:
    caller = random.choice((memory.FULL_CALLER, memory.FULL_CALLER, memory.CALLER, None))
    return lambda: memory.make_context(caller)


CASES: Final = {
    "graphql-core": Case(core_schema.CORE_SCHEMA, core_schema.TEXTS, _scene, lambda scene: scene.trace),
    "strawberry": Case(
        strawberry_schema.STRAWBERRY_SCHEMA,
        strawberry_schema.TEXTS,
        lambda _random, _seed: strawberry_schema.Diary,
        lambda diary: diary.trace,
    ),
    "service": Case(build_schema(), memory.texts(), _context, lambda _context: []),
}
