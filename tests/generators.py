"""The generators of docs/clients/code-generators.md, each in its folder of tests/codegen with the files that the page shows."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from aiohttp import ClientSession

from tests.documentation import ADDRESS, ROOT, Block, blocks
from tests.keys import ADA

PAGE: Final = ROOT / "docs/clients/code-generators.md"
FOLDERS: Final = ROOT / "tests/codegen"
PACKAGES: Final = FOLDERS / "node_modules"
ENVIRONMENT: Final = FOLDERS / ".venv/bin"
PATIENCE_SECONDS: Final = 600
# What somebody has generated there by hand is not to be copied.
_GENERATED: Final = shutil.ignore_patterns("gql", "__generated__", "folders_client", "__pycache__", ".mypy_cache")


class Project:
    """A copy of one of the folders, for another service than that of the page."""

    def __init__(self, name: str, folder: Path, client: ClientSession) -> None:
        self._name = name
        self._address = str(client._base_url).rstrip("/")
        self.folder = folder / name
        shutil.copytree(FOLDERS / name, self.folder, ignore=_GENERATED)
        for path in self.folder.rglob("*.*"):
            path.write_text(self._real(path.read_text()))
        (self.folder / PACKAGES.name).symlink_to(PACKAGES)

    def _real(self, text: str) -> str:
        for scheme in ("http", "ws"):
            text = text.replace(ADDRESS.replace("http", scheme), self._address.replace("http", scheme))
        return text

    def introspect(self) -> None:
        """The page has another line of the configuration for this."""
        ((match, block),) = _blocks(rf"it replaces the line of `(\w+)` in tests/codegen/{self._name}/(\S+)")
        path, line = self.folder / match[2], self._real(block.text)
        text, count = re.subn(rf"^ *{match[1]}\b.*\n", lambda _: line, path.read_text(), flags=re.MULTILINE)
        assert count == 1
        path.write_text(text)

    async def run_commands(self, *, but: str | None = None) -> None:
        """Those of the page, without one program's."""
        ((_, block),) = _blocks(rf"tests/test_code_generators.py runs it in tests/codegen/{self._name}")
        commands = [self._real(line) for line in block.text.splitlines() if line.split()[0] != but]
        await output("bash", "-ec", "\n".join(commands), folder=self.folder)

    def files(self, folder: str) -> dict[str, str]:
        return {path.name: path.read_text() for path in (self.folder / folder).iterdir()}


def shown_files() -> Iterator[tuple[Path, str]]:
    """The files of the page, and the text that it has for them."""
    for match, block in _blocks(r"it is (tests/codegen/\S+)"):
        yield ROOT / match[1], block.text


def _blocks(reason: str) -> list[tuple[re.Match[str], Block]]:
    found = ((re.fullmatch(reason, block.reason or ""), block) for block in blocks(PAGE))
    return [(match, block) for match, block in found if match is not None]


async def output(*command: str | Path, folder: Path) -> str:
    async with asyncio.timeout(PATIENCE_SECONDS), running(*command, folder=folder) as process:
        written, _ = await process.communicate()
    assert process.returncode == 0, written.decode()
    return written.decode()


@asynccontextmanager
async def running(*command: str | Path, folder: Path) -> AsyncIterator[Process]:
    variables = {
        **os.environ,
        "PATH": f"{ENVIRONMENT}{os.pathsep}{os.environ['PATH']}",
        "PYTHONUNBUFFERED": "1",
        "FOLDERS_KEY": ADA,
        # A program that is not among the packages is not to be downloaded.
        "npm_config_offline": "true",
    }
    process = await asyncio.create_subprocess_exec(
        *command, stdout=PIPE, stderr=STDOUT, cwd=folder, env=variables, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            # With what it has started.
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
