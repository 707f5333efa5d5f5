"""A web page of another origin, opened in a real browser."""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from tests.components import require_program

_PATIENCE_SECONDS: Final = 300
_PAGE: Final = """<!doctype html><title>page</title><pre id="out"></pre><script type="module">
const outcome = await (async () => {{ {script} }})().catch(error => ({{ error: String(error) }}));
document.getElementById("out").textContent = JSON.stringify(outcome);
</script>"""
_OUTCOME: Final = re.compile(r'<pre id="out">(.+?)</pre>', re.DOTALL)
# Nothing that asks a server elsewhere.
BROWSER_OPTIONS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_OPTIONS: Final = ("--headless", *BROWSER_OPTIONS, "--virtual-time-budget=20000", "--dump-dom")


class Page:
    """`port` is its own; `run` returns what the body of an async function in JavaScript returns."""

    def __init__(self, port: int, profile: Path) -> None:
        self.port = port
        self.script = ""
        self._profile = profile

    async def run(self, script: str, host: str = "127.0.0.1") -> Any:
        self.script = script
        browser = await asyncio.create_subprocess_exec(
            require_program("chromium"),
            *_OPTIONS,
            f"--user-data-dir={self._profile}",
            f"http://{host}:{self.port}/",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(browser.communicate(), _PATIENCE_SECONDS)
        finally:
            if browser.returncode is None:
                browser.kill()
                await browser.wait()
        outcome = _OUTCOME.search(out.decode())
        assert outcome is not None, err.decode()
        return json.loads(html.unescape(outcome[1]))


@asynccontextmanager
async def page(profile: Path) -> AsyncIterator[Page]:
    require_program("chromium")
    app = web.Application()
    runner = web.AppRunner(app, access_log=None)
    served = Page(0, profile)

    async def show(_: web.Request) -> web.Response:
        return web.Response(text=_PAGE.format(script=served.script), content_type="text/html")

    app.router.add_get("/", show)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        served.port = runner.addresses[0][1]
        yield served
    finally:
        await runner.cleanup()
