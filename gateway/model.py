"""What the service is about: folders, the places that hold them, and pages of them.

Plain frozen records; those that are made for each row or request are tuples, which take a third of the time.
Nothing here knows a database, a transport or a rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final, Generic, NamedTuple, NewType, TypeVar
from uuid import UUID

DEFAULT_PROTOCOL = "products://"
DEFAULT_PATH = ""
PROTOCOL_MAX_LENGTH = 64
PATH_MAX_LENGTH = 4096
"""In characters, not bytes (contract/rest.md, 'Bodies')."""

MAX_ID = 2**31 - 1
"""Largest id of a project or environment: what GraphQL's Int holds."""

T = TypeVar("T")

Timestamp = NewType("Timestamp", int)
"""Microseconds since 1970 in UTC: what is stored, and read into an answer without a `datetime` in between."""


class Surface(StrEnum):
    """A product surface; each has its own, isolated folders."""

    WEB = "web"
    DESKTOP = "desktop"


class FolderType(StrEnum):
    """Which of the user's folders this is: at most one of each per environment and surface."""

    HOME = "home"
    PINNED = "pinned"
    CUSTOM_PRODUCTS = "custom_products"


class Project(NamedTuple):
    """A project of one organization; its primary environment has the same id."""

    id: int
    name: str
    organization_id: UUID


class Environment(NamedTuple):
    """An environment together with the project that it belongs to."""

    id: int
    name: str
    project: Project

    @property
    def is_primary(self) -> bool:
        return self.id == self.project.id


class Folder(NamedTuple):
    """One persisted folder as it was when it was read."""

    id: UUID
    environment_id: int
    surface: Surface
    type: FolderType
    protocol: str
    path: str
    created_at: Timestamp
    updated_at: Timestamp

    @property
    def location(self) -> str:
        return self.protocol + self.path


@dataclass(frozen=True, slots=True)
class FolderDraft:
    """What a create stores: fields that the client left out are at their defaults already."""

    type: FolderType
    protocol: str = DEFAULT_PROTOCOL
    path: str = DEFAULT_PATH


@dataclass(frozen=True, slots=True)
class FolderChanges:
    """What an update changes; None leaves the field as it is."""

    type: FolderType | None = None
    protocol: str | None = None
    path: str | None = None


class ChangeKind(StrEnum):
    """What became of a folder."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class FolderChange:
    """One committed change. The numbers of one user's changes are in the order of commit, without a gap.

    `environment` is as it is now; None where it is gone.
    """

    number: int
    kind: ChangeKind
    folder: Folder
    environment: Environment | None


class FolderKey(NamedTuple):
    """Where a folder stands in a list over several places: by environment, surface and type."""

    environment_id: int
    surface: str
    type: str


@dataclass(frozen=True, slots=True)
class FolderFilter:
    """Which folders a list holds; None means all. An empty tuple matches nothing."""

    surfaces: tuple[Surface, ...] | None = None
    types: tuple[FolderType, ...] | None = None


K = TypeVar("K")


class Window(NamedTuple, Generic[K]):
    """The part of a list that a page shows: `limit` rows strictly between two keys.

    `backward` takes the last rows of that range instead of the first ones; they still come in
    the list's order.
    """

    limit: int
    backward: bool = False
    after: K | None = None
    before: K | None = None


class Page(NamedTuple, Generic[T]):
    """Rows in the list's order, and whether the list goes on at either end."""

    rows: tuple[T, ...]
    has_next: bool
    has_previous: bool


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_MICROSECOND: Final = timedelta(microseconds=1)
_MICROSECONDS_OF_SECOND: Final = 1_000_000
_MICROSECONDS_OF_DAY: Final = 86_400 * _MICROSECONDS_OF_SECOND
_MINUTES: Final = tuple(f"T{hour:02}:{minute:02}:" for hour in range(24) for minute in range(60))
_SECONDS: Final = tuple(f"{second:02}." for second in range(60))
# Eleven years.
_MOST_DAYS: Final = 4096


def to_timestamp(time: datetime) -> Timestamp:
    """Exactly: a float of seconds would round."""
    return Timestamp((time - _EPOCH) // _MICROSECOND)


def format_time(time: Timestamp) -> str:
    """As `2019-08-24T14:15:22.123456Z`: always six decimals (contract/rest.md, 'A folder')."""
    # From tables: in a quarter of the time that a `datetime` and its `isoformat` take.
    day, rest = divmod(time, _MICROSECONDS_OF_DAY)
    second, rest = divmod(rest, _MICROSECONDS_OF_SECOND)
    # The 1 keeps the zeros.
    microseconds = str(_MICROSECONDS_OF_SECOND + rest)[1:]
    return f"{_days.get(day) or _day(day)}{_MINUTES[second // 60]}{_SECONDS[second % 60]}{microseconds}Z"


_days: Final[dict[int, str]] = {}


def _day(number: int) -> str:
    if len(_days) >= _MOST_DAYS:
        _days.clear()
    return _days.setdefault(number, date.fromordinal(_EPOCH_ORDINAL + number).isoformat())


@dataclass(frozen=True, slots=True)
class RateLimitState:
    """What is left to a key of the limit that is nearest to being used up."""

    limit: int
    remaining: int
    resets_at: Timestamp
