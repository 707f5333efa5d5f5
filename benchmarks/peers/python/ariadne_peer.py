"""Ariadne on uvicorn, with asyncpg, a data loader, and its parser and validation cached."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import asyncpg
import folders
import uvicorn
from aiodataloader import DataLoader
from ariadne import MutationType, ObjectType, QueryType, make_executable_schema
from ariadne.asgi import GraphQL
from graphql import DocumentNode, GraphQLError, GraphQLSchema, parse, validate
from starlette.applications import Starlette
from starlette.routing import Route

pool: Any = None


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    global pool
    async with asyncpg.create_pool(
        host=os.environ["PEER_HOST"], database=os.environ["PEER_DATABASE"], user="postgres"
    ) as pool:
        yield


class Environments(DataLoader[int, bool]):
    def __init__(self, user_id: uuid.UUID) -> None:
        super().__init__()
        self._user_id = user_id

    async def batch_load_fn(self, keys: list[int]) -> list[bool]:
        rows = await pool.fetch(
            "SELECT e.id FROM environments e JOIN projects p ON p.id = e.project_id "
            "JOIN memberships m ON m.organization_id = p.organization_id "
            "WHERE m.user_id = $1 AND e.id = ANY($2::bigint[])",
            self._user_id,
            keys,
        )
        reachable = {row["id"] for row in rows}
        return [key in reachable for key in keys]


class Folders(DataLoader[tuple[int, str], list[Any]]):
    def __init__(self, user_id: uuid.UUID) -> None:
        super().__init__()
        self._user_id = user_id

    async def batch_load_fn(self, keys: list[tuple[int, str]]) -> list[list[Any]]:
        rows = await pool.fetch(
            "SELECT environment_id, id, surface, type, protocol, path, created_at, updated_at FROM persisted_folders "
            "WHERE user_id = $1 AND environment_id = ANY($2::bigint[]) AND surface = ANY($3) ORDER BY type",
            self._user_id,
            list({environment_id for environment_id, _ in keys}),
            list({surface for _, surface in keys}),
        )
        by_place: dict[tuple[int, str], list[Any]] = {key: [] for key in keys}
        for row in rows:
            by_place.get((row["environment_id"], row["surface"]), []).append(row)
        return [by_place[key] for key in keys]


async def open_context(request: Any, _: Any = None) -> dict[str, Any]:
    user_id = await pool.fetchval(
        "SELECT u.id FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.hash = $1 AND k.revoked_at IS NULL "
        "AND (k.expires_at IS NULL OR k.expires_at > $2) AND u.is_active",
        folders.key_hash(request.headers.get("Authorization")),
        time.time_ns() // 1000,
    )
    if user_id is None:
        raise GraphQLError("The key is invalid.")
    return {"user_id": user_id, "environments": Environments(user_id), "folders": Folders(user_id)}


query, mutation, viewer, environment = QueryType(), MutationType(), ObjectType("Viewer"), ObjectType("Environment")


async def require_environment(info: Any, environment_id: int) -> None:
    if not await info.context["environments"].load(environment_id):
        raise GraphQLError("Project not found.")


async def connection(info: Any, environment_id: int, surface: str) -> dict[str, Any]:
    rows = await info.context["folders"].load((environment_id, surface.lower()))
    return folders.connection(rows, environment_id, surface)


@query.field("persistedFolders")
async def persisted_folders(_: Any, info: Any, environmentId: str, surface: str) -> dict[str, Any]:  # noqa: N803  # the argument's name in the schema
    await require_environment(info, int(environmentId))
    return await connection(info, int(environmentId), surface)


@query.field("viewer")
def resolve_viewer(*_: Any) -> dict[str, Any]:
    return {}


@viewer.field("environments")
async def viewer_environments(_: Any, info: Any, first: int) -> dict[str, Any]:
    rows = await pool.fetch(
        "SELECT e.id FROM environments e JOIN projects p ON p.id = e.project_id "
        "JOIN memberships m ON m.organization_id = p.organization_id WHERE m.user_id = $1 ORDER BY e.id LIMIT $2",
        info.context["user_id"],
        first,
    )
    return {"nodes": [{"environmentId": row["id"]} for row in rows]}


@environment.field("persistedFolders")
async def environment_folders(parent: dict[str, Any], info: Any, surface: str) -> dict[str, Any]:
    return await connection(info, parent["environmentId"], surface)


@mutation.field("upsertPersistedFolder")
async def upsert(_: Any, info: Any, input: dict[str, Any]) -> dict[str, Any]:
    environment_id, new_id = int(input["environmentId"]), uuid.uuid4()
    await require_environment(info, environment_id)
    row = await pool.fetchrow(
        "INSERT INTO persisted_folders "
        "(environment_id, id, user_id, surface, type, protocol, path, created_at, updated_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT (environment_id, user_id, surface, type) DO UPDATE "
        "SET protocol = excluded.protocol, path = excluded.path, updated_at = excluded.updated_at "
        "RETURNING id, type, protocol, path, created_at, updated_at",
        environment_id,
        new_id,
        info.context["user_id"],
        input["surface"].lower(),
        input["type"].lower(),
        input["protocol"],
        input["path"],
        time.time_ns() // 1000,
    )
    return {"created": row["id"] == new_id, "persistedFolder": folders.node(row), "userErrors": []}


schema = make_executable_schema(
    Path(__file__).parents[1].joinpath("schema.graphql").read_text(), query, mutation, viewer, environment
)


@lru_cache(maxsize=256)
def parsed(text: str) -> DocumentNode:
    return parse(text)


def parse_cached(_: Any, data: dict[str, Any]) -> DocumentNode:
    return parsed(data["query"])


_valid: dict[int, DocumentNode] = {}


def validate_cached(
    schema: GraphQLSchema, document: DocumentNode, *arguments: Any, **options: Any
) -> list[GraphQLError]:
    # `parsed` gives the same document for the same text, and keeping it here keeps its id its own.
    if _valid.get(id(document)) is document:
        return []
    errors = validate(schema, document, *arguments, **options)
    if not errors and len(_valid) < 256:
        _valid[id(document)] = document
    return errors


app = Starlette(
    routes=[
        Route(
            "/graphql",
            GraphQL(
                schema,
                context_value=open_context,
                query_parser=parse_cached,
                query_validator=validate_cached,
            ),
        )
    ],
    lifespan=lifespan,
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PEER_PORT"]), log_level="warning")
