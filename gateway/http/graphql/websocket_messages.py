"""The messages of the protocol `graphql-transport-ws`, and the codes that close its connections."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from gateway.errors import AuthenticationFailed, GatewayError, PermissionDenied, Unauthenticated, Unavailable
from gateway.http.json import decode_json, encode_json

PROTOCOL: Final = "graphql-transport-ws"
# As AuthenticationFailed words it.
FOUND_IN: Final = "connection_init payload"

# Clients number their operations or take a UUID. Every event repeats the id.
_MAX_ID_LENGTH: Final = 256
# RFC 6455, 5.5: a control frame has at most 125 bytes, two of which are the code.
_MAX_REASON_SIZE: Final = 123


class CloseCode(IntEnum):
    """Those of graphql-transport-ws; the first two are of WebSockets at large, and clients connect again on them.

    Two are not in its specification, only in graphql-ws, the library that it comes from: 4406 and 4500.
    """

    GOING_AWAY = 1001
    TRY_AGAIN_LATER = 1013
    BAD_MESSAGE = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    BAD_PROTOCOL = 4406
    INIT_TIMEOUT = 4408
    DUPLICATE_ID = 4409
    TOO_MANY_INITS = 4429
    INTERNAL_ERROR = 4500


class Closing(Exception):
    """Ends the connection."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        # What is cut off must not be half a character, nor may a lone surrogate stand there.
        self.reason = reason.encode("utf-8", "replace")[:_MAX_REASON_SIZE].decode("utf-8", "ignore").encode()


def closing_for(error: GatewayError) -> Closing:
    if isinstance(error, AuthenticationFailed):
        # What ends a stream cannot tell where the key was. Over a WebSocket it comes in one place only.
        error = AuthenticationFailed(FOUND_IN)
    if isinstance(error, (Unauthenticated, PermissionDenied)):
        code = CloseCode.FORBIDDEN
    elif isinstance(error, Unavailable):
        code = CloseCode.TRY_AGAIN_LATER
    else:
        code = CloseCode.INTERNAL_ERROR
    return Closing(code, error.detail)


@dataclass(frozen=True, slots=True)
class Message:
    """`id` and `payload` mean something only where the type has them."""

    type: str
    id: str
    payload: dict[str, Any]


def parse_message(text: str) -> Message:
    """Raises Closing for what the protocol does not know."""
    try:
        message = decode_json(text.encode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        raise _bad("The message is not valid JSON") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise _bad("A message must be an object with a type")
    kind, payload = message["type"], message.get("payload")
    if kind not in ("connection_init", "ping", "pong", "subscribe", "complete"):
        raise _bad("Unknown message type")
    if not isinstance(payload, (dict, type(None))) or (kind == "subscribe" and payload is None):
        raise _bad("The payload must be an object")
    operation_id = message.get("id") if kind in ("subscribe", "complete") else "-"
    if not isinstance(operation_id, str) or not 0 < len(operation_id) <= _MAX_ID_LENGTH:
        raise _bad(f"The id must be a string of 1 to {_MAX_ID_LENGTH} characters")
    return Message(kind, operation_id, payload or {})


def next_message(operation_id: str, answer: bytes) -> bytes:
    """`answer` is JSON already."""
    return b'{"id":%b,"type":"next","payload":%b}' % (encode_json(operation_id), answer)


def _bad(reason: str) -> Closing:
    return Closing(CloseCode.BAD_MESSAGE, reason)
