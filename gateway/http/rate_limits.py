"""The rate limit in response headers, as draft-ietf-httpapi-ratelimit-headers-03 names them."""

from __future__ import annotations

import math
import time

from gateway.errors import Throttled
from gateway.model import RateLimitState


def rate_limit_headers(state: RateLimitState) -> dict[str, str]:
    seconds = math.ceil(state.resets_at / 1_000_000 - time.time())
    return _headers(state.limit, state.remaining, max(0, seconds))


def used_up_headers(error: Throttled) -> dict[str, str]:
    """Of the request that was one too many: the refused ones say more than `Retry-After`, like all others."""
    return _headers(error.limit, 0, error.retry_after)


def _headers(limit: int, remaining: int, seconds: int) -> dict[str, str]:
    return {
        "RateLimit-Limit": str(limit),
        "RateLimit-Remaining": str(remaining),
        "RateLimit-Reset": str(seconds),
    }
