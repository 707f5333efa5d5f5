"""Many at once, and death in the middle: one folder per environment, user, surface and type, whole or not there."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession
from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.storage.engine import POSTGRESQL, Database, DatabaseConfig
from gateway.storage.tables import folders
from gateway.storage.workspace import LoadReport, load_workspace
from gateway.workspace import parse_workspace
from tests.conftest import Serve
from tests.databases import WORKSPACE, DatabaseServer
from tests.drivers import Answer, Driver, GraphQLDriver, Place, RestDriver
from tests.keys import ADA, GRACE
from tests.patience import PATIENCE_SECONDS, PATIENT
from tests.processes import environment

_HERE = Place("environment", "1")


async def _rows(database: Database) -> list[Row[Any]]:
    return await database.fetch(select(folders).order_by(folders.c.type))


async def test_200_upserts_of_one_folder_leave_one_row(serve: Serve, database: Database) -> None:
    # Two instances, so that nothing is settled by what one process remembers.
    async with serve() as one, serve() as other:
        graphql, rest = GraphQLDriver(one), RestDriver(other)
        results = await asyncio.gather(
            *(graphql.upsert_and_tell(ADA, _HERE, "web", {"type": "home", "path": f"g{n}"}) for n in range(100)),
            *(rest.upsert(ADA, _HERE, "web", {"type": "home", "path": f"r{n}"}) for n in range(100)),
        )
        answers = [result if isinstance(result, Answer) else result[0] for result in results]
        told_created = sum(1 for result in results if not isinstance(result, Answer) and result[1])
        # REST does not tell; its answer shows a new row by equal times.
        new = [answer for answer in answers if answer.folder.created_at == answer.folder.updated_at]
        (row,) = await _rows(database)
        assert {answer.folder.id for answer in answers} == {str(row.id) for row in await _rows(database)}
        assert len(new) == 1
        assert told_created == (new[0].folder.path.startswith("g"))
        last = max(answers, key=lambda answer: answer.folder.updated_at)
        assert row.path == last.folder.path
        # Each write got a time of its own.
        assert len({answer.folder.updated_at for answer in answers}) == 200


async def test_exactly_one_of_many_is_told_that_it_created(client: ClientSession) -> None:
    driver = GraphQLDriver(client)
    results = await asyncio.gather(
        *(driver.upsert_and_tell(ADA, _HERE, "web", {"type": "home", "path": str(n)}) for n in range(200))
    )
    assert Counter(created for _, created in results) == {True: 1, False: 199}


async def test_batches_in_any_order_do_not_deadlock(client: ClientSession, database: Database) -> None:
    driver = GraphQLDriver(client)
    types = ["home", "pinned", "custom_products"]
    answers = await asyncio.gather(
        *(
            driver.upsert_all(
                ADA, _HERE, "web", [{"type": each, "path": f"{n}"} for each in types[n % 3 :] + types[: n % 3]]
            )
            for n in range(60)
        )
    )
    assert {answer.status for answer in answers} == {200}
    # All three are of the same batch: none was half done.
    rows = await _rows(database)
    assert len(rows) == 3
    assert len({row.path for row in rows}) == 1


async def test_changes_to_a_taken_type_conflict(client: ClientSession, database: Database) -> None:
    drivers: list[Driver] = [RestDriver(client), GraphQLDriver(client)]
    ids = [
        (await drivers[0].upsert(ADA, _HERE, "web", {"type": each})).folder.id for each in ("home", "custom_products")
    ]
    answers = await asyncio.gather(
        *(
            drivers[n % 2].update(ADA, _HERE, "web", ids[n // 2 % 2], {"type": "pinned", "path": str(n)})
            for n in range(80)
        )
    )
    conflict = Answer(409, "conflict", "A pinned folder already exists here.", "type")
    winners = {answer.folder.id for answer in answers if answer.status == 200}
    assert len(winners) == 1
    assert [answer for answer in answers if answer.status != 200] == [conflict] * 40
    rows = {str(row.id): row.type for row in await _rows(database)}
    (winner,) = winners
    assert rows[winner] == "pinned"
    assert sorted(rows.values()) in (["custom_products", "pinned"], ["home", "pinned"])


async def test_two_folders_that_swap_types_never_fail_otherwise(client: ClientSession, database: Database) -> None:
    driver = RestDriver(client)
    home = (await driver.upsert(ADA, _HERE, "web", {"type": "home"})).folder.id
    pinned = (await driver.upsert(ADA, _HERE, "web", {"type": "pinned"})).folder.id
    for _ in range(10):
        answers = await asyncio.gather(
            driver.update(ADA, _HERE, "web", home, {"type": "pinned"}),
            driver.update(ADA, _HERE, "web", pinned, {"type": "home"}),
        )
        assert [answer.error for answer in answers] == [(409, "conflict")] * 2
    assert [row.type for row in await _rows(database)] == ["home", "pinned"]


async def test_one_of_many_deletes_finds_the_folder(client: ClientSession) -> None:
    drivers: list[Driver] = [RestDriver(client), GraphQLDriver(client)]
    folder_id = (await drivers[0].upsert(ADA, _HERE, "web", {"type": "home"})).folder.id
    answers = await asyncio.gather(*(drivers[n % 2].delete(ADA, _HERE, "web", folder_id) for n in range(40)))
    assert Counter(answer.error for answer in answers) == {(200, None): 1, (404, "not_found"): 39}


async def test_a_request_after_a_write_sees_it(serve: Serve) -> None:
    async with serve() as one, serve() as other:
        writer, reader = RestDriver(one), GraphQLDriver(other)
        for n in range(40):
            written = await writer.upsert(ADA, _HERE, "web", {"type": "home", "path": str(n)})
            assert (await reader.list(ADA, _HERE, "web")).folders == written.folders


@asynccontextmanager
async def _process(url: str, *arguments: str, stdin: bytes | None = None) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        *arguments,
        env=environment({**PATIENT, "database_url": url, "port": 0, "log_level": "info"}),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def _server(url: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, ClientSession]]:
    """`gateway serve` in a process of its own."""
    async with _process(url, "serve") as process:
        assert process.stderr is not None
        async for line in process.stderr:
            event = json.loads(line)
            if event["event"] == "serving":
                break
        else:
            pytest.fail("gateway serve ended before it served")
        drain = asyncio.create_task(_drain(process.stderr))
        try:
            async with ClientSession(event["address"]) as client:
                yield process, client
        finally:
            drain.cancel()
            with suppress(asyncio.CancelledError):
                await drain


async def _drain(stream: asyncio.StreamReader) -> None:
    # A full pipe would stop the server.
    while await stream.read(65536):
        pass


async def test_two_processes_write_one_database(database_url: str, database: Database) -> None:
    async with _server(database_url) as (_, one), _server(database_url) as (_, other):
        drivers = [RestDriver(one), GraphQLDriver(other)]
        answers = await asyncio.gather(
            *(
                drivers[n % 2].upsert(key, _HERE, "web", {"type": each, "path": str(n)})
                for n in range(60)
                for key in (ADA, GRACE)
                for each in ("home", "pinned")
            )
        )
    assert {answer.error for answer in answers} == {(200, None)}
    assert len(await _rows(database)) == 4


async def test_killed_in_the_middle_of_upserts(database_url: str, database: Database) -> None:
    """What was answered is there, whole; what was not is there whole or not at all; and it starts again."""
    acknowledged: dict[tuple[str, str], int] = {}
    sent: dict[tuple[str, str], int] = {}
    for life in range(3):
        async with _server(database_url) as (process, client):
            enough = asyncio.Event()
            work = [
                asyncio.create_task(_hammer(client, key, each, life * 100_000, sent, acknowledged, enough))
                for key in (ADA, GRACE)
                for each in ("home", "pinned", "custom_products")
            ]
            await asyncio.wait_for(enough.wait(), PATIENCE_SECONDS)
            process.send_signal(signal.SIGKILL)
            await asyncio.gather(*work)
            assert await process.wait() == -signal.SIGKILL
        rows = await database.fetch(
            text("SELECT email, type, protocol, path FROM persisted_folders JOIN users ON users.id = user_id")
        )
        stored = {}
        for row in rows:
            number = int(row.path.split("-")[0])
            # Protocol and path are of one request, to the last character.
            assert row.path == f"{number}-" + "x" * 2000
            assert row.protocol == f"p{number}://"
            stored[ADA if row.email.startswith("ada") else GRACE, row.type] = number
        assert len(stored) == len(rows)
        assert stored.keys() >= acknowledged.keys()
        for slot, number in stored.items():
            assert acknowledged.get(slot, 0) <= number <= sent[slot]
    async with _server(database_url) as (process, client):
        answer = await RestDriver(client).upsert(ADA, _HERE, "web", {"type": "home", "path": "again"})
        assert answer.folder.path == "again"
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == 0


async def _hammer(
    client: ClientSession,
    key: str,
    folder_type: str,
    start: int,
    sent: dict[tuple[str, str], int],
    acknowledged: dict[tuple[str, str], int],
    enough: asyncio.Event,
) -> None:
    """Upserts with a number that grows, until the server is gone."""
    driver: Driver = RestDriver(client) if folder_type == "home" else GraphQLDriver(client)
    number = start
    while True:
        number += 1
        fields = {"type": folder_type, "protocol": f"p{number}://", "path": f"{number}-" + "x" * 2000}
        sent[key, folder_type] = number
        try:
            answer = await driver.upsert(key, _HERE, "web", fields)
        except (ClientError, OSError):
            return
        assert answer.status == 200, answer
        acknowledged[key, folder_type] = number
        if number - start == 20:
            enough.set()


async def _outcomes(url: str, count: int, *arguments: str, stdin: bytes | None = None) -> list[tuple[int | None, str]]:
    """Exit code and output of that many at once."""
    async with AsyncExitStack() as stack:
        processes = [await stack.enter_async_context(_process(url, *arguments)) for _ in range(count)]
        outputs = await asyncio.gather(*(process.communicate(stdin) for process in processes))
    return [(process.returncode, (out + err).decode()) for process, (out, err) in zip(processes, outputs, strict=True)]


async def test_migrations_at_once(database_server: DatabaseServer) -> None:
    url = database_server.create_empty()
    outcomes = await _outcomes(url, 4, "migrate")
    told = Counter(output.split()[0] for _, output in outcomes)
    assert told == {"Applied": 1, "Nothing": 3}, outcomes
    assert {code for code, _ in outcomes} == {0}
    database_server.drop(url)


async def test_a_load_waits_for_another(database: Database, database_url: str) -> None:
    """The limit on statements is for requests."""
    hasty = Database(DatabaseConfig(url=database_url, statement_timeout=0.2))
    is_held = asyncio.Event()

    async def hold(connection: AsyncConnection) -> None:
        await connection.execute(text("UPDATE users SET name = 'Ada L.' WHERE email = 'ada@acme.test'"))
        is_held.set()
        await asyncio.sleep(0.6)

    async def load() -> LoadReport:
        await is_held.wait()
        return await load_workspace(hasty, parse_workspace(WORKSPACE.read_text()), now=0)

    _, report = await asyncio.gather(database.transaction(hold), load())
    assert report.created == 0
    await hasty.close()


async def test_loads_at_once(database_server: DatabaseServer) -> None:
    url = database_server.create_empty()
    ((code, output),) = await _outcomes(url, 1, "migrate")
    assert code == 0, output
    outcomes = await _outcomes(url, 4, "load", "-", stdin=_valueless(json.loads(WORKSPACE.read_text())))
    assert {code for code, _ in outcomes} == {0}, outcomes
    firsts = [output for _, output in outcomes if not output.startswith("Created 0, updated 0.")]
    # Of the keys that the file gives no value, one load makes it and shows it.
    assert len(firsts) == 1
    assert firsts[0].count("shown this once") == 9
    database = Database(DatabaseConfig(url=url))
    rows = await database.fetch(text("SELECT count(*) AS keys, count(DISTINCT hash) AS hashes FROM api_keys"))
    assert tuple(rows[0]) == (9, 9)
    await database.close()
    database_server.drop(url)


def _valueless(workspace: Mapping[str, Any]) -> bytes:
    for key in workspace["api_keys"]:
        del key["value"]
    return json.dumps(workspace).encode()


async def test_a_load_that_is_killed_leaves_nothing(database_url: str, database: Database) -> None:
    for number in itertools.count(1):
        workspace = _large_workspace(number)
        async with _process(database_url, "load", "-") as process:
            assert process.stdin is not None
            process.stdin.write(workspace)
            process.stdin.write_eof()
            if not await _stopped_in_the_middle(process, database):
                # On a busy machine, it can have ended before it is seen there.
                continue
            process.kill()
            assert await process.wait() == -signal.SIGKILL
            break
    rows = await database.fetch(text("SELECT count(*) FROM projects WHERE id >= :first"), {"first": 1000 * number})
    assert rows[0][0] == 0
    ((code, output),) = await _outcomes(database_url, 1, "load", "-", stdin=workspace)
    assert (code, output) == (0, "Created 801, updated 0.\n")


def _large_workspace(number: int) -> bytes:
    ids = range(1000 * number, 1000 * number + 400)
    organization = {
        "id": f"018f0000-0000-7000-8000-{0x900 + number:012x}",
        "name": "Large",
        "projects": [{"id": n, "name": "P", "environments": [{"id": n, "name": "E"}]} for n in ids],
    }
    return json.dumps({"organizations": [organization]}).encode()


async def _stopped_in_the_middle(process: asyncio.subprocess.Process, database: Database) -> bool:
    """Whether it stands still inside its transaction; False where it has ended."""
    while process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGSTOP)
            while not _is_stopped(process.pid):
                pass
            if await _is_loading(database):
                return True
            os.kill(process.pid, signal.SIGCONT)
        await asyncio.sleep(0.01)
    return False


def _is_stopped(pid: int) -> bool:
    """Or has ended."""
    with suppress(FileNotFoundError):
        stats = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/stat")]
        return all(stat.rpartition(")")[2].split()[0] in "TZ" for stat in stats)
    return True


async def _is_loading(database: Database) -> bool:
    """Whether another process is inside its transaction; on PostgreSQL, when what it has sent is done."""
    if database.dialect == POSTGRESQL:
        statement = text(
            "SELECT wait_event FROM pg_stat_activity JOIN pg_locks USING (pid) WHERE locktype = 'advisory' AND granted"
        )
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (found := await database.fetch(statement)) and found[0].wait_event != "ClientRead":
                pass
        return bool(found)
    path = (await database.fetch(text("SELECT file FROM pragma_database_list")))[0].file
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return True
    finally:
        connection.close()
    return False
