"""Listens, serves, and stops: what `gateway serve` and `gateway demo` do."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import structlog
from aiohttp import web

from gateway.app import open_application
from gateway.settings import Settings
from gateway.storage.engine import Database
from gateway.storage.migrations import SchemaState, schema_state

log = structlog.get_logger(__name__)


class NotMigrated(Exception):
    """The database's schema is not the code's; the text says what to do."""


async def serve(settings: Settings, on_ready: Callable[[str], None] | None = None) -> None:
    """Serves until SIGINT or SIGTERM, then lets requests under way end. `on_ready` gets the address.

    Raises NotMigrated, OSError where the address is taken, and Unavailable where the database is gone.
    """
    await _check_schema(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop.set)
    async with open_application(settings) as app:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=settings.shutdown_timeout)
        await runner.setup()
        try:
            await web.TCPSite(runner, settings.host, settings.port).start()
            address = _address(settings.host, runner.addresses[0][1])
            log.info("serving", address=address)
            if on_ready is not None:
                on_ready(address)
            await stop.wait()
            log.info("stopping")
        finally:
            await runner.cleanup()


async def _check_schema(settings: Settings) -> None:
    database = Database(settings.database())
    try:
        state = await schema_state(database)
    finally:
        await database.close()
    if state is SchemaState.NEWER:
        raise NotMigrated("The database was migrated by a newer version of the service: upgrade the service.")
    if state is not SchemaState.CURRENT:
        raise NotMigrated("The database is not migrated. Run: gateway migrate")


def _address(host: str, port: int) -> str:
    # A wildcard is no address that a person can open.
    wildcards = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  # not bound to, only told apart
    shown = wildcards.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"
