"""Runs random operations with graphql-core and from plans, and fails where the two differ.

`make plan-proof` runs 100,000, over three schemas. What is compared: the answer's bytes, the errors
with their order, places and causes, whether the answer came at once, and which resolvers were called
in which order; one operation in ten is cancelled while it runs. The same seeds make the same
operations.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
import warnings
from collections import Counter
from typing import Any

import click

from tests.execution.cases import CASES, Case
from tests.execution.compare import Outcome
from tests.execution.documents import Operation

_REPORT_EVERY = 5000


async def _prove(name: str, case: Case, seeds: range) -> bool:
    counts: Counter[str] = Counter()
    started = time.monotonic()
    comparison = case.comparison()
    for number, seed in enumerate(seeds, 1):
        operation, expected, actual = await case.compare(comparison, seed)
        if actual != expected:
            _print_difference(name, seed, operation, expected, actual)
            return False
        counts["with errors"] += bool(expected.errors)
        counts["errors"] += len(expected.errors)
        counts["data is null"] += expected.data == b"null"
        counts["calls compared"] += len(expected.trace)
        counts["bytes"] += len(expected.data)
        counts["with variables"] += bool(operation.variables)
        counts["with fragments"] += "fragment" in operation.text
        counts["with directives"] += "(if: " in operation.text
        counts["mutations"] += operation.text.startswith("mutation")
        if number % _REPORT_EVERY == 0 or number == len(seeds):
            click.echo(f"{name}: {number} alike, {time.monotonic() - started:.0f} s")
    click.echo("   " + ", ".join(f"{count:,} {what}" for what, count in counts.items()))
    return True


def _print_difference(name: str, seed: int, operation: Operation, expected: Outcome, actual: Outcome) -> None:
    click.echo(f"{name}, seed {seed}\n{operation.text}\nvariables: {operation.variables}")
    for what in ("data", "errors", "causes", "trace"):
        if getattr(expected, what) != getattr(actual, what):
            click.echo(f"{what}\n  graphql-core: {getattr(expected, what)}\n  plan:         {getattr(actual, what)}")


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # A loader's future that failed, of a field that was dropped before: on either side nobody reads it.
    if "was never retrieved" not in context["message"]:
        loop.default_exception_handler(context)


async def _main(operations: int, first_seed: int) -> bool:
    # graphql-core drops what a cancelled sibling had not begun to await, and so do plans. Where Python cannot even
    # warn of it, it says that.
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
    sys.unraisablehook = lambda _: None
    asyncio.get_running_loop().set_exception_handler(_report)
    gc.freeze()
    share, rest = divmod(operations, len(CASES))
    for index, (name, case) in enumerate(CASES.items()):
        count = share + (index < rest)
        if not await _prove(name, case, range(first_seed, first_seed + count)):
            return False
    click.echo(f"{operations:,} operations, no difference.")
    return True


@click.command(help=__doc__)
@click.option("--operations", default=100_000)
@click.option("--first-seed", default=1000, help="The tests run those before.")
def main(operations: int, first_seed: int) -> None:
    sys.exit(0 if asyncio.run(_main(operations, first_seed)) else 1)


if __name__ == "__main__":
    main()
