"""WebSockets in the protocol `graphql-transport-ws`, with the close codes of its specification.

A key stands in the payload of `connection_init`. Each operation is checked anew, and a connection whose
key is no longer good is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

import structlog
from aiohttp import WSMsgType, hdrs, web

from gateway.access import Caller
from gateway.callers import CallerService
from gateway.changes import ChangeService
from gateway.errors import (
    AccessLost,
    AuthenticationFailed,
    GatewayError,
    InvalidInput,
    PermissionDenied,
    Unauthenticated,
)
from gateway.http.authentication import parse_bearer
from gateway.http.graphql.errors import RequestRefused, render_error
from gateway.http.graphql.request import check_request
from gateway.http.graphql.runner import Answer, Runner
from gateway.http.graphql.slow_readers import send_or_drop
from gateway.http.json import decode_json, encode_json
from gateway.http.proxies import PublicAddress
from gateway.throttling import Throttle

log = structlog.get_logger(__name__)

PROTOCOL: Final = "graphql-transport-ws"

_BAD_MESSAGE: Final = 4400
_UNAUTHORIZED: Final = 4401
_FORBIDDEN: Final = 4403
_BAD_PROTOCOL: Final = 4406
_INIT_TIMEOUT: Final = 4408
_DUPLICATE_ID: Final = 4409
_TOO_MANY_INITS: Final = 4429
_INTERNAL_ERROR: Final = 4500


@dataclass(frozen=True, slots=True)
class WebSocketOptions:
    """The settings of the same names; times are in seconds, sizes in bytes."""

    websocket_init_timeout: float
    websocket_ping_interval: float
    stream_send_timeout: float
    max_subscriptions: int
    max_body_size: int
    allowed_origins: frozenset[str]


class _Closing(Exception):
    """Ends the connection with a close code. The reason is at most 123 bytes (RFC 6455, 5.5)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class WebSocketTransport:
    """`throttle` None means that nothing is limited."""

    def __init__(
        self,
        runner: Runner,
        callers: CallerService,
        changes: ChangeService,
        throttle: Throttle | None,
        address: PublicAddress,
        options: WebSocketOptions,
    ) -> None:
        self._address = address
        self.runner = runner
        self.callers = callers
        self.changes = changes
        self.throttle = throttle
        self.options = options
        self._open: set[web.WebSocketResponse] = set()

    async def serve(self, request: web.Request, request_id: str) -> web.WebSocketResponse:
        """Raises PermissionDenied for a page of another origin that is not allowed: browsers ask nobody before."""
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and origin not in self.options.allowed_origins and origin != self._address.base(request):
            raise PermissionDenied("The page's origin is not allowed.")
        socket = web.WebSocketResponse(
            protocols=[PROTOCOL],
            heartbeat=self.options.websocket_ping_interval,
            max_msg_size=self.options.max_body_size,
        )
        await socket.prepare(request)
        if socket.ws_protocol != PROTOCOL:
            await socket.close(code=_BAD_PROTOCOL, message=b"Subprotocol not acceptable")
            return socket
        self._open.add(socket)
        try:
            await _Connection(self, request, socket, request_id).run()
        finally:
            self._open.discard(socket)
        return socket

    async def close(self) -> None:
        """When the service stops: 1001, 'going away'. Clients connect again, elsewhere perhaps."""
        await asyncio.gather(*(socket.close(code=1001, message=b"Service stopping") for socket in self._open))


