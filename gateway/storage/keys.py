"""Creates, lists, revokes and rolls keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import uuid_utils.compat
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.keys import generate_key, hash_key, mask_key
from gateway.model import Timestamp, to_timestamp
from gateway.storage.engine import Database
from gateway.storage.failures import ConstraintViolated
from gateway.storage.statements import any_of
from gateway.storage.tables import api_keys, environments, organizations, users


class KeyProblem(Exception):
    """Why the key cannot be made, found or changed, for the operator to read."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a key may do. Empty limits are none; `expires_at` has a time zone."""

    user: str
    label: str
    scopes: Sequence[str]
    environments: Sequence[int] = ()
    organizations: Sequence[UUID] = ()
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A key as it is listed: masked."""

    id: UUID
    user: str
    label: str
    mask: str
    scopes: tuple[str, ...]
    environments: tuple[int, ...]
    organizations: tuple[UUID, ...]
    created_at: Timestamp
    expires_at: Timestamp | None
    revoked_at: Timestamp | None
    last_used_at: Timestamp | None


@dataclass(frozen=True, slots=True)
class ShownKey:
    """A key with its value, at the one time that it is shown."""

    id: UUID
    value: str = field(repr=False)


class KeyStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, key: NewKey, now: int) -> ShownKey:
        """Raises KeyProblem."""
        value = generate_key()
        key_id = uuid_utils.compat.uuid7()

        async def work(connection: AsyncConnection) -> None:
            user_id = (await connection.execute(select(users.c.id).where(users.c.email == key.user))).scalar()
            if user_id is None:
                raise KeyProblem(f"no user {key.user!r}")
            await _require_all(connection, environments.c.id, key.environments, "environment")
            await _require_all(connection, organizations.c.id, key.organizations, "organization")
            await connection.execute(
                api_keys.insert().values(
                    id=key_id,
                    user_id=user_id,
                    label=key.label,
                    hash=hash_key(value),
                    mask=mask_key(value),
                    scopes=sorted(set(key.scopes)),
                    scoped_environments=sorted(set(key.environments)),
                    scoped_organizations=sorted(set(map(str, key.organizations))),
                    created_at=now,
                    expires_at=to_timestamp(key.expires_at) if key.expires_at else None,
                )
            )

        try:
            await self._database.transaction(work)
        except ConstraintViolated as error:
            if not error.is_unique:
                raise
            raise KeyProblem(f"{key.user} has a key labelled {key.label!r} already") from None
        return ShownKey(key_id, value)

    async def listed(self, user: str | None = None) -> list[KeyInfo]:
        """All keys, or one user's, by user and label. Raises KeyProblem where there is no such user."""
        statement = select(api_keys, users.c.email).join_from(api_keys, users).order_by(users.c.email, api_keys.c.label)
        if user is not None:
            if not await self._database.fetch(select(users.c.id).where(users.c.email == user)):
                raise KeyProblem(f"no user {user!r}")
            statement = statement.where(users.c.email == user)
        return [_info(row) for row in await self._database.fetch(statement)]

    async def revoke(self, key_id: UUID, now: int) -> None:
        """The key stops at once, and for good. Raises KeyProblem where there is no such key, or it is revoked."""
        await self._change(key_id, {"revoked_at": now})

    async def roll(self, key_id: UUID) -> ShownKey:
        """The same key with a new value; the old value stops at once. Raises KeyProblem."""
        value = generate_key()
        await self._change(key_id, {"hash": hash_key(value), "mask": mask_key(value), "last_used_at": None})
        return ShownKey(key_id, value)

    async def _change(self, key_id: UUID, values: dict[str, Any]) -> None:
        statement = update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None)).values(values)

        async def work(connection: AsyncConnection) -> None:
            if (await connection.execute(statement)).rowcount == 0:
                raise KeyProblem(f"no key {key_id}, or it is revoked")

        await self._database.transaction(work)


async def _require_all(connection: AsyncConnection, column: Any, ids: Sequence[Any], noun: str) -> None:
    statement = select(column).where(any_of(column, "ids", connection.dialect.name))
    found = set((await connection.execute(statement, {"ids": ids})).scalars()) if ids else set()
    for missing in (each for each in ids if each not in found):
        raise KeyProblem(f"no {noun} {missing}")


def _info(row: Any) -> KeyInfo:
    return KeyInfo(
        id=row.id,
        user=row.email,
        label=row.label,
        mask=row.mask,
        scopes=tuple(row.scopes),
        environments=tuple(row.scoped_environments),
        organizations=tuple(map(UUID, row.scoped_organizations)),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
