"""How valid keys are selected, and how a key's row becomes a `Caller`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, Select, Text, cast, func, literal_column, or_, select

from gateway.access import Caller
from gateway.model import Timestamp
from gateway.storage.statements import SQLITE, parse_uuid
from gateway.storage.tables import api_keys, environments, memberships, users

# The user's, whose project `@current` stands for.
current: Final = environments.alias("current_environment")


class KeyRecord(NamedTuple):
    """A valid key with its caller; `last_used_at` None where it was never used."""

    caller: Caller
    last_used_at: Timestamp | None


def valid_keys(
    *columns: ColumnElement[Any], wanted: ColumnElement[bool], now: ColumnElement[int], dialect: str
) -> Select[Any]:
    """`columns`, then `last_used_at`, and `told`, which `caller_from` takes."""
    return (
        select(*columns, api_keys.c.last_used_at, _told(dialect))
        .join_from(api_keys, users)
        .outerjoin(current, current.c.id == users.c.current_environment_id)
        .where(
            wanted,
            api_keys.c.revoked_at.is_(None),
            or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now),
            users.c.is_active,
        )
    )


def _told(dialect: str) -> ColumnElement[str]:
    """All that makes a caller, as one text: one column among others, and known again when it is read again."""
    is_sqlite = dialect == SQLITE
    joined = func.group_concat if is_sqlite else func.string_agg
    organizations = select(joined(cast(memberships.c.organization_id, Text), literal_column("','")))
    listed = func.json_array if is_sqlite else func.json_build_array
    found = listed(
        api_keys.c.id,
        users.c.id,
        users.c.email,
        cast(api_keys.c.scopes, Text),
        cast(api_keys.c.scoped_environments, Text),
        cast(api_keys.c.scoped_organizations, Text),
        users.c.current_environment_id,
        current.c.project_id,
        organizations.where(memberships.c.user_id == users.c.id).scalar_subquery(),
    )
    return cast(found, Text).label("told")


# What a text says does not depend on when it was read. A caller takes a kilobyte.
@lru_cache(maxsize=4096)
def caller_from(key_hash: str, told: str) -> Caller:
    (
        key_id,
        user_id,
        email,
        scopes,
        scoped_environments,
        scoped_organizations,
        current_environment_id,
        current_project_id,
        organizations,
    ) = orjson.loads(told)
    return Caller(
        key_id=parse_uuid(key_id),
        key_hash=key_hash,
        user_id=parse_uuid(user_id),
        email=email,
        scopes=_set_of(scopes),
        # An empty limit is no limit, as in the product's own keys.
        environments=_set_of(scoped_environments) or None,
        organizations=_organizations(scoped_organizations) or None,
        memberships=_memberships(organizations),
        current_environment_id=current_environment_id,
        current_project_id=current_project_id,
    )


# Most keys have the same ones.
@lru_cache(maxsize=1024)
def _set_of(items: str) -> frozenset[Any]:
    return frozenset(orjson.loads(items))


@lru_cache(maxsize=1024)
def _organizations(ids: str) -> frozenset[UUID]:
    return frozenset(map(parse_uuid, orjson.loads(ids)))


@lru_cache(maxsize=1024)
def _memberships(ids: str | None) -> frozenset[UUID]:
    return frozenset(map(parse_uuid, ids.split(","))) if ids else frozenset()
