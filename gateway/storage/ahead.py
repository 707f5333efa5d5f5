"""What a request will probably read, read along with its key: one statement in place of three.

A forecast changes nothing but the number of statements. Environments that were read along go to the
Caller for its checks like any other, and folders that were read along are given out for a grant only;
what was not foreseen, or wrongly, is read when it is asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from typing import Final, NamedTuple
from uuid import UUID

from gateway.access import CURRENT, Grant, PlaceRef, parse_number
from gateway.model import Environment, Folder, Surface


class Current(Enum):
    """What `@current` stands for, where it is foreseen: which one that is, only the statement learns."""

    ENVIRONMENT = "environment"
    PROJECT = "project"


class Forecast(NamedTuple):
    """Environments by number, or else a current one; and on which surfaces folders will be read there.

    `has_several` tells that more than one field will read.
    """

    environments: tuple[int, ...] = ()
    current: Current | None = None
    surfaces: tuple[Surface, ...] = ()
    has_several: bool = False

    @classmethod
    def at(
        cls, places: Collection[PlaceRef], surfaces: Collection[Surface] = (), *, has_several: bool = False
    ) -> Forecast:
        """At `places`; with them, folders on each of the surfaces. Nothing where `@current` stands beside others."""
        numbers = tuple({number for place in places if (number := parse_number(place.id)) is not None})
        currents = {place.is_project for place in places if place.id == CURRENT}
        if len(currents) + bool(numbers) != 1:
            return NO_FORECAST
        if numbers:
            return cls(numbers, None, tuple(surfaces), has_several)
        return cls((), Current.PROJECT if True in currents else Current.ENVIRONMENT, tuple(surfaces), has_several)


NO_FORECAST: Final = Forecast()


class ReadAhead:
    """`environments` has all that were asked for by number, None where there is none."""

    __slots__ = ("_folders", "_surfaces", "_user_id", "environments", "has_several")

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

    def folders_at(self, grant: Grant) -> Sequence[Folder]:
        """As `FolderStore.in_places`, of a place that was read. Raises LookupError of any other."""
        user_id, environment, surface = grant
        if user_id != self._user_id or not self.has_read(environment.id, surface):
            raise LookupError("the folders there were not read")
        return self._folders.get((environment.id, surface), ())

    def has_read(self, number: int, surface: Surface) -> bool:
        """Whether the folders of an environment were read, if it exists."""
        return surface in self._surfaces and number in self.environments


NOTHING_AHEAD: Final = ReadAhead(None, NO_FORECAST, {}, {})
