"""The command `gateway` as its users run it: a process of its own, with settings in its environment."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from tests.patience import PATIENCE_SECONDS, PATIENT

_ADDRESS: Final = re.compile(rb"http://[^\s\"/]+:\d+")


class Result(NamedTuple):
    code: int
    out: str
    err: str


def environment(settings: dict[str, Any]) -> dict[str, str]:
    """Nothing of the environment of the tests that the service reads; `port=0` becomes GATEWAY_PORT."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    return kept | {f"GATEWAY_{name.upper()}": str(value) for name, value in settings.items()}


async def gateway(*arguments: str | bytes, stdin: bytes = b"", stdout: int = PIPE, **settings: Any) -> Result:
    """Runs a command to its end. What it writes to a `stdout` of the test's own is not in the result."""
    process = await _start(arguments, settings, stdout)
    out, err = await asyncio.wait_for(process.communicate(stdin), PATIENCE_SECONDS)
    assert process.returncode is not None
    return Result(process.returncode, (out or b"").decode(), err.decode())


class Running:
    """A service that listens at `address`. `out` and `err` grow while it runs."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.address = ""
        self.out = b""
        self.err = b""
        self._grew = asyncio.Event()
        self._reading = [asyncio.create_task(self._read(name)) for name in ("out", "err")]

    async def wait_until_listening(self) -> None:
        self.address = (await self.wait_for(_ADDRESS))[0].decode()

    async def wait_for(self, pattern: re.Pattern[bytes]) -> re.Match[bytes]:
        """Until it has written what is looked for."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (found := pattern.search(self.out + b"\n" + self.err)):
                assert not all(task.done() for task in self._reading), self.err.decode()
                self._grew.clear()
                await self._grew.wait()
            return found

    @property
    def pid(self) -> int:
        return self._process.pid

    def send_signal(self, number: int) -> None:
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Its exit code, when all that it wrote has been read."""
        code = await asyncio.wait_for(self._process.wait(), PATIENCE_SECONDS)
        await asyncio.gather(*self._reading)
        return code

    async def stop(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self.ended()

    async def _read(self, name: str) -> None:
        stream = getattr(self._process, f"std{name}")
        while data := await stream.read(65536):
            setattr(self, name, getattr(self, name) + data)
            self._grew.set()
        self._grew.set()


@asynccontextmanager
async def running(*arguments: str, **settings: Any) -> AsyncIterator[Running]:
    """A service on a free port."""
    service = Running(await _start(arguments, {"port": 0, **settings}))
    try:
        await service.wait_until_listening()
        yield service
    finally:
        await service.stop()


async def _start(arguments: tuple[str | bytes, ...], settings: dict[str, Any], stdout: int = PIPE) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        *arguments,
        stdin=PIPE,
        stdout=stdout,
        stderr=PIPE,
        env=environment({**PATIENT, **settings}),
    )
