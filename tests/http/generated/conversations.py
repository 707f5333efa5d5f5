"""Conversations over WebSockets that keep the protocol `graphql-transport-ws`, or break it, and how they must go."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Callable
from random import Random
from typing import Any, Final, NamedTuple

from tests.http.generated.exchange import SECONDS, Outcome
from tests.http.raw import Connection, connected
from tests.keys import ADA, ADA_READ, bearer

_HANDSHAKE: Final = b"\r\n".join(
    (
        b"GET /graphql HTTP/1.1",
        b"Host: testserver",
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        b"Sec-WebSocket-Protocol: graphql-transport-ws",
        b"",
        b"",
    )
)
_MAX_MESSAGES: Final = 8
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_FINAL: Final = 0x80

_IDS: Final = ("1", "2", "a-b", "é\U0001f600", "", "x" * 300, 1, None)
_INITS: Final = (
    bearer(ADA),
    bearer(ADA_READ),
    {"authorization": bearer(ADA)["Authorization"]},
    {},
    None,
    {"Authorization": "Bearer nobody"},
    {"Authorization": 5},
    [],
)
_OPERATIONS: Final = (
    {"query": "{ viewer { email } }"},
    {"query": "{ __typename }"},
    {"query": "query A { __typename } query B { viewer { id } }", "operationName": "B"},
    {"query": 'subscription { persistedFolderChanged(projectId: "1") { kind cursor } }'},
    {"query": 'subscription { persistedFolderChanged(projectId: "1", after: "junk") { kind } }'},
    {"query": 'subscription { persistedFolderChanged(projectId: "999") { kind } }'},
    {
        "query": "query Q($first: Int) { viewer { environments(first: $first) { totalCount } } }",
        "variables": {"first": 10**30},
    },
    {"query": "{ viewer {"},
    {"query": "{ nothing }"},
    {"query": ""},
    {"query": 5},
    {"query": "{ __typename }", "variables": []},
    {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}},
    {},
    None,
    "{ __typename }",
)
# Those of RFC 6455 and of the protocol that tell a client what it did; the rest would be the service's own fault.
_FOR_THE_CLIENT: Final = frozenset({1000, 1002, 1007, 1009, 4400, 4401, 4403, 4409, 4429})
_CLIENT_CODE: Final = 4999


class Conversation(NamedTuple):
    """`is_cut_off` tells that the last frame has no end, so that the service need not say goodbye."""

    sent: bytes
    is_cut_off: bool


def conversation(random: Random) -> Conversation:
    """Begins as it should in most cases, or all would end at their first message."""
    frames = [] if random.random() < 0.1 else [_text(random, _message("connection_init", None, bearer(ADA)))]
    frames += [random.choice(_FRAMES)(random) for _ in range(random.randint(0, _MAX_MESSAGES))]
    last = _frame(random, _FINAL | _CLOSE, struct.pack("!H", _CLIENT_CODE))
    is_cut_off = random.random() < 0.1
    if is_cut_off:
        last = _text(random, _message("ping"))
        last = last[: random.randint(1, len(last) - 1)]
    return Conversation(b"".join([*frames, last]), is_cut_off)


async def converse(port: int, talk: Conversation) -> Outcome:
    try:
        async with asyncio.timeout(SECONDS), connected(port) as connection:
            connection.write(_HANDSHAKE)
            answer = await connection.read_head()
            if answer.status != 101:
                return Outcome([answer], "the handshake was declined")
            connection.write(talk.sent)
            if talk.is_cut_off:
                connection.close_writing()
            return Outcome([answer], await _problem(connection, talk))
    except TimeoutError:
        return Outcome([], "the connection was not closed")
    except (EOFError, ConnectionError):
        return Outcome([], "the connection broke off within a frame")


async def _problem(connection: Connection, talk: Conversation) -> str | None:
    """Reads to the end, for a service that closes sends nothing more."""
    closed = False
    while (frame := await connection.read_frame()) is not None:
        first, data = frame
        if closed:
            return "something was sent behind the close frame"
        if first == _FINAL | _TEXT:
            problem = _problem_with_message(data)
            if problem is not None:
                return f"{problem}: {data!r}"
        elif first == _FINAL | _CLOSE:
            closed = True
            code = int.from_bytes(data[:2], "big")
            if code not in _FOR_THE_CLIENT | {_CLIENT_CODE}:
                return f"closed with {code}: {data[2:]!r}"
            if not talk.is_cut_off:
                connection.close_writing()
        elif first not in (_FINAL | _PING, _FINAL | _PONG):
            return f"a frame that begins with {first:#x}"
    return None if closed or talk.is_cut_off else "the connection was closed without a close frame"


def _problem_with_message(data: bytes) -> str | None:
    message = json.loads(data)
    match message:
        case {"type": "connection_ack" | "pong" | "ping"} if len(message) == 1:
            return None
        case {"type": "complete", "id": str()} if len(message) == 2:
            return None
        case {"type": "error", "id": str(), "payload": [_, *_] as errors}:
            return next(filter(None, map(_problem_with_error, errors)), None)
        case {"type": "next", "id": str(), "payload": {"data": _, "errors": list(errors)}}:
            return next(filter(None, map(_problem_with_error, errors)), None)
        case {"type": "next", "id": str(), "payload": {"data": dict()}}:
            return None
    return "no message of the protocol"


def _problem_with_error(error: Any) -> str | None:
    match error:
        case {"message": str(), "extensions": {"code": "INTERNAL_SERVER_ERROR" | "UNAVAILABLE" | "TIMEOUT" as code}}:
            return f"the service failed with {code}"
        case {"message": str(), "extensions": {"code": str()}}:
            return None
    return "no error of GraphQL"


# What a client may send


def _right_or_wrong(random: Random) -> bytes:
    kind = random.choice(("connection_init", "ping", "pong", "subscribe", "subscribe", "subscribe", "complete", "x", 5))
    payload = random.choice(_INITS if kind == "connection_init" else _OPERATIONS)
    return _text(random, _message(kind, random.choice(_IDS), payload))


def _right(random: Random) -> bytes:
    operation_id = str(random.randint(1, 1000))
    return _text(random, _message("subscribe", operation_id, random.choice(_OPERATIONS[:6])))


def _changed(random: Random) -> bytes:
    data = bytearray(_message("subscribe", "7", random.choice(_OPERATIONS)))
    for _ in range(random.randint(1, 3)):
        data[random.randrange(len(data))] = random.choice(b'\xff\xc3"\\{}[]0,:\0\n')
    return _frame(random, _FINAL | _TEXT, bytes(data))


def _fragments(random: Random) -> bytes:
    data = _message("subscribe", str(random.randint(1001, 2000)), {"query": "{ viewer { email } }"})
    cut = random.randint(0, len(data))
    between = random.choice((b"", _frame(random, _FINAL | _PING, b"?"), _text(random, data)))
    return _frame(random, _TEXT, data[:cut]) + between + _frame(random, _FINAL | _CONTINUATION, data[cut:])


def _odd_frame(random: Random) -> bytes:
    first = random.choice((_BINARY, _PING, _PONG, _CONTINUATION, 0x3, 0xB)) | random.choice((_FINAL, 0, 0xC0, 0x90))
    return _frame(random, first, bytes(random.choice((0, 1, 125, 126, 70_000))))


def _odd_close(random: Random) -> bytes:
    return _frame(random, _FINAL | _CLOSE, random.choice((b"", b"\x03", b"\x03\xed", b"\x03\xe8\xff", b"\x0b\xb8ok")))


def _too_large(random: Random) -> bytes:
    return _text(random, _message("ping", None, {"ballast": "x" * 1_100_000}))


_FRAMES: Final[tuple[Callable[[Random], bytes], ...]] = (
    *[_right] * 6,
    *[_right_or_wrong] * 6,
    *[_fragments] * 3,
    _changed,
    _odd_frame,
    _odd_close,
    _too_large,
)


def _message(kind: Any, operation_id: Any = None, payload: Any = None) -> bytes:
    return json.dumps({"type": kind, "id": operation_id, "payload": payload}, ensure_ascii=False).encode()


def _text(random: Random, data: bytes) -> bytes:
    return _frame(random, _FINAL | _TEXT, data)


def _frame(random: Random, first: int, data: bytes) -> bytes:
    if len(data) < 126:
        length = bytes([0x80 | len(data)])
    elif len(data) < 65_536:
        length = struct.pack("!BH", 0x80 | 126, len(data))
    else:
        length = struct.pack("!BQ", 0x80 | 127, len(data))
    mask = random.randbytes(4)
    key = (mask * (len(data) // 4 + 1))[: len(data)]
    masked = (int.from_bytes(data, "big") ^ int.from_bytes(key, "big")).to_bytes(len(data), "big")
    return bytes([first]) + length + mask + masked
