"""Functions that are written as text. What differs from one to the next comes in as values, so that most share code."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any, Final

# Longer ones come once, from documents that were made to be long.
_MAX_KEPT_LENGTH: Final = 20_000
_INDENT: Final = "    "


def write_function(
    signature: str, lines: Iterable[str], constants: Mapping[str, Any], names: Mapping[str, Any] | None = None
) -> Any:
    """`signature` as `call(run, source)`. The lines see `constants` and the global `names`."""
    body = "\n".join(f"{_INDENT}{_INDENT}{line}" for line in lines)
    name = signature.partition("(")[0]
    source = f"def make({', '.join(constants)}):\n{_INDENT}def {signature}:\n{body}\n{_INDENT}return {name}\n"
    make = FunctionType(_compiled(source), {"__builtins__": builtins} | dict(names or {}))
    return make(*constants.values())


def _compiled(source: str) -> CodeType:
    return _kept(source) if len(source) <= _MAX_KEPT_LENGTH else _kept.__wrapped__(source)


@lru_cache(maxsize=256)
def _kept(source: str) -> CodeType:
    module = compile(source, "<plan>", "exec", dont_inherit=True)
    return next(each for each in module.co_consts if isinstance(each, CodeType))
