"""Data loaders: what the fields of one request ask for, in one statement for each kind, however many fields ask.

A statement is sent in the next turn of the event loop, so it covers all lists that are side by side, by alias or in the
items of a list. Folders are not cached: a mutation later in the same document must see what an earlier one wrote.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from functools import cached_property
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


class _SharedLoader(DataLoader[K, T]):
    """What is asked for twice is one future, so nobody who waits for it may cancel it.

    When a field fails, its siblings are cancelled, and with them what they wait for: a field elsewhere that waits for
    the same would be cancelled too, and with it the request.
    """

    def load(self, key: K) -> Awaitable[T]:
        return asyncio.shield(super().load(key))


class Loaders:
    """For one request and its caller; each loader is made when it is first used.

    None of them refers to this object: objects that refer to themselves wait for the garbage collector.
    """

    def __init__(self, caller: Caller, directory: Directory, folders: FolderService) -> None:
        self._caller = caller
        self._directory = directory
        self._folders = folders

    @cached_property
    def environment(self) -> _SharedLoader[int, Environment | None]:
        return _SharedLoader(_from_mapping(self._directory.environments))

    @cached_property
    def environment_page(self) -> _SharedLoader[Window[EnvironmentKey], Page[Environment]]:
        reach, directory, environment = self._caller.reach(), self._directory, self.environment

        async def load(windows: list[Window[EnvironmentKey]]) -> list[Page[Environment]]:
            pages = await directory.pages(reach, windows)
            _prime(environment, (each for page in pages for each in page.rows))
            return pages

        return _SharedLoader(load)

    @cached_property
    def environment_count(self) -> _SharedLoader[None, int]:
        reach, directory = self._caller.reach(), self._directory

        async def load(keys: list[None]) -> list[int]:
            return [await directory.count(reach)] * len(keys)

        return _SharedLoader(load)

    @cached_property
    def project_environments(self) -> _SharedLoader[int, list[Environment]]:
        reach, directory, environment = self._caller.reach(), self._directory, self.environment

        async def load(ids: list[int]) -> list[list[Environment]]:
            found = await directory.reachable(reach, ids)
            _prime(environment, (each for some in found.values() for each in some))
            return [found.get(each, []) for each in ids]

        return _SharedLoader(load)

    @cached_property
    def place(self) -> DataLoader[Grant, tuple[Folder, ...]]:
        return DataLoader(self._folders.in_places, cache=False)

    @cached_property
    def own_folder(self) -> DataLoader[UUID, Folder | None]:
        caller, folders = self._caller, self._folders

        async def load(ids: list[UUID]) -> Mapping[UUID, Folder]:
            return await folders.find(caller.read_reach(), ids)

        return DataLoader(_from_mapping(load), cache=False)

    @cached_property
    def folder_page(self) -> DataLoader[FolderListing, Page[Folder]]:
        return DataLoader(self._folders.pages, cache=False)

    @cached_property
    def folder_count(self) -> DataLoader[FolderListing, int]:
        return DataLoader(self._folders.counts, cache=False)


def _prime(loader: DataLoader[int, Environment | None], environments: Iterable[Environment]) -> None:
    """The lists below an environment begin with it: what is known already is not asked for again."""
    loader.prime_many({environment.id: environment for environment in environments})


def _from_mapping(
    load: Callable[[list[K]], Awaitable[Mapping[K, T]]],
) -> Callable[[list[K]], Awaitable[list[T | None]]]:
    async def in_order(keys: list[K]) -> list[T | None]:
        found = await load(keys)
        return [found.get(key) for key in keys]

    return in_order
