"""The object types. Their values are the service's own records: a field is an attribute of one, or a function of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import strawberry

from gateway import model
from gateway.access import Caller, PlaceRef
from gateway.cursors import Words
from gateway.execution import InstancesOf
from gateway.model import FolderFilter, FolderKey, FolderType, Page, Surface, Timestamp, Window
from gateway.scopes import Scope
from gateway.storage.directory import EnvironmentKey, environment_key
from gateway.storage.folders import FolderListing, folder_key
from gateway.storage.pages import slice_page
from schema import enums as enums  # noqa: PLC0414  # gives the enums their GraphQL names before a type uses one
from schema import ids
from schema.connections import After, Before, Connection, Edge, First, Last, PageInfo, window_of
from schema.context import Context, Info

T = TypeVar("T")

SurfaceArgument = Annotated[Surface, strawberry.argument(description="The surface of the folders.")]
Types = Annotated[
    list[FolderType] | None, strawberry.argument(description="Only folders of these types; of all types if omitted.")
]
TypeArgument = Annotated[FolderType, strawberry.argument(description="Which of the viewer's folders.")]


_ID: Final = "Opaque, globally unique, stable."


@strawberry.interface(description="An object with a globally unique id.")
class Node:
    id: strawberry.ID = strawberry.field(description=_ID)


def shown(record: object) -> T:  # type: ignore[type-var]  # whatever is due
    """Returns the record, typed as the GraphQL type whose value it is."""
    return record  # type: ignore[return-value]


def _folder_id(self: model.Folder) -> strawberry.ID:
    return ids.folder_id(self.id)


def _folder_uuid(self: model.Folder) -> UUID:
    return self.id


async def _folder_environment(self: model.Folder, info: Info) -> Environment:
    found = await info.context.environment(self.environment_id)
    # It may be gone by now, or the key's right to see it.
    return shown(info.context.caller.require_reach(found))


@strawberry.type(description="Where one folder of the viewer points, in one environment and on one surface.")
class PersistedFolder(Node):
    is_type_of = InstancesOf(model.Folder)

    id: strawberry.ID = strawberry.field(resolver=_folder_id, description=_ID)
    uuid: UUID = strawberry.field(resolver=_folder_uuid, description="The id that the REST endpoints use.")
    type: FolderType = strawberry.field(description="Which of the viewer's folders this is.")
    surface: Surface = strawberry.field(description="The surface that the folder belongs to.")
    protocol: str = strawberry.field(
        description="Prefix of the location, for example `products://`; 1 to 64 characters."
    )
    path: str = strawberry.field(description="Path within the protocol; empty for the root.")
    location: str = strawberry.field(description="`protocol` followed by `path`.")
    environment: Environment = strawberry.field(
        resolver=_folder_environment, description="The environment that the folder belongs to."
    )
    created_at: Timestamp = strawberry.field(description="When the folder was created.")
    updated_at: Timestamp = strawberry.field(description="When the folder was last changed.")


@strawberry.type(description="A folder and its place in the list.")
class PersistedFolderEdge:
    is_type_of = InstancesOf(Edge)

    cursor: str = strawberry.field(
        description="Opaque; pass it as `after` or `before` to the same field with the same other arguments."
    )
    node: PersistedFolder = strawberry.field(description="The folder.")


@strawberry.type(description="A page of persisted folders.")
class PersistedFolderConnection:
    edges: list[PersistedFolderEdge] = strawberry.field(description="The folders of this page, each with its cursor.")
    nodes: list[PersistedFolder] = strawberry.field(
        description="The folders of `edges`, for clients that need no cursors."
    )
    page_info: PageInfo = strawberry.field(description="Where this page lies in the list.")
    total_count: int = strawberry.field(
        description="How many folders match on all pages. Counted only if it is selected."
    )


# Of the folders of one place.
_type_of: Final[Callable[[model.Folder], str]] = itemgetter(model.Folder._fields.index("type"))
_TYPES_AS_KEYS: Final = Words(*sorted(FolderType))


def folders_in_place(
    context: Context,
    field: str,
    place: PlaceRef,
    surface: Surface,
    types: list[FolderType] | None,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Any:
    """The viewer's folders at one place, or something to await. There are at most three: the page is cut here."""
    caller = context.caller
    number = caller.locate(place)
    wanted = _sorted(types)
    # None of them has a line end, nor a comma.
    owner = (field, str(caller.user_id), str(number), surface, "all" if wanted is None else ",".join(wanted))
    cursors = context.cursors.bind_words(_TYPES_AS_KEYS, "\n".join(owner))
    window: Window[str] = window_of(cursors, str, first, after, last, before)

    def connect(folders: Sequence[model.Folder]) -> Connection[model.Folder]:
        if wanted is not None:
            folders = [folder for folder in folders if folder.type in wanted]
        return Connection(slice_page(folders, _type_of, window), cursors, _type_of, folders.__len__)

    return context.with_folders(place, number, surface, connect)


