"""A Redis of the tests' own: on a free port, with a password, keeping nothing."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.components import require_program
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_port

PASSWORD: Final = "correct-horse-battery"


class RedisServer:
    def __init__(self, process: subprocess.Popen[bytes], port: int, socket_path: Path) -> None:
        self._process = process
        self._port = port
        self._socket_path = socket_path

    @property
    def url(self) -> str:
        return f"redis://:{PASSWORD}@127.0.0.1:{self._port}/0"

    @property
    def socket_url(self) -> str:
        return f"unix://:{PASSWORD}@{self._socket_path}?db=0"

    def hang(self) -> None:
        """Connections are still taken, and nothing answers."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def running_redis(folder: Path) -> Iterator[RedisServer]:
    """Skips the test where there is no Redis."""
    program = require_program("redis-server")
    port = free_port()
    socket_path = folder / "redis.sock"
    options = {"port": port, "bind": "127.0.0.1", "unixsocket": socket_path, "requirepass": PASSWORD}
    options |= {"save": "", "appendonly": "no", "dir": folder, "logfile": folder / "redis.log"}
    arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    with subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL) as process:
        server = RedisServer(process, port, socket_path)
        try:
            _wait_until_listening(process, port)
            yield server
        finally:
            server.stop()


def _wait_until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        assert process.poll() is None, "Redis ended by itself"
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert time.monotonic() < until, "Redis does not listen"
            time.sleep(0.02)
        else:
            return
