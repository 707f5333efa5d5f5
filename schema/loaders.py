"""What the fields of one request ask for, gathered: one statement for each kind, however many fields ask.

A statement is sent when the event loop comes round, so all lists that stand side by side, by alias
or in the items of a list, are in it. Folders are not kept: a mutation later in the same document
must see what an earlier one wrote.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from typing import TypeVar
from uuid import UUID

from strawberry.dataloader import DataLoader

from gateway.access import Caller, Grant
from gateway.folders import FolderService
from gateway.model import Environment, Folder, Page, Window
from gateway.storage.directory import Directory, EnvironmentKey
from gateway.storage.folders import FolderListing

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Loaders:
    """Of one request and its caller."""

    def __init__(self, caller: Caller, directory: Directory, folders: FolderService) -> None:
        reach = caller.reach()

        async def environment_pages(windows: list[Window[EnvironmentKey]]) -> list[Page[Environment]]:
            pages = await directory.pages(reach, windows)
            self._remember(environment for page in pages for environment in page.rows)
            return pages

        async def environment_count(keys: list[None]) -> list[int]:
            return [await directory.count(reach)] * len(keys)

        async def project_environments(ids: list[int]) -> list[list[Environment]]:
            found = await directory.reachable(reach, ids)
            self._remember(environment for some in found.values() for environment in some)
            return [found.get(each, []) for each in ids]

        async def own_folders(ids: list[UUID]) -> Mapping[UUID, Folder]:
            return await folders.find(caller.read_reach(), ids)

        self.environment: DataLoader[int, Environment | None] = DataLoader(_from_mapping(directory.environments))
        self.environment_page: DataLoader[Window[EnvironmentKey], Page[Environment]] = DataLoader(environment_pages)
        self.environment_count: DataLoader[None, int] = DataLoader(environment_count)
        self.project_environments: DataLoader[int, list[Environment]] = DataLoader(project_environments)
        self.place: DataLoader[Grant, tuple[Folder, ...]] = DataLoader(folders.in_places, cache=False)
        self.own_folder: DataLoader[UUID, Folder | None] = DataLoader(_from_mapping(own_folders), cache=False)
        self.folder_page: DataLoader[FolderListing, Page[Folder]] = DataLoader(folders.pages, cache=False)
        self.folder_count: DataLoader[FolderListing, int] = DataLoader(folders.counts, cache=False)

    def _remember(self, environments: Iterable[Environment]) -> None:
        """The lists below an environment begin with it: what is known already is not asked for again."""
        self.environment.prime_many({environment.id: environment for environment in environments})


def _from_mapping(
    load: Callable[[list[K]], Awaitable[Mapping[K, T]]],
) -> Callable[[list[K]], Awaitable[list[T | None]]]:
    async def in_order(keys: list[K]) -> list[T | None]:
        found = await load(keys)
        return [found.get(key) for key in keys]

    return in_order
