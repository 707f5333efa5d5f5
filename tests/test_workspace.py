"""The workspace file: what it takes, and how each wrong place is named."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.model import format_time
from gateway.storage.engine import Database, DatabaseConfig
from gateway.storage.failures import ConstraintViolated
from gateway.storage.keys import KeyProblem, KeyStore, NewKey
from gateway.storage.workspace import load_workspace
from gateway.workspace import UserEntry, Workspace, WorkspaceError, parse_workspace
from tests.databases import WORKSPACE, PostgreSQLServer
from tests.documentation import ROOT, blocks
from tests.patience import PATIENCE_SECONDS

MICROSECOND = 1


def document() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(WORKSPACE.read_text())
    return loaded


def problems(text: str) -> list[str]:
    with pytest.raises(WorkspaceError) as raised:
        parse_workspace(text)
    assert str(raised.value) == "\n".join(raised.value.problems)
    return raised.value.problems


def test_json_and_yaml_say_the_same() -> None:
    from_json = parse_workspace(WORKSPACE.read_text())
    assert parse_workspace(yaml.safe_dump(document())) == from_json
    assert parse_workspace("\ufeff" + WORKSPACE.read_text()) == from_json
    assert parse_workspace("{users: [{email: ada@acme.test, name: Ada}]}").users[0].name == "Ada"


def test_json_with_a_byte_order_mark_is_json() -> None:
    # In YAML no value begins with a tab.
    assert parse_workspace('\ufeff{\t"users": []}') == Workspace()


def test_an_empty_object_is_a_workspace_with_nothing_in_it() -> None:
    assert parse_workspace("{}") == Workspace()


def test_yaml_times_and_anchors() -> None:
    workspace = parse_workspace(
        """
        users: [{email: ada@acme.test, name: Ada}]
        api_keys:
          - &key {user: ada@acme.test, label: a, scopes: &scopes ["*"], expires_at: 2027-01-31T12:00:00Z}
          - {user: ada@acme.test, label: b, scopes: *scopes, expires_at: 2027-01-31T14:00:00+02:00}
          - {<<: *key, label: c}
        """
    )
    assert [key.scopes for key in workspace.api_keys] == [["*"]] * 3
    assert {key.expires_at for key in workspace.api_keys} == {datetime(2027, 1, 31, 12, tzinfo=UTC)}


# One change of the example workspace, and the line that it must cause.
WRONG: dict[str, tuple[tuple[Any, ...], Any, str]] = {
    "scope": (
        ("api_keys", 2, "scopes"),
        ["folder:read"],
        'api_keys[2].scopes[0]: unknown scope "folder:read"',
    ),
    "scope action": (
        ("api_keys", 2, "scopes"),
        ["*", "persisted_folder:delete"],
        'api_keys[2].scopes[1]: unknown scope "persisted_folder:delete"',
    ),
    "level": (
        ("organizations", 1, "members", 0, "level"),
        "boss",
        "organizations[1].members[0].level: input should be 'member', 'admin' or 'owner'",
    ),
    "unknown field": (("users", 0, "colour"), "blue", "users[0].colour: extra inputs are not permitted"),
    "unknown list": (("teams",), [], "teams: extra inputs are not permitted"),
    "id zero": (
        ("organizations", 0, "projects", 0, "environments", 1, "id"),
        0,
        "organizations[0].projects[0].environments[1].id: input should be greater than 0",
    ),
    "id too large": (
        ("organizations", 0, "projects", 0, "environments", 1, "id"),
        2**31,
        "organizations[0].projects[0].environments[1].id: input should be less than or equal to 2147483647",
    ),
    "id text": (
        ("organizations", 0, "projects", 0, "id"),
        "1",
        "organizations[0].projects[0].id: input should be a valid integer",
    ),
    "id true": (
        ("organizations", 0, "projects", 0, "id"),
        True,
        "organizations[0].projects[0].id: input should be a valid integer",
    ),
    "active text": (("users", 0, "is_active"), "no", "users[0].is_active: input should be a valid boolean"),
    "no uuid": (
        ("organizations", 0, "id"),
        "acme",
        "organizations[0].id: input should be a valid UUID",
    ),
    "name empty": (("users", 0, "name"), "", "users[0].name: string should have at least 1 character"),
    "name too long": (("users", 0, "name"), "x" * 401, "users[0].name: string should have at most 400 characters"),
    "name U+0000": (("users", 0, "name"), "a\0b", "users[0].name: has a character that cannot be stored"),
    "name surrogate": (("users", 0, "name"), "\ud800", "users[0].name: input should be a valid string"),
    "name null": (("users", 0, "name"), None, "users[0].name: input should be a valid string"),
    "key too short": (
        ("api_keys", 0, "value"),
        "phx_".ljust(15, "0"),
        "api_keys[0].value: must be 16 to 100 printable characters without spaces",
    ),
    "key too long": (
        ("api_keys", 0, "value"),
        "phx_".ljust(101, "0"),
        "api_keys[0].value: must be 16 to 100 printable characters without spaces",
    ),
    "key with a space": (
        ("api_keys", 0, "value"),
        "phx_with a space in it",
        "api_keys[0].value: must be 16 to 100 printable characters without spaces",
    ),
    "key surrogate": (("api_keys", 0, "value"), "phx_0123456789\ud800abc", "api_keys[0].value: "),
    "expiry without offset": (
        ("api_keys", 0, "expires_at"),
        "2027-01-31T12:00:00",
        "api_keys[0].expires_at: input should have timezone info",
    ),
    "expiry before the calendar": (
        ("api_keys", 0, "expires_at"),
        "0001-01-01T00:00:00+14:00",
        "api_keys[0].expires_at: is out of range",
    ),
    "expiry after the calendar": (
        ("api_keys", 0, "expires_at"),
        "9999-12-31T23:59:59-12:00",
        "api_keys[0].expires_at: is out of range",
    ),
    "expiry as a number": (("api_keys", 0, "expires_at"), 20270131, "api_keys[0].expires_at: must be a time, as 20"),
    "expiry as digits": (("api_keys", 0, "expires_at"), "20270131", "api_keys[0].expires_at: must be a time, as 20"),
    "expiry true": (("api_keys", 0, "expires_at"), True, "api_keys[0].expires_at: must be a time, as 20"),
    "unknown user of a key": (
        ("api_keys", 3, "user"),
        "nobody@acme.test",
        'api_keys[3].user: no user "nobody@acme.test"',
    ),
    "unknown member": (
        ("organizations", 0, "members", 0, "email"),
        "nobody@acme.test",
        'organizations[0].members[0].email: no user "nobody@acme.test"',
    ),
    "member twice": (
        ("organizations", 0, "members", 1, "email"),
        "ada@acme.test",
        "organizations[0].members[1].email: stands in the organization twice",
    ),
    "organization twice": (
        ("organizations", 1, "id"),
        "018F0000-0000-7000-8000-000000000001",
        "organizations[1].id: stands in the file twice",
    ),
    "project twice": (
        ("organizations", 1, "projects", 0, "id"),
        1,
        "organizations[1].projects[0].id: stands in the file twice",
    ),
    "environment twice": (
        ("organizations", 1, "projects", 0, "environments", 0, "id"),
        3,
        "organizations[1].projects[0].environments[0].id: stands in the file twice",
    ),
    "user twice": (("users", 1, "email"), "ada@acme.test", "users[1].email: stands in the file twice"),
    "label twice": (("api_keys", 1, "label"), "all", "api_keys[1].label: the user has another key with this label"),
    "value twice": (
        ("api_keys", 1, "value"),
        "phx_ada_all_00000000000000000000000000",
        "api_keys[1].value: stands in the file twice",
    ),
    "unknown current environment": (
        ("users", 0, "current_environment"),
        77,
        "users[0].current_environment: no environment 77",
    ),
    "unknown environment of a key": (
        ("api_keys", 4, "scoped_environments"),
        [2, 77],
        "api_keys[4].scoped_environments[1]: no environment 77",
    ),
    "unknown organization of a key": (
        ("api_keys", 5, "scoped_organizations"),
        ["018f0000-0000-7000-8000-00000000000f"],
        "api_keys[5].scoped_organizations[0]: no organization 018f0000-0000-7000-8000-00000000000f",
    ),
    "no primary environment": (
        ("organizations", 0, "projects", 1, "environments"),
        [],
        "organizations[0].projects[1].environments: the primary environment, with the project's own id 2, is missing",
    ),
    "list for an object": (("organizations", 0), [], "organizations[0]: input should be a valid dictionary"),
    "object for a list": (("users",), {}, "users: input should be a valid list"),
}


@pytest.mark.parametrize(("place", "value", "line"), WRONG.values(), ids=WRONG)
def test_each_wrong_place_is_named(place: tuple[Any, ...], value: Any, line: str) -> None:
    wrong = document()
    *above, last = place
    part: Any = wrong
    for step in above:
        part = part[step]
    part[last] = value
    found = problems(json.dumps(wrong))
    assert any(each.startswith(line) for each in found), found
    assert all("phx_" not in each for each in found)


@pytest.mark.parametrize("length", [16, 100])
def test_the_shortest_and_the_longest_key(length: int) -> None:
    wanted = document()
    wanted["api_keys"][0]["value"] = "phx_".ljust(length, "0")
    assert parse_workspace(json.dumps(wanted))


def test_all_wrong_places_are_named_at_once() -> None:
    wrong = document()
    for index, key in enumerate(wrong["api_keys"]):
        key["scopes"] = [f"wrong:{index}"]
    assert problems(json.dumps(wrong)) == [
        f'api_keys[{index}].scopes[0]: unknown scope "wrong:{index}"' for index in range(len(wrong["api_keys"]))
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "the document: must be an object"),
        ("[]", "the document: must be an object"),
        ("5", "the document: must be an object"),
        ("null", "the document: must be an object"),
        ("{} {}", "the document: Extra data"),
        ("--- {}\n--- {}", "the document: expected a single document"),
        ('{"users": [}', "the document: Expecting value"),
        ('{"users": [], "users": []}', 'the document: "users" stands twice in one object'),
        ("users: []\nusers: []", 'the document: "users" stands twice in one object'),
        ("users: [", "the document: while parsing a flow node"),
        ("users: !!python/object/apply:os.system [id]", "the document: could not determine a constructor"),
        ("users: *nobody", "the document: found undefined alias"),
        ("? [a]\n: b", "the document: while constructing a mapping in"),
        ("users: 2027-13-45", "the document: month must be in 1..12"),
        ('users: !!int ""', "the document: found a value that does not fit its tag"),
        ('users: !!float "_"', "the document: found a value that does not fit its tag"),
        ("users: !!bool maybe", "the document: found a value that does not fit its tag"),
        ("users: !!timestamp abc", "the document: found a value that does not fit its tag"),
        ("? !!timestamp abc\n: users", "the document: found a value that does not fit its tag"),
        ("\x07", "the document: unacceptable character"),
        ("[" * 100_000, "the document: is nested too deeply"),
        ('{"a":' * 100_000, "the document: is nested too deeply"),
        ('{"users": ' + "9" * 5000 + "}", "the document: Exceeds the limit"),
        ("users: " + "9" * 5000, "the document: Exceeds the limit"),
        ("users: &a [*a]", "the document: an anchor holds itself"),
        ("{1: 2}", "[1]: keys should be strings"),
        ("null: 2", "None: keys should be strings"),
    ],
    ids=range(27),
)
def test_what_is_no_workspace_is_one_line(text: str, line: str) -> None:
    found = problems(text)
    assert len(found) == 1
    assert found[0].startswith(line), found
    assert "\n" not in found[0]


@pytest.mark.parametrize("kind", ["sequences", "merges", "rows"])
def test_aliases_that_would_grow_the_document_without_bound_are_refused(kind: str) -> None:
    if kind == "sequences":
        lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    elif kind == "merges":
        lines = ["a0: &a0 {x: 1}"] + [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 30)]
    else:
        environments = ", ".join(["{id: 1, name: a}"] * 2000)
        projects = ", ".join(["{id: 1, name: a, environments: *e}"] * 2000)
        lines = [f"e: &e [{environments}]", f"organizations: [{{id: x, name: a, projects: [{projects}]}}]"]
    assert problems("\n".join(lines)) == ["the document: its aliases stand for more than 1000000 values"]


def test_only_what_aliases_add_counts_against_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a bound that is a ten thousandth, for a million values take a minute to read."""
    monkeypatch.setattr("gateway.json_or_yaml._MAX_EXPANDED", 100)
    users = "".join(f"- {{email: {number}@acme.test, name: x}}\n" for number in range(200))
    assert len(parse_workspace(f"users:\n{users}").users) == 200
    key = "{user: 1@acme.test, label: a, scopes: &scopes [" + ", ".join(["'*'"] * 49) + "]}"
    keys = [key, "{user: 1@acme.test, label: b, scopes: *scopes}", "{user: 1@acme.test, label: c, scopes: *scopes}"]
    assert len(parse_workspace(f"users:\n{users}api_keys: [{', '.join(keys)}]").api_keys) == 3
    keys.append("{user: 1@acme.test, label: d, scopes: *scopes}")
    assert problems(f"users:\n{users}api_keys: [{', '.join(keys)}]") == [
        "the document: its aliases stand for more than 100 values"
    ]


