"""Access and arguments: which error, with which words, at which field."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import ClientSession

from tests.drivers import execute
from tests.keys import ADA, ADA_OTHER_SCOPE, ADA_READ, ADA_WRITE, GONE, bearer
from tests.subscriptions import over_events

_NOT_AUTHENTICATED = {
    "message": "Authentication credentials were not provided.",
    "extensions": {"code": "UNAUTHENTICATED", "status": 401, "reason": "not_authenticated"},
}


def _bare(error: dict[str, Any]) -> dict[str, Any]:
    return {name: error[name] for name in ("message", "extensions")}


def _forbidden(message: str) -> dict[str, Any]:
    return {
        "message": message,
        "extensions": {"code": "FORBIDDEN", "status": 403, "reason": "permission_denied"},
    }


def _bad_input(message: str) -> dict[str, Any]:
    return {"message": message, "extensions": {"code": "BAD_USER_INPUT", "status": 400, "reason": "invalid_input"}}


@pytest.mark.parametrize(
    "selection",
    [
        "viewer { scopes }",
        'node(id: "x") { id }',
        'nodes(ids: ["x"]) { id }',
        "nodes(ids: []) { id }",
        "project { id }",
        "environment { id }",
        "persistedFolders { totalCount }",
        'persistedFolder(id: "x") { id }',
        "persistedFolderByType(type: HOME) { id }",
        "rateLimit { limit }",
    ],
)
async def test_every_query_needs_a_key(client: ClientSession, selection: str) -> None:
    body = await execute(client, f"{{ {selection} }}")
    (error,) = body["errors"]
    assert _bare(error) == _NOT_AUTHENTICATED
    assert error["path"] == [selection.partition("(")[0].split()[0]]


@pytest.mark.parametrize(
    "call",
    [
        "upsertPersistedFolder(input: {type: HOME}) { created }",
        "upsertPersistedFolders(input: {folders: []}) { userErrors { code } }",
        'updatePersistedFolder(input: {id: "x"}) { userErrors { code } }',
        'deletePersistedFolder(input: {id: "x"}) { userErrors { code } }',
    ],
)
async def test_every_mutation_needs_a_key_and_the_scope(client: ClientSession, call: str) -> None:
    body = await execute(client, f"mutation {{ {call} }}")
    assert [_bare(error) for error in body["errors"]] == [_NOT_AUTHENTICATED]
    for key in (ADA_READ, ADA_OTHER_SCOPE):
        body = await execute(client, f"mutation {{ {call} }}", key)
        assert body["data"] is None
        expected = _forbidden("API key missing required scope 'persisted_folder:write'")
        assert [_bare(error) for error in body["errors"]] == [expected]


async def test_the_type_name_needs_no_key(client: ClientSession) -> None:
    assert await execute(client, "{ __typename }") == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("key", ["phx_of_nobody_00000000000000000", "x", GONE])
async def test_a_wrong_key_is_refused_before_anything_runs(client: ClientSession, key: str) -> None:
    async with client.post("/graphql", json={"query": "{ __typename }"}, headers=bearer(key)) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        body = await response.json()
    (error,) = body.pop("errors")
    assert body == {}
    assert error["message"] == "Personal API key found in request Authorization header is invalid."
    assert error["extensions"] == {"code": "UNAUTHENTICATED", "status": 401, "reason": "authentication_failed"}


@pytest.mark.parametrize(
    ("selection", "scope"),
    [
        ("project { name }", "project:read"),
        ("environment { name }", "project:read"),
        ("environment { project { name } }", "project:read"),
        ("viewer { email }", "user:read"),
    ],
)
async def test_scopes_of_fields(client: ClientSession, selection: str, scope: str) -> None:
    assert "errors" not in await execute(client, f"{{ {selection} }}", ADA)
    body = await execute(client, f"{{ {selection} }}", ADA_WRITE)
    assert [_bare(error) for error in body["errors"]] == [_forbidden(f"API key missing required scope '{scope}'")]


@pytest.mark.parametrize(
    "selection",
    [
        "persistedFolders { totalCount }",
        'persistedFolder(id: "x") { id }',
        'persistedFolder(id: "x", environmentId: 1) { id }',
        "persistedFolderByType(type: HOME) { id }",
        "viewer { persistedFolders { totalCount } }",
        "environment { persistedFolders { totalCount } }",
        "environment { persistedFolderByType(type: HOME) { id } }",
    ],
)
async def test_folders_need_the_scope(client: ClientSession, selection: str) -> None:
    for key in (ADA_READ, ADA_WRITE):
        assert "errors" not in await execute(client, f"{{ {selection} }}", key)
    body = await execute(client, f"{{ {selection} }}", ADA_OTHER_SCOPE)
    expected = _forbidden("API key missing required scope 'persisted_folder:read'")
    assert [_bare(error) for error in body["errors"]] == [expected]


async def test_a_field_that_is_refused_leaves_its_neighbours(client: ClientSession) -> None:
    document = "{ viewer { scopes } environment { environmentId } folder: persistedFolderByType(type: HOME) { id } }"
    body = await execute(client, document, ADA_OTHER_SCOPE)
    assert body["data"] == {
        "viewer": {"scopes": ["insight:write"]},
        "environment": {"environmentId": 1},
        "folder": None,
    }
    assert [error["path"] for error in body["errors"]] == [["folder"]]


# All fields that take a place.
_TWO_PLACES = [
    "{ persistedFolders(projectId: 1, environmentId: 1) { totalCount } }",
    '{ persistedFolder(id: "x", projectId: 1, environmentId: 1) { id } }',
    "{ persistedFolderByType(type: HOME, projectId: 1, environmentId: 1) { id } }",
    "mutation { upsertPersistedFolder(input: {type: HOME, projectId: 1, environmentId: 1}) { created } }",
    "mutation { upsertPersistedFolders(input: {folders: [], projectId: 1, environmentId: 1}) { userErrors { code } } }",
    'mutation { updatePersistedFolder(input: {id: "x", projectId: 1, environmentId: 1}) { userErrors { code } } }',
    'mutation { deletePersistedFolder(input: {id: "x", projectId: 1, environmentId: 1}) { userErrors { code } } }',
    "subscription { persistedFolderChanged(projectId: 1, environmentId: 1) { cursor } }",
]


@pytest.mark.parametrize("document", _TWO_PLACES)
async def test_two_places_contradict(client: ClientSession, document: str) -> None:
    expected = _bad_input("Arguments 'projectId' and 'environmentId' exclude each other.")
    assert await _streamed_errors(client, document, ADA) == [expected]


@pytest.mark.parametrize("document", _TWO_PLACES)
async def test_without_a_key_nothing_is_told_of_a_place(client: ClientSession, document: str) -> None:
    assert await _streamed_errors(client, document, None) == [_NOT_AUTHENTICATED]


async def _streamed_errors(client: ClientSession, document: str, key: str | None) -> list[dict[str, Any]]:
    """In a stream of events subscriptions run too."""
    async with over_events(client, key, document) as events:
        event = await events.event()
    assert event is not None
    return [_bare(error) for error in event.json["errors"]]


@pytest.mark.parametrize("place", ['projectId: ""', 'environmentId: ""', "projectId: 999", 'environmentId: "x"'])
@pytest.mark.parametrize(
    "document",
    [
        "{{ persistedFolders({place}) {{ totalCount }} }}",
        '{{ persistedFolder(id: "{id}", {place}) {{ id }} }}',
        "{{ persistedFolderByType(type: HOME, {place}) {{ id }} }}",
        "mutation {{ upsertPersistedFolder(input: {{type: HOME, {place}}}) {{ created }} }}",
        'mutation {{ updatePersistedFolder(input: {{id: "{id}", {place}}}) {{ userErrors {{ code }} }} }}',
        'mutation {{ deletePersistedFolder(input: {{id: "{id}", {place}}}) {{ userErrors {{ code }} }} }}',
    ],
)
async def test_a_place_that_is_not_there_is_an_error(client: ClientSession, document: str, place: str) -> None:
    """An empty text is such a place; it must not mean 'anywhere'."""
    stored = await execute(
        client, "mutation { upsertPersistedFolder(input: {type: HOME}) { persistedFolder { uuid } } }", ADA
    )
    folder_id = stored["data"]["upsertPersistedFolder"]["persistedFolder"]["uuid"]
    body = await execute(client, document.format(place=place, id=folder_id), ADA)
    assert [_bare(error) for error in body["errors"]] == [
        {"message": "Project not found.", "extensions": {"code": "NOT_FOUND", "status": 404, "reason": "not_found"}}
    ]


@pytest.mark.parametrize(
    "field",
    [
        "viewer { persistedFolders",
        "viewer { environments",
        "viewer { currentEnvironment { persistedFolders",
        "environment { persistedFolders",
    ],
)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("first: 0", "Argument 'first' must be from 1 to 100, not 0."),
        ("first: -1", "Argument 'first' must be from 1 to 100, not -1."),
        ("first: 101", "Argument 'first' must be from 1 to 100, not 101."),
        ("last: 0", "Argument 'last' must be from 1 to 100, not 0."),
        ("last: 2147483647", "Argument 'last' must be from 1 to 100, not 2147483647."),
        ("first: 1, last: 1", "Arguments 'first' and 'last' exclude each other."),
        ('after: ""', "Argument 'after' is no cursor of this list."),
        ('before: "MQ"', "Argument 'before' is no cursor of this list."),
    ],
)
async def test_arguments_of_pages(client: ClientSession, field: str, arguments: str, message: str) -> None:
    document = f"{{ {field}({arguments}) {{ totalCount {'} ' * field.count('{')} }} }}"
    body = await execute(client, document, ADA)
    assert [_bare(error) for error in body["errors"]] == [_bad_input(message)]


@pytest.mark.parametrize(
    "shared", ["project { primaryEnvironment { id } }", "project { environments { id } }"], ids=["one", "several"]
)
@pytest.mark.parametrize("is_first", [True, False])
async def test_a_field_that_fails_takes_nothing_from_another_that_waits_for_the_same(
    client: ClientSession, shared: str, is_first: bool
) -> None:
    """What is no longer needed of the first is cancelled; what both have asked for goes on for the second."""
    failing = "persistedFolders { totalCount }"
    first = f"{failing} {shared}" if is_first else f"{shared} {failing}"
    document = f'{{ a: environment(id: "3") {{ {first} }} b: environment(id: "3") {{ {shared} }} }}'
    # The second time, the environment was read along with the key.
    for _ in range(2):
        answer = await execute(client, document, key=ADA_OTHER_SCOPE)
        assert answer["data"]["a"] is None
        assert answer["data"]["b"]["project"]
        assert [error["path"] for error in answer["errors"]] == [["a", "persistedFolders"]]
