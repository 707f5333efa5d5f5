"""The examples of README.md and docs/clients/ are run against the service that `make run` starts."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from gateway.demo import KEY
from gateway.settings import PREFIX
from tests.clients.service import PACKAGES, require_packages
from tests.components import require_program
from tests.documentation import ROOT, Block, Likeness, blocks, commands, known_targets, make_targets, page_name
from tests.patience import PATIENCE_SECONDS, PATIENT

_RUN: Final = {"graphql", "sh", "js"}
_ANSWERS: Final = {"json", "text"}
_PROGRAMS: Final = {"curl", "gateway", "npx"}
_SECONDS: Final = PATIENCE_SECONDS


class Demo:
    """The service as `make run` starts it, and what it printed."""

    def __init__(self, printed: str, folder: Path, environment: dict[str, str]) -> None:
        self.printed = printed
        self.address = re.findall(r"^GraphQL +(\S+)/graphql$", printed, re.MULTILINE)[0]
        self._folder = folder
        self._environment = environment

    def save(self, name: str, text: str) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def shell(self, command: str) -> str:
        if "npx " in command:
            self._link_packages()
        return self._output(["bash", "-ec", command])

    def node(self, program: str) -> str:
        if "import " in program:
            self._link_packages()
        return self._output([str(require_program("node")), "--input-type=module", "--eval", program])

    def graphql(self, query: str, variables: Any) -> Any:
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        body = json.dumps({"query": query, "variables": variables}).encode()
        try:
            with urlopen(Request(f"{self.address}/graphql", body, headers), timeout=_SECONDS) as response:
                return json.load(response)
        except HTTPError as error:
            with error:
                return json.load(error)

    def _link_packages(self) -> None:
        require_packages()
        link = self._folder / PACKAGES.name
        if not link.exists():
            link.symlink_to(PACKAGES)

    def _output(self, command: list[str]) -> str:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            cwd=self._folder,
            env=self._environment,
            timeout=_SECONDS,
        )
        assert done.returncode == 0, f"{command[-1]}\n{done.stderr}"
        return done.stdout


@contextmanager
def _demo(folder: Path) -> Iterator[Demo]:
    environment = {
        # The commands of the pages are those of this environment.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        f"{PREFIX}DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'demo.db'}",
        f"{PREFIX}PORT": "0",
        **{f"{PREFIX}{name.upper()}": str(seconds) for name, seconds in PATIENT.items()},
    }
    command = [sys.executable, "-m", "gateway", "demo"]
    log = folder / "log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=folder, env=environment
        ) as process,
    ):
        assert process.stdout is not None
        try:
            lines = []
            for line in process.stdout:
                lines.append(line)
                if line.startswith("Stop with"):
                    break
            else:
                pytest.fail(log.read_text())
            yield Demo("".join(lines), folder, environment)
        finally:
            process.terminate()
    assert process.returncode == 0, log.read_text()


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs/clients").glob("*.md"))], ids=page_name)
def test_examples(page: Path, tmp_path: Path) -> None:
    """Each page from top to bottom, on a demo workspace of its own."""
    all_blocks = list(blocks(page))
    if not any(block.language in _RUN for block in all_blocks):
        return
    with _demo(tmp_path) as demo:
        likeness = Likeness(demo.address)
        position = 0
        while position < len(all_blocks):
            block = all_blocks[position]
            below = _below(all_blocks, position)
            position += 1 + len(below)
            try:
                if block.reason is None:
                    _check(demo, likeness, block, below)
            except AssertionError as error:
                raise AssertionError(f"{page_name(page)}:{block.line}: {error}") from error


def _below(all_blocks: list[Block], position: int) -> list[Block]:
    """The variables and the answer that belong to a block."""
    if all_blocks[position].file or all_blocks[position].language not in _RUN:
        return []
    rest = iter(all_blocks[position + 1 :])
    found = []
    for block in rest:
        if block.file or block.language not in _ANSWERS | {"json variables"}:
            break
        found.append(block)
        if block.language in _ANSWERS:
            break
    return found


def _check(demo: Demo, likeness: Likeness, block: Block, below: list[Block]) -> None:
    assert block.file or block.language in _RUN, f"a block of {block.language!r} that is not run needs a reason"
    answer = next((each for each in below if each.language in _ANSWERS), None)
    given = next((each.text for each in below if each.language == "json variables"), "null")
    request = likeness.request(block.text)
    if block.file is not None:
        demo.save(block.file, request)
        return
    if block.language == "graphql":
        assert answer is not None, "the answer is missing"
        likeness.check(json.loads(answer.text), demo.graphql(request, json.loads(likeness.request(given))))
        return
    if block.language == "js":
        output = demo.node(request)
    elif programs := make_targets(block.text):
        assert programs <= known_targets(), f"no such target: {programs - known_targets()}"
        # `make run` is what started the demo.
        output = demo.printed
    else:
        assert {shlex.split(line)[0] for line in commands(block.text)} <= _PROGRAMS
        output = demo.shell(request)
    if answer is None:
        return
    if answer.language == "json":
        likeness.check(json.loads(answer.text), json.loads(output))
    else:
        likeness.check(answer.text.strip(), output.strip())
