"""Writes docs/operators/settings.md from `gateway.settings`: `python -m tests.settings_table`."""

from __future__ import annotations

from pathlib import Path
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from gateway.settings import PREFIX, Settings

PAGE: Final = Path(__file__).parent.parent / "docs" / "operators" / "settings.md"
_INTRODUCTION: Final = """\
# Settings

<!-- Written by `make generate` from gateway/settings.py. -->

Every setting is an environment variable. All are checked when the service starts. If some are wrong, all of them are reported together, without their values, and the exit code is 2.
A variable that is empty counts as not set, and one that is not in this table is ignored.

| variable | default | takes | what it does |
| --- | --- | --- | --- |
"""
_TYPES: Final = {
    str: "text",
    SecretStr: "text, kept out of logs",
    int: "a whole number",
    float: "seconds",
    bool: "`true` or `false`",
    Path: "a path",
    list: "a JSON list",
}


def page() -> str:
    rows = "".join(_row(name, field) for name, field in Settings.model_fields.items())
    return f"{_INTRODUCTION}{rows}"


def _row(name: str, field: FieldInfo) -> str:
    cells = (f"`{PREFIX}{name.upper()}`", _default(field), _taken(field), field.description or "")
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _taken(field: FieldInfo) -> str:
    annotation: Any = field.annotation
    choices = [each for each in get_args(annotation) if each is not NoneType]
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in choices)
    if get_origin(annotation) is not list and choices:
        annotation = choices[0]
    # `int | None` and the like say the same of their first member, which may be annotated itself.
    annotation = getattr(annotation, "__origin__", annotation)
    limits = [
        f"{word} {value}"
        for attribute, word in (("ge", "at least"), ("gt", "more than"), ("le", "at most"))
        for value in (getattr(each, attribute, None) for each in field.metadata)
        if value is not None
    ]
    return ", ".join([_TYPES[annotation], *limits])


if __name__ == "__main__":
    PAGE.write_text(page())
