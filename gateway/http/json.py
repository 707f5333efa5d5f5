"""JSON as both transports write it: UTF-8, keys in the order given, compact unless a client asks for more."""

from __future__ import annotations

import json
from typing import Any

import orjson


def encode_json(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        # An integer over 64 bits, or a lone surrogate that a client sent and an error repeats:
        # JSON has both, as digits and as an escape; orjson has neither.
        return json.dumps(value, separators=(",", ":")).encode()


def encode_json_indented(value: Any, indent: int) -> bytes:
    try:
        return json.dumps(value, indent=indent, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent).encode()


def decode_json(body: bytes) -> Any:
    """Raises ValueError, as on NaN, or RecursionError."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # Escaped lone surrogates are refused where they stand for something, with a message that says so.
        return json.loads(body.decode(), parse_constant=refuse_constant)


def refuse_constant(name: str) -> Any:
    """NaN and the infinities, which Python's parser takes and JSON does not have. Raises ValueError."""
    raise ValueError(f"Out of range float values are not JSON compliant: {name!r}")
