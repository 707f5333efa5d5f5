"""Listens, serves, and stops: what `gateway serve` and `gateway demo` do."""

from __future__ import annotations

import asyncio
import gc
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Final

import structlog
from aiohttp import web

from gateway.app import open_application
from gateway.http.compression import Compression
from gateway.http.connection import ConnectionLimits
from gateway.http.protocol import ServerOptions, ServiceRunner
from gateway.settings import Settings
from gateway.storage.engine import Database
from gateway.storage.migrations import check_schema
from gateway.workers import HEARTBEAT_SECONDS, Supervised, stop_signals

log = structlog.get_logger(__name__)

_BACKLOG: Final = 1024
# So many are made, and not freed, between two looks of the garbage collector. Python's own figure, 700 or 2,000, is
# reached in the middle of each larger request.
_YOUNG_OBJECTS: Final = 10_000
# The database's connections, logs, and what the libraries open.
_OTHER_FILES: Final = 256


class CannotListen(Exception):
    """The address cannot be had; the text says why."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(f"Cannot listen: {cause.strerror or cause}. GATEWAY_HOST and GATEWAY_PORT say where.")


async def serve(
    settings: Settings, on_ready: Callable[[str], None] | None = None, supervised: Supervised | None = None
) -> None:
    """Serves until a signal to stop, then lets requests under way end. `on_ready` gets the address.

    A supervised one shares its port, and ends with its supervisor. Raises WrongSchema, CannotListen, and Unavailable
    where the database is gone.
    """
    await _check_schema(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in stop_signals():
        loop.add_signal_handler(each, stop.set)
    if supervised is not None:
        _stop_with_supervisor(supervised.lifeline, stop)
    _allow_connections(settings.max_connections)
    async with (
        open_application(settings) as app,
        listening(app, settings, shares_port=supervised is not None) as port,
    ):
        address = _address(settings.host, port)
        log.info("serving", address=address)
        if on_ready is not None:
            on_ready(address)
        if supervised is not None:
            _keep_telling(supervised.tell)
        _settle_collector()
        await stop.wait()
        log.info("stopping")


def _stop_with_supervisor(lifeline: int, stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def note_end() -> None:
        # It stays readable: watched on, it would keep the loop busy until the last request has ended.
        loop.remove_reader(lifeline)
        stop.set()

    loop.add_reader(lifeline, note_end)


def _keep_telling(tell: Callable[[], object]) -> None:
    tell()
    asyncio.get_running_loop().call_later(HEARTBEAT_SECONDS, _keep_telling, tell)


def _settle_collector() -> None:
    """What is here now stays, and need not be looked at again; and requests free by themselves what they make.

    Of twenty lists' time the collector took a sixth; now it takes a thirtieth.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 5, 5)


@asynccontextmanager
async def listening(app: web.Application, settings: Settings, *, shares_port: bool = False) -> AsyncIterator[int]:
    """Yields the port. At the end, requests under way have `shutdown_timeout` to end."""
    runner = ServiceRunner(app, server_options(settings), shutdown_timeout=settings.shutdown_timeout)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port, backlog=_BACKLOG, reuse_port=shares_port or None)
        try:
            await site.start()
        except OSError as error:
            raise CannotListen(error) from None
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def server_options(settings: Settings) -> ServerOptions:
    return ServerOptions(
        max_connections=settings.max_connections,
        max_connections_per_address=settings.max_connections_per_address,
        trusted_proxies=settings.trusted_proxies,
        limits=ConnectionLimits(**{each.name: getattr(settings, each.name) for each in fields(ConnectionLimits)}),
        compression=Compression(settings.compression_min_size) if settings.compression else None,
    )


def _allow_connections(count: int) -> None:
    """Each connection takes a file descriptor, and many systems allow 1,024 to whom does not ask for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + _OTHER_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        log.warning("few_file_descriptors", allowed=allowed, wanted=wanted)


async def _check_schema(settings: Settings) -> None:
    database = Database(settings.database())
    try:
        await check_schema(database)
    finally:
        await database.close()


def _address(host: str, port: int) -> str:
    # A wildcard is no address that a person can open.
    wildcards = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  # not bound to, only told apart
    shown = wildcards.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"
