"""What no answer of `/graphql` may be, whatever was asked (contract/graphql.md, 'HTTP')."""

from __future__ import annotations

import gzip
import json
from typing import Any, Final

from tests.http.raw import RawResponse

_MEDIA_TYPES: Final = ("application/json", "application/graphql-response+json")
_STATUSES: Final = frozenset({200, 400, 401, 403, 404, 405, 406, 408, 409, 413, 414, 415, 417, 429, 431})
_WITHOUT_BODY: Final = frozenset({204, 304})
# Words of Python, of its packages and of the database, that no client sent.
_INNARDS: Final = (
    "Traceback (most",
    'File "',
    "sqlalchemy",
    "sqlite3",
    "asyncpg",
    "aiohttp",
    "graphql-core",
    " object at 0x",
)


def problem_with(answer: RawResponse, method: str) -> str | None:
    """None where the answer is as all must be; `method` is that of its request."""
    if "x-request-id" not in answer.headers:
        return "has no request id"
    if answer.status in _WITHOUT_BODY:
        return None
    if answer.status not in _STATUSES:
        return f"has the status {answer.status}"
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    if media_type not in _MEDIA_TYPES:
        return f"is {media_type!r}"
    return None if method == "HEAD" else _problem_with_body(answer)


def _problem_with_body(answer: RawResponse) -> str | None:
    try:
        is_gzip = answer.headers.get("content-encoding") == "gzip"
        text = (gzip.decompress(answer.body) if is_gzip else answer.body).decode()
        body = json.loads(text, parse_constant=_refuse_constant)
    except ValueError:
        return "is no JSON"
    if any(word in text for word in _INNARDS):
        return "tells what the service is made of"
    if not isinstance(body, dict):
        return "is no object"
    if body.keys() >= {"type", "code", "detail"}:
        # Of a request that was not for any endpoint that could be read.
        return None if answer.status >= 400 else "is an error without its status"
    if not body.keys() <= {"data", "errors", "extensions"} or not body.keys() & {"data", "errors"}:
        return f"has the keys {sorted(body)}"
    return _problem_with_errors(body["errors"]) if "errors" in body else None


def _problem_with_errors(errors: Any) -> str | None:
    if not isinstance(errors, list) or not errors:
        return "has no errors in its errors"
    for error in errors:
        if not isinstance(error, dict) or not error.get("message"):
            return "has an error without a message"
        code = error.get("extensions", {}).get("code")
        if code is None or code == "INTERNAL_SERVER_ERROR":
            return f"has an error with the code {code}"
    return None


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)
