"""Finds the handler of a request as aiohttp's router does, and remembers it for each path."""

from __future__ import annotations

import re
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

from aiohttp import hdrs, web
from aiohttp.http import RawRequestMessage
from aiohttp.typedefs import Handler
from aiohttp.web_urldispatcher import UrlMappingMatchInfo

# No more than a router can take as they are: others are quoted, or lead somewhere else.
_PLAIN_PATH: Final = re.compile(r"(/[A-Za-z0-9@_-]+)+/?")
_KEPT: Final = 1024


class Shortcut(NamedTuple):
    """`handler` runs within the application's middlewares."""

    handler: Handler
    route: web.AbstractRoute
    values: dict[str, str]
    app: web.Application

    def match(self, request: web.Request) -> None:
        """Stores in the request what it has matched, as the router does."""
        match_info = UrlMappingMatchInfo(self.values, self.route)
        match_info.add_app(self.app)
        match_info.freeze()
        request._match_info = match_info


class Shortcuts:
    """For an application whose routes and middlewares are complete."""

    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._resources = [
            (_pattern(resource), {route.method: (self._within_middlewares(route.handler), route) for route in resource})
            for resource in app.router.resources()
        ]
        self._find = lru_cache(maxsize=_KEPT)(self._matching)

    def find(self, message: RawRequestMessage) -> Shortcut | None:
        """None if aiohttp's router has to be used."""
        if message.upgrade or hdrs.EXPECT in message.headers:
            return None
        return self._find(message.method, message.path.partition("?")[0])

    def _matching(self, method: str, path: str) -> Shortcut | None:
        if _PLAIN_PATH.fullmatch(path):
            for pattern, routes in self._resources:
                found = pattern.fullmatch(path)
                named = routes.get(method) or routes.get(hdrs.METH_ANY)
                if found is not None and named is not None:
                    return Shortcut(*named, found.groupdict(), self._app)
        return None

    def _within_middlewares(self, handler: Any) -> Handler:
        for middleware in reversed(self._app.middlewares):
            handler = partial(middleware, handler=handler)
        within: Handler = handler
        return within


def _pattern(resource: web.AbstractResource) -> re.Pattern[str]:
    info = resource.get_info()
    return info["pattern"] if "pattern" in info else re.compile(re.escape(info["path"]))
