"""Limit and offset of the REST lists, and the links to the neighbouring pages (contract/rest.md, 'List')."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

from aiohttp import web

from gateway.http.authentication import PARAMETER

_DEFAULT_LIMIT: Final = 100
_MAX_LIMIT: Final = 1000
# What int() reads. A number with more of them is past the end of any list, whatever its last digits are.
_MAX_DIGITS: Final = sys.int_info.default_max_str_digits


@dataclass(frozen=True, slots=True)
class LimitOffset:
    limit: int
    offset: int

    @classmethod
    def of(cls, request: web.Request) -> LimitOffset:
        limit = _last_number(request, "limit")
        offset = _last_number(request, "offset")
        return cls(
            limit=min(limit, _MAX_LIMIT) if limit is not None and limit > 0 else _DEFAULT_LIMIT,
            offset=offset if offset is not None and offset > 0 else 0,
        )

    def envelope(self, request: web.Request, url: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The page of `rows`, which are the whole list. `url` is the list's own, without a query."""
        before, after = self.offset - self.limit, self.offset + self.limit
        return {
            "count": len(rows),
            "next": self._link(request, url, after) if after < len(rows) else None,
            "previous": self._link(request, url, before) if self.offset > 0 else None,
            "results": rows[self.offset : after],
        }

    def _link(self, request: web.Request, url: str, offset: int) -> str:
        parameters = parse_qs(request.rel_url.raw_query_string, keep_blank_values=True)
        parameters["limit"] = [str(self.limit)]
        parameters.pop("offset", None)
        if offset > 0:
            parameters["offset"] = [str(offset)]
        # A key never stands in a URL that is made here: a link is logged, shown and shared.
        parameters.pop(PARAMETER, None)
        return f"{url}?{urlencode(sorted(parameters.items()), doseq=True)}"


def _last_number(request: web.Request, name: str) -> int | None:
    values = request.query.getall(name, [])
    text = values[-1] if values else ""
    if len(text) > _MAX_DIGITS and text.isdecimal():
        text = text.lstrip("0")[:_MAX_DIGITS]
    try:
        return int(text)
    except ValueError:
        return None
