"""The documentation says what is so: its examples are run, its links lead somewhere, its lists are complete."""

from __future__ import annotations

import ast
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
from gateway.http.graphql import errors as graphql_errors
from gateway.http import openapi
from gateway.http.rest import ROUTES
from gateway.settings import PREFIX, Settings
from schema.enums import UserErrorCode
from tests.components import require_program
from tests.documentation import ROOT, Block, Likeness, anchors, blocks, links, pages, prose

ARCHITECTURE: Final = ROOT / "ARCHITECTURE.md"
CLIENTS: Final = ROOT / "docs/clients"
DECISIONS: Final = ROOT / "docs/decisions"
# Written for the whole product: it names settings that are still to come.
CONTRACT: Final = ROOT / "contract"

_RUN: Final = {"graphql", "sh", "js"}
_ANSWERS: Final = {"json", "text"}
_PROGRAMS: Final = {"curl", "gateway"}
_SECONDS: Final = 60


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


# -- examples


class Demo:
    """The service as `make run` starts it, and what it printed."""

    def __init__(self, printed: str, folder: Path, environment: dict[str, str]) -> None:
        self.printed = printed
        self.address = re.findall(r"^GraphQL +(\S+)/graphql$", printed, re.M)[0]
        self._folder = folder
        self._environment = environment

    def shell(self, command: str) -> str:
        return self._output(["bash", "-ec", command])

    def node(self, program: str) -> str:
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

    def _output(self, command: list[str]) -> str:
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=self._folder, env=self._environment, timeout=_SECONDS
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


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted(CLIENTS.glob("*.md"))], ids=_name)
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
                raise AssertionError(f"{_name(page)}:{block.line}: {error}") from error


def _below(all_blocks: list[Block], position: int) -> list[Block]:
    """The variables and the answer that belong to a block."""
    if all_blocks[position].language not in _RUN:
        return []
    rest = iter(all_blocks[position + 1 :])
    found = []
    for block in rest:
        if block.language not in _ANSWERS | {"json variables"}:
            break
        found.append(block)
        if block.language in _ANSWERS:
            break
    return found


def _check(demo: Demo, likeness: Likeness, block: Block, below: list[Block]) -> None:
    assert block.language in _RUN, f"a block of {block.language!r} that is not run needs a reason"
    answer = next((each for each in below if each.language in _ANSWERS), None)
    given = next((each.text for each in below if each.language == "json variables"), "null")
    request = likeness.request(block.text)
    if block.language == "graphql":
        assert answer is not None, "the answer is missing"
        likeness.check(json.loads(answer.text), demo.graphql(request, json.loads(likeness.request(given))))
        return
    if block.language == "js":
        output = demo.node(request)
    elif programs := _make_targets(block.text):
        assert programs <= _known_targets(), f"no such target: {programs - _known_targets()}"
        # `make run` is what started the demo.
        output = demo.printed
    else:
        assert {shlex.split(line)[0] for line in _commands(block.text)} <= _PROGRAMS
        output = demo.shell(request)
    if answer is None:
        return
    if answer.language == "json":
        likeness.check(json.loads(answer.text), json.loads(output))
    else:
        likeness.check(answer.text.strip(), output.strip())


def _commands(text: str) -> list[str]:
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip() and not line.startswith("#")]


def _make_targets(text: str) -> set[str]:
    words = [[word for word in shlex.split(line) if "=" not in word] for line in _commands(text)]
    return {target for line in words if line[0] == "make" for target in line[1:]}


def _known_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))


# -- what pages refer to


@pytest.mark.parametrize("page", pages(), ids=_name)
def test_links(page: Path) -> None:
    broken = []
    for path, anchor in links(page):
        target = page if not path else (page.parent / path).resolve()
        if not target.exists() or (anchor and (target.suffix != ".md" or anchor not in anchors(target))):
            broken.append(f"{path}#{anchor}" if anchor else path)
    assert not broken


@pytest.mark.parametrize("page", pages(), ids=_name)
def test_make_targets(page: Path) -> None:
    named = set(re.findall(r"`make ([a-z-]+)", prose(page)))
    for block in blocks(page):
        if block.language == "sh":
            named |= _make_targets(block.text)
    assert named <= _known_targets()


@pytest.mark.parametrize("page", [page for page in pages() if CONTRACT not in page.parents], ids=_name)
def test_settings_that_are_named(page: Path) -> None:
    named = set(re.findall(rf"\b{PREFIX}[A-Z_]*[A-Z]", page.read_text()))
    assert named <= {PREFIX + name.upper() for name in Settings.model_fields}


