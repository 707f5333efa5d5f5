"""Statements that are written in SQLAlchemy Core, compiled once, and run on the driver itself.

SQLAlchemy takes several times what the driver needs around a statement, most of it for what is the
same each time: the text, the order of parameters, how columns are read (docs/decisions/0016).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias
from uuid import UUID

import orjson
from asyncpg.pgproto import pgproto
from sqlalchemy import ClauseElement, ColumnElement, Dialect, Text, TypeDecorator, Uuid, bindparam, func, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.compiler import SQLCompiler

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"

DriverRow: TypeAlias = Sequence[Any]
"""As the driver returns it: asyncpg's Record, or a tuple of SQLite's."""

FetchNow: TypeAlias = Callable[[str, Sequence[Any]], Sequence[DriverRow]]
"""All rows of a statement, without anything to await."""

Read: TypeAlias = Callable[[DriverRow], Sequence[Any]]


class Prepared:
    """A statement for one dialect; its parameters are the `bindparam`s in it, by name."""

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        processors: Any = compiled._bind_processors
        self.text = compiled.string
        self._parameters = [
            (name, compiled.binds[name].value, processors.get(name)) for name in compiled.positiontup or ()
        ]
        self._converters = [_converter(column.type, dialect) for column in compiled._result_columns]

    def arguments(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """In the order of the statement's parameters, as the driver takes them."""
        found = []
        for name, constant, convert in self._parameters:
            value = values.get(name, constant)
            found.append(value if convert is None else convert(value))
        return tuple(found)

    def run(self, fetch: FetchNow, **values: Any) -> Sequence[DriverRow]:
        return fetch(self.text, self.arguments(values))

    def reader(self, start: int = 0, stop: int | None = None) -> Read:
        """A function that reads these columns of a row as Python values."""
        columns = slice(start, stop)
        converters = [(i, convert) for i, convert in enumerate(self._converters[columns]) if convert is not None]
        if not converters:
            return lambda row: row[columns]

        def read(row: DriverRow) -> Sequence[Any]:
            values = list(row[columns])
            for i, convert in converters:
                if values[i] is not None:
                    values[i] = convert(values[i])
            return values

        return read


def any_of(column: ColumnElement[Any], name: str, dialect: str) -> ColumnElement[bool]:
    """`column IN (...)` with one parameter for all values, so the statement's text does not depend on their number."""
    if dialect == POSTGRESQL:
        return column == func.any(bindparam(name, type_=postgresql.ARRAY(column.type)))
    values = func.json_each(bindparam(name, type_=_JsonList())).table_valued("value")
    return column.in_(select(values.c.value))


class _JsonList(TypeDecorator[Any]):
    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, _: Dialect) -> Any:
        # SQLite holds ids without hyphens.
        return orjson.dumps([each.hex if isinstance(each, UUID) else each for each in value]).decode()


def _converter(kind: Any, dialect: Dialect) -> Callable[[Any], Any] | None:
    convert: Callable[[Any], Any] | None = kind.dialect_impl(dialect).result_processor(dialect, None)
    return parse_uuid if convert is not None and isinstance(kind, Uuid) else convert


def parse_uuid(text: str) -> UUID:
    # asyncpg's is a `uuid.UUID` that is made and printed in C: a tenth of the time.
    return pgproto.UUID(text)
