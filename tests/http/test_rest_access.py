"""contract/rest.md, 'Who may call', on each route."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest
from aiohttp import ClientSession
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.folders import system_clock
from gateway.keys import hash_key
from gateway.storage.engine import Database
from gateway.storage.tables import api_keys
from tests import keys
from tests.conftest import Serve
from tests.http.routes import ROUTES, Folders, Route

UNKNOWN: Final = "phx_unknown_key_00000000"
HEADER, BODY, QUERY = "Authorization header", "body", "query string"
_MINUTE: Final = 60_000_000
_HOUR: Final = 60 * _MINUTE


@pytest.fixture(params=ROUTES, ids=str)
def route(request: pytest.FixtureRequest) -> Route:
    found: Route = request.param
    return found


@pytest.fixture
def folders(client: ClientSession, route: Route) -> Folders:
    return Folders(client, route)


def error(code: str, detail: str, kind: str = "authentication_error") -> dict[str, Any]:
    return {"type": kind, "code": code, "detail": detail, "attr": None}


def wrong_key(found_in: str) -> dict[str, Any]:
    return error("authentication_failed", f"Personal API key found in request {found_in} is invalid.")


NO_KEY: Final = error("not_authenticated", "Authentication credentials were not provided.")
NO_PROJECT: Final = error("not_found", "Project not found.", "invalid_request")


async def set_key(database: Database, key: str, **values: Any) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(update(api_keys).where(api_keys.c.hash == hash_key(key)).values(**values))

    await database.transaction(work)


async def last_used_at(database: Database, key: str) -> int | None:
    rows = await database.fetch(select(api_keys.c.last_used_at).where(api_keys.c.hash == hash_key(key)))
    found: int | None = rows[0].last_used_at
    return found


@pytest.mark.parametrize(
    ("key", "place", "method", "status", "answer"),
    [
        pytest.param(None, "999", "PUT", 401, NO_KEY, id="no key, before all else"),
        pytest.param(UNKNOWN, "999", "PUT", 401, wrong_key(HEADER), id="unknown key, before the place"),
        pytest.param(keys.GONE, "1", "GET", 401, wrong_key(HEADER), id="inactive user"),
        pytest.param(keys.ADA_ENVIRONMENT_2, "999", "GET", 404, NO_PROJECT, id="place, before limits"),
        pytest.param(keys.ADA_OTHER_SCOPE, "abc", "GET", 404, NO_PROJECT, id="no number"),
        pytest.param(
            keys.ADA_ENVIRONMENT_2,
            "1",
            "GET",
            403,
            error("permission_denied", "API key does not have access to the requested project: ID 1."),
            id="limited to other environments",
        ),
        pytest.param(
            keys.ADA_ORGANIZATION_2,
            "1",
            "GET",
            403,
            error(
                "permission_denied",
                "API key does not have access to the requested organization: ID 018f0000-0000-7000-8000-000000000001.",
            ),
            id="limited to other organizations",
        ),
        pytest.param(
            keys.ADA_OTHER_SCOPE,
            "1",
            "GET",
            403,
            error("permission_denied", "API key missing required scope 'persisted_folder:read'"),
            id="no scope to read",
        ),
        pytest.param(
            keys.ADA_READ,
            "1",
            "PUT",
            403,
            error("permission_denied", "API key missing required scope 'persisted_folder:write'"),
            id="no scope to write, before the method",
        ),
        pytest.param(
            keys.EVE,
            "1",
            "PUT",
            403,
            error("permission_denied", "You don't have access to the project."),
            id="no member",
        ),
    ],
)
async def test_who_may_not(
    client: ClientSession,
    route: Route,
    key: str | None,
    place: str,
    method: str,
    status: int,
    answer: Mapping[str, Any],
) -> None:
    found = await Folders(client, route, place, key).ask(method)
    assert (found.status, found.json) == (status, answer)
    assert found.headers.get("Www-Authenticate") == ("Bearer" if status == 401 else None)


@pytest.mark.parametrize("key", [keys.ADA, keys.ADA_WRITE, keys.ADA_READ])
async def test_scopes_that_read(client: ClientSession, route: Route, key: str) -> None:
    folders = Folders(client, route, key=key)
    for method in ("GET", "HEAD"):
        assert (await folders.ask(method)).status == 200


@pytest.mark.parametrize("key", [keys.ADA, keys.ADA_WRITE])
async def test_scopes_that_write(client: ClientSession, route: Route, key: str) -> None:
    folders = Folders(client, route, key=key)
    await folders.create()
    assert (await folders.ask("OPTIONS")).status == 200


async def test_each_sees_only_their_own(client: ClientSession, route: Route) -> None:
    mine = await Folders(client, route).create(path="mine")
    graces = Folders(client, route, key=keys.GRACE)
    assert (await graces.ask()).json["count"] == 0
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = await graces.ask(method, f"{mine['id']}/", json={"type": "home", "path": "hers"})
        assert (answer.status, answer.json["detail"]) == (404, "Not found.")
    assert (await Folders(client, route).ask(rest=f"{mine['id']}/")).json == mine


async def test_current_is_the_callers_own(client: ClientSession, route: Route) -> None:
    created = await Folders(client, route, "@current").create()
    assert (await Folders(client, route, "1").ask(rest=created["id"])).json == created
    # Eve's current environment is 10, of an organization that Ada belongs to as well.
    await Folders(client, route, "@current", keys.EVE).create()
    assert (await Folders(client, route, "10", keys.EVE).ask()).json["count"] == 1
    assert (await Folders(client, route, "10").ask()).json["count"] == 0


async def test_a_project_stands_for_its_primary_environment(client: ClientSession) -> None:
    environment, project, desktop = (Folders(client, route) for route in ROUTES)
    created = await environment.create(path="web")
    assert (await project.ask(rest=created["id"])).json == created
    assert (await desktop.ask(rest=created["id"])).status == 404
    assert (await Folders(client, ROUTES[0], "3").ask(rest=created["id"])).status == 404
    assert (await Folders(client, ROUTES[1], "3").ask()).json == NO_PROJECT


@pytest.mark.parametrize("word", ["Bearer", "bearer", "BEARER"])
@pytest.mark.parametrize("spaces", [" ", "    "])
async def test_header(folders: Folders, word: str, spaces: str) -> None:
    headers = {"Authorization": f"{word}{spaces}{keys.ADA}  "}
    assert (await folders.ask(headers=headers)).status == 200


@pytest.mark.parametrize("value", [f"Basic {keys.ADA}", f"Token {keys.ADA}", keys.ADA, "Bearer", "Bearer "])
async def test_another_scheme_is_no_key(folders: Folders, value: str) -> None:
    headers = {"Authorization": value}
    answer = await folders.ask(headers=headers)
    assert (answer.status, answer.json) == (401, NO_KEY)
    # So the other places are looked at.
    assert (await folders.ask(rest=f"?personal_api_key={keys.ADA}", headers=headers)).status == 200


@pytest.mark.parametrize("sent_as", ["json", "data", "multipart"])
async def test_key_in_the_body(client: ClientSession, route: Route, sent_as: str) -> None:
    folders = Folders(client, route, key=None)

    def body(key: str) -> dict[str, Any]:
        fields = {"type": "home", "personal_api_key": key}
        if sent_as == "multipart":
            boundary = "x"
            parts = "".join(
                f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                for name, value in fields.items()
            )
            content_type = f"multipart/form-data; boundary={boundary}"
            return {"data": f"{parts}--x--\r\n".encode(), "headers": {"Content-Type": content_type}}
        return {sent_as: fields}

    assert (await folders.ask("POST", **body(keys.ADA))).status == 201
    assert (await folders.ask("POST", **body(UNKNOWN))).json == wrong_key(BODY)
    # The query string is not tried after it.
    assert (await folders.ask("POST", f"?personal_api_key={keys.ADA}", **body(UNKNOWN))).json == wrong_key(BODY)


async def test_key_in_the_query_string(client: ClientSession, route: Route) -> None:
    folders = Folders(client, route, key=None)
    assert (await folders.ask(rest=f"?personal_api_key={keys.ADA}")).status == 200
    assert (await folders.ask(rest=f"?personal_api_key={UNKNOWN}")).json == wrong_key(QUERY)


async def test_only_the_first_key_is_tried(folders: Folders) -> None:
    headers = keys.bearer(UNKNOWN)
    answer = await folders.ask(
        "POST", f"?personal_api_key={keys.ADA}", json={"personal_api_key": keys.ADA}, headers=headers
    )
    assert answer.json == wrong_key(HEADER)


@pytest.mark.parametrize("column", ["expires_at", "revoked_at"])
async def test_ended_keys(folders: Folders, database: Database, column: str) -> None:
    assert (await folders.ask()).status == 200
    await set_key(database, keys.ADA, **{column: system_clock() - 1})
    answer = await folders.ask()
    assert (answer.status, answer.json) == (401, wrong_key(HEADER))


async def test_a_key_that_has_not_expired_yet(folders: Folders, database: Database) -> None:
    await set_key(database, keys.ADA, expires_at=system_clock() + _HOUR)
    assert (await folders.ask()).status == 200


@pytest.mark.parametrize(
    ("age", "is_written"),
    [(None, True), (61 * _MINUTE, True), (59 * _MINUTE, False)],
    ids=["never", "61 min", "59 min"],
)
async def test_last_use_is_written_at_most_once_an_hour(
    serve: Serve, database: Database, route: Route, age: int | None, is_written: bool
) -> None:
    before = None if age is None else system_clock() - age
    await set_key(database, keys.ADA, last_used_at=before)
    started = system_clock()
    # When the service has ended, what it was writing is written.
    async with serve() as client:
        for _ in range(3):
            assert (await Folders(client, route).ask()).status == 200
    after = await last_used_at(database, keys.ADA)
    if is_written:
        assert after is not None
        assert after >= started
    else:
        assert after == before
    assert await last_used_at(database, keys.GRACE) is None
