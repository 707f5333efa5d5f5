"""A database that is gone, hung, locked, full or damaged: every request is answered, and in time.

No test here measures a time: each waits for an answer that would not come otherwise.
"""

from __future__ import annotations

import asyncio
import itertools
import resource
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import ClientSession
from sqlalchemy import String, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from gateway.callers import CallerService
from gateway.errors import Unavailable
from gateway.settings import load_settings
from gateway.storage.directory import Directory
from gateway.storage.engine import Database, DatabaseConfig
from gateway.storage.failures import ConstraintViolated, StatementFailed
from tests.conftest import serving
from tests.databases import PostgreSQLServer, SQLiteServer, running_postgresql
from tests.keys import ADA, bearer
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_port
from tests.processes import running

FOLDERS: Final = "/api/projects/1/persisted_folder/"
UPSERT: Final = {
    "query": 'mutation { upsertPersistedFolder(input: {projectId: "1", type: HOME, path: "x"}) { persistedFolder { id } } }'
}
READ: Final = {"query": '{ persistedFolders(projectId: "1") { nodes { id } } }'}
UNAVAILABLE: Final = {
    "type": "server_error",
    "code": "unavailable",
    "detail": "The service is temporarily unavailable.",
    "attr": None,
}
# What stands in the way of an answer for ever is found out after these times.
IMPATIENT: Final = {
    "database_pool_timeout": 0.5,
    "database_connect_timeout": 0.5,
    "database_statement_timeout": 0.5,
    # It would be asked for at the start, with as little patience.
    "cursor_secret": "x" * 32,
}


async def get(client: ClientSession, path: str = FOLDERS) -> tuple[int, Any]:
    async with client.get(path, headers=bearer(ADA)) as response:
        return response.status, await response.json()


async def post(client: ClientSession, path: str = "x") -> tuple[int, Any]:
    async with client.post(FOLDERS, json={"type": "home", "path": path}, headers=bearer(ADA)) as response:
        return response.status, await response.json()


async def change_path(client: ClientSession) -> tuple[int, Any]:
    """Of the folder that `post` saves."""
    async with client.get(FOLDERS, headers=bearer(ADA)) as response:
        (folder,) = (await response.json())["results"]
    async with client.patch(f"{FOLDERS}{folder['id']}/", json={"path": "y"}, headers=bearer(ADA)) as response:
        return response.status, await response.json()


async def graphql(client: ClientSession, document: dict[str, str] = READ) -> tuple[int, Any]:
    async with client.post("/graphql", json=document, headers=bearer(ADA)) as response:
        return response.status, await response.json()


async def assert_serves(client: ClientSession) -> None:
    assert (await get(client))[0] == 200
    assert (await post(client))[0] == 201
    for document in (READ, UPSERT):
        status, answer = await graphql(client, document)
        assert (status, answer.get("errors")) == (200, None), answer
    assert await get(client, "/health/ready") == (200, {"status": "ok"})


async def until_it_serves(client: ClientSession) -> None:
    """For a service so impatient that a busy database, or a busy machine, is too slow for it now and then."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            with suppress(AssertionError):
                await assert_serves(client)
                return


async def assert_unavailable(client: ClientSession) -> None:
    """In both transports at once, several times over."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        rest, written, asked, ready, live = await asyncio.gather(
            asyncio.gather(*(get(client) for _ in range(5))),
            asyncio.gather(*(post(client) for _ in range(5))),
            asyncio.gather(*(graphql(client) for _ in range(5))),
            get(client, "/health/ready"),
            get(client, "/health/live"),
        )
    assert rest == written == [(503, UNAVAILABLE)] * 5
    assert (
        asked
        == [
            (
                503,
                {
                    "errors": [
                        {
                            "message": UNAVAILABLE["detail"],
                            "extensions": {"code": "UNAVAILABLE", "status": 503, "reason": "unavailable"},
                        }
                    ]
                },
            )
        ]
        * 5
    )
    assert ready == (503, {"status": "unavailable"})
    assert live == (200, {"status": "ok"})


@asynccontextmanager
async def holding(url: str, *statements: str) -> AsyncIterator[AsyncConnection]:
    """Another connection in the middle of a transaction that ran `statements`."""
    database = Database(DatabaseConfig(url=url, statement_timeout=PATIENCE_SECONDS))
    release = asyncio.Event()
    begun: asyncio.Future[AsyncConnection] = asyncio.get_running_loop().create_future()

    async def hold(connection: AsyncConnection) -> None:
        for statement in statements:
            await connection.execute(text(statement))
        begun.set_result(connection)
        await release.wait()

    held = asyncio.create_task(database.transaction(hold))
    try:
        yield await begun
    finally:
        release.set()
        await held
        await database.close()


