"""The viewer, and what a key with limits sees of places."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import ClientSession
from sqlalchemy import update

from gateway.storage.engine import Database
from gateway.storage.keys import KeyStore, NewKey
from gateway.storage.tables import users
from tests.conftest import Serve
from tests.drivers import GraphQLDriver, Place, execute, node_id
from tests.keys import ADA, ADA_ENVIRONMENT_2, ADA_ORGANIZATION_2, ADA_READ, EVE, GRACE


async def _key(database: Database, *scopes: str, **limits: Any) -> str:
    made = await KeyStore(database).create(NewKey("ada@acme.test", "for a test", scopes, **limits), now=0)
    return made.value


async def test_who_the_viewer_is(client: ClientSession, database: Database) -> None:
    key = await _key(database, "user:read", "insight:write", "persisted_folder:read", "user:read")
    body = await execute(client, "{ viewer { id email scopes currentEnvironment { environmentId } } }", key)
    viewer = body["data"]["viewer"]
    rows = await database.fetch(users.select().where(users.c.email == "ada@acme.test"))
    assert viewer == {
        "id": node_id("Viewer", rows[0].id),
        "email": "ada@acme.test",
        "scopes": ["insight:write", "persisted_folder:read", "user:read"],
        "currentEnvironment": {"environmentId": 1},
    }


@pytest.mark.parametrize(
    ("key", "numbers"),
    [
        (ADA, [1, 2, 3, 10]),
        (ADA_READ, [1, 2, 3, 10]),
        (ADA_ENVIRONMENT_2, [2]),
        (ADA_ORGANIZATION_2, [10]),
        (GRACE, [1, 2, 3]),
        (EVE, [10]),
    ],
)
async def test_environments_that_the_key_may_reach(client: ClientSession, key: str, numbers: list[int]) -> None:
    body = await execute(client, "{ viewer { environments { nodes { environmentId } totalCount } } }", key)
    assert body["data"]["viewer"]["environments"] == {
        "nodes": [{"environmentId": number} for number in numbers],
        "totalCount": len(numbers),
    }


async def test_the_current_environment_is_null_out_of_reach(client: ClientSession) -> None:
    for key in (ADA_ENVIRONMENT_2, ADA_ORGANIZATION_2):
        body = await execute(client, "{ viewer { currentEnvironment { id } } environment { id } project { id } }", key)
        assert body == {"data": {"viewer": {"currentEnvironment": None}, "environment": None, "project": None}}


async def test_a_user_without_a_current_environment(serve: Serve, database: Database) -> None:
    async def forget(connection: Any) -> None:
        await connection.execute(update(users).values(current_environment_id=None))

    await database.transaction(forget)
    async with serve() as client:
        body = await execute(
            client,
            "{ viewer { currentEnvironment { id } } environment { id } project { id } persistedFolderByType(type: HOME) { id } }",
            ADA,
        )
    assert body["data"] == {
        "viewer": {"currentEnvironment": None},
        "environment": None,
        "project": None,
        "persistedFolderByType": None,
    }
    (error,) = body["errors"]
    assert (error["message"], error["extensions"]["code"]) == ("Project not found.", "NOT_FOUND")


async def test_a_key_for_one_environment_of_a_project(client: ClientSession, database: Database) -> None:
    key = await _key(database, "*", environments=[3])
    document = "{ environment(id: 3) { project { projectId name environments { environmentId } } } }"
    body = await execute(client, document, key)
    assert body["data"]["environment"]["project"] == {
        "projectId": 1,
        "name": "Web shop",
        "environments": [{"environmentId": 3}],
    }
    # It cannot be null, so it is an error; in the words of REST.
    body = await execute(client, "{ project(id: 1) { projectId primaryEnvironment { environmentId } } }", key)
    assert body["data"] == {"project": None}
    (error,) = body["errors"]
    assert error["path"] == ["project", "primaryEnvironment"]
    assert error["message"] == "API key does not have access to the requested project: ID 1."
    assert error["extensions"]["code"] == "FORBIDDEN"


async def test_the_walk_between_projects_and_environments(client: ClientSession) -> None:
    document = """{ project(id: 1) { projectId name primaryEnvironment { environmentId name project { projectId } }
                    environments { environmentId name project { projectId } } } }"""
    body = await execute(client, document, ADA)
    assert body["data"]["project"] == {
        "projectId": 1,
        "name": "Web shop",
        "primaryEnvironment": {"environmentId": 1, "name": "Production", "project": {"projectId": 1}},
        "environments": [
            {"environmentId": 1, "name": "Production", "project": {"projectId": 1}},
            {"environmentId": 3, "name": "Staging", "project": {"projectId": 1}},
        ],
    }


async def test_folders_everywhere_that_the_key_reaches(client: ClientSession) -> None:
    driver = GraphQLDriver(client)
    expected = []
    for environment in (1, 2, 3, 10):
        for surface in ("desktop", "web"):
            for folder_type in ("custom_products", "home"):
                place = Place("environment", str(environment))
                answer = await driver.upsert(ADA, place, surface, {"type": folder_type})  # type: ignore[arg-type]
                expected.append((environment, surface.upper(), folder_type.upper(), answer.folder.id))
    await driver.upsert(GRACE, Place("environment", "1"), "web", {"type": "pinned"})
    document = """query ($surfaces: [Surface!], $types: [PersistedFolderType!]) {
      viewer { persistedFolders(surfaces: $surfaces, types: $types) {
        nodes { environment { environmentId } surface type uuid } totalCount } } }"""
    for key, reached in ((ADA, {1, 2, 3, 10}), (ADA_ENVIRONMENT_2, {2}), (ADA_ORGANIZATION_2, {10})):
        for surfaces in (None, [], ["WEB"], ["WEB", "DESKTOP", "WEB"]):
            for types in (None, [], ["HOME"], ["PINNED"], ["PINNED", "HOME"]):
                variables = {"surfaces": surfaces, "types": types}
                found = (await execute(client, document, key, variables))["data"]["viewer"]["persistedFolders"]
                rows = [
                    row
                    for row in expected
                    if row[0] in reached
                    and (surfaces is None or row[1] in surfaces)
                    and (types is None or row[2] in types)
                ]
                assert [
                    (node["environment"]["environmentId"], node["surface"], node["type"], node["uuid"])
                    for node in found["nodes"]
                ] == rows
                assert found["totalCount"] == len(rows)


async def test_no_rate_limit_is_null(client: ClientSession) -> None:
    assert await execute(client, "{ rateLimit { limit } }", ADA) == {"data": {"rateLimit": None}}


async def test_the_rate_limit(serve: Serve) -> None:
    async with serve(rate_limits=True, rate_limit_per_minute=10) as client:
        for remaining in (9, 8):
            body = await execute(client, "{ rateLimit { limit remaining resetAt } }", ADA)
            limit = body["data"]["rateLimit"]
            assert (limit["limit"], limit["remaining"]) == (10, remaining)
            assert limit["resetAt"].endswith("Z")
