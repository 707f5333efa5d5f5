"""A service for many requests: starting one for each would take most of the time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from signal import SIGTERM

import pytest

from tests.databases import DatabaseServer
from tests.processes import running


@pytest.fixture(scope="module")
async def shared_port(database_server: DatabaseServer) -> AsyncIterator[int]:
    """Where the service listens that all tests of a module use, as a process of its own; it must log no error."""
    url = database_server.create()
    async with running("serve", database_url=url) as service:
        yield int(service.address.rpartition(":")[2])
        service.send_signal(SIGTERM)
        assert await service.ended() == 0
        assert b'"level":"error"' not in service.out + service.err
    database_server.drop(url)
