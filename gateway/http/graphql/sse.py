"""Server-sent events: one subscription for each request (GraphQL over SSE, 'distinct connections mode').

Lines end in LF. An event has the change's cursor as its id where the operation selects it, so that a
client that reconnects with `Last-Event-ID` gets what it missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final

import orjson
from aiohttp import web

from gateway.http.graphql.errors import RequestRefused
from gateway.http.graphql.runner import Answer
from gateway.http.graphql.slow_readers import send_or_drop
from gateway.http.json import encode_json

MEDIA_TYPE: Final = "text/event-stream"
LAST_EVENT_ID: Final = "Last-Event-ID"

_HEADERS: Final = {
    "Content-Type": f"{MEDIA_TYPE}; charset=utf-8",
    "Cache-Control": "no-store",
    # Proxies as nginx would keep the events back otherwise.
    "X-Accel-Buffering": "no",
}
_COMPLETE: Final = b"event: complete\ndata:\n\n"
_HEARTBEAT: Final = b":\n\n"


async def send_events(
    request: web.Request,
    answers: AsyncGenerator[Answer, None],
    *,
    headers: dict[str, str],
    heartbeat: float,
    send_timeout: float,
) -> web.StreamResponse:
    """Until the stream ends, the client goes, or it does not read for `send_timeout` seconds."""
    response = web.StreamResponse(headers={**headers, **_HEADERS})
    response.enable_chunked_encoding()
    await response.prepare(request)

    async def send(data: bytes) -> None:
        await send_or_drop(request, response.write(data), send_timeout)

    # At once, so that a client knows that it is connected.
    await send(_HEARTBEAT)
    following = asyncio.ensure_future(anext(answers))
    try:
        while True:
            done, _ = await asyncio.wait([following], timeout=heartbeat)
            if not done:
                await send(_HEARTBEAT)
                continue
            try:
                answer = following.result()
            except StopAsyncIteration:
                break
            except RequestRefused as refused:
                await send(_next(encode_json({"errors": refused.render()})))
                break
            await send(_event(answer))
            following = asyncio.ensure_future(anext(answers))
        await send(_COMPLETE)
    finally:
        following.cancel()
        await asyncio.wait([following])
        await answers.aclose()
    return response


def _event(answer: Answer) -> bytes:
    cursor = _cursor(orjson.loads(answer.body).get("data"))
    event_id = f"id: {cursor}\n".encode() if cursor else b""
    return _next(answer.body, event_id)


def _next(body: bytes, event_id: bytes = b"") -> bytes:
    # JSON in one line: neither CR nor LF stands in it unescaped.
    return b"event: next\n" + event_id + b"data: " + body + b"\n\n"


def _cursor(data: Any) -> str | None:
    """Of the one field that a subscription has."""
    for field in (data or {}).values():
        cursor = field.get("cursor") if isinstance(field, dict) else None
        if isinstance(cursor, str):
            return cursor
    return None
