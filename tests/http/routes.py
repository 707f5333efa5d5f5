"""The three routes of contract/rest.md, and requests to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from aiohttp import ClientSession

from tests import keys


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    json: Any
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Route:
    """`path` with `{}` for the id of the place."""

    path: str
    is_project: bool

    def __str__(self) -> str:
        return self.path.removeprefix("/api/").replace("/{}/", " ").rstrip("/")


ROUTES: Final = (
    Route("/api/environments/{}/persisted_folder/", is_project=False),
    Route("/api/projects/{}/persisted_folder/", is_project=True),
    Route("/api/projects/{}/desktop_persisted_folder/", is_project=True),
)


@dataclass(frozen=True, slots=True)
class Folders:
    """One route, at one place, as one key sees it."""

    client: ClientSession
    route: Route
    place: str = "1"
    key: str | None = keys.ADA

    async def ask(self, method: str = "GET", rest: str = "", **options: Any) -> Answer:
        """`rest` is what follows the path of the list: an id, a query."""
        headers = {**(keys.bearer(self.key) if self.key else {}), **options.pop("headers", {})}
        path = self.route.path.format(self.place) + rest
        async with self.client.request(method, path, headers=headers, **options) as response:
            is_json = response.content_type == "application/json" and method != "HEAD"
            found = {name.title(): value for name, value in response.headers.items()}
            return Answer(response.status, await response.json() if is_json else None, found)

    async def create(self, **body: Any) -> dict[str, Any]:
        answer = await self.ask("POST", json={"type": "home", **body})
        assert answer.status == 201
        folder: dict[str, Any] = answer.json
        return folder
