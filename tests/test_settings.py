"""The settings: what is refused at the start, and that each one does what its row in the table says.

The settings of GraphQL's limits, of rate limits and of proxies are tested with what they govern.
"""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import pytest
from sqlalchemy import text

from gateway.settings import InvalidSettings, Settings, load_settings
from gateway.storage.engine import Database, DatabaseConfig
from tests.conftest import Serve, serving
from tests.keys import ADA, bearer
from tests.patience import PATIENCE_SECONDS
from tests.processes import gateway, running
from tests.settings_table import PAGE, page

FOLDERS = "/api/projects/1/persisted_folder/"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"GATEWAY_{name.upper()}", raising=False)


def test_the_table_is_complete_and_fresh() -> None:
    assert PAGE.read_text() == page(), "run `make generate`"
    for name, field in Settings.model_fields.items():
        assert f"| `GATEWAY_{name.upper()}` |" in page()
        assert field.description


def test_the_defaults_need_nothing() -> None:
    assert load_settings().database_url.get_secret_value() == "sqlite+aiosqlite:///gateway.db"


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(f"GATEWAY_{name.upper()}", "")
    assert load_settings() == Settings.model_construct(**{n: f.default for n, f in Settings.model_fields.items()})


WRONG = {
    "host": ("hunter2..example", f"hunter2{'x' * 63}.example"),
    "port": ("hunter2", "-1", "65536", "80.5"),
    "shutdown_timeout": ("hunter2", "-1", "nan", "inf"),
    "cors_allowed_origins": (
        "hunter2",
        '["hunter2"]',
        '["https://app.example/"]',
        '["https://app.example:65536"]',
        "[1]",
    ),
    "log_level": ("hunter2", "INFO "),
    "log_format": ("hunter2",),
    "database_url": (
        "hunter2",
        "postgresql://ada:hunter2@host/name",
        "postgresql+asyncpg://ada:hunter2@host:port/name",
        "mysql://ada:hunter2@host/name",
        "sqlite+aiosqlite://",
        "sqlite+aiosqlite:///:memory:",
        "://hunter2",
        "sqlite+aiosqlite://hunter2/gateway.db",
        "sqlite+aiosqlite:///gateway.db?timeout=hunter2",
        "sqlite+aiosqlite:///file:hunter2?mode=memory&cache=shared&uri=true",
        "sqlite+aiosqlite:///file::memory:?uri=true",
        "sqlite+aiosqlite:///file:?uri=true",
        "postgresql+asyncpg://ada:hunter2@host/name?sslmode=require",
        "postgresql+asyncpg://ada:hunter2@host/name?ssl=hunter2",
        "postgresql+asyncpg://ada:hunter2@host/name?ssl=require&ssl=require",
        "postgresql+asyncpg://ada:hunter2@host/name?hunter2=1",
        "postgresql+asyncpg://ada:hunter2@host/name?statement_cache_size=0",
        "postgresql+asyncpg://ada:hunter2@host/name?prepared_statement_cache_size=hunter2",
    ),
    "database_pool_size": ("hunter2", "0"),
    "database_pool_timeout": ("hunter2", "0", "inf"),
    "database_connect_timeout": ("hunter2", "0", "nan"),
    "database_statement_timeout": ("hunter2", "0", "3601"),
    "database_behind_pgbouncer": ("hunter2",),
    "redis_url": (
        "hunter2",
        "http://:hunter2@host",
        "redis://:hunter2@host:port/0",
        "redis://:hunter2@host/0?foo=bar",
        "redis://:hunter2@host/0?protocol=hunter2",
        "redis://:hunter2@host/0?protocol=9",
        "redis://:hunter2@host/abc",
    ),
    "rate_limits": ("hunter2",),
    "trusted_proxies": (
        "hunter2",
        "10.0.0.0/8",
        '"hunter2"',
        '["hunter2"]',
        "{}",
        "[",
        '["10.0.0.1/8"]',
        "[1]",
        "[true]",
    ),
    "workers": ("hunter2", "0", "257"),
    "max_body_size": ("hunter2", "0"),
    "operation_timeout": ("hunter2", "0"),
    "websocket_init_timeout": ("hunter2", "0", "inf", "3601"),
    "websocket_ping_interval": ("hunter2", "0", "inf", "3601"),
    "stream_heartbeat": ("hunter2", "0", "inf", "3601"),
    "stream_send_timeout": ("hunter2", "0", "inf", "3601"),
    "introspection": ("hunter2",),
    "graphiql": ("hunter2",),
    "cursor_secret": ("hunter2", "hunter2" * 10 + "\udcff"),
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values], ids=lambda value: value
)
def test_a_wrong_value_is_refused_and_not_repeated(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"GATEWAY_{name.upper()}", value)
    with pytest.raises(InvalidSettings) as raised:
        load_settings()
    (problem,) = raised.value.problems
    assert problem.startswith(f"GATEWAY_{name.upper()}")
    assert "hunter2" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_what_is_wrong_with_a_url_of_redis_is_told() -> None:
    for path, problem in (
        ("abc", "has a database that is no number"),
        ("0?foo=bar", "has an option that the client of Redis does not take"),
    ):
        with pytest.raises(InvalidSettings) as raised:
            load_settings(redis_url=f"redis://host/{path}")
        assert raised.value.problems == [f"GATEWAY_REDIS_URL: {problem}"]


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("sqlite+aiosqlite://data/gateway.db", "sqlite+aiosqlite:///path"),
        ("postgresql+asyncpg://ada@host/name?sslmode=require", "ssl=require"),
    ],
)
async def test_a_usual_mistake_in_a_url_is_told_with_what_to_say_instead(url: str, advice: str) -> None:
    result = await gateway("migrate", database_url=url)
    assert (result.code, result.out) == (2, "")
    (line,) = result.err.splitlines()
    assert line.startswith("GATEWAY_DATABASE_URL: ")
    assert line.endswith(advice)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host", "::1"),
        ("host", "bücher.example"),
        ("database_url", "sqlite+aiosqlite:////data/gateway.db?timeout=3"),
        ("database_url", "sqlite+aiosqlite:///file:/data/gateway.db?mode=ro&uri=true"),
        ("database_url", "postgresql+asyncpg://ada@/name?host=/run/postgresql&port=5433"),
        ("database_url", "postgresql+asyncpg://ada@/name?host=a:1&host=b:2&target_session_attrs=primary"),
        ("database_url", "postgresql+asyncpg://ada@host/name?ssl=verify-full&prepared_statement_cache_size=0"),
        ("redis_url", "redis://host"),
        ("redis_url", "rediss://ada:hunter2@host:6379/3?ssl_cert_reqs=none&health_check_interval=2"),
        ("redis_url", "unix:///run/redis.sock?db=3"),
    ],
)
def test_what_can_work_is_taken(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"GATEWAY_{name.upper()}", value)
    load_settings()


