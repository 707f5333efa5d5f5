"""`/openapi.json` is valid, and says of every answer what the service does."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import schemathesis
from aiohttp import ClientSession

from tests import keys
from tests.http.raw import port_of
from tests.http.test_rest_reference import CASES, DEVIATIONS
from tests.keys import bearer

_HERE: Final = Path(__file__).parent
_PATIENCE_SECONDS: Final = 900


async def _document(client: ClientSession) -> dict[str, Any]:
    async with client.get("/openapi.json") as response:
        assert response.status == 200
        assert response.content_type == "application/json"
        document: dict[str, Any] = await response.json()
    return document


async def test_document_is_openapi_3_1(client: ClientSession) -> None:
    document = await _document(client)
    assert document["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(document).validate()


async def test_server_is_the_host_of_the_request(client: ClientSession) -> None:
    assert (await _document(client))["servers"] == [{"url": f"http://127.0.0.1:{await port_of(client)}"}]


async def test_bad_host_is_refused(client: ClientSession) -> None:
    async with client.get("/openapi.json", headers={"Host": "a/b"}) as response:
        assert response.status == 400
        assert (await response.json())["code"] == "parse_error"


async def test_every_recorded_status_is_described(client: ClientSession) -> None:
    """Of all requests of the recorded reference, by route and method."""
    paths = (await _document(client))["paths"]
    deviating = {name: each for each in DEVIATIONS for name in each.cases}
    checked = 0
    for name, case in CASES.items():
        path = _described(case.request.target.partition("?")[0])
        operation = paths.get(path, {}).get(case.request.method.lower())
        deviation = deviating.get(name)
        if operation is None or (deviation is not None and deviation.refused):
            continue
        answer = case.answer if deviation is None else deviation.expected(case)
        assert str(answer.status) in operation["responses"], name
        checked += 1
    assert checked > 900


@pytest.mark.parametrize("method", ["post", "put", "patch"])
async def test_a_default_is_what_counts_for_a_field_that_is_left_out(client: ClientSession, method: str) -> None:
    """A generated client may fill it in."""
    document = await _document(client)
    path = "/api/projects/{project_id}/persisted_folder/"
    stored = {"type": "home", "protocol": "custom://", "path": "a/b"}
    target = path.format(project_id=1)
    async with client.post(target, json=stored, headers=bearer(keys.ADA)) as response:
        folder = await response.json()
    if method != "post":
        path, target = f"{path}{{id}}/", f"{target}{folder['id']}/"
    body = document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    fields = document["components"]["schemas"][body.rpartition("/")[2]]["properties"]
    async with client.request(method, target, json={"type": "home"}, headers=bearer(keys.ADA)) as response:
        answer = await response.json()
    assert {name: answer[name] for name in stored} == {
        name: fields[name].get("default", value) for name, value in stored.items()
    }


def _described(path: str) -> str:
    found = re.fullmatch(
        r"/api/(environment|project)s/[^/]+/(persisted_folder|desktop_persisted_folder)(/[^/]+)?/?", path
    )
    if found is None:
        return path
    return f"/api/{found[1]}s/{{{found[1]}_id}}/{found[2]}/" + ("{id}/" if found[3] else "")


@pytest.mark.parametrize("mode", ["positive", "negative"])
async def test_schemathesis_finds_nothing(client: ClientSession, mode: str, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")),
        f"--config-file={_HERE / 'schemathesis.toml'}",
        "run",
        f"http://127.0.0.1:{await port_of(client)}/openapi.json",
        f"--header=Authorization: Bearer {keys.ADA}",
        "--checks=all",
        "--phases=examples,coverage,fuzzing,stateful",
        f"--mode={mode}",
        "--max-examples=15",
        # The same cases on every run: a failure in CI can be repeated.
        "--seed=1",
        "--generation-database=none",
        "--continue-on-failure",
        "--no-color",
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.http.schemathesis_hooks", "PYTHONPATH": str(_HERE.parents[1])},
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _PATIENCE_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = output.decode()
    assert process.returncode == 0, text
    assert "18 selected / 18 total" in text
    # It got past the errors: folders that it created were read and changed by their ids.
    links = re.search(r"API Links: +(\d+) covered", text)
    assert links is not None and int(links[1]) > 0, text
