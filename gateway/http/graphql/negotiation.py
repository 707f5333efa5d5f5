"""Which media type answers a GraphQL request (GraphQL over HTTP, 'Accept')."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from aiohttp import hdrs, web
from aiohttp.helpers import parse_mimetype

from gateway.http.qualities import parse_qualities

GRAPHQL_RESPONSE: Final = "application/graphql-response+json"
JSON: Final = "application/json"
HTML: Final = "text/html"


def accept_of(request: web.BaseRequest) -> str:
    """The Accept header. Of several headers with the same name, HTTP makes one list."""
    return ", ".join(request.headers.getall(hdrs.ACCEPT, ()))


# Clients send few of them, each over and over.
@lru_cache(maxsize=128)
def best_media_type(accept: str | None, offered: tuple[str, ...]) -> str | None:
    """The one of `offered` that the client prefers; None where it takes none of them.

    Quality values count, then how closely an entry names the type, then the order of `offered`.
    No header, or one without entries, takes anything.
    """
    entries = parse_qualities(accept or "")
    if not entries:
        return offered[0]
    best, best_rank = None, (0.0, -1)
    for media_type in offered:
        # The closest entry decides: `*/*, text/html;q=0` takes no HTML.
        matches = [
            (closeness, quality) for name, quality in entries if (closeness := _closeness(name, media_type)) is not None
        ]
        if not matches:
            continue
        closeness, quality = max(matches)
        rank = (quality, closeness)
        if quality > 0 and rank > best_rank:
            best, best_rank = media_type, rank
    return best


def names(accept: str, media_type: str) -> bool:
    """Whether the client takes it by its own name: `*/*` is what clients send that never heard of it."""
    return any(name == media_type and quality > 0 for name, quality in parse_qualities(accept))


def _closeness(name: str, media_type: str) -> int | None:
    if name == media_type:
        return 2
    if name == media_type.partition("/")[0] + "/*":
        return 1
    return 0 if name == "*/*" else None


def charset_of(content_type: str) -> str:
    """The charset that a Content-Type names, in lower case; utf-8 where it names none."""
    return parse_mimetype(content_type).parameters.get("charset", "utf-8").lower()
