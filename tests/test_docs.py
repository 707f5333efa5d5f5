"""The documentation says what is so: its links lead somewhere, its lists are complete. Its examples are run elsewhere."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

from gateway.http import openapi
from gateway.http.graphql import errors as graphql_errors
from gateway.http.rest import ROUTES
from gateway.settings import PREFIX, Settings
from schema.enums import UserErrorCode
from tests.documentation import ROOT, anchors, blocks, known_targets, links, make_targets, page_name, pages, prose

ARCHITECTURE: Final = ROOT / "ARCHITECTURE.md"
REQUEST: Final = ROOT / "docs/how-a-request-is-answered.md"
CLIENTS: Final = ROOT / "docs/clients"
DECISIONS: Final = ROOT / "docs/decisions"


# -- what pages refer to


@pytest.mark.parametrize("page", pages(), ids=page_name)
def test_links(page: Path) -> None:
    broken = []
    for path, anchor in links(page):
        target = page if not path else (page.parent / path).resolve()
        if not target.exists() or (anchor and (target.suffix != ".md" or anchor not in anchors(target))):
            broken.append(f"{path}#{anchor}" if anchor else path)
    assert not broken


@pytest.mark.parametrize("page", pages(), ids=page_name)
def test_make_targets(page: Path) -> None:
    named = set(re.findall(r"`make ([a-z-]+)", prose(page)))
    for block in blocks(page):
        if block.language == "sh":
            named |= make_targets(block.text)
    assert named <= known_targets()


@pytest.mark.parametrize("page", pages(), ids=page_name)
def test_settings_that_are_named(page: Path) -> None:
    named = set(re.findall(rf"\b{PREFIX}[A-Z_]*[A-Z]", page.read_text()))
    assert named <= {PREFIX + name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize("page", pages(), ids=page_name)
def test_files_that_are_named(page: Path) -> None:
    named = re.findall(r"`((?:gateway|schema|tests|benchmarks|docs|contract|examples)/[\w./-]+)`", prose(page))
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_pages_that_the_code_names() -> None:
    """Comments name pages, as docs/decisions/0003 and contract/rest.md, 'Bodies'."""
    broken = []
    for path in _modules():
        text = re.sub(r"\n *#? *", " ", path.read_text())
        for page in re.findall(r"\b(?:docs/[\w/.-]*\w|[A-Z]+\.md)", text):
            found = ROOT.glob(page if page.endswith(".md") else f"{page}-*.md")
            broken += [] if any(found) else [f"{page_name(path)}: {page}"]
        for page, heading in re.findall(r"\b(contract/\w+\.md)(?:, '([^']+)')?", text):
            target = ROOT / page
            start = heading.lower().replace(" ", "-")
            if not target.exists() or not any(anchor.startswith(start) for anchor in anchors(target)):
                broken.append(f"{page_name(path)}: {page} {heading}")
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
    files = {page_name(path.parent if path.name == "__init__.py" else path) for path in _modules()}
    migrations = {path for path in files if "/versions" in path}
    assert sorted(files - migrations - mapped) == []


@pytest.mark.parametrize("page", [ARCHITECTURE, REQUEST], ids=page_name)
def test_names_of_classes_and_functions(page: Path) -> None:
    """All that are named exist."""
    known = set()
    for path in _modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                known.add(node.name)
            if isinstance(node, ast.ClassDef):
                known |= {f"{node.name}.{name}" for name in _members(node)}
    text = prose(page)
    # Names of this code, not of the libraries: `Class`, `Class.method`, `function()`.
    named = set(re.findall(r"`(_?[A-Z]\w*[a-z]\w*(?:\.\w+)?)`", text)) | set(re.findall(r"`(\w+)\(\)`", text))
    assert len(named) > 40
    assert sorted(named - known) == []


def _members(node: ast.ClassDef) -> set[str]:
    """Methods, fields, and what `__init__` sets."""
    found = {each.name for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    found |= {
        each.target.id for each in node.body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    }
    return found | {
        each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == "self"
    }


def _first_column(page: Path, heading: str) -> list[str]:
    section = page.read_text().partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([A-Z_]+)` \|", section, re.MULTILINE)


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
    headings = re.findall(r"^## .*\((GET|POST|PUT|PATCH|DELETE)(?: one)?\)$", text, re.MULTILINE)
    operations = {method for path in openapi._document()["paths"].values() for method in path if method != "parameters"}
    assert {each.lower() for each in headings} == operations


def test_decisions_are_numbered_and_listed() -> None:
    decisions = sorted(path for path in DECISIONS.glob("*.md") if path.name != "README.md")
    assert [path.name[:4] for path in decisions] == [f"{number:04}" for number in range(1, len(decisions) + 1)]
    listed = [path for path, _ in links(DECISIONS / "README.md") if re.match(r"\d{4}-", path)]
    assert listed == [path.name for path in decisions]
    for path in decisions:
        headings = re.findall(r"^## (.+)$", path.read_text(), re.MULTILINE)
        assert headings == ["What", "Why", "What else was looked at", "Consequences"], path.name
