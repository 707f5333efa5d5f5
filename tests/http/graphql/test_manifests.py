"""`gateway documents check`, and what `gateway serve` says to a manifest that is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.http.graphql.persisted import BadManifest, load_manifest
from tests.http.graphql.test_persisted import MANIFESTS, texts
from tests.processes import gateway


def check(manifest: Any, path: Path, **settings: str) -> Result:
    path.write_text(json.dumps(manifest))
    environment = {f"GATEWAY_{name.upper()}": value for name, value in settings.items()}
    return CliRunner(env=environment).invoke(main, ["documents", "check", str(path)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "manifest.json"


@pytest.mark.parametrize("name", ["relay", "codegen", "apollo"])
async def test_what_the_tools_write_fits(name: str) -> None:
    result = await gateway("documents", "check", str(MANIFESTS / f"{name}.json"))
    assert result == (0, "All 3 documents fit.\n", "")
    assert load_manifest(MANIFESTS / f"{name}.json") == texts(name)


def test_each_wrong_document_is_named_with_all_its_errors(file: Path) -> None:
    manifest = {
        "good": "{ viewer { id } }",
        "syntax": "{ viewer {\n  id\n",
        "fields": "query A {\n  viewer { emale }\n  folders\n}",
        "complex": "{ " + "viewer { id } " * 31 + "}",
        "pages": "{ viewer { environments { nodes { persistedFolders { nodes { id } } } } } }",
        "pages by variables": "query($n: Int) { viewer { environments(first: $n) { nodes { persistedFolders { nodes { id } } } } } }",
        "empty": "",
    }
    result = check(manifest, file)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "syntax: 3:1: Syntax Error: Expected Name, found <EOF>.",
        "fields: 2:12: Cannot query field 'emale' on type 'Viewer'. Did you mean 'email'?",
        "fields: 3:3: Cannot query field 'folders' on type 'Query'. Did you mean 'nodes'?",
        "complex: The document is too complex: root fields 31, at most 30 allowed (setting GATEWAY_MAX_ROOT_FIELDS).",
        "pages: The document is too complex: nodes 10100, at most 10000 allowed (setting GATEWAY_MAX_NODES).",
        "empty: 1:1: Syntax Error: Unexpected <EOF>.",
        "5 of 7 documents do not fit.",
    ]


def test_the_limits_are_those_of_the_settings(file: Path) -> None:
    manifest = {"deep": "{ viewer { currentEnvironment { project { id } } } }"}
    assert check(manifest, file).exit_code == 0
    result = check(manifest, file, max_depth="3")
    assert result.exit_code == 1
    assert "deep: The document is too complex: depth 4, at most 3 allowed" in result.stderr
    many = {"fields": "{ " + " ".join(f"a{n}" for n in range(9)) + " }"}
    assert len(check(many, file, max_validation_errors="2").stderr.splitlines()) == 2 + 1 + 1


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        ([], "must be an object of ids and documents"),
        ("{ viewer }", "must be an object of ids and documents"),
        (None, "must be an object of ids and documents"),
        ({}, "has no documents"),
        ({"a": 1}, "the document 'a' must be a text"),
        ({"a": {"query": "{ viewer }"}}, "the document 'a' must be a text"),
        ({"": "{ viewer { id } }"}, "the id '' must be a text"),
        ({"format": "apollo-persisted-query-manifest", "version": 2, "operations": []}, "must be of version 1, with a list of operations"),
        ({"format": "apollo-persisted-query-manifest", "version": 1}, "must be of version 1, with a list of operations"),
        ({"format": "apollo-persisted-query-manifest", "version": 1, "operations": []}, "has no documents"),
        ({"format": "apollo-persisted-query-manifest", "version": 1, "operations": ["a"]},
         "each of the operations must be an object with id and body"),
        ({"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"body": "{ viewer }"}]},
         "the id None must be a text"),
        ({"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": "a"}]},
         "the document 'a' must be a text"),
        ({"format": "apollo-persisted-query-manifest", "version": 1,
          "operations": [{"id": "a", "body": "{ a }"}, {"id": "a", "body": "{ b }"}]}, "the id 'a' stands for two documents"),
    ],
)  # fmt: skip
def test_what_is_no_manifest_is_told_in_one_line(file: Path, manifest: Any, problem: str) -> None:
    result = check(manifest, file)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"{file}: {problem}\n"


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"", "is no JSON"), (b"{", "is no JSON"), (b"\xff\xfe\x00", "is no JSON"), (b"[" * 100_000, "is no JSON")],
)
def test_what_is_no_json_is_told_in_one_line(file: Path, content: bytes, problem: str) -> None:
    file.write_bytes(content)
    with pytest.raises(BadManifest) as raised:
        load_manifest(file)
    assert str(raised.value).startswith(f"{file}: {problem}")
    assert "\n" not in str(raised.value)


def test_half_a_surrogate_pair_in_a_document_is_that_documents_error(file: Path) -> None:
    result = check({"a": "{ viewer { id } } \ud800", "b": "{ viewer { id } }"}, file)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "a: 1:19: Syntax Error: Invalid character: U+D800.",
        "1 of 2 documents do not fit.",
    ]


def test_a_wrong_command_line_or_setting_is_told_apart(file: Path) -> None:
    runner = CliRunner()
    assert runner.invoke(main, ["documents", "check"]).exit_code == 2
    assert runner.invoke(main, ["documents", "check", str(file)]).exit_code == 2
    assert runner.invoke(main, ["documents", "check", str(file.parent)]).exit_code == 2
    assert check({"a": "{ viewer { id } }"}, file, max_depth="many").exit_code == 2


_BAD: Final = {"missing.json": None, "list.json": "[]", "broken.json": "{"}


@pytest.mark.parametrize("name", _BAD)
async def test_serve_tells_a_bad_manifest_and_stops(database_url: str, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if _BAD[name] is not None:
        path.write_text(_BAD[name] or "")
    result = await gateway("serve", database_url=database_url, port=0, trusted_documents=path)
    assert result.code == 1
    assert result.err.startswith(f"GATEWAY_TRUSTED_DOCUMENTS: {path}: ")
    assert len(result.err.splitlines()) == 1
