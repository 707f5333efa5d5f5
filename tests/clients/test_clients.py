"""The clients that people use, each from npm and against the service as a process of its own.

What each of them does stands in the module of its name; here is what must go well. Which database there
is makes no difference, so there is one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import pytest

from tests.clients.service import Clients, open_clients
from tests.databases import SQLiteServer

_SAVING: Final = ("mutation", "user-errors", "stale")
_KEYS: Final = ("without-key", "wrong-key")
_OVER_HTTP: Final = ("query-by-post", "query-by-get", *_SAVING, *_KEYS, "pages")
_STREAMED: Final = ("query", *_SAVING, *_KEYS, "validation-error", "subscription", "resume")
BEHAVIOURS: Final = {
    "apollo": (*_OVER_HTTP, "validation-error", "automatic-persisted-query", "subscription"),
    "urql": (*_OVER_HTTP, "validation-error", "automatic-persisted-query", "subscription", "subscription-by-events"),
    "relay": (*_OVER_HTTP, "variables-that-do-not-fit", "deleted-edge", "subscription"),
    "graphql-request": (*_OVER_HTTP, "validation-error", "mutation-of-a-client-that-gets"),
    "graphql-ws": (*_STREAMED, "subscriptions-of-one-connection"),
    "graphql-sse": _STREAMED,
}


@pytest.fixture(scope="module")
async def clients(sqlite: SQLiteServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Clients]:
    async with open_clients(sqlite, tmp_path_factory.mktemp("clients"), list(BEHAVIOURS)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("client", "behaviour"),
    [(client, behaviour) for client, behaviours in BEHAVIOURS.items() for behaviour in behaviours],
)
async def test_client(client: str, behaviour: str, clients: Clients) -> None:
    failure = (await clients.outcomes(client)).get(behaviour, "it was not run")
    assert failure is None, failure


@pytest.mark.parametrize("client", BEHAVIOURS)
async def test_nothing_that_a_client_does_is_left_out(client: str, clients: Clients) -> None:
    assert sorted(await clients.outcomes(client)) == sorted(BEHAVIOURS[client])
