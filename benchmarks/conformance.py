"""`make conformance`: how the service does at all that `/graphql` promises, as one table.

Writes it to docs/conformance.md too. Exits with 1 where something is not as promised.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import click
import uvloop

from benchmarks import bombs
from benchmarks.fuzz import fuzz
from benchmarks.service import Service, running_service
from tests.clients.service import FOLDER as CLIENTS_FOLDER
from tests.clients.service import open_clients
from tests.clients.test_clients import BEHAVIOURS
from tests.databases import SQLiteServer
from tests.http.audits import NODE_FOLDER, run_audits
from tests.http.malformed import CORPUS
from tests.http.malformed.exchange import findings

_PAGE: Final = Path(__file__).parents[1] / "docs" / "conformance.md"
_INTRODUCTION: Final = """# Conformance

`make conformance` writes this page: how the service does at what others are measured by. Times are CPU, of the machine that wrote it.

- The audits are those of the npm package `graphql-http`, all that the specification says MUST, SHOULD or MAY.
- Malformed and generated requests must each be answered: JSON, the right status, no 5xx, and no connection that is closed without a word.
- A document over a limit must be refused within 20 ms at 10 kB, and within 100 ms at 1 MiB. One within the limits must not cost more than 3 times what an ordinary one of its size does.

"""
_SEED: Final = 1


class Row(NamedTuple):
    check: str
    result: str
    is_good: bool


async def _audits(service: Service) -> Row:
    node = shutil.which("node")
    for folder in (NODE_FOLDER, CLIENTS_FOLDER):
        if node is None or not (folder / "node_modules").is_dir():
            raise click.ClickException(f"Node and its packages are needed: npm ci --prefix {folder}")
    assert node is not None
    audits = await run_audits(Path(node), f"http://127.0.0.1:{service.port}/graphql")
    passed = sum(audit["status"] == "ok" for audit in audits)
    return Row("Audits of `graphql-http`", f"{passed} of {len(audits)} pass", passed == len(audits))


async def _corpus(service: Service) -> Row:
    passed = 0
    for row in CORPUS:
        passed += not await findings(service.port, row)
    return Row("Malformed requests", f"{passed} of {len(CORPUS)} answered as they must be", passed == len(CORPUS))


async def _fuzz(service: Service, requests: int) -> Row:
    report = await fuzz(service, range(requests), _SEED)
    return Row("Generated requests", f"{report.tried.total():,} sent, {report.findings} findings", not report.findings)


def _bombs() -> list[Row]:
    rows = []
    results = [result for result in bombs.run() if result.kind != bombs.ORDINARY]
    for size in sorted({result.size for result in results}):
        of_size = [result for result in results if result.size == size]
        refused = [result for result in of_size if result.cost.is_refused_early]
        others = [result for result in of_size if not result.cost.is_refused_early]
        worst = max(refused, key=lambda result: result.cost.milliseconds)
        is_good = not any(result.is_too_slow for result in refused)
        text = f"{len(refused)} kinds, at most {worst.cost.milliseconds:.1f} ms ({worst.kind})"
        rows.append(Row(f"Documents over a limit, {size:,} bytes", text, is_good))
        worst = max(others, key=lambda result: result.times)
        is_good = not any(result.is_too_slow for result in others)
        text = f"{len(others)} kinds, at most {worst.times:.1f} times an ordinary one ({worst.kind})"
        rows.append(Row(f"Documents within the limits, {size:,} bytes", text, is_good))
    return rows


async def _clients() -> Row:
    with TemporaryDirectory() as folder:
        # It makes its template in a loop of its own.
        sqlite = await asyncio.to_thread(SQLiteServer, Path(folder))
        async with open_clients(sqlite, Path(folder), list(BEHAVIOURS)) as clients:
            outcomes = [await clients.outcomes(client) for client in BEHAVIOURS]
    passed = sum(failure is None for outcome in outcomes for failure in outcome.values())
    total = sum(map(len, BEHAVIOURS.values()))
    names = ", ".join(BEHAVIOURS)
    return Row(f"Clients from npm ({names})", f"{passed} of {total} behaviours as they must be", passed == total)


async def _over_http(requests: int) -> list[Row]:
    async with running_service() as service:
        rows = [await _audits(service), await _corpus(service), await _fuzz(service, requests)]
    return [*rows, await _clients()]


@click.command(help=__doc__)
@click.option("--requests", default=50_000, help="How many are generated.")
def main(requests: int) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        rows = runner.run(_over_http(requests))
    rows += _bombs()
    lines = ["| check | result |", "| --- | --- |", *(f"| {row.check} | {row.result} |" for row in rows)]
    click.echo("\n".join(lines))
    _PAGE.write_text(_INTRODUCTION + "\n".join(lines) + "\n")
    sys.exit(0 if all(row.is_good for row in rows) else 1)


if __name__ == "__main__":
    main()