class _Connection:
    def __init__(
        self, transport: WebSocketTransport, request: web.Request, socket: web.WebSocketResponse, request_id: str
    ) -> None:
        self._transport = transport
        self._options = transport.options
        self._request = request
        self._socket = socket
        self._request_id = request_id
        self._key: str | None = None
        self._initialised = False
        self._acknowledged = False
        self._running: dict[str, asyncio.Task[None]] = {}
        self._closing: asyncio.Future[_Closing] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Reads until the client goes, or something closes the connection."""
        reading = asyncio.create_task(self._read())
        timer = asyncio.create_task(self._expect_init())
        try:
            ends: list[asyncio.Future[Any]] = [reading, self._closing]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if self._closing.done():
                closing = self._closing.result()
                await self._socket.close(code=closing.code, message=closing.reason.encode()[:123])
        finally:
            tasks: list[asyncio.Task[None]] = [reading, timer, *self._running.values()]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    def _close(self, code: int, reason: str) -> None:
        if not self._closing.done():
            self._closing.set_result(_Closing(code, reason))

    async def _expect_init(self) -> None:
        await asyncio.sleep(self._options.websocket_init_timeout)
        if not self._initialised:
            self._close(_INIT_TIMEOUT, "Connection initialisation timeout")

    async def _read(self) -> None:
        watching: asyncio.Task[None] | None = None
        try:
            async for frame in self._socket:
                if frame.type is not WSMsgType.TEXT:
                    raise _Closing(_BAD_MESSAGE, "Only text messages are understood")
                message = _parse(frame.data)
                if message["type"] == "connection_init":
                    caller = await self._init(message)
                    if caller is not None:
                        watching = asyncio.create_task(self._watch(caller))
                else:
                    await self._handle(message)
        except _Closing as closing:
            self._close(closing.code, closing.reason)
        except GatewayError as error:
            self._close(_close_code(error), error.detail)
        except Exception:
            log.exception("websocket.failed", request_id=self._request_id)
            self._close(_INTERNAL_ERROR, "A server error occurred.")
        finally:
            if watching is not None:
                watching.cancel()
                await asyncio.wait([watching])

    async def _init(self, message: dict[str, Any]) -> Caller | None:
        if self._initialised:
            raise _Closing(_TOO_MANY_INITS, "Too many initialisation requests")
        self._initialised = True
        payload = message.get("payload") or {}
        given = next((value for name, value in payload.items() if name.lower() == "authorization"), None)
        caller = None
        if given is not None:
            self._key = parse_bearer(given) if isinstance(given, str) else None
            if self._key is None:
                raise AuthenticationFailed("connection_init payload")
            caller = await self._authenticate()
        await self._send({"type": "connection_ack"})
        self._acknowledged = True
        return caller

    async def _handle(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "ping":
            await self._send({"type": "pong"})
        elif kind == "subscribe":
            self._start(message)
        elif kind == "complete":
            task = self._running.pop(str(message.get("id")), None)
            if task is not None:
                task.cancel()
        elif kind != "pong":
            raise _Closing(_BAD_MESSAGE, "Unknown message type")

    def _start(self, message: dict[str, Any]) -> None:
        if not self._acknowledged:
            raise _Closing(_UNAUTHORIZED, "Unauthorized")
        operation_id, payload = message.get("id"), message.get("payload")
        if not isinstance(operation_id, str) or not operation_id or not isinstance(payload, dict):
            raise _Closing(_BAD_MESSAGE, "subscribe needs an id and a payload")
        if operation_id in self._running:
            raise _Closing(_DUPLICATE_ID, f"Subscriber for {operation_id} already exists")
        task = asyncio.create_task(self._operate(operation_id, payload, len(self._running)))
        self._running[operation_id] = task

    async def _operate(self, operation_id: str, payload: dict[str, Any], running: int) -> None:
        try:
            if running >= self._options.max_subscriptions:
                limit = self._options.max_subscriptions
                raise InvalidInput(f"A connection has at most {limit} operations at a time.")
            caller = await self._authenticate()
            async with aclosing(self._answers(caller, payload)) as answers:
                async for answer in answers:
                    if answer.error is not None:
                        raise answer.error
                    await self._send_raw(
                        b'{"id":%b,"type":"next","payload":%b}' % (encode_json(operation_id), answer.body)
                    )
            await self._finish(operation_id, {"id": operation_id, "type": "complete"})
        except RequestRefused as refused:
            await self._finish(operation_id, {"id": operation_id, "type": "error", "payload": refused.render()})
        except (Unauthenticated, AccessLost) as error:
            self._close(_close_code(error), error.detail)
        except GatewayError as error:
            errors = [render_error(error, self._request_id)]
            await self._finish(operation_id, {"id": operation_id, "type": "error", "payload": errors})
        except ConnectionResetError:
            pass
        except Exception:
            log.exception("websocket.operation_failed", request_id=self._request_id)
            self._close(_INTERNAL_ERROR, "A server error occurred.")

    async def _answers(self, caller: Caller | None, payload: dict[str, Any]) -> AsyncGenerator[Answer, None]:
        runner = self._transport.runner
        rate_limit = None
        if caller is not None and self._transport.throttle is not None:
            rate_limit = await self._transport.throttle.hit(caller)
        prepared = runner.prepare(check_request(payload), caller)
        context = runner.context(caller, rate_limit)
        async with aclosing(runner.answers(prepared, context, self._request_id)) as answers:
            async for answer in answers:
                yield answer

    async def _authenticate(self) -> Caller | None:
        """For every operation anew: a key may have been revoked since the last one."""
        if self._key is None:
            return None
        return await self._transport.callers.authenticate(self._key, "connection_init payload")

    async def _watch(self, caller: Caller) -> None:
        try:
            with self._transport.changes.watch(caller) as listener:
                while True:
                    await listener.wait()
        except GatewayError as error:
            self._close(_close_code(error), error.detail)

    async def _finish(self, operation_id: str, message: dict[str, Any]) -> None:
        self._running.pop(operation_id, None)
        await self._send(message)

    async def _send(self, message: dict[str, Any]) -> None:
        await self._send_raw(encode_json(message))

    async def _send_raw(self, message: bytes) -> None:
        sending = self._socket.send_str(message.decode())
        await send_or_drop(self._request, sending, self._options.stream_send_timeout)


def _parse(text: str) -> dict[str, Any]:
    try:
        message = decode_json(text.encode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        raise _Closing(_BAD_MESSAGE, "The message is not valid JSON") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise _Closing(_BAD_MESSAGE, "A message must be an object with a type")
    if not isinstance(message.get("payload", {}), (dict, type(None))):
        raise _Closing(_BAD_MESSAGE, "The payload must be an object")
    return message


def _close_code(error: GatewayError) -> int:
    return _FORBIDDEN if isinstance(error, (Unauthenticated, PermissionDenied)) else _INTERNAL_ERROR


def wants_websocket(request: web.Request) -> bool:
    return request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"
