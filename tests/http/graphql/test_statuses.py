"""The HTTP status of each case, for both media types and both profiles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import pytest
from aiohttp import ClientSession

from tests.conftest import Serve
from tests.keys import ADA, bearer

_JSON: Final = "application/json"
_RESPONSE: Final = "application/graphql-response+json"


class _Case(NamedTuple):
    """A body, or whole request options; what is answered, and with which status for each media type and profile."""

    request: Mapping[str, Any]
    code: str | None
    json: int
    stable: int
    draft: int
    # Whether `data` is there, and what it is.
    data: str = "absent"


def _body(query: str, **others: Any) -> dict[str, Any]:
    return {"json": {"query": query, **others}}


_MUTATION: Final = "mutation { upsertPersistedFolder(input: {type: HOME}) { created } }"
_HASH: Final = {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}

_CASES: Final = {
    "success": _Case(_body("{ viewer { id } }"), None, 200, 200, 200, "value"),
    "success by GET": _Case({"method": "GET", "params": {"query": "{ viewer { id } }"}}, None, 200, 200, 200, "value"),
    "partial data": _Case(
        _body("{ viewer { id } persistedFolder(id: 5, projectId: 99) { id } }"), "NOT_FOUND", 200, 200, 294, "value"),
    "data is null": _Case(_body("{ persistedFolders(projectId: 99) { totalCount } }"), "NOT_FOUND", 200, 200, 294, "null"),
    "no key": _Case({"headers": {"Authorization": ""}, **_body("{ viewer { id } }")}, "UNAUTHENTICATED", 200, 200, 294, "null"),
    "syntax error": _Case(_body("{ viewer {"), "GRAPHQL_PARSE_FAILED", 200, 400, 400),
    "validation error": _Case(_body("{ viewer { emale } }"), "GRAPHQL_VALIDATION_FAILED", 200, 400, 422),
    "unknown operation": _Case(_body("query A { viewer { id } }", operationName="B"), "OPERATION_RESOLUTION_FAILURE", 200, 400, 422),
    "several operations": _Case(_body("query A { viewer { id } } query B { viewer { id } }"), "OPERATION_RESOLUTION_FAILURE", 200, 400, 422),
    "variables": _Case(_body("query($n: Int!) { viewer { id } persistedFolders(first: $n) { totalCount } }", variables={"n": "x"}),
                       "BAD_USER_INPUT", 200, 400, 422),
    "too complex": _Case(_body("{ " + "viewer { id } " * 31 + "}"), "QUERY_TOO_COMPLEX", 200, 400, 422),
    "too many nodes": _Case(_body("{ viewer { environments { nodes { persistedFolders { nodes { id } } } } } }"), "QUERY_TOO_COMPLEX", 200, 400, 422),
    "persisted query not found": _Case({"json": {"extensions": _HASH}}, "PERSISTED_QUERY_NOT_FOUND", 200, 400, 422),
    "persisted query not supported": _Case({"json": {"documentId": "a"}}, "PERSISTED_QUERY_NOT_SUPPORTED", 200, 400, 422),
    "wrong key": _Case({"headers": bearer("phx_wrong"), **_body("{ __typename }")}, "UNAUTHENTICATED", 401, 401, 401),
    "mutation by GET": _Case({"method": "GET", "params": {"query": _MUTATION}}, "METHOD_NOT_ALLOWED", 405, 405, 405),
    "no JSON": _Case({"data": "{", "headers": {"Content-Type": _JSON}}, "BAD_USER_INPUT", 400, 400, 400),
    "a list": _Case({"json": [{"query": "{ viewer { id } }"}]}, "BAD_USER_INPUT", 400, 400, 400),
    "nothing to run": _Case({"json": {}}, "BAD_USER_INPUT", 400, 400, 400),
    "variables are a list": _Case(_body("{ viewer { id } }", variables=[]), "BAD_USER_INPUT", 400, 400, 400),
    "another type of body": _Case({"data": "{}", "headers": {"Content-Type": "text/plain"}}, "UNSUPPORTED_MEDIA_TYPE", 415, 415, 415),
    "another charset": _Case({"data": "{}", "headers": {"Content-Type": "application/json; charset=utf-16"}},
                             "UNSUPPORTED_MEDIA_TYPE", 415, 415, 415),
    "too large": _Case({"data": b" " * 2000, "headers": {"Content-Type": _JSON}}, "CONTENT_TOO_LARGE", 413, 413, 413),
}  # fmt: skip


async def _send(client: ClientSession, case: _Case, accept: str) -> tuple[int, Mapping[str, str], dict[str, Any]]:
    options = {"method": "POST", **case.request}
    headers = {"Accept": accept, **bearer(ADA), **options.pop("headers", {})}
    async with client.request(options.pop("method"), "/graphql", headers=headers, **options) as response:
        return response.status, response.headers, await response.json(content_type=accept)


@pytest.mark.parametrize("profile", ["stable", "draft"])
async def test_statuses(serve: Serve, profile: str) -> None:
    async with serve(http_status_profile=profile, max_body_size=1500) as client:
        for name, case in _CASES.items():
            for accept, expected in ((_JSON, case.json), (_RESPONSE, getattr(case, profile))):
                status, headers, answer = await _send(client, case, accept)
                assert (name, accept, status) == (name, accept, expected)
                assert headers["Content-Type"] == f"{accept}; charset=utf-8"
                codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
                assert (name, codes) == (name, [case.code] if case.code else [])
                found = "absent" if "data" not in answer else "null" if answer["data"] is None else "value"
                assert (name, found) == (name, case.data)


async def test_not_acceptable(client: ClientSession) -> None:
    for accept in (
        "text/plain",
        "application/xml, image/*;q=0.5",
        "application/json;q=0, application/graphql-response+json;q=0",
    ):
        async with client.post("/graphql", json={"query": "{ __typename }"}, headers={"Accept": accept}) as response:
            assert (response.status, response.content_type) == (406, _JSON)
            assert (await response.json())["errors"][0]["extensions"]["code"] == "NOT_ACCEPTABLE"


async def test_a_method_that_is_not_allowed_tells_which_are(client: ClientSession) -> None:
    async with client.get("/graphql", params={"query": _MUTATION}, headers=bearer(ADA)) as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")
    async with client.get("/graphql", params={"query": "query { viewer { id } }"}, headers=bearer(ADA)) as response:
        assert "data" in await response.json()
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"):
        async with client.request(method, "/graphql", json={"query": "{ __typename }"}) as response:
            assert (response.status, response.headers["Allow"]) == (405, "GET, POST, HEAD")
    async with client.head("/graphql", params={"query": "{ __typename }"}) as response:
        assert (response.status, await response.read()) == (200, b"")


async def test_a_mutation_over_get_changes_nothing(client: ClientSession) -> None:
    for operation in (_MUTATION, f"query Q {{ viewer {{ id }} }} {_MUTATION.replace('mutation', 'mutation M', 1)}"):
        name = "M" if "M {" in operation else ""
        async with client.get(
            "/graphql", params={"query": operation, "operationName": name}, headers=bearer(ADA)
        ) as response:
            assert response.status == 405
    async with client.post(
        "/graphql", json={"query": "{ persistedFolders { totalCount } }"}, headers=bearer(ADA)
    ) as response:
        assert await response.json() == {"data": {"persistedFolders": {"totalCount": 0}}}


async def test_a_wrong_key_is_told_before_anything_else(client: ClientSession) -> None:
    for body in (b"{", b"", json.dumps({"query": "{ syntax"}).encode()):
        async with client.post("/graphql", data=body, headers=bearer("phx_wrong")) as response:
            assert response.status == 401
            assert response.headers["WWW-Authenticate"] == "Bearer"