def test_pages_that_the_code_names() -> None:
    """Comments name pages, as docs/decisions/0003 and contract/rest.md, 'Bodies'."""
    broken = []
    for path in _modules():
        text = re.sub(r"\n *#? *", " ", path.read_text())
        for page in re.findall(r"\b(?:docs/[\w/.-]*\w|[A-Z]+\.md)", text):
            if not list(ROOT.glob(page if page.endswith(".md") else f"{page}-*.md")):
                broken.append(f"{_name(path)}: {page}")
        for page, heading in re.findall(r"\b(contract/\w+\.md)(?:, '([^']+)')?", text):
            target = ROOT / page
            if not target.exists() or (heading and heading.lower().replace(" ", "-") not in anchors(target)):
                broken.append(f"{_name(path)}: {page} {heading}")
    assert not broken


# -- lists that must be complete


def _modules() -> list[Path]:
    return sorted(path for room in ("gateway", "schema") for path in (ROOT / room).rglob("*.py"))


def _map() -> set[str]:
    """The files of the tree in ARCHITECTURE.md: a name and two spaces, or several names and two spaces."""
    (tree,) = (block.text for block in blocks(ARCHITECTURE) if block.language == "text" and "gateway/" in block.text)
    found: set[str] = set()
    folders: list[str] = []
    for line in tree.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        names = re.split(r" {2,}", line.strip())[0].split(" ")
        for name in names:
            path = "/".join([*folders[:depth], name.rstrip("/")])
            found.add(path)
            if name.endswith("/"):
                folders[depth:] = [name.rstrip("/")]
    return found


def test_the_map_is_complete() -> None:
    mapped = _map()
    assert sorted(path for path in mapped if not (ROOT / path).exists()) == []
    # An empty `__init__.py`, or one that only says what its folder is, is the folder's line.
    files = {_name(path.parent if path.name == "__init__.py" else path) for path in _modules()}
    migrations = {path for path in files if "/versions" in path}
    assert sorted(files - migrations - mapped) == []


def test_names_in_the_architecture() -> None:
    """The walks and the promises name classes and functions: all of them exist."""
    known = set()
    for path in _modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                known.add(node.name)
            if isinstance(node, ast.ClassDef):
                known |= {f"{node.name}.{name}" for name in _members(node)}
    text = prose(ARCHITECTURE)
    walks = text[text.index("## Two walks") : text.index("## To change something")]
    # Names of this code, not of the libraries: `Class`, `Class.method`, `function()`.
    named = set(re.findall(r"`(_?[A-Z]\w*[a-z]\w*(?:\.\w+)?)`", walks)) | set(re.findall(r"`(\w+)\(\)`", walks))
    assert len(named) > 40
    assert sorted(named - known) == []


def _members(node: ast.ClassDef) -> set[str]:
    """Methods, fields, and what `__init__` sets."""
    found = {each.name for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    found |= {each.target.id for each in node.body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)}
    return found | {
        each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == "self"
    }


def _first_column(page: Path, heading: str) -> list[str]:
    section = page.read_text().partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", section, re.M)


def test_error_codes() -> None:
    constants = {value for name, value in vars(graphql_errors).items() if name.isupper() and isinstance(value, str)}
    codes = constants | set(graphql_errors._CODES.values())
    assert sorted(_first_column(CLIENTS / "errors.md", "## Errors of the operation")) == sorted(codes)


def test_user_error_codes() -> None:
    documented = _first_column(CLIENTS / "errors.md", "## User errors")
    assert sorted(documented) == sorted(code.name for code in UserErrorCode)


def test_each_rest_endpoint_has_its_twin() -> None:
    text = (CLIENTS / "from-rest.md").read_text()
    for route in ROUTES:
        assert route.path.replace("{place}", "{project_id}" if route.is_project else "{environment_id}") in text
    headings = re.findall(r"^## .*\((GET|POST|PUT|PATCH|DELETE)(?: one)?\)$", text, re.M)
    operations = {method for path in openapi._document()["paths"].values() for method in path if method != "parameters"}
    assert {each.lower() for each in headings} == operations


def test_decisions_are_numbered_and_listed() -> None:
    decisions = sorted(path for path in DECISIONS.glob("*.md") if path.name != "README.md")
    assert [path.name[:4] for path in decisions] == [f"{number:04}" for number in range(1, len(decisions) + 1)]
    listed = [path for path, _ in links(DECISIONS / "README.md") if re.match(r"\d{4}-", path)]
    assert listed == [path.name for path in decisions]
    for path in decisions:
        headings = re.findall(r"^## (.+)$", path.read_text(), re.M)
        assert headings == ["What", "Why", "What else was looked at", "Consequences"], path.name
