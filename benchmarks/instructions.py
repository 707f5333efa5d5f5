"""`make instructions`: how many instructions the service takes for the list operation, A, on SQLite.

Instructions are the same on a busy machine and on an idle one. They are counted by callgrind, in the
service as it is served, between two points where it is warm: neither its start nor the client counts.
What comes from the clock, as threads that take turns and work in the background, only adds to a
count: so several batches are counted, and the lowest one is the figure. The figure belongs to a
minor version of Python; builds of one version differ by more than versions of libraries do, so the
build is kept with it.
"""

from __future__ import annotations

import http.client
import json
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from benchmarks.bench.operations import DOCUMENTS, Operation
from tests.databases import SQLiteServer
from tests.keys import ADA, bearer
from tests.ports import free_port
from tests.processes import environment

TOLERANCE: Final = 0.10
BATCHES: Final = 4
# Of each batch; and before the first.
REQUESTS: Final = 50
WARM_UP: Final = 200
_FIGURES: Final = Path(__file__).with_suffix(".json")
_PROFILE: Final = Path("build") / "callgrind.out"
_PATIENCE_SECONDS: Final = 300
_SUMMARY: Final = re.compile(r"^summary: (\d+)$", re.MULTILINE)


class Counted:
    """The service under callgrind, which counts from `start_counting` on."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
        self._process = process
        self._port = port
        self._folder = folder
        self._batches = 0

    def wait_until_listening(self) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port)).close()
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    log = (self._folder / "log").read_text()
                    raise click.ClickException(f"The service does not start under callgrind:\n{log}") from None
                time.sleep(0.1)
            else:
                return

    def ask(self, times: int) -> None:
        body = json.dumps({"query": DOCUMENTS[Operation.A], "variables": {"environment": "1"}}).encode()
        headers = {
            "Host": "127.0.0.1",
            **bearer(ADA),
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
        }
        lines = ["POST /graphql HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        request = "\r\n".join([*lines, "", ""]).encode() + body
        with socket.create_connection(("127.0.0.1", self._port), timeout=_PATIENCE_SECONDS) as connection:
            for _ in range(times):
                # In one piece: what comes in two is not read along with the key, unless both are there in time.
                connection.sendall(request)
                with http.client.HTTPResponse(connection, method="POST") as response:
                    response.begin()
                    answer = json.loads(response.read())
                if "errors" in answer:
                    raise click.ClickException(f"The service answers {answer}")

    def start_counting(self) -> None:
        self._control("--instr=on")
        # Python has specialized its code before, but not with callgrind looking.
        self.ask(REQUESTS)
        self._control("--zero")

    def count(self) -> int:
        """The instructions of one batch, for each request."""
        self.ask(REQUESTS)
        self._control("--dump")
        self._batches += 1
        found = _SUMMARY.search(self.profile.read_text())
        assert found is not None
        return int(found[1]) // REQUESTS

    @property
    def profile(self) -> Path:
        """Of the last batch."""
        return self._folder / f"callgrind.{self._batches}"

    def _control(self, command: str) -> None:
        done = subprocess.run(
            ["callgrind_control", command, str(self._process.pid)], capture_output=True, text=True, check=False
        )
        if "OK." not in done.stdout:
            raise click.ClickException(f"callgrind does not listen: {done.stdout}{done.stderr}")


@contextmanager
def counted() -> Iterator[Counted]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        port = free_port()
        url = SQLiteServer(folder).create()
        settings = {"database_url": url, "port": port, "log_level": "error", "graphiql": False}
        valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*valgrind, f"--callgrind-out-file={folder}/callgrind", sys.executable, "-m", "gateway", "serve"],
                stdout=log,
                stderr=log,
                env=environment(settings) | {"PYTHONHASHSEED": "0"},
            )
        try:
            service = Counted(process, port, folder)
            service.wait_until_listening()
            yield service
        finally:
            process.terminate()
            process.wait()


def verdict(figure: int, recorded: int) -> str | None:
    """What is wrong; None where nothing is."""
    if figure <= recorded * (1 + TOLERANCE):
        return None
    return (
        f"The list operation takes {figure:,} instructions, {figure / recorded - 1:.0%} more than the recorded "
        f"{recorded:,}; {TOLERANCE:.0%} are allowed.\n"
        f"`callgrind_annotate {_PROFILE} | head -60` shows where they go now; do the same at the commit that last "
        f"changed benchmarks/{_FIGURES.name}, and compare. `git bisect run make instructions` finds the commit.\n"
        "Where they are well spent, record the new figure with `make instructions RECORD=1`, and say in the commit why."
    )


@click.command(help="Counts the instructions of the list operation; exits with 1 if they are more than recorded.")
@click.option("--record", is_flag=True, help="Record the figure instead.")
def main(record: bool) -> None:
    for program in ("valgrind", "callgrind_control"):
        if shutil.which(program) is None:
            raise click.ClickException(f"{program} is not installed; Debian's package is valgrind.")
    with counted() as service:
        service.ask(WARM_UP)
        service.start_counting()
        counts = [service.count() for _ in range(BATCHES)]
        _PROFILE.parent.mkdir(exist_ok=True)
        shutil.copy(service.profile, _PROFILE)
    figure = min(counts)
    click.echo(f"Instructions for A: {figure:,}; batches spread over {max(counts) / figure - 1:.1%}.")
    figures: dict[str, Any] = json.loads(_FIGURES.read_text()) if _FIGURES.exists() else {}
    version = ".".join(platform.python_version_tuple()[:2])
    build = f"{platform.python_implementation()} {platform.python_version()}, {platform.python_compiler()}"
    if record:
        figures[version] = {"instructions": figure, "build": build}
        _FIGURES.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n")
        return
    if version not in figures:
        raise click.ClickException(f"No figure for Python {version}: `make instructions RECORD=1` records it.")
    recorded = figures[version]
    problem = verdict(figure, recorded["instructions"])
    if problem is not None:
        if recorded["build"] != build:
            problem += f"\nThe figure is of another build, which may be all: {recorded['build']}; this is {build}."
        raise click.ClickException(problem)
    if figure < recorded["instructions"] * (1 - TOLERANCE):
        click.echo(f"That is far below the recorded {recorded['instructions']:,}: `make instructions RECORD=1`.")


if __name__ == "__main__":
    main()
