"""contract/rest.md, 'List', on each route."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pytest
from aiohttp import ClientSession

from tests.http.raw import port_of
from tests.http.routes import ROUTES, Folders, Route

TYPES: Final = ("custom_products", "home", "pinned")
# Query, rows, `next`, `previous`.
PAGES: Final[tuple[tuple[str, Sequence[int], str | None, str | None], ...]] = (
    ("", (0, 1, 2), None, None),
    ("?limit=1", (0,), "?limit=1&offset=1", None),
    ("?limit=1&offset=1", (1,), "?limit=1&offset=2", "?limit=1"),
    ("?limit=1&offset=2", (2,), None, "?limit=1&offset=1"),
    ("?offset=1", (1, 2), None, "?limit=100"),
    ("?limit=2&offset=5", (), None, "?limit=2&offset=3"),
    ("?foo=bar&limit=1&offset=1", (1,), "?foo=bar&limit=1&offset=2", "?foo=bar&limit=1"),
    ("?limit=2&q=a%20b%26c", (0, 1), "?limit=2&offset=2&q=a+b%26c", None),
    ("?limit=2&offset=1", (1, 2), None, "?limit=2"),
    ("?limit=3", (0, 1, 2), None, None),
    # What is no positive integer is the default.
    *((f"?limit={limit}", (0, 1, 2), None, None) for limit in ("0", "-1", "abc", "1.5", "")),
    *((f"?limit=1&offset={offset}", (0,), "?limit=1&offset=1", None) for offset in ("-1", "abc", "1.5", "")),
    # Better: no number is too large.
    ("?limit=1000&offset=1", (1, 2), None, "?limit=1000"),
    ("?limit=1001&offset=1", (1, 2), None, "?limit=1000"),
    (f"?limit={'9' * 20}", (0, 1, 2), None, None),
    (f"?offset={'9' * 20}", (), None, f"?limit=100&offset={int('9' * 20) - 100}"),
    (f"?limit={'9' * 5000}&offset=1", (1, 2), None, "?limit=1000"),
    (f"?limit={'0' * 5000}2&offset=1", (1, 2), None, "?limit=2"),
    (f"?limit=2&offset={'9' * 5000}", (), None, f"?limit=2&offset={'9' * 4299}7"),
)


@pytest.fixture(params=ROUTES, ids=str)
async def folders(client: ClientSession, request: pytest.FixtureRequest) -> Folders:
    """Three folders, made in another order than the list's."""
    route: Route = request.param
    found = Folders(client, route)
    for folder_type in ("pinned", "custom_products", "home"):
        await found.create(type=folder_type)
    return found


async def test_pages(folders: Folders, subtests: pytest.Subtests) -> None:
    base = f"http://127.0.0.1:{await port_of(folders.client)}{folders.route.path.format(1)}"
    for query, rows, following, previous in PAGES:
        with subtests.test(query[:40]):
            answer = await folders.ask(rest=query)
            assert answer.status == 200
            assert list(answer.json) == ["count", "next", "previous", "results"]
            assert answer.json["count"] == 3
            assert [row["type"] for row in answer.json["results"]] == [TYPES[row] for row in rows]
            assert answer.json["next"] == (None if following is None else base + following)
            assert answer.json["previous"] == (None if previous is None else base + previous)


async def test_links_lead_through_the_list_and_back(folders: Folders) -> None:
    headers = {"Authorization": f"Bearer {folders.key}"}
    seen = []
    url: str | None = folders.route.path.format(1) + "?limit=1"
    last = ""
    while url is not None:
        async with folders.client.get(url, headers=headers) as response:
            page = await response.json()
        seen += [row["type"] for row in page["results"]]
        last, url = str(url), page["next"]
    assert seen == list(TYPES)
    back = 0
    url = last
    while url is not None:
        async with folders.client.get(url, headers=headers) as response:
            url = (await response.json())["previous"]
        back += 1
    assert back == 3
