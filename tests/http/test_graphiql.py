"""GraphiQL: how its files are served, that they are what `graphiql/` builds, and that it works in a browser."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from asyncio.subprocess import PIPE
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession
from yarl import URL

from gateway.settings import load_settings
from tests.components import missing, require_program
from tests.conftest import Serve, serving
from tests.databases import SQLiteServer
from tests.documentation import ROOT
from tests.http.page import BROWSER_OPTIONS
from tests.http.raw import port_of
from tests.keys import ADA, bearer

SOURCE: Final = ROOT / "graphiql"
ARTIFACTS: Final = ROOT / "build/artifacts"
STATIC: Final = Path(str(files("gateway.http").joinpath("static")))
FOLDER: Final = STATIC / "graphiql"
ASSETS: Final = sorted(path.name for path in FOLDER.iterdir())
PLAIN: Final = sorted({name.removesuffix(".gz") for name in ASSETS if not name.endswith(".br")})
SCRIPT: Final = next(name for name in PLAIN if name.startswith("index-") and name.endswith(".js"))
HTML: Final = {"Accept": "text/html"}
MEDIA_TYPES: Final = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}


# -- how it is served


async def address_of(client: ClientSession) -> str:
    return f"http://127.0.0.1:{await port_of(client)}"


def unpacked(name: str) -> bytes:
    packed = FOLDER / f"{name}.gz"
    return gzip.decompress(packed.read_bytes()) if packed.exists() else (FOLDER / name).read_bytes()


def policy(header: str) -> dict[str, list[str]]:
    directives = (directive.split() for directive in header.split(";"))
    return {name: sources for name, *sources in directives}


async def test_page(client: ClientSession) -> None:
    async with client.get("/graphql", headers=HTML) as response:
        assert response.status == 200
        assert response.content_type == "text/html"
        assert "no-store" in response.headers["Cache-Control"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Vary"] == "Accept"
        sent = policy(response.headers["Content-Security-Policy"])
        assert "<script>" not in await response.text()
    closed = ("default-src", "frame-ancestors", "base-uri", "form-action")
    assert all(sent.pop(name) == ["'none'"] for name in closed)
    assert sent.pop("style-src") == ["'self'", "'unsafe-inline'"]
    assert sent.pop("img-src") == ["'self'", "data:"]
    assert set(sent) == {"script-src", "font-src", "worker-src", "connect-src"}
    assert all(sources == ["'self'"] for sources in sent.values())


async def test_assets(serve: Serve) -> None:
    """Each file that the build left, as it was built; and compressed where the client takes that."""
    async with serve() as client:
        for name in PLAIN:
            async with client.get(f"/graphiql/{name}", headers={"Accept-Encoding": "identity"}) as response:
                assert response.status == 200
                assert "Content-Encoding" not in response.headers
                assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                assert "Content-Security-Policy" in response.headers
                assert response.content_type == MEDIA_TYPES[Path(name).suffix]
                assert await response.read() == unpacked(name)
                is_packed = f"{name}.gz" in ASSETS
                assert response.headers.get("Vary") == ("Accept-Encoding" if is_packed else None)


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("GZIP;q=0.5", "gzip"),
        ("*", "br"),
        ("br;q=0, *", "gzip"),
        ("br;q=0.000, gzip; q=0", None),
        ("compress", None),
        ("", None),
    ],
)
async def test_codings(serve: Serve, accepted: str, coding: str | None) -> None:
    async with (
        serve() as client,
        ClientSession(await address_of(client), auto_decompress=False) as raw,
        raw.get(f"/graphiql/{SCRIPT}", headers={"Accept-Encoding": accepted}) as response,
    ):
        assert response.headers.get("Content-Encoding") == coding
        body = await response.read()
    suffix = {"br": ".br", "gzip": ".gz", None: None}[coding]
    assert body == (unpacked(SCRIPT) if suffix is None else (FOLDER / f"{SCRIPT}{suffix}").read_bytes())


@pytest.mark.parametrize(
    "path",
    [
        "nothing.js",
        "../index.html",
        "..%2findex.html",
        "%2e%2e/index.html",
        "..%5cindex.html",
        f"{SCRIPT}.gz",
        f"{SCRIPT}%00",
        "",
    ],
)
async def test_nothing_else_is_served(client: ClientSession, path: str) -> None:
    async with client.get(URL(f"{await address_of(client)}/graphiql/{path}", encoded=True)) as response:
        assert response.status == 404
        assert (await response.json())["code"] == "not_found"


async def test_switched_off(serve: Serve) -> None:
    async with serve(graphiql=False) as client:
        async with client.get("/graphql", headers={"Accept": "text/html, */*;q=0.1"}) as response:
            assert response.content_type == "application/json"
        async with client.get(f"/graphiql/{SCRIPT}") as response:
            assert response.status == 404


# -- where it comes from


async def node(script: str, *arguments: str) -> Any:
    """What a script of `graphiql/test` prints."""
    program = require_program("node")
    if not (SOURCE / "node_modules").is_dir():
        missing("graphiql/node_modules is not there; run: npm ci --prefix graphiql")
    process = await asyncio.create_subprocess_exec(
        program, SOURCE / "test" / script, *arguments, stdout=PIPE, stderr=PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out)


async def test_the_package_holds_what_is_built() -> None:
    found = await node("fresh.mjs")
    assert found["compared"] == len(ASSETS) + 1
    assert found["differing"] == [], "run: make graphiql"


def test_no_file_names_a_host_of_packages() -> None:
    """The page runs where there is no internet; a hint of a library to install something helps nobody there."""
    hosts = re.compile(rb"[\w.-]*(?:npm|yarn|pypi)[\w-]*\.(?:com|io|net|org)\b", re.IGNORECASE)
    assert {name: found for name in PLAIN if (found := hosts.findall(unpacked(name)))} == {}


# -- in a browser


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
async def test_in_chromium(sqlite: SQLiteServer, color_scheme: str) -> None:
    browser = require_program("chromium")
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    url = sqlite.create()
    async with serving(load_settings(database_url=url, shutdown_timeout=1)) as client:
        address = await address_of(client)
        await save(client, HOME="Growth", PINNED="Growth/Weekly", CUSTOM_PRODUCTS="Favourites")
        task = {
            "address": address,
            "browser": str(browser),
            "options": BROWSER_OPTIONS,
            "key": ADA,
            "wrongKey": "phx_wrong",
            "colorScheme": color_scheme,
            "screenshot": str(ARTIFACTS / f"graphiql-{color_scheme}.png"),
        }
        seen = await node("drive.mjs", json.dumps(task))
    sqlite.drop(url)

    # The browser itself tells of the 401s that were asked for; nothing else may be told, and nothing be refused.
    assert [text for text in seen["console"] if "401 (Unauthorized)" not in text] == []
    assert seen["failures"] == []
    hosts = {urlsplit(each).netloc for each in seen["requests"]}
    assert hosts == {urlsplit(address).netloc}
    assert f"ws://{urlsplit(address).netloc}/graphql" in seen["requests"]

    assert seen["tabs"] == ["List", "Upsert", "BothSurfaces", "Changes"]
    assert "gateway keys create" in seen["hint"]
    assert "credentials were not provided" in words(seen["withoutKey"])
    assert seen["refused"] == "Personal API key found in request Authorization header is invalid."
    assert "Personal API key" in words(seen["refusedSubscription"])
    assert seen["accepted"] == "Key accepted. Scopes: *"
    assert "products://Growth/Weekly" in unbroken(seen["list"])
    assert "products://Growth/Monthly" in unbroken(seen["upsert"])
    assert '"kind":"UPDATED"' in unbroken(seen["change"])
    assert "products://Growth/Monthly" in unbroken(seen["change"])

    # The key is of this tab alone, and in none of the stores that outlive it.
    assert ADA in seen["stored"]["session"]
    assert ADA not in seen["stored"]["local"]
    assert seen["stored"]["cookies"] == ""
    assert seen["keyAfterReload"] == ADA
    assert seen["keyOfAnotherWindow"] == ""
    assert ADA not in "".join(seen["requests"])


async def save(client: ClientSession, **paths: str) -> None:
    for folder_type, path in paths.items():
        query = "mutation($input: UpsertPersistedFolderInput!) { upsertPersistedFolder(input: $input) { created } }"
        variables = {"input": {"environmentId": "@current", "type": folder_type, "path": path}}
        async with client.post(
            "/graphql", json={"query": query, "variables": variables}, headers=bearer(ADA)
        ) as response:
            assert (await response.json())["data"]["upsertPersistedFolder"] == {"created": True}


def unbroken(text: str) -> str:
    """Before the editor is laid out, its lines are so short that they break within a path."""
    return "".join(text.split())


def words(text: str) -> str:
    """The editor breaks lines where they are long."""
    return " ".join(text.split())
