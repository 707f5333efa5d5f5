"""Every rule about folders, for both transports (contract/rest.md, 'Create is an upsert' and 'Bodies')."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from gateway.access import FolderReach, FolderWriteReach, Grant, WriteGrant
from gateway.errors import InvalidField, InvalidFields, NotFound
from gateway.model import (
    DEFAULT_PATH,
    DEFAULT_PROTOCOL,
    PATH_MAX_LENGTH,
    PROTOCOL_MAX_LENGTH,
    Folder,
    FolderChanges,
    FolderDraft,
    FolderType,
    Page,
    Timestamp,
)
from gateway.storage.ahead import ReadAhead
from gateway.storage.folders import FolderListing, FolderStore

Clock = Callable[[], Timestamp]


def system_clock() -> Timestamp:
    return Timestamp(time.time_ns() // 1000)


@dataclass(frozen=True, slots=True)
class FolderInput:
    """What a client sent; None for a field that it left out.

    A value that the transport could not translate is an InvalidField here, so that all problems of an input are
    reported together, in one order.
    """

    type: FolderType | InvalidField | None = None
    protocol: str | InvalidField | None = None
    path: str | InvalidField | None = None


class FolderService:
    """`announce` is called with the user after each commit that has changed a folder."""

    def __init__(
        self,
        store: FolderStore,
        announce: Callable[[UUID], None] = lambda _: None,
        clock: Clock = system_clock,
    ) -> None:
        self._store = store
        self._announce = announce
        self._clock = clock

    async def in_places(self, grants: Sequence[Grant]) -> list[tuple[Folder, ...]]:
        """All folders at each place, by type; the grants are one caller's."""
        return await self._store.in_places(grants)

    async def in_place(self, grant: Grant, ahead: ReadAhead) -> Sequence[Folder]:
        """The same at one place, which may have been read ahead with the key."""
        if ahead.has_read(grant.environment.id, grant.surface):
            return ahead.folders_at(grant)
        return (await self._store.in_places([grant]))[0]

    async def get(self, grant: Grant, folder_id: UUID) -> Folder:
        """Raises NotFound."""
        return _only(await self._store.find([grant], [folder_id]), folder_id)

    async def find(self, access: Sequence[Grant] | FolderReach, ids: Sequence[UUID]) -> dict[UUID, Folder]:
        """Those of `ids` that are the caller's own, in one of the places."""
        return await self._store.find(access, ids)

    async def pages(self, listings: Sequence[FolderListing]) -> list[Page[Folder]]:
        return await self._store.pages(listings)

    async def counts(self, listings: Sequence[FolderListing]) -> list[int]:
        return await self._store.counts(listings)

    async def upsert(self, grant: WriteGrant, folder: FolderInput) -> tuple[Folder, bool]:
        """The folder, and whether it is new. Raises InvalidFields."""
        return (await self._upsert(grant, [_draft(folder)]))[0]

    async def upsert_all(self, grant: WriteGrant, folders: Sequence[FolderInput]) -> list[tuple[Folder, bool]]:
        """Like `upsert`, for several folders of one place: all or none.

        Raises InvalidFields whose `attr` begins with the index, as `1.path`; a type that stands in
        the list again is a `conflict`.
        """
        drafts: list[FolderDraft] = []
        problems: list[InvalidField] = []
        types: set[FolderType] = set()
        # In a list that is longer than there are types, two are of one type: the rest need no look.
        for index, folder in enumerate(folders[: 2 * len(FolderType)]):
            try:
                draft = _draft(folder)
            except InvalidFields as error:
                problems += (InvalidField(each.code, each.detail, attr=f"{index}.{each.attr}") for each in error.fields)
            else:
                drafts.append(draft)
            if isinstance(folder.type, FolderType):
                if folder.type in types:
                    detail = f"A {folder.type} folder stands in the list already."
                    problems.append(InvalidField("conflict", detail, attr=f"{index}.type"))
                types.add(folder.type)
        if problems:
            raise InvalidFields(problems)
        return await self._upsert(grant, drafts) if drafts else []

    async def update(
        self,
        access: Sequence[WriteGrant] | FolderWriteReach,
        folder_id: UUID,
        folder: FolderInput,
        expected_updated_at: Timestamp | None = None,
    ) -> Folder:
        """Changes what `folder` names, and `updated_at` always. Raises NotFound, InvalidFields, Conflict, Stale."""
        try:
            changes = _changes(folder)
        except InvalidFields:
            # Whether there is such a folder comes first, as in REST.
            await self.require(access, folder_id)
            raise
        stored = await self._store.update(access, folder_id, changes, self._clock(), expected_updated_at)
        self._announce(_user_of(access))
        return stored

    async def delete(
        self,
        access: Sequence[WriteGrant] | FolderWriteReach,
        folder_id: UUID,
        expected_updated_at: Timestamp | None = None,
    ) -> Folder:
        """The folder as it was before. Raises NotFound, Stale."""
        deleted = await self._store.delete(access, folder_id, expected_updated_at)
        self._announce(_user_of(access))
        return deleted

    async def _upsert(self, grant: WriteGrant, drafts: Sequence[FolderDraft]) -> list[tuple[Folder, bool]]:
        stored = await self._store.upsert(grant, drafts, self._clock())
        self._announce(grant.user_id)
        return stored

    async def require(self, access: Sequence[Grant] | FolderReach, folder_id: UUID) -> None:
        """Raises NotFound."""
        _only(await self._store.find(access, [folder_id]), folder_id)


