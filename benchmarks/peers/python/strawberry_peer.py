"""Strawberry as its documentation shows it: its view for aiohttp, on SQLAlchemy's ORM with one session for each resolver."""

from __future__ import annotations

import os
import time
import uuid
from enum import Enum
from typing import Any

import folders
import strawberry
import uvloop
from aiohttp import web
from models import ApiKey, Environment, Folder, Membership, Project
from sqlalchemy import event, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from strawberry.aiohttp.views import GraphQLView

if "PEER_SQLITE" in os.environ:
    insert: Any = sqlite.insert
    engine = create_async_engine(f"sqlite+aiosqlite:///{os.environ['PEER_SQLITE']}", pool_size=10, max_overflow=0)

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

else:
    insert = postgresql.insert
    engine = create_async_engine(
        f"postgresql+asyncpg://postgres@/{os.environ['PEER_DATABASE']}?host={os.environ['PEER_HOST']}",
        pool_size=10,
        max_overflow=0,
    )
async_session = async_sessionmaker(engine, expire_on_commit=False)


@strawberry.enum
class Surface(Enum):
    WEB = "web"
    DESKTOP = "desktop"


@strawberry.enum
class PersistedFolderType(Enum):
    HOME = "home"
    PINNED = "pinned"
    CUSTOM_PRODUCTS = "custom_products"


@strawberry.type
class PersistedFolder:
    id: strawberry.ID
    type: PersistedFolderType
    protocol: str
    path: str
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, row: Folder) -> PersistedFolder:
        return cls(
            id=strawberry.ID(folders.node_id(row.id)),
            type=PersistedFolderType(row.type),
            protocol=row.protocol,
            path=row.path,
            created_at=folders.time(row.created_at),
            updated_at=folders.time(row.updated_at),
        )


@strawberry.type
class PersistedFolderEdge:
    cursor: str
    node: PersistedFolder


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class PersistedFolderConnection:
    edges: list[PersistedFolderEdge]
    page_info: PageInfo
    total_count: int


async def list_folders(
    session: AsyncSession, user_id: uuid.UUID, environment_id: int, surface: Surface
) -> PersistedFolderConnection:
    rows = (
        await session.scalars(
            select(Folder)
            .where(
                Folder.user_id == user_id,
                Folder.environment_id == environment_id,
                Folder.surface == surface.value,
            )
            .order_by(Folder.type)
        )
    ).all()
    edges = [
        PersistedFolderEdge(
            cursor=folders.cursor(row.environment_id, row.surface, row.type), node=PersistedFolder.of(row)
        )
        for row in rows
    ]
    end_cursor = edges[-1].cursor if edges else None
    return PersistedFolderConnection(
        edges=edges, page_info=PageInfo(has_next_page=False, end_cursor=end_cursor), total_count=len(edges)
    )


async def require_environment(session: AsyncSession, user_id: uuid.UUID, environment_id: int) -> None:
    found = await session.scalar(
        select(Environment.id)
        .join(Environment.project)
        .join(Membership, Membership.organization_id == Project.organization_id)
        .where(Environment.id == environment_id, Membership.user_id == user_id)
    )
    if found is None:
        raise ValueError("Project not found.")


@strawberry.type(name="Environment")
class EnvironmentType:
    environment_id: int

    @strawberry.field
    async def persisted_folders(
        self, info: strawberry.Info, surface: Surface = Surface.WEB
    ) -> PersistedFolderConnection:
        async with async_session() as session:
            return await list_folders(session, info.context["user_id"], self.environment_id, surface)


@strawberry.type
class EnvironmentConnection:
    nodes: list[EnvironmentType]


@strawberry.type
class Viewer:
    @strawberry.field
    async def environments(self, info: strawberry.Info, first: int = 100) -> EnvironmentConnection:
        async with async_session() as session:
            rows = (
                await session.scalars(
                    select(Environment)
                    .join(Environment.project)
                    .join(Membership, Membership.organization_id == Project.organization_id)
                    .where(Membership.user_id == info.context["user_id"])
                    .order_by(Environment.id)
                    .limit(first)
                )
            ).all()
        return EnvironmentConnection(nodes=[EnvironmentType(environment_id=row.id) for row in rows])


@strawberry.type
class Query:
    @strawberry.field
    async def persisted_folders(
        self, info: strawberry.Info, environment_id: strawberry.ID, surface: Surface = Surface.WEB
    ) -> PersistedFolderConnection:
        user_id = info.context["user_id"]
        async with async_session() as session:
            await require_environment(session, user_id, int(environment_id))
            return await list_folders(session, user_id, int(environment_id), surface)

    @strawberry.field
    def viewer(self) -> Viewer:
        return Viewer()


@strawberry.input
class UpsertPersistedFolderInput:
    environment_id: strawberry.ID
    type: PersistedFolderType
    surface: Surface = Surface.WEB
    protocol: str = "products://"
    path: str = ""


@strawberry.type
class UserError:
    code: str
    field: list[str] | None
    message: str


@strawberry.type
class UpsertPersistedFolderPayload:
    created: bool
    persisted_folder: PersistedFolder | None
    user_errors: list[UserError]


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def upsert_persisted_folder(
        self, info: strawberry.Info, input: UpsertPersistedFolderInput
    ) -> UpsertPersistedFolderPayload:
        user_id, environment_id = info.context["user_id"], int(input.environment_id)
        new_id, now = uuid.uuid4(), time.time_ns() // 1000
        statement = insert(Folder).values(
            environment_id=environment_id,
            id=new_id,
            user_id=user_id,
            surface=input.surface.value,
            type=input.type.value,
            protocol=input.protocol,
            path=input.path,
            created_at=now,
            updated_at=now,
        )
        statement = statement.on_conflict_do_update(
            index_elements=["environment_id", "user_id", "surface", "type"],
            set_={"protocol": input.protocol, "path": input.path, "updated_at": now},
        ).returning(Folder)
        async with async_session() as session, session.begin():
            await require_environment(session, user_id, environment_id)
            row = (await session.scalars(statement, execution_options={"populate_existing": True})).one()
        return UpsertPersistedFolderPayload(
            created=row.id == new_id, persisted_folder=PersistedFolder.of(row), user_errors=[]
        )


class View(GraphQLView[Any]):
    async def get_context(self, request: web.Request, response: Any) -> dict[str, Any]:
        now = time.time_ns() // 1000
        async with async_session() as session:
            key = await session.scalar(
                select(ApiKey).where(ApiKey.hash == folders.key_hash(request.headers.get("Authorization")))
            )
        if (
            key is None
            or key.revoked_at is not None
            or (key.expires_at is not None and key.expires_at <= now)
            or not key.user.is_active
        ):
            raise web.HTTPUnauthorized
        return {"request": request, "response": response, "user_id": key.user.id}


def make_app() -> web.Application:
    app = web.Application()
    schema = strawberry.Schema(query=Query, mutation=Mutation)
    app.router.add_route("*", "/graphql", View(schema=schema, graphql_ide=None))
    return app


if __name__ == "__main__":
    web.run_app(
        make_app(),
        host="127.0.0.1",
        port=int(os.environ["PEER_PORT"]),
        access_log=None,
        print=None,
        loop=uvloop.new_event_loop(),
    )
