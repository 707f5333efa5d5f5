"""What may be kept: nothing, but the schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import pytest
from aiohttp import ClientSession
from graphql import build_client_schema, get_introspection_query, lexicographic_sort_schema, print_schema

from tests.conftest import Serve
from tests.keys import ADA, bearer

_PRIVATE: Final = "private, no-store"
_PUBLIC: Final = "public, max-age=0, must-revalidate"
_OWN: Final = "private, max-age=0, must-revalidate"
_SCHEMA: Final = "{ __schema { queryType { name } } }"


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


async def get(client: ClientSession, query: str, **options: Any) -> Answer:
    async with client.get("/graphql", params={"query": query}, **options) as response:
        return Answer(response.status, response.headers, await response.read())


def varies_by(response: Answer) -> set[str]:
    return {each.strip() for each in response.headers["Vary"].split(",")}


@pytest.mark.parametrize(
    "query",
    ["{ viewer { id } }", "{ __typename viewer { id } }", "{ viewer { emale } }", "{", "{ nodes(ids: []) { id } }"],
)
async def test_answers_are_not_kept(client: ClientSession, query: str) -> None:
    for key in (bearer(ADA), {}):
        response = await get(client, query, headers=key)
        assert response.headers["Cache-Control"] == _PRIVATE
        assert "ETag" not in response.headers
        assert "Accept" in varies_by(response)
        async with client.post("/graphql", json={"query": query}, headers=key) as posted:
            assert posted.headers["Cache-Control"] == _PRIVATE


@pytest.mark.parametrize(
    "query", [_SCHEMA, get_introspection_query(), "{ __typename }", '{ __type(name: "Query") { name } }']
)
async def test_introspection_is_cheap_to_ask_for_again(client: ClientSession, query: str) -> None:
    first = await get(client, query)
    assert first.status == 200
    assert first.headers["Cache-Control"] == _PUBLIC
    assert "Accept" in varies_by(first)
    tag = first.headers["ETag"]
    for known in (tag, f'"other", {tag}', "*", tag.removeprefix("W/")):
        again = await get(client, query, headers={"If-None-Match": known})
        # Weak where the answer would have been compressed.
        assert (again.status, again.body) == (304, b"")
        assert again.headers["ETag"].removeprefix("W/") == tag.removeprefix("W/")
        assert again.headers["Cache-Control"] == _PUBLIC
        assert "Accept" in varies_by(again)
    other = await get(client, query, headers={"If-None-Match": '"other"'})
    assert (other.status, other.body) == (200, first.body)
    # By POST nothing is kept, but the answer is the same.
    async with client.post("/graphql", json={"query": query}) as posted:
        assert (posted.headers["Cache-Control"], "ETag" in posted.headers) == (_PRIVATE, False)
        assert await posted.read() == first.body


async def test_the_answer_of_one_operation_is_not_that_of_another(client: ClientSession) -> None:
    query = "query A { __schema { queryType { name } } } query B { __schema { mutationType { name } } } query C($t: String!) { __type(name: $t) { name } }"
    found = []
    for parameters in (
        {"operationName": "A"},
        {"operationName": "B"},
        {"operationName": "A"},
        {"operationName": "C", "variables": '{"t": "Query"}'},
        {"operationName": "C", "variables": '{"t": "Viewer"}'},
    ):
        async with client.get("/graphql", params={"query": query, **parameters}) as response:
            found.append((await response.json())["data"])
    assert found == [
        {"__schema": {"queryType": {"name": "Query"}}},
        {"__schema": {"mutationType": {"name": "Mutation"}}},
        {"__schema": {"queryType": {"name": "Query"}}},
        {"__type": {"name": "Query"}},
        {"__type": {"name": "Viewer"}},
    ]


async def test_what_needs_a_key_is_private(serve: Serve) -> None:
    async with serve(introspection="key") as client:
        response = await get(client, _SCHEMA, headers=bearer(ADA))
        assert response.headers["Cache-Control"] == _OWN
        tag = response.headers["ETag"]
        assert (await get(client, _SCHEMA, headers={**bearer(ADA), "If-None-Match": tag})).status == 304
        # To know the tag is no key.
        refused = await get(client, _SCHEMA, headers={"If-None-Match": tag})
        assert (refused.status, refused.headers["Cache-Control"]) == (401, _PRIVATE)


async def test_with_a_key_only_the_callers_own_cache_may_keep_the_schema_for_its_limit_is_told(serve: Serve) -> None:
    async with serve(rate_limits=True) as client:
        public = await get(client, _SCHEMA)
        tag = public.headers["ETag"]
        assert public.headers["Cache-Control"] == _PUBLIC
        assert not [name for name in public.headers if name.startswith("RateLimit")]
        for fields, status in (({}, 200), ({"If-None-Match": tag}, 304)):
            own = await get(client, _SCHEMA, headers={**bearer(ADA), **fields})
            assert (own.status, own.headers["ETag"].removeprefix("W/")) == (status, tag.removeprefix("W/"))
            assert own.headers["Cache-Control"] == _OWN
            assert "RateLimit-Remaining" in own.headers


async def test_the_schema_as_text(client: ClientSession) -> None:
    async with client.get("/schema.graphql") as first:
        text = await first.text()
        assert (first.status, first.content_type, first.headers["Cache-Control"]) == (200, "text/plain", _PUBLIC)
    tag = first.headers["ETag"]
    for known, status in ((tag, 304), (f'W/{tag.removeprefix("W/")}, "b"', 304), ("*", 304), ('"other"', 200)):
        async with client.get("/schema.graphql", headers={"If-None-Match": known}) as again:
            assert again.status == status
            assert again.headers["ETag"].removeprefix("W/") == tag.removeprefix("W/")
            assert bool(await again.read()) is (status == 200)
    async with client.get("/graphql", params={"query": get_introspection_query()}) as response:
        introspected = build_client_schema((await response.json())["data"])
    without_applied = print_schema(lexicographic_sort_schema(introspected))
    assert "type PersistedFolder implements Node {" in without_applied
    assert {line for line in without_applied.splitlines() if line.startswith(("type ", "input ", "enum "))} == {
        line for line in text.splitlines() if line.startswith(("type ", "input ", "enum "))
    }
