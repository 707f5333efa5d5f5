"""Starts one task for each request, when no other request of its connection is under way.

aiohttp's own loop takes a turn of the event loop before and after each request, and checks each for what only few have.
Most requests need none of that: they have arrived completely, and their path leads to an endpoint.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from aiohttp import web
from aiohttp.http import StreamWriter
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import ERROR, _ErrInfo

from gateway.http.receiving import ReceivingConnection
from gateway.http.replies import Reply
from gateway.http.shortcuts import Shortcut, Shortcuts


class DispatchingConnection(ReceivingConnection):
    __slots__ = ("_answering", "_shortcuts")

    def __init__(
        self, server: web.Server, *, loop: asyncio.AbstractEventLoop, shortcuts: Shortcuts, **options: Any
    ) -> None:
        super().__init__(server, loop=loop, **options)
        self._shortcuts = shortcuts
        self._answering: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """aiohttp's loop over the requests of a connection, which is not used."""

    @property
    def _is_idle(self) -> bool:
        return self._answering is None

    def _wake(self) -> None:
        # Who answers looks for more in the end.
        if self._answering is None and self._messages:
            self._begin()

    def _begin(self) -> None:
        message, body = self._messages.popleft()
        make = self._request_factory
        assert self._parser is not None and self._manager is not None and make is not None
        self._parser.message_consumed()
        self._manager.requests_count += 1
        handler: Any = self._request_handler
        shortcut: Shortcut | None = None
        if isinstance(message, _ErrInfo):
            handler = self._make_error_handler(message)
            message = ERROR
        elif body.is_eof() and body.exception() is None:
            shortcut = self._shortcuts.find(message)
        request: Any = make(message, body, self, StreamWriter(self, self._loop), self._task_handler)  # type: ignore[arg-type]  # it is there while it is connected
        self._answering = self._loop.create_task(self._answer(request, body, handler, shortcut))
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()

    async def _answer(self, request: Any, body: StreamReader, handler: Any, shortcut: Shortcut | None) -> None:
        keeps = False
        try:
            if shortcut is None:
                keeps = await self._answer_by_aiohttp(request, body, handler)
            else:
                keeps = await self._answer_at_once(request, shortcut)
        except ConnectionError:
            # The client is gone.
            pass
        except Exception as error:
            self.log_exception("Unhandled exception", exc_info=error)
        finally:
            self._go_on(keeps)

    async def _answer_at_once(self, request: web.Request, shortcut: Shortcut) -> bool:
        """Whether the connection may be kept."""
        shortcut.match(request)
        self._current_request = request
        try:
            response = await shortcut.handler(request)
            # By its type: requests and responses are mappings too, and to ask for an instance of one takes longer.
            if type(response) is Reply:
                await self._deliver(request, response)
                return bool(response.keep_alive)
            response, is_lost = await self.finish_response(request, response, None)
            return bool(response.keep_alive) and not is_lost
        finally:
            self._current_request = None

    async def _answer_by_aiohttp(self, request: web.BaseRequest, body: StreamReader, handler: Any) -> bool:
        """The same, which takes longer."""
        response, is_lost = await self._handle_request(request, None, handler)
        await self._pass_over(body)
        return bool(response.keep_alive) and not is_lost

    async def _pass_over(self, body: StreamReader) -> None:
        """What the handler has left of it is read, for the next request stands behind it: as long as that takes little time."""
        if body.is_eof():
            return
        if self._lingering_time and not self._force_close:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._lingering_time):
                    while not body.is_eof():
                        await body.readany()
        if not body.is_eof():
            self._close = True

    async def _deliver(self, request: web.BaseRequest, reply: Reply) -> None:
        """Sends it. Raises ConnectionError where the client is gone."""
        raise NotImplementedError

    def _go_on(self, keeps: bool) -> None:
        self._answering = None
        if keeps and not self._close and not self._force_close:
            self._keepalive = True
            self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
            if self._keepalive_handle is None:
                self._keepalive_handle = self._loop.call_at(self._next_keepalive_close_time, self._process_keepalive)
            self._wake()
        elif self.transport is not None:
            self.transport.close()

    def _process_keepalive(self) -> None:
        self._keepalive_handle = None
        if self._answering is not None or self._force_close:
            return
        if self._loop.time() < self._next_keepalive_close_time:
            # Another request came meanwhile.
            self._keepalive_handle = self._loop.call_at(self._next_keepalive_close_time, self._process_keepalive)
        else:
            self.force_close()
