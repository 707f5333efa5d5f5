"""All audits of the npm package `graphql-http`, whether they are a MUST, a SHOULD or a MAY."""

from __future__ import annotations

from collections import Counter

from aiohttp import ClientSession

from tests.components import missing, require_program
from tests.http.audits import NODE_FOLDER, run_audits
from tests.http.raw import port_of


async def test_all_audits_pass(client: ClientSession) -> None:
    node = require_program("node")
    if not (NODE_FOLDER / "node_modules").is_dir():
        missing("tests/node/node_modules is not there; run: npm ci --prefix tests/node")
    audits = await run_audits(node, f"http://127.0.0.1:{await port_of(client)}/graphql")
    assert [audit for audit in audits if audit["status"] != "ok"] == []
    levels = Counter(audit["name"].partition(" ")[0] for audit in audits)
    assert set(levels) == {"MUST", "SHOULD", "MAY"}
    assert levels.total() == 61
