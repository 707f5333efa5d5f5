"""The operations of one WebSocket connection, by the ids that the client gave them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

from graphql import OperationType

from gateway.callers import CallerService
from gateway.changes import ChangeService
from gateway.errors import AccessLost, AuthenticationFailed, GatewayError, InvalidInput, Unavailable
from gateway.http.graphql.admission import Admission, Visit
from gateway.http.graphql.errors import RequestRefused, render_error
from gateway.http.graphql.request import GraphQLRequest, check_request
from gateway.http.graphql.runner import Answer, Runner
from gateway.http.graphql.websocket_messages import CloseCode, Closing, Message, closing_for, next_message
from gateway.storage.ahead import NOTHING_AHEAD


@dataclass(frozen=True, slots=True)
class WebSocketOptions:
    """The settings of the same names; times are in seconds, sizes in bytes."""

    websocket_init_timeout: float
    websocket_ping_interval: float
    stream_send_timeout: float
    max_subscriptions: int
    max_body_size: int
    allowed_origins: frozenset[str]


@dataclass(frozen=True, slots=True)
class WebSocketServices:
    """What all connections share."""

    runner: Runner
    callers: CallerService
    changes: ChangeService
    admission: Admission
    options: WebSocketOptions


class Session(Protocol):
    """The connection, as its operations see it."""

    request_id: str

    @property
    def is_behind(self) -> bool:
        """Whether the client must read something before more can be sent."""

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Begins when everything has been sent. In it an answer is made and sent, so that no other waits meanwhile."""

    async def admit(self, sent: GraphQLRequest | GatewayError) -> Visit:
        """The key may have been revoked since the last operation."""

    async def send(self, data: bytes) -> None: ...

    async def send_json(self, message: dict[str, Any]) -> None: ...

    def close(self, closing: Closing) -> None: ...

    def fail(self) -> None:
        """For unexpected errors, within their `except`."""


class Operations:
    def __init__(self, services: WebSocketServices, session: Session) -> None:
        self._services = services
        self._session = session
        self._running: dict[str, asyncio.Task[None]] = {}
        # Those that are over, and still have to say so.
        self._ending: set[asyncio.Task[None]] = set()
        self._subscriptions: set[asyncio.Task[None]] = set()
        self._is_draining = False

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        return [*self._running.values(), *self._ending]

    async def start(self, message: Message) -> None:
        """Raises Closing if the id is in use."""
        if message.id in self._running:
            raise Closing(CloseCode.DUPLICATE_ID, f"Subscriber for {message.id} already exists")
        limit = self._services.options.max_subscriptions
        if len(self._running) >= limit:
            error = InvalidInput(f"A connection has at most {limit} operations at a time.")
            await self._session.send_json(self._error_message(message.id, error))
            return
        if len(self._ending) >= limit:
            # The client does not read, so nothing more is begun.
            await asyncio.wait(self._ending, return_when=asyncio.FIRST_COMPLETED)
        if self._is_draining:
            # That the connection closes says it.
            return
        self._running[message.id] = asyncio.create_task(self._operate(message.id, message.payload))

    async def stop(self, operation_id: str) -> None:
        task = self._running.get(operation_id)
        if task is not None:
            task.cancel()
            # One that is still ending counts, or a client could have any number of them.
            await asyncio.wait([task])
            self._running.pop(operation_id, None)

    async def drain(self) -> None:
        """Waits until queries and mutations have ended. Subscriptions end at once, and no new operation starts."""
        self._is_draining = True
        for task in self._subscriptions:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _operate(self, operation_id: str, payload: dict[str, Any]) -> None:
        try:
            last = await self._answer(operation_id, payload)
            # The id is free before the client reads that, for it may take the same again.
            task = self._running.pop(operation_id)
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
            await self._session.send_json(last)
        except (AuthenticationFailed, AccessLost) as error:
            self._session.close(closing_for(error))
        except ConnectionResetError:
            # The client is gone, and its reader finds that out too.
            return
        except Closing as closing:
            self._session.close(closing)
        except Exception:
            self._session.fail()

    async def _answer(self, operation_id: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Sends all answers but the last message, which says how it ended."""
        try:
            async with aclosing(self._answers(payload)) as answers:
                async for answer in answers:
                    if isinstance(answer.error, Unavailable):
                        # A stream broke off: the client connects again and goes on from where it was.
                        raise closing_for(answer.error)
                    if isinstance(answer.error, (AuthenticationFailed, AccessLost)):
                        raise answer.error
                    if answer.error is not None:
                        return {"id": operation_id, "type": "error", "payload": [answer.rendered]}
                    await self._session.send(next_message(operation_id, answer.body))
        except RequestRefused as refused:
            return {"id": operation_id, "type": "error", "payload": refused.render()}
        except (AuthenticationFailed, AccessLost):
            raise
        except GatewayError as error:
            return self._error_message(operation_id, error)
        return {"id": operation_id, "type": "complete"}

    async def _answers(self, payload: dict[str, Any]) -> AsyncGenerator[Answer, None]:
        sent = _checked(payload)
        visit = await self._session.admit(sent)
        if isinstance(sent, GatewayError):
            raise sent
        prepared = self._services.runner.prepare(sent, visit.caller, visit.known)
        is_subscription = prepared.kind is OperationType.SUBSCRIPTION
        if is_subscription:
            self._note_subscription()
        # A subscription takes its turns itself, for each event.
        waits = self._session.is_behind and not is_subscription
        # What is answered later is read when it is.
        ahead = NOTHING_AHEAD if waits or is_subscription else visit.ahead
        context = self._services.runner.context(visit.caller, visit.rate_limit, ahead=ahead, turn=self._session.turn)
        answering = self._services.runner.answers(prepared, context, self._session.request_id)
        async with self._session.turn() if waits else nullcontext(), aclosing(answering) as answers:
            async for answer in answers:
                yield answer

    def _note_subscription(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._subscriptions.add(task)
        task.add_done_callback(self._subscriptions.discard)
        if self._is_draining:
            task.cancel()

    def _error_message(self, operation_id: str, error: GatewayError) -> dict[str, Any]:
        return {"id": operation_id, "type": "error", "payload": [render_error(error, self._session.request_id)]}


def _checked(payload: dict[str, Any]) -> GraphQLRequest | GatewayError:
    """What is wrong with it is said when the key is checked."""
    try:
        return check_request(payload)
    except GatewayError as error:
        return error
