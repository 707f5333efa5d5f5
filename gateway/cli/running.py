"""What the commands share: settings, a database, and failures told in one line each."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from tempfile import TemporaryDirectory
from typing import NoReturn, TypeVar
from uuid import UUID

import click
import structlog
import uvloop

from gateway.cli.ports import reserved_port
from gateway.errors import Unavailable
from gateway.http.graphql.persisted import BadManifest
from gateway.logs import configure_logs
from gateway.server import CannotListen, serve
from gateway.settings import InvalidSettings, Settings, load_settings
from gateway.storage.engine import Database
from gateway.storage.failures import StatementFailed
from gateway.storage.keys import KeyProblem
from gateway.storage.migrations import WrongSchema, check_schema
from gateway.workers import Supervisor, WorkerFailed
from gateway.workspace import WorkspaceError

log = structlog.get_logger(__name__)
T = TypeVar("T")


def read_settings(**given: object) -> Settings:
    """`given` are values from the command line, which override the environment."""
    try:
        return load_settings(**given)
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
            if must_be_migrated:
                await check_schema(database)
            return await work(database)

    return run(checked())


def run(work: Awaitable[T]) -> T:
    async def awaited() -> T:
        return await work

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(awaited())
    except (WrongSchema, CannotListen) as error:
        fail(str(error))
    except Unavailable:
        fail("The database cannot be reached.")
    except StatementFailed as error:
        # A statement has many lines, and one of DDL begins with an empty one.
        first, _, _ = str(error).partition("\n")
        fail(f"The database refused: {first.removesuffix(' in: ')}")
    except KeyProblem as error:
        fail(str(error))
    except WorkspaceError as error:
        fail(*error.problems)
    except BadManifest as error:
        fail(f"GATEWAY_TRUSTED_DOCUMENTS: {error}")


def supervise(settings: Settings) -> None:
    """Serves in as many processes as the settings say."""
    try:
        reserved, port = reserved_port(settings.host, settings.port)
    except OSError as error:
        fail(str(CannotListen(error)))
    mine = settings.model_copy(update={"port": port})
    with reserved, _shared_figures() if settings.metrics else nullcontext() as on_end:
        supervisor = Supervisor(
            settings.workers,
            lambda supervised: run(serve(mine, supervised=supervised)),
            settings.shutdown_timeout,
            on_end,
            silence=settings.worker_timeout,
        )
        try:
            supervisor.run()
        except WorkerFailed as failed:
            # The worker has said why.
            raise SystemExit(failed.code) from None


@contextmanager
def _shared_figures() -> Iterator[Callable[[int], object]]:
    """Has workers count in files, which they share; yields what is to be told of each that has ended."""
    try:
        folder = TemporaryDirectory(prefix="gateway-metrics-", ignore_cleanup_errors=True)
    except OSError as error:
        fail(f"Cannot make the temporary folder in which workers share their figures: {error.strerror or error}")
    with folder as figures:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = figures
        from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415  # it reads that when it is imported

        def note_end(pid: int) -> None:
            try:
                mark_process_dead(pid)  # type: ignore[no-untyped-call]  # its package's only one
            except OSError as error:
                log.error("metrics.not_removed", worker=pid, reason=error.strerror)

        yield note_end


def show(text: str, *otherwise: str) -> None:
    """Prints what a command has to say; if that fails, prints `otherwise` on standard error, or why."""
    try:
        click.echo(text)
    except OSError as error:
        # What was not written is still in a buffer: at its end Python would try once more, and have its own exit code.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        fail(*(otherwise or (f"Cannot print: {error.strerror or error}",)))


def lost_key(key_id: UUID, done: str = "made") -> str:
    return f"The key {key_id} was {done}, but could not be shown: gateway keys roll {key_id}"


def fail(*lines: str, code: int = 1) -> NoReturn:
    for line in lines:
        click.echo(line, err=True)
    raise SystemExit(code)
