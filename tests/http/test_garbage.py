"""What a request made is freed when it is answered: what holds itself waits for the collector, whose pauses all wait for."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from aiohttp import ClientSession

from gateway.access import Caller
from gateway.execution.run import Run
from gateway.http.replies import Reply
from gateway.model import Folder
from schema.connections import Connection, Edge
from schema.context import Context
from tests.keys import ADA, bearer

_LIST = "{ edges { cursor node { id path environment { project { id } } } } pageInfo { endCursor } totalCount }"
_OPERATIONS = {
    "list": f'{{ persistedFolders(environmentId: "1") {_LIST} }}',
    "lists": f'{{ a: persistedFolders {_LIST} b: environment(id: "1") {{ persistedFolders {_LIST} }} }}',
    "nested": "{ viewer { environments(first: 5) { nodes { persistedFolders { nodes { path } } } } } }",
    "upsert": "mutation { upsertPersistedFolder(input: {type: HOME}) { created persistedFolder { id } } }",
}
_KINDS = (Caller, Context, Folder, Connection, Edge, Reply, Run)


@pytest.mark.parametrize("name", [*_OPERATIONS, "rest"])
async def test_an_answered_request_leaves_nothing_to_the_collector(client: ClientSession, name: str) -> None:
    async def ask() -> None:
        if name == "rest":
            async with client.get("/api/environments/1/persisted_folder/", headers=bearer(ADA)) as response:
                assert (await response.json())["results"]
        else:
            body = {"query": _OPERATIONS[name]}
            async with client.post("/graphql", json=body, headers=bearer(ADA)) as response:
                assert "errors" not in await response.json()

    async with client.post("/graphql", json={"query": _OPERATIONS["upsert"]}, headers=bearer(ADA)) as response:
        assert response.status == 200
    # The first ones make what is kept.
    for _ in range(3):
        await ask()
    gc.collect()
    # Constants of other tests, for instance.
    kept = _found()
    gc.disable()
    try:
        for _ in range(3):
            await ask()
        for _ in range(100):
            left = _found().keys() - kept.keys()
            if not left:
                break
            # The answer may be read before the last step of its request is done.
            await asyncio.sleep(0.01)
    finally:
        gc.enable()
    assert not left


def _found() -> dict[int, Any]:
    return {id(each): each for each in gc.get_objects() if type(each) in _KINDS}