async def test_more_users_than_a_statement_has_parameters(database: Database) -> None:
    """All are looked up, then the first is refused: to write them all would take a minute."""
    first = UserEntry(email="0@acme.test", name="0", current_environment=77)
    others = (UserEntry(email=f"{number}@acme.test", name="x") for number in range(1, 40_000))
    with pytest.raises(ConstraintViolated) as raised:
        await load_workspace(database, Workspace(users=[first, *others]), MICROSECOND)
    assert raised.value.is_foreign_key


async def test_more_environments_of_a_key_than_a_statement_has_parameters(database: Database) -> None:
    key = NewKey("ada@acme.test", "many", ["*"], environments=range(1, 40_000))
    with pytest.raises(KeyProblem, match=r"^no environment 4$"):
        await KeyStore(database).create(key, MICROSECOND)


async def test_an_expiry_at_either_end_of_the_calendar_can_be_listed(database: Database) -> None:
    wanted = document()
    for index, time in enumerate(("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z")):
        wanted["api_keys"][index]["expires_at"] = time
    await load_workspace(database, parse_workspace(json.dumps(wanted)), MICROSECOND)
    expiries = {
        format_time(key.expires_at) for key in await KeyStore(database).listed("ada@acme.test") if key.expires_at
    }
    assert {"0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"} <= expiries


