"""Errors that no endpoint has rendered: of requests that cannot be read or have no route, and unexpected ones.

Each is rendered in the format of the endpoint that the request was for, with the service's message, not aiohttp's.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMethod, BadStatusLine, HttpProcessingError, InvalidURLError, LineTooLong

from gateway.errors import (
    ContentTooLarge,
    ExpectationFailed,
    GatewayError,
    HeaderFieldsTooLarge,
    MethodNotAllowed,
    NotFound,
    ParseError,
    ServerError,
    UriTooLong,
)
from gateway.http.graphql.errors import render_error
from gateway.http.graphql.negotiation import GRAPHQL_RESPONSE, JSON, accept_of, best_media_type
from gateway.http.json import encode_json
from gateway.http.replies import Reply
from gateway.http.rest_errors import error_body, error_headers

GRAPHQL_PATH: Final = "/graphql"
# RFC 9110 asks for 8,000 at the least. The two differ, for that is how aiohttp's one error is told apart.
MAX_TARGET_SIZE: Final = 8000
MAX_FIELD_SIZE: Final = 8190
MAX_FIELDS: Final = 100

_TOO_MANY_FIELDS: Final = "Too many headers received"
_MALFORMED: Final = {
    BadHttpMethod: "The request's method is unknown, or the request is no HTTP.",
    BadStatusLine: "The request line is malformed, or names another version than HTTP/1.0 and HTTP/1.1.",
    InvalidURLError: "The request target is malformed.",
}


def failure(request: web.BaseRequest, error: GatewayError, request_id: str) -> Reply:
    """A request that could not be read has the path `/`."""
    if request.path == GRAPHQL_PATH:
        body = encode_json({"errors": [render_error(error, request_id)]})
        media_type = best_media_type(accept_of(request), (JSON, GRAPHQL_RESPONSE)) or JSON
    else:
        body = encode_json(error_body(error))
        media_type = JSON
    return Reply(error.status, body, media_type, error_headers(error))


def error_of_exception(error: web.HTTPException, request: web.BaseRequest) -> GatewayError:
    """Of what aiohttp raises around the endpoints."""
    if isinstance(error, web.HTTPNotFound):
        return NotFound("Endpoint not found.")
    if isinstance(error, web.HTTPMethodNotAllowed):
        return MethodNotAllowed(request.method)
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return ContentTooLarge(request.client_max_size)
    if isinstance(error, web.HTTPExpectationFailed):
        return ExpectationFailed()
    return ParseError("The request cannot be served.") if error.status < 500 else ServerError()


def error_of_parser(error: HttpProcessingError) -> GatewayError:
    """Of a request that aiohttp's parser refuses."""
    if isinstance(error, LineTooLong):
        # Its arguments are the line and the limit.
        return UriTooLong(MAX_TARGET_SIZE) if error.args[1] == MAX_TARGET_SIZE else HeaderFieldsTooLarge()
    if error.message == _TOO_MANY_FIELDS:
        return HeaderFieldsTooLarge()
    if isinstance(error, BadHttpMethod) and "HTTPS" in error.message:
        return ParseError("This port speaks HTTP, not HTTPS.")
    for kind, detail in _MALFORMED.items():
        if isinstance(error, kind):
            return ParseError(detail)
    return ParseError("The request's header fields or its body are malformed.")
