"""The server: accepts connections, counts them, and enforces their time limits."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

from aiohttp import web

from gateway.errors import TooManyConnections, Unavailable
from gateway.http.compression import Compression
from gateway.http.connection import Connection, ConnectionLimits
from gateway.http.proxies import Networks, is_within
from gateway.http.shortcuts import Shortcuts


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """The settings of the same names, and what follows from them."""

    max_connections: int
    max_connections_per_address: int
    trusted_proxies: Networks
    limits: ConnectionLimits
    compression: Compression | None


class Server(web.Server):
    def __init__(
        self, inner: web.Server, shortcuts: Shortcuts, options: ServerOptions, loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(inner.request_handler, request_factory=inner.request_factory, loop=loop)
        self._shortcuts = shortcuts
        self._options = options
        self._per_address: Counter[str] = Counter()
        limits = options.limits
        shortest = min(limits.request_head_timeout, limits.request_body_timeout, limits.response_send_timeout)
        # No limit is overrun by more than a quarter.
        self._interval = min(1.0, shortest / 4)
        self._watch = loop.call_later(self._interval, self._check_connections)

    def __call__(self) -> Connection:
        return Connection(
            self,
            loop=self._loop,
            shortcuts=self._shortcuts,
            limits=self._options.limits,
            compression=self._options.compression,
            access_log=None,
        )

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        assert isinstance(handler, Connection)
        if len(self._connections) > self._options.max_connections:
            handler.refuse(Unavailable())
            return
        peer = transport.get_extra_info("peername")
        address = peer[0] if isinstance(peer, tuple) else None
        if address is None or is_within(self._options.trusted_proxies, address):
            return
        handler.address = address
        self._per_address[address] += 1
        if self._per_address[address] > self._options.max_connections_per_address:
            handler.refuse(TooManyConnections())

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        assert isinstance(handler, Connection)
        if handler.address is None:
            return
        self._per_address[handler.address] -= 1
        if not self._per_address[handler.address]:
            del self._per_address[handler.address]

    def pre_shutdown(self) -> None:
        self._watch.cancel()
        for handler in self._connections:
            assert isinstance(handler, Connection)
            handler.stop()

    def _check_connections(self) -> None:
        # One look over all of them costs less than a timer for each step of each request.
        now = self._loop.time()
        for handler, transport in list(self._connections.items()):
            assert isinstance(handler, Connection)
            handler.check(now, transport)
        self._watch = self._loop.call_later(self._interval, self._check_connections)


class ServiceRunner(web.AppRunner):
    """Runs an application on our own kind of server."""

    def __init__(self, app: web.Application, options: ServerOptions, *, shutdown_timeout: float) -> None:
        super().__init__(app, access_log=None, shutdown_timeout=shutdown_timeout)
        self._options = options

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        return Server(server, Shortcuts(self.app), self._options, asyncio.get_running_loop())
