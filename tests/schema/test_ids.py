"""Ids as clients write them, and what `node`, `nodes`, `project` and `environment` give away: nothing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from aiohttp import ClientSession

from tests.drivers import Folder, GraphQLDriver, Place, execute, node_id
from tests.keys import ADA, ADA_ENVIRONMENT_2, ADA_ORGANIZATION_2, ADA_OTHER_SCOPE, EVE, GRACE, bearer

_FOLDER = "query ($id: ID!) { persistedFolder(id: $id) { uuid } }"
_NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"


async def _folder(client: ClientSession, key: str = ADA, environment: int = 1, folder_type: str = "home") -> Folder:
    place = Place("environment", str(environment))
    return (await GraphQLDriver(client).upsert(key, place, "web", {"type": folder_type})).folder


@pytest.mark.parametrize("written", ["1", '"1"', f'"{node_id("Environment", 1)}"', '"@current"'])
async def test_an_environment_is_a_number_a_node_id_or_current(client: ClientSession, written: str) -> None:
    document = f"{{ environment(id: {written}) {{ environmentId }} persistedFolders(environmentId: {written}) {{ totalCount }} }}"
    body = await execute(client, document, ADA)
    assert body == {"data": {"environment": {"environmentId": 1}, "persistedFolders": {"totalCount": 0}}}


@pytest.mark.parametrize("written", ["1", '"1"', f'"{node_id("Project", 1)}"', '"@current"'])
async def test_a_project_is_a_number_a_node_id_or_current(client: ClientSession, written: str) -> None:
    document = f"{{ project(id: {written}) {{ projectId }} persistedFolders(projectId: {written}) {{ totalCount }} }}"
    body = await execute(client, document, ADA)
    assert body == {"data": {"project": {"projectId": 1}, "persistedFolders": {"totalCount": 0}}}


@pytest.mark.parametrize("value", [1, "1", 1.0, node_id("Environment", 1)])
async def test_ids_in_variables_are_numbers_or_texts(client: ClientSession, value: Any) -> None:
    document = "query ($id: ID!) { environment(id: $id) { environmentId } }"
    assert await execute(client, document, ADA, {"id": value}) == {"data": {"environment": {"environmentId": 1}}}


async def test_places_default_to_the_current_ones(client: ClientSession) -> None:
    body = await execute(client, "{ project { projectId } environment { environmentId } }", EVE)
    assert body == {"data": {"project": {"projectId": 10}, "environment": {"environmentId": 10}}}


async def test_a_folder_is_found_by_any_form_of_its_id(client: ClientSession) -> None:
    uuid = UUID((await _folder(client)).id)
    for text in (str(uuid), str(uuid).upper(), uuid.hex, uuid.hex.upper()):
        for written in (text, node_id("PersistedFolder", text)):
            body = await execute(client, _FOLDER, ADA, {"id": written})
            assert body == {"data": {"persistedFolder": {"uuid": str(uuid)}}}, written


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "abc",
        "@current",
        "\0",
        "é",
        "\ud800",
        "0" * 31,
        "0" * 33,
        "g" * 32,
        "A" * 100_000,
        "00000000-0000-7000-8000-000000000000",
    ]
    + [
        node_id(name, raw)
        for name in ("Environment", "Viewer", "Nothing")
        for raw in (1, "00000000-0000-7000-8000-000000000000")
    ]
    + [
        node_id("PersistedFolder", ""),
        node_id("PersistedFolder", "abc"),
        node_id("Environment", "@current"),
        node_id("Project", "@current"),
    ],
)
async def test_what_names_nothing_is_null(client: ClientSession, text: str) -> None:
    for document, field in ((_FOLDER, "persistedFolder"), (_NODE, "node")):
        if text == node_id("Environment", 1) and field == "node":
            continue
        assert await execute(client, document, ADA, {"id": text}) == {"data": {field: None}}


async def test_every_node_is_found_by_its_own_id(client: ClientSession) -> None:
    await _folder(client)
    document = "{ viewer { id currentEnvironment { id project { id } persistedFolders { nodes { id } } } } }"
    viewer = (await execute(client, document, ADA))["data"]["viewer"]
    environment = viewer["currentEnvironment"]
    ids = [
        viewer["id"],
        environment["id"],
        environment["project"]["id"],
        environment["persistedFolders"]["nodes"][0]["id"],
    ]
    body = await execute(client, "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", ADA, {"ids": ids})
    names = ["Viewer", "Environment", "Project", "PersistedFolder"]
    assert body == {"data": {"nodes": [{"__typename": n, "id": i} for n, i in zip(names, ids, strict=True)]}}
    for name, each in zip(names, ids, strict=True):
        assert await execute(client, _NODE, ADA, {"id": each}) == {"data": {"node": {"__typename": name, "id": each}}}


async def test_an_id_never_tells_whether_something_exists(client: ClientSession) -> None:
    folder = await _folder(client, EVE, 10)
    eve = (await execute(client, "{ viewer { id } }", EVE))["data"]["viewer"]["id"]
    real = [node_id("PersistedFolder", folder.id), node_id("Environment", 10), node_id("Project", 10), eve]
    unreal = [
        node_id("PersistedFolder", "00000000-0000-7000-8000-000000000000"),
        node_id("Environment", 999),
        node_id("Project", 999),
        node_id("Viewer", "00000000-0000-7000-8000-000000000000"),
    ]
    for key in (GRACE, ADA_ENVIRONMENT_2, ADA_OTHER_SCOPE):
        for one, other in zip(real, unreal, strict=True):
            if key == ADA_OTHER_SCOPE and one in real[1:3]:
                # Ada belongs to both organizations; environments need no scope to be seen.
                continue
            assert await execute(client, _NODE, key, {"id": one}) == await execute(client, _NODE, key, {"id": other})
    for field in ("project", "environment"):
        for number in (10, 999):
            document = f"query ($id: ID!) {{ {field}(id: $id) {{ id }} }}"
            for written in (number, str(number), node_id(field.title(), number)):
                assert await execute(client, document, GRACE, {"id": written}) == {"data": {field: None}}


async def test_limits_of_a_key_hide_places(client: ClientSession) -> None:
    document = """{ one: environment(id: 1) { id } two: environment(id: 2) { environmentId } three: environment(id: 3) { id }
                    ten: environment(id: 10) { environmentId } first: project(id: 1) { id } second: project(id: 2) { projectId } }"""
    assert (await execute(client, document, ADA_ENVIRONMENT_2))["data"] == {
        "one": None,
        "two": {"environmentId": 2},
        "three": None,
        "ten": None,
        "first": None,
        "second": {"projectId": 2},
    }
    assert (await execute(client, document, ADA_ORGANIZATION_2))["data"] == {
        "one": None,
        "two": None,
        "three": None,
        "ten": {"environmentId": 10},
        "first": None,
        "second": None,
    }


async def test_a_folder_of_another_place_or_surface_is_null(client: ClientSession) -> None:
    folder = await _folder(client, environment=3)
    document = """query ($id: ID!, $project: ID, $environment: ID, $surface: Surface) {
      persistedFolder(id: $id, projectId: $project, environmentId: $environment, surface: $surface) { uuid } }"""
    for place, found in (
        ({}, True),
        ({"environment": 3}, True),
        ({"environment": 3, "surface": "WEB"}, True),
        ({"surface": "WEB"}, True),
        ({"surface": "DESKTOP"}, False),
        ({"environment": 3, "surface": "DESKTOP"}, False),
        ({"environment": 1}, False),
        ({"project": 1}, False),
        ({"project": 1, "surface": "WEB"}, False),
    ):
        body = await execute(client, document, ADA, {"id": folder.id, **place})
        assert body == {"data": {"persistedFolder": {"uuid": folder.id} if found else None}}, place


async def test_one_wrong_id_among_nodes_leaves_the_others(client: ClientSession) -> None:
    """A key without the scope for folders is told so at the folder, and gets the rest."""
    ids = [node_id("Environment", 1), node_id("PersistedFolder", "00000000-0000-7000-8000-000000000000")]
    body = await execute(
        client, "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ADA_OTHER_SCOPE, {"ids": [*ids, ids[0]]}
    )
    assert body["data"] == {"nodes": [{"id": ids[0]}, None, {"id": ids[0]}]}
    (error,) = body["errors"]
    assert error["path"] == ["nodes", 1]
    assert error["extensions"] == {"code": "FORBIDDEN", "status": 403, "reason": "permission_denied"}


async def test_thousands_of_ids_are_one_request(client: ClientSession) -> None:
    """More than a statement of either database takes parameters."""
    folder = await _folder(client)
    ids = [node_id("Environment", n) for n in range(1, 34_000)]
    async with client.post(
        "/graphql",
        json={"query": "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", "variables": {"ids": ids}},
        headers=bearer(ADA),
    ) as response:
        body = await response.json()
    # A limit may refuse it, and the database must not be what breaks.
    assert response.status < 500
    for error in body.get("errors", []):
        assert error["extensions"]["status"] == 400
    assert folder.id
