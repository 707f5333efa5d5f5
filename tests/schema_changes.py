"""The schema against that of the last release, for the makefile.

`make schema-changes` fails on a breaking change that CHANGELOG.md does not announce: in its section of
unreleased changes stands the coordinate of what changed, in backticks, as `Type.field`. `make release-schema`
takes the schema as that of the release, when the section is empty again.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
from graphql import GraphQLSchema, build_schema, find_breaking_changes, find_dangerous_changes

_ROOT: Final = Path(__file__).parents[1]
SCHEMA: Final = _ROOT / "schema.graphql"
RELEASED: Final = _ROOT / "contract/released.graphql"
CHANGELOG: Final = _ROOT / "CHANGELOG.md"
_UNRELEASED: Final = re.compile(r"^## \[Unreleased\]\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
# As descriptions begin: with the part of a type or the directive, or with the type itself.
_COORDINATE: Final = re.compile(r"(?:.*?(?=@|\b\w+\.\w))?(@?\w+(?:\.\w+)?(?:\(\w+:\))?)")


@dataclass(frozen=True)
class Breaking:
    """`coordinate` is that of the specification, as `Query.project(id:)`."""

    coordinate: str
    description: str


def breaking(released: GraphQLSchema, now: GraphQLSchema) -> list[Breaking]:
    found = []
    for change in find_breaking_changes(released, now):
        match = _COORDINATE.match(change.description)
        assert match is not None, change.description
        found.append(Breaking(match[1], change.description))
    return found


def unreleased(changelog: str) -> str:
    """The lines of the section without its headings."""
    section = _UNRELEASED.search(changelog)
    if section is None:
        raise click.ClickException("CHANGELOG.md has no section [Unreleased].")
    return "\n".join(line for line in section[1].splitlines() if line.strip() and not line.startswith("#"))


def unannounced(changes: list[Breaking], changelog: str) -> list[Breaking]:
    named = set(re.findall(r"`([^`\n]+)`", unreleased(changelog)))
    return [change for change in changes if change.coordinate not in named]


@click.group()
def main() -> None:
    """What changed since the last release."""


@main.command()
def check() -> None:
    """Prints dangerous and breaking changes; the exit code is 1 where one is breaking and not announced."""
    released, now = build_schema(RELEASED.read_text()), build_schema(SCHEMA.read_text())
    for change in find_dangerous_changes(released, now):
        click.echo(f"Dangerous: {change.description}")
    changes = breaking(released, now)
    missing = unannounced(changes, CHANGELOG.read_text())
    for each in changes:
        announced = "not announced" if each in missing else "announced"
        click.echo(f"Breaking, {announced}: {each.description}", err=each in missing)
    if missing:
        names = ", ".join(f"`{each.coordinate}`" for each in missing)
        click.echo(
            f"Clients would break. Keep what was there, or name under [Unreleased] in CHANGELOG.md: {names}", err=True
        )
        sys.exit(1)


@main.command()
def release() -> None:
    """Takes the schema as that of the release that CHANGELOG.md now has a section for."""
    if unreleased(CHANGELOG.read_text()):
        raise click.ClickException("CHANGELOG.md has unreleased changes: give them the version's heading first.")
    RELEASED.write_text(SCHEMA.read_text())


if __name__ == "__main__":
    main()
