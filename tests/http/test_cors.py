"""Cross-origin requests: the headers, and a page of another origin in a real browser.

Which database there is makes no difference here, so there is one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import WSServerHandshakeError

from gateway.http.rest import RestEndpoints
from gateway.settings import InvalidSettings, load_settings
from tests.conftest import Serve
from tests.databases import DatabaseServer, SQLiteServer
from tests.http.page import page
from tests.http.raw import RawResponse, port_of, send
from tests.http.test_protocol import FOLDERS
from tests.keys import ADA

APP: Final = "https://app.example"
OTHER: Final = "https://other.example"
PATHS: Final = ("/graphql", "/schema.graphql", "/openapi.json", FOLDERS, "/nope")
KEY: Final = {"Authorization": f"Bearer {ADA}"}
PREFLIGHT: Final = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,x-request-id",
}
EXPOSED: Final = {"ETag", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After", "X-Request-Id"}


@pytest.fixture
def database_server(sqlite: SQLiteServer) -> DatabaseServer:
    return sqlite


def listed(response: RawResponse, name: str) -> set[str]:
    return {each.strip() for each in response.headers.get(name, "").split(",") if each.strip()}


def cors_headers(response: RawResponse) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name.startswith("access-control-")}


@pytest.mark.parametrize("path", PATHS)
async def test_a_preflight_is_answered_before_anything_is_asked(path: str, serve: Serve) -> None:
    async with serve(cors_allowed_origins=[APP, "http://localhost:3000"]) as client:
        port = await port_of(client)
        for origin in (APP, "http://localhost:3000"):
            response = await send(port, "OPTIONS", path, {"Origin": origin, **PREFLIGHT})
            assert (response.status, response.body) == (204, b"")
            assert response.headers["access-control-allow-origin"] == origin
            assert listed(response, "access-control-allow-methods") >= {"GET", "POST", "PUT", "PATCH", "DELETE"}
            allowed = listed(response, "access-control-allow-headers")
            assert allowed == {"authorization", "content-type", "x-request-id"}
            assert int(response.headers["access-control-max-age"]) > 0
            assert listed(response, "vary") >= {"Origin", "Access-Control-Request-Headers"}
            assert "access-control-allow-credentials" not in response.headers


async def test_a_preflight_of_another_origin_allows_nothing(serve: Serve) -> None:
    async with serve(cors_allowed_origins=[APP]) as client:
        port = await port_of(client)
        for origin in (OTHER, "null", "", f"{APP}.evil.example", f"{APP}:8443", "http://app.example", APP.upper()):
            response = await send(port, "OPTIONS", "/graphql", {"Origin": origin, **PREFLIGHT})
            assert response.status == 204
            assert cors_headers(response) == {}
            assert "Origin" in listed(response, "vary")


async def test_header_names_of_a_preflight_that_are_none(serve: Serve) -> None:
    async with serve(cors_allowed_origins=[APP]) as client:
        port = await port_of(client)
        for names in ("", "a b", "a,,b", "a\tb", "é", "a:b", "<script>"):
            fields = {**PREFLIGHT, "Origin": APP, "Access-Control-Request-Headers": names}
            response = await send(port, "OPTIONS", "/graphql", fields)
            assert response.status == 204
            assert "access-control-allow-headers" not in response.headers


async def test_every_answer_may_be_read(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors too: a page that may not read one only learns that something failed."""
    answered: dict[int, RawResponse] = {}
    async with serve(cors_allowed_origins=[APP], rate_limits=True, rate_limit_per_minute=2) as client:
        port = await port_of(client)

        async def ask(method: str, path: str, headers: dict[str, Any], body: bytes | None = None) -> None:
            response = await send(port, method, path, {"Origin": APP, **headers}, body)
            answered[response.status] = response

        as_json = {"Content-Type": "application/json"}
        await ask("POST", "/graphql", as_json, b'{"query":"{__typename}"}')
        await ask("POST", "/graphql", as_json, b"{")
        await ask("GET", FOLDERS, {})
        await ask("GET", f"{FOLDERS}nope/", KEY)
        await ask("PUT", "/graphql", {})
        await ask("POST", "/graphql", {**as_json, "Content-Length": "9999999"}, b"")
        await ask("POST", "/graphql", {**as_json, "Expect": "x"}, b"{}")
        await ask("GET", FOLDERS, KEY)
        await ask("GET", FOLDERS, KEY)
        response = await send(port, "GET", "/schema.graphql", {"Origin": APP})
        await ask("GET", "/schema.graphql", {"If-None-Match": response.headers["etag"]})

        async def fail(*_: Any) -> None:
            raise RuntimeError

        monkeypatch.setattr(RestEndpoints, "_answer", fail)
        await ask("GET", FOLDERS, KEY)
    assert sorted(answered) == [200, 304, 400, 401, 404, 405, 413, 417, 429, 500]
    for response in answered.values():
        assert response.headers["access-control-allow-origin"] == APP
        assert listed(response, "access-control-expose-headers") == EXPOSED
        assert "Origin" in listed(response, "vary")
        assert "access-control-allow-credentials" not in response.headers
    # What is exposed is there.
    for status, names in ((429, {"retry-after", "x-request-id"}), (304, {"etag"}), (404, {"ratelimit-remaining"})):
        assert names <= answered[status].headers.keys()


