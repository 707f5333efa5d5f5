"""How the database fails: it is gone, it refuses a value, or it does what nobody expected.

No failure that leaves here holds a value of a row: drivers repeat them in their messages, and
messages go to the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from gateway.errors import Unavailable

log = structlog.get_logger(__name__)

# Serialization failure and deadlock: the database asks to run the same transaction again.
_RETRYABLE_STATES: Final = frozenset({"40001", "40P01"})
# 08 connection, 53 out of resources, 57 operator intervention, 3D no such database, 28 login;
# 25006 is a primary that became a replica.
_OUTAGE_STATES: Final = ("08", "53", "57", "3D", "28", "25006")
_OUTAGE_NAMES: Final = (
    "SQLITE_BUSY",
    "SQLITE_LOCKED",
    "SQLITE_FULL",
    "SQLITE_IOERR",
    "SQLITE_READONLY",
    "SQLITE_CANTOPEN",
    "SQLITE_PROTOCOL",
)
# Messages of this class name tables and columns only.
_NAMES_ONLY: Final = "42"


class RetryTransaction(Exception):
    """The database asks to run the same transaction again."""


class StatementFailed(Exception):
    """The database refused a statement, for a reason that is no outage."""


class ConstraintViolated(StatementFailed):
    """A constraint of a table stood against it."""

    def __init__(self, message: str, *, is_unique: bool, is_foreign_key: bool) -> None:
        super().__init__(message)
        self.is_unique = is_unique
        self.is_foreign_key = is_foreign_key


@contextmanager
def translated() -> Iterator[None]:
    """Raises Unavailable, RetryTransaction, ConstraintViolated or StatementFailed in place of SQLAlchemy's errors."""
    try:
        yield
    except DBAPIError as error:
        failure = _translate(error)
        if isinstance(failure, Unavailable):
            log.error("database.unavailable", cause=_describe(error))
        # The traceback shows the place; the error's own text, and its causes', can hold values.
        raise failure.with_traceback(error.__traceback__) from None
    except (PoolTimeoutError, OSError, TimeoutError) as error:
        log.error("database.unavailable", cause=type(error).__name__)
        raise Unavailable from None


def _translate(error: DBAPIError) -> Exception:
    state, name = _state(error), _sqlite_name(error)
    if state in _RETRYABLE_STATES:
        return RetryTransaction()
    if state.startswith(_OUTAGE_STATES) or name.startswith(_OUTAGE_NAMES):
        return Unavailable()
    if state.startswith("23") or name.startswith("SQLITE_CONSTRAINT"):
        return ConstraintViolated(
            _describe(error),
            is_unique=state == "23505" or name in ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"),
            is_foreign_key=state == "23503" or name == "SQLITE_CONSTRAINT_FOREIGNKEY",
        )
    # asyncpg's own errors of the connection carry no SQLSTATE; nor do those of values that do not fit.
    is_of_connection = isinstance(error, InterfaceError) and not isinstance(_driver_error(error), ValueError)
    # Without a statement it is the connecting that failed.
    if error.connection_invalidated or (is_of_connection and not state) or error.statement is None:
        return Unavailable()
    return StatementFailed(_describe(error))


def _state(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


def _sqlite_name(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlite_errorname", "")


def _describe(error: DBAPIError) -> str:
    state, cause = _state(error), _driver_error(error)
    parts = [type(cause).__name__]
    if state:
        parts += [state, *filter(None, (getattr(cause, "constraint_name", None), getattr(cause, "table_name", None)))]
    if _sqlite_name(error) or state.startswith(_NAMES_ONLY):
        parts.append(str(cause))
    return f"{' '.join(parts)} in: {error.statement}" if error.statement else " ".join(parts)


def _driver_error(error: DBAPIError) -> Any:
    """asyncpg's, below SQLAlchemy's imitation of the DB API; SQLite's is the DB API's own."""
    return getattr(error.orig, "__cause__", None) or error.orig
