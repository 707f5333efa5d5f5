"""Where a request carries its key (contract/rest.md, 'Who may call')."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from aiohttp import hdrs, web

# As AuthenticationFailed words them.
HEADER: Final = "Authorization header"
BODY: Final = "body"
QUERY_STRING: Final = "query string"
PARAMETER: Final = "personal_api_key"

_BEARER: Final = re.compile(r"Bearer[ \t]+(\S.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Credential:
    """A key, and where it was found."""

    key: str = field(repr=False)
    found_in: str


def find_in_header(request: web.BaseRequest) -> Credential | None:
    """None where there is no `Authorization`, or one of another scheme."""
    # Of two headers neither is the right one: together they are no key.
    key = parse_bearer(", ".join(request.headers.getall(hdrs.AUTHORIZATION, [])))
    return None if key is None else Credential(key, HEADER)


def parse_bearer(authorization: str) -> str | None:
    """The key of `Bearer <key>`; None where that is no such text."""
    match = _BEARER.fullmatch(authorization)
    return match[1].rstrip(" \t") if match else None


def find_in_query(request: web.BaseRequest) -> Credential | None:
    values = request.query.getall(PARAMETER, [])
    return Credential(values[-1], QUERY_STRING) if values else None
