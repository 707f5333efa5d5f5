"""The clients that people use, each from npm and against the service as a process of its own.

What each of them does stands in the module of its name, and in behaviours.mjs what they do alike; here is
what must go well. Which database there is makes no difference, so there is one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import pytest

from tests.clients.service import Clients, open_clients
from tests.databases import SQLiteServer

_MUTATIONS: Final = ("mutation", "user-errors", "stale")
_REFUSALS: Final = ("without-key", "wrong-key", "variables-that-do-not-fit")
_OVER_HTTP: Final = ("query-by-post", "query-by-get", *_MUTATIONS, *_REFUSALS, "pages")
_STREAMED: Final = ("query", *_MUTATIONS, *_REFUSALS, "validation-error", "subscription", "resume")
BEHAVIOURS: Final = {
    "apollo": (
        *_OVER_HTTP,
        "validation-error",
        "automatic-persisted-query",
        "cache-after-a-mutation",
        "subscription",
    ),
    "urql": (*_OVER_HTTP, "validation-error", "automatic-persisted-query", "subscription", "subscription-by-events"),
    # Its compiler refuses documents that do not fit the schema.
    "relay": (*_OVER_HTTP, "deleted-edge", "store-after-a-change", "subscription"),
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
    outcomes = await clients.outcomes(client)
    failure = outcomes.get(behaviour, outcomes.get("the suite", "it was not run"))
    assert failure is None, failure


@pytest.mark.parametrize("client", BEHAVIOURS)
async def test_nothing_that_a_client_does_is_left_out(client: str, clients: Clients) -> None:
    assert sorted(await clients.outcomes(client)) == sorted(BEHAVIOURS[client])
