"""`GET /openapi.json`: the REST endpoints as OpenAPI 3.1, for clients and for testers."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from gateway import __version__
from gateway.http.json import encode_json
from gateway.http.proxies import PublicAddress
from gateway.http.rest import ROUTES, Route
from gateway.model import DEFAULT_PATH, DEFAULT_PROTOCOL, PATH_MAX_LENGTH, PROTOCOL_MAX_LENGTH, FolderType

JsonObject = dict[str, Any]


class OpenApiEndpoint:
    def __init__(self, address: PublicAddress) -> None:
        self._address = address

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/openapi.json", self.get)]

    async def get(self, request: web.Request) -> web.Response:
        document = {**_document(), "servers": [{"url": self._address.base(request)}]}
        return web.Response(body=encode_json(document), content_type="application/json")


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
            "products folders point. The last slash of each path is optional.",
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
            "schemas": _SCHEMAS,
            "responses": _RESPONSES,
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
            "responses": _responses({"200": _content("The page.", "PersistedFolderList")}, "404"),
        },
        "post": {
            "operationId": f"{name}_create",
            "summary": "Creates the folder, or overwrites the one of this type. Needs `persisted_folder:write`.",
            "requestBody": _body("PersistedFolderCreate"),
            "responses": _responses({"201": _content("The folder.", "PersistedFolder")}, "400", "404", "413", "415"),
        },
    }


def _detail_path(route: Route) -> JsonObject:
    name, parameters = _names(route)
    folder = {"200": _content("The folder.", "PersistedFolder")}
    return {
        "parameters": [
            *parameters,
            _path("id", "The folder's id, a UUID in any case, with or without hyphens.", {"type": "string"}),
        ],
        "get": {
            "operationId": f"{name}_retrieve",
            "summary": "One folder. Needs `persisted_folder:read`.",
            "responses": _responses(folder, "404"),
        },
        "put": {
            "operationId": f"{name}_update",
            "summary": "Changes the folder; `type` is required. Needs `persisted_folder:write`.",
            "requestBody": _body("PersistedFolderCreate"),
            "responses": _responses(folder, "400", "404", "409", "413", "415"),
        },
        "patch": {
            "operationId": f"{name}_partial_update",
            "summary": "Changes what is named. Needs `persisted_folder:write`.",
            "requestBody": _body("PersistedFolderPatch", required=False),
            "responses": _responses(folder, "400", "404", "409", "413", "415"),
        },
        "delete": {
            "operationId": f"{name}_destroy",
            "summary": "Deletes the folder. Needs `persisted_folder:write`.",
            "responses": _responses({"204": {"description": "It is gone."}}, "404"),
        },
    }


def _names(route: Route) -> tuple[str, list[JsonObject]]:
    place = "project_id" if route.is_project else "environment_id"
    name = route.path.rpartition("/")[2]
    described = _path(
        place,
        f"The {place.removesuffix('_id')}'s number, or `@current` for the caller's current one.",
        {"type": "string"},
    )
    return (name if route.is_project else f"environments_{name}"), [described]


def _path(name: str, description: str, schema: JsonObject) -> JsonObject:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def _query(name: str, description: str, default: int) -> JsonObject:
    schema = {"type": "integer", "default": default}
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _body(schema: str, *, required: bool = True) -> JsonObject:
    reference = {"schema": {"$ref": f"#/components/schemas/{schema}"}}
    return {
        "required": required,
        "content": dict.fromkeys(
            ("application/json", "application/x-www-form-urlencoded", "multipart/form-data"), reference
        ),
    }


def _content(description: str, schema: str) -> JsonObject:
    reference = {"$ref": f"#/components/schemas/{schema}"}
    return {"description": description, "content": {"application/json": {"schema": reference}}}


def _responses(own: JsonObject, *errors: str) -> JsonObject:
    shared = {*errors, "401", "403", "406", "429", "500", "503"}
    return {**own, **{status: {"$ref": f"#/components/responses/{status}"} for status in sorted(shared)}}


_TYPE: Final = {
    "type": "string",
    "enum": [each.value for each in FolderType],
    "description": "Which of the user's folders this is.",
}
_PROTOCOL: Final = {
    "type": "string",
    "minLength": 1,
    "maxLength": PROTOCOL_MAX_LENGTH,
    "description": f"Prefix of the location, as `{DEFAULT_PROTOCOL}`.",
}
_PATH: Final = {"type": "string", "maxLength": PATH_MAX_LENGTH, "description": "Path within the protocol."}
_TIME: Final = {"type": "string", "format": "date-time"}
_LINK: Final = {"type": ["string", "null"], "format": "uri"}

_SCHEMAS: Final[JsonObject] = {
    "PersistedFolder": {
        "type": "object",
        "required": ["id", "type", "protocol", "path", "created_at", "updated_at"],
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "type": _TYPE,
            "protocol": _PROTOCOL,
            "path": _PATH,
            "created_at": _TIME,
            "updated_at": _TIME,
        },
    },
    "PersistedFolderList": {
        "type": "object",
        "required": ["count", "next", "previous", "results"],
        "properties": {
            "count": {"type": "integer", "minimum": 0},
            "next": _LINK,
            "previous": _LINK,
            "results": {"type": "array", "items": {"$ref": "#/components/schemas/PersistedFolder"}},
        },
    },
    "PersistedFolderCreate": {
        "type": "object",
        "required": ["type"],
        "properties": {
            "type": _TYPE,
            "protocol": {**_PROTOCOL, "default": DEFAULT_PROTOCOL},
            "path": {**_PATH, "default": DEFAULT_PATH},
        },
    },
    "PersistedFolderPatch": {
        "type": "object",
        "properties": {"type": _TYPE, "protocol": _PROTOCOL, "path": _PATH},
    },
    "Error": {
        "type": "object",
        "required": ["type", "code", "detail", "attr"],
        "properties": {
            "type": {
                "enum": [
                    "authentication_error",
                    "validation_error",
                    "invalid_request",
                    "throttled_error",
                    "server_error",
                ]
            },
            "code": {"type": "string"},
            "detail": {"type": "string"},
            "attr": {"type": ["string", "null"], "description": "The field at fault."},
        },
    },
}

_RESPONSES: Final[JsonObject] = {
    status: _content(description, "Error")
    for status, description in {
        "400": "A field or the body is wrong.",
        "401": "No key, or a wrong one.",
        "403": "The key or its user may not do this.",
        "404": "No such project, environment or folder.",
        "406": "The client does not take JSON.",
        "409": "Another of the caller's folders there has this type already.",
        "413": "The body is too large.",
        "415": "The body is of another media type.",
        "429": "The key has used up its rate limit.",
        "500": "The service failed.",
        "503": "The database cannot be reached.",
    }.items()
}
