"""Runs operations, over any transport: HTTP, server-sent events or a WebSocket."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, nullcontext
from dataclasses import dataclass
from typing import Literal, NamedTuple

from graphql import ExecutionResult, GraphQLError, GraphQLSchema, OperationType, execute, subscribe

from gateway.access import Caller
from gateway.changes import Turn
from gateway.errors import GatewayError, NotAuthenticated, ServerError, Timeout, Unavailable
from gateway.execution.plan import Executed
from gateway.http.graphql.documents import Document, Documents, Operation
from gateway.http.graphql.errors import (
    BAD_USER_INPUT,
    TOO_COMPLEX,
    VALIDATION_FAILED,
    Rendered,
    RequestRefused,
    render_execution_errors,
)
from gateway.http.graphql.limits import LimitExceeded, Limits, check_variables
from gateway.http.graphql.persisted import Asked, DocumentSource
from gateway.http.graphql.request import GraphQLRequest
from gateway.http.json import encode_json
from gateway.model import RateLimitState
from gateway.storage.ahead import NOTHING_AHEAD, Forecast, ReadAhead
from schema.connections import MAX_PAGE_SIZE
from schema.context import Context, Services
from schema.forecast import OperationForecast


@dataclass(frozen=True, slots=True)
class RunnerOptions:
    """The settings of the same names."""

    operation_timeout: float
    introspection: Literal["public", "key", "off"]
    max_validation_errors: int
    document_cache_size: int


class Known(NamedTuple):
    """A request whose document is in the cache."""

    request: GraphQLRequest
    asked: Asked
    document: Document[OperationForecast]
    operation: Operation[OperationForecast]

    @property
    def forecast(self) -> Forecast:
        """What the request will probably read."""
        return self.operation.forecast.of(self.request.variables)


class Prepared(NamedTuple):
    """An operation that may run. `document_id` is the client's own name for its document, if it has one."""

    request: GraphQLRequest
    document: Document[OperationForecast]
    operation: Operation[OperationForecast]
    document_id: str | None

    @property
    def kind(self) -> OperationType:
        return self.operation.node.operation


class Answer(NamedTuple):
    """What was executed, as JSON. `error` ended the stream that this is the last answer of.

    `rendered` is that error as clients see it; `event_id` is where a client of a stream can go on from, when it has
    read this.
    """

    body: bytes
    has_errors: bool
    error: GatewayError | None = None
    rendered: Rendered | None = None
    event_id: str | None = None


