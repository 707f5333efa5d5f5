"""What code generators make of the schema: docs/clients/code-generators.md is run, and what is written is used.

Each generator's folder is copied and pointed to a running service, the page's commands are run there, and the
result is type-checked. Both ways to the schema are taken: its text, and introspection.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from asyncio.subprocess import Process
from pathlib import Path
from typing import Any, Final, Literal
from uuid import UUID

import pytest
from aiohttp import ClientSession
from graphql import GraphQLSchema, build_client_schema, build_schema, get_introspection_query, print_schema
from graphql.utilities import lexicographic_sort_schema

from gateway.http.graphql.persisted import load_manifest
from schema.ids import node_id
from tests.components import missing, require_program
from tests.conftest import Serve
from tests.databases import DatabaseServer, SQLiteServer
from tests.documentation import ROOT
from tests.generators import ENVIRONMENT, FOLDERS, PACKAGES, PATIENCE_SECONDS, Project, output, running, shown_files
from tests.keys import ADA, bearer
from tests.subscriptions import save

SHIPPED: Final = ROOT / "schema.graphql"
_PROGRAMS: Final = Path(sys.executable).parent

Source = Literal["text", "introspection"]
SOURCES: Final[tuple[Source, ...]] = ("text", "introspection")


# The schema is the same on each database.
@pytest.fixture
def database_server(sqlite: SQLiteServer) -> DatabaseServer:
    return sqlite


@pytest.fixture
def packages() -> None:
    require_program("npx")
    if not PACKAGES.is_dir():
        missing("tests/codegen/node_modules is not there; run: make generators")


@pytest.fixture
def environment() -> None:
    if not (ENVIRONMENT / "ariadne-codegen").exists():
        missing("tests/codegen/.venv is not there; run: make generators")


def test_the_page_shows_the_files_that_are_run() -> None:
    shown = list(shown_files())
    assert {path.parent.name for path, _ in shown} >= {"ariadne-codegen", "gql", "graphql-codegen", "relay"}
    for path, text in shown:
        assert path.read_text() == text, path


async def _introspection(client: ClientSession, query: str) -> Any:
    async with client.post("/graphql", json={"query": query}) as response:
        answer = await response.json()
    assert "errors" not in answer, answer
    return answer


async def _introspected(client: ClientSession) -> GraphQLSchema:
    everything = get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
        one_of=True,
    )
    return build_client_schema((await _introspection(client, everything))["data"])


async def test_introspection_says_what_the_text_says(client: ClientSession) -> None:
    async with client.get("/schema.graphql") as response:
        text = await response.text()
    assert text == SHIPPED.read_text()
    told = lexicographic_sort_schema(await _introspected(client))
    assert print_schema(told) == print_schema(lexicographic_sort_schema(build_schema(text)))


# -- graphql-codegen and Relay


@pytest.mark.usefixtures("packages")
async def test_graphql_codegen(client: ClientSession, serve: Serve, tmp_path: Path) -> None:
    written = []
    for source in SOURCES:
        generator = Project("graphql-codegen", tmp_path / source, client)
        if source == "introspection":
            generator.introspect()
        await generator.run_commands()
        written.append(generator.files("src/gql"))
    assert {"gql.ts", "graphql.ts", "persisted-documents.json"} <= set(written[0])
    assert written[0] == written[1]
    await _check_manifest(serve, generator.folder / "src/gql/persisted-documents.json", 3)


@pytest.mark.usefixtures("packages")
async def test_relay(client: ClientSession, serve: Serve, tmp_path: Path) -> None:
    written = []
    for source in SOURCES:
        compiler = Project("relay", tmp_path / source, client)
        if source == "introspection":
            (compiler.folder / "schema.graphql").write_text(print_schema(await _introspected(client)))
        await compiler.run_commands(but="curl" if source == "introspection" else None)
        written.append(compiler.files("src/__generated__"))
    assert {"FolderListPageQuery.graphql.ts", "changesDeleteFolderMutation.graphql.ts"} <= set(written[0])
    assert set(written[0]) == set(written[1])
    await _check_manifest(serve, compiler.folder / "persisted-documents.json", 7)


async def _check_manifest(serve: Serve, path: Path, size: int) -> None:
    """A service that runs nothing but what is in the manifest runs all of it, by its ids."""
    manifest = load_manifest(path)
    assert len(manifest) == size
    async with serve(trusted_documents=path) as client:
        for document_id, text in manifest.items():
            folder = {"id": str(UUID(int=0))} if "deletePersistedFolder" in text else {"type": "HOME"}
            variables = {"count": 1, "surface": "WEB", "id": node_id("Environment", 1), "input": folder}
            body = {"documentId": document_id, "variables": variables}
            wanted = "text/event-stream" if "subscription" in text else "application/json"
            async with client.post("/graphql", json=body, headers={**bearer(ADA), "Accept": wanted}) as response:
                assert (response.status, response.content_type) == (200, wanted)
                if wanted == "application/json":
                    assert "errors" not in await response.json()


# -- Apollo iOS


async def test_apollo_ios(client: ClientSession, tmp_path: Path) -> None:
    """The generator that is a package: that of versions before 1.0."""
    folder = FOLDERS / "apollo-ios"
    if not (folder / PACKAGES.name).is_dir():
        missing("tests/codegen/apollo-ios/node_modules is not there; run: make generators")
    introspected = tmp_path / "schema.json"
    introspected.write_text(json.dumps(await _introspection(client, get_introspection_query())))
    operations = FOLDERS / "ariadne-codegen/operations.graphql"
    text, introspection = [
        await output(require_program("node"), "generate.cjs", schema, operations, folder=folder)
        for schema in (SHIPPED, introspected)
    ]
    assert text == introspection
    assert re.findall(r"^public final class (\w+)", text, re.MULTILINE) == [
        "FolderPageQuery",
        "SaveFolderMutation",
        "FolderChangedSubscription",
    ]
    # The word is Swift's own.
    assert "public var `protocol`: String" in text


# -- Python


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("source", SOURCES)
async def test_ariadne_codegen(client: ClientSession, tmp_path: Path, source: Source) -> None:
    generator = Project("ariadne-codegen", tmp_path, client)
    if source == "introspection":
        generator.introspect()
    await generator.run_commands()
    assert "class FolderFields" in generator.files("folders_client")["fragments.py"]
    mypy = (_PROGRAMS / "mypy", "--python-executable", ENVIRONMENT / "python", ".")
    await output(*mypy, folder=generator.folder)
    await _fill(client)
    async with running(ENVIRONMENT / "python", "folders.py", folder=generator.folder) as process:
        assert await _lines(process, "saved") == [
            "CUSTOM_PRODUCTS products://Favourites UTC",
            "HOME products://Start UTC",
            "PINNED products://Weekly UTC",
            "saved products://Growth",
        ]
        await _follows(process, client)


async def test_gql(client: ClientSession, tmp_path: Path) -> None:
    program = Project("gql", tmp_path, client)
    await _fill(client)
    async with running(sys.executable, "folders.py", folder=program.folder) as process:
        assert await _lines(process, "saved") == [
            "CUSTOM_PRODUCTS products://Favourites",
            "HOME products://Start",
            "saved products://Growth",
        ]
        await _follows(process, client)


async def _fill(client: ClientSession) -> None:
    for folder_type, path in (("home", "Start"), ("pinned", "Weekly"), ("custom_products", "Favourites")):
        await save(client, path, type=folder_type)


async def _lines(process: Process, last: str) -> list[str]:
    """Until one that begins so."""
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (lines and lines[-1].startswith(last)):
            line = await process.stdout.readline()
            assert line, f"it ended after {lines}"
            lines.append(line.decode().rstrip())
    return lines


async def _follows(process: Process, client: ClientSession) -> None:
    """The program tells of a change. Nothing tells when its subscription has begun: changes are made until then."""
    async with asyncio.TaskGroup() as tasks:
        told = tasks.create_task(_lines(process, "UPDATED products://Changed"))
        while not told.done():
            await save(client, "Changed")
            await asyncio.wait([told], timeout=0.2)