# PostgreSQL


async def waiting_for_a_lock(connection: AsyncConnection, *requests: asyncio.Task[Any]) -> list[int]:
    """The backends that do, when it is one for each request; none where one of these was answered already."""
    statement = text("SELECT pid FROM pg_locks WHERE NOT granted AND relation IS NOT NULL")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not any(request.done() for request in requests):
            found = list((await connection.execute(statement)).scalars())
            if len(found) == len(requests):
                return found
    return []


@pytest.fixture(scope="module")
def fragile() -> Iterator[PostgreSQLServer]:
    """A server of this file's own, to be stopped and hung."""
    with running_postgresql() as server:
        yield server


@pytest.fixture
def fragile_url(fragile: PostgreSQLServer) -> Iterator[str]:
    url = fragile.create()
    yield url
    fragile.drop(url)


async def test_postgresql_that_stops_and_starts_again(fragile: PostgreSQLServer, fragile_url: str) -> None:
    async with serving(load_settings(database_url=fragile_url)) as client:
        await assert_serves(client)
        await asyncio.to_thread(fragile.stop)
        try:
            await assert_unavailable(client)
        finally:
            await asyncio.to_thread(fragile.start)
        await assert_serves(client)


async def test_postgresql_that_hangs_and_goes_on(fragile: PostgreSQLServer, fragile_url: str) -> None:
    async with serving(load_settings(database_url=fragile_url, **IMPATIENT)) as client:
        await until_it_serves(client)
        with fragile.hung():
            await assert_unavailable(client)
            await assert_unavailable(client)
        await until_it_serves(client)


async def test_postgresql_that_hangs_in_the_middle_of_a_statement(fragile: PostgreSQLServer, fragile_url: str) -> None:
    async with serving(load_settings(database_url=fragile_url, database_statement_timeout=2)) as client:
        async with holding(fragile_url, "LOCK TABLE persisted_folders") as other:
            for number in itertools.count():
                # Another document each time: a known one's folders are read ahead.
                document = {"query": f"{READ['query']} # {number}"}
                requests = [
                    asyncio.create_task(request) for request in (get(client), post(client), graphql(client, document))
                ]
                if await waiting_for_a_lock(other, *requests):
                    break
                # On a busy machine, one can be given up before the last has begun.
                await asyncio.gather(*requests)
            with fragile.hung():
                async with asyncio.timeout(PATIENCE_SECONDS):
                    read, written, (status, answer) = await asyncio.gather(*requests)
        assert read == written == (503, UNAVAILABLE)
        # The caller was known by then, so the field fails and not the request.
        assert (status, answer["errors"][0]["extensions"]["code"]) == (200, "UNAVAILABLE")
        await until_it_serves(client)


