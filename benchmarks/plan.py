"""What executing from a plan costs next to graphql-core's `execute`, in one process and in turn.

On the service's own schema with storage in memory, so that almost all the time is execution and
resolvers. Times are those of the process: what the other processes of the machine do counts little.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Final

import click
import orjson
import uvloop
from graphql import ExecutionResult, OperationDefinitionNode, execute, parse, validate

from gateway.execution import PlanCompiler
from schema.schema import build_schema
from tests.execution.memory import make_context, make_services

_LIST: Final = "{ edges { cursor node { id type protocol path createdAt updatedAt } } pageInfo { hasNextPage endCursor } totalCount }"
OPERATIONS: Final = {
    "A, list": f'{{ persistedFolders(projectId: "1") {_LIST} }}',
    "B, upsert": 'mutation($path: String!) { upsertPersistedFolder(input: {type: HOME, path: $path, projectId: "1"})'
    " { created persistedFolder { id type protocol path createdAt updatedAt } userErrors { code field message } } }",
    "C, dashboard by aliases": "{ "
    + " ".join(
        f'e{n}{surface.lower()}: persistedFolders(environmentId: "{n}", surface: {surface}) {_LIST}'
        for n in range(1, 11)
        for surface in ("WEB", "DESKTOP")
    )
    + " }",
    "C, dashboard by nesting": "{ viewer { environments(first: 10) { nodes { id web: persistedFolders "
    + _LIST
    + " desktop: persistedFolders(surface: DESKTOP) "
    + _LIST
    + " } } } }",
}


async def _measure(text: str, rounds: int, seconds: float) -> None:
    schema = build_schema()
    compiler = PlanCompiler(schema)
    document = parse(text)
    assert not validate(schema, document)
    operation = next(each for each in document.definitions if isinstance(each, OperationDefinitionNode))
    variables = {"path": "a/b"}
    services = make_services()
    started = time.process_time()
    plan = compiler.compile(document, operation)
    assert plan is not None
    first = await plan.execute(make_context(services=services), variables)
    cold = time.process_time() - started
    started = time.process_time()
    again = compiler.compile(document, operation)
    assert again is not None
    await again.execute(make_context(services=services), variables)
    warm = time.process_time() - started

    async def with_core() -> bytes:
        result = execute(schema, document, context_value=make_context(services=services), variable_values=variables)
        if not isinstance(result, ExecutionResult):
            result = await result
        return orjson.dumps(result.data)

    async def from_plan() -> bytes:
        return (await plan.execute(make_context(services=services), variables)).data

    assert await with_core() == await from_plan() == first.data or "created" in text
    times: dict[str, list[float]] = {"core": [], "plan": []}
    for _ in range(rounds):
        times["core"].append(await _time(with_core, seconds))
        times["plan"].append(await _time(from_plan, seconds))
    core, plan_time = (statistics.median(each) * 1e6 for each in times.values())
    click.echo(
        f"graphql-core {core:7.0f} us   plan {plan_time:7.0f} us   ratio {core / plan_time:5.2f}"
        f"   first run {cold * 1e3:5.1f} ms, of the same shape {warm * 1e3:5.1f} ms"
    )


async def _time(run: Callable[[], Awaitable[bytes]], seconds: float) -> float:
    gc.collect()
    count = 0
    started = time.process_time()
    while (spent := time.process_time() - started) < seconds:
        for _ in range(10):
            await run()
        count += 10
    return spent / count


async def _main(rounds: int, seconds: float) -> None:
    gc.freeze()
    for name, text in OPERATIONS.items():
        click.echo(f"{name:25} ", nl=False)
        await _measure(text, rounds, seconds)


@click.command(help=__doc__)
@click.option("--rounds", default=7)
@click.option("--seconds", default=0.3, help="For each round and executor.")
def main(rounds: int, seconds: float) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(rounds, seconds))


if __name__ == "__main__":
    main()
