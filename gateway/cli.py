"""The command `gateway`.

Exit codes: 0 all went well; 1 it could not be done, the reason is on standard error; 2 the command
line or a setting is wrong.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NoReturn, TextIO, TypeVar
from uuid import UUID

import click
import uvloop

from gateway import __version__, demo
from gateway.access import is_known_scope
from gateway.errors import Unavailable
from gateway.logs import configure_logs
from gateway.model import format_time
from gateway.server import NotMigrated, serve
from gateway.settings import InvalidSettings, Settings, load_settings
from gateway.storage.engine import Database
from gateway.storage.keys import KeyInfo, KeyProblem, KeyStore, NewKey, ShownKey
from gateway.storage.migrations import SchemaState, SchemaTooNew, migrate, schema_state
from gateway.storage.workspace import load_workspace
from gateway.workspace import WorkspaceError, parse_workspace
from schema.schema import build_schema, print_sdl

T = TypeVar("T")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gateway")
def main() -> None:
    """Persisted folders over GraphQL and REST.

    Settings come from the environment, as GATEWAY_DATABASE_URL; docs/operators/settings.md lists them.
    """


@main.command("serve")
def serve_command() -> None:
    """Serve until SIGINT or SIGTERM. The database must be migrated."""
    settings = _settings()
    configure_logs(settings.log_level, settings.log_format)
    _run(serve(settings))


@main.command("migrate")
def migrate_command() -> None:
    """Bring the database to the newest schema."""

    async def work(database: Database) -> Sequence[str]:
        return await migrate(database)

    applied = _with_database(work, must_be_migrated=False)
    click.echo(f"Applied {', '.join(applied)}." if applied else "Nothing to do: the database is up to date.")


@main.command("load")
@click.argument("file", type=click.File("r", encoding="utf-8"))
def load_command(file: TextIO) -> None:
    """Load a workspace FILE, JSON or YAML; - reads standard input.

    Creates and updates what the file names. Loading it again changes nothing. Keys that have no
    value in the file get one, which is printed this once.
    """
    try:
        workspace = parse_workspace(file.read())
    except UnicodeDecodeError as error:
        _fail(f"{file.name}: is not UTF-8 text (byte {error.start})")
    except WorkspaceError as error:
        _fail(*error.problems)

    async def work(database: Database) -> Any:
        return await load_workspace(database, workspace, _now())

    report = _with_database(work)
    click.echo(f"Created {report.created}, updated {report.updated}.")
    for key in report.made_keys:
        click.echo(f"Key {json.dumps(key.label)} of {key.user}, shown this once: {key.value}")


@main.group("keys")
def keys_group() -> None:
    """Make, list, revoke and roll personal API keys."""


def _scope(_: click.Context, __: click.Parameter, scopes: tuple[str, ...]) -> tuple[str, ...]:
    for scope in scopes:
        if not is_known_scope(scope):
            raise click.BadParameter(f"unknown scope {json.dumps(scope)}")
    return scopes


@keys_group.command("create")
@click.option("--user", required=True, metavar="EMAIL", help="Whose key it is.")
@click.option("--label", required=True, help="What it is for; each of a user's keys has its own.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    callback=_scope,
    help="As persisted_folder:read, or * for all. May be given several times.",
)
@click.option("--environment", "environments", type=int, multiple=True, help="Limits the key to this environment.")
@click.option("--organization", "organizations", type=UUID, multiple=True, help="Limits the key to this organization.")
@click.option(
    "--expires",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]),
    help="When the key stops working, in UTC: 2027-01-31 or 2027-01-31T12:00:00Z.",
)
def keys_create(
    user: str,
    label: str,
    scopes: tuple[str, ...],
    environments: tuple[int, ...],
    organizations: tuple[UUID, ...],
    expires: datetime | None,
) -> None:
    """Make a key; its value is shown this once."""
    expires_at = expires.replace(tzinfo=UTC) if expires else None
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise click.BadParameter("lies in the past", param_hint="--expires")

    async def work(database: Database) -> ShownKey:
        key = NewKey(user, label, scopes, environments, organizations, expires_at)
        return await KeyStore(database).create(key, _now())

    _show(_with_database(work))


@keys_group.command("list")
@click.option("--user", metavar="EMAIL", help="Only this user's keys.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each line.")
def keys_list(user: str | None, as_json: bool) -> None:
    """List keys, masked."""

    async def work(database: Database) -> list[KeyInfo]:
        return await KeyStore(database).listed(user)

    for key in _with_database(work):
        click.echo(json.dumps(_describe(key)) if as_json else _line(key))


@keys_group.command("revoke")
@click.argument("key_id", metavar="ID", type=UUID)
def keys_revoke(key_id: UUID) -> None:
    """Stop the key with this ID, at once and for good."""

    async def work(database: Database) -> None:
        await KeyStore(database).revoke(key_id, _now())

    _with_database(work)
    click.echo(f"Revoked {key_id}.")


@keys_group.command("roll")
@click.argument("key_id", metavar="ID", type=UUID)
def keys_roll(key_id: UUID) -> None:
    """Give the key with this ID a new value, shown this once; the old one stops at once."""

    async def work(database: Database) -> ShownKey:
        return await KeyStore(database).roll(key_id)

    _show(_with_database(work))


@main.command("schema")
def schema_command() -> None:
    """Print the GraphQL schema as SDL."""
    click.echo(print_sdl(build_schema()), nl=False)


@main.command("demo")
def demo_command() -> None:
    """Migrate, load a demo workspace into an empty database, and serve."""
    settings = _settings()
    configure_logs(
        settings.log_level, "console" if "log_format" not in settings.model_fields_set else settings.log_format
    )

    async def work() -> None:
        async with _opened(settings) as database:
            await migrate(database)
            with_key = await demo.prepare_demo(database)
        await serve(settings, on_ready=lambda address: click.echo(demo.welcome(address, with_key=with_key)))

    _run(work())


def _describe(key: KeyInfo) -> dict[str, Any]:
    def shown(time: datetime | None) -> str | None:
        return None if time is None else format_time(time)

    return {
        "id": str(key.id),
        "user": key.user,
        "label": key.label,
        "key": key.mask,
        "scopes": key.scopes,
        "environments": key.environments,
        "organizations": [str(each) for each in key.organizations],
        "created_at": shown(key.created_at),
        "expires_at": shown(key.expires_at),
        "revoked_at": shown(key.revoked_at),
        "last_used_at": shown(key.last_used_at),
    }


def _line(key: KeyInfo) -> str:
    state = "revoked" if key.revoked_at else f"until {key.expires_at:%Y-%m-%d %H:%M}" if key.expires_at else "active"
    return f"{key.id}  {key.mask}  {key.user}  {json.dumps(key.label)}  {','.join(key.scopes) or '-'}  {state}"


def _show(key: ShownKey) -> None:
    click.echo(f"ID   {key.id}\nKey  {key.value}\nKeep the key now: it is not shown again.")


def _settings() -> Settings:
    try:
        return load_settings()
    except InvalidSettings as error:
        _fail(*error.problems, code=2)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings.database())
    try:
        yield database
    finally:
        await database.close()


def _with_database(work: Callable[[Database], Awaitable[T]], *, must_be_migrated: bool = True) -> T:
    settings = _settings()
    configure_logs("warning", "console")

    async def run() -> T:
        async with _opened(settings) as database:
            if must_be_migrated and await schema_state(database) is not SchemaState.CURRENT:
                raise NotMigrated("The database is not at the schema of this version. Run: gateway migrate")
            return await work(database)

    return _run(run())


def _run(work: Awaitable[T]) -> T:
    async def awaited() -> T:
        return await work

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(awaited())
    except NotMigrated as error:
        _fail(str(error))
    except SchemaTooNew:
        _fail("The database was migrated by a newer version of the service; nothing was changed.")
    except Unavailable:
        _fail("The database cannot be reached.")
    except KeyProblem as error:
        _fail(str(error))
    except WorkspaceError as error:
        _fail(*error.problems)
    except OSError as error:
        _fail(f"Cannot listen: {error.strerror or error}")


def _fail(*lines: str, code: int = 1) -> NoReturn:
    for line in lines:
        click.echo(line, err=True)
    raise SystemExit(code)


def _now() -> int:
    return time.time_ns() // 1000
