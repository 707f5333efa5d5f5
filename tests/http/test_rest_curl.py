"""The curl commands that the product's API reference prints for these endpoints, run by a shell.

As they are printed, but for the name of the host, the ids, `home` in place of `undefined`, and the backslashes
that its pages leave out.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
from aiohttp import ClientSession

from tests import keys
from tests.components import require_program
from tests.http.raw import port_of

Shell = Callable[[str], Awaitable[tuple[int, Any]]]

ROUTES: Final = (
    "/api/environments/1/persisted_folder/",
    "/api/projects/1/persisted_folder/",
    "/api/projects/1/desktop_persisted_folder/",
)

LIST: Final = """
curl \\
    -H "Authorization: Bearer $POSTHOG_PERSONAL_API_KEY" \\
    <ph_app_host>{route}
"""
CREATE: Final = """
curl \\
    -H 'Content-Type: application/json'\\
    -H "Authorization: Bearer $POSTHOG_PERSONAL_API_KEY" \\
    <ph_app_host>{route}\\
    -d type=home
"""
RETRIEVE: Final = """
curl \\
    -H "Authorization: Bearer $POSTHOG_PERSONAL_API_KEY" \\
    <ph_app_host>{route}{id}/
"""
UPDATE: Final = """
curl -X PATCH \\
    -H "Authorization: Bearer $POSTHOG_PERSONAL_API_KEY" \\
    <ph_app_host>{route}{id}/\\
    -d type=pinned
"""
DELETE: Final = """
curl -X DELETE \\
    -H "Authorization: Bearer $POSTHOG_PERSONAL_API_KEY" \\
    <ph_app_host>{route}{id}/
"""


@pytest.fixture
async def shell(client: ClientSession) -> Shell:
    """Runs a command; its status, and its answer as JSON, None where it is empty."""
    require_program("curl")
    host = f"http://127.0.0.1:{await port_of(client)}"

    async def run(command: str) -> tuple[int, Any]:
        script = command.strip().replace("<ph_app_host>", host) + " --silent --show-error --write-out '\\n%{http_code}'"
        process = await asyncio.create_subprocess_exec(
            "sh",
            "-c",
            script,
            # The user's own ~/.curlrc is none of the test's.
            env={"POSTHOG_PERSONAL_API_KEY": keys.ADA, "PATH": str(require_program("curl").parent), "HOME": "/"},
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0
        body, _, status = output.decode().rpartition("\n")
        return int(status), json.loads(body) if body else None

    return run


@pytest.mark.parametrize("route", ROUTES)
async def test_commands_of_the_api_reference(shell: Shell, route: str) -> None:
    status, folder = await shell(CREATE.format(route=route))
    assert status == 201
    assert (folder["type"], folder["protocol"], folder["path"]) == ("home", "products://", "")

    assert await shell(LIST.format(route=route)) == (
        200,
        {"count": 1, "next": None, "previous": None, "results": [folder]},
    )
    assert await shell(RETRIEVE.format(route=route, id=folder["id"])) == (200, folder)

    status, updated = await shell(UPDATE.format(route=route, id=folder["id"]))
    assert status == 200
    assert updated == {**folder, "type": "pinned", "updated_at": updated["updated_at"]}

    assert await shell(DELETE.format(route=route, id=folder["id"])) == (204, None)
    status, error = await shell(RETRIEVE.format(route=route, id=folder["id"]))
    assert (status, error["code"]) == (404, "not_found")


async def test_undefined_is_no_type(shell: Shell) -> None:
    status, error = await shell(CREATE.format(route=ROUTES[0]).replace("home", "undefined"))
    assert (status, error["detail"]) == (400, '"undefined" is not a valid choice.')


@pytest.mark.parametrize(
    "options",
    [
        pytest.param('-X POST -d type="home" -d path="a b"', id="form"),
        pytest.param('--data type="home" --data-urlencode "path=a b"', id="form, encoded"),
        pytest.param("-F type=home -F 'path=a b'", id="multipart"),
        pytest.param("-H 'Content-Type: application/json' -d type=home -d 'path=a b'", id="form as JSON"),
        pytest.param("""--json '{"type": "home", "path": "a b"}'""", id="JSON"),
    ],
)
async def test_other_ways_to_send_a_body(shell: Shell, options: str) -> None:
    status, folder = await shell(
        f'curl <ph_app_host>{ROUTES[0]} -H "Authorization: Bearer $POSTHOG_PERSONAL_API_KEY" {options}'
    )
    assert (status, folder["path"]) == (201, "a b")


@pytest.mark.parametrize(
    "data", ["home", "type", "type=home&other=1", "kind=home", "=home", "type=home&", "{type=home"]
)
async def test_what_is_no_folder_stays_broken_json(shell: Shell, data: str) -> None:
    command = CREATE.format(route=ROUTES[0]).replace("type=home", f"'{data}'")
    status, error = await shell(command)
    assert (status, error["code"]) == (400, "parse_error")
