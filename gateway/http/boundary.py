"""The middleware around every handler: the request's id, its line in the log, the answer to unexpected errors."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from typing import Final

import structlog
import uuid_utils
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from gateway.errors import GatewayError, ServerError
from gateway.http.connection import REQUEST_ID
from gateway.http.failures import error_of_exception, failure

log = structlog.get_logger(__name__)

REQUEST_ID_KEY: Final = web.RequestKey("request_id", str)
# What an endpoint adds to the line of its request in the log.
LOG_FIELDS_KEY: Final = web.RequestKey("log_fields", dict[str, str | None])
_GIVEN_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")


@web.middleware
async def boundary(request: web.Request, handler: Handler) -> web.StreamResponse:
    given = request.headers.get(REQUEST_ID, "")
    request_id = given if _GIVEN_ID.fullmatch(given) else uuid_utils.uuid7().hex
    request[REQUEST_ID_KEY] = request_id
    started = time.perf_counter()
    # Each request has a context of its own, with its task.
    structlog.contextvars.bind_contextvars(request_id=request_id)
    try:
        response = await handler(request)
    except web.HTTPException as error:
        response = failure(request, error_of_exception(error, request), request_id)
        if hdrs.ALLOW in error.headers:
            response.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
    except GatewayError as error:
        response = failure(request, error, request_id)
    except (Exception, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and _is_over(request):
            raise
        # The one place that takes everything: the cause goes to the log, never to the client.
        log.exception("request.failed", method=request.method, path=request.path)
        response = failure(request, ServerError(), request_id)
    if log.is_enabled_for(logging.INFO):
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


def _is_over(request: web.Request) -> bool:
    """Of one that ends with a cancellation: whether it was cancelled itself, and not what it waited for; or is half answered."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0 or request.writer.output_size > 0
