"""The number of SQL statements of a request does not depend on how many lists, environments or ids are in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from aiohttp import ClientSession

from tests.drivers import GraphQLDriver, Place, execute, node_id
from tests.keys import ADA
from tests.schema.lists import LISTS
from tests.statements import counted_statements

_MANY: Final = 24


def _aliases(count: int, selection: Callable[[int], str]) -> str:
    return "{ " + " ".join(f"a{n}: {selection(n)}" for n in range(count)) + " }"


def _below_viewer(count: int, selection: Callable[[int], str]) -> str:
    return f"{{ viewer {_aliases(count, selection)} }}"


def _types(n: int) -> str:
    return ("[HOME]", "[PINNED]", "[HOME, PINNED]", "[]")[n % 4]


def _surface(n: int) -> str:
    return ("WEB", "DESKTOP")[n % 2]


DOCUMENTS: Final[dict[str, Callable[[int], str]]] = {
    "lists of places": lambda count: _aliases(
        count, lambda n: f"persistedFolders(environmentId: {100 + n}) {{ nodes {{ path }} }}"
    ),
    "lists of one place": lambda count: _aliases(
        count,
        lambda n: (
            f"persistedFolders(surface: {_surface(n)}, types: {_types(n)}, first: {n + 1}) {{ totalCount nodes {{ path }} }}"
        ),
    ),
    "lists with their environments": lambda count: _aliases(
        count,
        lambda n: (
            f"persistedFolders(environmentId: {101 + n}, first: 3) {{ nodes {{ environment {{ name project {{ environments {{ id }} }} }} }} }}"
        ),
    ),
    "folders by type": lambda count: _aliases(
        count, lambda n: f"persistedFolderByType(type: HOME, environmentId: {100 + n}) {{ path }}"
    ),
    "environments": lambda count: _aliases(
        count, lambda n: f"environment(id: {100 + n}) {{ persistedFolders {{ nodes {{ path }} }} }}"
    ),
    "projects": lambda count: _aliases(
        count,
        lambda n: (
            f"project(id: {100 + n}) {{ primaryEnvironment {{ name }} environments {{ persistedFolders(first: 3) {{ totalCount }} }} }}"
        ),
    ),
    "nodes": lambda count: (
        "{ nodes(ids: ["
        + " ".join(f'"{node_id(name, 100 + n)}"' for n in range(count) for name in ("Environment", "Project"))
        + "]) { id ... on Environment { persistedFolders { nodes { path } } } ... on Project { environments { name } } } }"
    ),
    "node by alias": lambda count: _aliases(count, lambda n: f'node(id: "{node_id("Environment", 100 + n)}") {{ id }}'),
    "nested lists": lambda count: (
        f"{{ viewer {{ environments(first: {count}) {{ nodes {{ persistedFolders(first: 3) {{ nodes {{ path }} totalCount }} "
        "desktop: persistedFolders(surface: DESKTOP, first: 3) { nodes { path } } persistedFolderByType(type: HOME) { path } "
        "project { primaryEnvironment { name } environments { persistedFolders(first: 1) { nodes { path } } } } } } } }"
    ),
    "viewer's lists": lambda count: _below_viewer(
        count, lambda n: f"persistedFolders(first: {n + 1}, types: {_types(n)}) {{ nodes {{ path }} }}"
    ),
    "viewer's lists, counted": lambda count: _below_viewer(
        count,
        lambda n: f"persistedFolders(first: {n + 1}, surfaces: [{_surface(n)}]) {{ totalCount nodes {{ path }} }}",
    ),
    "viewer's lists by an alias of the viewer": lambda count: _aliases(
        count, lambda n: f"viewer {{ persistedFolders(last: {n + 1}) {{ nodes {{ environment {{ name }} }} }} }}"
    ),
    "viewer's environments": lambda count: _below_viewer(
        count, lambda n: f"environments(last: {n + 1}) {{ totalCount nodes {{ name }} }}"
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_as_many_for_24_as_for_1(many: ClientSession, name: str) -> None:
    counts = {}
    for count in (1, 2, _MANY):
        with counted_statements() as sent:
            body = await execute(many, DOCUMENTS[name](count), ADA)
        assert "errors" not in body, body
        counts[count] = len(sent)
    # One is the key's own; the rest is what the document asks for.
    assert counts[1] == counts[2] == counts[_MANY] > 1, sent


async def test_folders_by_id(many: ClientSession) -> None:
    body = await execute(many, "{ viewer { persistedFolders { nodes { id } } } }", ADA)
    ids = [node["id"] for node in body["data"]["viewer"]["persistedFolders"]["nodes"]]
    counts = set()
    for some in (ids[:1], ids[:_MANY]):
        for document in (
            "{ nodes(ids: [" + " ".join(f'"{each}"' for each in some) + "]) { ... on PersistedFolder { path } } }",
            _aliases(len(some), lambda n, some=some: f'persistedFolder(id: "{some[n]}") {{ path }}'),  # type: ignore[misc]
        ):
            with counted_statements() as sent:
                assert "errors" not in await execute(many, document, ADA)
            counts.add(len(sent))
    assert counts == {2}


async def test_pages_by_cursor_are_one_statement(many: ClientSession) -> None:
    for name in ("viewer", "environments"):
        cursors = [edge["cursor"] for edge in (await LISTS[name].page(many))["edges"]]
        field = LISTS[name].path[-1]
        counts = set()
        for count in (1, _MANY):
            document = _below_viewer(
                count,
                lambda n, field=field, cursors=cursors: (  # type: ignore[misc]
                    f'{field}(last: 3, after: "{cursors[0]}", before: "{cursors[n + 1]}") {{ nodes {{ id }} }}'
                ),
            )
            with counted_statements() as sent:
                assert "errors" not in await execute(many, document, ADA)
            counts.add(len(sent))
        assert counts == {2}


@pytest.mark.parametrize("name", LISTS)
async def test_a_total_is_counted_only_where_it_is_selected(many: ClientSession, name: str) -> None:
    pages = LISTS[name]
    bare = pages.document.replace(" totalCount", "")
    assert bare != pages.document
    with counted_statements() as without:
        await execute(many, bare, ADA)
    with counted_statements() as counted:
        await execute(many, pages.document, ADA)
    assert not any("count(" in statement for statement in without)
    # The three folders of a place are fetched whole, so that their number is known.
    assert len(counted) - len(without) == (1 if name in ("viewer", "environments") else 0)


async def test_an_upsert_is_one_statement(client: ClientSession) -> None:
    driver = GraphQLDriver(client)
    place = Place("environment", "1")
    drafts = [{"type": each} for each in ("home", "pinned", "custom_products")]
    counts = []
    for folders in (drafts[:1], drafts, drafts[:1], drafts):
        with counted_statements() as sent:
            assert (await driver.upsert_all(ADA, place, "web", folders)).status == 200  # type: ignore[arg-type]
        assert "ON CONFLICT" in sent[-1]
        counts.append(len(sent))
    # The key, the environment, the write; the environment comes with the key where the document is known.
    assert counts == [3, 2, 2, 2]


DOCUMENTS_READ_WITH_THE_KEY: Final = {
    **{
        name: DOCUMENTS[name](_MANY)
        for name in ("lists of places", "lists of one place", "folders by type", "environments")
    },
    "lists of a page": (
        "query($first: Int) { viewer { id environments(first: $first) { pageInfo { hasNextPage } edges { node { "
        "name persistedFolders { nodes { path environment { name } } } persistedFolderByType(type: HOME, surface: DESKTOP) { path } } } } } }"
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS_READ_WITH_THE_KEY)
async def test_what_a_known_document_reads_comes_with_the_key(many: ClientSession, name: str) -> None:
    document = DOCUMENTS_READ_WITH_THE_KEY[name] + " # known"
    await execute(many, document, ADA)
    with counted_statements() as sent:
        await execute(many, document, ADA)
    assert len(sent) == 1, sent
