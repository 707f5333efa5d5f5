"""The object types. Scalar fields are plain attributes; what needs a statement or a scope is a resolver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any
from uuid import UUID

import strawberry

from gateway import model
from gateway.access import Caller, PlaceRef, Scope
from gateway.model import FolderFilter, FolderKey, FolderType, Surface, Timestamp, Window
from gateway.storage.directory import environment_key
from gateway.storage.folders import FolderListing, folder_key
from gateway.storage.pages import slice_page
from schema import enums as enums  # noqa: PLC0414  # gives the enums their GraphQL names before a type uses one
from schema import ids
from schema.connections import After, Before, First, Last, PageInfo, Slice, window_of
from schema.context import Context, Info

SurfaceArgument = Annotated[Surface, strawberry.argument(description="The surface whose folders are meant.")]
Types = Annotated[
    list[FolderType] | None, strawberry.argument(description="Only folders of these types; all where it is left out.")
]
TypeArgument = Annotated[FolderType, strawberry.argument(description="Which of the viewer's folders.")]


@strawberry.interface(description="An object with a globally unique id.")
class Node:
    id: strawberry.ID = strawberry.field(description="Opaque, globally unique, stable.")


@strawberry.type(description="Where one folder of the viewer points, in one environment and on one surface.")
class PersistedFolder(Node):
    uuid: UUID = strawberry.field(description="The id that the REST endpoints use.")
    type: FolderType = strawberry.field(description="Which of the viewer's folders this is.")
    surface: Surface = strawberry.field(description="The surface that the folder belongs to.")
    protocol: str = strawberry.field(description="Prefix of the location, as `products://`; 1 to 64 characters.")
    path: str = strawberry.field(description="Path within the protocol; empty for its root.")
    location: str = strawberry.field(description="`protocol` followed by `path`.")
    created_at: Timestamp = strawberry.field(description="When the folder was created.")
    updated_at: Timestamp = strawberry.field(description="When the folder was last changed.")
    environment_number: strawberry.Private[int]

    @strawberry.field(description="The environment that the folder belongs to.")
    async def environment(self, info: Info) -> Environment:
        found = await info.context.environment(self.environment_number)
        # It may be gone by now, or the key's right to see it.
        return Environment.of(info.context.caller.require_reach(found))

    @classmethod
    def of(cls, folder: model.Folder) -> PersistedFolder:
        return cls(
            id=ids.node_id(ids.FOLDER, folder.id),
            uuid=folder.id,
            type=folder.type,
            surface=folder.surface,
            protocol=folder.protocol,
            path=folder.path,
            location=folder.location,
            created_at=folder.created_at,
            updated_at=folder.updated_at,
            environment_number=folder.environment_id,
        )


@strawberry.type(description="A folder and its place in the list.")
class PersistedFolderEdge:
    slice: strawberry.Private[Slice[model.Folder]]
    row: strawberry.Private[model.Folder]

    @strawberry.field(description="Opaque; hand it back as `after` or `before` on a field with the same arguments.")
    def cursor(self) -> str:
        return self.slice.cursor(self.row)

    @strawberry.field(description="The folder.")
    def node(self) -> PersistedFolder:
        return PersistedFolder.of(self.row)


@strawberry.type(description="A page of persisted folders.")
class PersistedFolderConnection:
    slice: strawberry.Private[Slice[model.Folder]]
    count: strawberry.Private[Callable[[], Any]]

    @strawberry.field(description="The folders of this page, each with its cursor.")
    def edges(self) -> list[PersistedFolderEdge]:
        return [PersistedFolderEdge(slice=self.slice, row=row) for row in self.slice.page.rows]

    @strawberry.field(description="The folders of `edges`, for clients that need no cursors.")
    def nodes(self) -> list[PersistedFolder]:
        return [PersistedFolder.of(row) for row in self.slice.page.rows]

    @strawberry.field(description="Where this page lies in the list.")
    def page_info(self) -> PageInfo:
        return PageInfo(slice=self.slice)

    @strawberry.field(description="How many folders match on all pages. Counted only where it is selected.")
    def total_count(self) -> int:
        # Where it takes a statement, this is something to await.
        total: int = self.count()
        return total


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
    """The viewer's folders at one place, or what is to be awaited. They are three at most: they come whole and are cut here."""
    number = context.caller.locate(place)
    wanted = _sorted(types)
    cursors = context.cursors.bind(field, str(context.caller.user_id), number, str(surface), wanted)
    window: Window[tuple[str]] = window_of(cursors, _type_key, first, after, last, before)

    def connect(folders: Sequence[model.Folder]) -> PersistedFolderConnection:
        if wanted is not None:
            folders = [folder for folder in folders if folder.type in wanted]
        page = slice_page(folders, _key_in_place, window)
        return PersistedFolderConnection(slice=Slice(page, cursors, _key_in_place), count=folders.__len__)

    return context.with_folders(place, surface, connect)


