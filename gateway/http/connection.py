"""One connection of a client: what aiohttp does, with limits in time and size, and the service's own errors.

aiohttp parses, queues what is pipelined and calls the endpoints. What is added here leans on inner
parts of its RequestHandler, of the version in requirements.txt; tests/http/test_protocol.py and
tests/http/test_slow_clients.py notice where another version differs.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog
import uuid_utils
from aiohttp import hdrs, web
from aiohttp.http import HttpRequestParser, HttpVersion10, HttpVersion11, RawRequestMessage
from aiohttp.http_exceptions import BadStatusLine, HttpProcessingError
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import MAX_MSG_QUEUE_SIZE, _ErrInfo

from gateway.errors import GatewayError, HeaderFieldsTooLarge, ParseError, RequestTimeout, ServerError
from gateway.http.compression import Compression
from gateway.http.failures import (
    MAX_FIELD_SIZE,
    MAX_FIELDS,
    MAX_TARGET_SIZE,
    error_of_exception,
    error_of_parser,
    failure,
)

if TYPE_CHECKING:
    from gateway.http.protocol import Server

log = structlog.get_logger(__name__)

SERVER_NAME: Final = "gateway"
REQUEST_ID: Final = "X-Request-Id"

_MAX_HEAD_SIZE: Final = 65_536
_READ_SIZE: Final = 65_536
# How long what a refused client still sends is read and thrown away: were the connection closed
# at once, its system would drop the answer with it.
_LINGER_SECONDS: Final = 3.0
_EMPTY_LINE: Final = b"\r\n\r\n"
_MAX_PARTS: Final = 64
# A name or an address, and a port (RFC 9112, 3.2; RFC 3986, 3.2.2).
_HOST: Final = re.compile(r"(?:[a-zA-Z0-9._~!$&'()*+,;=%-]*|\[[a-zA-Z0-9:.]+\])(?::[0-9]{0,5})?")
_AROUND_CHUNKS: Final = "Too many requests are pipelined around a chunked body."
_VERSIONS: Final = (HttpVersion11, HttpVersion10)


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The settings of the same names; times are in seconds."""

    request_head_timeout: float
    request_body_timeout: float
    keepalive_timeout: float
    response_send_timeout: float


