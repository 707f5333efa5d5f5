"""Closes the connection of a client that does not read fast enough, instead of waiting for it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager

from aiohttp import web


async def send_or_drop(request: web.Request, sending: Awaitable[None], seconds: float) -> None:
    """Raises ConnectionResetError, and drops the connection, if the client does not read what is sent."""
    try:
        async with asyncio.timeout(seconds):
            await sending
    except TimeoutError:
        drop(request)
        raise ConnectionResetError from None


def drop(request: web.Request) -> None:
    """Closes the connection at once; what the client has not read is lost."""
    if request.transport is not None:
        request.transport.abort()


@contextmanager
def unacknowledged_for(request: web.Request, seconds: float) -> Iterator[None]:
    """Meanwhile, a client whose system acknowledges nothing for so long is gone: TCP itself waits for a quarter of an hour."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    connection = request.get_extra_info("socket")
    if option is None or connection is None or connection.family not in (socket.AF_INET, socket.AF_INET6):
        yield
        return
    connection.setsockopt(socket.IPPROTO_TCP, option, round(seconds * 1000))
    try:
        yield
    finally:
        # It is gone where the client is.
        if request.transport is not None and not request.transport.is_closing():
            connection.setsockopt(socket.IPPROTO_TCP, option, 0)
