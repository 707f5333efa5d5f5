"""`GET /openapi.json`: the REST endpoints as OpenAPI 3.1, for clients and for testers."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from gateway import __version__
from gateway.http.bodies import MEDIA_TYPES
from gateway.http.json import encode_json
from gateway.http.openapi_components import RESPONSES, SCHEMAS, JsonObject, content
from gateway.http.proxies import PublicAddress
from gateway.http.replies import Reply
from gateway.http.rest import ROUTES, Route

# What every operation may answer: where no key is in the header, the body of any request is looked at for one.
_SHARED_ERRORS: Final = ("400", "401", "403", "404", "406", "413", "415", "429", "500", "503")


class OpenApiEndpoint:
    def __init__(self, address: PublicAddress) -> None:
        self._address = address

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/openapi.json", self.get)]

    async def get(self, request: web.Request) -> Reply:
        document = {**_document(), "servers": [{"url": self._address.base(request)}]}
        return Reply(200, encode_json(document), "application/json")


def _document() -> JsonObject:
    paths: JsonObject = {}
    for route in ROUTES:
        path = route.path.replace("{place}", "{project_id}" if route.is_project else "{environment_id}")
        paths[f"{path}/"] = _list_path(route)
        paths[f"{path}/{{id}}/"] = _detail_path(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Persisted folders",
            "version": __version__,
            "description": "For each user, environment and product surface, where the home, pinned and custom "
            "products folders point. The last slash of each path is optional; HEAD answers as GET, and OPTIONS "
            "tells what may be sent.",
        },
        "security": [{"personalApiKey": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "personalApiKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A personal API key. It may also stand in the body or in the query string, "
                    "as `personal_api_key`.",
                }
            },
            "schemas": SCHEMAS,
            "responses": RESPONSES,
        },
    }


def _list_path(route: Route) -> JsonObject:
    name, parameters = _names(route)
    return {
        "parameters": parameters,
        "get": {
            "operationId": f"{name}_list",
            "summary": "The caller's folders there, by type. Needs `persisted_folder:read`.",
            "parameters": [
                _query("limit", "How many rows; what is no positive integer counts as 100.", 100),
                _query("offset", "How many rows to skip; what is no natural number counts as 0.", 0),
            ],
            "responses": _responses({"200": content("The page.", "PersistedFolderList")}),
        },
        "post": {
            "operationId": f"{name}_create",
            "summary": "Creates the folder, or overwrites the one of this type. Needs `persisted_folder:write`.",
            "requestBody": _body("PersistedFolderCreate"),
            "responses": _responses(
                {"201": {**content("The folder.", "PersistedFolder"), "links": _links(name, parameters)}}
            ),
        },
    }


def _detail_path(route: Route) -> JsonObject:
    name, parameters = _names(route)
    folder = {"200": content("The folder.", "PersistedFolder")}
    return {
        "parameters": [
            *parameters,
            _path("id", "The folder's id, a UUID in any case, with or without hyphens.", {"type": "string"}),
        ],
        "get": {
            "operationId": f"{name}_retrieve",
            "summary": "One folder. Needs `persisted_folder:read`.",
            "responses": _responses(folder),
        },
        "put": {
            "operationId": f"{name}_update",
            "summary": "Changes the folder; `type` is required, and what else is left out stays as it is. Needs `persisted_folder:write`.",
            "requestBody": _body("PersistedFolderUpdate"),
            "responses": _responses(folder, "409"),
        },
        "patch": {
            "operationId": f"{name}_partial_update",
            "summary": "Changes what is named. Needs `persisted_folder:write`.",
            "requestBody": _body("PersistedFolderPatch", required=False),
            "responses": _responses(folder, "409"),
        },
        "delete": {
            "operationId": f"{name}_destroy",
            "summary": "Deletes the folder. Needs `persisted_folder:write`.",
            "responses": _responses({"204": {"description": "It is gone."}}),
        },
    }


def _links(name: str, parameters: list[JsonObject]) -> JsonObject:
    """From a folder to what can be done with it."""
    place = parameters[0]["name"]
    same = {place: f"$request.path.{place}", "id": "$response.body#/id"}
    return {
        action: {"operationId": f"{name}_{action}", "parameters": same}
        for action in ("retrieve", "update", "partial_update", "destroy")
    }


def _names(route: Route) -> tuple[str, list[JsonObject]]:
    place = "project_id" if route.is_project else "environment_id"
    name = route.path.rpartition("/")[2]
    described = _path(
        place,
        f"The {place.removesuffix('_id')}'s number, or `@current` for the caller's current one.",
        {"type": "string", "examples": ["@current"]},
    )
    return (name if route.is_project else f"environments_{name}"), [described]


def _path(name: str, description: str, schema: JsonObject) -> JsonObject:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def _query(name: str, description: str, default: int) -> JsonObject:
    schema = {"type": ["integer", "string"], "default": default}
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _body(schema: str, *, required: bool = True) -> JsonObject:
    json, form = ({"schema": {"$ref": f"#/components/schemas/{name}"}} for name in (schema, f"{schema}Form"))
    media_types = {MEDIA_TYPES[0]: json} | dict.fromkeys(MEDIA_TYPES[1:], form)
    return {"required": required, "content": media_types}


def _responses(own: JsonObject, *errors: str) -> JsonObject:
    statuses = sorted({*_SHARED_ERRORS, *errors})
    return {**own, **{status: {"$ref": f"#/components/responses/{status}"} for status in statuses}}
