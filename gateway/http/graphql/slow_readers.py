"""A reader that does not keep up is closed, never waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from aiohttp import web


async def send_or_drop(request: web.Request, sending: Awaitable[None], seconds: float) -> None:
    """Raises ConnectionResetError where the client did not take what is sent; its connection is gone then."""
    try:
        async with asyncio.timeout(seconds):
            await sending
    except TimeoutError:
        if request.transport is not None:
            # What the client did not take is dropped with it.
            request.transport.abort()
        raise ConnectionResetError from None
