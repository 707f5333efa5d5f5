"""What a REST client accepts: JSON, plain or indented, as Django REST Framework negotiates it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from aiohttp.helpers import parse_mimetype

from gateway.errors import NotAcceptable, NotFound

_MAX_ENTRIES = 64
_MAX_INDENT = 8


def negotiate_indent(format_override: str, accept: Sequence[str]) -> int | None:
    """How far to indent the answer, None for compact. Raises NotFound or NotAcceptable.

    `format_override` is the query parameter `format`: there is `json` only. `accept` has the values of all headers of
    that name. Of several entries that fit, the one that says most decides; quality values are not looked at.
    """
    if format_override not in ("", "json"):
        raise NotFound
    return _indent_of(",".join(accept)) if accept else None


# Clients send few of them, each over and over.
@lru_cache(maxsize=128)
def _indent_of(accept: str) -> int | None:
    best: tuple[int, int | None] | None = None
    for entry in accept.split(",")[:_MAX_ENTRIES]:
        parsed = parse_mimetype(entry.strip())
        main, sub = parsed.type.lower(), "+".join(filter(None, (parsed.subtype, parsed.suffix))).lower()
        if entry.count("/") == 0 or main not in ("*", "application") or sub not in ("*", "json"):
            continue
        weight = (main != "*") + (sub != "*") + (len(parsed.parameters) > 0) * 10
        if best is None or weight > best[0]:
            best = (weight, _indent(parsed.parameters.get("indent", "")))
    if best is None:
        raise NotAcceptable
    return best[1]


def _indent(text: str) -> int | None:
    try:
        return min(int(text), _MAX_INDENT) if int(text) > 0 else None
    except ValueError:
        return None
