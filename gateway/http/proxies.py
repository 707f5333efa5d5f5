"""The address under which a client knows this service, also behind a proxy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from aiohttp import hdrs, web

from gateway.errors import ParseError

Networks = Sequence[IPv4Network | IPv6Network]

# Stricter than what `receiving` lets pass, as RFC 3986 does: links are made of it.
_HOST: Final = re.compile(r"([a-z0-9._-]+|\[[a-f0-9:.]+\])(:[0-9]{1,5})?", re.IGNORECASE)
# What may stand in the path of a URL as it is.
_SAFE: Final = "/:@&+$,-_.!~*'()"


class PublicAddress:
    """`X-Forwarded-Proto` and `-Host` count only where a trusted proxy sends them: anybody can write a header."""

    def __init__(self, trusted: Networks) -> None:
        self._trusted = tuple(trusted)

    def base(self, request: web.Request) -> str:
        """As `https://folders.example`, without a path. Raises ParseError where the client's host is none."""
        scheme, host = request.scheme, request.headers.get(hdrs.HOST)
        if host is None:
            # HTTP/1.0 asks for none.
            host = _own_address(request)
        if is_within(self._trusted, request.remote):
            forwarded_scheme = _first(request.headers.get("X-Forwarded-Proto")).lower()
            scheme = forwarded_scheme if forwarded_scheme in ("http", "https") else scheme
            host = _first(request.headers.get("X-Forwarded-Host")) or host
        if not _HOST.fullmatch(host):
            raise ParseError("Invalid host in request.")
        return f"{scheme}://{host}"

    def url(self, request: web.Request) -> str:
        """Absolute, without the query."""
        return self.base(request) + quote(unquote_to_bytes(request.rel_url.raw_path), safe=_SAFE)


def _own_address(request: web.Request) -> str:
    assert request.transport is not None
    host, port, *_ = request.transport.get_extra_info("sockname")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_within(networks: Networks, remote: str | None) -> bool:
    """Whether a peer's address is in one of the networks."""
    if not networks:
        return False
    try:
        address = ip_address(remote or "")
    except ValueError:
        return False
    return any(address in network for network in networks)


def _first(header: str | None) -> str:
    # Each proxy of a chain appends; the first is the one that the client spoke to.
    return (header or "").partition(",")[0].strip()
