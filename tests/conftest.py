"""What tests stand on: each database, and the real service on a real socket."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from gateway.app import open_application
from gateway.events import EventBus
from gateway.logs import configure_logs
from gateway.server import listening
from gateway.settings import Settings, load_settings
from gateway.storage.engine import Database, DatabaseConfig
from tests.databases import DatabaseServer, PostgreSQLServer, SQLiteServer, running_postgresql
from tests.patience import PATIENCE_SECONDS, PATIENT
from tests.redis_server import RedisServer, running_redis

Serve = Callable[..., AbstractAsyncContextManager[ClientSession]]


@pytest.fixture(scope="session", autouse=True)
def _logs() -> None:
    configure_logs("warning", "json")


@pytest.fixture
def heard_hangup() -> Iterator[None]:
    """Of SIGHUP, here and in what is started: tests may run under nohup themselves."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> SQLiteServer:
    return SQLiteServer(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQLServer]:
    with running_postgresql() as server:
        yield server


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database_server(request: pytest.FixtureRequest) -> DatabaseServer:
    """A test that asks for this, or for what stands on it, runs on each database."""
    server: DatabaseServer = request.getfixturevalue(request.param)
    return server


@pytest.fixture
def database_url(database_server: DatabaseServer) -> Iterator[str]:
    """A database with the example workspace in it."""
    url = database_server.create()
    yield url
    database_server.drop(url)


@pytest.fixture
def empty_url(database_server: DatabaseServer) -> Iterator[str]:
    """A database with nothing in it."""
    url = database_server.create_empty()
    yield url
    database_server.drop(url)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(tmp_path) as server:
        yield server


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> EventBus:
    """That of the service which the test starts afterwards."""
    bus = EventBus()
    monkeypatch.setattr("gateway.app.EventBus", lambda: bus)
    return bus


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    patience = dict.fromkeys(("pool_timeout", "connect_timeout", "statement_timeout"), PATIENCE_SECONDS)
    opened = Database(DatabaseConfig(url=database_url, **patience))
    yield opened
    await opened.close()


def patient(settings: Settings) -> Settings:
    """The same, with the limits in time that were not set out of reach."""
    unset = {name: seconds for name, seconds in PATIENT.items() if name not in settings.model_fields_set}
    return settings.model_copy(update=unset)


@asynccontextmanager
async def serving(settings: Settings, **session_options: Any) -> AsyncIterator[ClientSession]:
    """The service on a free port, and a client of it; the client's paths begin at its root."""
    settings = patient(settings).model_copy(update={"port": 0})
    async with (
        open_application(settings) as app,
        listening(app, settings) as port,
        ClientSession(f"http://{settings.host}:{port}", **session_options) as client,
    ):
        yield client


@pytest.fixture
def serve(database_url: str) -> Serve:
    """Starts the service with settings of the test's own: `async with serve(rate_limits=True) as client`."""

    def start(**settings: Any) -> AbstractAsyncContextManager[ClientSession]:
        return serving(load_settings(**{"database_url": database_url, "shutdown_timeout": 1, **settings}))

    return start


@pytest.fixture
async def client(serve: Serve) -> AsyncIterator[ClientSession]:
    """A client of the service with its default settings, but those of `tests.patience`."""
    async with serve() as session:
        yield session
