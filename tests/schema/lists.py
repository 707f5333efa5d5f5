"""The connections of the schema, for tests of their pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from aiohttp import ClientSession

from tests.drivers import execute
from tests.keys import ADA

_ARGUMENTS: Final = "$first: Int, $after: String, $last: Int, $before: String"
_PAGE: Final = "first: $first, after: $after, last: $last, before: $before"
_CONNECTION: Final = "{ edges { cursor node { id } } nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount }"


@dataclass(frozen=True)
class List:
    """A connection: the document that asks for a page of it, and the way down to it."""

    document: str
    path: tuple[str, ...]

    async def page(self, client: ClientSession, key: str = ADA, **arguments: Any) -> Any:
        body = await execute(client, self.document, key, arguments)
        assert "errors" not in body, body
        found = body["data"]
        for name in self.path:
            found = found[name]
        return found

    async def error(self, client: ClientSession, key: str = ADA, **arguments: Any) -> Any:
        body = await execute(client, self.document, key, arguments)
        (error,) = body["errors"]
        return error["extensions"]["code"], error["message"]


def list_at(*path: str, arguments: str = "") -> List:
    *outer, field = path
    head = "".join(f"{name} {{ " for name in outer)
    document = f"query ({_ARGUMENTS}) {{ {head}{field}({_PAGE}{arguments}) {_CONNECTION} {'} ' * len(outer)}}}"
    return List(document, path)


LISTS: Final = {
    "place": list_at("persistedFolders"),
    "nested place": list_at("environment", "persistedFolders"),
    "viewer": list_at("viewer", "persistedFolders"),
    "environments": list_at("viewer", "environments"),
}
