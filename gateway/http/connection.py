"""One client connection: aiohttp's, with time limits, and errors in the service's own format."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog
import uuid_utils
from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.errors import GatewayError, RequestTimeout, ServerError
from gateway.http.compression import Compression
from gateway.http.dispatching import DispatchingConnection
from gateway.http.failures import error_of_exception, error_of_parser, failure
from gateway.http.replies import Reply

if TYPE_CHECKING:
    from gateway.http.protocol import Server

log = structlog.get_logger(__name__)

SERVER_NAME: Final = "gateway"
REQUEST_ID: Final = "X-Request-Id"

# How long what a refused client still sends, or that of a WebSocket, is read and thrown away: were the
# connection closed at once, its system would drop the answer with it.
_LINGER_SECONDS: Final = 3.0


def stream_headers(request_id: str) -> dict[str, str]:
    """The common headers for an answer that its handler streams; complete answers get them when they are sent."""
    return {REQUEST_ID: request_id, hdrs.SERVER: SERVER_NAME}


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The settings of the same names; times are in seconds."""

    request_head_timeout: float
    request_body_timeout: float
    keepalive_timeout: float
    response_send_timeout: float


class Connection(DispatchingConnection):
    """The server calls `check` regularly."""

    __slots__ = (
        "_closing_since",
        "_compression",
        "_gone",
        "_is_refused",
        "_limits",
        "_unread_since",
        "address",
    )

    def __init__(
        self,
        server: Server,
        *,
        loop: asyncio.AbstractEventLoop,
        limits: ConnectionLimits,
        compression: Compression | None,
        **options: Any,
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=limits.keepalive_timeout,
            lingering_time=_LINGER_SECONDS,
            **options,
        )
        self._limits = limits
        self._compression = compression
        # The client's address, for the server's bookkeeping; None where it is not counted.
        self.address: str | None = None
        # Since when the client does not read what it is sent.
        self._unread_since: float | None = None
        self._closing_since: float | None = None
        self._is_refused = False
        self._gone: asyncio.Future[None] | None = None

    # Limits in time

    def check(self, now: float, transport: asyncio.Transport) -> None:
        """Ends what takes too long."""
        patience = self._limits.response_send_timeout
        if transport.is_closing():
            # What is not sent yet keeps a transport open, for ever if nobody reads it.
            self._closing_since = self._closing_since or now
            if now - self._closing_since > patience:
                _reset(transport)
            return
        if self._unread_since is not None and now - self._unread_since > patience:
            _reset(transport)
            return
        if not self._body.is_eof():
            # A body that nobody reads at the moment does not stand still by the client's fault.
            is_late = now - self._body_since > self._limits.request_body_timeout and not self._reading_paused
            if is_late and self._body.exception() is None:
                self._body.set_exception(TimeoutError())
        elif self._head_since is not None and now - self._head_since > self._limits.request_head_timeout:
            if not self._is_idle:
                return
            self._head_since = None
            if self._head_size:
                self.refuse(RequestTimeout())
            else:
                self.force_close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread_since = self._loop.time()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unread_since = None

    def _process_keepalive(self) -> None:
        # Where a request is arriving, the limit of its head holds.
        if self._head_since is None:
            super()._process_keepalive()
        else:
            self._keepalive_handle = None

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109  # aiohttp's signature
        # aiohttp's own hears nothing more meanwhile, and waits for twice the time.
        if self._answering is not None:
            await asyncio.wait([self._answering], timeout=timeout)
        if self._answering is not None:
            self._answering.cancel()
        self.force_close()

    # What is answered

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        if isinstance(resp, web.HTTPException):
            # From before the endpoints' own catch, as for an `Expect` that nobody can meet.
            resp = self._failure(request, error_of_exception(resp, request))
        body = request.content
        is_given_up = not body.is_eof() and (resp.status == 413 or body.exception() is not None)
        if self._upgraded and self._payload_parser is None:
            # A declined upgrade: what the client sent behind it is of another protocol.
            self._message_tail = b""
            self._close = True
        if not resp.prepared:
            if is_given_up:
                resp.force_close()
            await self._complete_head(request, resp)
        finished = await super().finish_response(request, resp, start_time)
        if self._half_closed and not self._messages:
            self._close = True
        # Only a WebSocket has such a parser: its close frames are sent, and more may still arrive (RFC 6455, 7.1.1).
        if is_given_up or self._is_refused or self._payload_parser is not None:
            await self._linger()
        return finished

    async def _deliver(self, request: web.BaseRequest, reply: Reply) -> None:
        await self._complete_head(request, reply)
        await reply.prepare(request)
        if self._half_closed and not self._messages:
            self._close = True

    async def _complete_head(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """What every answer says, whoever made it."""
        if self._close or self._is_last or (self._half_closed and not self._messages):
            response.force_close()
        # aiohttp's own names its version and Python's.
        response.headers[hdrs.SERVER] = SERVER_NAME
        if self._compression is not None and type(response) is Reply:
            compressing = self._compression.apply(request, response)
            if compressing is not None:
                await compressing

    async def _linger(self) -> None:
        """Throws away what the client still sends, until it closes too."""
        self._lingering_time = 0.0
        self._close = True
        transport = self.transport
        if transport is None or transport.is_closing() or self._half_closed:
            return
        self._gone = self._loop.create_future()
        if transport.can_write_eof():
            transport.write_eof()
        self._resume_transport_reading()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_SECONDS):
                await self._gone

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,  # noqa: ARG002  # aiohttp's; the exception says more
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  # aiohttp's words
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("half of another answer is sent already")
        self._is_refused = True
        if isinstance(exc, HttpProcessingError):
            exc = error_of_parser(exc)
        response = self._failure(request, exc if isinstance(exc, GatewayError) else ServerError(), exc)
        response.force_close()
        return response

    def _failure(self, request: web.BaseRequest, error: GatewayError, cause: BaseException | None = None) -> Reply:
        request_id = uuid_utils.uuid7().hex
        if isinstance(error, ServerError):
            log.error("request.failed", request_id=request_id, method=request.method, exc_info=cause)
        else:
            log.info("request.refused", request_id=request_id, status=error.status, code=error.code)
        response = failure(request, error, request_id)
        response.headers[REQUEST_ID] = request_id
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        # A body that turns out to be malformed after the answer was sent is nobody's concern.
        if not isinstance(kw.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **kw)


def _reset(transport: asyncio.Transport) -> None:
    """Drops the connection with all that is not sent yet, also what the system holds for it."""
    connection = transport.get_extra_info("socket")
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
