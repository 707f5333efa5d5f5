"""The command `gateway`.

Exit codes: 0 all went well; 1 it could not be done, the reason is on standard error; 2 the command
line or a setting is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TextIO

import click

from gateway import __version__, demo
from gateway.cli.documents import documents_group
from gateway.cli.keys import keys_group
from gateway.cli.running import fail, lost_key, opened, read_settings, run, show, supervise, with_database
from gateway.folders import system_clock
from gateway.logs import configure_logs
from gateway.server import serve
from gateway.storage.engine import Database
from gateway.storage.migrations import migrate
from gateway.storage.workspace import LoadReport, load_workspace
from gateway.workspace import WorkspaceError, parse_workspace
from schema.schema import build_schema, print_sdl


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gateway")
def main() -> None:
    """Persisted folders over GraphQL and REST.

    Settings are environment variables, such as GATEWAY_DATABASE_URL; docs/operators/settings.md lists them.
    """


@main.command("serve")
@click.option("--workers", type=int, help="How many processes share the port; overrides GATEWAY_WORKERS.")
def serve_command(workers: int | None) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP. The database must be migrated."""
    settings = read_settings() if workers is None else read_settings(workers=workers)
    configure_logs(settings.log_level, settings.log_format)
    if settings.workers == 1:
        run(serve(settings))
    else:
        supervise(settings)


@main.command("migrate")
def migrate_command() -> None:
    """Migrate the database to the newest schema."""

    async def work(database: Database) -> Sequence[str]:
        return await migrate(database)

    applied = with_database(work, must_be_migrated=False)
    show(f"Applied {', '.join(applied)}." if applied else "Nothing to do: the database is up to date.")


@main.command("load")
@click.argument("file", type=click.File("r", encoding="utf-8"))
def load_command(file: TextIO) -> None:
    """Load a workspace FILE, JSON or YAML; - reads standard input.

    Creates and updates what the file names, and deletes nothing. Loading it again changes nothing.
    A key without a value in the file gets a new one, which is printed only once.
    """
    try:
        workspace = parse_workspace(file.read())
    except UnicodeDecodeError as error:
        fail(f"{file.name}: is not UTF-8 text (byte {error.start})")
    except WorkspaceError as error:
        fail(*error.problems)

    async def work(database: Database) -> LoadReport:
        return await load_workspace(database, workspace, system_clock())

    report = with_database(work)
    lines = [f"Created {report.created}, updated {report.updated}."]
    lines += (f"Key {json.dumps(key.label)} of {key.user}, shown this once: {key.value}" for key in report.made_keys)
    show("\n".join(lines), *(lost_key(key.id) for key in report.made_keys))


@main.command("schema")
def schema_command() -> None:
    """Print the GraphQL schema as SDL."""
    show(print_sdl(build_schema()).removesuffix("\n"))


@main.command("demo")
def demo_command() -> None:
    """Serve a demo workspace.

    Migrates the database first, and loads the demo workspace if the database is empty.
    """
    # One process migrates, loads and serves.
    settings = read_settings().model_copy(update={"workers": 1})
    configure_logs(
        settings.log_level, "console" if "log_format" not in settings.model_fields_set else settings.log_format
    )

    async def work() -> None:
        async with opened(settings) as database:
            await migrate(database)
            with_key = await demo.prepare_demo(database)
        await serve(settings, on_ready=lambda address: show(demo.welcome(address, with_key=with_key)))

    run(work())


main.add_command(keys_group)
main.add_command(documents_group)
