"""`Accept-Encoding` (RFC 9110, 12.5.3)."""

from __future__ import annotations

import math
from functools import lru_cache

from aiohttp import hdrs, web

_MAX_ENTRIES = 32


def best_coding(request: web.BaseRequest, offered: tuple[str, ...]) -> str | None:
    """The coding of `offered` that the client prefers, the first of equals; None if it prefers the plain body."""
    header = ", ".join(request.headers.getall(hdrs.ACCEPT_ENCODING, ()))
    return _best_coding(header, offered) if header else None


@lru_cache(maxsize=128)
def _best_coding(header: str, offered: tuple[str, ...]) -> str | None:
    qualities: dict[str, float] = {}
    for entry in header.split(",")[:_MAX_ENTRIES]:
        coding, _, parameter = entry.partition(";")
        # Its old name (RFC 9110, 8.4.1.3).
        name = coding.strip().lower().replace("x-gzip", "gzip")
        qualities[name] = max(_quality(parameter), qualities.get(name, 0.0))
    any_other = qualities.get("*", 0.0)
    best = max(offered, key=lambda coding: qualities.get(coding, any_other))
    wanted = qualities.get(best, any_other)
    return best if wanted > 0 and wanted >= qualities.get("identity", 0.0) else None


def _quality(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        quality = float(value)
    except ValueError:
        return 0.0
    return 0.0 if math.isnan(quality) else quality
