"""Who may do what, where: the table of contract/rest.md, 'Who may call', as pure functions.

A `Caller` is who a key says is calling. A `Grant` proves that the caller may read folders at one
place, a `WriteGrant` that it may change them too. A `Reach` proves the scope alone and stands for
every environment that the key may reach; the store resolves it in SQL. Only a `Caller` makes any
of them, after all its checks, and every method of the folder store asks for one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self
from uuid import UUID

from gateway.errors import NotFound, PermissionDenied
from gateway.model import MAX_ID, Environment, Surface
from gateway.scopes import Scope, included_scopes

CURRENT: Final = "@current"


class PlaceRef(NamedTuple):
    """How a request names a place: by project, which means its primary environment, or by environment.

    `id` is the client's own text: a number or `@current`.
    """

    id: str
    is_project: bool


CURRENT_ENVIRONMENT: Final = PlaceRef(CURRENT, is_project=False)


class _Seal:
    """Held by this module alone, so that proofs are made here alone."""


_SEAL: Final = _Seal()


class _Granted(NamedTuple):
    user_id: UUID
    environment: Environment
    surface: Surface


class Grant(_Granted):
    """Proof that a user may read folders in one environment, on one surface."""

    __slots__ = ()

    def __new__(cls, user_id: UUID, environment: Environment, surface: Surface, seal: _Seal) -> Self:
        _check_seal(seal)
        # Made for each list: as a dataclass it took thrice the time.
        return tuple.__new__(cls, (user_id, environment, surface))


class WriteGrant(Grant):
    """Proof that the user may change folders there too."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Reach:
    """Every environment that a key may reach: its user's organizations, narrowed by the key's limits."""

    user_id: UUID
    environments: frozenset[int] | None
    organizations: frozenset[UUID] | None
    seal: _Seal = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_seal(self.seal)


@dataclass(frozen=True, slots=True)
class FolderReach(Reach):
    """Proof that the user may read folders there; narrowed to one surface where one is given."""

    surface: Surface | None = None


@dataclass(frozen=True, slots=True)
class FolderWriteReach(FolderReach):
    """Proof that the user may change folders there too."""


def _check_seal(seal: _Seal) -> None:
    if seal is not _SEAL:
        raise TypeError("only a Caller makes grants")


@dataclass(frozen=True, slots=True)
class Caller:
    """The user behind a valid key, and what that key may do.

    `environments` and `organizations` are the key's limits; None means that it has none.
    """

    key_id: UUID
    key_hash: str = field(repr=False)
    user_id: UUID
    email: str
    scopes: frozenset[str]
    environments: frozenset[int] | None
    organizations: frozenset[UUID] | None
    memberships: frozenset[UUID]
    current_environment_id: int | None
    current_project_id: int | None

    def has(self, scope: Scope) -> bool:
        """`write` includes `read`, `*` includes all."""
        return scope in included_scopes(self.scopes)

    def require(self, scope: Scope) -> None:
        """Raises PermissionDenied."""
        if not self.has(scope):
            raise PermissionDenied(f"API key missing required scope '{scope}'")

    def find(self, place: PlaceRef) -> int | None:
        """The number of the environment that `place` stands for; None if it cannot stand for any.

        A project means its primary environment, which has the project's own number.
        """
        if place.id == CURRENT:
            return self.current_project_id if place.is_project else self.current_environment_id
        return parse_number(place.id)

    def locate(self, place: PlaceRef) -> int:
        """Like `find`, but raises NotFound."""
        number = self.find(place)
        if number is None:
            raise project_not_found()
        return number

    def may_reach(self, environment: Environment) -> bool:
        """Whether the key's limits and the user's memberships let it see the environment at all."""
        organization = environment.project.organization_id
        return (
            (self.environments is None or environment.id in self.environments)
            and (self.organizations is None or organization in self.organizations)
            and organization in self.memberships
        )

    def read(self, place: PlaceRef, environment: Environment | None, surface: Surface) -> Grant:
        """A grant to read at `place`; `environment` is what was found under the number from `locate`.

        Raises NotFound or PermissionDenied, in the order of contract/rest.md, 'Who may call'.
        """
        found = self._check_place(place, environment, Scope.FOLDER_READ)
        return Grant(self.user_id, found, surface, _SEAL)

    def write(self, place: PlaceRef, environment: Environment | None, surface: Surface) -> WriteGrant:
        """Like `read`, for changes."""
        found = self._check_place(place, environment, Scope.FOLDER_WRITE)
        return WriteGrant(self.user_id, found, surface, _SEAL)

    def reach(self) -> Reach:
        """What the caller may see of environments and projects: this needs no scope."""
        return Reach(self.user_id, self.environments, self.organizations, _SEAL)

    def read_reach(self) -> FolderReach:
        """Raises PermissionDenied where the scope is missing."""
        self.require(Scope.FOLDER_READ)
        return FolderReach(self.user_id, self.environments, self.organizations, _SEAL)

    def write_reach(self, surface: Surface | None = None) -> FolderWriteReach:
        """Raises PermissionDenied where the scope is missing."""
        self.require(Scope.FOLDER_WRITE)
        return FolderWriteReach(self.user_id, self.environments, self.organizations, _SEAL, surface)

    def require_reach(self, environment: Environment | None) -> Environment:
        """The environment, if the caller may see it; this needs no scope. Raises NotFound or PermissionDenied."""
        if environment is None:
            raise project_not_found()
        self._check_limits(environment)
        self._check_membership(environment)
        return environment

    def _check_place(self, place: PlaceRef, environment: Environment | None, scope: Scope) -> Environment:
        if environment is None or (place.is_project and not environment.is_primary):
            raise project_not_found()
        self._check_limits(environment)
        self.require(scope)
        self._check_membership(environment)
        return environment

    def _check_limits(self, environment: Environment) -> None:
        organization = environment.project.organization_id
        if self.environments is not None and environment.id not in self.environments:
            raise PermissionDenied(f"API key does not have access to the requested project: ID {environment.id}.")
        if self.organizations is not None and organization not in self.organizations:
            raise PermissionDenied(f"API key does not have access to the requested organization: ID {organization}.")

    def _check_membership(self, environment: Environment) -> None:
        if environment.project.organization_id not in self.memberships:
            raise PermissionDenied("You don't have access to the project.")


def project_not_found() -> NotFound:
    return NotFound("Project not found.")


def parse_number(text: str) -> int | None:
    # int() takes signs, spaces, underscores and other scripts' digits too, as the REST clients' reference does.
    try:
        number = int(text)
    except ValueError:
        return None
    return number if 0 < number <= MAX_ID else None
