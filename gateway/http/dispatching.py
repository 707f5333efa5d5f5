"""Who answers a request that has arrived: a task of its own, at once, or aiohttp's loop, one after the other.

Most requests are here whole, on a connection where nothing else is under way. What that loop does for others (wait for
the rest, for an earlier answer, for another protocol) takes as long as reading and parsing the request.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.http import RawRequestMessage, StreamWriter
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import _ErrInfo

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

    @property
    def _is_idle(self) -> bool:
        return self._answering is None and super()._is_idle

    def _wake(self) -> None:
        if self._answering is not None:
            # When it is done, it looks for more.
            return
        if self._is_idle and len(self._messages) == 1 and not self._paused:
            message, body = self._messages[0]
            if not isinstance(message, _ErrInfo) and body.is_eof() and body.exception() is None:
                shortcut = self._shortcuts.find(message)
                if shortcut is not None:
                    self._messages.popleft()
                    self._begin(message, body, shortcut)
                    return
        super()._wake()

    def _begin(self, message: RawRequestMessage, body: StreamReader, shortcut: Shortcut) -> None:
        # As aiohttp's loop does for the others.
        make = self._request_factory
        assert self._parser is not None and self._manager is not None and make is not None
        self._parser.message_consumed()
        self._manager.requests_count += 1
        request: Any = make(message, body, self, StreamWriter(self, self._loop), self._task_handler)  # type: ignore[arg-type]  # it is there while it is connected
        shortcut.match(request)
        self._answering = self._loop.create_task(self._answer(request, shortcut))

    async def _answer(self, request: web.Request, shortcut: Shortcut) -> None:
        keeps = False
        self._request_in_progress = True
        self._current_request = request
        try:
            response = await shortcut.handler(request)
            # By its type: requests and responses are mappings too, and to ask for an instance of one takes longer.
            if type(response) is Reply:
                await self._deliver(request, response)
                keeps = bool(response.keep_alive)
            else:
                response, is_lost = await self.finish_response(request, response, None)
                keeps = bool(response.keep_alive) and not is_lost
        except ConnectionError:
            # The client is gone.
            pass
        except Exception as error:
            self.log_exception("Unhandled exception", exc_info=error)
        finally:
            self._current_request = None
            self._request_in_progress = False
            if self._handler_waiter is not None:
                # Who stops the service waits for it.
                self._handler_waiter.set_result(None)
            self._answering = None
            if not keeps or self._close or self._force_close:
                self._end()
            else:
                self._rest()

    async def _deliver(self, request: web.BaseRequest, reply: Reply) -> None:
        """Sends it. Raises ConnectionError where the client is gone."""
        raise NotImplementedError

    def _end(self) -> None:
        if self.transport is not None:
            # aiohttp's loop ends with it.
            self.transport.close()

    def _rest(self) -> None:
        """Until the next request."""
        self._keepalive = True
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(self._next_keepalive_close_time, self._process_keepalive)
        if self._messages:
            self._wake()

    def _process_keepalive(self) -> None:
        if self._answering is None:
            super()._process_keepalive()
        else:
            self._keepalive_handle = None

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109  # aiohttp's signature
        await super().shutdown(timeout)
        if self._answering is not None:
            self._answering.cancel()
