"""A client that sends what it is told: odd methods, targets, headers and bodies reach the server unchanged."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPResponse
from io import BytesIO

from aiohttp import ClientSession

_TIMEOUT_SECONDS = 20


@dataclass(frozen=True, slots=True)
class RawResponse:
    """`headers` by their names in lower case; of one that stands there more than once, joined with commas."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


async def port_of(client: ClientSession) -> int:
    """Where the service of a test listens."""
    async with client.get("/health/live") as response:
        port = response.url.port
    assert port is not None
    return port


async def send(
    port: int,
    method: str,
    target: str,
    headers: Mapping[str, str | Sequence[str]] | None = None,
    body: bytes | None = None,
) -> RawResponse:
    """One request on a connection of its own. `Host` and `Content-Length` are added where they are not given."""
    fields = {"Host": "testserver", **(headers or {})}
    if body is not None and not {"content-length", "transfer-encoding"} & {name.lower() for name in fields}:
        fields["Content-Length"] = str(len(body))
    lines = [f"{method} {target} HTTP/1.1", "Connection: close"]
    for name, value in fields.items():
        lines += [f"{name}: {each}" for each in ([value] if isinstance(value, str) else value)]
    return await send_bytes(port, method, "\r\n".join([*lines, "", ""]).encode() + (body or b""))


async def send_bytes(port: int, method: str, request: bytes) -> RawResponse:
    """`method` says how to read the answer: that to HEAD has no body, whatever its headers say."""
    async with asyncio.timeout(_TIMEOUT_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            # A server may wait for the rest of a body that it has refused, so the end is not waited for.
            body = await reader.readexactly(int(length[1])) if length and method != "HEAD" else b""
        finally:
            writer.close()
    return _parse(method, head + body)


def _parse(method: str, answer: bytes) -> RawResponse:
    response = HTTPResponse(_Socket(answer), method=method)  # type: ignore[arg-type]
    response.begin()
    headers: dict[str, str] = {}
    for name, value in response.getheaders():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return RawResponse(response.status, headers, response.read())


class _Socket:
    """What HTTPResponse asks of a socket, over bytes that are here already."""

    def __init__(self, data: bytes) -> None:
        self._file = BytesIO(data)

    def makefile(self, _mode: str) -> BytesIO:
        return self._file