def folder_of_type(context: Context, place: PlaceRef, surface: Surface, folder_type: FolderType) -> Any:
    """The folder, None if there is none, or something to await."""

    def pick(folders: Sequence[model.Folder]) -> model.Folder | None:
        return next((folder for folder in folders if folder.type is folder_type), None)

    return context.with_folders(place, context.caller.locate(place), surface, pick)


def _environment_id(self: model.Environment) -> strawberry.ID:
    return ids.node_id(ids.ENVIRONMENT, self.id)


def _environment_number(self: model.Environment) -> int:
    return self.id


def _name(self: model.Environment | model.Project, info: Info) -> str:
    info.context.caller.require(Scope.PROJECT_READ)
    return self.name


def _environment_folders(
    self: model.Environment,
    info: Info,
    surface: SurfaceArgument = Surface.WEB,
    types: Types = None,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> PersistedFolderConnection:
    place = _place_of(self)
    page: PersistedFolderConnection = folders_in_place(
        info.context, "Environment.persistedFolders", place, surface, types, first, after, last, before
    )
    return page


def _environment_folder_by_type(
    self: model.Environment, info: Info, type: TypeArgument, surface: SurfaceArgument = Surface.WEB
) -> PersistedFolder | None:
    folder: PersistedFolder | None = folder_of_type(info.context, _place_of(self), surface, type)
    return folder


def _place_of(environment: model.Environment) -> PlaceRef:
    return PlaceRef(str(environment.id), is_project=False)


@strawberry.type(description="An environment of a project. Each folder belongs to one.")
class Environment(Node):
    is_type_of = InstancesOf(model.Environment)

    id: strawberry.ID = strawberry.field(resolver=_environment_id, description=_ID)
    environment_id: int = strawberry.field(
        resolver=_environment_number, description="The number that the REST endpoints use."
    )
    name: str = strawberry.field(resolver=_name, description="The environment's name. Needs the scope `project:read`.")
    project: Project = strawberry.field(description="The project that the environment belongs to.")
    persisted_folders: PersistedFolderConnection = strawberry.field(
        resolver=_environment_folders,
        description="The viewer's folders on one surface of this environment, ordered by type.",
    )
    persisted_folder_by_type: PersistedFolder | None = strawberry.field(
        resolver=_environment_folder_by_type,
        description="The viewer's folder of one type; null if there is none yet.",
    )


@strawberry.type(description="An environment and its place in the list.")
class EnvironmentEdge:
    is_type_of = InstancesOf(Edge)

    cursor: str = strawberry.field(description="Opaque; pass it as `after` or `before` to the same field.")
    node: Environment = strawberry.field(description="The environment.")


@strawberry.type(description="A page of environments.")
class EnvironmentConnection:
    edges: list[EnvironmentEdge] = strawberry.field(description="The environments of this page, each with its cursor.")
    nodes: list[Environment] = strawberry.field(
        description="The environments of `edges`, for clients that need no cursors."
    )
    page_info: PageInfo = strawberry.field(description="Where this page lies in the list.")
    total_count: int = strawberry.field(
        description="How many environments there are on all pages. Counted only if it is selected."
    )


def _project_id(self: model.Project) -> strawberry.ID:
    return ids.node_id(ids.PROJECT, self.id)


def _project_number(self: model.Project) -> int:
    return self.id


async def _primary_environment(self: model.Project, info: Info) -> Environment:
    environment = await info.context.environment(self.id)
    return shown(info.context.caller.require_reach(environment))


async def _project_environments(self: model.Project, info: Info) -> list[Environment]:
    return shown(await info.context.load.project_environments.load(self.id))


@strawberry.type(description="A project. Its primary environment has the project's own number.")
class Project(Node):
    is_type_of = InstancesOf(model.Project)

    id: strawberry.ID = strawberry.field(resolver=_project_id, description=_ID)
    project_id: int = strawberry.field(resolver=_project_number, description="The number that the REST endpoints use.")
    name: str = strawberry.field(resolver=_name, description="The project's name. Needs the scope `project:read`.")
    primary_environment: Environment = strawberry.field(
        resolver=_primary_environment,
        description="The environment whose folders the project routes of the REST endpoints show.",
    )
    environments: list[Environment] = strawberry.field(
        resolver=_project_environments,
        description="The environments of the project that the viewer's key has access to, ordered by number.",
    )


def _viewer_id(self: Caller) -> strawberry.ID:
    return ids.node_id(ids.VIEWER, self.user_id)


def _email(self: Caller) -> str:
    self.require(Scope.USER_READ)
    return self.email


def _scopes(self: Caller) -> list[str]:
    return sorted(self.scopes)


async def _current_environment(info: Info) -> Environment | None:
    return shown(await info.context.reachable_environment("@current"))


def _viewer_environments(
    self: Caller, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
) -> EnvironmentConnection:
    context = info.context
    cursors = context.cursors.bind("Viewer.environments", str(self.user_id))
    window: Window[EnvironmentKey] = window_of(cursors, _number_key, first, after, last, before)

    def connect(page: Page[model.Environment]) -> Connection[model.Environment]:
        return Connection(page, cursors, environment_key, lambda: context.load.environment_count.load(None))

    return shown(context.with_environments(window, connect))


def _number_key(number: int) -> EnvironmentKey:
    return (number,)


async def _viewer_folders(
    self: Caller,
    info: Info,
    surfaces: Annotated[
        list[Surface] | None,
        strawberry.argument(description="Only folders of these surfaces; of all surfaces if omitted."),
    ] = None,
    types: Types = None,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> PersistedFolderConnection:
    load = info.context.load
    wanted = FolderFilter(_sorted(surfaces), _sorted(types))
    owner: tuple[Any, ...] = ("Viewer.persistedFolders", str(self.user_id), wanted.surfaces, wanted.types)
    cursors = info.context.cursors.bind(*owner)
    window = window_of(cursors, FolderKey, first, after, last, before)
    listing = FolderListing(self.read_reach(), wanted, window)
    page = await load.folder_page.load(listing)
    return shown(Connection(page, cursors, folder_key, lambda: load.folder_count.load(listing)))


@strawberry.type(description="The user whose key the request carries, and what the key may do.")
class Viewer(Node):
    is_type_of = InstancesOf(Caller)

    id: strawberry.ID = strawberry.field(resolver=_viewer_id, description=_ID)
    email: str = strawberry.field(resolver=_email, description="The user's email address. Needs the scope `user:read`.")
    scopes: list[str] = strawberry.field(resolver=_scopes, description="The key's scopes, sorted.")
    current_environment: Environment | None = strawberry.field(
        resolver=_current_environment,
        description="The environment that `@current` stands for; null if the key has no access to it.",
    )
    environments: EnvironmentConnection = strawberry.field(
        resolver=_viewer_environments, description="The environments that the key has access to, ordered by number."
    )
    persisted_folders: PersistedFolderConnection = strawberry.field(
        resolver=_viewer_folders,
        description="The viewer's folders in every environment that the key has access to, "
        "ordered by environment, surface and type.",
    )


def _sorted(values: list[Any] | None) -> tuple[Any, ...] | None:
    return None if values is None else tuple(sorted(set(values)))


@strawberry.type(description="What is left of the key's rate limit.")
class RateLimit:
    limit: int = strawberry.field(description="Requests allowed in the current window.")
    remaining: int = strawberry.field(description="Requests left in the current window.")
    reset_at: Timestamp = strawberry.field(description="When the window ends.")
