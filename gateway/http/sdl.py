"""`GET /schema.graphql`: the schema as text, for code generators; cheap to ask for again."""

from __future__ import annotations

import hashlib

from aiohttp import hdrs, web


class SdlEndpoint:
    def __init__(self, sdl: str) -> None:
        self._sdl = sdl
        self._etag = hashlib.sha256(sdl.encode()).hexdigest()[:32]

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/schema.graphql", self.get)]

    async def get(self, request: web.Request) -> web.Response:
        known = request.if_none_match or ()
        response = (
            web.Response(status=304)
            if any(tag.value in (self._etag, "*") for tag in known)
            else web.Response(text=self._sdl, content_type="text/plain")
        )
        response.etag = self._etag
        response.headers[hdrs.CACHE_CONTROL] = "public, max-age=0, must-revalidate"
        return response
