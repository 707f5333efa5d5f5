"""`Accept-Encoding` (RFC 9110, 12.5.3)."""

from __future__ import annotations

from functools import lru_cache

from aiohttp import hdrs, web

from gateway.http.qualities import parse_qualities


def best_coding(request: web.BaseRequest, offered: tuple[str, ...]) -> str | None:
    """The coding of `offered` that the client prefers, the first of equals; None if it prefers the plain body."""
    header = ", ".join(request.headers.getall(hdrs.ACCEPT_ENCODING, ()))
    return _best_coding(header, offered) if header else None


@lru_cache(maxsize=128)
def _best_coding(header: str, offered: tuple[str, ...]) -> str | None:
    qualities: dict[str, float] = {}
    for name, quality in parse_qualities(header):
        # Its old name (RFC 9110, 8.4.1.3).
        coding = name.replace("x-gzip", "gzip")
        qualities[coding] = max(quality, qualities.get(coding, 0.0))
    any_other = qualities.get("*", 0.0)
    best = max(offered, key=lambda coding: qualities.get(coding, any_other))
    wanted = qualities.get(best, any_other)
    return best if wanted > 0 and wanted >= qualities.get("identity", 0.0) else None