async def test_a_file_brings_back_neither_a_revoked_nor_a_rolled_key(database: Database) -> None:
    store = KeyStore(database)
    keys = {key.label: key for key in await store.listed("ada@acme.test")}
    await store.revoke(keys["all"].id, MICROSECOND)
    await store.roll(keys["read"].id)
    wanted = document()
    with pytest.raises(WorkspaceError) as raised:
        await load_workspace(database, parse_workspace(json.dumps(wanted)), MICROSECOND)
    assert raised.value.problems == [
        'api_keys[2].value: the key "read" has another value; leave it out here, or change it with `gateway keys roll`'
    ]
    del wanted["api_keys"][2]["value"]
    report = await load_workspace(database, parse_workspace(json.dumps(wanted)), MICROSECOND)
    assert (report.created, report.updated, report.made_keys) == (0, 0, ())
    assert {key.label for key in await store.listed("ada@acme.test") if key.revoked_at} == {"all"}


async def test_a_file_gives_no_key_the_value_of_another(database: Database) -> None:
    wanted = document()
    wanted["api_keys"][0]["label"] = "renamed"
    with pytest.raises(WorkspaceError) as raised:
        await load_workspace(database, parse_workspace(json.dumps(wanted)), MICROSECOND)
    assert raised.value.problems == ["api_keys[0].value: another key has this value"]
    del wanted["api_keys"][0]["value"]
    report = await load_workspace(database, parse_workspace(json.dumps(wanted)), MICROSECOND)
    assert (report.created, report.updated, len(report.made_keys)) == (1, 0, 1)


