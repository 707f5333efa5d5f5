"""Every operation x key x place x surface, against the table 'Who may call' of contract/rest.md.

The oracle below knows the workspace file and that table, and nothing of the service.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pytest
from aiohttp import ClientSession

from gateway.settings import load_settings
from tests.conftest import serving
from tests.databases import WORKSPACE, DatabaseServer
from tests.drivers import SURFACES, Answer, Driver, GraphQLDriver, Place, RestDriver, Surface, can_reach, node_id

_WORKSPACE: Final = json.loads(WORKSPACE.read_text())
_KEYS: Final = {f"{key['user'].partition('@')[0]} {key['label']}": key for key in _WORKSPACE["api_keys"]}
_USERS: Final = {user["email"]: user for user in _WORKSPACE["users"]}
_MEMBERS: Final = {
    organization["id"]: {member["email"] for member in organization["members"]}
    for organization in _WORKSPACE["organizations"]
}
# environment -> (project, organization)
_HOMES: Final = {
    environment["id"]: (project["id"], organization["id"])
    for organization in _WORKSPACE["organizations"]
    for project in organization["projects"]
    for environment in project["environments"]
}
_TEXTS: Final = ("1", "2", "3", "10", "999", "abc", "@current")
_PLACES: Final = [Place(kind, text) for kind in ("project", "environment") for text in _TEXTS]
_NODE_PLACES: Final = [
    *(Place("project", node_id("Project", raw)) for raw in (1, 3, 10, 999)),
    *(Place("environment", node_id("Environment", raw)) for raw in (1, 3, 10, 999)),
    # A Node id of a project names no environment, nor the other way round.
    Place("environment", node_id("Project", 1)),
    Place("project", node_id("Environment", 1)),
]
_WRITES: Final = frozenset({"upsert", "upsert_all", "update", "replace", "delete"})
_UNKNOWN: Final = "phx_of_nobody_00000000000000000000000"


@dataclass(frozen=True)
class Expected:
    """`environment` is where the operation takes place, None where it is refused."""

    status: int
    code: str | None = None
    detail: str | None = None
    environment: int | None = None


def _expect(key_name: str | None, place: Place | None, writes: bool) -> Expected:
    return next(_rows(key_name, place, writes))


def _rows(key_name: str | None, place: Place | None, writes: bool) -> Iterator[Expected]:
    """The rows of the table that apply, in its order."""
    if key_name is None:
        yield Expected(401, "not_authenticated", "Authentication credentials were not provided.")
    key = _KEYS.get(key_name or "")
    if key is None or not _USERS[key["user"]].get("is_active", True):
        detail = "Personal API key found in request Authorization header is invalid."
        yield Expected(401, "authentication_failed", detail)
    assert key is not None
    environment = _locate(place, _USERS[key["user"]]["current_environment"])
    if environment is None:
        yield Expected(404, "not_found", "Project not found.")
    assert environment is not None
    _, organization = _HOMES[environment]
    if key.get("scoped_environments") and environment not in key["scoped_environments"]:
        yield _denied(f"API key does not have access to the requested project: ID {environment}.")
    if key.get("scoped_organizations") and organization not in key["scoped_organizations"]:
        yield _denied(f"API key does not have access to the requested organization: ID {organization}.")
    scope = f"persisted_folder:{'write' if writes else 'read'}"
    if not {scope, "persisted_folder:write", "*"} & set(key["scopes"]):
        yield _denied(f"API key missing required scope '{scope}'")
    if key["user"] not in _MEMBERS[organization]:
        yield _denied("You don't have access to the project.")
    yield Expected(200, environment=environment)


def _denied(detail: str) -> Expected:
    return Expected(403, "permission_denied", detail)


def _locate(place: Place | None, current: int) -> int | None:
    if place is None or place == Place("environment", "@current"):
        return current
    if place == Place("project", "@current"):
        return _HOMES[current][0]
    projects = {str(project): project for project, _ in _HOMES.values()}
    environments = {str(environment): environment for environment in _HOMES}
    known = projects if place.kind == "project" else environments
    nodes = {node_id(place.kind.title(), text): number for text, number in known.items()}
    return (known | nodes).get(place.id)


def _may_write(user: str, environment: int) -> bool:
    return user in _MEMBERS[_HOMES[environment][1]]


@dataclass
class World:
    """One service for all combinations of a database; in every place that a user reaches lies a folder to look at."""

    client: ClientSession
    # By user, environment and surface.
    landmarks: dict[tuple[str, int, Surface], str]


@pytest.fixture(scope="module")
def matrix_url(database_server: DatabaseServer) -> Iterator[str]:
    url = database_server.create()
    yield url
    database_server.drop(url)


@pytest.fixture(scope="module")
async def world(matrix_url: str) -> AsyncIterator[World]:
    async with serving(load_settings(database_url=matrix_url)) as client:
        driver = GraphQLDriver(client)
        landmarks = {}
        for user, environment, surface in _stations():
            place = Place("environment", str(environment))
            fields = {"type": "pinned", "path": _mark(user, environment, surface)}
            answer = await driver.upsert(_full_key(user), place, surface, fields)
            landmarks[user, environment, surface] = answer.folder.id
        yield World(client, landmarks)
        # Whatever was refused above has left no trace.
        for user, environment, surface in _stations():
            answer = await driver.list(_full_key(user), Place("environment", str(environment)), surface)
            assert [(folder.type, folder.path) for folder in answer.folders] == [
                ("pinned", _mark(user, environment, surface))
            ]


def _stations() -> Iterator[tuple[str, int, Surface]]:
    for user in _USERS:
        for environment in _HOMES:
            if _may_write(user, environment) and _USERS[user].get("is_active", True):
                for surface in SURFACES:
                    yield user, environment, surface


def _mark(user: str, environment: int, surface: Surface) -> str:
    return f"{user}/{environment}/{surface}"


def _full_key(user: str) -> str:
    return next(key["value"] for key in _WORKSPACE["api_keys"] if key["user"] == user and key["label"] == "all")


@pytest.mark.parametrize("key_name", [None, "unknown", *_KEYS])
@pytest.mark.parametrize("operation", ["list", "retrieve", "upsert", "update", "replace", "delete"])
async def test_rest(world: World, operation: str, key_name: str | None) -> None:
    await _check_all(world, RestDriver(world.client), operation, key_name, _PLACES)


@pytest.mark.parametrize("key_name", [None, "unknown", *_KEYS])
@pytest.mark.parametrize("operation", ["list", "retrieve", "upsert", "upsert_all", "update", "delete"])
async def test_graphql(world: World, operation: str, key_name: str | None) -> None:
    # Without a place, an id is looked for everywhere, and all else is about the current environment.
    no_place = [None] if operation in ("list", "upsert", "upsert_all") else []
    await _check_all(world, GraphQLDriver(world.client), operation, key_name, [*no_place, *_PLACES, *_NODE_PLACES])


async def _check_all(
    world: World, driver: Any, operation: str, key_name: str | None, places: Sequence[Place | None]
) -> None:
    for place, surface in _combinations(driver, key_name, places):
        expected = _expect(key_name, place, operation in _WRITES)
        answer = await _run(world, driver, operation, key_name, place, surface, expected)
        found = Expected(answer.status, answer.code, answer.detail, expected.environment)
        assert found == expected, (place, surface)


def _combinations(
    driver: Any, key_name: str | None, places: Sequence[Place | None]
) -> Iterator[tuple[Place | None, Surface]]:
    """All that tell something: without a valid key one place is as another, and a Node id is a number in the end."""
    is_valid = key_name in _KEYS and _USERS[_KEYS[key_name]["user"]].get("is_active", True)
    for place in places if is_valid else places[::4]:
        for surface in SURFACES if place not in _NODE_PLACES else SURFACES[:1]:
            if place is None or can_reach(driver, place, surface):
                yield place, surface


async def _run(
    world: World,
    driver: Any,
    operation: str,
    key_name: str | None,
    place: Place | None,
    surface: Surface,
    expected: Expected,
) -> Answer:
    """Does it. Where it is allowed, also makes sure that it took place where it should, and clears up."""
    key = None if key_name is None else _KEYS[key_name]["value"] if key_name in _KEYS else _UNKNOWN
    if expected.environment is None:
        # Somebody's real folder: what is refused must not reach it.
        folder_id = world.landmarks["ada@acme.test", 1, surface]
        return await _call(driver, operation, key, place, surface, folder_id)
    user = _KEYS[key_name or ""]["user"]
    at = (user, expected.environment, surface)
    if operation == "list":
        answer = await driver.list(key, place, surface)
        assert [folder.path for folder in answer.folders] == [_mark(*at)]
        return answer
    if operation == "retrieve":
        answer = await driver.retrieve(key, place, surface, world.landmarks[at])
        assert answer.folder.path == _mark(*at)
        return answer
    return await _write(world, driver, operation, key, place, at)


async def _write(
    world: World, driver: Any, operation: str, key: str | None, place: Place | None, at: tuple[str, int, Surface]
) -> Answer:
    user, environment, surface = at
    checker = GraphQLDriver(world.client)
    home = Place("environment", str(environment))
    before = None
    if operation in ("update", "replace", "delete"):
        before = (await checker.upsert(_full_key(user), home, surface, {"type": "home", "path": "before"})).folder
    answer = await _call(driver, operation, key, place, surface, before.id if before else "")
    after = (await checker.list(_full_key(user), home, surface)).folders
    assert [(folder.type, folder.path) for folder in after] == [
        *([] if operation == "delete" else [("home", "after")]),
        ("pinned", _mark(*at)),
    ]
    if operation != "delete":
        await checker.delete(_full_key(user), home, surface, after[0].id)
    return answer


async def _call(
    driver: Driver | Any, operation: str, key: str | None, place: Place | None, surface: Surface, folder_id: str
) -> Answer:
    fields = {"type": "home", "path": "after"}
    answer: Answer
    match operation:
        case "upsert":
            answer = await driver.upsert(key, place, surface, fields)
        case "upsert_all":
            answer = await driver.upsert_all(key, place, surface, [fields])
        case "update" | "replace":
            answer = await getattr(driver, operation)(key, place, surface, folder_id, fields)
        case _:
            arguments = () if operation == "list" else (folder_id,)
            answer = await getattr(driver, operation)(key, place, surface, *arguments)
    return answer
