"""The rate limit in response headers, as draft-ietf-httpapi-ratelimit-headers-03 names them."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from gateway.throttling import RateLimitState


def rate_limit_headers(state: RateLimitState) -> dict[str, str]:
    seconds = math.ceil((state.resets_at - datetime.now(UTC)).total_seconds())
    return {
        "RateLimit-Limit": str(state.limit),
        "RateLimit-Remaining": str(state.remaining),
        "RateLimit-Reset": str(max(0, seconds)),
    }
