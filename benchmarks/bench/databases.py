"""A copy of the same database for each server: none is slowed down by what another writes or listens to."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import asyncpg

from benchmarks.bench.data import load
from tests.databases import PostgreSQLServer, running_postgresql

POSTGRESQL: Final = "PostgreSQL"
SQLITE: Final = "SQLite"
# All copies fit, and nothing starts by itself in the middle of a round.
_SETTINGS: Final = {"shared_buffers": "3GB", "autovacuum": "off", "checkpoint_timeout": "1h", "max_wal_size": "16GB"}


class Copy(NamedTuple):
    """`url` is for the service, `peer` for the environment of its peers."""

    database: str
    url: str
    peer: dict[str, str]


class Source(Protocol):
    def copy(self, name: str, preparation: Path | None) -> Copy: ...


class _PostgreSQLSource:
    def __init__(self, server: PostgreSQLServer, host: str) -> None:
        self._server = server
        self._host = host

    async def load(self) -> None:
        for name, value in _SETTINGS.items():
            await self._run("postgres", f"ALTER SYSTEM SET {name} = '{value}'")
        await asyncio.to_thread(self._server.stop)
        await asyncio.to_thread(self._server.start)
        await self._run("postgres", "CREATE DATABASE source TEMPLATE template0")
        await load(self._server.url("source"))
        await self._run("source", "VACUUM")

    def copy(self, name: str, preparation: Path | None) -> Copy:
        asyncio.run(self._run("postgres", f"CREATE DATABASE {name} TEMPLATE source STRATEGY FILE_COPY"))
        if preparation is not None:
            asyncio.run(self._run(name, preparation.read_text()))
        return Copy(POSTGRESQL, self._server.url(name), {"PEER_HOST": self._host, "PEER_DATABASE": name})

    async def _run(self, database: str, statements: str) -> None:
        connection = await asyncpg.connect(host=self._host, user="postgres", database=database)
        try:
            await connection.execute(statements)
        finally:
            await connection.close()


class _SQLiteSource:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def load(self) -> None:
        await load(f"sqlite+aiosqlite:///{self._folder / 'source.db'}")

    def copy(self, name: str, preparation: Path | None) -> Copy:
        assert preparation is None
        path = self._folder / f"{name}.db"
        shutil.copy(self._folder / "source.db", path)
        return Copy(SQLITE, f"sqlite+aiosqlite:///{path}", {"PEER_SQLITE": str(path)})


@contextmanager
def loaded(database: str, folder: Path) -> Iterator[Source]:
    if database == SQLITE:
        source = _SQLiteSource(folder)
        asyncio.run(source.load())
        yield source
        return
    with running_postgresql() as server:
        postgresql = _PostgreSQLSource(server, server.url("").partition("host=")[2])
        asyncio.run(postgresql.load())
        yield postgresql
