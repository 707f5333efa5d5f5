"""One lookup of a key with its forecast (`Question`), and its result (`Answer`)."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Final, NamedTuple, TypeAlias

from gateway.access import Caller
from gateway.model import Environment, Folder, Surface, Timestamp
from gateway.storage.ahead import Current, Forecast, ReadAhead
from gateway.storage.key_records import KeyRecord

Found: TypeAlias = tuple[KeyRecord, ReadAhead]
"""What there is where a key is valid."""

_type_of: Final = itemgetter(Folder._fields.index("type"))


class Question(NamedTuple):
    key_hash: str
    now: Timestamp
    forecast: Forecast


class Answer:
    """The result of one question, filled row by row."""

    __slots__ = ("_folders", "environments", "key")

    def __init__(self) -> None:
        self.key: KeyRecord | None = None
        self.environments: dict[int, Environment] = {}
        self._folders: dict[tuple[int, Surface], list[Folder]] = {}

    def place(self, number: int, surface: Surface) -> list[Folder]:
        """The list that the folders of this place are added to."""
        place = self._folders.get((number, surface))
        if place is None:
            place = self._folders[number, surface] = []
        return place

    def found(self, forecast: Forecast) -> Found | None:
        if self.key is None:
            return None
        caller = self.key.caller
        for place in self._folders.values():
            place.sort(key=_type_of)
        if forecast.page is not None:
            if not reaches_all(caller):
                forecast = forecast._replace(page=None)
            numbers: Sequence[int] = sorted(self.environments)
        else:
            numbers = numbers_of(caller, forecast)
        environments = self.environments
        ahead = {number: environments.get(number) for number in numbers}
        return self.key, ReadAhead(caller.user_id, forecast, ahead, self._folders)


def numbers_of(caller: Caller, forecast: Forecast) -> Sequence[int]:
    """The environments that were forecast, unless the forecast is a page."""
    if forecast.current is None:
        return forecast.environments
    number = caller.current_project_id if forecast.current is Current.PROJECT else caller.current_environment_id
    return () if number is None else (number,)


def reaches_all(caller: Caller) -> bool:
    """Whether the key has no limits of its own. A page of environments is read ahead only for such keys."""
    return caller.environments is None and caller.organizations is None
