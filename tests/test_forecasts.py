"""What is read along with a key changes the number of statements, and no answer.

A document is foreseen from the second time on. So each is sent twice, and the answers compared: for every
key, and for places that are there, are out of reach, are current, or are none.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest
from aiohttp import ClientSession

from gateway.storage.directory import Directory
from tests import keys
from tests.drivers import GraphQLDriver, Place, node_id
from tests.keys import ADA, GRACE, bearer
from tests.statements import counted_statements
from tests.subscriptions import connected

_KEYS: Final = {name: value for name, value in vars(keys).items() if name.isupper() and isinstance(value, str)}
_PLACES: Final = [
    "",
    *(f"environmentId: {each}" for each in ("1", "3", "99", '"@current"', '"x"')),
    *(f"projectId: {each}" for each in ("1", "3", '"@current"', f'"{node_id("Project", 1)}"')),
    'projectId: "1", environmentId: "1"',
]
_LIST: Final = "{ totalCount edges { cursor node { id environment { name } } } }"


async def answer(client: ClientSession, key: str, body: dict[str, Any]) -> tuple[int, bytes]:
    async with client.post("/graphql", json=body, headers=bearer(key)) as response:
        return response.status, await response.read()


async def assert_same_twice(client: ClientSession, key: str, document: str, variables: dict[str, Any]) -> None:
    body = {"query": document, "variables": variables}
    first = await answer(client, key, body)
    assert await answer(client, key, body) == first


async def _fill(client: ClientSession) -> None:
    driver = GraphQLDriver(client)
    for key in (ADA, GRACE):
        for folder_type in ("home", "pinned"):
            for surface in ("web", "desktop"):
                await driver.upsert(key, Place("environment", "1"), surface, {"type": folder_type})  # type: ignore[arg-type]


# What a failed sibling has cancelled (docs/decisions/0015).
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("key", _KEYS)
async def test_answers_are_the_same_as_without(client: ClientSession, key: str) -> None:
    await _fill(client)
    for place in _PLACES:
        arguments = f"({place})" if place else ""
        and_more = f", {place}" if place else ""
        for document in (
            f"{{ persistedFolders{arguments} {_LIST} }}",
            f"{{ a: persistedFolders {_LIST} b: persistedFolders(surface: DESKTOP{and_more}) {_LIST} viewer {{ id }} }}",
            f"{{ a: persistedFolders{arguments} {_LIST} b: persistedFolders(first: 0{and_more}) {_LIST} }}",
            f"{{ persistedFolderByType(type: PINNED{and_more}) {{ id environment {{ id }} }} }}",
            f"mutation {{ upsertPersistedFolders(input: {{folders: []{and_more}}}) {{ userErrors {{ message }} }} }}",
        ):
            await assert_same_twice(client, _KEYS[key], f"{document} # {key}", {})
    for number in ("1", "2", "99", "@current", node_id("Environment", 1)):
        nested = f"{{ id a: persistedFolders {_LIST} b: persistedFolders(surface: DESKTOP) {_LIST} }}"
        document = f'{{ environment(id: "{number}") {nested} }} # {key}'
        await assert_same_twice(client, _KEYS[key], document, {})


# As above.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("key", _KEYS)
async def test_pages_of_environments_are_the_same_as_without(client: ClientSession, key: str) -> None:
    await _fill(client)
    page_info = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
    lists = f"id name a: persistedFolders {_LIST} b: persistedFolders(surface: DESKTOP) {_LIST}"
    for viewer in (
        *(f"environments{first} {{ nodes {{ {lists} }} {page_info} }}" for first in ("", "(first: 1)", "(first: 100)")),
        f"id scopes environments(first: 2) {{ edges {{ cursor node {{ {lists} }} }} {page_info} }}",
        f"environments(first: 2) {{ nodes {{ c: persistedFolders(first: 0) {{ totalCount }} {lists} }} }}",
        "environments(last: 1) { nodes { id } } email",
        f"environments(first: 0) {{ nodes {{ id }} {page_info} }} email",
        f"environments {{ totalCount nodes {{ persistedFolderByType(type: HOME) {{ path }} }} {page_info} }}",
        "environments(first: 1) { nodes { id } } a: environments(first: 2) { nodes { id } }",
        "currentEnvironment { id } environments(first: 1) { nodes { id } }",
        "... on Viewer { environments(first: 1) { nodes { id } } }",
    ):
        await assert_same_twice(client, _KEYS[key], f"{{ viewer {{ {viewer} }} }} # {key}", {})
        query = f"query($first: Int = 1) {{ viewer {{ {viewer.replace('(first: 1)', '(first: $first)')} }} }} # {key}"
        for variables in ({"first": each} for each in (1, 2, None, 101, "1", 1.0, True)):
            await assert_same_twice(client, _KEYS[key], query, variables)


@pytest.fixture
def slow_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A field that fails without reading anything is always before one that reads, however slow the machine is."""
    environments = Directory.environments

    async def read_later(*arguments: Any) -> Any:
        for _ in range(100):
            await asyncio.sleep(0)
        return await environments(*arguments)

    monkeypatch.setattr(Directory, "environments", read_later)