@pytest.mark.parametrize("command", [("serve",), ("migrate",), ("demo",), ("keys", "list")], ids=" ".join)
async def test_all_that_is_wrong_is_told_at_once(command: tuple[str, ...]) -> None:
    wrong = {name: values[0] for name, values in WRONG.items() if values}
    result = await gateway(*command, **wrong)
    assert (result.code, result.out) == (2, "")
    assert [line.partition(":")[0] for line in result.err.splitlines()] == [f"GATEWAY_{name.upper()}" for name in wrong]
    assert "hunter2" not in result.err


def test_secrets_are_in_no_repr() -> None:
    settings = load_settings(
        database_url="postgresql+asyncpg://ada:hunter2@host/name",
        redis_url="redis://:hunter2@host",
        cursor_secret="hunter2" * 10,
    )
    for shown in (repr(settings), str(settings), repr(settings.database()), settings.model_dump_json()):
        assert "hunter2" not in shown


# What each of them does


async def test_log_level(database_url: str) -> None:
    for level, expected in (("info", ["serving"]), ("warning", []), ("error", [])):
        async with running("demo", database_url=database_url, log_level=level, log_format="json") as service:
            pass
        assert [json.loads(line)["event"] for line in service.err.splitlines()] == expected


async def test_log_format(database_url: str) -> None:
    async with running("serve", database_url=database_url, log_format="console") as service:
        pass
    (line,) = service.err.decode().splitlines()
    assert "serving" in line
    assert not line.startswith("{")


async def test_max_body_size(serve: Serve) -> None:
    async with serve(max_body_size=2000) as client:
        for size, rest, graphql in ((1500, 201, 200), (2500, 413, 413)):
            headers = bearer(ADA)
            async with client.post(FOLDERS, json={"type": "home", "ignored": "x" * size}, headers=headers) as response:
                assert response.status == rest
            query = {"query": "{ viewer { email } }", "extensions": {"ignored": "x" * size}}
            async with client.post("/graphql", json=query, headers=headers) as response:
                assert response.status == graphql


