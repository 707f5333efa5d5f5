"""DateTime and UUID, with the specifications that they name in the SDL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from gateway.model import format_time


def _parse_time(value: Any) -> datetime:
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) and "T" in value.upper() else None
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise GraphQLError("DateTime must be an RFC 3339 time with an offset, as 2026-01-31T09:30:00.123456Z.")
    return time.astimezone(UTC)


def _parse_uuid(value: Any) -> UUID:
    try:
        return UUID(value if isinstance(value, str) else "")
    except ValueError:
        raise GraphQLError("UUID must be a text of 32 hexadecimal digits, with or without hyphens.") from None


SCALARS: Final[dict[object, ScalarDefinition]] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="A time in UTC, as RFC 3339 text, as `2026-01-31T09:30:00.123456Z`.",
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
