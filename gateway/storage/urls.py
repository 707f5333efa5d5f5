"""The URL of the database, checked before anything connects."""

from __future__ import annotations

from typing import Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from gateway.storage.statements import POSTGRESQL, SQLITE

DRIVERS: Final = {"sqlite+aiosqlite": SQLITE, "postgresql+asyncpg": POSTGRESQL}
# Those that asyncpg takes as text, and one of SQLAlchemy's.
_POSTGRESQL_OPTIONS: Final = frozenset(
    (
        "host",
        "port",
        "user",
        "password",
        "database",
        "passfile",
        "service",
        "servicefile",
        "ssl",
        "target_session_attrs",
        "krbsrvname",
        "gsslib",
        "prepared_statement_cache_size",
    )
)
_SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def parse_url(url: str) -> URL:
    """Raises ValueError that says what is wrong, without repeating the URL: it may hold a password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError("is no database URL, as sqlite+aiosqlite:///path or postgresql+asyncpg://...") from None
    if parsed.drivername not in DRIVERS:
        known = " and ".join(sorted(DRIVERS))
        raise ValueError(f"has the driver {parsed.drivername!r}; supported are {known}")
    is_sqlite = DRIVERS[parsed.drivername] == SQLITE
    if is_sqlite and (parsed.host or parsed.username):
        raise ValueError("needs three slashes before the file's path: sqlite+aiosqlite:///path")
    if not is_sqlite:
        _check_options(parsed)
    try:
        arguments, options = parsed.get_dialect()().create_connect_args(parsed)
    except (ArgumentError, ValueError):
        raise ValueError("has an option with a value that the driver does not take") from None
    if is_sqlite and _is_in_memory(arguments[0], is_uri=options.get("uri", False)):
        raise ValueError("needs a file for SQLite: connections do not share a database in memory")
    return parsed


def _check_options(url: URL) -> None:
    """Of PostgreSQL: its driver takes others too, but not as text."""
    if "sslmode" in url.query:
        raise ValueError("has the option sslmode, which asyncpg calls ssl: say ssl=require")
    if not url.query.keys() <= _POSTGRESQL_OPTIONS:
        raise ValueError(f"has an unknown option; known are {', '.join(sorted(_POSTGRESQL_OPTIONS))}")
    if url.query.get("ssl", "prefer") not in _SSL_MODES:
        raise ValueError(f"has an option ssl that is none of {', '.join(_SSL_MODES)}")


def _is_in_memory(name: str, *, is_uri: bool) -> bool:
    if not is_uri:
        return name == ":memory:"
    path, _, options = name.removeprefix("file:").partition("?")
    return path in ("", ":memory:") or "mode=memory" in options.split("&")
