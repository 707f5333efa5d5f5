"""What resolvers work with: the caller, the services, and the loaders of this request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn, TypeAlias, TypeVar

from strawberry.types import Info as StrawberryInfo

from gateway.access import CURRENT_ENVIRONMENT, Caller, Grant, PlaceRef, WriteGrant
from gateway.changes import ChangeService, Turn
from gateway.cursors import CursorSigner
from gateway.errors import GatewayError, InvalidInput, NotAuthenticated
from gateway.folders import FolderService
from gateway.model import Environment, Folder, Page, RateLimitState, Surface, Window
from gateway.storage.ahead import NOTHING_AHEAD, ReadAhead
from gateway.storage.directory import Directory, EnvironmentKey
from schema.ids import ENVIRONMENT, PROJECT, raw_id
from schema.loaders import Loaders

T = TypeVar("T")


@dataclass(frozen=True)
class Services:
    """What all requests share."""

    directory: Directory
    folders: FolderService
    changes: ChangeService
    cursors: CursorSigner


class Context:
    """For one request. `given_caller` is None if it carries no key.

    `ahead` is what was read ahead with the key. `last_event_id` is the cursor of the last change that a client saw
    before it lost its stream; `event_id` is that of the event which is being answered, in a `turn`.
    """

    event_id: str | None = None

    def __init__(
        self,
        services: Services,
        given_caller: Caller | None,
        rate_limit: RateLimitState | None,
        last_event_id: str | None = None,
        ahead: ReadAhead = NOTHING_AHEAD,
        turn: Turn = nullcontext,
    ) -> None:
        self.last_event_id = last_event_id
        self.folders = services.folders
        self.changes = services.changes
        self.cursors = services.cursors
        self.rate_limit = rate_limit
        self.turn = turn
        self._directory = services.directory
        self._given_caller = given_caller
        self._ahead = ahead

    @property
    def has_caller(self) -> bool:
        return self._given_caller is not None

    @property
    def caller(self) -> Caller:
        """Raises NotAuthenticated."""
        if self._given_caller is None:
            raise NotAuthenticated
        return self._given_caller

    def place_of(self, project_id: str | None, environment_id: str | None) -> PlaceRef | None:
        """Raises NotAuthenticated before any error of the arguments; then as the function of this name."""
        _ = self.caller
        return place_of(project_id, environment_id)

    def place_or_current(self, project_id: str | None, environment_id: str | None) -> PlaceRef:
        """As `place_of`."""
        _ = self.caller
        return place_or_current(project_id, environment_id)

    @cached_property
    def load(self) -> Loaders:
        return Loaders(self.caller, self._directory, self.folders)

    def start_over(self, caller: Caller, environment: Environment | None) -> None:
        """Forgets what was loaded: each event of a stream reads again, and came with its environment."""
        self._given_caller = caller
        self.load = Loaders(self.caller, self._directory, self.folders)
        self._ahead = NOTHING_AHEAD
        if environment is not None:
            self.load.environment.prime(environment.id, environment)

    async def read_grant(self, place: PlaceRef, surface: Surface) -> Grant:
        """Raises NotFound or PermissionDenied."""
        return self.caller.read(place, await self._environment(place), surface)

    async def write_grants(self, place: PlaceRef, *surfaces: Surface) -> list[WriteGrant]:
        """One for each surface. Raises NotFound or PermissionDenied."""
        environment = await self._environment(place)
        return [self.caller.write(place, environment, surface) for surface in surfaces]

    def with_folders(
        self, place: PlaceRef, number: int, surface: Surface, use: Callable[[Sequence[Folder]], T]
    ) -> T | Awaitable[T]:
        """What `use` makes of all folders at the place, ordered by type: at once, if they were read ahead with the key.

        `number` is the environment, from `Caller.locate`. Raises NotFound or PermissionDenied, now or when awaited.
        """
        ahead = self._ahead
        if not ahead.has_read(number, surface):
            return self._read_folders(place, surface, use)
        try:
            grant = self.caller.read(place, ahead.environments[number], surface)
        except GatewayError as error:
            if not ahead.has_several:
                raise
            # As where it is read: of several fields, those that fail without reading anything do so first.
            return _raise_later(error)
        return use(ahead.folders_at(grant))

    async def _read_folders(self, place: PlaceRef, surface: Surface, use: Callable[[Sequence[Folder]], T]) -> T:
        return use(await self.load.place.load(await self.read_grant(place, surface)))

    def with_environments(
        self, window: Window[EnvironmentKey], use: Callable[[Page[Environment]], T]
    ) -> T | Awaitable[T]:
        """What `use` makes of a page of the environments that the caller may reach: at once, if it was read ahead."""
        page = self._ahead.first_environments(self.caller.reach(), window)
        return self._read_environments(window, use) if page is None else use(page)

    async def _read_environments(self, window: Window[EnvironmentKey], use: Callable[[Page[Environment]], T]) -> T:
        return use(await self.load.environment_page.load(window))

    async def reachable_environment(self, text: str) -> Environment | None:
        """By number, Node id or `@current`; None if it does not exist or the caller may not reach it."""
        number = self.caller.find(PlaceRef(raw_id(text, ENVIRONMENT), is_project=False))
        environment = None if number is None else await self.environment(number)
        return environment if environment is not None and self.caller.may_reach(environment) else None

    async def project_environments(self, text: str) -> list[Environment]:
        """Those of a project, by number, Node id or `@current`, that the caller may reach."""
        number = self.caller.find(PlaceRef(raw_id(text, PROJECT), is_project=True))
        return [] if number is None else await self.load.project_environments.load(number)

    async def _environment(self, place: PlaceRef) -> Environment | None:
        return await self.environment(self.caller.locate(place))

    async def environment(self, number: int) -> Environment | None:
        """Access is not checked here: pass it to the caller."""
        ahead = self._ahead
        if number not in ahead.environments:
            return await self.load.environment.load(number)
        if ahead.has_several:
            # As a loader would (see `with_folders`).
            await asyncio.sleep(0)
        return ahead.environments[number]


async def _raise_later(error: GatewayError) -> NoReturn:
    await asyncio.sleep(0)
    raise error


Info: TypeAlias = StrawberryInfo[Context, None]


def place_of(project_id: str | None, environment_id: str | None) -> PlaceRef | None:
    """The place that the two arguments name; None if neither is given. Raises InvalidInput if both are given."""
    if project_id is not None and environment_id is not None:
        raise InvalidInput("Arguments 'projectId' and 'environmentId' exclude each other.")
    if project_id is not None:
        return PlaceRef(raw_id(project_id, PROJECT), is_project=True)
    if environment_id is not None:
        return PlaceRef(raw_id(environment_id, ENVIRONMENT), is_project=False)
    return None


def place_or_current(project_id: str | None, environment_id: str | None) -> PlaceRef:
    if project_id is None and environment_id is not None and environment_id.isdecimal():
        # As most clients name it.
        return PlaceRef(environment_id, is_project=False)
    return place_of(project_id, environment_id) or CURRENT_ENVIRONMENT
