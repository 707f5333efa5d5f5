"""What a malformed request is, and the parts that most of them have."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests import keys

GRAPHQL_RESPONSE: Final = "application/graphql-response+json"
TYPENAME: Final = b'{"query":"{ __typename }"}'

Header = tuple[str, str | bytes]


@dataclass(frozen=True, slots=True)
class Malformed:
    """Bytes as they are sent, and the status of each answer to them, in order.

    `method` says how to read the answers. Where `half_closes`, the client sends nothing after these bytes, and says so.
    Where `in_pieces`, each byte is a packet of its own.
    """

    name: str
    sent: bytes
    statuses: tuple[int, ...]
    method: str = "POST"
    half_closes: bool = False
    in_pieces: bool = False


def head(first_line: str | bytes, headers: Sequence[Header]) -> bytes:
    lines = [_encoded(first_line), *(_encoded(name) + b": " + _encoded(value) for name, value in headers)]
    return b"\r\n".join([*lines, b"", b""])


def post(body: bytes = TYPENAME, *more: Header, media_type: str | bytes | None = "application/json") -> bytes:
    """A request that is right where `body` is; `more` headers come last."""
    content_type: list[Header] = [] if media_type is None else [("Content-Type", media_type)]
    headers: list[Header] = [
        ("Host", "testserver"),
        *content_type,
        ("Accept", GRAPHQL_RESPONSE),
        ("Content-Length", str(len(body))),
        *more,
    ]
    return head("POST /graphql HTTP/1.1", headers) + body


def get(target: str | bytes, *more: Header, method: str = "GET", version: str = "HTTP/1.1") -> bytes:
    """A request without a body; of any method, for any target."""
    first_line = method.encode() + b" " + _encoded(target) + b" " + version.encode()
    return head(first_line, [("Host", "testserver"), ("Accept", GRAPHQL_RESPONSE), *more])


def operation(query: str, **more: Any) -> bytes:
    """The body of a request for an operation; lone surrogates go as escapes."""
    return json.dumps({"query": query, **more}).encode()


def with_key(request: bytes) -> bytes:
    """As a caller who may do all."""
    first_line, _, rest = request.partition(b"\r\n")
    return first_line + f"\r\nAuthorization: Bearer {keys.ADA}\r\n".encode() + rest


def _encoded(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")
