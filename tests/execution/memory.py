"""The service's own schema on storage in memory, for what is about the execution alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, cast
from uuid import UUID

from gateway.access import Caller, FolderReach, Grant, Reach
from gateway.changes import ChangeService
from gateway.cursors import CursorSigner
from gateway.errors import Conflict, NotFound, Stale
from gateway.folders import FolderService
from gateway.model import (
    Environment,
    Folder,
    FolderChanges,
    FolderDraft,
    FolderFilter,
    FolderType,
    Page,
    Project,
    Surface,
    Timestamp,
    Window,
)
from gateway.storage.directory import Directory, EnvironmentKey, environment_key
from gateway.storage.folders import FolderListing, FolderStore, folder_key
from gateway.storage.pages import slice_page
from schema.context import Context, Services

_OURS: Final = UUID(int=1)
_USER: Final = UUID(int=2)
_TIME: Final = Timestamp(1_767_225_600_123_456)


def _environments() -> dict[int, Environment]:
    """Ten of ours, 1 to 10, in two projects; and one that is out of reach, 11."""
    projects = {n: Project(n, f"Project {n}", _OURS) for n in (1, 6)}
    ours = [Environment(n, f"Environment {n}", projects[1 if n < 6 else 6]) for n in range(1, 11)]
    return {each.id: each for each in [*ours, Environment(11, "Theirs", Project(11, "Theirs", UUID(int=3)))]}


def _folders(environments: dict[int, Environment]) -> dict[UUID, Folder]:
    """Three at each place, but for environment 5, which has none on the desktop."""
    folders = [
        Folder(
            UUID(int=1000 * number + 10 * len(surface) + n),
            number,
            surface,
            kind,
            "products://",
            f"a/{n}é",
            _TIME,
            _TIME,
        )
        for number in environments
        for surface in Surface
        for n, kind in enumerate(FolderType)
        if (number, surface) != (5, Surface.DESKTOP)
    ]
    return {folder.id: folder for folder in folders}


ENVIRONMENTS: Final = _environments()
FOLDERS: Final = _folders(ENVIRONMENTS)
CALLER: Final = Caller(
    key_id=UUID(int=4),
    key_hash="",
    user_id=_USER,
    email="ada@example.com",
    scopes=frozenset({"persisted_folder:write", "user:read"}),
    environments=None,
    organizations=None,
    memberships=frozenset({_OURS}),
    current_environment_id=1,
    current_project_id=1,
)
# Without the scope for names of projects, fields of many objects fail, each by itself.
FULL_CALLER: Final = replace(CALLER, scopes=frozenset({"*"}))


class _Directory:
    async def environments(self, ids: Sequence[int]) -> dict[int, Environment]:
        return {each: ENVIRONMENTS[each] for each in ids if each in ENVIRONMENTS}

    async def reachable(self, reach: Reach, project_ids: Sequence[int]) -> dict[int, list[Environment]]:
        found: dict[int, list[Environment]] = {}
        for environment in self._reachable(reach):
            if environment.project.id in project_ids:
                found.setdefault(environment.project.id, []).append(environment)
        return found

    async def pages(self, reach: Reach, windows: Sequence[Window[EnvironmentKey]]) -> list[Page[Environment]]:
        return [slice_page(self._reachable(reach), environment_key, window) for window in windows]

    async def count(self, reach: Reach) -> int:
        return len(self._reachable(reach))

    def _reachable(self, _: Reach) -> list[Environment]:
        return [each for each in ENVIRONMENTS.values() if each.project.organization_id == _OURS]


class _Store:
    def __init__(self) -> None:
        self._folders = dict(FOLDERS)

    async def in_places(self, grants: Sequence[Grant]) -> list[tuple[Folder, ...]]:
        by_place: dict[tuple[int, Surface], list[Folder]] = {}
        for folder in self._folders.values():
            by_place.setdefault((folder.environment_id, folder.surface), []).append(folder)
        return [
            tuple(sorted(by_place.get((grant.environment.id, grant.surface), []), key=folder_key)) for grant in grants
        ]

    async def find(self, access: Sequence[Grant] | FolderReach, ids: Sequence[UUID]) -> dict[UUID, Folder]:
        found = [self._folders[each] for each in ids if each in self._folders]
        return {folder.id: folder for folder in found if _is_within(folder, access)}

    async def pages(self, listings: Sequence[FolderListing]) -> list[Page[Folder]]:
        return [slice_page(self._listed(listing), folder_key, listing.window) for listing in listings]

    async def counts(self, listings: Sequence[FolderListing]) -> list[int]:
        return [len(self._listed(listing)) for listing in listings]

    async def upsert(self, grant: Grant, drafts: Sequence[FolderDraft], _now: int) -> list[tuple[Folder, bool]]:
        return [self._upsert(grant, draft) for draft in drafts]

    async def update(
        self,
        access: Sequence[Grant] | FolderReach,
        id: UUID,
        changes: FolderChanges,
        _now: int,
        expected: int | None,
    ) -> Folder:
        folder = self._only(access, id, expected)
        given = {name: value for name in ("type", "protocol", "path") if (value := getattr(changes, name)) is not None}
        changed = folder._replace(**given)
        if any(other.id != id and folder_key(other) == folder_key(changed) for other in self._folders.values()):
            raise Conflict(f"A {changed.type} folder already exists here.", attr="type")
        self._folders[id] = changed
        return changed

    async def delete(self, access: Sequence[Grant] | FolderReach, id: UUID, expected: int | None) -> Folder:
        folder = self._only(access, id, expected)
        del self._folders[id]
        return folder

    def _upsert(self, grant: Grant, draft: FolderDraft) -> tuple[Folder, bool]:
        place = (grant.environment.id, grant.surface, draft.type)
        known = next((each for each in self._folders.values() if folder_key(each) == place), None)
        folder_id = known.id if known else UUID(int=10_000_000 + len(self._folders))
        folder = Folder(folder_id, *place, draft.protocol, draft.path, _TIME, _TIME)
        self._folders[folder_id] = folder
        return folder, known is None

    def _only(self, access: Sequence[Grant] | FolderReach, id: UUID, expected: int | None) -> Folder:
        folder = self._folders.get(id)
        if folder is None or not _is_within(folder, access):
            raise NotFound(attr="id")
        if expected is not None and folder.updated_at != expected:
            raise Stale("The folder has changed since.", attr="expectedUpdatedAt")
        return folder

    def _listed(self, listing: FolderListing) -> list[Folder]:
        return sorted(
            (
                folder
                for folder in self._folders.values()
                if _is_within(folder, listing.reach) and _matches(folder, listing.filter)
            ),
            key=folder_key,
        )


def _is_within(folder: Folder, access: Sequence[Grant] | FolderReach) -> bool:
    if isinstance(access, FolderReach):
        return folder.environment_id != 11 and access.surface in (None, folder.surface)
    return any((grant.environment.id, grant.surface) == (folder.environment_id, folder.surface) for grant in access)


def _matches(folder: Folder, wanted: FolderFilter) -> bool:
    return (wanted.surfaces is None or folder.surface in wanted.surfaces) and (
        wanted.types is None or folder.type in wanted.types
    )


def make_services() -> Services:
    """Each with the same folders in it, and changes of its own."""
    return Services(
        cast("Directory", _Directory()),
        FolderService(cast("FolderStore", _Store())),
        # No subscription runs from a plan.
        cast("ChangeService", None),
        CursorSigner(b"secret"),
    )


def make_context(caller: Caller | None = FULL_CALLER, services: Services | None = None) -> Context:
    return Context(services or make_services(), caller, None)


def texts() -> list[Any]:
    """Ids of all kinds, right and wrong, and other texts that fields take."""
    folder = str(next(iter(FOLDERS)))
    return ["1", "2", "5", "11", "99", "@current", folder, "RW52aXJvbm1lbnQ6Mg==", "UHJvamVjdDox", "", "x" * 70]
