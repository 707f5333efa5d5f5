"""Compiles functions from generated source. What differs between them is passed as values, so most share code."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any, Final

# Longer ones come once, from documents that were made to be long.
_MAX_KEPT_LENGTH: Final = 20_000
_INDENT: Final = "    "
# What is written in C and imports something, as `strftime` does, looks for the import here.
BUILTINS: Final[dict[str, Any]] = {"__builtins__": builtins}


def write_function(
    signature: str, lines: Iterable[str], constants: Mapping[str, Any], names: dict[str, Any] | None = None
) -> Any:
    """`signature` is like `call(run, source)`. The lines can use `constants`, and the globals `names`.

    Pass the same object as `names` each time: the interpreter caches global lookups for each dictionary, and looking
    them up again takes longer than most of what is written.
    """
    body = "\n".join(f"{_INDENT}{_INDENT}{line}" for line in lines)
    name = signature.partition("(")[0]
    source = f"def make({', '.join(constants)}):\n{_INDENT}def {signature}:\n{body}\n{_INDENT}return {name}\n"
    return FunctionType(_compiled(source), BUILTINS if names is None else names)(*constants.values())


def _compiled(source: str) -> CodeType:
    return _kept(source) if len(source) <= _MAX_KEPT_LENGTH else _kept.__wrapped__(source)


@lru_cache(maxsize=256)
def _kept(source: str) -> CodeType:
    module = compile(source, "<plan>", "exec", dont_inherit=True)
    return next(each for each in module.co_consts if isinstance(each, CodeType))
