"""One WebSocket connection, in the protocol `graphql-transport-ws`.

A key stands in the payload of `connection_init`. Each operation is checked anew, and a connection whose
key is no longer good is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiohttp import WebSocketError, WSCloseCode, WSMsgType, web

from gateway.access import Caller
from gateway.callers import CallerService
from gateway.changes import ChangeService
from gateway.errors import AccessLost, AuthenticationFailed, GatewayError, InvalidInput, Unavailable
from gateway.http.authentication import parse_bearer
from gateway.http.graphql.errors import RequestRefused, render_error
from gateway.http.graphql.request import check_request
from gateway.http.graphql.runner import Answer, Runner
from gateway.http.graphql.slow_readers import drop, send_or_drop
from gateway.http.graphql.websocket_messages import (
    CloseCode,
    Closing,
    Message,
    closing_for,
    next_message,
    parse_message,
)
from gateway.http.json import encode_json

if TYPE_CHECKING:
    from gateway.throttling import Throttle

log = structlog.get_logger(__name__)

_FOUND_IN: Final = "connection_init payload"
# A client has this long to answer a close frame.
_CLOSE_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class WebSocketOptions:
    """The settings of the same names; times are in seconds, sizes in bytes."""

    websocket_init_timeout: float
    websocket_ping_interval: float
    stream_send_timeout: float
    max_subscriptions: int
    max_body_size: int
    allowed_origins: frozenset[str]


class WebSocketSession:
    def __init__(
        self,
        runner: Runner,
        callers: CallerService,
        changes: ChangeService,
        throttle: Throttle | None,
        options: WebSocketOptions,
        request: web.Request,
        socket: web.WebSocketResponse,
        request_id: str,
    ) -> None:
        self._runner = runner
        self._callers = callers
        self._changes = changes
        self._throttle = throttle
        self._options = options
        self._request = request
        self._socket = socket
        self._request_id = request_id
        self._key: str | None = None
        self._is_initialised = False
        self._watching: asyncio.Task[None] | None = None
        # By the id that the client gave them; and of those that are over, the ones that still have to say so.
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        # One frame at a time: else each operation would fill a buffer of its own for a slow reader.
        self._sending = asyncio.Lock()
        self._closing: asyncio.Future[Closing] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Until the client goes, or something closes the connection."""
        reading = asyncio.create_task(self._read())
        timer = asyncio.get_running_loop().call_later(self._options.websocket_init_timeout, self._expect_init)
        ends: list[asyncio.Future[Any]] = [reading, self._closing]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            tasks = [reading, *self._operations.values(), *self._ending, *([self._watching] if self._watching else [])]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        if self._closing.done():
            await self._say_goodbye(self._closing.result())
        if isinstance(self._socket.exception(), WebSocketError):
            await self._let_go()
        elif self._socket.close_code == WSCloseCode.ABNORMAL_CLOSURE:
            drop(self._request)

    def close(self, closing: Closing) -> None:
        """The first reason counts."""
        if not self._closing.done():
            self._closing.set_result(closing)

    async def _say_goodbye(self, closing: Closing) -> None:
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._socket.close(code=closing.code, message=closing.reason)
        except TimeoutError:
            drop(self._request)

    async def _let_go(self) -> None:
        """After a close frame of aiohttp's own: reads on, and throws away, until the client closes too."""
        for _ in range(round(_CLOSE_SECONDS / _LOOK_SECONDS)):
            if self._request.transport is None:
                return
            await asyncio.sleep(_LOOK_SECONDS)
        drop(self._request)

    def _expect_init(self) -> None:
        if not self._is_initialised:
            self.close(Closing(CloseCode.INIT_TIMEOUT, "Connection initialisation timeout"))

    async def _read(self) -> None:
        try:
            async for frame in self._socket:
                if frame.type is WSMsgType.TEXT:
                    await self._handle(parse_message(frame.data))
                elif frame.type is WSMsgType.PING:
                    await self._send(frame.data, WSMsgType.PONG)
                elif frame.type is WSMsgType.BINARY:
                    raise Closing(CloseCode.BAD_MESSAGE, "Only text messages are understood")
        except Closing as closing:
            self.close(closing)
        except GatewayError as error:
            self.close(closing_for(error))
        except ConnectionResetError:
            # The client is gone.
            return
        except Exception:
            self._fail()

    async def _handle(self, message: Message) -> None:
        if message.type == "connection_init":
            await self._init(message.payload)
        elif message.type == "subscribe":
            await self._start(message)
        elif message.type == "complete":
            await self._stop(message.id)
        elif message.type == "ping":
            await self._send_json({"type": "pong"})

    async def _init(self, payload: dict[str, Any]) -> None:
        if self._is_initialised:
            raise Closing(CloseCode.TOO_MANY_INITS, "Too many initialisation requests")
        self._is_initialised = True
        given = next((value for name, value in payload.items() if name.lower() == "authorization"), None)
        if given is not None:
            self._key = parse_bearer(given) if isinstance(given, str) else None
            if self._key is None:
                raise AuthenticationFailed(_FOUND_IN)
        caller = await self._authenticate()
        if caller is not None:
            self._watching = asyncio.create_task(self._watch(caller))
        await self._send_json({"type": "connection_ack"})

    async def _start(self, message: Message) -> None:
        # What arrives is handled in its order, so an initialisation that was begun is done.
        if not self._is_initialised:
            raise Closing(CloseCode.UNAUTHORIZED, "Unauthorized")
        if message.id in self._operations:
            raise Closing(CloseCode.DUPLICATE_ID, f"Subscriber for {message.id} already exists")
        limit = self._options.max_subscriptions
        if len(self._operations) >= limit:
            error = InvalidInput(f"A connection has at most {limit} operations at a time.")
            await self._send_json(self._error_message(message.id, error))
            return
        if len(self._ending) >= limit:
            # The client does not read, so nothing more is begun.
            await asyncio.wait(self._ending, return_when=asyncio.FIRST_COMPLETED)
        self._operations[message.id] = asyncio.create_task(self._operate(message.id, message.payload))

    async def _stop(self, operation_id: str) -> None:
        task = self._operations.get(operation_id)
        if task is not None:
            task.cancel()
            # One that is still ending counts, or a client could have any number of them.
            await asyncio.wait([task])
            self._operations.pop(operation_id, None)

    async def _operate(self, operation_id: str, payload: dict[str, Any]) -> None:
        try:
            last = await self._answer(operation_id, payload)
            # The id is free before the client reads that, for it may take the same again.
            task = self._operations.pop(operation_id)
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
            await self._send_json(last)
        except (AuthenticationFailed, AccessLost) as error:
            self.close(closing_for(error))
        except ConnectionResetError:
            # The client is gone, and its reader finds that out too.
            return
        except Closing as closing:
            self.close(closing)
        except Exception:
            self._fail()

    async def _answer(self, operation_id: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Sends all answers but the last message, which says how it ended."""
        try:
            async with aclosing(self._answers(payload)) as answers:
                async for answer in answers:
                    if isinstance(answer.error, Unavailable):
                        # A stream broke off: the client connects again and goes on from where it was.
                        raise closing_for(answer.error)
                    if answer.error is not None:
                        raise answer.error
                    await self._send(next_message(operation_id, answer.body))
        except RequestRefused as refused:
            return {"id": operation_id, "type": "error", "payload": refused.render()}
        except (AuthenticationFailed, AccessLost):
            raise
        except GatewayError as error:
            return self._error_message(operation_id, error)
        return {"id": operation_id, "type": "complete"}

    async def _answers(self, payload: dict[str, Any]) -> AsyncGenerator[Answer, None]:
        caller = await self._authenticate()
        rate_limit = await self._throttle.hit(caller) if caller is not None and self._throttle is not None else None
        prepared = self._runner.prepare(check_request(payload), caller)
        context = self._runner.context(caller, rate_limit)
        async with aclosing(self._runner.answers(prepared, context, self._request_id)) as answers:
            async for answer in answers:
                yield answer

    async def _authenticate(self) -> Caller | None:
        """For every operation anew: a key may have been revoked since the last one."""
        return None if self._key is None else await self._callers.authenticate(self._key, _FOUND_IN)

    async def _watch(self, caller: Caller) -> None:
        try:
            with self._changes.watch(caller) as listener:
                while True:
                    await listener.wait()
        except GatewayError as error:
            self.close(closing_for(error))

    def _fail(self) -> None:
        log.exception("websocket.failed", request_id=self._request_id)
        self.close(Closing(CloseCode.INTERNAL_ERROR, "A server error occurred."))

    def _error_message(self, operation_id: str, error: GatewayError) -> dict[str, Any]:
        return {"id": operation_id, "type": "error", "payload": [render_error(error, self._request_id)]}

    async def _send_json(self, message: dict[str, Any]) -> None:
        await self._send(encode_json(message))

    async def _send(self, data: bytes, kind: WSMsgType = WSMsgType.TEXT) -> None:
        async with self._sending:
            sending = self._socket.send_frame(data, kind)
            await send_or_drop(self._request, sending, self._options.stream_send_timeout)
