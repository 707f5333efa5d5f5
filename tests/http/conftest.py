"""A service for many requests: starting one for each would take most of the time."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.settings import load_settings
from tests.conftest import serving
from tests.databases import DatabaseServer
from tests.http.raw import port_of


@pytest.fixture(scope="module")
async def shared_port(database_server: DatabaseServer) -> AsyncIterator[int]:
    """Where the service listens that all tests of a module use: what one test leaves, the next one finds."""
    url = database_server.create()
    async with serving(load_settings(database_url=url, shutdown_timeout=1)) as client:
        yield await port_of(client)
    database_server.drop(url)
