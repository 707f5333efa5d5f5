"""`/graphql`: one operation for each request, over POST and GET."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from aiohttp import hdrs, web
from graphql import ExecutionResult, GraphQLSchema, OperationType, execute
from strawberry.http.ides import get_graphql_ide_html

from gateway.access import Caller
from gateway.callers import CallerService
from gateway.errors import GatewayError, InvalidInput, MethodNotAllowed, NotAcceptable, NotAuthenticated, Timeout
from gateway.http.authentication import find_in_header
from gateway.http.boundary import REQUEST_ID_KEY
from gateway.http.graphql.documents import Documents
from gateway.http.graphql.errors import (
    BAD_USER_INPUT,
    Rendered,
    RequestRefused,
    render_error,
    render_execution_error,
)
from gateway.http.graphql.negotiation import GRAPHQL_RESPONSE, HTML, JSON, best_media_type
from gateway.http.graphql.request import GraphQLRequest, read_request
from gateway.http.json import encode_json
from gateway.http.rate_limits import rate_limit_headers
from gateway.http.rest_errors import error_headers
from gateway.throttling import RateLimitState, Throttle
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


class GraphQLEndpoint:
    """`throttle` None means that nothing is limited."""

    def __init__(
        self,
        schema: GraphQLSchema,
        services: Services,
        callers: CallerService,
        throttle: Throttle | None,
        options: EndpointOptions,
    ) -> None:
        self._schema = schema
        self._documents = Documents(schema)
        self._services = services
        self._callers = callers
        self._throttle = throttle
        self._options = options

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", PATH, self.handle)]

    async def handle(self, request: web.Request) -> web.Response:
        request_id = request[REQUEST_ID_KEY]
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
            status = 200
        except RequestRefused as refused:
            answer = {"errors": refused.render()}
            # Clients of the older media type take any other status for a broken connection.
            status = 200 if media_type == JSON else 400
        except GatewayError as error:
            answer = {"errors": [render_error(error, request_id)]}
            status = error.status
            headers |= error_headers(error)
            if isinstance(error, MethodNotAllowed):
                headers[hdrs.ALLOW] = ", ".join(_METHODS) if request.method not in _METHODS else "POST"
        return web.Response(
            status=status, body=encode_json(answer), content_type=media_type, charset="utf-8", headers=headers
        )

    def _negotiate(self, request: web.Request) -> str:
        offered: tuple[str, ...] = (JSON, GRAPHQL_RESPONSE)
        if request.method == "GET" and self._options.graphiql and "query" not in request.query:
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

    async def _answer(
        self, request: web.Request, caller: Caller | None, rate_limit: RateLimitState | None
    ) -> dict[str, Any]:
        asked = await read_request(request, self._options.max_body_size)
        document = self._documents.get(asked.query, hide_suggestions=caller is None)
        operation = document.operation(asked.operation_name)
        if operation.operation is OperationType.SUBSCRIPTION:
            raise InvalidInput("Subscriptions are not served over this connection.")
        if operation.operation is OperationType.MUTATION and request.method != "POST":
            raise MethodNotAllowed(request.method)
        if document.introspects:
            self._check_introspection(caller)
        context = Context(self._services, caller, rate_limit)
        timeout = self._options.operation_timeout
        try:
            async with asyncio.timeout(timeout):
                result = await self._execute(document.node, asked, context)
        except TimeoutError:
            raise Timeout(timeout) from None
        return _rendered(result, request[REQUEST_ID_KEY])

    async def _execute(self, document: Any, asked: GraphQLRequest, context: Context) -> ExecutionResult:
        result = execute(
            self._schema,
            document,
            context_value=context,
            variable_values=asked.variables,
            operation_name=asked.operation_name,
            hide_suggestions=not context.has_caller,
        )
        return result if isinstance(result, ExecutionResult) else await result

    def _check_introspection(self, caller: Caller | None) -> None:
        if self._options.introspection == "off":
            raise InvalidInput("Introspection is switched off.")
        if self._options.introspection == "key" and caller is None:
            raise NotAuthenticated


def _rendered(result: ExecutionResult, request_id: str) -> dict[str, Any]:
    if not result.errors:
        return {"data": result.data}
    if result.data is None and all(error.path is None for error in result.errors):
        # Nothing was run: the variables do not fit.
        raise RequestRefused(list(result.errors), BAD_USER_INPUT)
    errors: Sequence[Rendered] = [render_execution_error(error, request_id) for error in result.errors]
    return {"errors": errors, "data": result.data}
