"""`gateway demo`, which is what `make run` starts: a newcomer pastes what it prints."""

from __future__ import annotations

import json
import re
import subprocess

from aiohttp import ClientSession

from gateway import demo
from tests.components import require_program
from tests.keys import bearer
from tests.processes import gateway, running

SAYS_ALL = re.compile(rb"Stop with Ctrl\+C\.")


async def test_what_is_printed_can_be_pasted(empty_url: str) -> None:
    curl = require_program("curl")
    async with running("demo", database_url=empty_url) as service:
        await service.wait_for(SAYS_ALL)
        printed = service.out.decode()
        assert f"GraphQL    {service.address}/graphql\n" in printed
        assert f"REST       {service.address}/api/projects/1/persisted_folder/\n" in printed
        assert f"Key        {demo.KEY}\n" in printed
        async with ClientSession(service.address, headers=bearer(demo.KEY)) as client:
            query = printed[printed.index("{\n  viewer") :].partition("\n}\n")[0] + "\n}"
            async with client.post("/graphql", json={"query": query}) as response:
                from_page = await response.json()
        commands = [line for line in printed.splitlines() if line.startswith("curl ")]
        answers = [
            json.loads(
                subprocess.run(  # noqa: ASYNC221  # the service is another process
                    ["/bin/sh", "-c", command.replace("curl ", f"{curl} -sS ", 1)], check=True, capture_output=True
                ).stdout
            )
            for command in commands
        ]
    graphql, rest = answers
    assert graphql == from_page
    assert graphql["data"]["viewer"] == {"email": "ada@acme.test"}
    assert {folder["location"] for folder in graphql["data"]["web"]["nodes"]} >= {"products://Growth/Weekly"}
    assert [folder["location"] for folder in graphql["data"]["desktop"]["nodes"]] == ["products://Desk"]
    assert [folder["path"] for folder in rest["results"]] == ["Favourites", "Growth", "Growth/Weekly"]


async def test_a_second_start_goes_on_from_what_is_there_and_says_the_key_again(empty_url: str) -> None:
    async with running("demo", database_url=empty_url) as service, ClientSession(service.address) as client:
        await service.wait_for(SAYS_ALL)
        change = {"type": "home", "path": "Changed"}
        path = "/api/projects/1/persisted_folder/"
        async with client.post(path, json=change, headers=bearer(demo.KEY)) as response:
            changed = await response.json()
    async with running("demo", database_url=empty_url) as service, ClientSession(service.address) as client:
        await service.wait_for(SAYS_ALL)
        assert f"Key        {demo.KEY}\n".encode() in service.out
        async with client.get(f"{path}{changed['id']}/", headers=bearer(demo.KEY)) as response:
            assert await response.json() == changed


async def test_the_key_is_not_said_for_a_database_that_is_not_the_demos(database_url: str) -> None:
    async with running("demo", database_url=database_url) as service:
        await service.wait_for(SAYS_ALL)
        assert demo.KEY.encode() not in service.out + service.err
        assert b"gateway keys create --help" in service.out


async def test_the_key_is_not_said_once_it_is_revoked(empty_url: str) -> None:
    async with running("demo", database_url=empty_url) as service:
        await service.wait_for(SAYS_ALL)
    listed = await gateway("keys", "list", "--json", database_url=empty_url)
    key_id = json.loads(listed.out)["id"]
    assert (await gateway("keys", "revoke", key_id, database_url=empty_url)).code == 0
    async with running("demo", database_url=empty_url) as service:
        await service.wait_for(SAYS_ALL)
        assert demo.KEY.encode() not in service.out + service.err


async def test_it_is_one_process_whatever_the_settings_say(empty_url: str) -> None:
    async with (
        running("demo", database_url=empty_url, workers=2, metrics=True) as service,
        ClientSession(service.address) as client,
        client.get("/metrics") as response,
    ):
        # Processes that share their figures do not count it.
        assert "process_cpu_seconds_total" in await response.text()


async def test_the_log_is_for_people_unless_asked_otherwise(empty_url: str) -> None:
    async with running("demo", database_url=empty_url) as service:
        await service.wait_for(SAYS_ALL)
        await service.wait_for(re.compile(rb"\[info +\] serving"))
    async with running("demo", database_url=empty_url, log_format="json") as service:
        await service.wait_for(SAYS_ALL)
        await service.wait_for(re.compile(rb'"event":"serving"'))
