"""Cursors: what a list takes, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from aiohttp import ClientSession

from gateway.settings import load_settings
from tests.conftest import Serve, serving
from tests.keys import EVE, GRACE
from tests.schema.lists import LISTS, list_at


async def test_cursors_of_another_list_are_refused(many: ClientSession) -> None:
    lists = {
        **LISTS,
        "desktop": list_at("persistedFolders", arguments=", surface: DESKTOP"),
        "elsewhere": list_at("persistedFolders", arguments=", environmentId: 100"),
        "of types": list_at("persistedFolders", arguments=", types: [HOME]"),
        "of no types": list_at("persistedFolders", arguments=", types: []"),
        "viewer, of types": list_at("viewer", "persistedFolders", arguments=", types: [HOME]"),
        "viewer, of surfaces": list_at("viewer", "persistedFolders", arguments=", surfaces: [WEB]"),
    }
    for name, pages in lists.items():
        edges = (await pages.page(many, first=1))["edges"]
        for other_name, other in lists.items():
            for edge in edges:
                for argument in ("after", "before"):
                    if other_name != name:
                        found = await other.error(many, **{argument: edge["cursor"]})
                        assert found == ("BAD_USER_INPUT", f"Argument '{argument}' is no cursor of this list.")


async def test_cursors_of_another_viewer_are_refused(many: ClientSession) -> None:
    for pages in LISTS.values():
        cursor = (await pages.page(many, first=1))["pageInfo"]["endCursor"]
        for key in (GRACE, EVE):
            assert (await pages.error(many, key, after=cursor))[0] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    "change",
    [
        lambda cursor: cursor[:-1],
        lambda cursor: cursor + "=",
        lambda cursor: cursor[:-1] + ("A" if cursor[-1] != "A" else "B"),
        lambda cursor: ("A" if cursor[0] != "A" else "B") + cursor[1:],
        lambda _: "",
        lambda _: "A" * 500_000,
        lambda _: "\ud800",
        lambda _: "é",
    ],
)
async def test_cursors_that_were_changed_are_refused(many: ClientSession, change: Callable[[str], str]) -> None:
    for pages in LISTS.values():
        cursor = (await pages.page(many, first=1))["pageInfo"]["endCursor"]
        assert (await pages.error(many, after=change(cursor)))[0] == "BAD_USER_INPUT"


async def test_the_same_list_in_other_words_takes_cursors(many: ClientSession) -> None:
    spelled = [
        list_at("persistedFolders", arguments=arguments)
        for arguments in (
            ", environmentId: 1, types: [HOME, PINNED]",
            ', projectId: "1", types: [PINNED, HOME]',
            ', environmentId: "@current", types: [PINNED, HOME, PINNED], surface: WEB',
        )
    ]
    cursor = (await spelled[0].page(many, first=1))["pageInfo"]["endCursor"]
    found = [(await pages.page(many, after=cursor))["nodes"] for pages in spelled]
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 1


async def test_cursors_survive_a_restart_and_hold_across_instances(many: ClientSession, many_url: str) -> None:
    for pages in LISTS.values():
        whole = await pages.page(many)
        cursor = whole["edges"][0]["cursor"]
        async with serving(load_settings(database_url=many_url)) as other:
            page = await pages.page(other, after=cursor)
            assert page["edges"] == whole["edges"][1:]


async def test_cursors_are_signed_with_the_secret_of_the_settings(serve: Serve) -> None:
    pages = LISTS["environments"]
    async with serve(cursor_secret="a" * 32) as one, serve(cursor_secret="b" * 32) as other, serve() as third:
        cursor = (await pages.page(one, first=1))["pageInfo"]["endCursor"]
        assert (await pages.error(other, after=cursor))[0] == "BAD_USER_INPUT"
        assert (await pages.error(third, after=cursor))[0] == "BAD_USER_INPUT"
        async with serve(cursor_secret="a" * 32) as again:
            assert len((await pages.page(again, after=cursor))["nodes"]) == 3
