"""`GET /schema.graphql`: the schema as text, with an ETag, for code generators."""

from __future__ import annotations

import hashlib

from aiohttp import hdrs, web

from gateway.http.replies import Reply


class SdlEndpoint:
    def __init__(self, sdl: str) -> None:
        self._sdl = sdl.encode()
        self._etag = hashlib.sha256(self._sdl).hexdigest()[:32]

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/schema.graphql", self.get)]

    async def get(self, request: web.Request) -> Reply:
        headers: dict[str, str] = {
            hdrs.ETAG: f'"{self._etag}"',
            hdrs.CACHE_CONTROL: "public, max-age=0, must-revalidate",
        }
        if any(tag.value in (self._etag, "*") for tag in request.if_none_match or ()):
            return Reply(304, headers=headers)
        return Reply(200, self._sdl, "text/plain; charset=utf-8", headers)
