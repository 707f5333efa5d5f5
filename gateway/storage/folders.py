"""Folders in the database. Every method starts from a grant or a reach: nothing else opens a statement."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import uuid_utils.compat
from sqlalchemy import ColumnElement, Row, Select, UnaryExpression, and_, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.operators import custom_op

from gateway.access import FolderReach, FolderWriteReach, Grant, WriteGrant, project_not_found
from gateway.errors import Conflict, NotFound, Stale
from gateway.model import (
    Folder,
    FolderChanges,
    FolderDraft,
    FolderFilter,
    FolderKey,
    Page,
    Surface,
    Timestamp,
    Window,
)
from gateway.storage.directory import reachable_environments
from gateway.storage.engine import Database
from gateway.storage.failures import ConstraintViolated
from gateway.storage.locked_upserts import Upserts
from gateway.storage.pages import KeysetQuery, fetch_pages
from gateway.storage.records import FOLDER_COLUMNS, folder_from, folder_of, folders_in_places
from gateway.storage.tables import folders
from gateway.storage.upserts import Upsert, later

_KEY = (folders.c.environment_id, folders.c.surface, folders.c.type)
# SQLite looks for nothing by what has a plus before it. Of folders that are looked for by their ids, it would else look for
# each id in each environment: all its indexes end with the primary key.
_CHECKED_ENVIRONMENT: ColumnElement[int] = UnaryExpression(folders.c.environment_id, operator=custom_op("+"))


@dataclass(frozen=True, slots=True)
class FolderListing:
    """One list over all places of a reach."""

    reach: FolderReach
    filter: FolderFilter
    window: Window[FolderKey]


class FolderStore:
    """Times are microseconds since 1970 in UTC; the caller says what `now` is."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._in_places = database.prepare(folders_in_places(database.dialect).order_by(folders.c.type))
        self._read = self._in_places.reader()
        self._upserts = Upserts(database)

    async def in_places(self, grants: Sequence[Grant]) -> list[tuple[Folder, ...]]:
        """All folders at each place, at most three, ordered by type. One statement; the grants are one user's."""
        rows = await self._database.read(
            self._in_places,
            user_id=_one_user(grants),
            numbers=[*{grant.environment.id for grant in grants}],
            surfaces=[*{grant.surface for grant in grants}],
        )
        places: dict[tuple[int, Surface], list[Folder]] = {}
        for folder in map(folder_from, map(self._read, rows)):
            places.setdefault((folder.environment_id, folder.surface), []).append(folder)
        return [tuple(places.get((grant.environment.id, grant.surface), ())) for grant in grants]

    async def find(self, access: Sequence[Grant] | FolderReach, ids: Sequence[UUID]) -> dict[UUID, Folder]:
        """Those of `ids` that are the user's, in one of the places."""
        rows = await self._database.fetch(select(*FOLDER_COLUMNS).where(_found(access, ids)))
        return {folder.id: folder for folder in map(_folder, rows)}

    async def pages(self, listings: Sequence[FolderListing]) -> list[Page[Folder]]:
        """A page of each list, ordered by environment, surface and type."""
        queries = [KeysetQuery(_listed(listing, *FOLDER_COLUMNS), _KEY, listing.window) for listing in listings]
        return await fetch_pages(self._database, queries, _folder, folder_key)

    async def counts(self, listings: Sequence[FolderListing]) -> list[int]:
        """How many folders each list holds on all its pages; one statement."""
        counts = [_listed(listing, func.count()).scalar_subquery() for listing in listings]
        rows = await self._database.fetch(select(*(count.label(f"n{i}") for i, count in enumerate(counts))))
        return list(rows[0])

    async def upsert(self, grant: WriteGrant, drafts: Sequence[FolderDraft], now: int) -> list[tuple[Folder, bool]]:
        """Each folder and whether it is new, in the order of `drafts`; all or none. Their types must differ."""
        number, surface, at = grant.environment.id, grant.surface, Timestamp(now)
        new = [
            Folder(uuid_utils.compat.uuid7(), number, surface, draft.type, draft.protocol, draft.path, at, at)
            for draft in sorted(drafts, key=lambda draft: draft.type)
        ]
        try:
            stored = await self._upserts.write(Upsert(grant, new))
        except ConstraintViolated as error:
            if not error.is_foreign_key:
                raise
            # The environment went away meanwhile.
            raise project_not_found() from None
        by_type = {folder.type: (folder, folder.id == made.id) for folder, made in zip(stored, new, strict=True)}
        return [by_type[draft.type] for draft in drafts]

    async def update(
        self,
        access: Sequence[WriteGrant] | FolderWriteReach,
        folder_id: UUID,
        changes: FolderChanges,
        now: int,
        expected_updated_at: int | None = None,
    ) -> Folder:
        """The folder as it is now. Raises NotFound, Conflict on its type, or Stale."""
        values: dict[str, Any] = {
            name: value for name in ("type", "protocol", "path") if (value := getattr(changes, name)) is not None
        }
        statement = update(folders).values(**values, updated_at=later(now)).returning(*FOLDER_COLUMNS)
        try:
            return await self._change_one(statement, access, folder_id, expected_updated_at)
        except ConstraintViolated as error:
            if changes.type is None or not error.is_unique:
                raise
            raise Conflict(f"A {changes.type} folder already exists here.", attr="type") from None

    async def delete(
        self,
        access: Sequence[WriteGrant] | FolderWriteReach,
        folder_id: UUID,
        expected_updated_at: int | None = None,
    ) -> Folder:
        """The folder as it was before. Raises NotFound, or Stale."""
        return await self._change_one(
            delete(folders).returning(*FOLDER_COLUMNS), access, folder_id, expected_updated_at
        )

    async def _change_one(
        self,
        statement: Any,
        access: Sequence[Grant] | FolderReach,
        folder_id: UUID,
        expected_updated_at: int | None,
    ) -> Folder:
        mine = _found(access, [folder_id])
        changing = statement.where(mine)
        if expected_updated_at is not None:
            changing = changing.where(folders.c.updated_at == expected_updated_at)

        async def work(connection: AsyncConnection) -> Folder:
            row = (await connection.execute(changing)).first()
            if row is not None:
                return _folder(row)
            if expected_updated_at is not None and (await connection.execute(select(folders.c.id).where(mine))).first():
                raise Stale("The folder has changed since.", attr="expectedUpdatedAt")
            raise NotFound(attr="id")

        return await self._database.transaction(work)