async def test_cursor_secret(serve: Serve) -> None:
    """Of two services on the same database, one takes the other's cursors where they have the same secret."""
    first = "{ viewer { environments(first: 1) { pageInfo { endCursor } } } }"
    after = "query($after: String) { viewer { environments(first: 1, after: $after) { nodes { id } } } }"

    async def ask(query: str, variables: dict[str, Any], secret: str | None) -> Any:
        async with serve(cursor_secret=secret) as client:
            body = {"query": query, "variables": variables}
            async with client.post("/graphql", json=body, headers=bearer(ADA)) as response:
                return await response.json()

    answer = await ask(first, {}, "a" * 32)
    cursor = {"after": answer["data"]["viewer"]["environments"]["pageInfo"]["endCursor"]}
    assert "errors" not in await ask(after, cursor, "a" * 32)
    for other in ("b" * 32, None):
        assert (await ask(after, cursor, other))["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    # Without one, the database keeps one over a restart.
    answer = await ask(first, {}, None)
    cursor = {"after": answer["data"]["viewer"]["environments"]["pageInfo"]["endCursor"]}
    assert "errors" not in await ask(after, cursor, None)


async def test_operation_timeout(serve: Serve, database_url: str) -> None:
    blocker = Database(DatabaseConfig(url=database_url))
    held, release = asyncio.Event(), asyncio.Event()

    async def hold(connection: Any) -> None:
        if blocker.dialect != "sqlite":
            await connection.execute(text("LOCK TABLE persisted_folders"))
        held.set()
        await release.wait()

    holding = asyncio.create_task(blocker.transaction(hold))
    await held.wait()
    mutation = 'mutation { upsertPersistedFolder(input: {projectId: "1", type: HOME}) { created } }'
    async with serve(operation_timeout=0.2, cursor_secret="x" * 32) as client:
        async with client.post("/graphql", json={"query": mutation}, headers=bearer(ADA)) as response:
            assert response.status == 504
            (error,) = (await response.json())["errors"]
        assert error["extensions"]["code"] == "TIMEOUT"
        release.set()
        await holding
        status = 504
        # On a busy machine it can be over once more.
        async with asyncio.timeout(PATIENCE_SECONDS):
            while status == 504:
                async with client.post("/graphql", json={"query": mutation}, headers=bearer(ADA)) as response:
                    status, answer = response.status, await response.json()
        assert "errors" not in answer
    await blocker.close()


async def test_database_connect_timeout() -> None:
    """A host that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+asyncpg://ada@127.0.0.1:{silent.getsockname()[1]}/name"
        patient = asyncio.create_task(gateway("migrate", database_url=url, database_connect_timeout=50))
        hasty = await gateway("migrate", database_url=url, database_connect_timeout=0.2)
        assert (hasty.code, hasty.err.splitlines()[-1]) == (1, "The database cannot be reached.")
        assert not patient.done()
    # The host is gone now, and its connections with it.
    assert (await patient).code == 1


async def test_database_pool_size(postgresql: Any) -> None:
    url = postgresql.create()
    watcher = Database(DatabaseConfig(url=url))
    count = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        # The pool alone: the connection that hears of changes has another name.
        " AND application_name = 'gateway' AND pid <> pg_backend_pid()"
    )
    for size in (1, 4):
        async with serving(load_settings(database_url=url, database_pool_size=size)) as client:
            # Lists are gathered into few statements. One folder is read on a connection, and half of them may change one.
            async def ask(method: str, path: str) -> int:
                async with client.request(method, path, json={"path": "Growth"}, headers=bearer(ADA)) as response:
                    return response.status

            async with client.post(FOLDERS, json={"type": "home"}, headers=bearer(ADA)) as response:
                folder = f"{FOLDERS}{(await response.json())['id']}/"
            asked = (ask(method, folder) for method in ("PATCH", "GET") * 40)
            assert set(await asyncio.gather(*asked)) == {200}
            # Those of the service before may still be on their way out.
            async with asyncio.timeout(PATIENCE_SECONDS):
                while [tuple(row) for row in await watcher.fetch(count)] != [(size,)]:
                    pass
    await watcher.close()
    postgresql.drop(url)


async def test_database_statement_timeout_does_not_bound_a_migration(database_url: str) -> None:
    """Another migration may hold the lock for long, and altering a large table takes its time."""
    blocker = Database(DatabaseConfig(url=database_url))
    held, release = asyncio.Event(), asyncio.Event()

    async def hold(connection: Any) -> None:
        if blocker.dialect != "sqlite":
            await connection.execute(text("LOCK TABLE alembic_version"))
        held.set()
        await release.wait()

    holding = asyncio.create_task(blocker.transaction(hold))
    await held.wait()
    options = {"database_url": database_url, "database_statement_timeout": 0.1, "database_pool_timeout": 0.1}
    migrating = asyncio.create_task(gateway("migrate", **options))
    hurried = await gateway("keys", "revoke", "018f0000-0000-7000-8000-00000000000f", **options)
    assert (hurried.code, hurried.err.splitlines()[-1]) == (1, "The database cannot be reached.")
    release.set()
    await holding
    assert await migrating == (0, "Nothing to do: the database is up to date.\n", "")
    await blocker.close()