class Runner:
    def __init__(
        self,
        schema: GraphQLSchema,
        services: Services,
        source: DocumentSource,
        limits: Limits,
        options: RunnerOptions,
    ) -> None:
        self._schema = schema
        self._services = services
        self._source = source
        self._limits = limits
        self._options = options
        self._documents = Documents(
            schema, limits, options.max_validation_errors, MAX_PAGE_SIZE, OperationForecast, options.document_cache_size
        )

    def recall(self, request: GraphQLRequest) -> Known | None:
        """None if the document is not in the cache, or the request has an error, which `prepare` will raise."""
        try:
            asked = self._source.find(request)
            document = self._documents.known(asked.text)
            if document is None:
                return None
            return Known(request, asked, document, document.operation(request.operation_name))
        except (RequestRefused, GatewayError):
            return None

    def prepare(self, request: GraphQLRequest, caller: Caller | None, known: Known | None = None) -> Prepared:
        """Does all checks before anything runs; `known` is from `recall`. Raises RequestRefused or a GatewayError."""
        asked = self._source.find(request) if known is None else known.asked
        try:
            check_variables(request.variables, self._limits)
            if known is None:
                document = self._documents.get(asked.text, hide_suggestions=caller is None)
                operation = document.operation(request.operation_name)
            else:
                _, _, document, operation = known
            self._source.learn(asked)
            if document.introspects:
                self._check_introspection(caller)
            operation.size.check(request.variables, self._limits)
        except LimitExceeded as exceeded:
            raise RequestRefused([exceeded.error()], TOO_COMPLEX) from None
        return Prepared(request, document, operation, asked.document_id)

    def context(
        self,
        caller: Caller | None,
        rate_limit: RateLimitState | None = None,
        last_event_id: str | None = None,
        ahead: ReadAhead = NOTHING_AHEAD,
        turn: Turn = nullcontext,
    ) -> Context:
        return Context(self._services, caller, rate_limit, last_event_id, ahead, turn)

    async def execute(self, prepared: Prepared, context: Context, request_id: str) -> Answer:
        """Runs a query or a mutation. Raises RequestRefused if the variables do not fit, and Timeout."""
        timeout = self._options.operation_timeout
        plan = prepared.operation.plan
        try:
            if plan is None:
                async with asyncio.timeout(timeout):
                    return await self._interpret(prepared, context, request_id)
            executed = plan.start(
                context,
                prepared.request.variables,
                hide_suggestions=not context.has_caller,
                max_coercion_errors=self._options.max_validation_errors,
            )
            if not isinstance(executed, Executed):
                async with asyncio.timeout(timeout):
                    executed = await executed
        except TimeoutError:
            raise Timeout(timeout) from None
        return _answer(executed.data, executed.errors, request_id)

    async def _interpret(self, prepared: Prepared, context: Context, request_id: str) -> Answer:
        """What no plan can be made for."""
        result = execute(
            self._schema,
            prepared.document.node,
            context_value=context,
            variable_values=prepared.request.variables,
            operation_name=prepared.request.operation_name,
            max_coercion_errors=self._options.max_validation_errors,
            hide_suggestions=not context.has_caller,
        )
        if not isinstance(result, ExecutionResult):
            result = await result
        return _rendered(result, request_id)

    async def answers(self, prepared: Prepared, context: Context, request_id: str) -> AsyncGenerator[Answer, None]:
        """One answer of a query or mutation, or those of a subscription. Raises RequestRefused or a GatewayError."""
        if prepared.kind is not OperationType.SUBSCRIPTION:
            yield await self.execute(prepared, context, request_id)
            return
        async with aclosing(self._subscribe(prepared, context, request_id)) as answers:
            async for answer in answers:
                yield answer

    async def _subscribe(self, prepared: Prepared, context: Context, request_id: str) -> AsyncGenerator[Answer, None]:
        """An answer for each event; the last one is of the error that ended the stream, where one did.

        Raises RequestRefused where nothing could be subscribed to.
        """
        stream = subscribe(
            self._schema,
            prepared.document.node,
            context_value=context,
            variable_values=prepared.request.variables,
            operation_name=prepared.request.operation_name,
            max_coercion_errors=self._options.max_validation_errors,
            hide_suggestions=not context.has_caller,
        )
        if inspect.isawaitable(stream):
            stream = await stream
        if isinstance(stream, ExecutionResult):
            yield _rendered(stream, request_id)
            return
        assert isinstance(stream, AsyncGenerator)
        async with aclosing(stream):
            try:
                async for result in stream:
                    outage = _outage(result)
                    if outage is not None:
                        # The event is not lost: the client connects again and goes on from where it was.
                        yield _last_answer(outage, request_id)
                        return
                    event_id = None if result.data is None else context.event_id
                    yield _rendered(result, request_id)._replace(event_id=event_id)
            except GraphQLError as error:
                yield _last_answer(error, request_id)
            except Exception as error:
                # Not the stream's own, which is located.
                yield _last_answer(GraphQLError(str(error), original_error=error), request_id)

    def _check_introspection(self, caller: Caller | None) -> None:
        if self._options.introspection == "off":
            raise RequestRefused([GraphQLError("Introspection is switched off.")], VALIDATION_FAILED)
        if self._options.introspection == "key" and caller is None:
            raise NotAuthenticated


def _outage(result: ExecutionResult) -> GraphQLError | None:
    """The error that left nothing of an event, where the database was away meanwhile."""
    if result.data is not None:
        return None
    return next((error for error in result.errors or () if isinstance(error.original_error, Unavailable)), None)


def _last_answer(error: GraphQLError, request_id: str) -> Answer:
    (rendered,) = render_execution_errors([error], request_id)
    cause = error.original_error
    return Answer(
        encode_json({"errors": [rendered]}),
        has_errors=True,
        error=cause if isinstance(cause, GatewayError) else ServerError(),
        rendered=rendered,
    )


def _rendered(result: ExecutionResult, request_id: str) -> Answer:
    return _answer(encode_json(result.data), result.errors or [], request_id)


def _answer(data: bytes, errors: Sequence[GraphQLError], request_id: str) -> Answer:
    """`data` is JSON."""
    if not errors:
        return Answer(b'{"data":%b}' % data, has_errors=False)
    if data == b"null" and all(error.path is None for error in errors):
        # Nothing was run: the variables do not fit.
        raise RequestRefused(list(errors), BAD_USER_INPUT)
    rendered = encode_json(render_execution_errors(errors, request_id))
    return Answer(b'{"errors":%b,"data":%b}' % (rendered, data), has_errors=True)
