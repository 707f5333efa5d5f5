"""`/graphql`: one operation for each request, over POST and GET."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Any, Final, Literal

from aiohttp import hdrs, web
from graphql import ExecutionResult, GraphQLError, GraphQLSchema, OperationType, execute
from strawberry.http.ides import get_graphql_ide_html

from gateway.access import Caller
from gateway.callers import CallerService
from gateway.errors import GatewayError, InvalidInput, MethodNotAllowed, NotAcceptable, NotAuthenticated, Timeout
from gateway.http.authentication import find_in_header
from gateway.http.boundary import LOG_FIELDS_KEY, REQUEST_ID_KEY
from gateway.http.graphql.documents import BoundedTexts, Document, Documents
from gateway.http.graphql.errors import (
    BAD_USER_INPUT,
    TOO_COMPLEX,
    VALIDATION_FAILED,
    RequestRefused,
    render_error,
    render_execution_error,
)
from gateway.http.graphql.limits import LimitExceeded, Limits
from gateway.http.graphql.negotiation import GRAPHQL_RESPONSE, HTML, JSON, best_media_type
from gateway.http.graphql.persisted import DocumentSource
from gateway.http.graphql.request import GraphQLRequest, read_request
from gateway.http.graphql.statuses import Profile, executed_status, refused_status
from gateway.http.json import encode_json
from gateway.http.rate_limits import rate_limit_headers
from gateway.http.rest_errors import error_headers
from gateway.throttling import RateLimitState, Throttle
from schema.connections import MAX_PAGE_SIZE
from schema.context import Context, Services

PATH: Final = "/graphql"
_METHODS: Final = ("GET", "POST", "HEAD")


@dataclass(frozen=True, slots=True)
class EndpointOptions:
    """The settings of the same names."""

    max_body_size: int
    operation_timeout: float
    introspection: Literal["public", "key", "off"]
    graphiql: bool
    http_status_profile: Profile
    max_validation_errors: int


@dataclass(frozen=True, slots=True)
class _Answer:
    """What was executed, as bytes; `etag` where it is the same for everyone until the schema changes."""

    body: bytes
    has_errors: bool
    etag: str | None = None


class GraphQLEndpoint:
    """`throttle` None means that nothing is limited."""

    def __init__(
        self,
        schema: GraphQLSchema,
        services: Services,
        callers: CallerService,
        throttle: Throttle | None,
        source: DocumentSource,
        limits: Limits,
        options: EndpointOptions,
    ) -> None:
        self._schema = schema
        self._documents = Documents(schema, limits, options.max_validation_errors, MAX_PAGE_SIZE)
        self._services = services
        self._callers = callers
        self._throttle = throttle
        self._source = source
        self._limits = limits
        self._options = options
        self._public_answers: BoundedTexts[_Answer] = BoundedTexts()

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", PATH, self.handle)]

    async def handle(self, request: web.Request) -> web.Response:
        headers: dict[str, str] = {hdrs.CACHE_CONTROL: "private, no-store", hdrs.VARY: hdrs.ACCEPT}
        media_type = JSON
        try:
            media_type = self._negotiate(request)
            if media_type == HTML:
                return web.Response(text=get_graphql_ide_html(), content_type=HTML, headers=headers)
            caller, rate_limit = await self._admit(request)
            if rate_limit is not None:
                headers |= rate_limit_headers(rate_limit)
            answer = await self._answer(request, caller, rate_limit)
            body = answer.body
            status = executed_status(
                media_type, has_errors=answer.has_errors, profile=self._options.http_status_profile
            )
            if answer.etag is not None and request.method != "POST":
                visibility = "public" if self._options.introspection == "public" else "private"
                headers[hdrs.CACHE_CONTROL] = f"{visibility}, max-age=0, must-revalidate"
                headers[hdrs.ETAG] = f'"{answer.etag}"'
                if any(tag.value in (answer.etag, "*") for tag in request.if_none_match or ()):
                    return web.Response(status=304, headers=headers)
        except RequestRefused as refused:
            body = encode_json({"errors": refused.render()})
            status = refused_status(media_type, refused.code, self._options.http_status_profile)
        except GatewayError as error:
            body = encode_json({"errors": [render_error(error, request[REQUEST_ID_KEY])]})
            status = error.status
            headers |= error_headers(error)
            if isinstance(error, MethodNotAllowed):
                headers[hdrs.ALLOW] = ", ".join(_METHODS) if request.method not in _METHODS else "POST"
        return web.Response(status=status, body=body, content_type=media_type, charset="utf-8", headers=headers)

    def _negotiate(self, request: web.Request) -> str:
        offered: tuple[str, ...] = (JSON, GRAPHQL_RESPONSE)
        if request.method == "GET" and self._options.graphiql and not request.query_string:
            offered = (*offered, HTML)
        # Of several headers with the same name, HTTP makes one list.
        media_type = best_media_type(", ".join(request.headers.getall(hdrs.ACCEPT, [])), offered)
        if media_type is None:
            raise NotAcceptable
        if request.method not in _METHODS:
            raise MethodNotAllowed(request.method)
        return media_type

    async def _admit(self, request: web.Request) -> tuple[Caller | None, RateLimitState | None]:
        """A wrong key is refused before anything else is looked at; no key is no caller."""
        credential = find_in_header(request)
        if credential is None:
            return None, None
        caller = await self._callers.authenticate(credential.key, credential.found_in)
        return caller, await self._throttle.hit(caller) if self._throttle else None

    async def _answer(self, request: web.Request, caller: Caller | None, rate_limit: RateLimitState | None) -> _Answer:
        sent = await read_request(request, self._options.max_body_size)
        asked = self._source.find(sent)
        request[LOG_FIELDS_KEY] = {"operation": sent.operation_name, "document_id": asked.document_id}
        document = self._documents.get(asked.text, hide_suggestions=caller is None)
        self._source.learn(asked)
        operation = document.operation(sent.operation_name)
        kind = operation.node.operation
        if kind is OperationType.SUBSCRIPTION:
            raise InvalidInput("Subscriptions are not served over this connection.")
        if kind is OperationType.MUTATION and request.method != "POST":
            raise MethodNotAllowed(request.method)
        if document.introspects:
            self._check_introspection(caller)
        nodes = operation.nodes.total(sent.variables)
        if nodes > self._limits.nodes:
            raise RequestRefused([LimitExceeded("nodes", self._limits.nodes, nodes).error()], TOO_COMPLEX)
        request_id = request[REQUEST_ID_KEY]
        if document.is_public and not sent.variables:
            return await self._public_answer(document, sent, request_id)
        return await self._execute(document, sent, Context(self._services, caller, rate_limit), request_id)

    async def _public_answer(self, document: Document, sent: GraphQLRequest, request_id: str) -> _Answer:
        """Introspection says the same to all who may ask, so it is run once for each document."""
        key = f"{sent.operation_name or ''}\0{document.text}"
        known = self._public_answers.get(key)
        if known is not None:
            return known
        answer = await self._execute(document, sent, Context(self._services, None, None), request_id)
        if not answer.has_errors:
            etag = hashlib.sha256(answer.body).hexdigest()[:32]
            answer = _Answer(answer.body, has_errors=False, etag=etag)
            self._public_answers.put(key, answer, len(key) + len(answer.body))
        return answer

    async def _execute(self, document: Document, sent: GraphQLRequest, context: Context, request_id: str) -> _Answer:
        timeout = self._options.operation_timeout
        try:
            async with asyncio.timeout(timeout):
                result = execute(
                    self._schema,
                    document.node,
                    context_value=context,
                    variable_values=sent.variables,
                    operation_name=sent.operation_name,
                    max_coercion_errors=self._options.max_validation_errors,
                    hide_suggestions=not context.has_caller,
                )
                if not isinstance(result, ExecutionResult):
                    result = await result
        except TimeoutError:
            raise Timeout(timeout) from None
        return _rendered(result, request_id)

    def _check_introspection(self, caller: Caller | None) -> None:
        if self._options.introspection == "off":
            raise RequestRefused([GraphQLError("Introspection is switched off.")], VALIDATION_FAILED)
        if self._options.introspection == "key" and caller is None:
            raise NotAuthenticated


def _rendered(result: ExecutionResult, request_id: str) -> _Answer:
    if not result.errors:
        return _Answer(encode_json({"data": result.data}), has_errors=False)
    if result.data is None and all(error.path is None for error in result.errors):
        # Nothing was run: the variables do not fit.
        raise RequestRefused(list(result.errors), BAD_USER_INPUT)
    errors = [render_execution_error(error, request_id) for error in result.errors]
    answer: dict[str, Any] = {"errors": errors, "data": result.data}
    return _Answer(encode_json(answer), has_errors=True)
