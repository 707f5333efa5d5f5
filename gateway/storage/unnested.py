"""Parameters as a table, on PostgreSQL: an array for each column, so a statement is the same for any number of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import TableValuedAlias, Text, bindparam, cast, column, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine


def unnested(name: str, **columns: TypeEngine[Any]) -> TableValuedAlias:
    """The parameters are `name_column`, as `arrays` writes them."""
    values = [cast(bindparam(f"{name}_{each}", type_=Text), ARRAY(kind)) for each, kind in columns.items()]
    names = [column(each, kind) for each, kind in columns.items()]
    return func.unnest(*values).table_valued(*names).render_derived(name=name)


def arrays(name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> dict[str, str]:
    """For numbers, ids and plain words; any other text must be `quoted`.

    They are sent as text, which PostgreSQL parses: for lists, asyncpg looks at each item five times.
    """
    values = zip(*rows, strict=True) if rows else [()] * len(columns)
    return {f"{name}_{each}": f"{{{','.join(map(str, found))}}}" for each, found in zip(columns, values, strict=True)}


def quoted(text: str) -> str:
    """Any text as an item of an array (PostgreSQL, 'Array Input and Output Syntax')."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
