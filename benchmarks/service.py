"""The service as a process of its own, on SQLite with the workspace of the tests."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from tests.databases import SQLiteServer
from tests.http.raw import send
from tests.ports import free_port
from tests.processes import environment

_PATIENCE_SECONDS: Final = 30


class Service:
    """It logs errors only."""

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self._log = log

    def errors(self) -> str:
        """What it has logged."""
        return self._log.read_text()


@asynccontextmanager
async def running_service() -> AsyncIterator[Service]:
    with tempfile.TemporaryDirectory() as folder:
        # It makes its template in a loop of its own.
        server = await asyncio.to_thread(SQLiteServer, Path(folder))
        service = Service(free_port(), Path(folder) / "log")
        settings = {
            "database_url": server.create(),
            "port": service.port,
            "log_level": "error",
            "graphiql": False,
            # A busy machine is no finding.
            "websocket_init_timeout": 60,
        }
        with (Path(folder) / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gateway", "serve", stdout=log, stderr=log, env=environment(settings)
            )
        try:
            await _wait_until_listening(service, process)
            yield service
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _wait_until_listening(service: Service, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            try:
                await send(service.port, "GET", "/health/ready")
            except OSError:
                if process.returncode is not None:
                    raise RuntimeError(f"The service does not start:\n{service.errors()}") from None
                await asyncio.sleep(0.1)
            else:
                return
