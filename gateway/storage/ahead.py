"""What a request will probably read (`Forecast`), and what was read of it together with the key (`ReadAhead`).

A forecast changes only the number of statements: one instead of three. Environments that were read ahead go through the
checks of the Caller like any other, and folders are given out only for a grant. If the forecast was missing or wrong,
the data is read when it is asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from typing import Any, Final, NamedTuple
from uuid import UUID

from gateway.access import CURRENT, Grant, PlaceRef, Reach, parse_number
from gateway.model import Environment, Folder, Page, Surface, Window


class Current(Enum):
    """Which `@current` a forecast means. Only the statement learns which environment that is."""

    ENVIRONMENT = "environment"
    PROJECT = "project"


class Forecast(NamedTuple):
    """Environments by number, or a current one, or the first `page` of all that the key may reach; and the surfaces on
    which folders will be read there.

    `has_several` if more than one field will read, or another field may fail.
    """

    environments: tuple[int, ...] = ()
    current: Current | None = None
    surfaces: tuple[Surface, ...] = ()
    has_several: bool = False
    page: int | None = None

    @classmethod
    def at(
        cls, places: Collection[PlaceRef], surfaces: Collection[Surface] = (), *, has_several: bool = False
    ) -> Forecast:
        """For `places`, with the folders on each of the surfaces. Empty if `@current` is among other places."""
        numbers = tuple({number for place in places if (number := parse_number(place.id)) is not None})
        currents = {place.is_project for place in places if place.id == CURRENT}
        if len(currents) + bool(numbers) != 1:
            return NO_FORECAST
        if numbers:
            return cls(numbers, None, tuple(surfaces), has_several)
        return cls((), Current.PROJECT if True in currents else Current.ENVIRONMENT, tuple(surfaces), has_several)


NO_FORECAST: Final = Forecast()


class ReadAhead:
    """`environments` has all that were forecast, by number, or None if there is none; those of a page in order."""

    __slots__ = ("_folders", "_page", "_surfaces", "_user_id", "environments", "has_several")

    def __init__(
        self,
        user_id: UUID | None,
        forecast: Forecast,
        environments: Mapping[int, Environment | None],
        folders: Mapping[tuple[int, Surface], list[Folder]],
    ) -> None:
        self._user_id = user_id
        self._surfaces = forecast.surfaces
        self.has_several = forecast.has_several
        self._folders = folders
        self.environments = environments
        self._page = forecast.page

    def first_environments(self, reach: Reach, window: Window[Any]) -> Page[Environment] | None:
        """The page, if it is the one that was read ahead, or else None."""
        if self._page is None or window != Window(self._page) or reach.user_id != self._user_id:
            return None
        if reach.environments is not None or reach.organizations is not None:
            return None
        # One more was read: it tells that there is one.
        found = [each for each in self.environments.values() if each is not None]
        return Page(tuple(found[: self._page]), len(found) > self._page, has_previous=False)

    def folders_at(self, grant: Grant) -> Sequence[Folder]:
        """Like `FolderStore.in_places`, for a place that was read ahead. Raises LookupError for any other."""
        user_id, environment, surface = grant
        if user_id != self._user_id or not self.has_read(environment.id, surface):
            raise LookupError("the folders there were not read")
        return self._folders.get((environment.id, surface), ())

    def has_read(self, number: int, surface: Surface) -> bool:
        """Whether the folders of an environment were read ahead, if it exists."""
        return surface in self._surfaces and number in self.environments


NOTHING_AHEAD: Final = ReadAhead(None, NO_FORECAST, {}, {})
