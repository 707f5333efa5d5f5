"""What the commands share: settings, a database, and failures told in one line each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NoReturn, TypeVar

import click
import uvloop

from gateway.errors import Unavailable
from gateway.http.graphql.persisted import BadManifest
from gateway.logs import configure_logs
from gateway.server import NotMigrated
from gateway.settings import InvalidSettings, Settings, load_settings
from gateway.storage.engine import Database
from gateway.storage.keys import KeyProblem
from gateway.storage.migrations import SchemaState, SchemaTooNew, schema_state
from gateway.workspace import WorkspaceError

T = TypeVar("T")


def read_settings() -> Settings:
    try:
        return load_settings()
    except InvalidSettings as error:
        fail(*error.problems, code=2)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings.database())
    try:
        yield database
    finally:
        await database.close()


def with_database(work: Callable[[Database], Awaitable[T]], *, must_be_migrated: bool = True) -> T:
    settings = read_settings()
    configure_logs("warning", "console")

    async def checked() -> T:
        async with opened(settings) as database:
            if must_be_migrated and await schema_state(database) is not SchemaState.CURRENT:
                raise NotMigrated("The database is not at the schema of this version. Run: gateway migrate")
            return await work(database)

    return run(checked())


def run(work: Awaitable[T]) -> T:
    async def awaited() -> T:
        return await work

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(awaited())
    except NotMigrated as error:
        fail(str(error))
    except SchemaTooNew:
        fail("The database was migrated by a newer version of the service; nothing was changed.")
    except Unavailable:
        fail("The database cannot be reached.")
    except KeyProblem as error:
        fail(str(error))
    except WorkspaceError as error:
        fail(*error.problems)
    except BadManifest as error:
        fail(str(error))
    except OSError as error:
        fail(f"Cannot listen: {error.strerror or error}")


def fail(*lines: str, code: int = 1) -> NoReturn:
    for line in lines:
        click.echo(line, err=True)
    raise SystemExit(code)


def now() -> int:
    return time.time_ns() // 1000
