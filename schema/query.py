"""The queries."""

from __future__ import annotations

from typing import Annotated, Any, Final

import strawberry

from gateway import model
from gateway.access import CURRENT, Caller
from gateway.model import Surface
from gateway.scopes import Scope
from schema import ids
from schema.connections import After, Before, First, Last
from schema.context import Context, Info
from schema.types import (
    Environment,
    Node,
    PersistedFolder,
    PersistedFolderConnection,
    Project,
    RateLimit,
    SurfaceArgument,
    TypeArgument,
    Types,
    Viewer,
    folder_of_type,
    folders_in_place,
    shown,
)

PROJECT_ID: Final = (
    "A project, by number, Node id or `@current`; it stands for its primary environment. Not together with "
    "`environmentId`."
)
ENVIRONMENT_ID: Final = "An environment, by number, Node id or `@current`. Not together with `projectId`."
ProjectId = Annotated[strawberry.ID | None, strawberry.argument(description=PROJECT_ID)]
EnvironmentId = Annotated[strawberry.ID | None, strawberry.argument(description=ENVIRONMENT_ID)]


async def find_folder(
    context: Context, text: str, project_id: str | None, environment_id: str | None, surface: Surface | None
) -> model.Folder | None:
    """The caller's own folder, unless another place is given than the folder's."""
    place = context.place_of(project_id, environment_id)
    number = None
    if place is None:
        # Before the id is looked at: without the scope, every id is answered alike.
        context.caller.require(Scope.FOLDER_READ)
    else:
        number = (await context.read_grant(place, surface or Surface.WEB)).environment.id
    uuid = ids.folder_uuid(text)
    folder = None if uuid is None else await context.load.own_folder.load(uuid)
    if (
        folder is None
        or (number is not None and folder.environment_id != number)
        or (surface is not None and folder.surface is not surface)
    ):
        return None
    return folder


async def find_node(context: Context, text: str) -> model.Folder | model.Environment | model.Project | Caller | None:
    name, raw = ids.parse_node_id(text) or ("", "")
    caller = context.caller
    if name == ids.FOLDER:
        return await find_folder(context, text, None, None, None)
    if name == ids.ENVIRONMENT and raw != CURRENT:
        return await context.reachable_environment(raw)
    if name == ids.PROJECT and raw != CURRENT:
        return await find_project(context, raw)
    if name == ids.VIEWER and raw == str(caller.user_id):
        return caller
    return None


async def find_project(context: Context, text: str) -> model.Project | None:
    environments = await context.project_environments(text)
    return environments[0].project if environments else None


@strawberry.type(description="The queries. All fields but `__typename` need a key.")
class Query:
    @strawberry.field(description="The user whose key the request carries.")
    def viewer(self, info: Info) -> Viewer:
        return shown(info.context.caller)

    @strawberry.field(description="An object by its Node id; null if there is none, or the viewer may not see it.")
    async def node(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="A Node id.")]
    ) -> Node | None:
        return shown(await find_node(info.context, id))

    @strawberry.field(description="Like `node`, for several ids at once; in the order of the ids.")
    def nodes(
        self, info: Info, ids: Annotated[list[strawberry.ID], strawberry.argument(description="Node ids.")]
    ) -> list[Node | None]:
        context = info.context
        _ = context.caller
        # Not awaited here: an item that fails is null by itself, with an error of its own.
        items: list[Any] = [find_node(context, each) for each in ids]
        return items

    @strawberry.field(description="A project; null if there is none, or the viewer may not see it.")
    async def project(
        self,
        info: Info,
        id: Annotated[
            strawberry.ID, strawberry.argument(description="A number, `@current` or a Node id.")
        ] = strawberry.ID(CURRENT),
    ) -> Project | None:
        return shown(await find_project(info.context, id))

    @strawberry.field(description="An environment; null if there is none, or the viewer may not see it.")
    async def environment(
        self,
        info: Info,
        id: Annotated[
            strawberry.ID, strawberry.argument(description="A number, `@current` or a Node id.")
        ] = strawberry.ID(CURRENT),
    ) -> Environment | None:
        return shown(await info.context.reachable_environment(id))

    @strawberry.field(
        description="The viewer's folders on one surface of one environment, ordered by type. Name a project, which "
        "stands for its primary environment,\nor an environment, by number, Node id or `@current`; without either it is "
        "the current environment."
    )
    def persisted_folders(
        self,
        info: Info,
        project_id: ProjectId = None,
        environment_id: EnvironmentId = None,
        surface: SurfaceArgument = Surface.WEB,
        types: Types = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> PersistedFolderConnection:
        place = info.context.place_or_current(project_id, environment_id)
        page: PersistedFolderConnection = folders_in_place(
            info.context, "Query.persistedFolders", place, surface, types, first, after, last, before
        )
        return page

    @strawberry.field(
        description="One folder by its Node id or its UUID; null if there is none, or if an argument names another "
        "place than the folder's."
    )
    async def persisted_folder(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="A Node id or a UUID.")],
        project_id: ProjectId = None,
        environment_id: EnvironmentId = None,
        surface: Annotated[
            Surface | None, strawberry.argument(description="Only a folder of this surface; of any surface if omitted.")
        ] = None,
    ) -> PersistedFolder | None:
        return shown(await find_folder(info.context, id, project_id, environment_id, surface))

    @strawberry.field(description="The viewer's folder of one type; null if there is none yet.")
    def persisted_folder_by_type(
        self,
        info: Info,
        type: TypeArgument,
        project_id: ProjectId = None,
        environment_id: EnvironmentId = None,
        surface: SurfaceArgument = Surface.WEB,
    ) -> PersistedFolder | None:
        place = info.context.place_or_current(project_id, environment_id)
        folder: PersistedFolder | None = folder_of_type(info.context, place, surface, type)
        return folder

    @strawberry.field(description="What is left of the key's rate limit; null if there is no rate limit.")
    def rate_limit(self, info: Info) -> RateLimit | None:
        _ = info.context.caller
        state = info.context.rate_limit
        return (
            None if state is None else RateLimit(limit=state.limit, remaining=state.remaining, reset_at=state.resets_at)
        )
