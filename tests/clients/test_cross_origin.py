"""Clients from npm in a page of another origin, in a real browser."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from aiohttp import web

from tests.clients.service import FOLDER, key_of, require_packages, run_node, serving_users
from tests.components import require_program
from tests.databases import SQLiteServer

_USER: Final = "browser"


@asynccontextmanager
async def blank_page() -> AsyncIterator[int]:
    """The port of a server with nothing on it but a page to start from."""
    app = web.Application()

    async def show(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>page</title>", content_type="text/html")

    app.router.add_get("/", show)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_only_pages_of_allowed_origins_are_served(sqlite: SQLiteServer, tmp_path: Path) -> None:
    require_packages()
    browser = require_program("chromium")
    async with blank_page() as port:
        origin = f"http://127.0.0.1:{port}"
        allowed_origins = json.dumps([origin])
        async with serving_users(sqlite, tmp_path, [_USER], cors_allowed_origins=allowed_origins) as address:
            # The same page under another name is of another origin.
            pages = [f"{origin}/", f"http://localhost:{port}/"]
            task = {"address": address, "key": key_of(_USER)}
            done = await run_node(FOLDER / "drive.mjs", {"pages": pages, "task": task, "browser": str(browser)})
    assert done.code == 0, done.err
    allowed, refused = json.loads(done.out)
    email = f"{_USER}@clients.test"
    assert allowed == {
        "post": email,
        "get": email,
        "persisted": email,
        "mutation": "Elsewhere",
        "wrongKey": "UNAUTHENTICATED",
        "urql": email,
        "socket": "Here",
        "events": "Here",
    }
    socket = refused.pop("socket")
    assert socket == "failed: Error: Socket closed"
    events = refused.pop("events")
    assert events == "failed: NetworkError: Failed to fetch"
    assert set(refused.values()) == {"failed: TypeError: Failed to fetch"}