async def test_answers_to_others_differ_by_origin(serve: Serve) -> None:
    """A cache in between must not give the one's answer to the other."""
    async with serve(cors_allowed_origins=[APP]) as client:
        port = await port_of(client)
        for fields in ({}, {"Origin": OTHER}, {"Origin": "null"}):
            for path in PATHS:
                response = await send(port, "GET", path, fields)
                assert cors_headers(response) == {}
                assert "Origin" in listed(response, "vary")


async def test_any_origin(serve: Serve) -> None:
    async with serve(cors_allowed_origins=["*"]) as client:
        port = await port_of(client)
        for origin in (APP, OTHER, "null"):
            response = await send(port, "GET", "/schema.graphql", {"Origin": origin})
            assert response.headers["access-control-allow-origin"] == "*"
            assert "access-control-allow-credentials" not in response.headers
            assert "Origin" not in listed(response, "vary")
            response = await send(port, "OPTIONS", FOLDERS, {"Origin": origin, **PREFLIGHT})
            assert (response.status, response.headers["access-control-allow-origin"]) == (204, "*")


async def test_what_is_for_operators_is_not_for_pages(serve: Serve) -> None:
    async with serve(cors_allowed_origins=["*"]) as client:
        port = await port_of(client)
        response = await send(port, "GET", "/health/live", {"Origin": APP})
        assert cors_headers(response) == {}
        assert (await send(port, "OPTIONS", "/health/live", {"Origin": APP, **PREFLIGHT})).status == 405


async def test_without_the_setting_there_is_nothing(serve: Serve) -> None:
    async with serve() as client:
        port = await port_of(client)
        for path in PATHS:
            response = await send(port, "GET", path, {"Origin": APP})
            assert cors_headers(response) == {}
            assert "Origin" not in listed(response, "vary")
        statuses = {path: (await send(port, "OPTIONS", path, {"Origin": APP, **PREFLIGHT})).status for path in PATHS}
        assert statuses == {
            "/graphql": 405,
            "/schema.graphql": 405,
            "/openapi.json": 405,
            FOLDERS: 401,
            "/nope": 404,
        }


async def test_options_that_are_no_preflight_stay(serve: Serve) -> None:
    described = []
    for origins in ([], [APP]):
        async with serve(cors_allowed_origins=origins) as client:
            port = await port_of(client)
            for fields in ({}, {"Origin": APP}, {"Access-Control-Request-Method": "POST"}):
                response = await send(port, "OPTIONS", FOLDERS, {**KEY, **fields})
                assert response.status == 200
                described.append(json.loads(response.body))
                assert (await send(port, "OPTIONS", FOLDERS, fields)).status == 401
    assert described == [described[0]] * 6
    assert "actions" in described[0]


