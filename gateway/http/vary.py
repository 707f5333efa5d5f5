"""The `Vary` header, which several parts of the service add to."""

from __future__ import annotations

from aiohttp import hdrs, web


def add_vary(response: web.StreamResponse, *names: str) -> None:
    known = response.headers.get(hdrs.VARY)
    written = known.split(", ") if known else []
    response.headers[hdrs.VARY] = ", ".join([*written, *(name for name in names if name not in written)])
