"""What a client accepts, and how much it likes it: quality values (RFC 9110, 12.4.2)."""

from __future__ import annotations

from itertools import islice
from typing import Final

# Of one header; what is behind them is not read.
_MAX_ENTRIES: Final = 64


def parse_qualities(header: str) -> list[tuple[str, float]]:
    """The entries of an Accept header or its like: each in lower case without its parameters, and from 0 to 1."""
    named = (entry for entry in header.split(",") if entry.strip())
    return [_parse(entry) for entry in islice(named, _MAX_ENTRIES)]


def _parse(entry: str) -> tuple[str, float]:
    name, *parameters = entry.split(";")
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            try:
                quality = min(1.0, max(0.0, float(value)))
            except ValueError:
                quality = 0.0
    return name.strip().lower(), quality
