"""Folder operations over either transport, with answers that can be compared.

A behaviour is written once against a `Driver` and holds for REST and for GraphQL.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from aiohttp import ClientSession

from tests.keys import bearer

Surface = Literal["web", "desktop"]
SURFACES: Final[tuple[Surface, ...]] = ("web", "desktop")


@dataclass(frozen=True)
class Place:
    """`id` is what the client writes: a number, `@current`, a Node id or junk."""

    kind: Literal["project", "environment"]
    id: str


@dataclass(frozen=True)
class Folder:
    """As REST shows it."""

    id: str
    type: str
    protocol: str
    path: str
    created_at: str
    updated_at: str


@dataclass(frozen=True)
class Answer:
    """`status` is 200 for every success; `code`, `detail` and `attr` are those of REST, None where all went well."""

    status: int
    code: str | None = None
    detail: str | None = None
    attr: str | None = None
    folders: tuple[Folder, ...] = ()

    @property
    def folder(self) -> Folder:
        (folder,) = self.folders
        return folder

    @property
    def error(self) -> tuple[int, str | None]:
        return self.status, self.code


class Driver(Protocol):
    """`key` None sends none. `fields` are `type`, `protocol` and `path`, those that are left out are not sent."""

    # REST has no route to the desktop folders of an environment.
    reaches_all: bool

    async def list(self, key: str | None, place: Place, surface: Surface) -> Answer: ...

    async def retrieve(self, key: str | None, place: Place, surface: Surface, folder_id: str) -> Answer: ...

    async def upsert(self, key: str | None, place: Place, surface: Surface, fields: Mapping[str, Any]) -> Answer: ...

    async def update(
        self, key: str | None, place: Place, surface: Surface, folder_id: str, fields: Mapping[str, Any]
    ) -> Answer: ...

    async def delete(self, key: str | None, place: Place, surface: Surface, folder_id: str) -> Answer: ...


def can_reach(driver: Driver, place: Place, surface: Surface) -> bool:
    return driver.reaches_all or place.kind == "project" or surface == "web"


class RestDriver:
    reaches_all = False

    def __init__(self, client: ClientSession) -> None:
        self._client = client

    async def list(self, key: str | None, place: Place, surface: Surface) -> Answer:
        return await self._send("GET", key, place, surface)

    async def retrieve(self, key: str | None, place: Place, surface: Surface, folder_id: str) -> Answer:
        return await self._send("GET", key, place, surface, folder_id)

    async def upsert(self, key: str | None, place: Place, surface: Surface, fields: Mapping[str, Any]) -> Answer:
        return await self._send("POST", key, place, surface, fields=fields)

    async def update(
        self, key: str | None, place: Place, surface: Surface, folder_id: str, fields: Mapping[str, Any]
    ) -> Answer:
        return await self._send("PATCH", key, place, surface, folder_id, fields)

    async def replace(
        self, key: str | None, place: Place, surface: Surface, folder_id: str, fields: Mapping[str, Any]
    ) -> Answer:
        """PUT, which GraphQL does not have."""
        return await self._send("PUT", key, place, surface, folder_id, fields)

    async def delete(self, key: str | None, place: Place, surface: Surface, folder_id: str) -> Answer:
        return await self._send("DELETE", key, place, surface, folder_id)

    async def _send(
        self,
        method: str,
        key: str | None,
        place: Place,
        surface: Surface,
        folder_id: str | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> Answer:
        name = "persisted_folder" if surface == "web" else "desktop_persisted_folder"
        url = f"/api/{place.kind}s/{place.id}/{name}/" + (f"{folder_id}/" if folder_id else "")
        headers = {} if key is None else bearer(key)
        async with self._client.request(method, url, headers=headers, json=fields) as response:
            if response.status == 204:
                return Answer(200)
            body = await response.json()
        if response.status >= 400:
            return Answer(response.status, body["code"], body["detail"], body["attr"])
        assert response.status == (201 if method == "POST" else 200), (response.status, body)
        rows = body.get("results", [body])
        return Answer(200, folders=tuple(Folder(**row) for row in rows))


FRAGMENT: Final = "fragment F on PersistedFolder { uuid type protocol path createdAt updatedAt }"
_PLACE: Final = "projectId: $project, environmentId: $environment"
_LIST: Final = (
    f"query ($project: ID, $environment: ID, $surface: Surface!) {{ "
    f"persistedFolders({_PLACE}, surface: $surface) {{ nodes {{ ...F }} }} }} {FRAGMENT}"
)
_RETRIEVE: Final = (
    f"query ($id: ID!, $project: ID, $environment: ID, $surface: Surface!) {{ "
    f"persistedFolder(id: $id, {_PLACE}, surface: $surface) {{ ...F }} }} {FRAGMENT}"
)
_ERRORS: Final = "userErrors { code field message }"
_UPSERT: Final = (
    f"mutation ($input: UpsertPersistedFolderInput!) {{ upsertPersistedFolder(input: $input) {{ "
    f"created persistedFolder {{ ...F }} {_ERRORS} }} }} {FRAGMENT}"
)
_UPSERT_ALL: Final = (
    f"mutation ($input: UpsertPersistedFoldersInput!) {{ upsertPersistedFolders(input: $input) {{ "
    f"persistedFolders {{ ...F }} {_ERRORS} }} }} {FRAGMENT}"
)
_UPDATE: Final = (
    f"mutation ($input: UpdatePersistedFolderInput!) {{ updatePersistedFolder(input: $input) {{ "
    f"persistedFolder {{ ...F }} {_ERRORS} }} }} {FRAGMENT}"
)
_DELETE: Final = (
    f"mutation ($input: DeletePersistedFolderInput!) {{ deletePersistedFolder(input: $input) {{ "
    f"deletedPersistedFolderId {_ERRORS} }} }}"
)


class GraphQLDriver:
    reaches_all = True

    def __init__(self, client: ClientSession) -> None:
        self._client = client

    async def list(self, key: str | None, place: Place | None, surface: Surface) -> Answer:
        """`place` None names no place."""
        data = await self._send(_LIST, key, _where(place, surface))
        return data if isinstance(data, Answer) else _found(data["persistedFolders"]["nodes"])

    async def retrieve(self, key: str | None, place: Place, surface: Surface, folder_id: str) -> Answer:
        data = await self._send(_RETRIEVE, key, {"id": folder_id, **_where(place, surface)})
        if isinstance(data, Answer):
            return data
        folder = data["persistedFolder"]
        return Answer(404, "not_found", "Not found.") if folder is None else _found([folder])

    async def upsert(self, key: str | None, place: Place, surface: Surface, fields: Mapping[str, Any]) -> Answer:
        return (await self.upsert_and_tell(key, place, surface, fields))[0]

    async def upsert_and_tell(
        self, key: str | None, place: Place, surface: Surface, fields: Mapping[str, Any]
    ) -> tuple[Answer, bool]:
        """Also whether the folder is new, which REST does not tell."""
        payload = await self._change(_UPSERT, key, {**_input(place, surface), **_enums(fields)})
        if isinstance(payload, Answer):
            return payload, False
        return _found([payload["persistedFolder"]]), payload["created"]

    async def upsert_all(
        self, key: str | None, place: Place, surface: Surface, folders: list[Mapping[str, Any]]
    ) -> Answer:
        drafts = [_enums(folder) for folder in folders]
        payload = await self._change(_UPSERT_ALL, key, {**_input(place, surface), "folders": drafts})
        return payload if isinstance(payload, Answer) else _found(payload["persistedFolders"])

    async def update(
        self, key: str | None, place: Place, surface: Surface, folder_id: str, fields: Mapping[str, Any]
    ) -> Answer:
        values = {"id": folder_id, **_input(place, surface), **_enums(fields)}
        payload = await self._change(_UPDATE, key, values)
        return payload if isinstance(payload, Answer) else _found([payload["persistedFolder"]])

    async def delete(self, key: str | None, place: Place, surface: Surface, folder_id: str) -> Answer:
        payload = await self._change(_DELETE, key, {"id": folder_id, **_input(place, surface)})
        if isinstance(payload, Answer):
            return payload
        assert payload["deletedPersistedFolderId"] == node_id("PersistedFolder", folder_id)
        return Answer(200)

    async def _change(self, document: str, key: str | None, values: Mapping[str, Any]) -> Any:
        """The payload, or what it says went wrong."""
        data = await self._send(document, key, {"input": values})
        if isinstance(data, Answer):
            return data
        (payload,) = data.values()
        if not payload["userErrors"]:
            return payload
        error = payload["userErrors"][0]
        code = error["code"].lower()
        status = {"conflict": 409, "stale": 409, "not_found": 404}.get(code, 400)
        # A folder that is not found is named by `id` here, and by the URL in REST.
        attr = None if code == "not_found" else error["field"][-1]
        return Answer(status, code, error["message"], attr)

    async def _send(self, document: str, key: str | None, variables: Mapping[str, Any]) -> Any:
        """The data, or the one error."""
        body = await execute(self._client, document, key, variables)
        if "errors" not in body:
            return body["data"]
        (error,) = body["errors"]
        extensions = error["extensions"]
        return Answer(extensions["status"], extensions["reason"], error["message"])


async def execute(
    client: ClientSession, document: str, key: str | None = None, variables: Mapping[str, Any] | None = None
) -> Any:
    """The body of a GraphQL response."""
    headers = {} if key is None else bearer(key)
    request = {"query": document, "variables": variables or {}}
    async with client.post("/graphql", headers=headers, json=request) as response:
        return await response.json()


def node_id(type_name: str, raw: object) -> str:
    return b64encode(f"{type_name}:{raw}".encode()).decode()


def _where(place: Place | None, surface: Surface) -> dict[str, Any]:
    return {"surface": surface.upper()} | ({} if place is None else {place.kind: place.id})


def _input(place: Place | None, surface: Surface) -> dict[str, Any]:
    return {"surface": surface.upper()} | ({} if place is None else {f"{place.kind}Id": place.id})


def _enums(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.upper() if name == "type" and value else value for name, value in fields.items()}


def _found(folders: list[dict[str, Any]]) -> Answer:
    return Answer(
        200,
        folders=tuple(
            Folder(
                id=folder["uuid"],
                type=folder["type"].lower(),
                protocol=folder["protocol"],
                path=folder["path"],
                created_at=folder["createdAt"],
                updated_at=folder["updatedAt"],
            )
            for folder in folders
        ),
    )
