"""A handler for each operation, written by hand: aiohttp, one joined statement, orjson, no GraphQL engine.

They take the variables of the operation and make the answer that GraphQL would.
"""

from __future__ import annotations

import os
import time
import uuid
from collections import defaultdict
from typing import Any

import folders
import orjson
import uvloop
from aiohttp import web

if "PEER_SQLITE" in os.environ:
    from handwritten_sqlite import Store
else:
    from handwritten_postgresql import Store

STORE = web.AppKey("store", Store)


def answer(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


def refusal() -> web.Response:
    return answer({"errors": [{"message": "The key is invalid, or gives no access."}]}, 403)


def now() -> int:
    return time.time_ns() // 1000


async def variables(request: web.Request) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(await request.read())["variables"]
    return found


def hash_of(request: web.Request) -> str:
    return folders.key_hash(request.headers.get("Authorization"))


async def listed(request: web.Request) -> web.Response:
    environment_id = int((await variables(request))["environment"])
    rows = await request.app[STORE].folders(hash_of(request), now(), environment_id, "web")
    if rows is None:
        return refusal()
    return answer({"data": {"persistedFolders": folders.connection(rows, environment_id, "web")}})


async def upserted(request: web.Request) -> web.Response:
    given = (await variables(request))["input"]
    stored = await upsert(request, int(given["environmentId"]), given["type"].lower(), given)
    if stored is None:
        return refusal()
    payload = {"created": stored["created"], "persistedFolder": folders.node(stored), "userErrors": []}
    return answer({"data": {"upsertPersistedFolder": payload}})


async def dashboard(request: web.Request) -> web.Response:
    ids = {name: int(value) for name, value in (await variables(request)).items()}
    by_environment = await request.app[STORE].places(hash_of(request), now(), list(ids.values()))
    if by_environment.keys() != set(ids.values()):
        return refusal()
    data = {}
    for name, environment_id in ids.items():
        by_surface = grouped(by_environment[environment_id])
        for surface in ("web", "desktop"):
            data[f"{name}{surface}"] = folders.connection(by_surface[surface], environment_id, surface)
    return answer({"data": data})


async def nested_dashboard(request: web.Request) -> web.Response:
    by_environment = await request.app[STORE].all_places(hash_of(request), now(), 10)
    if not by_environment:
        return refusal()
    nodes = []
    for environment_id, rows in by_environment.items():
        by_surface = grouped(rows)
        lists = {surface: folders.connection(by_surface[surface], environment_id, surface) for surface in SURFACES}
        nodes.append({"environmentId": environment_id, **lists})
    return answer({"data": {"viewer": {"environments": {"nodes": nodes}}}})


SURFACES = ("web", "desktop")


def grouped(rows: list[Any]) -> dict[str, list[Any]]:
    by_surface: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        by_surface[row["surface"]].append(row)
    return by_surface


def rest_folder(row: Any) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "type": row["type"],
        "protocol": row["protocol"],
        "path": row["path"],
        "created_at": folders.time(row["created_at"]),
        "updated_at": folders.time(row["updated_at"]),
    }


async def rest_list(request: web.Request) -> web.Response:
    environment_id = int(request.match_info["environment_id"])
    rows = await request.app[STORE].folders(hash_of(request), now(), environment_id, "web")
    if rows is None:
        return refusal()
    results = [rest_folder(row) for row in rows]
    return answer({"count": len(results), "next": None, "previous": None, "results": results})


async def rest_create(request: web.Request) -> web.Response:
    given = orjson.loads(await request.read())
    stored = await upsert(request, int(request.match_info["environment_id"]), given["type"], given)
    return refusal() if stored is None else answer(rest_folder(stored), 201)


async def upsert(request: web.Request, environment_id: int, folder_type: str, given: dict[str, Any]) -> Any:
    return await request.app[STORE].upsert(
        hash_of(request),
        now(),
        environment_id,
        uuid.uuid4(),
        "web",
        folder_type,
        given.get("protocol", "products://"),
        given.get("path", ""),
    )


async def make_app() -> web.Application:
    app = web.Application()
    app[STORE] = await Store.open()
    app.add_routes(
        [
            web.post("/A", listed),
            web.post("/B", upserted),
            web.post("/C", dashboard),
            web.post("/C-nested", nested_dashboard),
            web.get("/api/environments/{environment_id}/persisted_folder/", rest_list),
            web.post("/api/environments/{environment_id}/persisted_folder/", rest_create),
        ]
    )
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
