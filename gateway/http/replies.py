"""Complete answers: head and body are written in one piece."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from aiohttp import HttpVersion, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import EMPTY_BODY_STATUS_CODES, rfc822_formatted_time
from aiohttp.http import HttpVersion11
from aiohttp.web_response import REASON_PHRASES

# With a larger body, a copy of it costs more than a second buffer.
_MAX_JOINED: Final = 65_536


class Reply(web.StreamResponse):
    """What handlers return, unless they stream. `media_type` is the value of Content-Type.

    aiohttp's `Response` supports cookies, charsets, chunks and files, and checks for each of them. With these checks it
    takes longer than all other steps between a small answer and the socket.
    """

    def __init__(
        self,
        status: int = 200,
        body: bytes = b"",
        media_type: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        # Not the base class's own: what it prepares is for streams.
        fields = {} if headers is None else headers
        if media_type is not None:
            fields[hdrs.CONTENT_TYPE] = media_type
        self._headers = fields  # type: ignore[assignment]  # whoever sets one uses the name of `hdrs`
        self._status = status
        self._keep_alive = None
        self.body = body

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Sends the whole answer. Raises ConnectionError if the client is gone."""
        await request._prepare_hook(self)
        if self._keep_alive is None:
            self._keep_alive = request.keep_alive
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError
        head = self._head(request)
        if request.method == hdrs.METH_HEAD:
            transport.write(head)
        elif len(self.body) <= _MAX_JOINED:
            transport.write(head + self.body)
        else:
            transport.writelines((head, self.body))
        if request.protocol.writing_paused:
            # Until the client has read most of it.
            await request.protocol._drain_helper()
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Does nothing: everything has been sent."""

    def _head(self, request: web.BaseRequest) -> bytes:
        fields = self._headers
        if self._status not in EMPTY_BODY_STATUS_CODES:
            fields[hdrs.CONTENT_LENGTH] = str(len(self.body))
        fields[hdrs.DATE] = rfc822_formatted_time()
        version = request.version
        if self._keep_alive != (version == HttpVersion11):
            # What the version does not say by itself (RFC 9112, 9.3).
            fields[hdrs.CONNECTION] = "keep-alive" if self._keep_alive else "close"
        lines = [f"{name}: {value}" for name, value in fields.items()]
        head = "\r\n".join([_status_line(version, self._status), *lines, "", ""])
        # Nobody can add a header by what ends a line in a value.
        if head.count("\n") != len(lines) + 2:
            raise ValueError("a header has more than one line")
        return head.encode()


@lru_cache(maxsize=256)
def _status_line(version: HttpVersion, status: int) -> str:
    return f"HTTP/{version.major}.{version.minor} {status} {REASON_PHRASES.get(status, '')}"
