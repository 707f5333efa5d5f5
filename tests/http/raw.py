"""A client that sends what it is told: odd methods, targets, headers and bodies reach the server unchanged."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from aiohttp import ClientSession

from tests.patience import PATIENCE_SECONDS


@dataclass(frozen=True, slots=True)
class RawResponse:
    """`headers` by their names in lower case; of one that stands there more than once, joined with commas."""

    version: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def closes(self) -> bool:
        """Whether the server says that it closes the connection."""
        option = self.headers.get("connection", "").lower()
        return option == "close" or (self.version == "1.0" and option != "keep-alive")


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
    return await send_bytes(
        port, method, "\r\n".join([*lines, "", ""]).encode(errors="surrogateescape") + (body or b"")
    )


async def send_bytes(port: int, method: str, request: bytes) -> RawResponse:
    """`method` says how to read the answer: that to HEAD has no body, whatever its headers say."""
    async with asyncio.timeout(PATIENCE_SECONDS), connected(port) as connection:
        connection.write(request)
        return await connection.read(method)


class Connection:
    """One socket, for requests of which several may be under way."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def drain(self) -> None:
        """Waits until the server has taken most of what was written."""
        await self._writer.drain()

    def close_writing(self) -> None:
        """Sends no more, and goes on reading."""
        self._writer.write_eof()

    async def read(self, method: str = "POST") -> RawResponse:
        """The next answer. Raises EOFError where the server has closed the connection, or broken off."""
        answer = await self.read_head()
        status, headers = answer.status, answer.headers
        if status == 100:
            return await self.read(method)
        if method == "HEAD" or status in (204, 304):
            return answer
        if headers.get("transfer-encoding") == "chunked":
            return replace(answer, body=await self._chunks())
        # A server may wait for the rest of a body that it has refused, so the end is not waited for.
        return replace(answer, body=await self._reader.readexactly(int(headers["content-length"])))

    async def read_head(self) -> RawResponse:
        """The same without a body, as of an answer that switches to another protocol."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        lines = head[:-4].split(b"\r\n")
        status_line = re.match(rb"HTTP/(\d\.\d) (\d{3})(?: |$)", lines[0])
        if status_line is None:
            raise ValueError(f"No status line: {lines[0]!r}")
        version, status = status_line[1].decode(), int(status_line[2])
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, _, value = line.decode("latin-1").partition(":")
            key = name.lower()
            headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
        return RawResponse(version, status, headers, b"")

    async def read_frame(self) -> tuple[int, bytes] | None:
        """The next frame of a WebSocket, its first byte and its data; None where the server has closed the connection."""
        try:
            first, length = await self._reader.readexactly(2)
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise
            return None
        if length >= 126:
            length = int.from_bytes(await self._reader.readexactly(2 if length == 126 else 8), "big")
        return first, await self._reader.readexactly(length)

    async def read_all(self, method: str = "POST") -> list[RawResponse]:
        """All answers until the server closes. Raises EOFError where it breaks off within one."""
        answers: list[RawResponse] = []
        while True:
            try:
                answers.append(await self.read(method))
            except asyncio.IncompleteReadError as error:
                if error.partial:
                    raise
                return answers

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            body += (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readexactly(2)
        return body


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()
