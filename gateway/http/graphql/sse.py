"""Server-sent events: one operation for each request (GraphQL over SSE, 'distinct connections mode').

Lines end in LF. An event of a subscription has the change's cursor as its id, so that a client that
reconnects with `Last-Event-ID` gets what it missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

import structlog
from aiohttp import HttpVersion10, web

from gateway.errors import GatewayError, Unavailable
from gateway.http.graphql.errors import RequestRefused, render_error
from gateway.http.graphql.runner import Answer
from gateway.http.graphql.slow_readers import drop, send_or_drop, unacknowledged_for
from gateway.http.json import encode_json

log = structlog.get_logger(__name__)

MEDIA_TYPE: Final = "text/event-stream"
LAST_EVENT_ID: Final = "Last-Event-ID"
HEADERS: Final = {
    "Content-Type": f"{MEDIA_TYPE}; charset=utf-8",
    "Cache-Control": "no-store",
    # Proxies as nginx would keep the events back otherwise.
    "X-Accel-Buffering": "no",
}

_COMPLETE: Final = b"event: complete\ndata:\n\n"
_HEARTBEAT: Final = b":\n\n"
# aiohttp does not tell an idle handler that its client is gone, so it looks.
_LOOK_SECONDS: Final = 1.0


class EventStream:
    """The answers of one operation; times are in seconds."""

    def __init__(
        self,
        request: web.Request,
        answers: AsyncGenerator[Answer, None],
        *,
        is_subscription: bool,
        request_id: str,
        heartbeat: float,
        send_timeout: float,
    ) -> None:
        self._request = request
        self._answers = answers
        self._is_subscription = is_subscription
        self._request_id = request_id
        self._heartbeat = heartbeat
        self._send_timeout = send_timeout
        self._following: asyncio.Task[bytes | None] | None = None
        self._is_stopped = False

    async def serve(self, headers: dict[str, str]) -> web.StreamResponse:
        """Runs until the answers end, the client goes away, or it does not read what it is sent."""
        response = web.StreamResponse(headers={**headers, **HEADERS})
        if self._request.version == HttpVersion10:
            # Without chunks, the stream ends with the connection. aiohttp would keep it where the client asks for that.
            response.force_close()
        try:
            await response.prepare(self._request)
            with unacknowledged_for(self._request, self._send_timeout):
                # At once, so that a client knows that it is connected.
                await self._send(response, _HEARTBEAT)
                await self._send_all(response)
        except ConnectionResetError:
            # The client is gone.
            pass
        except Exception:
            # The answer has begun: there is no other to give.
            log.exception("event_stream.failed")
            drop(self._request)
        finally:
            if self._following is not None:
                self._following.cancel()
                await asyncio.gather(self._following, return_exceptions=True)
            await self._answers.aclose()
        return response

    def stop(self) -> None:
        """Ends a subscription without `complete`, so that the client connects again. Others end by themselves."""
        if not self._is_subscription:
            return
        self._is_stopped = True
        if self._following is not None:
            self._following.cancel()

    async def _send_all(self, response: web.StreamResponse) -> None:
        while not self._is_stopped:
            self._following = asyncio.create_task(self._next())
            await self._wait(self._following, response)
            if self._following.cancelled():
                return
            event = self._following.result()
            await self._send(response, event or _COMPLETE)
            if event is None:
                return

    async def _wait(self, following: asyncio.Task[bytes | None], response: web.StreamResponse) -> None:
        clock = asyncio.get_running_loop().time
        fed = clock()
        while True:
            rest = self._heartbeat - (clock() - fed)
            await asyncio.wait([following], timeout=min(rest, _LOOK_SECONDS))
            if self._request.transport is None:
                raise ConnectionResetError
            if following.done():
                return
            if clock() - fed >= self._heartbeat:
                await self._send(response, _HEARTBEAT)
                fed = clock()

    async def _next(self) -> bytes | None:
        """The next event; None after the last."""
        try:
            answer = await anext(self._answers)
        except StopAsyncIteration:
            return None
        except RequestRefused as refused:
            return _event(encode_json({"errors": refused.render()}))
        except GatewayError as error:
            return _event(encode_json({"errors": [render_error(error, self._request_id)]}))
        if isinstance(answer.error, Unavailable):
            # It broke off. To `complete` a client would not connect again, and go on from where it was.
            self._is_stopped = True
        return _event(answer.body, answer.event_id)

    async def _send(self, response: web.StreamResponse, data: bytes) -> None:
        await send_or_drop(self._request, response.write(data), self._send_timeout)


def _event(body: bytes, event_id: str | None = None) -> bytes:
    # JSON in one line: neither CR nor LF stands in it unescaped.
    return b"event: next\n%bdata: %b\n\n" % (f"id: {event_id}\n".encode() if event_id else b"", body)


async def refused_answers(refused: RequestRefused) -> AsyncGenerator[Answer, None]:
    """For what is refused before it runs: the stream is what this client reads, so that is where it hears of it."""
    raise refused
    yield
