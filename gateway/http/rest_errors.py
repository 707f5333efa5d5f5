"""Errors as the REST endpoints answer them (contract/rest.md, 'Errors'). GraphQL's are in `graphql/errors.py`."""

from __future__ import annotations

from typing import Any

from aiohttp import hdrs

from gateway.errors import GatewayError, NotFound, Throttled, Unauthenticated, UnsupportedEncoding
from gateway.http.rate_limits import used_up_headers


def error_body(error: GatewayError) -> dict[str, Any]:
    # `attr` is a field of the body; the id of a folder stands in the URL.
    attr = None if isinstance(error, NotFound) else error.attr
    return {"type": error.type, "code": error.code, "detail": error.detail, "attr": attr}


def error_headers(error: GatewayError) -> dict[str, str]:
    """What RFC 9110 wants beside a status."""
    if isinstance(error, Unauthenticated):
        return {hdrs.WWW_AUTHENTICATE: "Bearer"}
    if isinstance(error, Throttled):
        return {hdrs.RETRY_AFTER: str(error.retry_after), **used_up_headers(error)}
    if isinstance(error, UnsupportedEncoding):
        return {hdrs.ACCEPT_ENCODING: "gzip"}
    return {}