def folder_key(folder: Folder) -> FolderKey:
    """The position of a folder in a list over several places."""
    return FolderKey(folder.environment_id, folder.surface, folder.type)


def _one_user(grants: Sequence[Grant]) -> UUID:
    (user_id,) = {grant.user_id for grant in grants}
    return user_id


def _found(access: Sequence[Grant] | FolderReach, ids: Collection[UUID]) -> ColumnElement[bool]:
    """Those of `ids`, within `access`."""
    return and_(_within(access, _CHECKED_ENVIRONMENT), folders.c.id.in_(set(ids)))


def _within(
    access: Sequence[Grant] | FolderReach, environment: ColumnElement[int] = folders.c.environment_id
) -> ColumnElement[bool]:
    if isinstance(access, FolderReach):
        conditions = [folders.c.user_id == access.user_id, environment.in_(reachable_environments(access))]
        if access.surface is not None:
            conditions.append(folders.c.surface == access.surface)
        return and_(*conditions)
    places = or_(*(and_(environment == grant.environment.id, folders.c.surface == grant.surface) for grant in access))
    return and_(folders.c.user_id == _one_user(access), places)


def _listed(listing: FolderListing, *columns: ColumnElement[Any]) -> Select[Any]:
    statement = select(*columns).where(_within(listing.reach))
    if listing.filter.surfaces is not None:
        statement = statement.where(folders.c.surface.in_(listing.filter.surfaces))
    if listing.filter.types is not None:
        statement = statement.where(folders.c.type.in_(listing.filter.types))
    return statement


def _folder(row: Row[Any]) -> Folder:
    return folder_of(row, row.id)
