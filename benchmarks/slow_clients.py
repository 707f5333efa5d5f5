"""`make slow-clients`: what 1,000 slow sockets do to the latency of another client.

They are driven by a process of their own, so that what it costs to be slow is not measured.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

import click
import uvloop
from aiohttp import ClientSession

from benchmarks.service import running_service
from tests.keys import ADA, bearer

SOCKETS: Final = 1000
# Of the latency of a client that is alone.
BOUND: Final = 2.0
_ROUNDS: Final = 3
_REQUESTS: Final = 300
_SETTLE_SECONDS: Final = 3
# A tenth of them has something to say at a time.
_SLICE_SECONDS: Final = 0.1

_HOST: Final = b"Host: testserver\r\n"
_ALL: Final = b"name,description,args{name,description,defaultValue,type{name}},type{kind,name,ofType{name}}"
_UNREAD: Final = b"GET /graphql?query={__schema{types{name,description,fields{%b}}}} HTTP/1.1\r\n%b\r\n" % (_ALL, _HOST)
# What is sent at first, and then a byte each second.
KINDS: Final = {
    "nothing at all": (b"", b""),
    "a head, a byte each second": (b"GET /graphql HTTP/1.1\r\n" + _HOST + b"A: ", b"a"),
    "a body, a byte each second": (
        b"POST /graphql HTTP/1.1\r\n" + _HOST + b"Content-Type: application/json\r\nContent-Length: 90000\r\n\r\n{",
        b" ",
    ),
    "idle between requests": (b"GET /health/live HTTP/1.1\r\n" + _HOST + b"\r\n", b""),
    "answers that are not read": (_UNREAD * 20, b""),
}
_QUERY: Final = {"query": "{ viewer { email persistedFolders { nodes { id type path } } } }"}


class Row(NamedTuple):
    """Milliseconds; `alone` was measured just before and after."""

    kind: str
    alone: float
    beside: float
    slowest_alone: float
    slowest_beside: float

    @property
    def ratio(self) -> float:
        return self.beside / self.alone


def drive(port: int, kind: str) -> None:
    """Keeps the sockets open and slow: one that the service has closed is opened anew."""
    first, more = KINDS[kind]
    sockets: list[socket.socket | None] = [None] * SOCKETS
    while True:
        for begin in range(0, SOCKETS, SOCKETS // 10):
            for number in range(begin, begin + SOCKETS // 10):
                sockets[number] = _touched(sockets[number], port, first, more)
            time.sleep(_SLICE_SECONDS)


def _touched(known: socket.socket | None, port: int, first: bytes, more: bytes) -> socket.socket | None:
    if known is not None:
        try:
            if more:
                known.send(more)
            # A closed one has an end to be read; where answers are left unread, an error alone tells.
            if known.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0 and (
                first.startswith(_UNREAD) or known.recv(65536, socket.MSG_DONTWAIT) != b""
            ):
                return known
        except BlockingIOError:
            return known
        except OSError:
            pass
        known.close()
    fresh = socket.socket()
    if first.startswith(_UNREAD):
        fresh.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    try:
        fresh.connect(("127.0.0.1", port))
        fresh.setblocking(False)
        fresh.send(first)
    except OSError:
        fresh.close()
        return None
    return fresh


@contextmanager
def _driven(port: int, kind: str) -> Iterator[None]:
    process = multiprocessing.get_context("spawn").Process(target=drive, args=(port, kind), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


async def _latencies(client: ClientSession) -> list[float]:
    found = []
    for _ in range(_REQUESTS):
        started = time.perf_counter()
        async with client.post("/graphql", json=_QUERY) as response:
            answer = await response.json()
        found.append((time.perf_counter() - started) * 1000)
        if "errors" in answer:
            raise click.ClickException(f"The other client is not served: {answer}")
    return found


async def _measure(client: ClientSession, port: int, kind: str) -> Row:
    alone, beside = await _latencies(client), []
    for _ in range(_ROUNDS):
        with _driven(port, kind):
            await asyncio.sleep(_SETTLE_SECONDS)
            beside += await _latencies(client)
        # What they have left behind is done with first.
        await asyncio.sleep(_SETTLE_SECONDS)
        alone += await _latencies(client)
    return Row(kind, statistics.median(alone), statistics.median(beside), _slowest(alone), _slowest(beside))


def _slowest(latencies: list[float]) -> float:
    """Of a hundred, all but one are faster."""
    return statistics.quantiles(latencies, n=100)[-1]


async def run() -> list[Row]:
    async with running_service() as service:
        base = f"http://127.0.0.1:{service.port}"
        async with ClientSession(base, headers=bearer(ADA)) as client:
            await _latencies(client)
            rows = [await _measure(client, service.port, kind) for kind in KINDS]
        if errors := service.errors():
            raise click.ClickException(f"The service has logged errors:\n{errors}")
        return rows


@click.command(help=f"Prints what {SOCKETS:,} slow sockets do to another client; exits with 1 above {BOUND:g} times.")
def main() -> None:
    rows = uvloop.run(run())
    click.echo(f"| {SOCKETS:,} sockets that send | alone, ms | beside them, ms | times | p99 alone | p99 beside |")
    click.echo("| --- | --: | --: | --: | --: | --: |")
    for row in rows:
        times = f"{row.alone:.2f} | {row.beside:.2f} | {row.ratio:.2f}"
        click.echo(f"| {row.kind} | {times} | {row.slowest_alone:.2f} | {row.slowest_beside:.2f} |")
    if any(row.ratio > BOUND for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
