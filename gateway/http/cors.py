"""Cross-origin requests from browsers (the Fetch standard, 'CORS protocol').

A page may call from the origins of a setting. Credentials of the browser are never asked for: the
service reads no cookie, and a page that has a key sends it in a header itself.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from gateway.http.replies import Reply
from gateway.http.vary import add_vary

ANY_ORIGIN: Final = "*"
_EXPOSED: Final = ", ".join(
    ("ETag", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After", "X-Request-Id")
)
_METHODS: Final = "GET, POST, PUT, PATCH, DELETE"
# What browsers keep an answer for at the most: two hours.
_MAX_AGE: Final = "7200"
_NAMES: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+( *, *[a-z0-9!#$%&'*+.^_`|~-]+)*", re.IGNORECASE)
_PATHS: Final = frozenset({"/graphql", "/schema.graphql", "/openapi.json"})


class Cors:
    def __init__(self, origins: Collection[str]) -> None:
        self._allows_any = ANY_ORIGIN in origins
        self._origins = frozenset(origins)

    def install(self, app: web.Application) -> None:
        app.middlewares.append(self.answer_preflight)
        app.on_response_prepare.append(self.add_headers)

    @web.middleware
    async def answer_preflight(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Runs before everything else, because a preflight request carries no key."""
        headers = request.headers
        if (
            request.method != "OPTIONS"
            or hdrs.ACCESS_CONTROL_REQUEST_METHOD not in headers
            or hdrs.ORIGIN not in headers
            or not _is_covered(request)
        ):
            return await handler(request)
        response = Reply(204)
        add_vary(response, hdrs.ACCESS_CONTROL_REQUEST_METHOD, hdrs.ACCESS_CONTROL_REQUEST_HEADERS)
        if self._allowed(headers[hdrs.ORIGIN]) is not None:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = _METHODS
            response.headers[hdrs.ACCESS_CONTROL_MAX_AGE] = _MAX_AGE
            names = headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, "").strip()
            # Headers that the service does not know do no harm, and clients add their own.
            if _NAMES.fullmatch(names):
                response.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = names
        return response

    async def add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        """Adds them to every answer, also to errors: otherwise a page could not read what is wrong."""
        if not _is_covered(request):
            return
        if not self._allows_any:
            add_vary(response, hdrs.ORIGIN)
        allowed = self._allowed(request.headers.get(hdrs.ORIGIN))
        if allowed is not None:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = allowed
            response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = _EXPOSED

    def _allowed(self, origin: str | None) -> str | None:
        if origin is None:
            return None
        if self._allows_any:
            return ANY_ORIGIN
        return origin if origin in self._origins else None


def _is_covered(request: web.Request) -> bool:
    # What operators ask for is no page's concern; a path that does not exist may be one mistyped.
    return (
        request.path in _PATHS
        or request.path.startswith("/api/")
        or isinstance(request.match_info.http_exception, web.HTTPNotFound)
    )