async def test_what_operators_are_told_to_delete(database: Database) -> None:
    """The statements of docs/operators/README.md."""
    (told,) = (each.text for each in blocks(ROOT / "docs/operators/README.md") if each.language == "sql")
    statements = [each for each in told.partition(";  --")[0].split(";") if each.strip()]

    async def delete_and_count(connection: AsyncConnection) -> dict[str, int]:
        for statement in statements:
            await connection.execute(text(statement))
        counts = {
            "memberships": "SELECT count(*) FROM memberships",
            "users": "SELECT count(*) FROM users WHERE email = 'grace@acme.test'",
            "keys": "SELECT count(*) FROM api_keys WHERE user_id NOT IN (SELECT id FROM users)",
        }
        return {name: (await connection.execute(text(each))).scalar_one() for name, each in counts.items()}

    # Ada belongs to Other still, and Gone to Acme, and Eve to Other.
    assert await database.transaction(delete_and_count) == {"memberships": 3, "users": 0, "keys": 0}


async def test_a_key_that_is_made_beside_a_load_is_known_to_it(postgresql: PostgreSQLServer) -> None:
    """On SQLite the one waits for the other from its beginning."""
    url = postgresql.create()
    database = Database(DatabaseConfig(url=url, statement_timeout=PATIENCE_SECONDS))
    made, release = asyncio.Event(), asyncio.Event()

    async def make(connection: AsyncConnection) -> None:
        await connection.execute(
            text(
                "INSERT INTO api_keys (id, user_id, label, hash, mask, scopes, scoped_environments,"
                " scoped_organizations, created_at)"
                " SELECT gen_random_uuid(), id, 'new', 'x', 'x', '[]', '[]', '[]', 0"
                " FROM users WHERE email = 'ada@acme.test'"
            )
        )
        made.set()
        await release.wait()

    making = asyncio.create_task(database.transaction(make))
    await made.wait()
    wanted = document()
    wanted["api_keys"].append({"user": "ada@acme.test", "label": "new", "scopes": []})
    loading = asyncio.create_task(load_workspace(database, parse_workspace(json.dumps(wanted)), MICROSECOND))
    waiting = text("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await database.fetch(waiting):
            pass
    release.set()
    await making
    report = await loading
    assert (report.created, report.updated, report.made_keys) == (0, 0, ())
    await database.close()
    postgresql.drop(url)
