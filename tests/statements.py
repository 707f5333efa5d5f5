"""Counts the SQL statements of a block: what grows with a request's size is found here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from gateway.storage.connections import PostgreSQLConnection, SQLiteConnection


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """What every database of this process is sent, statement by statement; BEGIN and its like left out.

    A visit to SQLite counts as one, whatever it reads there: what costs is to go there.
    """
    sent: list[str] = []

    def record(_: Any, __: Any, statement: str, *___: Any) -> None:
        # When a key was last used is written at most once an hour, whenever that is.
        if not statement.startswith(("BEGIN", "UPDATE api_keys SET last_used_at")):
            sent.append(statement)

    def recording(fetch: Any) -> Any:
        async def fetch_and_record(connection: Any, statement: str, arguments: Any) -> Any:
            record(None, None, statement)
            return await fetch(connection, statement, arguments)

        return fetch_and_record

    async def visit_and_record(connection: Any, work: Any, *, writes: bool = False) -> Any:
        statements: list[str] = []

        def record_and_work(fetch: Any) -> Any:
            return work(lambda statement, arguments: (statements.append(statement), fetch(statement, arguments))[1])

        try:
            return await visit(connection, record_and_work, writes=writes)
        finally:
            record(None, None, "; ".join(statements))

    # Most statements are SQLAlchemy's to write and the driver's to run.
    kinds = [PostgreSQLConnection, SQLiteConnection]
    originals = [kind.fetch for kind in kinds]
    visit = SQLiteConnection.visit
    event.listen(Engine, "before_cursor_execute", record)
    for kind in kinds:
        kind.fetch = recording(kind.fetch)  # type: ignore[method-assign]
    SQLiteConnection.visit = visit_and_record  # type: ignore[method-assign,assignment]
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", record)
        for kind, original in zip(kinds, originals, strict=True):
            kind.fetch = original  # type: ignore[method-assign]
        SQLiteConnection.visit = visit  # type: ignore[method-assign]
