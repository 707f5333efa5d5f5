"""The check of `make schema-changes`: what breaks clients has to be announced."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from graphql import BreakingChangeType, build_schema, find_breaking_changes

from tests import schema_changes
from tests.schema_changes import breaking

RELEASED = """
directive @note(text: String, by: String) repeatable on FIELD | QUERY
directive @gone on FIELD
interface Named { name: String }
union Item = Folder | Link
enum Surface { WEB DESKTOP }
input Filter { surface: Surface }
type Folder implements Named { name: String path(absolute: Boolean, root: String): String! }
type Link { url: String }
scalar Url
type Old { id: ID }
type Query { folders(filter: Filter): [Folder!]! item: Item old: Old url: Url }
"""
# One edit of RELEASED for each kind of breaking change, and the coordinate of what it changes.
BREAKING = {
    BreakingChangeType.TYPE_REMOVED: ("scalar Url", "", "Url"),
    BreakingChangeType.TYPE_CHANGED_KIND: ("type Old {", "interface Old {", "Old"),
    BreakingChangeType.TYPE_REMOVED_FROM_UNION: ("Folder | Link", "Folder", "Link"),
    BreakingChangeType.VALUE_REMOVED_FROM_ENUM: ("WEB DESKTOP", "WEB", "Surface.DESKTOP"),
    BreakingChangeType.REQUIRED_INPUT_FIELD_ADDED: (
        "surface: Surface }",
        "surface: Surface path: String! }",
        "Filter.path",
    ),
    BreakingChangeType.IMPLEMENTED_INTERFACE_REMOVED: ("Folder implements Named", "Folder", "Folder"),
    BreakingChangeType.FIELD_REMOVED: (" item: Item", "", "Query.item"),
    BreakingChangeType.FIELD_CHANGED_KIND: (": String! }", ": String }", "Folder.path"),
    BreakingChangeType.REQUIRED_ARG_ADDED: ("(filter: Filter", "(filter: Filter top: Int!", "Query.folders(top:)"),
    BreakingChangeType.ARG_REMOVED: (", root: String", "", "Folder.path(root:)"),
    BreakingChangeType.ARG_CHANGED_KIND: ("absolute: Boolean", "absolute: Boolean!", "Folder.path(absolute:)"),
    BreakingChangeType.DIRECTIVE_REMOVED: ("directive @gone on FIELD", "", "@gone"),
    BreakingChangeType.DIRECTIVE_ARG_REMOVED: (", by: String", "", "@note(by:)"),
    BreakingChangeType.REQUIRED_DIRECTIVE_ARG_ADDED: (
        "by: String",
        "by: String, at: String!",
        "@note(at:)",
    ),
    BreakingChangeType.DIRECTIVE_REPEATABLE_REMOVED: (" repeatable", "", "@note"),
    BreakingChangeType.DIRECTIVE_LOCATION_REMOVED: ("FIELD | QUERY", "FIELD", "@note"),
}


def test_all_kinds_of_breaking_changes_are_here() -> None:
    assert set(BREAKING) == set(BreakingChangeType)


@pytest.mark.parametrize("kind", BREAKING, ids=lambda kind: kind.name)
def test_coordinates(kind: BreakingChangeType) -> None:
    before, after, coordinate = BREAKING[kind]
    assert before in RELEASED
    released = build_schema(RELEASED)
    # A type that goes cannot still be used.
    now = build_schema(RELEASED.replace(before, after).replace(" url: Url", "" if coordinate == "Url" else " url: Url"))
    changes = find_breaking_changes(released, now)
    found = {
        change.coordinate for change, each in zip(breaking(released, now), changes, strict=True) if each.type is kind
    }
    assert found == {coordinate}


# -- the commands


class Files:
    def __init__(self, folder: Path) -> None:
        self.released = folder / "released.graphql"
        self.now = folder / "schema.graphql"
        self.changelog = folder / "CHANGELOG.md"
        self.released.write_text(RELEASED)
        self.now.write_text(RELEASED)
        self.changelog.write_text("# Changelog\n\n## [Unreleased]\n")

    def edit(self, before: str, after: str) -> None:
        assert before in RELEASED
        self.now.write_text(RELEASED.replace(before, after))

    def announce(self, *lines: str) -> None:
        self.changelog.write_text("\n".join(["# Changelog", "", *lines, ""]))

    def run(self, command: str) -> Result:
        return CliRunner().invoke(schema_changes.main, [command])


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    files = Files(tmp_path)
    monkeypatch.setattr(schema_changes, "RELEASED", files.released)
    monkeypatch.setattr(schema_changes, "SCHEMA", files.now)
    monkeypatch.setattr(schema_changes, "CHANGELOG", files.changelog)
    return files


def test_no_change_passes(files: Files) -> None:
    result = files.run("check")
    assert (result.exit_code, result.output) == (0, "")


def test_a_breaking_change_that_is_not_announced_fails(files: Files) -> None:
    files.edit(" item: Item", "")
    files.announce("## [Unreleased]", "- The field `Query.items` is gone; so is item, and `Query`.")
    result = files.run("check")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "Breaking, not announced: Field Query.item was removed.",
        "Clients would break. Keep what was there, or name under [Unreleased] in CHANGELOG.md: `Query.item`",
    ]


def test_an_announced_one_passes(files: Files) -> None:
    files.edit(" item: Item", "")
    files.announce("## [Unreleased]", "### Removed", "- `Query.item`: use `Query.folders`.", "## [1.0.0]")
    result = files.run("check")
    assert (result.exit_code, result.output) == (0, "Breaking, announced: Field Query.item was removed.\n")


def test_what_an_earlier_release_announced_does_not_count(files: Files) -> None:
    files.edit(" item: Item", "")
    files.announce("## [Unreleased]", "## [1.0.0]", "- `Query.item` is gone.")
    assert files.run("check").exit_code == 1


def test_each_breaking_change_has_to_be_announced(files: Files) -> None:
    files.edit(" item: Item old: Old", "")
    files.announce("## [Unreleased]", "- `Query.item` is gone.")
    result = files.run("check")
    assert result.exit_code == 1
    assert result.stdout == "Breaking, announced: Field Query.item was removed.\n"
    assert result.stderr.splitlines()[0] == "Breaking, not announced: Field Query.old was removed."


def test_an_addition_passes(files: Files) -> None:
    files.edit("old: Old", "old: Old new: String")
    result = files.run("check")
    assert (result.exit_code, result.output) == (0, "")


def test_a_dangerous_change_is_printed(files: Files) -> None:
    files.edit("WEB DESKTOP", "WEB DESKTOP MOBILE")
    result = files.run("check")
    assert (result.exit_code, result.output) == (0, "Dangerous: Enum value Surface.MOBILE was added.\n")


def test_a_changelog_without_the_section_fails(files: Files) -> None:
    files.announce("## [1.0.0]")
    result = files.run("check")
    assert (result.exit_code, result.stderr) == (1, "Error: CHANGELOG.md has no section [Unreleased].\n")


def test_the_schema_of_a_release_is_taken_when_the_changelog_has_a_section_for_it(files: Files) -> None:
    files.edit(" item: Item", "")
    files.announce("## [Unreleased]", "### Removed", "- `Query.item`.")
    assert files.run("release").exit_code == 1
    assert files.released.read_text() == RELEASED
    files.announce("## [Unreleased]", "## [2.0.0]", "### Removed", "- `Query.item`.")
    assert files.run("check").exit_code == 1
    assert files.run("release").exit_code == 0
    assert files.released.read_text() == files.now.read_text()
    assert files.run("check").exit_code == 0
