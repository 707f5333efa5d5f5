"""The service as a process, with a user for each client, and the clients' suites, run by Node."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from tests.components import missing, require_program
from tests.databases import WORKSPACE, SQLiteServer
from tests.processes import Result, gateway, running

FOLDER: Final = Path(__file__).parent
PACKAGES: Final = FOLDER / "node_modules"
_PATIENCE_SECONDS: Final = 600


class Clients:
    """Runs the suite of a client once, however many tests ask how it went."""

    def __init__(self, address: str, folder: Path) -> None:
        self._address = address
        self._folder = folder
        self._outcomes: dict[str, dict[str, str | None]] = {}

    async def outcomes(self, client: str) -> dict[str, str | None]:
        """For each behaviour None, or why it failed."""
        if client not in self._outcomes:
            task = {"address": self._address, "key": key_of(client), "artifacts": str(self._folder)}
            done = await run_node(FOLDER / f"{client}.mjs", task)
            outcomes = {each["name"]: each["failure"] for each in map(json.loads, done.out.splitlines())}
            self._outcomes[client] = outcomes | ({"the suite": done.err} if done.code else {})
        return self._outcomes[client]


@asynccontextmanager
async def open_clients(sqlite: SQLiteServer, folder: Path, clients: Sequence[str]) -> AsyncIterator[Clients]:
    require_packages()
    async with serving_users(sqlite, folder, clients) as address:
        yield Clients(address, folder)


@asynccontextmanager
async def serving_users(
    sqlite: SQLiteServer, folder: Path, users: Sequence[str], **settings: Any
) -> AsyncIterator[str]:
    """The address of a service with the example workspace, to which `users` are added."""
    url = sqlite.create()
    workspace = folder / "users.json"
    workspace.write_text(json.dumps(_workspace(users)))
    loaded = await gateway("load", str(workspace), database_url=url)
    assert loaded.code == 0, loaded.err
    async with running("serve", database_url=url, shutdown_timeout=1, **settings) as service:
        yield service.address
    sqlite.drop(url)


def require_packages() -> None:
    require_program("node")
    if not PACKAGES.is_dir():
        missing("tests/clients/node_modules is not there; run: npm ci --prefix tests/clients")


def key_of(user: str) -> str:
    return f"phx_{user.replace('-', '_')}_{'0' * 20}"


async def run_node(script: Path, *arguments: Any, folder: Path | None = None) -> Result:
    """Runs a script to its end; what is no text of the arguments becomes JSON."""
    texts = [each if isinstance(each, str) else json.dumps(each) for each in arguments]
    process = await asyncio.create_subprocess_exec(
        require_program("node"), script, *texts, stdout=PIPE, stderr=PIPE, cwd=folder
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), _PATIENCE_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Result(process.returncode or 0, out.decode(), err.decode())


def _workspace(users: Sequence[str]) -> dict[str, Any]:
    """The example workspace, and these users in its first organization."""
    workspace: dict[str, Any] = json.loads(WORKSPACE.read_text())
    for user in users:
        email = f"{user}@clients.test"
        workspace["organizations"][0]["members"].append({"email": email, "level": "member"})
        workspace["users"].append({"email": email, "name": user, "current_environment": 1})
        workspace["api_keys"].append({"user": email, "label": "all", "value": key_of(user), "scopes": ["*"]})
    return workspace
