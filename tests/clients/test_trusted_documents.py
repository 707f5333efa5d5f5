"""What Relay's compiler writes is checked, served, and asked for by id."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Final

import pytest

from tests.clients.service import FOLDER, Clients, require_packages, run_node, serving_users
from tests.databases import SQLiteServer
from tests.documentation import ROOT
from tests.processes import gateway

_CLIENT: Final = "trusted"
BEHAVIOURS: Final = (
    "query-by-document-id",
    "query-by-doc-id",
    "subscription",
    "text-that-is-not-trusted",
    "id-that-is-not-known",
)


@pytest.fixture(scope="module")
async def clients(sqlite: SQLiteServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Clients]:
    require_packages()
    folder = tmp_path_factory.mktemp(_CLIENT)
    compiled = await run_node(FOLDER / "relay/compile.mjs", str(folder), str(ROOT / "schema.graphql"))
    assert compiled.code == 0, compiled.err
    manifest = folder / "persisted.json"
    number = len(json.loads(manifest.read_text()))
    checked = await gateway("documents", "check", str(manifest))
    assert checked == (0, f"All {number} documents fit.\n", "")
    async with serving_users(sqlite, folder, [_CLIENT], trusted_documents=manifest) as address:
        yield Clients(address, folder)


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
async def test_trusted_documents(behaviour: str, clients: Clients) -> None:
    outcomes = await clients.outcomes(_CLIENT)
    failure = outcomes.get(behaviour, outcomes.get("the suite", "it was not run"))
    assert failure is None, failure


async def test_nothing_is_left_out(clients: Clients) -> None:
    assert sorted(await clients.outcomes(_CLIENT)) == sorted(BEHAVIOURS)
