"""What every request passes: its id, its line in the log, and the last catch for what nobody expected."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
import uuid_utils
from aiohttp import hdrs, web

from gateway.errors import ContentTooLarge, GatewayError, MethodNotAllowed, NotFound, ServerError
from gateway.http.json import encode_json
from gateway.http.rest_errors import error_body, error_headers

log = structlog.get_logger(__name__)

REQUEST_ID: Final = "X-Request-Id"
REQUEST_ID_KEY: Final = web.RequestKey("request_id", str)
# What an endpoint adds to the line of its request in the log.
LOG_FIELDS_KEY: Final = web.RequestKey("log_fields", dict[str, str | None])
_GIVEN_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def boundary(request: web.Request, handler: Handler) -> web.StreamResponse:
    given = request.headers.get(REQUEST_ID, "")
    request_id = given if _GIVEN_ID.fullmatch(given) else uuid_utils.uuid7().hex
    request[REQUEST_ID_KEY] = request_id
    started = time.perf_counter()
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        try:
            response = await handler(request)
        except web.HTTPException as error:
            response = json_error(_known(error, request))
            if hdrs.ALLOW in error.headers:
                response.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
        except GatewayError as error:
            response = json_error(error)
        except Exception:
            # The one place that takes everything: the cause goes to the log, never to the client.
            log.exception("request.failed", method=request.method, path=request.path)
            response = json_error(ServerError())
        # The path alone: a query string may hold a key.
        log.info(
            "request",
            method=request.method,
            path=request.path,
            status=response.status,
            milliseconds=round((time.perf_counter() - started) * 1000, 2),
            **request.get(LOG_FIELDS_KEY, {}),
        )
    if not response.prepared:
        response.headers[REQUEST_ID] = request_id
    return response


def json_error(error: GatewayError) -> web.Response:
    return web.Response(
        status=error.status,
        body=encode_json(error_body(error)),
        content_type="application/json",
        headers=error_headers(error),
    )


def _known(error: web.HTTPException, request: web.Request) -> GatewayError:
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return ContentTooLarge(request.client_max_size)
    if isinstance(error, web.HTTPMethodNotAllowed):
        return MethodNotAllowed(request.method)
    if isinstance(error, web.HTTPNotFound):
        return NotFound("Endpoint not found.")
    raise error