def _user_of(access: Sequence[Grant] | FolderReach) -> UUID:
    return access.user_id if isinstance(access, FolderReach) else access[0].user_id


def _only(found: dict[UUID, Folder], folder_id: UUID) -> Folder:
    try:
        return found[folder_id]
    except KeyError:
        raise NotFound(attr="id") from None


def _draft(folder: FolderInput) -> FolderDraft:
    changes = _changes(folder)
    if changes.type is None:
        raise InvalidFields([InvalidField("required", "This field is required.", attr="type")])
    return FolderDraft(
        changes.type,
        DEFAULT_PROTOCOL if changes.protocol is None else changes.protocol,
        DEFAULT_PATH if changes.path is None else changes.path,
    )


def _changes(folder: FolderInput) -> FolderChanges:
    problems = []
    folder_type = folder.type
    if isinstance(folder_type, InvalidField):
        problems.append(folder_type)
        folder_type = None
    protocol = _text("protocol", folder.protocol, PROTOCOL_MAX_LENGTH, may_be_blank=False)
    if isinstance(protocol, InvalidField):
        problems.append(protocol)
        protocol = None
    path = _text("path", folder.path, PATH_MAX_LENGTH, may_be_blank=True)
    if isinstance(path, InvalidField):
        problems.append(path)
        path = None
    if problems:
        raise InvalidFields(problems)
    return FolderChanges(folder_type, protocol, path)


def _text(
    field: str, value: str | InvalidField | None, max_length: int, *, may_be_blank: bool
) -> str | InvalidField | None:
    if value is None or isinstance(value, InvalidField):
        return value
    text = value.strip()
    if not text and not may_be_blank:
        return InvalidField("blank", "This field may not be blank.", attr=field)
    if len(text) > max_length:
        detail = f"Ensure this field has no more than {max_length} characters."
        return InvalidField("max_length", detail, attr=field)
    if "\0" in text:
        return InvalidField("null_characters_not_allowed", "Null characters are not allowed.", attr=field)
    for character in text:
        if "\ud800" <= character <= "\udfff":
            detail = f"Surrogate characters are not allowed: U+{ord(character):X}."
            return InvalidField("surrogate_characters_not_allowed", detail, attr=field)
    return text