def folder_of_type(context: Context, place: PlaceRef, surface: Surface, folder_type: FolderType) -> Any:
    """The folder, None where there is none, or what is to be awaited."""

    def pick(folders: Sequence[model.Folder]) -> PersistedFolder | None:
        return next((PersistedFolder.of(folder) for folder in folders if folder.type is folder_type), None)

    return context.with_folders(place, surface, pick)


def _type_key(folder_type: str) -> tuple[str]:
    return (folder_type,)


def _key_in_place(folder: model.Folder) -> tuple[str]:
    return (str(folder.type),)


@strawberry.type(description="An environment of a project: what folders belong to.")
class Environment(Node):
    environment_id: int = strawberry.field(description="The number that the REST endpoints use.")
    record: strawberry.Private[model.Environment]

    @strawberry.field(description="The environment's name. Needs the scope `project:read`.")
    def name(self, info: Info) -> str:
        info.context.caller.require(Scope.PROJECT_READ)
        return self.record.name

    @strawberry.field(description="The project that the environment belongs to.")
    def project(self) -> Project:
        return Project.of(self.record.project)

    @strawberry.field(description="The viewer's folders on one surface of this environment, by type.")
    def persisted_folders(
        self,
        info: Info,
        surface: SurfaceArgument = Surface.WEB,
        types: Types = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> PersistedFolderConnection:
        page: PersistedFolderConnection = folders_in_place(
            info.context, "Environment.persistedFolders", self._place, surface, types, first, after, last, before
        )
        return page

    @strawberry.field(description="The viewer's folder of one type; null where there is none yet.")
    def persisted_folder_by_type(
        self, info: Info, type: TypeArgument, surface: SurfaceArgument = Surface.WEB
    ) -> PersistedFolder | None:
        folder: PersistedFolder | None = folder_of_type(info.context, self._place, surface, type)
        return folder

    @property
    def _place(self) -> PlaceRef:
        return PlaceRef(str(self.record.id), is_project=False)

    @classmethod
    def of(cls, environment: model.Environment) -> Environment:
        return cls(id=ids.node_id(ids.ENVIRONMENT, environment.id), environment_id=environment.id, record=environment)


@strawberry.type(description="An environment and its place in the list.")
class EnvironmentEdge:
    slice: strawberry.Private[Slice[model.Environment]]
    row: strawberry.Private[model.Environment]

    @strawberry.field(description="Opaque; hand it back as `after` or `before` on the same field.")
    def cursor(self) -> str:
        return self.slice.cursor(self.row)

    @strawberry.field(description="The environment.")
    def node(self) -> Environment:
        return Environment.of(self.row)


@strawberry.type(description="A page of environments.")
class EnvironmentConnection:
    slice: strawberry.Private[Slice[model.Environment]]

    @strawberry.field(description="The environments of this page, each with its cursor.")
    def edges(self) -> list[EnvironmentEdge]:
        return [EnvironmentEdge(slice=self.slice, row=row) for row in self.slice.page.rows]

    @strawberry.field(description="The environments of `edges`, for clients that need no cursors.")
    def nodes(self) -> list[Environment]:
        return [Environment.of(row) for row in self.slice.page.rows]

    @strawberry.field(description="Where this page lies in the list.")
    def page_info(self) -> PageInfo:
        return PageInfo(slice=self.slice)

    @strawberry.field(description="How many environments there are on all pages. Counted only where it is selected.")
    async def total_count(self, info: Info) -> int:
        return await info.context.load.environment_count.load(None)


@strawberry.type(description="A project. Its primary environment has the project's own number.")
class Project(Node):
    project_id: int = strawberry.field(description="The number that the REST endpoints use.")
    record: strawberry.Private[model.Project]

    @strawberry.field(description="The project's name. Needs the scope `project:read`.")
    def name(self, info: Info) -> str:
        info.context.caller.require(Scope.PROJECT_READ)
        return self.record.name

    @strawberry.field(description="The environment that the project routes of the REST endpoints stand for.")
    async def primary_environment(self, info: Info) -> Environment:
        environment = await info.context.environment(self.record.id)
        return Environment.of(info.context.caller.require_reach(environment))

    @strawberry.field(description="The environments that the viewer's key may reach, by number.")
    async def environments(self, info: Info) -> list[Environment]:
        found = await info.context.load.project_environments.load(self.record.id)
        return [Environment.of(environment) for environment in found]

    @classmethod
    def of(cls, project: model.Project) -> Project:
        return cls(id=ids.node_id(ids.PROJECT, project.id), project_id=project.id, record=project)


@strawberry.type(description="The user whose key the request carries, and what the key may do.")
class Viewer(Node):
    scopes: list[str] = strawberry.field(description="The key's scopes, sorted.")

    @strawberry.field(description="The user's email address. Needs the scope `user:read`.")
    def email(self, info: Info) -> str:
        caller = info.context.caller
        caller.require(Scope.USER_READ)
        return caller.email

    @strawberry.field(description="What `@current` stands for; null where the key may not reach it.")
    async def current_environment(self, info: Info) -> Environment | None:
        environment = await info.context.reachable_environment("@current")
        return None if environment is None else Environment.of(environment)

    @strawberry.field(description="The environments that the key may reach, by number.")
    async def environments(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> EnvironmentConnection:
        context = info.context
        cursors = context.cursors.bind("Viewer.environments", str(context.caller.user_id))
        window: Window[tuple[int]] = window_of(cursors, lambda number: (number,), first, after, last, before)
        page = await context.load.environment_page.load(window)
        return EnvironmentConnection(slice=Slice(page, cursors, environment_key))

    @strawberry.field(
        description="The viewer's folders in every environment that the key may reach, "
        "by environment, surface and type."
    )
    async def persisted_folders(
        self,
        info: Info,
        surfaces: Annotated[
            list[Surface] | None,
            strawberry.argument(description="Only folders of these surfaces; all where it is left out."),
        ] = None,
        types: Types = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> PersistedFolderConnection:
        context = info.context
        wanted = FolderFilter(_sorted(surfaces), _sorted(types))
        owner: tuple[Any, ...] = ("Viewer.persistedFolders", str(context.caller.user_id), wanted.surfaces, wanted.types)
        cursors = context.cursors.bind(*owner)
        window = window_of(cursors, FolderKey, first, after, last, before)
        listing = FolderListing(context.caller.read_reach(), wanted, window)
        page = await context.load.folder_page.load(listing)
        return PersistedFolderConnection(
            slice=Slice(page, cursors, folder_key), count=lambda: context.load.folder_count.load(listing)
        )

    @classmethod
    def of(cls, caller: Caller) -> Viewer:
        return cls(id=ids.node_id(ids.VIEWER, caller.user_id), scopes=sorted(caller.scopes))


def _sorted(values: list[Any] | None) -> tuple[Any, ...] | None:
    return None if values is None else tuple(sorted(set(values)))


@strawberry.type(description="What is left of the key's rate limit.")
class RateLimit:
    limit: int = strawberry.field(description="Requests allowed in the current window.")
    remaining: int = strawberry.field(description="Requests left in it.")
    reset_at: Timestamp = strawberry.field(description="When the window is over.")
