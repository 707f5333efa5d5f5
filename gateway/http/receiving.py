"""Receives requests: feeds aiohttp's parser, and refuses what HTTP forbids but aiohttp accepts.

This module and `connection` use internals of aiohttp's RequestHandler, of the version in requirements.txt.
tests/http/test_protocol.py and tests/http/test_slow_clients.py fail if another version behaves differently.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final

from aiohttp import hdrs, web
from aiohttp.http import HttpRequestParser, HttpVersion10, HttpVersion11, RawRequestMessage
from aiohttp.http_exceptions import BadStatusLine, HttpProcessingError, InvalidURLError
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import MAX_MSG_QUEUE_SIZE, _ErrInfo

from gateway.errors import GatewayError, HeaderFieldsTooLarge, ParseError
from gateway.http.failures import MAX_FIELD_SIZE, MAX_FIELDS, MAX_TARGET_SIZE

_MAX_HEAD_SIZE: Final = 65_536
_READ_SIZE: Final = 65_536
_EMPTY_LINE: Final = b"\r\n\r\n"
_EMPTY_LINE_REST: Final = len(_EMPTY_LINE) - 1
_MAX_PARTS: Final = 64
# A name or an address, and a port (RFC 9112, 3.2; RFC 3986, 3.2.2); `proxies` is stricter where it makes a link.
_HOST: Final = re.compile(r"(?:[a-zA-Z0-9._~!$&'()*+,;=%-]*|\[[a-zA-Z0-9:.]+\])(?::[0-9]{0,5})?")
_AROUND_CHUNKS: Final = "Too many requests are pipelined around a chunked body."
_VERSIONS: Final = (HttpVersion11, HttpVersion10)


class ReceivingConnection(web.RequestHandler):
    """Queues requests, and error answers for requests that are refused before they have a route."""

    __slots__ = (
        "_body",
        "_body_since",
        "_body_size",
        "_half_closed",
        "_head_since",
        "_head_size",
        "_held",
        "_is_chunked",
        "_is_deaf",
        "_is_last",
        "_is_overfed",
        "_line_end",
    )

    def __init__(self, server: web.Server, *, loop: asyncio.AbstractEventLoop, **options: Any) -> None:
        super().__init__(server, loop=loop, read_bufsize=_READ_SIZE, **options)
        self._parser = self._new_parser()
        # Of the request that arrived last.
        self._body: StreamReader = EMPTY_PAYLOAD
        self._body_since = 0.0
        # As its Content-Length says.
        self._body_size = 0
        self._is_chunked = False
        # The empty line that ends a head or a chunked body, as far as it was fed: the rest may come with the next read.
        self._line_end = b""
        # What arrived and is not fed yet, and whether more was fed than the part that was due.
        self._held = b""
        self._is_overfed = False
        # Since when a head is awaited, and how much of it is here. None between requests.
        self._head_since: float | None = None
        self._head_size = 0
        # Whether the client sends no more, and whether what it sends is not looked at any more.
        self._half_closed = False
        self._is_deaf = False
        # Whether all that comes behind the body that is arriving is ignored.
        self._is_last = False

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

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._head_since = self._loop.time()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._is_deaf or self._close or self._force_close:
            return
        if not data:
            # After a pause; the parser may hold something itself.
            self._feed(data)
        rest, self._held = self._held + data, b""
        # What is pipelined is fed in parts: a head or a chunked body up to its empty line, a body of known length to
        # its end. aiohttp's parser forgets what it has read where the next request is malformed, and takes trailers
        # for headers of the next request.
        count = 0
        while rest and not self._is_paused:
            end = self._end_of_part(rest)
            count += 1
            if count > _MAX_PARTS and end is not None:
                self._is_overfed = not rest.endswith(_EMPTY_LINE)
                end = None
            if end is None:
                end = len(rest)
                self._line_end = (self._line_end + rest[-_EMPTY_LINE_REST:])[-_EMPTY_LINE_REST:]
            else:
                self._line_end = b""
            self._feed(rest[:end])
            rest = rest[end:]
        self._held = rest
        if self._messages:
            self._wake()

    @property
    def _is_paused(self) -> bool:
        """Whether the parser would keep to itself what it is fed."""
        return not self._upgraded and (self._reading_paused or len(self._messages) >= self._max_msg_queue_size)

    def _end_of_part(self, data: bytes) -> int | None:
        """None where it is not known, or not here yet."""
        if self._upgraded:
            return None
        if not (self._is_chunked or self._body.is_eof()):
            return self._body_size - self._body.total_bytes
        found = (self._line_end + data).find(_EMPTY_LINE)
        return None if found < 0 else found + len(_EMPTY_LINE) - len(self._line_end)

    def resume_reading(self, resume_parser: bool = True) -> None:
        # aiohttp calls it after each read of a body, and it would feed nothing to the parser.
        if self._reading_paused or self._buffer_paused:
            super().resume_reading(resume_parser)

    def _feed(self, data: bytes) -> None:
        in_body = not self._body.is_eof()
        if self._is_chunked and not in_body:
            # The last trailer may be in the old one.
            self._is_chunked = False
            self._parser = self._new_parser()
        before = self._request_count
        super().data_received(data)
        if self._is_last and self._body.is_eof():
            self._close = True
        if self._request_count != before:
            self._look_at_arrived(self._request_count - before)
        elif data and not in_body and not self._upgraded and not self._close:
            if self._head_since is None:
                self._head_since = self._loop.time()
                self._head_size = 0
            self._head_size += len(data)
            if self._head_size > _MAX_HEAD_SIZE:
                self.refuse(HeaderFieldsTooLarge())
        if self._is_overfed and not self._is_paused:
            self._is_overfed = False
            if self._is_chunked and self._body.is_eof():
                # What came behind the chunked body is held by the parser, that is not used again.
                self.refuse(ParseError(_AROUND_CHUNKS))

    @property
    def _is_idle(self) -> bool:
        """Whether no request is being answered."""
        raise NotImplementedError

    def _wake(self) -> None:
        """Has what has arrived answered, if nothing else is."""
        raise NotImplementedError

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
        """A client that sends no more may still read, so its requests are answered. True keeps the connection open."""
        if self._half_closed:
            # uvloop says it twice.
            return True
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
        elif not self._messages and (self._is_idle or not self._request_count):
            # Nothing was asked that is not answered.
            return None
        if self._current_request is not None and self._current_request.writer.output_size:
            # A stream without an end: that nobody reads it any more is told by the connection's end.
            return None
        self._half_closed = True
        # The last one may be answered already, so that nothing else would end the connection.
        self._close = not self._messages
        return True

    def stop(self) -> None:
        """Called when the service stops: running requests are answered, and no new ones are started.

        aiohttp's `close` would at once ignore all input, also the rest of a body, and the close frame of a WebSocket.
        """
        if self._upgraded:
            return
        if self._body.is_eof() or self._messages:
            self.close()
        else:
            self._is_last = True

    def refuse(self, error: GatewayError) -> None:
        """Sends this answer after those to earlier requests, and closes the connection. Later input is ignored."""
        self._messages.append(_error(error))
        self._is_deaf = True
        self._wake()


def _problem(message: RawRequestMessage) -> GatewayError | HttpProcessingError | None:
    """What HTTP wants refused, and aiohttp lets pass."""
    if message.version not in _VERSIONS:
        return BadStatusLine()
    if not message.path.startswith("/"):
        try:
            # aiohttp's request will ask it.
            _ = message.url.host
        except ValueError:
            return InvalidURLError("")
    headers = message.headers
    if hdrs.TRANSFER_ENCODING in headers and not (message.chunked and message.version == HttpVersion11):
        # A proxy that speaks HTTP/1.0 knows of no chunks, and would find another end (RFC 9112, 6.1).
        return ParseError("The request's transfer encoding is not the chunked one of HTTP/1.1.")
    if _HOST.fullmatch(headers.get(hdrs.HOST, "")) is None:
        return ParseError("The request's Host header is malformed.")
    if not headers.get(hdrs.EXPECT, "").isascii():
        # aiohttp's refusal would repeat it, and fail at that: such bytes are no text.
        return ParseError("The request's Expect header is malformed.")
    return None


def _error(error: GatewayError | HttpProcessingError) -> tuple[_ErrInfo, StreamReader]:
    """In the queue of requests, one that is answered with this."""
    return _ErrInfo(status=400, exc=error, message=""), EMPTY_PAYLOAD
