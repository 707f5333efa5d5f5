"""The address under which a client knows this service, also behind a proxy."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from urllib.parse import unquote

from aiohttp import web

Networks = Sequence[IPv4Network | IPv6Network]


class PublicAddress:
    """`X-Forwarded-Proto` and `-Host` count only where a trusted proxy sends them: anybody can write a header."""

    def __init__(self, trusted: Networks) -> None:
        self._trusted = tuple(trusted)

    def base(self, request: web.Request) -> str:
        """As `https://folders.example`, without a path."""
        scheme, host = request.scheme, request.host
        if self._trusted and self._is_trusted(request.remote):
            scheme = _first(request.headers.get("X-Forwarded-Proto")) or scheme
            host = _first(request.headers.get("X-Forwarded-Host")) or host
        return f"{scheme}://{host}"

    def url(self, request: web.Request) -> str:
        """Absolute, without the query; the path as the client wrote it."""
        return self.base(request) + unquote(request.rel_url.raw_path)

    def _is_trusted(self, remote: str | None) -> bool:
        try:
            address = ip_address(remote or "")
        except ValueError:
            return False
        return any(address in network for network in self._trusted)


def _first(header: str | None) -> str:
    # Each proxy of a chain appends; the first is the one that the client spoke to.
    return (header or "").partition(",")[0].strip()
