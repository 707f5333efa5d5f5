"""Content codings: gzip, for answers that are worth it and in requests.

zstd and br need packages beside the standard library of the oldest Python that is supported, and JSON
of these sizes gains little by them. Compression tells nobody a secret (BREACH): that needs a victim's
browser that sends the victim's key along with requests of the attacker's choice, and no browser adds
a key to a request by itself.
"""

from __future__ import annotations

import asyncio
import gzip
import zlib
from functools import lru_cache
from typing import Final

from aiohttp import hdrs, web

from gateway.errors import ContentTooLarge, ParseError, UnsupportedEncoding
from gateway.http.vary import add_vary

_MEDIA_TYPES: Final = frozenset(
    {
        "application/json",
        "application/graphql-response+json",
        "text/css",
        "text/html",
        "text/javascript",
        "text/plain",
    }
)
_GZIP: Final = ("gzip", "x-gzip")
_LEVEL: Final = 5
# Larger bodies are compressed in a thread: they take milliseconds.
_MAX_INLINE: Final = 65_536
_MAX_ENTRIES: Final = 32


class Compression:
    """Of answers from `min_size` bytes on."""

    def __init__(self, min_size: int) -> None:
        self._min_size = min_size

    async def apply(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        if response.status == 304:
            # Says of its tag what the answer with a body would have said.
            if hdrs.ETAG in response.headers:
                add_vary(response, hdrs.ACCEPT_ENCODING)
                if accepts_gzip(request):
                    _weaken_tag(response)
            return
        if hdrs.CONTENT_ENCODING in response.headers:
            return
        body = response.body if isinstance(response, web.Response) else None
        if (
            not isinstance(body, bytes)
            or len(body) < self._min_size
            or response.content_type not in _MEDIA_TYPES
            or hdrs.CONTENT_ENCODING in response.headers
        ):
            return
        add_vary(response, hdrs.ACCEPT_ENCODING)
        if not accepts_gzip(request):
            return
        if hdrs.ETAG in response.headers:
            # The same for everyone, so asked for again.
            compressed = _compress_once(body)
            _weaken_tag(response)
        elif len(body) > _MAX_INLINE:
            compressed = await asyncio.to_thread(_compress, body)
        else:
            compressed = _compress(body)
        assert isinstance(response, web.Response)
        response.body = compressed
        response.headers[hdrs.CONTENT_ENCODING] = "gzip"


def accepts_gzip(request: web.BaseRequest) -> bool:
    """Whether the client takes gzip at least as gladly as the plain body."""
    header = request.headers.get(hdrs.ACCEPT_ENCODING)
    return header is not None and _accepts_gzip(header)


@lru_cache(maxsize=128)
def _accepts_gzip(header: str) -> bool:
    qualities: dict[str, float] = {}
    for entry in header.split(",")[:_MAX_ENTRIES]:
        coding, _, parameter = entry.partition(";")
        name, _, value = parameter.partition("=")
        try:
            quality = float(value) if name.strip().lower() == "q" else 1.0
        except ValueError:
            quality = 0.0
        qualities[coding.strip().lower()] = quality
    wanted = max((qualities[name] for name in _GZIP if name in qualities), default=qualities.get("*", 0.0))
    return wanted > 0 and wanted >= qualities.get("identity", 0.0)


def _compress(body: bytes) -> bytes:
    # Without the time, equal answers are equal bytes.
    return gzip.compress(body, _LEVEL, mtime=0)


_compress_once = lru_cache(maxsize=16)(_compress)


def _weaken_tag(response: web.StreamResponse) -> None:
    # A strong tag names bytes, and these are others than those of the plain answer.
    tag = response.headers[hdrs.ETAG]
    if not tag.startswith("W/"):
        response.headers[hdrs.ETAG] = f"W/{tag}"


def decompress(body: bytes, encoding: str, max_size: int) -> bytes:
    """A request's body. Raises UnsupportedEncoding, ParseError, and ContentTooLarge without unpacking more than that."""
    name = encoding.strip().lower()
    if name == "identity":
        return body
    if name not in _GZIP:
        raise UnsupportedEncoding
    decompressor = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = decompressor.decompress(body, max_size + 1)
    except zlib.error:
        raise ParseError("The request body is not valid gzip.") from None
    if len(plain) > max_size:
        raise ContentTooLarge(max_size)
    if not decompressor.eof or decompressor.unused_data:
        raise ParseError("The request body is not valid gzip.")
    return plain