class Connection(web.RequestHandler):
    """`check` is called now and then, by the server."""

    __slots__ = (
        "_body",
        "_body_since",
        "_body_size",
        "_closing_since",
        "_compression",
        "_gone",
        "_half_closed",
        "_head_since",
        "_head_size",
        "_is_chunked",
        "_is_deaf",
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
            read_bufsize=_READ_SIZE,
            **options,
        )
        self._limits = limits
        self._compression = compression
        # The client's address, for the server's bookkeeping; None where it is not counted.
        self.address: str | None = None
        self._parser = self._new_parser()
        # Of the request that arrived last.
        self._body: StreamReader = EMPTY_PAYLOAD
        self._body_since = 0.0
        # As its Content-Length says.
        self._body_size = 0
        self._is_chunked = False
        # Since when a head is awaited, and how much of it is here. None between requests.
        self._head_since: float | None = None
        self._head_size = 0
        # Since when the client does not read what it is sent.
        self._unread_since: float | None = None
        self._closing_since: float | None = None
        self._half_closed = False
        self._is_deaf = False
        self._is_refused = False
        self._gone: asyncio.Future[None] | None = None

    def _new_parser(self) -> HttpRequestParser:
        return HttpRequestParser(
            self,
            self._loop,
            _READ_SIZE,
            max_line_size=MAX_TARGET_SIZE,
            max_field_size=MAX_FIELD_SIZE,
            max_headers=MAX_FIELDS,
            payload_exception=web.RequestPayloadError,
            # `bodies` decompresses, for it knows how large a body may become.
            auto_decompress=False,
            max_msg_queue_size=MAX_MSG_QUEUE_SIZE,
        )

    # What arrives

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._head_since = self._loop.time()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        # What is pipelined is fed in parts: a head or a chunked body up to its empty line, a body of known length to
        # its end. aiohttp's parser forgets what it has read where the next request is malformed, and takes trailers
        # for headers of the next request.
        for _ in range(_MAX_PARTS):
            if self._is_chunked or self._body.is_eof():
                end = data.find(_EMPTY_LINE) + len(_EMPTY_LINE)
                if end < len(_EMPTY_LINE):
                    break
            else:
                end = self._body_size - self._body.total_bytes
            if end >= len(data) or self._upgraded:
                break
            self._feed(data[:end])
            data = data[end:]
        self._feed(data)

    def _feed(self, data: bytes) -> None:
        in_body = not self._body.is_eof()
        if self._is_chunked and not in_body:
            # The last trailer may be in the old one.
            self._is_chunked = False
            self._parser = self._new_parser()
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:
            self._look_at_arrived(self._request_count - before)
            if self._is_chunked and self._buffer_paused and self._body.is_eof():
                # The queue is full: what came behind the chunked body is held by the parser, that is not used again.
                self.refuse(ParseError(_AROUND_CHUNKS))
        elif data and not in_body and not self._upgraded and not self._close:
            if self._head_since is None:
                self._head_since = self._loop.time()
                self._head_size = 0
            self._head_size += len(data)
            if self._head_size > _MAX_HEAD_SIZE:
                self.refuse(HeaderFieldsTooLarge())

    def _look_at_arrived(self, count: int) -> None:
        self._head_since = None
        self._head_size = 0
        messages = self._messages
        for index in range(len(messages) - count, len(messages)):
            message, body = messages[index]
            if isinstance(message, _ErrInfo):
                if not self._body.is_eof() and self._body.exception() is None:
                    # It is the body that is malformed, and its reader waits for it.
                    self._body.set_exception(web.RequestPayloadError())
            elif (problem := _problem(message)) is not None:
                messages[index] = _error(problem)
            elif self._is_chunked:
                # It was fed together with the end of the chunked body: whose headers these are is not sure.
                messages[index] = _error(ParseError(_AROUND_CHUNKS))
            else:
                self._is_chunked = message.chunked
                self._body = body
                if not body.is_eof():
                    self._body_since = self._loop.time()
                    self._body_size = int(message.headers.get(hdrs.CONTENT_LENGTH, 0))

    def eof_received(self) -> bool | None:  # type: ignore[override]  # asyncio's own signature
        """A client that will send no more may still read: what it asked for is answered. True keeps it connected."""
        if self._close or self._force_close or self._payload_parser is not None:
            return None
        if self._is_deaf:
            self._half_closed = True
            return True
        if not self._body.is_eof():
            if self._body.exception() is None:
                self._body.set_exception(web.RequestPayloadError())
        elif self._head_size:
            self.refuse(ParseError("The request was cut off."))
        elif not self._messages and (self._waiter is not None or not self._request_count):
            # Nothing was asked that is not answered: between its requests aiohttp waits.
            return None
        if self._current_request is not None and self._current_request.writer.output_size:
            # A stream without an end: that nobody reads it any more is told by the connection's end.
            return None
        self._half_closed = True
        # The last one may be answered already, so that nothing else would end the connection.
        self._close = not self._messages
        return True

    def refuse(self, error: GatewayError) -> None:
        """Answers with this when what arrived before is answered, and closes. What arrives after it is not looked at."""
        self._messages.append(_error(error))
        self._is_deaf = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

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
            if self._waiter is None or self._waiter.done():
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
        # aiohttp's own waits for twice the time.
        task = self._task_handler
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await super().shutdown(timeout)
        if task is not None:
            task.cancel()
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
        if not resp.prepared:
            if self._upgraded and self._payload_parser is None:
                # A declined upgrade: what the client sent behind it is of another protocol.
                self._message_tail = b""
                self._close = True
            if is_given_up or self._close or (self._half_closed and not self._messages):
                resp.force_close()
            if self._compression is not None:
                await self._compression.apply(request, resp)
        finished = await super().finish_response(request, resp, start_time)
        if self._half_closed and not self._messages:
            self._close = True
        if is_given_up or self._is_refused:
            await self._linger()
        return finished

    async def _linger(self) -> None:
        """Throws away what the client still sends, until it closes too."""
        self._lingering_time = 0.0
        self._close = True
        transport = self.transport
        if transport is None or self._half_closed:
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

    def _failure(
        self, request: web.BaseRequest, error: GatewayError, cause: BaseException | None = None
    ) -> web.Response:
        request_id = uuid_utils.uuid7().hex
        if isinstance(error, ServerError):
            log.error("request.failed", request_id=request_id, method=request.method, exc_info=cause)
        else:
            log.info("request.refused", request_id=request_id, status=error.status, code=error.code)
        response = failure(request, error, request_id)
        response.headers[REQUEST_ID] = request_id
        response.headers[hdrs.SERVER] = SERVER_NAME
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


def _problem(message: RawRequestMessage) -> GatewayError | HttpProcessingError | None:
    """What HTTP wants refused, and aiohttp lets pass."""
    if message.version not in _VERSIONS:
        return BadStatusLine()
    headers = message.headers
    if not message.chunked and hdrs.TRANSFER_ENCODING in headers:
        return ParseError("The request's transfer encoding is not chunked.")
    if _HOST.fullmatch(headers.get(hdrs.HOST, "")) is None:
        return ParseError("The request's Host header is malformed.")
    return None


def _error(error: GatewayError | HttpProcessingError) -> tuple[_ErrInfo, StreamReader]:
    """In the queue of requests, one that is answered with this."""
    return _ErrInfo(status=400, exc=error, message=""), EMPTY_PAYLOAD
