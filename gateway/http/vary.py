"""The `Vary` header, which several parts of the service add to."""

from __future__ import annotations

from aiohttp import hdrs, web


def add_vary(response: web.StreamResponse, *names: str) -> None:
    known = [name.strip() for name in response.headers.get(hdrs.VARY, "").split(",") if name.strip()]
    response.headers[hdrs.VARY] = ", ".join([*known, *(name for name in names if name not in known)])
