"""The workspace that `make run` starts with, and what it prints."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Final

from gateway.access import CURRENT_ENVIRONMENT, PlaceRef
from gateway.callers import CallerService
from gateway.errors import AuthenticationFailed
from gateway.folders import FolderInput, FolderService, system_clock
from gateway.model import FolderType, Surface
from gateway.storage.directory import Directory
from gateway.storage.engine import Database
from gateway.storage.folders import FolderStore
from gateway.storage.workspace import load_workspace
from gateway.workspace import parse_workspace

# Known to everyone who reads this file: it opens the demo's own data and nothing else.
KEY: Final = "phx_demo_key_of_ada_at_acme"

QUERY: Final = """\
{
  viewer { email }
  web: persistedFolders(projectId: "1") { nodes { type location updatedAt } }
  desktop: persistedFolders(projectId: "1", surface: DESKTOP) { nodes { type location updatedAt } }
}"""

_STAGING: Final = PlaceRef("3", is_project=False)
_FOLDERS: Final = (
    (CURRENT_ENVIRONMENT, Surface.WEB, FolderType.HOME, "Growth"),
    (CURRENT_ENVIRONMENT, Surface.WEB, FolderType.PINNED, "Growth/Weekly"),
    (CURRENT_ENVIRONMENT, Surface.WEB, FolderType.CUSTOM_PRODUCTS, "Favourites"),
    (CURRENT_ENVIRONMENT, Surface.DESKTOP, FolderType.HOME, "Desk"),
    (_STAGING, Surface.WEB, FolderType.HOME, "Experiments"),
)


async def prepare_demo(database: Database) -> bool:
    """Fills an empty database, leaves another as it is; tells whether the demo's key works there."""
    directory = Directory(database)
    callers = CallerService(directory)
    if await directory.has_users():
        try:
            await callers.authenticate(KEY, "demo")
        except AuthenticationFailed:
            return False
        finally:
            await callers.close()
        return True
    document = json.loads(files(__name__).joinpath("workspace.json").read_text())
    document["api_keys"][0]["value"] = KEY
    await load_workspace(database, parse_workspace(json.dumps(document)), system_clock())
    caller = await callers.authenticate(KEY, "demo")
    folders = FolderService(FolderStore(database))
    for place, surface, folder_type, path in _FOLDERS:
        grant = await callers.write_grant(caller, place, surface)
        await folders.upsert(grant, FolderInput(folder_type, path=path))
    await callers.close()
    return True


def welcome(address: str, *, with_key: bool) -> str:
    """What a newcomer reads when the service is up."""
    key = KEY if with_key else "<your key>"
    shown = (
        f"Key        {KEY}"
        if with_key
        else "Key        one of yours; `gateway keys create --help` tells how to make one"
    )
    body = json.dumps({"query": " ".join(QUERY.split())})
    return f"""
GraphQL    {address}/graphql
REST       {address}/api/projects/1/persisted_folder/
{shown}

A first query, for the page at {address}/graphql, which asks for the key at its top:

{QUERY}

The same from a terminal:

curl {address}/graphql -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{body}'

And over REST:

curl {address}/api/projects/1/persisted_folder/ -H 'Authorization: Bearer {key}'

Stop with Ctrl+C.
"""