async def test_websockets_of_the_same_origins(serve: Serve) -> None:
    """A browser asks nobody before it opens one, so the service looks itself."""
    for origins, allowed in (([APP], [APP]), (["*"], [APP, OTHER]), ([], [])):
        async with serve(cors_allowed_origins=origins) as client:
            for origin in (APP, OTHER):
                fields = {"Origin": origin}
                if origin in allowed:
                    async with client.ws_connect("/graphql", protocols=["graphql-transport-ws"], headers=fields):
                        pass
                else:
                    with pytest.raises(WSServerHandshakeError) as raised:
                        await client.ws_connect("/graphql", protocols=["graphql-transport-ws"], headers=fields)
                    assert raised.value.status == 403


def test_origins_are_checked_at_the_start() -> None:
    for given, expected in (
        ("https://App.Example", "https://app.example"),
        ("https://app.example:443", "https://app.example"),
        ("http://app.example:80", "http://app.example"),
        ("http://app.example:443", "http://app.example:443"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("*", "*"),
    ):
        assert load_settings(cors_allowed_origins=[given]).cors_allowed_origins == [expected]
    for wrong in ("app.example", "https://app.example/", "https://app.example/path", "https://*.example", "null", ""):
        with pytest.raises(InvalidSettings) as raised:
            load_settings(cors_allowed_origins=[APP, wrong])
        (problem,) = raised.value.problems
        assert problem.startswith("GATEWAY_CORS_ALLOWED_ORIGINS[1]: is no origin")


# In a browser

SCRIPT: Final = """
    const read = async (path, options) => {
        const response = await fetch(SERVICE + path, options);
        const header = name => response.headers.get(name);
        return [response.status, await response.text(), header("X-Request-Id") !== null, header("ETag") !== null,
                header("RateLimit-Limit"), header("Server")];
    };
    const key = {"Authorization": KEY, "Content-Type": "application/json"};
    const body = JSON.stringify({query: "{ viewer { email } }"});
    const attempts = {
        graphql: () => read("/graphql", {method: "POST", headers: key, body}),
        simple: () => read("/graphql?query={__typename}"),
        unauthenticated: () => read("/api/projects/1/persisted_folder/"),
        rest: () => read("/api/projects/1/persisted_folder/", {method: "POST", headers: key, body: '{"type":"home"}'}),
        patch: () => read("/api/projects/1/persisted_folder/nope/", {method: "PATCH", headers: key, body: "{}"}),
        sdl: () => read("/schema.graphql"),
        health: () => read("/health/live"),
    };
    const outcome = {};
    for (const [name, attempt] of Object.entries(attempts))
        outcome[name] = await attempt().catch(error => error.name);
    return outcome;
"""


async def test_a_page_of_another_origin(serve: Serve, tmp_path: Path) -> None:
    async with page(tmp_path) as shown:
        origin = f"http://127.0.0.1:{shown.port}"
        async with serve(cors_allowed_origins=[origin], rate_limits=True) as client:
            service = f"http://127.0.0.1:{await port_of(client)}"
            script = f"const SERVICE = {service!r}, KEY = 'Bearer {ADA}'; {SCRIPT}"
            allowed = await shown.run(script)
            # The same page under another name is of another origin.
            refused = await shown.run(script, host="localhost")
    assert set(refused.values()) == {"TypeError"}
    assert allowed.pop("health") == "TypeError"
    assert {name: (outcome[0], outcome[2], outcome[3]) for name, outcome in allowed.items()} == {
        "graphql": (200, True, False),
        "simple": (200, True, True),
        "unauthenticated": (401, True, False),
        "rest": (201, True, False),
        "patch": (404, True, False),
        "sdl": (200, True, True),
    }
    assert json.loads(allowed["graphql"][1])["data"]["viewer"]["email"]
    assert allowed["rest"][4] == "480"
    # What is not exposed stays unseen.
    assert {outcome[5] for outcome in allowed.values()} == {None}
