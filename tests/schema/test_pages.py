"""Pages in both directions, against lists that are known."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest
from aiohttp import ClientSession
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.drivers import GraphQLDriver, Place, execute
from tests.keys import ADA
from tests.schema.conftest import MANY
from tests.schema.lists import LISTS

_SETTINGS: Final = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def _expected(rows: list[str], limit: int, backward: bool, after: int | None, before: int | None) -> dict[str, Any]:
    """The rows strictly between two, cut to a page; and whether there are others on either side."""
    low = 0 if after is None else after + 1
    high = len(rows) if before is None else before
    inside = list(range(low, high))
    kept = inside[-limit:] if backward else inside[:limit]
    return {
        "ids": [rows[index] for index in kept],
        "hasNextPage": (not backward and len(inside) > limit) or before is not None,
        "hasPreviousPage": (backward and len(inside) > limit) or after is not None,
    }


@pytest.mark.parametrize("name", LISTS)
async def test_any_page_is_the_part_of_the_list_that_it_should_be(many: ClientSession, name: str) -> None:
    pages = LISTS[name]
    whole = await pages.page(many)
    rows = [edge["node"]["id"] for edge in whole["edges"]]
    cursors = [edge["cursor"] for edge in whole["edges"]]
    assert len(rows) == len(set(rows)) == {"viewer": 3 + MANY, "environments": 4 + MANY}.get(name, 3)
    loop = asyncio.get_running_loop()
    indexes = st.none() | st.integers(0, len(rows) - 1)

    @given(limit=st.integers(1, len(rows) + 2) | st.just(100), backward=st.booleans(), after=indexes, before=indexes)
    @example(limit=1, backward=False, after=len(rows) - 1, before=0)
    @example(limit=1, backward=True, after=len(rows) - 1, before=0)
    @example(limit=1, backward=True, after=0, before=0)
    @_SETTINGS
    def check(limit: int, backward: bool, after: int | None, before: int | None) -> None:
        arguments = {
            "last" if backward else "first": limit,
            "after": None if after is None else cursors[after],
            "before": None if before is None else cursors[before],
        }
        page = asyncio.run_coroutine_threadsafe(pages.page(many, **arguments), loop).result(60)
        info = page["pageInfo"]
        found = {
            "ids": [node["id"] for node in page["nodes"]],
            "hasNextPage": info["hasNextPage"],
            "hasPreviousPage": info["hasPreviousPage"],
        }
        assert found == _expected(rows, limit, backward, after, before)
        shown = [cursors[rows.index(each)] for each in found["ids"]]
        assert [edge["cursor"] for edge in page["edges"]] == shown
        assert (info["startCursor"], info["endCursor"]) == ((shown[0], shown[-1]) if shown else (None, None))
        assert page["totalCount"] == len(rows)

    await asyncio.to_thread(check)


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("size", [1, 2, 7, 100])
@pytest.mark.parametrize("backward", [False, True])
async def test_walking_shows_every_row_once(many: ClientSession, name: str, size: int, backward: bool) -> None:
    pages = LISTS[name]
    whole = [node["id"] for node in (await pages.page(many))["nodes"]]
    found: list[str] = []
    cursor = None
    while True:
        arguments = {"last": size, "before": cursor} if backward else {"first": size, "after": cursor}
        page = await pages.page(many, **arguments)
        ids = [node["id"] for node in page["nodes"]]
        found = ids + found if backward else found + ids
        cursor = page["pageInfo"]["startCursor" if backward else "endCursor"]
        if not page["pageInfo"]["hasPreviousPage" if backward else "hasNextPage"]:
            break
        assert len(ids) == size
    assert found == whole


async def test_what_changes_between_pages_hides_and_repeats_nothing(client: ClientSession) -> None:
    driver = GraphQLDriver(client)
    pages = LISTS["viewer"]
    ids = {}
    for number in (1, 2, 3):
        for folder_type in ("custom_products", "pinned"):
            answer = await driver.upsert(ADA, Place("environment", str(number)), "web", {"type": folder_type})
            ids[number, folder_type] = answer.folder.id
    first = await pages.page(client, first=3)
    # The last row of the page goes away, so does one before it and one after; others come, on both sides.
    for slot in ((2, "custom_products"), (1, "custom_products"), (3, "pinned")):
        assert (await driver.delete(ADA, Place("environment", str(slot[0])), "web", ids[slot])).status == 200
    for number in (1, 3):
        await driver.upsert(ADA, Place("environment", str(number)), "web", {"type": "home"})
    second = await pages.page(client, first=3, after=first["pageInfo"]["endCursor"])
    document = "{ viewer { persistedFolders { nodes { id environment { environmentId } type } } } }"
    nodes = (await execute(client, document, ADA))["data"]["viewer"]["persistedFolders"]["nodes"]
    assert [(node["environment"]["environmentId"], node["type"]) for node in nodes] == [
        (1, "HOME"),
        (1, "PINNED"),
        (2, "PINNED"),
        (3, "CUSTOM_PRODUCTS"),
        (3, "HOME"),
    ]
    assert [node["id"] for node in second["nodes"]] == [node["id"] for node in nodes[2:]]
    assert second["pageInfo"]["hasPreviousPage"] is True
    assert second["pageInfo"]["hasNextPage"] is False
    # The other way round, from the cursor of a row that is gone.
    back = await pages.page(client, last=3, before=first["pageInfo"]["endCursor"])
    assert [node["id"] for node in back["nodes"]] == [node["id"] for node in nodes[:2]]
    assert (back["pageInfo"]["hasPreviousPage"], back["pageInfo"]["hasNextPage"]) == (False, True)


async def test_flags_are_true_to_the_data(client: ClientSession) -> None:
    """A cursor alone is no proof that something lies beyond it."""
    driver = GraphQLDriver(client)
    place = Place("environment", "1")
    for folder_type in ("custom_products", "home", "pinned"):
        await driver.upsert(ADA, place, "web", {"type": folder_type})
    for pages in (LISTS["place"], LISTS["viewer"]):
        cursors = [edge["cursor"] for edge in (await pages.page(client))["edges"]]
        folders = (await driver.list(ADA, place, "web")).folders
        for folder in (folders[0], folders[2]):
            await driver.delete(ADA, place, "web", folder.id)
        page = await pages.page(client, after=cursors[0], before=cursors[2])
        assert [page["pageInfo"][name] for name in ("hasPreviousPage", "hasNextPage")] == [False, False]
        assert len(page["nodes"]) == 1
        for folder in (folders[0], folders[2]):
            await driver.upsert(ADA, place, "web", {"type": folder.type})
