"""One WebSocket connection, in the protocol `graphql-transport-ws`.

The key is in the payload of `connection_init`. It is checked again for each operation, and the connection is closed
when the key is no longer valid.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog
from aiohttp import WebSocketError, WSCloseCode, WSMsgType, web

from gateway.access import Caller
from gateway.errors import AuthenticationFailed, GatewayError
from gateway.http.authentication import Credential, parse_bearer
from gateway.http.graphql.admission import Visit
from gateway.http.graphql.request import GraphQLRequest
from gateway.http.graphql.slow_readers import drop, send_or_drop
from gateway.http.graphql.websocket_messages import (
    FOUND_IN,
    CloseCode,
    Closing,
    Message,
    closing_for,
    parse_message,
)
from gateway.http.graphql.websocket_operations import Operations, WebSocketServices
from gateway.http.json import encode_json

log = structlog.get_logger(__name__)

# A client has this long to answer a close frame.
_CLOSE_SECONDS: Final = 2.0


class WebSocketSession:
    def __init__(
        self, services: WebSocketServices, request: web.Request, socket: web.WebSocketResponse, request_id: str
    ) -> None:
        self._services = services
        self._options = services.options
        self._request = request
        self._socket = socket
        self.request_id = request_id
        self._operations = Operations(services, self)
        self._key: str | None = None
        self._is_initialised = False
        # What goes on beside the operations.
        self._tasks: list[asyncio.Task[None]] = []
        # One answer and one frame at a time: else each operation would keep one of its own for a slow reader.
        self._answering = asyncio.Lock()
        self._sending = asyncio.Lock()
        self._closing: asyncio.Future[Closing] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Runs until the client goes away, or something closes the connection."""
        reading = asyncio.create_task(self._read())
        timer = asyncio.get_running_loop().call_later(self._options.websocket_init_timeout, self._expect_init)
        ends: list[asyncio.Future[Any]] = [reading, self._closing]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            tasks = [reading, *self._operations.tasks, *self._tasks]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        if self._closing.done():
            await self._say_goodbye(self._closing.result())
        is_refused = isinstance(self._socket.exception(), WebSocketError)
        if self._socket.close_code == WSCloseCode.ABNORMAL_CLOSURE and not is_refused:
            drop(self._request)

    def close(self, closing: Closing) -> None:
        """If called several times, the first reason counts."""
        if not self._closing.done():
            self._closing.set_result(closing)

    def stop(self, closing: Closing) -> None:
        """Closes the connection when its operations have ended. Subscriptions end at once."""
        self._tasks.append(asyncio.create_task(self._drain(closing)))

    async def _drain(self, closing: Closing) -> None:
        await self._operations.drain()
        self.close(closing)

    async def _say_goodbye(self, closing: Closing) -> None:
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._socket.close(code=closing.code, message=closing.reason)
        except TimeoutError:
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
                    await self.send(frame.data, WSMsgType.PONG)
                elif frame.type is WSMsgType.BINARY:
                    raise Closing(CloseCode.BAD_MESSAGE, "Only text messages are understood")
                # Thousands of frames may arrive at once, and to answer one need not suspend.
                await asyncio.sleep(0)
        except Closing as closing:
            self.close(closing)
        except GatewayError as error:
            self.close(closing_for(error))
        except ConnectionResetError:
            # The client is gone.
            return
        except Exception:
            self.fail()

    async def _handle(self, message: Message) -> None:
        if message.type == "connection_init":
            await self._init(message.payload)
        elif message.type == "subscribe":
            # What arrives is handled in its order, so an initialisation that was begun is done.
            if not self._is_initialised:
                raise Closing(CloseCode.UNAUTHORIZED, "Unauthorized")
            await self._operations.start(message)
        elif message.type == "complete":
            await self._operations.stop(message.id)
        elif message.type == "ping":
            await self.send_json({"type": "pong"})

    async def _init(self, payload: dict[str, Any]) -> None:
        if self._is_initialised:
            raise Closing(CloseCode.TOO_MANY_INITS, "Too many initialisation requests")
        self._is_initialised = True
        given = next((value for name, value in payload.items() if name.lower() == "authorization"), None)
        if given is not None:
            self._key = parse_bearer(given) if isinstance(given, str) else None
            if self._key is None:
                raise AuthenticationFailed(FOUND_IN)
        if self._key is not None:
            caller = await self._services.callers.authenticate(self._key, FOUND_IN)
            self._tasks.append(asyncio.create_task(self._watch(caller)))
        await self.send_json({"type": "connection_ack"})

    async def admit(self, sent: GraphQLRequest | GatewayError) -> Visit:
        if self._key is None:
            return Visit(sent=sent)
        return await self._services.admission.admit(Credential(self._key, FOUND_IN), sent)

    async def _watch(self, caller: Caller) -> None:
        try:
            with self._services.changes.watch(caller) as watched:
                while True:
                    await watched.listener.wait()
        except GatewayError as error:
            self.close(closing_for(error))

    @property
    def is_behind(self) -> bool:
        return self._sending.locked()

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None, None]:
        async with self._answering:
            async with self._sending:
                pass
            yield

    def fail(self) -> None:
        log.exception("websocket.failed", request_id=self.request_id)
        self.close(Closing(CloseCode.INTERNAL_ERROR, "A server error occurred."))

    async def send_json(self, message: dict[str, Any]) -> None:
        await self.send(encode_json(message))

    async def send(self, data: bytes, kind: WSMsgType = WSMsgType.TEXT) -> None:
        async with self._sending:
            sending = self._socket.send_frame(data, kind)
            await send_or_drop(self._request, sending, self._options.stream_send_timeout)