async def test_a_connection_that_is_given_up_on_is_closed_without_a_complaint(
    fragile: PostgreSQLServer, fragile_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A database that hangs is no mistake of the service's."""
    database = Database(DatabaseConfig(url=fragile_url, statement_timeout=0.5))
    statement = database.prepare(text("SELECT 1"))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not database._connections._idle:
            # On a busy machine, even this can be too slow.
            with suppress(Unavailable):
                await database.read(statement)
        with fragile.hung():
            with pytest.raises(Unavailable):
                await database.read(statement)
            await database.close()
    assert not caplog.records


Forward = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def behind_a_proxy(url: str, forward: Forward) -> AsyncIterator[str]:
    """Another URL of the database: what is sent to it, and what it sends, goes through `forward`."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        folder = url.partition("host=")[2]
        server_reader, server_writer = await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.5432")
        try:
            await asyncio.gather(forward(reader, server_writer), forward(server_reader, writer))
        except ConnectionError:
            # One of the two was reset, which ends the other.
            writer.close()
            server_writer.close()

    proxy = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = proxy.sockets[0].getsockname()[1]
    async with proxy:
        yield url.partition("?")[0].replace("@/", f"@127.0.0.1:{port}/")


async def test_postgresql_behind_a_network_that_swallows_everything(fragile_url: str) -> None:
    """As a firewall or a lost node: no connection is ended, and nothing comes through."""
    open_network = asyncio.Event()
    open_network.set()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await open_network.wait()
            writer.write(data)
        writer.close()

    async with (
        behind_a_proxy(fragile_url, forward) as url,
        serving(load_settings(database_url=url, **IMPATIENT)) as client,
    ):
        await until_it_serves(client)
        open_network.clear()
        await assert_unavailable(client)
        open_network.set()
        await until_it_serves(client)


class Forgetful:
    """A network that forgets the connections that it has, and takes new ones: of the old ones nothing comes through."""

    def __init__(self) -> None:
        self._generation = 0
        self.connections = 0

    def forget(self) -> None:
        self._generation += 1

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        generation = self._generation
        self.connections += 1
        while data := await reader.read(65536):
            if generation == self._generation:
                writer.write(data)
        writer.close()


async def test_idle_connections_that_a_network_has_forgotten(fragile_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first that is tried tells of all: nobody waits for the others, nor for as long as a statement may take."""
    network = Forgetful()
    async with behind_a_proxy(fragile_url, network.forward) as url:
        database = Database(DatabaseConfig(url=url, pool_size=5, statement_timeout=3600, pool_timeout=3600))
        await asyncio.gather(*(database.fetch(text("SELECT pg_sleep(0.5)")) for _ in range(5)))
        forgotten = list(database._connections._idle)
        assert len(forgotten) == 5
        network.forget()
        monkeypatch.setattr("gateway.storage.pool._TRUSTED_SECONDS", 0)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await database.fetch(text("SELECT 1"))
            assert not set(forgotten) & set(database._connections._idle)
            assert all(await asyncio.gather(*(database.fetch(text("SELECT 1")) for _ in range(5))))
            await database.close()


@pytest.mark.parametrize("attributes", ["any", "primary", "prefer-standby"])
async def test_a_host_that_is_silent_beside_one_that_answers(fragile_url: str, attributes: str) -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            pass
        writer.close()

    silent = await asyncio.start_server(swallow, "127.0.0.1", 0)
    async with silent, behind_a_proxy(fragile_url, Forgetful().forward) as url:
        start, _, rest = url.partition("@")
        address, _, name = rest.partition("/")
        hosts = f"host=127.0.0.1:{silent.sockets[0].getsockname()[1]}&host={address}"
        database = Database(
            DatabaseConfig(url=f"{start}@/{name}?{hosts}&target_session_attrs={attributes}", connect_timeout=8)
        )
        assert await database.fetch(text("SELECT 1"))
        await database.close()


async def test_hosts_that_are_all_away(fragile_url: str) -> None:
    name = fragile_url.partition("@/")[2].partition("?")[0]
    url = f"postgresql+asyncpg://postgres@/{name}?host=127.0.0.1:{free_port()}&host=127.0.0.1:{free_port()}"
    database = Database(DatabaseConfig(url=url))
    with pytest.raises(Unavailable):
        await database.fetch(text("SELECT 1"))
    await database.close()


async def test_more_connections_than_the_server_has(fragile_url: str) -> None:
    """Who is refused one waits for those that there are; but not where there are none."""
    async with holding(fragile_url, "DROP ROLE IF EXISTS limited", "CREATE ROLE limited LOGIN CONNECTION LIMIT 3"):
        pass
    config = DatabaseConfig(url=fragile_url.replace("//postgres@", "//limited@"), pool_timeout=PATIENCE_SECONDS)
    sleep = text("SELECT pg_sleep(0.1)")
    async with asyncio.timeout(PATIENCE_SECONDS):
        database = Database(config)
        await asyncio.gather(*(database.fetch(sleep) for _ in range(30)))
        assert len(database._connections._idle) == 3
        with pytest.raises(Unavailable):
            await Database(config).fetch(sleep)
        await database.close()


async def test_a_listener_that_a_network_has_forgotten(fragile_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Forgetful()
    monkeypatch.setattr("gateway.storage.engine._QUIET_SECONDS", 0.1)
    async with behind_a_proxy(fragile_url, network.forward) as url:
        database = Database(DatabaseConfig(url=url))
        async with asyncio.timeout(PATIENCE_SECONDS), database.listening("anything", lambda _: None) as lost:
            network.forget()
            await lost
        await database.close()


async def test_a_connection_whose_end_is_still_on_the_way(fragile_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server says that it ends it, and then it does: a request can come in between."""
    monkeypatch.setattr("gateway.storage.pool._TRUSTED_SECONDS", PATIENCE_SECONDS)
    ended = asyncio.Semaphore(0)
    arrives = asyncio.Event()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        ended.release()
        await arrives.wait()
        writer.close()

    # No other connection than that one: it listens to nothing.
    options = {"database_pool_size": 1, "database_behind_pgbouncer": True, "cursor_secret": "x" * 32}
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    async with (
        behind_a_proxy(fragile_url, forward) as url,
        serving(load_settings(database_url=url, **options)) as client,
    ):
        for ask in (get, post, graphql):
            await assert_serves(client)
            arrives.clear()
            async with holding(fragile_url, kill):
                await ended.acquire()
            assert (await ask(client))[0] == 503
            arrives.set()
            # By the service, too.
            await ended.acquire()
        await assert_serves(client)


async def test_a_listener_comes_to_its_end_though_the_server_hangs(fragile: PostgreSQLServer, fragile_url: str) -> None:
    database = Database(DatabaseConfig(url=fragile_url, connect_timeout=0.5, statement_timeout=0.5))
    listens = asyncio.Event()

    async def listen() -> None:
        async with database.listening("anything", lambda _: None) as lost:
            listens.set()
            await lost

    listening = asyncio.create_task(listen())
    async with asyncio.timeout(PATIENCE_SECONDS):
        await listens.wait()
        with fragile.hung():
            listening.cancel()
            await asyncio.wait([listening])
            await database.close()


async def test_the_service_stops_though_the_database_hangs(
    fragile: PostgreSQLServer, fragile_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It waits for no statement then, however long one may take."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(serving(load_settings(database_url=fragile_url)))
        assert await get(client, "/health/ready") == (200, {"status": "ok"})
        with fragile.hung():
            async with asyncio.timeout(PATIENCE_SECONDS / 2):
                await stack.aclose()
    assert caplog.records == [], "no traceback of a library"


async def test_connections_that_the_server_ends(fragile_url: str) -> None:
    async with serving(load_settings(database_url=fragile_url)) as client:
        async with holding(fragile_url, "LOCK TABLE persisted_folders") as other:
            waiting = asyncio.create_task(post(client))
            (backend,) = await waiting_for_a_lock(other, waiting)
            await other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": backend})
            assert await waiting == (503, UNAVAILABLE)
        await assert_serves(client)


async def test_a_statement_that_takes_too_long(fragile_url: str) -> None:
    settings = load_settings(
        database_url=fragile_url, database_pool_size=1, database_statement_timeout=0.5, cursor_secret="x" * 32
    )
    async with serving(settings) as client:
        async with holding(fragile_url, "LOCK TABLE persisted_folders"):
            assert await get(client) == (503, UNAVAILABLE)
            assert await post(client) == (503, UNAVAILABLE)
            async with asyncio.timeout(PATIENCE_SECONDS):
                for number in itertools.count():
                    status, answer = await graphql(client, {"query": f"{READ['query']} # {number}"})
                    assert answer["errors"][0]["extensions"] == {
                        "code": "UNAVAILABLE",
                        "status": 503,
                        "reason": "unavailable",
                    }
                    # Once the caller is found in time, the field fails and not the request.
                    if status == 200:
                        break
                while await get(client, "/health/ready") != (200, {"status": "ok"}):
                    pass
        await until_it_serves(client)


async def test_a_lock_that_the_server_does_not_wait_for(fragile_url: str) -> None:
    name = fragile_url.partition("@/")[2].partition("?")[0]
    async with holding(fragile_url, f"ALTER DATABASE {name} SET lock_timeout = '100ms'"):
        pass
    async with serving(load_settings(database_url=fragile_url, cursor_secret="x" * 32)) as client:
        async with holding(fragile_url, "LOCK TABLE persisted_folders"):
            answers = await asyncio.gather(*(get(client) for _ in range(5)), *(post(client) for _ in range(5)))
            assert answers == [(503, UNAVAILABLE)] * 10
        await assert_serves(client)


async def test_a_key_whose_use_may_not_be_noted(fragile_url: str) -> None:
    """Where an operator gives the service's user fewer rights than it needs."""
    grants = "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"
    async with holding(fragile_url, "CREATE ROLE reader LOGIN", grants, "UPDATE api_keys SET last_used_at = NULL"):
        pass
    settings = load_settings(database_url=fragile_url.replace("postgres@", "reader@"), cursor_secret="x" * 32)
    with capture_logs() as logs:
        async with serving(settings) as client:
            assert (await get(client))[0] == 200
    (noted,) = [entry for entry in logs if entry["event"] == "key.last_used_not_written"]
    assert "InsufficientPrivilegeError" in noted["cause"]
    async with holding(fragile_url, "DROP OWNED BY reader", "DROP ROLE reader"):
        pass


async def test_a_key_whose_use_cannot_be_noted_holds_up_no_end(fragile_url: str) -> None:
    database = Database(DatabaseConfig(url=fragile_url, statement_timeout=3600))
    callers = CallerService(Directory(database))
    async with holding(fragile_url, "LOCK TABLE api_keys IN SHARE MODE"), asyncio.timeout(PATIENCE_SECONDS):
        await callers.authenticate(ADA, "test")
        await callers.close()
    await database.close()


async def test_a_pool_that_is_used_up(fragile_url: str) -> None:
    settings = load_settings(database_url=fragile_url, database_pool_size=2, database_pool_timeout=0.5)
    async with serving(settings) as client:
        async with holding(fragile_url, "LOCK TABLE persisted_folders") as other:
            waiting: list[asyncio.Task[tuple[int, Any]]] = []
            # Side by side they would be written together.
            for _ in range(2):
                waiting.append(asyncio.create_task(post(client)))
                assert await waiting_for_a_lock(other, *waiting)
            await assert_unavailable(client)
        assert [status for status, _ in await asyncio.gather(*waiting)] == [201, 201]
        await assert_serves(client)


async def test_a_primary_that_became_a_replica(fragile_url: str) -> None:
    name = fragile_url.partition("@/")[2].partition("?")[0]
    async with holding(fragile_url, f"ALTER DATABASE {name} SET default_transaction_read_only = on"):
        pass
    async with serving(load_settings(database_url=fragile_url, cursor_secret="x" * 32)) as client:
        assert (await get(client))[0] == 200
        assert await post(client) == (503, UNAVAILABLE)


@pytest.mark.parametrize("kind", ["prepared", "transaction"])
async def test_connections_to_a_primary_that_became_a_replica_are_given_up(fragile_url: str, kind: str) -> None:
    """All of them: a new one may lead to another server."""
    database = Database(DatabaseConfig(url=fragile_url, pool_size=3))
    await asyncio.gather(*(database.fetch(text("SELECT pg_sleep(0.5)")) for _ in range(3)))
    assert len(database._connections._idle) == 3
    for connection in database._connections._idle:
        await connection.fetch("SET default_transaction_read_only = on", ())
    change = text("UPDATE organizations SET name = 'Acme'")
    prepared = database.prepare(change)

    async def write() -> None:
        if kind == "prepared":
            await database.write(prepared)
        else:
            await database.transaction(lambda connection: connection.execute(change))

    with pytest.raises(Unavailable):
        await write()
    await asyncio.gather(*(write() for _ in range(3)))
    await database.close()


async def test_a_migration_of_a_column_that_is_written(fragile_url: str) -> None:
    """What the connections have prepared, also in triggers, is outdated then."""
    async with serving(load_settings(database_url=fragile_url, cursor_secret="x" * 32)) as client:
        await assert_serves(client)
        await asyncio.gather(*(change_path(client) for _ in range(8)))
        async with holding(fragile_url, "ALTER TABLE persisted_folders ALTER COLUMN path TYPE varchar(5000)"):
            pass
        for change in (post, change_path, get, graphql):
            # Who meets it first may be told of an error.
            await change(client)
        await assert_serves(client)
        assert (await change_path(client))[0] == 200


async def test_a_database_without_connections_to_spare(fragile_url: str) -> None:
    name = fragile_url.partition("@/")[2].partition("?")[0]
    async with serving(load_settings(database_url=fragile_url, cursor_secret="x" * 32)) as client:
        async with holding(fragile_url, "SELECT 1"):
            # A superuser is not bound by the limit.
            postgres = fragile_url.replace(f"/{name}?", "/postgres?")
            async with holding(postgres, f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false"):
                pass
            await assert_unavailable(client)
            async with holding(postgres, f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true"):
                pass
        await assert_serves(client)


# SQLite


@pytest.fixture
def sqlite_url(sqlite: SQLiteServer) -> Iterator[str]:
    url = sqlite.create()
    yield url
    sqlite.drop(url)


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite+aiosqlite:///"))


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Another process is in the middle of writing."""
    program = (
        "import sqlite3, sys; connection = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "connection.execute('BEGIN IMMEDIATE'); print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, path_of(url)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        yield
        process.communicate()


async def test_a_sqlite_file_that_another_process_locks_for_long(sqlite_url: str) -> None:
    async with serving(load_settings(database_url=sqlite_url, **IMPATIENT)) as client:
        with locked(sqlite_url):
            # Many at once: one does not wait for the patience of all that came before.
            async with asyncio.timeout(PATIENCE_SECONDS / 2):
                answers = await asyncio.gather(*(post(client) for _ in range(90)))
            assert answers == [(503, UNAVAILABLE)] * 90
            status, answer = await graphql(client, UPSERT)
            assert status == 200
            assert answer["errors"][0]["extensions"] == {"code": "UNAVAILABLE", "status": 503, "reason": "unavailable"}
            # Reading goes on.
            assert (await get(client))[0] == 200
            assert await get(client, "/health/ready") == (200, {"status": "ok"})
        await assert_serves(client)


async def test_a_sqlite_file_that_cannot_be_written(sqlite_url: str) -> None:
    read_only = sqlite_url.replace("sqlite+aiosqlite:///", "sqlite+aiosqlite:///file:") + "?mode=ro&uri=true"
    async with serving(load_settings(database_url=read_only, cursor_secret="x" * 32)) as client:
        assert await post(client) == (503, UNAVAILABLE)
        assert (await get(client))[0] == 200
        assert (await graphql(client))[1]["data"] == {"persistedFolders": {"nodes": []}}


async def test_a_disk_that_is_full(sqlite_url: str) -> None:
    """The system refuses to let the service's files grow, as it does on a full disk."""
    async with running("serve", database_url=sqlite_url) as service, ClientSession(service.address) as client:
        await assert_serves(client)
        written = path_of(sqlite_url + "-wal").stat().st_size
        unlimited = resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (written, resource.RLIM_INFINITY))
        assert await post(client, "y" * 4096) == (503, UNAVAILABLE)
        assert (await graphql(client, UPSERT))[1]["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
        _, page = await get(client)
        assert [folder["path"] for folder in page["results"]] == ["x"]
        resource.prlimit(service.pid, resource.RLIMIT_FSIZE, unlimited)
        await assert_serves(client)


async def test_a_file_that_is_damaged(sqlite_url: str) -> None:
    path = path_of(sqlite_url)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    async with serving(load_settings(database_url=sqlite_url, cursor_secret="x" * 32)) as client:
        path.write_bytes(b"\xff" * path.stat().st_size)
        await assert_unavailable(client)


# What is no outage


async def test_failures_hold_no_values(database: Database) -> None:
    async def run(statement: str) -> None:
        await database.transaction(lambda connection: connection.execute(text(statement)))

    for statement, is_unique, is_foreign_key in (
        ("INSERT INTO projects SELECT id, organization_id, :name FROM projects", True, False),
        ("UPDATE projects SET id = 77, name = :name WHERE id = 1", False, True),
        ("INSERT INTO projects SELECT -1, organization_id, :name FROM projects", False, False),
        ("INSERT INTO projects SELECT 77, NULL, :name FROM projects", False, False),
    ):
        bound = text(statement).bindparams(bindparam("name", "hunter2", String))
        with pytest.raises(ConstraintViolated) as violated:
            await database.transaction(lambda connection, bound=bound: connection.execute(bound))
        assert (violated.value.is_unique, violated.value.is_foreign_key) == (is_unique, is_foreign_key)
        assert violated.value.__cause__ is None
        assert violated.value.__suppress_context__
        assert "hunter2" not in str(violated.value)
        assert "projects" in str(violated.value)
    with pytest.raises(StatementFailed, match="no_such_column"):
        await run("SELECT no_such_column FROM projects")


async def test_values_that_the_driver_refuses_are_no_outage(fragile_url: str) -> None:
    database = Database(DatabaseConfig(url=fragile_url))
    for value in (2**70, "\ud800", "text"):
        with pytest.raises(StatementFailed) as failed:
            await database.fetch(text("SELECT 1 FROM projects WHERE id = :id"), {"id": value})
        assert repr(value) not in str(failed.value)
    await database.close()
