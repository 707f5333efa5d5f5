"""Errors as GraphQL answers them (contract/graphql.md, 'Errors'). REST's are in `gateway/http/rest_errors.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from graphql import GraphQLError
from graphql.language import SourceLocation, Token

from gateway.errors import GatewayError, ServerError, Throttled

log = structlog.get_logger(__name__)

PARSE_FAILED: Final = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED: Final = "GRAPHQL_VALIDATION_FAILED"
OPERATION_UNRESOLVED: Final = "OPERATION_RESOLUTION_FAILURE"
BAD_USER_INPUT: Final = "BAD_USER_INPUT"
TOO_COMPLEX: Final = "QUERY_TOO_COMPLEX"
PERSISTED_QUERY_NOT_FOUND: Final = "PERSISTED_QUERY_NOT_FOUND"
PERSISTED_QUERY_NOT_SUPPORTED: Final = "PERSISTED_QUERY_NOT_SUPPORTED"
PERSISTED_QUERY_ONLY: Final = "PERSISTED_QUERY_ONLY"

_CODES: Final = {
    401: "UNAUTHENTICATED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    408: "REQUEST_TIMEOUT",
    409: "CONFLICT",
    413: "CONTENT_TOO_LARGE",
    414: "URI_TOO_LONG",
    415: "UNSUPPORTED_MEDIA_TYPE",
    417: "EXPECTATION_FAILED",
    429: "RATE_LIMITED",
    431: "HEADER_FIELDS_TOO_LARGE",
    500: "INTERNAL_SERVER_ERROR",
    503: "UNAVAILABLE",
    504: "TIMEOUT",
}

Rendered = dict[str, Any]

_MAX_MESSAGE_LENGTH: Final = 1000
# An argument that stands there a thousand times is an error with as many places.
_MAX_LOCATIONS: Final = 20
# A mistake in one resolver may fail thousands of fields of a request, all for the same reason.
_MAX_TRACEBACKS: Final = 10


class RequestRefused(Exception):
    """A document or its variables are not valid, or over a limit: nothing was run."""

    def __init__(self, errors: list[GraphQLError], code: str) -> None:
        super().__init__(code)
        self.errors = errors
        self.code = code

    def render(self) -> list[Rendered]:
        extensions: Rendered = {"code": self.code, "status": 400}
        if self.code == BAD_USER_INPUT:
            extensions["reason"] = "invalid_input"
        return [_rendered(error, extensions) for error in self.errors]


def render_error(error: GatewayError, request_id: str) -> Rendered:
    """Renders an error that belongs to no field."""
    return {"message": error.detail, "extensions": _extensions(error, request_id)}


def render_execution_errors(errors: Sequence[GraphQLError], request_id: str) -> list[Rendered]:
    """Renders errors of fields. Unexpected ones are logged, and the client gets only their `requestId`."""
    rendered = []
    unexpected = 0
    for error in errors:
        cause = error.original_error
        if isinstance(cause, GatewayError):
            rendered.append(_rendered(error, _extensions(cause, request_id), cause.detail))
        elif cause is None or isinstance(cause, GraphQLError):
            # From the executor itself: an argument that does not fit.
            rendered.append(_rendered(error, {"code": BAD_USER_INPUT, "status": 400, "reason": "invalid_input"}))
        else:
            unexpected += 1
            if unexpected <= _MAX_TRACEBACKS:
                log.error("graphql.field_failed", path=error.path, exc_info=cause)
            masked = ServerError()
            rendered.append(_rendered(error, _extensions(masked, request_id), masked.detail))
    if unexpected > _MAX_TRACEBACKS:
        log.error("graphql.more_fields_failed", count=unexpected - _MAX_TRACEBACKS)
    return rendered


def _extensions(error: GatewayError, request_id: str) -> Rendered:
    extensions: Rendered = {
        "code": _CODES.get(error.status, BAD_USER_INPUT),
        "status": error.status,
        "reason": error.code,
    }
    if isinstance(error, Throttled):
        extensions["retryAfter"] = error.retry_after
    if isinstance(error, ServerError):
        extensions["requestId"] = request_id
    return extensions


def _bounded(message: str) -> str:
    # A message repeats what the document holds, and that may be a mebibyte.
    return message if len(message) <= _MAX_MESSAGE_LENGTH else message[:_MAX_MESSAGE_LENGTH] + "…"


def _locations(error: GraphQLError) -> Sequence[Token | SourceLocation]:
    """Where a document's text is gone after parsing, only its tokens know where they were."""
    if error.nodes:
        return [node.loc.start_token for node in error.nodes if node.loc]
    return error.locations or ()


def _rendered(error: GraphQLError, extensions: Mapping[str, Any], message: str | None = None) -> Rendered:
    rendered: Rendered = {"message": _bounded(error.message if message is None else message)}
    locations = _locations(error)
    if locations:
        rendered["locations"] = [{"line": each.line, "column": each.column} for each in locations[:_MAX_LOCATIONS]]
    if error.path is not None:
        rendered["path"] = error.path
    rendered["extensions"] = dict(extensions)
    return rendered
