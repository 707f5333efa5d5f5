"""GraphiQL, from files that `make graphiql` builds: docs/decisions/0013."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from functools import cache, cached_property
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Final

from aiohttp import hdrs, web

from gateway.errors import NotFound
from gateway.http.codings import best_coding
from gateway.http.replies import Reply

_FOLDER: Final = "graphiql"
_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
    ".ttf": "font/ttf",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}
# By preference, with the suffix of their files; browsers name br over HTTPS only.
_CODINGS: Final = {"br": ".br", "gzip": ".gz"}

_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        # Its editor, Monaco, writes <style> elements and style attributes, and can name no nonce for them.
        "style-src 'self' 'unsafe-inline'",
        "font-src 'self'",
        "img-src 'self' data:",
        "worker-src 'self'",
        # Covers ws: and wss: of the same host, too, since CSP 3.
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    )
)
_SECURITY: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class GraphiQL:
    """All files are read at the start: requests are answered from a table, never from the disk."""

    def __init__(self) -> None:
        self._page, self._assets = _built_files()

    def routes(self) -> list[web.RouteDef]:
        return [web.get(f"/{_FOLDER}/{{name}}", self._asset)]

    def page(self, headers: dict[str, str]) -> Reply:
        """`headers` must forbid caching: the page names the assets of this version."""
        return Reply(200, self._page, "text/html; charset=utf-8", headers | _SECURITY)

    async def _asset(self, request: web.Request) -> Reply:
        asset = self._assets.get(request.match_info["name"])
        if asset is None:
            raise NotFound("Endpoint not found.")
        # The names hold a hash of what is in the files.
        headers = {**_SECURITY, hdrs.CACHE_CONTROL: "public, max-age=31536000, immutable"}
        coding, body = asset.choose(request)
        if asset.is_encoded:
            headers[hdrs.VARY] = hdrs.ACCEPT_ENCODING
        if coding is not None:
            headers[hdrs.CONTENT_ENCODING] = coding
        return Reply(200, body, asset.media_type, headers)


class _Asset:
    """One file, in each coding that it was built in; fonts are compressed in themselves, and have none."""

    def __init__(self, suffix: str) -> None:
        self.media_type = _MEDIA_TYPES[suffix]
        self._bodies: dict[str | None, bytes] = {}

    def add(self, coding: str | None, body: bytes) -> None:
        self._bodies[coding] = body

    @property
    def is_encoded(self) -> bool:
        return None not in self._bodies

    def choose(self, request: web.BaseRequest) -> tuple[str | None, bytes]:
        coding = best_coding(request, tuple(_CODINGS)) if self.is_encoded else None
        return coding, self._plain if coding is None else self._bodies[coding]

    @cached_property
    def _plain(self) -> bytes:
        """For the few clients that take nothing compressed."""
        return gzip.decompress(self._bodies["gzip"]) if self.is_encoded else self._bodies[None]


@cache
def _built_files() -> tuple[bytes, Mapping[str, _Asset]]:
    """The page and its assets by name; megabytes, and the same for every application of a process."""
    static = files("gateway.http").joinpath("static")
    assets: dict[str, _Asset] = {}
    for file in static.joinpath(_FOLDER).iterdir():
        name, coding = _split(file.name)
        assets.setdefault(name, _Asset(PurePosixPath(name).suffix)).add(coding, file.read_bytes())
    return static.joinpath("index.html").read_bytes(), assets


def _split(file_name: str) -> tuple[str, str | None]:
    for coding, suffix in _CODINGS.items():
        if file_name.endswith(suffix):
            return file_name.removesuffix(suffix), coding
    return file_name, None
