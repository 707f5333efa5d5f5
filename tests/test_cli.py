"""The command line: what each command does, says, and exits with."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import pytest
import yaml
from aiohttp import ClientSession
from click.testing import CliRunner
from sqlalchemy import text

from gateway.cli import main
from gateway.keys import has_valid_checksum
from gateway.storage import migrations
from gateway.storage.engine import Database, DatabaseConfig
from tests.components import missing
from tests.databases import WORKSPACE, PostgreSQLServer, SQLiteServer
from tests.keys import ADA, bearer
from tests.processes import Result, gateway

REVISIONS = sorted(path.name[:4] for path in Path(migrations.__file__).parent.glob("versions/[0-9]*.py"))
APPLIED = f"Applied {', '.join(REVISIONS)}.\n"
SDL = Path(__file__).parent.parent / "schema.graphql"
FOLDERS = "/api/projects/1/persisted_folder/"
ACME = "018f0000-0000-7000-8000-000000000001"


async def rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    database = Database(DatabaseConfig(url=url))
    try:
        return [tuple(row) for row in await database.fetch(text(statement))]
    finally:
        await database.close()


async def run_sql(url: str, statement: str) -> None:
    database = Database(DatabaseConfig(url=url))
    try:
        await database.transaction(lambda connection: connection.execute(text(statement)))
    finally:
        await database.close()


async def status(client: ClientSession, key: str, path: str = FOLDERS) -> int:
    async with client.get(path, headers=bearer(key)) as response:
        return response.status


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


# Help and the command line itself


@pytest.mark.parametrize(
    ("path", "command"), [pytest.param(*each, id=" ".join(each[0])) for each in [((), main), *commands(main)]]
)
def test_every_command_and_option_has_a_help_text(path: tuple[str, ...], command: click.Command) -> None:
    result = CliRunner().invoke(main, [*path, "--help"])
    assert result.exit_code == 0
    assert command.help
    assert " ".join(command.help.split()) in " ".join(result.output.split())
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, f"{' '.join(path)} {option.name}"


async def test_the_installed_command_and_the_module_are_the_same() -> None:
    installed = subprocess.run(  # noqa: ASYNC221  # nothing else runs meanwhile
        [Path(sys.executable).with_name("gateway"), "--help"], capture_output=True, text=True, check=True
    )
    module = await gateway("--help")
    assert module.code == 0
    assert installed.stdout.partition("\n")[2] == module.out.partition("\n")[2]


async def test_the_collector_works_again_when_a_command_runs() -> None:
    program = (
        "import atexit, gc; from gateway.__main__ import main; atexit.register(lambda: print(gc.isenabled())); main()"
    )
    ran = subprocess.run(  # noqa: ASYNC221  # nothing else runs meanwhile
        [sys.executable, "-c", program, "--version"], capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[-1] == "True"


@pytest.mark.parametrize("arguments", [("nope",), ("serve", "--nope"), ("keys", "roll", "no-uuid"), ("load",)])
async def test_a_wrong_command_line_exits_with_2(arguments: tuple[str, ...]) -> None:
    result = await gateway(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("Usage: ")


async def test_schema_prints_the_sdl_and_needs_no_database() -> None:
    result = await gateway("schema", database_url="sqlite+aiosqlite:////nowhere/at/all.db")
    assert (result.code, result.err) == (0, "")
    assert result.out == SDL.read_text()


# migrate


async def test_migrate_brings_an_empty_database_up_to_date_and_then_has_nothing_to_do(empty_url: str) -> None:
    assert await gateway("migrate", database_url=empty_url) == (0, APPLIED, "")
    assert await gateway("migrate", database_url=empty_url) == (
        0,
        "Nothing to do: the database is up to date.\n",
        "",
    )
    assert await rows(empty_url, "SELECT count(*) FROM persisted_folders") == [(0,)]


async def test_of_several_migrations_at_once_one_migrates(empty_url: str) -> None:
    results = await asyncio.gather(*(gateway("migrate", database_url=empty_url) for _ in range(4)))
    assert [result.code for result in results] == [0] * 4, results
    assert sorted(result.out for result in results) == [
        APPLIED,
        *["Nothing to do: the database is up to date.\n"] * 3,
    ]


async def test_commands_refuse_a_database_that_is_newer(database_url: str) -> None:
    await run_sql(database_url, "UPDATE alembic_version SET version_num = '9999'")
    for command in (("migrate",), ("keys", "list"), ("serve",)):
        refused = await gateway(*command, database_url=database_url)
        assert refused == (1, "", "The database was migrated by a newer version of the service: upgrade this one.\n")
    assert await rows(database_url, "SELECT version_num FROM alembic_version") == [("9999",)]


async def test_commands_that_need_tables_say_how_to_make_them(empty_url: str) -> None:
    for arguments in (("serve",), ("keys", "list"), ("load", str(WORKSPACE))):
        result = await gateway(*arguments, database_url=empty_url)
        assert (result.code, result.out) == (1, "")
        assert result.err.endswith("Run: gateway migrate\n")
        assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    "url",
    [
        "sqlite+aiosqlite:////nowhere/at/all.db",
        "postgresql+asyncpg://user:hunter2@127.0.0.1:1/folders",
        "postgresql+asyncpg://user:hunter2@host.invalid/folders",
    ],
)
@pytest.mark.parametrize("command", ["migrate", "serve"])
async def test_a_database_that_is_not_there_is_one_line(url: str, command: str) -> None:
    result = await gateway(command, database_url=url)
    assert (result.code, result.out) == (1, "")
    assert result.err.endswith("The database cannot be reached.\n")
    assert "Traceback" not in result.err
    assert "hunter2" not in result.err


async def test_what_a_role_may_not_do_is_one_line(postgresql: PostgreSQLServer) -> None:
    loaded, empty = postgresql.create(), postgresql.create_empty()
    await run_sql(loaded, "CREATE ROLE stranger LOGIN")
    await run_sql(loaded, "GRANT SELECT ON alembic_version TO stranger")
    try:
        for url, arguments, denied in (
            (empty, ("migrate",), "schema public"),
            (loaded, ("load", str(WORKSPACE)), "table projects"),
            (loaded, ("serve",), "table service_secrets"),
            (loaded, ("keys", "list"), "table api_keys"),
        ):
            result = await gateway(*arguments, database_url=url.replace("postgres@", "stranger@"))
            assert (result.code, result.out) == (1, "")
            assert result.err.startswith("The database refused: ")
            assert f"permission denied for {denied}" in result.err
            assert result.err.count("\n") == 1
    finally:
        postgresql.drop(empty)
        postgresql.drop(loaded)
        await run_sql(postgresql.url("postgres"), "DROP ROLE stranger")


async def test_tables_of_another_application_are_one_line(empty_url: str) -> None:
    await run_sql(empty_url, "CREATE TABLE users (id INTEGER)")
    result = await gateway("migrate", database_url=empty_url)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("The database refused: ")
    assert result.err.rstrip().endswith("already exists")
    assert result.err.count("\n") == 1


# load

TABLES = ("organizations", "projects", "environments", "users", "memberships", "api_keys")


async def counts(url: str) -> dict[str, int]:
    return {table: (await rows(url, f"SELECT count(*) FROM {table}"))[0][0] for table in TABLES}


@pytest.mark.parametrize("form", ["json", "yaml", "stdin"])
async def test_loading_twice_changes_nothing(empty_url: str, tmp_path: Path, form: str) -> None:
    await gateway("migrate", database_url=empty_url)
    file, stdin = WORKSPACE, b""
    if form == "yaml":
        file = tmp_path / "workspace.yaml"
        file.write_text(yaml.safe_dump(json.loads(WORKSPACE.read_text())))
    if form == "stdin":
        stdin = WORKSPACE.read_bytes()
    name = "-" if form == "stdin" else str(file)

    assert await gateway("load", name, stdin=stdin, database_url=empty_url) == (0, "Created 27, updated 0.\n", "")
    before = [await rows(empty_url, f"SELECT * FROM {table} ORDER BY 1, 2") for table in TABLES]
    assert await counts(empty_url) == {
        "organizations": 2,
        "projects": 3,
        "environments": 4,
        "users": 4,
        "memberships": 5,
        "api_keys": 9,
    }
    assert await gateway("load", name, stdin=stdin, database_url=empty_url) == (0, "Created 0, updated 0.\n", "")
    assert [await rows(empty_url, f"SELECT * FROM {table} ORDER BY 1, 2") for table in TABLES] == before


async def test_a_key_without_a_value_gets_one_that_is_printed_once_and_works(
    client: ClientSession, database_url: str
) -> None:
    document = json.loads(WORKSPACE.read_text())
    document["api_keys"].append({"user": "ada@acme.test", "label": "made", "scopes": ["*"]})
    stdin = json.dumps(document).encode()
    loaded = await gateway("load", "-", stdin=stdin, database_url=database_url)
    heading, value = loaded.out.strip().rsplit(": ", 1)
    assert heading == 'Created 1, updated 0.\nKey "made" of ada@acme.test, shown this once'
    assert has_valid_checksum(value)
    assert await status(client, value) == 200
    assert await gateway("load", "-", stdin=stdin, database_url=database_url) == (0, "Created 0, updated 0.\n", "")
    assert await status(client, value) == 200


async def test_loading_updates_what_changed_and_says_so(client: ClientSession, database_url: str) -> None:
    document = json.loads(WORKSPACE.read_text())
    document["users"][0]["is_active"] = False
    document["organizations"][0]["name"] = "Acme & Söhne"
    stdin = json.dumps(document).encode()
    assert await status(client, ADA) == 200
    assert await gateway("load", "-", stdin=stdin, database_url=database_url) == (0, "Created 0, updated 2.\n", "")
    assert await status(client, ADA) == 401


async def test_a_wrong_file_loads_nothing_and_names_each_place(database_url: str) -> None:
    document = json.loads(WORKSPACE.read_text())
    document["organizations"][0]["name"] = "not to be seen"
    document["organizations"][0]["members"][1]["level"] = "boss"
    document["organizations"][0]["projects"][0]["environments"][0]["id"] = 0
    document["users"][2]["colour"] = "blue"
    document["api_keys"][1]["value"] = "hunter2"
    document["api_keys"][2]["scopes"] = ["folder:read", "*", 5]
    result = await gateway("load", "-", stdin=json.dumps(document).encode(), database_url=database_url)
    assert result.code == 1
    assert result.out == ""
    assert result.err.splitlines() == [
        "organizations[0].members[1].level: input should be 'member', 'admin' or 'owner'",
        "organizations[0].projects[0].environments[0].id: input should be greater than 0",
        "users[2].colour: extra inputs are not permitted",
        "api_keys[1].value: must be 16 to 100 printable characters without spaces",
        'api_keys[2].scopes[0]: unknown scope "folder:read"',
        "api_keys[2].scopes[2]: input should be a valid string",
    ]
    assert await rows(database_url, "SELECT name FROM organizations ORDER BY id") == [("Acme",), ("Other",)]


async def test_what_only_the_database_can_tell_loads_nothing_either(database_url: str) -> None:
    document = json.loads(WORKSPACE.read_text())
    document["users"][0]["name"] = "not to be seen"
    document["organizations"][0]["projects"].append(document["organizations"][1]["projects"].pop())
    document["users"][2]["current_environment"] = 1
    moved = await gateway("load", "-", stdin=json.dumps(document).encode(), database_url=database_url)
    assert (moved.code, moved.out) == (1, "")
    assert moved.err == "organizations[0].projects[2].id: project 10 belongs to another organization\n"

    document = json.loads(WORKSPACE.read_text())
    document["users"][0]["name"] = "not to be seen"
    document["api_keys"][0]["value"] = "phx_another_value_for_it"
    document["api_keys"][1] |= {"label": "new", "value": ADA}
    document["api_keys"].append({"user": "eve@other.test", "label": "new", "value": ADA, "scopes": []})
    changed = await gateway("load", "-", stdin=json.dumps(document).encode(), database_url=database_url)
    assert (changed.code, changed.out) == (1, "")
    assert ADA not in changed.err
    assert await rows(database_url, "SELECT name FROM users WHERE email = 'ada@acme.test'") == [("Ada",)]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\xff\xfe{}", "is not UTF-8 text (byte 0)"),
        (b'{"users": [}', "the document: Expecting value: line 1 column 12 (char 11)"),
        (b"users:\n  - name: [", "the document: while parsing a flow node"),
        (b"[]", "the document: must be an object with organizations, users and api_keys"),
        (b"", "the document: must be an object with organizations, users and api_keys"),
        (b"[" * 100_000, "the document: "),
        (b'{"a":' * 100_000, "the document: "),
    ],
)
async def test_a_file_that_is_no_document_is_told_in_one_line(content: bytes, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "workspace"
    file.write_bytes(content)
    result = await gateway("load", str(file))
    assert (result.code, result.out) == (1, "")
    assert problem in result.err
    assert result.err.count("\n") == 1


async def test_a_file_that_cannot_be_read_exits_with_2(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.json"):
        result = await gateway("load", str(path))
        assert (result.code, result.out) == (2, "")
        assert str(path) in result.err
        assert "Traceback" not in result.err


# keys


def shown(result: Result) -> tuple[str, str]:
    """The id and the value of a key, at the one time that they are printed."""
    assert result.code == 0, result.err
    lines = [line.split() for line in result.out.splitlines()]
    assert [line[0] for line in lines] == ["ID", "Key", "Keep"]
    return lines[0][1], lines[1][1]


async def test_a_key_is_made_listed_rolled_and_revoked(client: ClientSession, database_url: str) -> None:
    create = ("keys", "create", "--user", "ada@acme.test", "--label", "laptop", "--scope", "persisted_folder:read")
    key_id, value = shown(await gateway(*create, database_url=database_url))
    assert has_valid_checksum(value)
    assert await status(client, value) == 200
    async with client.post(FOLDERS, json={"type": "home"}, headers=bearer(value)) as response:
        assert response.status == 403

    again = await gateway(*create, database_url=database_url)
    assert again == (1, "", "ada@acme.test has a key labelled 'laptop' already\n")

    listed = await gateway("keys", "list", "--user", "ada@acme.test", database_url=database_url)
    line = next(line for line in listed.out.splitlines() if line.startswith(key_id))
    assert line == f'{key_id}  phx_...{value[-4:]}  ada@acme.test  "laptop"  persisted_folder:read  active'
    assert value not in listed.out
    assert listed.out.count("\n") == 7

    same_id, rolled = shown(await gateway("keys", "roll", key_id, database_url=database_url))
    assert same_id == key_id
    assert has_valid_checksum(rolled)
    assert [await status(client, value), await status(client, rolled)] == [401, 200]

    revoked = await gateway("keys", "revoke", key_id, database_url=database_url)
    assert revoked == (0, f"Revoked {key_id}.\n", "")
    assert await status(client, rolled) == 401
    for command in ("revoke", "roll"):
        result = await gateway("keys", command, key_id, database_url=database_url)
        assert result == (1, "", f"no key {key_id}, or it is revoked\n")


@pytest.fixture(params=["full", "unread"])
def unwritable(request: pytest.FixtureRequest) -> Iterator[int]:
    """What refuses all that is written to it: a disk that is full, a pipe that nobody reads."""
    if request.param == "full":
        if not Path("/dev/full").exists():
            missing("there is no /dev/full, as Linux has it")
        file = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, file = os.pipe()
        os.close(reader)
    yield file
    os.close(file)


async def test_a_key_that_could_not_be_shown_is_told(unwritable: int, sqlite: SQLiteServer) -> None:
    url = sqlite.create()
    created = await gateway(*create_with("--label", "lost"), stdout=unwritable, database_url=url)
    ((key_id, before),) = await rows(url, "SELECT id, hash FROM api_keys WHERE label = 'lost'")
    key_id = UUID(key_id)
    advice = f"could not be shown: gateway keys roll {key_id}\n"
    assert created == (1, "", f"The key {key_id} was made, but {advice}")
    rolled = await gateway("keys", "roll", str(key_id), stdout=unwritable, database_url=url)
    assert rolled == (1, "", f"The key {key_id} was rolled, but {advice}")
    assert await rows(url, "SELECT hash FROM api_keys WHERE label = 'lost'") != [(before,)]


async def test_what_cannot_be_printed_is_one_line(unwritable: int, sqlite: SQLiteServer, tmp_path: Path) -> None:
    url = sqlite.create()
    ((key_id,),) = await rows(url, "SELECT id FROM api_keys LIMIT 1")
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"a": "{ __typename }"}))
    for command in (
        ("migrate",),
        ("schema",),
        ("keys", "list"),
        ("keys", "revoke", str(UUID(key_id))),
        ("documents", "check", str(manifest)),
    ):
        result = await gateway(*command, stdout=unwritable, database_url=url)
        assert (result.code, result.err.count("\n")) == (1, 1), command
        assert result.err.startswith("Cannot print: ")


async def test_keys_of_a_load_that_could_not_be_shown_are_told(unwritable: int, sqlite: SQLiteServer) -> None:
    url = sqlite.create()
    document = json.loads(WORKSPACE.read_text())
    document["api_keys"] += [{"user": "ada@acme.test", "label": f"made {n}", "scopes": []} for n in range(2)]
    stdin = json.dumps(document).encode()
    loaded = await gateway("load", "-", stdin=stdin, stdout=unwritable, database_url=url)
    ids = [UUID(row[0]) for row in await rows(url, "SELECT id FROM api_keys WHERE label LIKE 'made %' ORDER BY label")]
    assert loaded.code == 1
    assert loaded.err.splitlines() == [
        f"The key {each} was made, but could not be shown: gateway keys roll {each}" for each in ids
    ]
    again = await gateway("load", "-", stdin=stdin, stdout=unwritable, database_url=url)
    assert again.code == 1
    assert again.err.startswith("Cannot print: ")
    assert again.err.count("\n") == 1


async def test_limits_and_expiry_of_a_key(client: ClientSession, database_url: str) -> None:
    create = ("keys", "create", "--user", "ada@acme.test", "--scope", "*", "--label")
    _, production = shown(await gateway(*create, "one", "--environment", "1", database_url=database_url))
    assert [await status(client, production, f"/api/environments/{each}/persisted_folder") for each in (1, 3)] == [
        200,
        403,
    ]
    _, acme = shown(await gateway(*create, "two", "--organization", ACME, database_url=database_url))
    assert [await status(client, acme, f"/api/projects/{each}/persisted_folder") for each in (1, 10)] == [200, 403]
    expiring_id, expiring = shown(await gateway(*create, "three", "--expires", "2999-01-31", database_url=database_url))
    assert await status(client, expiring) == 200

    listed = await gateway("keys", "list", "--json", database_url=database_url)
    keys = {key["label"]: key for key in map(json.loads, listed.out.splitlines()) if key["user"] == "ada@acme.test"}
    assert keys["one"]["environments"] == [1]
    assert keys["two"]["organizations"] == [ACME]
    assert keys["three"]["expires_at"] == "2999-01-31T00:00:00.000000Z"
    assert keys["three"] | {"created_at": None, "last_used_at": None} == {
        "id": expiring_id,
        "user": "ada@acme.test",
        "label": "three",
        "key": f"phx_...{expiring[-4:]}",
        "scopes": ["*"],
        "environments": [],
        "organizations": [],
        "created_at": None,
        "expires_at": "2999-01-31T00:00:00.000000Z",
        "revoked_at": None,
        "last_used_at": None,
    }
    await run_sql(database_url, "UPDATE api_keys SET expires_at = 1 WHERE label = 'three'")
    assert await status(client, expiring) == 401


NEW_KEY: dict[str, str | bytes] = {"--user": "ada@acme.test", "--label": "new", "--scope": "*"}


def create_with(option: str, value: str | bytes) -> list[str | bytes]:
    return ["keys", "create", *(part for pair in (NEW_KEY | {option: value}).items() for part in pair)]


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("--environment", "99999999999999999999", "99999999999999999999 is not in the range"),
        ("--environment", "0", "0 is not in the range"),
        ("--scope", "folder:read", 'unknown scope "folder:read"'),
        ("--expires", "2001-01-01", "lies in the past"),
        ("--expires", "tomorrow", "'tomorrow' does not match"),
        ("--label", "", "at least 1 character"),
        ("--label", "x" * 401, "at most 400 characters"),
        ("--label", b"\xff", "valid string"),
        ("--user", b"\xff", "valid string"),
    ],
)
async def test_a_wrong_option_of_a_key_exits_with_2(option: str, value: str | bytes, problem: str) -> None:
    result = await gateway(*create_with(option, value))
    assert (result.code, result.out) == (2, "")
    assert problem in result.err
    assert f"Invalid value for '{option}'" in result.err


async def test_what_a_key_names_must_exist(database_url: str) -> None:
    for option, value, problem in (
        ("--user", "nobody@acme.test", "no user 'nobody@acme.test'\n"),
        ("--environment", "77", "no environment 77\n"),
        ("--organization", ACME.replace("1", "9"), f"no organization {ACME.replace('1', '9')}\n"),
    ):
        assert await gateway(*create_with(option, value), database_url=database_url) == (1, "", problem)
    assert await rows(database_url, "SELECT count(*) FROM api_keys") == [(9,)]


async def test_an_unknown_key_or_user_is_told(database_url: str) -> None:
    unknown = "018f0000-0000-7000-8000-00000000000f"
    for command in ("roll", "revoke"):
        result = await gateway("keys", command, unknown, database_url=database_url)
        assert result == (1, "", f"no key {unknown}, or it is revoked\n")
    listed = await gateway("keys", "list", "--user", "nobody@acme.test", database_url=database_url)
    assert listed == (1, "", "no user 'nobody@acme.test'\n")
