"""Which HTTP status answers a request that was understood (GraphQL over HTTP, 'Status Codes')."""

from __future__ import annotations

from typing import Literal

from gateway.http.graphql.errors import PARSE_FAILED
from gateway.http.graphql.negotiation import JSON

Profile = Literal["stable", "draft"]


def refused_status(media_type: str, code: str, profile: Profile) -> int:
    """For a request that was refused before it ran."""
    if media_type == JSON:
        # Clients of the older media type take any other status for a broken connection.
        return 200
    return 422 if profile == "draft" and code != PARSE_FAILED else 400


def executed_status(media_type: str, *, has_errors: bool, profile: Profile) -> int:
    """For an operation that was run, with or without errors."""
    return 294 if profile == "draft" and has_errors and media_type != JSON else 200
