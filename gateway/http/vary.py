"""The `Vary` header, which several parts of the service add to."""

from __future__ import annotations

from functools import lru_cache

from aiohttp import hdrs, web


def add_vary(response: web.StreamResponse, *names: str) -> None:
    response.headers[hdrs.VARY] = _with(response.headers.get(hdrs.VARY), names)


# They are a handful.
@lru_cache(maxsize=128)
def _with(known: str | None, names: tuple[str, ...]) -> str:
    written = known.split(", ") if known else []
    return ", ".join([*written, *(name for name in names if name not in written)])
