"""What executing from a plan costs next to graphql-core's `execute`, in one process and in turn.

On the service's own schema with storage in memory, so that almost all the time is execution and
resolvers. "By hand" makes the same answer by calling what the resolvers call: what is above that is
execution. Times are those of the process, each the 20th percentile of all rounds: other processes
on the machine make rounds longer, never shorter.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import click
import orjson
import uvloop
from graphql import ExecutionResult, OperationDefinitionNode, execute, parse, validate

from gateway.access import PlaceRef
from gateway.execution import PlanCompiler
from gateway.model import Surface, format_time
from schema.context import Context
from schema.ids import folder_id
from schema.schema import build_schema
from schema.types import folders_in_place
from tests.execution.memory import make_context, make_services

Run = Callable[[], Awaitable[bytes]]

_PLACES: Final = [(str(n), surface) for n in range(1, 11) for surface in Surface]
_LIST: Final = (
    "{ edges { cursor node { id type protocol path createdAt updatedAt } } "
    "pageInfo { hasNextPage endCursor } totalCount }"
)
_ALIASES: Final = " ".join(
    f'e{n}{surface}: persistedFolders(environmentId: "{n}", surface: {surface.name}) {_LIST}' for n, surface in _PLACES
)
OPERATIONS: Final = {
    "A, list": f'{{ persistedFolders(environmentId: "1") {_LIST} }}',
    "B, upsert": 'mutation($path: String!) { upsertPersistedFolder(input: {type: HOME, path: $path, projectId: "1"})'
    " { created persistedFolder { id type protocol path createdAt updatedAt } userErrors { code field message } } }",
    "C, dashboard by aliases": f"{{ {_ALIASES} }}",
    "C, dashboard by nesting": "{ viewer { environments(first: 10) { nodes { id web: persistedFolders "
    + _LIST
    + " desktop: persistedFolders(surface: DESKTOP) "
    + _LIST
    + " } } } }",
}


async def _list_by_hand(context: Context, number: str, surface: Surface) -> dict[str, Any]:
    place = PlaceRef(number, is_project=False)
    page = await folders_in_place(context, "Query.persistedFolders", place, surface, None, None, None, None, None)
    edges = []
    for cursor, folder in page.edges:
        node = {
            "id": folder_id(folder.id),
            "type": folder.type.name,
            "protocol": folder.protocol,
            "path": folder.path,
            "createdAt": format_time(folder.created_at),
            "updatedAt": format_time(folder.updated_at),
        }
        edges.append({"cursor": cursor, "node": node})
    page_info = {"hasNextPage": page.has_next_page, "endCursor": page.end_cursor}
    return {"edges": edges, "pageInfo": page_info, "totalCount": page.total_count}


async def _a_by_hand(context: Context) -> bytes:
    return orjson.dumps({"persistedFolders": await _list_by_hand(context, "1", Surface.WEB)})


async def _c_by_hand(context: Context) -> bytes:
    lists = await asyncio.gather(*(_list_by_hand(context, *place) for place in _PLACES))
    return orjson.dumps({f"e{n}{surface}": each for (n, surface), each in zip(_PLACES, lists, strict=True)})


_BY_HAND: Final = {"A, list": _a_by_hand, "C, dashboard by aliases": _c_by_hand}


def ways(name: str) -> dict[str, Run]:
    """The ways to answer one operation, which all answer alike."""
    schema, services = build_schema(), make_services()
    compiler = PlanCompiler(schema)
    document = parse(OPERATIONS[name])
    assert not validate(schema, document)
    operation = next(each for each in document.definitions if isinstance(each, OperationDefinitionNode))
    plan = compiler.compile(document, operation)
    assert plan is not None
    variables = {"path": "a/b"}

    async def with_core() -> bytes:
        context = make_context(services=services)
        result = execute(schema, document, context_value=context, variable_values=variables)
        return orjson.dumps((result if isinstance(result, ExecutionResult) else await result).data)

    async def from_plan() -> bytes:
        return (await plan.execute(make_context(services=services), variables)).data

    async def first_run() -> bytes:
        compiled = compiler.compile(document, operation)
        assert compiled is not None
        return (await compiled.execute(make_context(services=services), variables)).data

    found: dict[str, Run] = {"plan": from_plan, "core": with_core, "first": first_run}
    by_hand = _BY_HAND.get(name)
    if by_hand is not None:
        found["hand"] = lambda: by_hand(make_context(services=services))
    return found


async def _measure(name: str, rounds: int) -> str:
    runs = ways(name)
    first_run = runs.pop("first")
    # An upsert creates what the others overwrite.
    await first_run()
    times = await _times(runs, rounds)
    # By itself: its garbage would slow the others down.
    times |= await _times({"first": first_run}, rounds // 10)
    core, from_plan = times["core"], times["plan"]
    text = f"graphql-core {core:6.0f} us, plan {from_plan:6.0f} us: {core / from_plan:.1f} times"
    text += f"; making it {times['first'] - from_plan:6.0f} us"
    if "hand" in times:
        own, cores_own = from_plan - times["hand"], core - times["hand"]
        text += f"; by hand {times['hand']:.0f} us, so execution alone {cores_own:.0f} and {own:.0f} us: "
        text += f"{cores_own / own:.0f} times"
    return text


async def _times(runs: dict[str, Run], rounds: int) -> dict[str, float]:
    """In microseconds."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        for name, run in runs.items():
            started = time.process_time()
            for _ in range(3):
                await run()
            found[name].append((time.process_time() - started) / 3)
    return {name: sorted(times)[len(times) // 5] * 1e6 for name, times in found.items()}


async def _main(rounds: int) -> None:
    for name in OPERATIONS:
        click.echo(f"{name:24} {await _measure(name, rounds)}")


@click.command(help=__doc__)
@click.option("--rounds", default=300)
def main(rounds: int) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(rounds))


if __name__ == "__main__":
    main()
