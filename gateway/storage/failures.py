"""Errors of the database: it is unreachable, it refuses a value, or something unexpected happened.

No error that leaves this module contains a value of a row: drivers repeat values in their messages, and messages are
logged.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import asyncpg
import structlog
from sqlalchemy.exc import DBAPIError

from gateway.errors import Unavailable

log = structlog.get_logger(__name__)

# Serialization failure and deadlock: the database asks to run the same transaction again.
_RETRYABLE_STATES: Final = frozenset({"40001", "40P01"})
# 08 connection, 53 out of resources, 57 operator intervention, 58 system error, 3D no such database, 28 login;
# 25006 is a primary that became a replica, 55P03 a lock that was not to be had in the server's own time.
_OUTAGE_STATES: Final = ("08", "53", "57", "58", "3D", "28", "25006", "55P03")
_OUTAGE_NAMES: Final = (
    "SQLITE_BUSY",
    "SQLITE_LOCKED",
    "SQLITE_FULL",
    "SQLITE_IOERR",
    "SQLITE_READONLY",
    "SQLITE_CANTOPEN",
    "SQLITE_PROTOCOL",
)
# The second of one that the server has said to end, until that end arrives.
_OF_CONNECTION: Final = (asyncpg.InterfaceError, asyncpg.InternalClientError)
# Messages of this class name tables and columns only.
_NAMES_ONLY: Final = "42"


class RetryTransaction(Exception):
    """The database asks to run the same transaction again."""


class LockNotAvailable(Unavailable):
    """A statement waited for someone else's lock for as long as it is allowed to."""


class StatementFailed(Exception):
    """The database refused a statement, for a reason that is no outage."""


class ConstraintViolated(StatementFailed):
    """A constraint of a table stood against it."""

    def __init__(self, message: str, *, is_unique: bool, is_foreign_key: bool) -> None:
        super().__init__(message)
        self.is_unique = is_unique
        self.is_foreign_key = is_foreign_key


def driver_error(error: BaseException) -> BaseException:
    """What the driver raised, where SQLAlchemy has wrapped it."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig.__cause__ or error.orig
    return error


@contextmanager
def translated(statement: str | None = None) -> Iterator[None]:
    """Raises Unavailable, RetryTransaction, ConstraintViolated or StatementFailed in place of others' errors.

    `statement` is what runs on the driver itself; SQLAlchemy's errors know theirs.
    """
    try:
        yield
    except DBAPIError as error:
        # Without a statement it is the connecting that failed.
        is_lost = error.connection_invalidated or error.statement is None
        raise _failure(driver_error(error), error.statement, is_lost=is_lost).with_traceback(
            error.__traceback__
        ) from None
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, sqlite3.Error) as error:
        # The traceback shows the place; the error's own text, and its causes', can hold values.
        raise _failure(error, statement, is_lost=False).with_traceback(error.__traceback__) from None
    except (OSError, TimeoutError) as error:
        log.error("database.unavailable", cause=type(error).__name__)
        raise Unavailable from None


def _failure(cause: Any, statement: str | None, *, is_lost: bool) -> Exception:
    failure = _translate(cause, statement, is_lost=is_lost)
    if isinstance(failure, Unavailable):
        log.error("database.unavailable", cause=_describe(cause, statement))
    return failure


def _translate(cause: Any, statement: str | None, *, is_lost: bool) -> Exception:
    """`cause` is the driver's own error."""
    state, name = _state(cause), _sqlite_name(cause)
    # What asyncpg has prepared has other columns since a migration.
    if state in _RETRYABLE_STATES or isinstance(cause, asyncpg.InvalidCachedStatementError):
        return RetryTransaction()
    if state.startswith(_OUTAGE_STATES) or name.startswith(_OUTAGE_NAMES):
        return Unavailable()
    if state.startswith("23") or name.startswith("SQLITE_CONSTRAINT"):
        return ConstraintViolated(
            _describe(cause, statement),
            is_unique=state == "23505" or name in ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"),
            is_foreign_key=state == "23503" or name == "SQLITE_CONSTRAINT_FOREIGNKEY",
        )
    # asyncpg's own errors of the connection carry no SQLSTATE; nor do those of values that do not fit.
    is_of_connection = isinstance(cause, _OF_CONNECTION) and not isinstance(cause, ValueError)
    return Unavailable() if is_lost or is_of_connection else StatementFailed(_describe(cause, statement))


def _state(cause: Any) -> str:
    return getattr(cause, "sqlstate", None) or ""


def _sqlite_name(cause: Any) -> str:
    return getattr(cause, "sqlite_errorname", "")


def _describe(cause: Any, statement: str | None) -> str:
    state = _state(cause)
    parts = [type(cause).__name__]
    if state:
        parts += [state, *filter(None, (getattr(cause, "constraint_name", None), getattr(cause, "table_name", None)))]
    if _sqlite_name(cause) or state.startswith(_NAMES_ONLY):
        parts.append(str(cause))
    return f"{' '.join(parts)} in: {statement}" if statement else " ".join(parts)