# As above.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("slow_reads")
@pytest.mark.parametrize("key", _KEYS)
@pytest.mark.parametrize("place", ["environmentId: 1", "environmentId: 99", 'projectId: "3"'])
async def test_what_fails_beside_the_viewer_is_the_same_as_without(client: ClientSession, key: str, place: str) -> None:
    await _fill(client)
    for viewer in (
        "persistedFolders(first: 101) { totalCount }",
        "environments(first: 0) { totalCount }",
        "... on Viewer { persistedFolders(first: 0) { totalCount } }",
        "currentEnvironment { name }",
        "email",
    ):
        for folders in (f"persistedFolders({place})", f"persistedFolderByType(type: HOME, {place})"):
            both = f"z: {folders} {{ __typename }} viewer {{ {viewer} }}"
            await assert_same_twice(client, _KEYS[key], f"{{ {both} }} # {key}", {})
            await assert_same_twice(client, _KEYS[key], f"{{ a: viewer {{ scopes }} {both} }} # {key}", {})


@pytest.mark.parametrize(
    ("beside", "statements"),
    [
        ("viewer { email }", 1),
        ("viewer { id scopes } rateLimit { limit }", 1),
        ("viewer { persistedFolders { totalCount } }", 5),
        ("viewer { ... on Viewer { email } }", 3),
    ],
)
async def test_what_is_foreseen_beside_the_viewer(client: ClientSession, beside: str, statements: int) -> None:
    document = f"{{ persistedFolders(environmentId: 1) {{ nodes {{ id }} }} {beside} }}"
    await answer(client, ADA, {"query": document})
    with counted_statements() as sent:
        await answer(client, ADA, {"query": document})
    assert len(sent) == statements, sent


@pytest.mark.parametrize(
    "variables",
    [
        {},
        *({"e": each} for each in ("1", 1, "@current", None, True, [], 1.5)),
        *({"s": each} for each in ("DESKTOP", None, "BOTH", ["WEB"])),
        *({"i": each} for each in ({"environmentId": 1}, 1, None, {"environmentId": {}})),
    ],
    ids=str,
)
async def test_variables_of_all_kinds(client: ClientSession, variables: dict[str, Any]) -> None:
    await _fill(client)
    query = f'query($e: ID = "1", $s: Surface! = WEB) {{ persistedFolders(environmentId: $e, surface: $s) {_LIST} }}'
    await assert_same_twice(client, ADA, f"{query} # {variables}", variables)
    given = {"i": {"folders": [], **value} if isinstance(value := variables.get("i", {}), dict) else value}
    mutation = (
        "mutation($i: UpsertPersistedFoldersInput!) { upsertPersistedFolders(input: $i) { userErrors { code } } }"
    )
    await assert_same_twice(client, ADA, f"{mutation} # {variables}", given)


async def test_a_mutation_sees_what_it_wrote(client: ClientSession) -> None:
    document = """mutation($path: String!) {
      upsertPersistedFolder(input: {environmentId: 1, type: HOME, path: $path}) {
        persistedFolder { environment { persistedFolders { nodes { path } } } }
      }
    }"""
    for path in ("a", "b", "c"):
        _, body = await answer(client, ADA, {"query": document, "variables": {"path": path}})
        assert f'"nodes":[{{"path":"{path}"}}]'.encode() in body


async def test_a_wrong_key_is_refused_before_a_wrong_document(client: ClientSession) -> None:
    for body in ({"query": "{ viewer { id } }"}, {"query": "{"}, {"query": 1}, []):
        for _ in range(2):
            async with client.post("/graphql", json=body, headers=bearer("phx_wrong")) as response:
                assert response.status == 401


async def test_a_rest_list_is_one_statement(client: ClientSession) -> None:
    await _fill(client)
    for place in ("environments/1", "projects/1", "environments/@current", "projects/@current"):
        with counted_statements() as sent:
            async with client.get(f"/api/{place}/persisted_folder/", headers=bearer(ADA)) as response:
                assert (await response.json())["count"] == 2
        assert len(sent) == 1, sent


async def test_a_list_over_server_sent_events_is_one_statement(client: ClientSession) -> None:
    body, headers = {"query": f"{{ persistedFolders {_LIST} }} # events"}, bearer(ADA) | {"Accept": "text/event-stream"}
    for statements in (None, 1):
        with counted_statements() as sent:
            async with client.post("/graphql", json=body, headers=headers) as response:
                assert b"event: complete" in await response.read()
        assert statements in (None, len(sent)), sent


async def test_a_list_over_a_websocket_is_one_statement(client: ClientSession) -> None:
    async with connected(client) as opened:
        await opened.init()
        for statements in (None, 1):
            with counted_statements() as sent:
                await opened.subscribe("1", f"{{ persistedFolders {_LIST} }} # websocket")
                assert [(await opened.receive())["type"] for _ in range(2)] == ["next", "complete"]
            assert statements in (None, len(sent)), sent


async def test_a_rest_create_is_two(client: ClientSession) -> None:
    with counted_statements() as sent:
        async with client.post(
            "/api/environments/1/persisted_folder/", json={"type": "home"}, headers=bearer(ADA)
        ) as response:
            assert response.status == 201
    assert len(sent) == 2, sent
