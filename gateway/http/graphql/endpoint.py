"""`/graphql`: one operation for each request, over POST and GET."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, NamedTuple

from aiohttp import hdrs, web
from graphql import OperationType

from gateway.errors import GatewayError, InvalidInput, MethodNotAllowed, NotAcceptable
from gateway.http.authentication import find_in_header
from gateway.http.bodies import has_arrived
from gateway.http.boundary import LOG_FIELDS_KEY, REQUEST_ID_KEY
from gateway.http.connection import stream_headers
from gateway.http.failures import GRAPHQL_PATH
from gateway.http.graphiql import GraphiQL
from gateway.http.graphql.admission import Admission, Visit
from gateway.http.graphql.bounded import BoundedTexts
from gateway.http.graphql.errors import RequestRefused, render_error
from gateway.http.graphql.negotiation import GRAPHQL_RESPONSE, HTML, JSON, accept_of, best_media_type, names
from gateway.http.graphql.persisted import given_id
from gateway.http.graphql.request import GraphQLRequest, read_request
from gateway.http.graphql.runner import Answer, Prepared, Runner
from gateway.http.graphql.sse import HEADERS as EVENT_STREAM_HEADERS
from gateway.http.graphql.sse import LAST_EVENT_ID, EventStream, refused_answers
from gateway.http.graphql.sse import MEDIA_TYPE as EVENT_STREAM
from gateway.http.graphql.statuses import Profile, executed_status, refused_status
from gateway.http.graphql.websocket import WebSocketTransport, wants_websocket
from gateway.http.json import encode_json
from gateway.http.rate_limits import rate_limit_headers
from gateway.http.replies import Reply
from gateway.http.rest_errors import error_headers
from gateway.storage.ahead import NOTHING_AHEAD

# Characters of an operation's name and of a document's id, which are whatever the client says.
_MAX_LOGGED: Final = 256
_METHODS: Final = ("GET", "POST", "HEAD")
_OFFERED: Final[tuple[str, ...]] = (JSON, GRAPHQL_RESPONSE, EVENT_STREAM)


@dataclass(frozen=True, slots=True)
class EndpointOptions:
    """The settings of the same names; `introspection_is_public` if its answers may be cached by anyone."""

    max_body_size: int
    stream_heartbeat: float
    stream_send_timeout: float
    http_status_profile: Profile
    introspection_is_public: bool


class _Served(NamedTuple):
    """An answer; `etag` where it is the same for everyone until the schema changes."""

    answer: Answer
    etag: str | None = None


class GraphQLEndpoint:
    """Without `graphiql`, browsers get no page."""

    def __init__(
        self,
        runner: Runner,
        admission: Admission,
        websockets: WebSocketTransport,
        graphiql: GraphiQL | None,
        options: EndpointOptions,
    ) -> None:
        self._websockets = websockets
        self._graphiql = graphiql
        self._streams: set[EventStream] = set()
        self._is_stopping = False
        self._runner = runner
        self._admission = admission
        self._options = options
        self._public_answers: BoundedTexts[_Served] = BoundedTexts()

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", GRAPHQL_PATH, self.handle)]

    async def close_streams(self, _: web.Application) -> None:
        """Called when the service stops: subscriptions would run for as long as their clients do."""
        self._is_stopping = True
        for stream in self._streams:
            stream.stop()
        self._websockets.close()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers: dict[str, str] = {hdrs.CACHE_CONTROL: "private, no-store", hdrs.VARY: hdrs.ACCEPT}
        media_type = JSON
        try:
            if wants_websocket(request):
                # Of a handshake that is refused: the version that would do (RFC 6455, 4.4).
                headers[hdrs.SEC_WEBSOCKET_VERSION] = "13"
                request_id = request[REQUEST_ID_KEY]
                return await self._websockets.serve(request, request_id, stream_headers(request_id))
            media_type = self._negotiate(request)
            if media_type == HTML and self._graphiql is not None:
                return self._graphiql.page(headers)
            visit = await self._admit(request)
            if visit.rate_limit is not None:
                headers |= rate_limit_headers(visit.rate_limit)
            if media_type == EVENT_STREAM:
                return await self._stream(request, visit, headers)
            prepared = await self._prepare(request, visit)
            if prepared.kind is OperationType.SUBSCRIPTION:
                # It has one form only, which a client need not prefer to those of all else.
                if not names(accept_of(request), EVENT_STREAM):
                    raise InvalidInput("A subscription needs a WebSocket, or 'Accept: text/event-stream'.")
                return await self._stream(request, visit, headers, prepared)
            served = await self._answer(request, visit, prepared)
            body = served.answer.body
            status = executed_status(
                media_type, has_errors=served.answer.has_errors, profile=self._options.http_status_profile
            )
            if served.etag is not None and request.method != "POST":
                # With a key, its rate limit is among the headers.
                is_public = self._options.introspection_is_public and visit.caller is None
                visibility = "public" if is_public else "private"
                headers[hdrs.CACHE_CONTROL] = f"{visibility}, max-age=0, must-revalidate"
                headers[hdrs.ETAG] = f'"{served.etag}"'
                if any(tag.value in (served.etag, "*") for tag in request.if_none_match or ()):
                    return Reply(304, headers=headers)
        except RequestRefused as refused:
            body = encode_json({"errors": refused.render()})
            status = refused_status(media_type, refused.code, self._options.http_status_profile)
        except GatewayError as error:
            body = encode_json({"errors": [render_error(error, request[REQUEST_ID_KEY])]})
            status = error.status
            headers |= error_headers(error)
            if isinstance(error, MethodNotAllowed):
                headers[hdrs.ALLOW] = ", ".join(_METHODS) if request.method not in _METHODS else "POST"
        if media_type == EVENT_STREAM:
            # Nothing was streamed: this is an error of HTTP.
            media_type = JSON
        return Reply(status, body, f"{media_type}; charset=utf-8", headers)

    def _negotiate(self, request: web.Request) -> str:
        offered = _OFFERED
        if request.method in ("GET", "HEAD") and self._graphiql is not None and not request.query_string:
            offered = (*offered, HTML)
        media_type = best_media_type(accept_of(request), offered)
        if media_type is None:
            raise NotAcceptable
        if request.method not in _METHODS:
            raise MethodNotAllowed(request.method)
        return media_type

    async def _admit(self, request: web.Request) -> Visit:
        """A wrong key is refused before anything else is said; no key is no caller."""
        credential = find_in_header(request)
        if credential is None:
            return Visit()
        return await self._admission.admit(credential, await self._arrived(request))

    async def _arrived(self, request: web.Request) -> GraphQLRequest | GatewayError | None:
        """What was sent, where all of it is here; or what is to be said about it when the key is checked."""
        if not has_arrived(request) or hdrs.CONTENT_ENCODING in request.headers:
            return None
        try:
            return await read_request(request, self._options.max_body_size)
        except GatewayError as error:
            return error

    async def _answer(self, request: web.Request, visit: Visit, prepared: Prepared) -> _Served:
        request_id = request[REQUEST_ID_KEY]
        if prepared.document.is_public and not prepared.request.variables:
            return await self._public_answer(prepared, request_id)
        context = self._runner.context(visit.caller, visit.rate_limit, ahead=visit.ahead)
        return _Served(await self._runner.execute(prepared, context, request_id))

    async def _prepare(self, request: web.Request, visit: Visit) -> Prepared:
        sent = visit.sent
        if isinstance(sent, GatewayError):
            raise sent
        if sent is None:
            sent = await read_request(request, self._options.max_body_size)
        try:
            prepared = self._runner.prepare(sent, visit.caller, visit.known)
        except Exception:
            # As the client names them: who looks for a refused request has nothing else.
            given = {"operation": sent.operation_name, "document_id": given_id(sent)}
            request[LOG_FIELDS_KEY] = {name: value and value[:_MAX_LOGGED] for name, value in given.items()}
            raise
        request[LOG_FIELDS_KEY] = {"operation": sent.operation_name, "document_id": prepared.document_id}
        if prepared.kind is OperationType.MUTATION and request.method != "POST":
            raise MethodNotAllowed(request.method)
        return prepared

    async def _stream(
        self, request: web.Request, visit: Visit, headers: dict[str, str], prepared: Prepared | None = None
    ) -> web.StreamResponse:
        request_id = request[REQUEST_ID_KEY]
        is_subscription = False
        try:
            if prepared is None:
                prepared = await self._prepare(request, visit)
        except RequestRefused as refused:
            answers = refused_answers(refused)
        else:
            is_subscription = prepared.kind is OperationType.SUBSCRIPTION
            context = self._runner.context(
                visit.caller,
                visit.rate_limit,
                request.headers.get(LAST_EVENT_ID),
                # What each event shows is read when it comes.
                NOTHING_AHEAD if is_subscription else visit.ahead,
            )
            answers = self._runner.answers(prepared, context, request_id)
        headers |= stream_headers(request_id)
        if request.method == hdrs.METH_HEAD:
            return Reply(headers={**headers, **EVENT_STREAM_HEADERS})
        stream = EventStream(
            request,
            answers,
            is_subscription=is_subscription,
            request_id=request_id,
            heartbeat=self._options.stream_heartbeat,
            send_timeout=self._options.stream_send_timeout,
        )
        if self._is_stopping:
            stream.stop()
        self._streams.add(stream)
        try:
            return await stream.serve(headers)
        finally:
            self._streams.discard(stream)

    async def _public_answer(self, prepared: Prepared, request_id: str) -> _Served:
        """Introspection says the same to all who may ask, so it is run once for each document."""
        key = f"{prepared.request.operation_name or ''}\0{prepared.document.text}"
        known = self._public_answers.get(key)
        if known is not None:
            return known
        answer = await self._runner.execute(prepared, self._runner.context(None), request_id)
        if answer.has_errors:
            return _Served(answer)
        served = _Served(answer, etag=hashlib.sha256(answer.body).hexdigest()[:32])
        self._public_answers.put(key, served, len(answer.body))
        return served
