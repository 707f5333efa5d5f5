"""The tables. `migrations/` brings a database here; a test holds the two together.

The environment leads every key of a folder, and ids are UUIDs of version 7 or given by the
workspace, never sequences: the tables can be distributed by environment (docs/decisions/0003).
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from gateway.model import PATH_MAX_LENGTH, PROTOCOL_MAX_LENGTH, FolderType, Surface

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _one_of(column: str, values: type[Surface | FolderType] | tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


organizations: Final = Table(
    "organizations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
)

projects: Final = Table(
    "projects",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("organization_id", Uuid, ForeignKey("organizations.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    CheckConstraint("id > 0", name="id"),
)

environments: Final = Table(
    "environments",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("project_id", BigInteger, ForeignKey("projects.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    CheckConstraint("id > 0", name="id"),
)

users: Final = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("current_environment_id", BigInteger, ForeignKey("environments.id"), nullable=True, index=True),
)

memberships: Final = Table(
    "memberships",
    metadata,
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("organization_id", Uuid, ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("level", String(16), nullable=False),
    _one_of("level", ("member", "admin", "owner")),
)

api_keys: Final = Table(
    "api_keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("label", Text, nullable=False),
    # SHA-256 in hexadecimal: the value itself is nowhere.
    Column("hash", String(64), nullable=False, unique=True),
    Column("mask", String(16), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("scoped_environments", JSON, nullable=False),
    Column("scoped_organizations", JSON, nullable=False),
    # All times are microseconds since 1970 in UTC (docs/decisions/0004).
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=True),
    Column("revoked_at", BigInteger, nullable=True),
    Column("last_used_at", BigInteger, nullable=True),
    UniqueConstraint("user_id", "label"),
)

folders: Final = Table(
    "persisted_folders",
    metadata,
    Column("environment_id", BigInteger, ForeignKey("environments.id", ondelete="CASCADE"), nullable=False),
    Column("id", Uuid, nullable=False),
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("surface", String(16), nullable=False),
    Column("type", String(32), nullable=False),
    Column("protocol", String(PROTOCOL_MAX_LENGTH), nullable=False),
    Column("path", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    # The folders of one place stand side by side where rows are kept in the order of this key, as on SQLite.
    PrimaryKeyConstraint("environment_id", "user_id", "surface", "type"),
    UniqueConstraint("environment_id", "id"),
    _one_of("surface", Surface),
    _one_of("type", FolderType),
    CheckConstraint(f"length(protocol) BETWEEN 1 AND {PROTOCOL_MAX_LENGTH}", name="protocol"),
    CheckConstraint(f"length(path) <= {PATH_MAX_LENGTH}", name="path"),
    # A folder's id alone, without its place, is enough for `node` and `persistedFolder`.
    Index(None, "user_id", "id"),
    sqlite_with_rowid=False,
)

# Triggers write these two beside each change of a folder (docs/decisions/0012).
change_counters: Final = Table(
    "change_counters",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("number", BigInteger, nullable=False),
)

folder_changes: Final = Table(
    "folder_changes",
    metadata,
    # No foreign keys: a change outlives what it is about, for an hour.
    Column("user_id", Uuid, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("environment_id", BigInteger, nullable=False),
    Column("folder_id", Uuid, nullable=False),
    Column("surface", String(16), nullable=False),
    Column("type", String(32), nullable=False),
    Column("protocol", String(PROTOCOL_MAX_LENGTH), nullable=False),
    Column("path", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

secrets: Final = Table(
    "service_secrets",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
