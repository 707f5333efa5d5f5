"""DateTime and UUID, with the specifications that they name in the SDL."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from gateway.model import Timestamp, format_time, to_timestamp

# `datetime.fromisoformat` takes more than RFC 3339, as weeks, and less, as a small z.
_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def _parse_time(value: Any) -> Timestamp:
    text = value.upper() if isinstance(value, str) else ""
    try:
        if _RFC_3339.fullmatch(text):
            # A year at either end can leave the calendar on its way to UTC.
            return to_timestamp(datetime.fromisoformat(text).astimezone(UTC))
    except (ValueError, OverflowError):
        pass
    raise GraphQLError("DateTime must be an RFC 3339 time with an offset, as 2026-01-31T09:30:00.123456Z.")


def _parse_uuid(value: Any) -> UUID:
    try:
        return UUID(value if isinstance(value, str) else "")
    except ValueError:
        raise GraphQLError("UUID must be a text of 32 hexadecimal digits, with or without hyphens.") from None


SCALARS: Final[dict[object, ScalarDefinition]] = {
    Timestamp: strawberry.scalar(
        name="DateTime",
        description="A time in UTC as RFC 3339 text, for example `2026-01-31T09:30:00.123456Z`.",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time",
        serialize=format_time,
        parse_value=_parse_time,
    ),
    UUID: strawberry.scalar(
        name="UUID",
        description="A UUID as 36 characters in lower case.",
        specified_by_url="https://tools.ietf.org/html/rfc4122",
        serialize=str,
        parse_value=_parse_uuid,
    ),
}
