"""Counts the SQL statements of a block: what grows with a request's size is found here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """The statements of every database of this process, as they are sent; BEGIN and its like left out."""
    sent: list[str] = []

    def record(_: Any, __: Any, statement: str, *___: Any) -> None:
        # When a key was last used is written at most once an hour, whenever that is.
        if not statement.startswith(("BEGIN", "UPDATE api_keys SET last_used_at")):
            sent.append(statement)

    event.listen(Engine, "before_cursor_execute", record)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", record)
