"""The example front end, `examples/web`: built, served as `make example` does, and used in a browser."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from gateway import demo
from tests.components import missing, require_program
from tests.databases import SQLiteServer
from tests.documentation import ROOT
from tests.http.page import BROWSER_OPTIONS
from tests.patience import PATIENT
from tests.processes import Running, environment

SOURCE: Final = ROOT / "examples/web"
ARTIFACTS: Final = ROOT / "build/artifacts"
SAYS_ALL: Final = re.compile(
    rb"Page +(?P<page>\S+)\nKey +(?P<key>.+)\nGraphQL +(?P<graphql>\S+)\n(.*\n)*Stop with Ctrl\+C\."
)


@pytest.fixture(scope="module")
def node() -> Path:
    """Node, once the page is built."""
    program = require_program("node")
    if not (SOURCE / "node_modules").is_dir():
        missing("examples/web/node_modules is not there; run: npm ci --prefix examples/web")
    subprocess.run([require_program("npm"), "run", "--silent", "build"], cwd=SOURCE, check=True)
    return program


@pytest.fixture
async def served(node: Path, sqlite: SQLiteServer) -> AsyncIterator[Running]:
    """The page and the demo service, with a new workspace."""
    url = sqlite.create_empty()
    process = await asyncio.create_subprocess_exec(
        node,
        SOURCE / "serve.mjs",
        *(sys.executable, "-m", "gateway", "demo"),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=environment({**PATIENT, "database_url": url}),
    )
    running = Running(process)
    try:
        yield running
    finally:
        if process.returncode is None:
            # Not killed: it has the service to stop.
            running.send_signal(signal.SIGTERM)
        await running.ended()
        sqlite.drop(url)


async def play(node: Path, served: Running, scenario: str) -> Any:
    """What `examples/web/test/drive.mjs` sees. No page may complain, or ask another host than its own."""
    browser = require_program("chromium")
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    address = (await served.wait_for(SAYS_ALL))["page"].decode()
    task = {
        "scenario": scenario,
        "address": address,
        "browser": str(browser),
        "options": BROWSER_OPTIONS,
        "key": demo.KEY,
        "wrongKey": "phx_wrong",
        "artifacts": str(ARTIFACTS),
    }
    process = await asyncio.create_subprocess_exec(
        node, SOURCE / "test/drive.mjs", json.dumps(task), stdout=PIPE, stderr=PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    seen = json.loads(out)
    assert seen.pop("complaints") == []
    assert seen.pop("hosts") == [urlsplit(address).netloc]
    return seen


# -- in a browser


async def test_a_change_in_one_page_is_seen_in_the_other(node: Path, served: Running) -> None:
    seen = await play(node, served, "changes")
    # The driver has seen the value in both pages, in the first before it was answered.
    assert seen["whileSaving"] == "Saving…"
    assert seen["announced"] == "Live\nWeb, Home: now products://Growth/Quarterly"
    # What could not be sent is told, and still there to send again.
    assert seen["lost"] == "The service cannot be reached."
    assert seen["focused"] == "Edit Home"


async def test_a_stale_change_is_refused_and_the_user_chooses(node: Path, served: Running) -> None:
    """The driver has seen in both pages what was chosen: first to overwrite, then to take theirs."""
    seen = await play(node, served, "stale")
    assert seen["codes"] == ["STALE", None, "STALE"]
    first, second = seen["conflicts"]
    assert "It is now products://Theirs 1" in first
    assert "It is now products://Theirs 2" in second


async def test_a_conflict_that_is_heard_of_is_told_before_anything_is_sent(node: Path, served: Running) -> None:
    seen = await play(node, served, "warned")
    assert "It is now products://Growth/Yearly" in seen["changed"]
    assert seen["sentBefore"] == 0
    assert seen["codes"] == [None]
    assert "Deleted elsewhere" in seen["deleted"]


async def test_a_page_catches_up(node: Path, served: Running) -> None:
    """The driver has seen the changes that were made while the connection was down."""
    seen = await play(node, served, "reconnect")
    assert "products://Seen" in seen["unaware"]
    first, second, third, anew = (each["after"] for each in seen["subscriptions"])
    assert first is None
    assert len({second, third, None}) == 3
    assert seen["boardsRead"] == 0
    # A cursor that is no longer known: all folders are read again.
    assert anew is None
    assert seen["boardsReadAnew"] == 1
    assert seen["attemptsAfterRefusal"] == 0


async def test_a_wrong_key_is_told(node: Path, served: Running) -> None:
    seen = await play(node, served, "key")
    assert seen["hint"].startswith("Enter a key")
    assert seen["refused"].startswith("Personal API key found in request Authorization header is invalid.")
    # The right one is of this tab alone, and in none of the stores that outlive it.
    assert demo.KEY in seen["stored"]["session"]
    assert demo.KEY not in seen["stored"]["local"]
    assert seen["stored"]["cookies"] == ""


# -- how it is served


async def test_one_signal_stops_both(node: Path, served: Running) -> None:
    said = await served.wait_for(SAYS_ALL)
    assert said["key"].decode() == demo.KEY
    addresses = [urlsplit(said[name].decode()) for name in ("graphql", "page")]
    for each in addresses:
        _, writer = await asyncio.open_connection(each.hostname, each.port)
        writer.close()
    served.send_signal(signal.SIGINT)
    assert await served.ended() == 0
    for each in addresses:
        with pytest.raises(OSError, match="Connect"):
            await asyncio.open_connection(each.hostname, each.port)


async def test_a_service_that_does_not_start_is_told(node: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        node,
        SOURCE / "serve.mjs",
        *(sys.executable, "-m", "gateway", "demo"),
        stdout=PIPE,
        stderr=PIPE,
        env=environment({"port": "none"}),
    )
    out, err = await process.communicate()
    assert process.returncode == 2
    assert out == b""
    assert b"GATEWAY_PORT" in err
