"""The log: what each line says, and that no secret is ever in it."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import ClientConnectorError, ClientSession
from sqlalchemy import text

from gateway.http.authentication import Credential
from gateway.logs import configure_logs
from gateway.settings import load_settings
from gateway.storage.engine import Database, DatabaseConfig
from gateway.storage.keys import ShownKey
from gateway.storage.workspace import MadeKey
from tests.databases import PostgreSQLServer, SQLiteServer
from tests.http.raw import send_bytes
from tests.keys import ADA, bearer
from tests.patience import PATIENCE_SECONDS, PATIENT
from tests.ports import free_port
from tests.processes import environment, gateway, running

FOLDERS = "/api/projects/1/persisted_folder/"
EXPLODING = "phx_exploding_value_of_a_row"


def lines(err: bytes) -> list[dict[str, Any]]:
    """Every line is one JSON object."""
    return [json.loads(line) for line in err.decode().splitlines()]


@pytest.fixture
def _json_again() -> Iterator[None]:
    yield
    configure_logs("warning", "json")


async def test_each_request_is_one_line_with_its_id(database_url: str) -> None:
    async with (
        running("serve", database_url=database_url) as service,
        ClientSession(service.address, headers=bearer(ADA)) as client,
    ):
        ids = []
        for given in ("0af7651916cd43dd8448eb211c80319c", "a" * 129, "with space", "", None):
            headers = {} if given is None else {"X-Request-Id": given}
            async with client.get(FOLDERS, params={"foo": "bar"}, headers=headers) as response:
                ids.append(response.headers["X-Request-Id"])
        async with client.post("/graphql", json={"query": "{ viewer { email } }"}) as response:
            ids.append(response.headers["X-Request-Id"])
        async with client.get("/nowhere") as response:
            ids.append(response.headers["X-Request-Id"])
    assert ids[0] == "0af7651916cd43dd8448eb211c80319c"
    # Another is made for one that is none; the first part of it is its time.
    assert all(uuid.UUID(made).version == 7 for made in ids[1:])
    assert len(set(ids)) == len(ids)
    requests = [line for line in lines(service.err) if line["event"] == "request"]
    assert [line["request_id"] for line in requests] == ids
    assert [(line["method"], line["path"], line["status"]) for line in requests] == [
        *[("GET", FOLDERS, 200)] * 5,
        ("POST", "/graphql", 200),
        ("GET", "/nowhere", 404),
    ]
    for line in requests:
        assert line["level"] == "info"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["timestamp"])
        assert isinstance(line["milliseconds"], float)


async def test_expected_errors_leave_no_traceback(database_url: str) -> None:
    async with (
        running("serve", database_url=database_url) as service,
        ClientSession(service.address, headers=bearer(ADA)) as client,
    ):
        statuses = []
        for method, path, body in (
            ("GET", "/api/projects/99/persisted_folder/", None),
            ("DELETE", FOLDERS, None),
            ("POST", FOLDERS, {"type": "nope"}),
            ("GET", f"{FOLDERS}{uuid.uuid4()}/", None),
            ("POST", "/graphql", {"query": "{ nope }"}),
            ("POST", "/graphql", {"query": '{ persistedFolders(projectId: "99") { nodes { id } } }'}),
        ):
            async with client.request(method, path, json=body) as response:
                statuses.append(response.status)
        async with client.get(FOLDERS, headers=bearer("phx_no_such_key")) as response:
            statuses.append(response.status)
    assert statuses == [404, 405, 400, 404, 200, 200, 401]
    assert {line["level"] for line in lines(service.err)} == {"info"}


async def explode_on(url: str, path: str) -> None:
    """Makes the database refuse a row for a reason that nobody expects, and repeat the row in its refusal."""
    database = Database(DatabaseConfig(url=url))

    async def work(connection: Any) -> None:
        if database.dialect == "sqlite":
            await connection.execute(
                text(
                    "CREATE TRIGGER explode BEFORE INSERT ON persisted_folders "
                    f"WHEN NEW.path = '{path}' BEGIN SELECT RAISE(ABORT, 'unexpected'); END"
                )
            )
        else:
            await connection.execute(
                text(f"ALTER TABLE persisted_folders ADD CONSTRAINT explode CHECK (path <> '{path}')")
            )

    await database.transaction(work)
    await database.close()


@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_what_nobody_expected_is_logged_with_its_traceback_and_without_values(
    database_url: str, log_format: str
) -> None:
    await explode_on(database_url, EXPLODING)
    async with (
        running("serve", database_url=database_url, log_format=log_format) as service,
        ClientSession(service.address, headers=bearer(ADA)) as client,
    ):
        async with client.post(FOLDERS, json={"type": "home", "path": EXPLODING}) as response:
            assert response.status == 500
            assert await response.json() == {
                "type": "server_error",
                "code": "error",
                "detail": "A server error occurred.",
                "attr": None,
            }
            rest_id = response.headers["X-Request-Id"]
        mutation = (
            "mutation($path: String!) { upsertPersistedFolder("
            'input: {projectId: "1", type: HOME, path: $path}) { created } }'
        )
        body = {"query": mutation, "variables": {"path": EXPLODING}}
        async with client.post("/graphql", json=body) as response:
            (error,) = (await response.json())["errors"]
            assert error["message"] == "A server error occurred."
            graphql_id = error["extensions"]["requestId"]
            assert graphql_id == response.headers["X-Request-Id"]
    logged = service.err.decode()
    assert EXPLODING not in logged
    assert ADA not in logged
    assert "Traceback" in logged
    assert "storage/folders.py" in logged
    if log_format == "json":
        failures = [line for line in lines(service.err) if line["level"] == "error"]
        assert [(line["event"], line["request_id"]) for line in failures] == [
            ("request.failed", rest_id),
            ("graphql.field_failed", graphql_id),
        ]
        assert all("INSERT INTO persisted_folders" in line["exception"] for line in failures)


async def test_no_key_is_ever_logged(database_url: str) -> None:
    wrong = "phx_wrong_key_that_nobody_has"
    async with (
        running("serve", database_url=database_url) as service,
        ClientSession(service.address) as client,
    ):
        for key in (ADA, wrong):
            async with client.get(FOLDERS, headers=bearer(key)) as response:
                assert response.status in (200, 401)
            for path in (FOLDERS, "/graphql", "/nowhere", "/openapi.json", f"/api/projects/{key}/persisted_folder/"):
                async with client.get(path, params={"personal_api_key": key, "query": "{ viewer { id } }"}) as response:
                    assert response.status < 500
            for body in ({"personal_api_key": key}, {"personal_api_key": [key]}, {"type": "home", "path": key}):
                async with client.post(FOLDERS, json=body) as response:
                    assert response.status < 500
            for body in (
                {"query": f'{{ viewer(key: "{key}") {{ id }} }}'},
                {"query": key},
                {"variables": {"key": key}},
            ):
                async with client.post("/graphql", json=body, headers=bearer(key)) as response:
                    assert response.status < 500
        # What aiohttp answers by itself.
        port = int(service.address.rpartition(":")[2])
        for head in (
            f"GET /?personal_api_key={ADA} HTTP/9.9\r\n\r\n",
            f"GET /?personal_api_key={ADA} \x00 HTTP/1.1\r\nHost: a\r\n\r\n",
            f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization : Bearer {ADA}\r\n\r\n",
            f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {ADA}\x00\r\n\r\n",
            f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {ADA}\r\n\r\n",
            f"{ADA}\r\n\r\n",
        ):
            assert (await send_bytes(port, "GET", head.encode())).status == 400
    output = (service.out + service.err).decode()
    # In a path it is no key, but part of a place that was asked for.
    output = output.replace(f"/api/projects/{ADA}/", "").replace(f"/api/projects/{wrong}/", "")
    assert ADA not in output
    assert wrong not in output
    assert "personal_api_key" not in output


async def test_passwords_are_not_logged(database_url: str) -> None:
    """Neither where all is well nor where the database, or Redis, is not there."""
    redis = "redis://:hunter2@127.0.0.1:1/0"
    async with (
        running("serve", database_url=database_url, redis_url=redis, rate_limits="true") as service,
        ClientSession(service.address, headers=bearer(ADA)) as client,
        client.get(FOLDERS) as response,
    ):
        assert response.status == 200
    assert "throttle.unavailable" in service.err.decode()
    assert b"hunter2" not in service.out + service.err


async def test_the_password_of_the_database_is_not_logged(postgresql: PostgreSQLServer) -> None:
    url = postgresql.create()
    await explode_on(url, EXPLODING)
    # The server takes any password.
    known = url.replace("postgres@", "postgres:hunter2@")
    async with (
        running("serve", database_url=known) as service,
        ClientSession(service.address, headers=bearer(ADA)) as client,
        client.post(FOLDERS, json={"type": "home", "path": EXPLODING}) as response,
    ):
        assert response.status == 500
    assert "Traceback" in service.err.decode()
    assert "hunter2" not in (service.out + service.err).decode()
    for gone in (
        known.replace("/t", "/gone"),
        known.replace("host=", "host=/nowhere"),
        "postgresql+asyncpg://ada:hunter2@127.0.0.1:1/name",
    ):
        result = await gateway("serve", database_url=gone)
        assert result.code == 1
        assert '"event":"database.unavailable"' in result.err
        assert "hunter2" not in result.err
    postgresql.drop(url)


def test_secrets_are_in_no_repr() -> None:
    for holder in (
        Credential(ADA, "body"),
        MadeKey(uuid.uuid4(), "ada@acme.test", "label", ADA),
        ShownKey(uuid.uuid4(), ADA),
        DatabaseConfig(url=f"postgresql+asyncpg://ada:{ADA}@host/name"),
        Database(DatabaseConfig(url=f"postgresql+asyncpg://ada:{ADA}@host/name")),
        load_settings(database_url=f"postgresql+asyncpg://ada:{ADA}@host/name"),
    ):
        assert ADA not in repr(holder)


@pytest.mark.usefixtures("_json_again")
def test_libraries_log_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json")
    logging.getLogger("some.library").warning("it is %s", "late")
    logging.getLogger("some.library").info("not asked for")
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        logging.getLogger("some.library").exception("it failed")
    first, second = lines(capsys.readouterr().err.encode())
    assert (first["event"], first["level"], first["logger"]) == ("it is late", "warning", "some.library")
    assert (second["event"], second["level"]) == ("it failed", "error")
    assert "RuntimeError: broken" in second["exception"]


# Clears the screen, rings, clears it in one character less, and turns the direction of what follows.
CONTROLS = "\x1b[2J\x07\x9b2J\u202e"
ESCAPED = r"\x1b[2J\x07\x9b2J\u202e"


async def test_what_a_client_sends_is_no_command_to_the_console(database_url: str) -> None:
    async with (
        running("serve", database_url=database_url, log_format="console") as service,
        ClientSession(service.address) as client,
    ):
        async with client.get(f"/é{CONTROLS}") as response:
            assert response.status == 404
        body = {"query": "{ __typename }", "operationName": CONTROLS}
        async with client.post("/graphql", json=body) as response:
            assert "errors" in await response.json()
    told = service.err.decode()
    assert f"/é{ESCAPED}" in told
    assert f"operation={ESCAPED}" in told
    assert all(line.isprintable() for line in told.split("\n"))


@pytest.mark.usefixtures("_json_again")
def test_nor_is_what_exceptions_and_libraries_say(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "console")
    try:
        raise RuntimeError(f"{CONTROLS}\r")
    except RuntimeError:
        structlog.get_logger().exception("it failed")
        logging.getLogger("some.library").exception("late\n%s", CONTROLS)
    told = capsys.readouterr().err.split("\n")
    # A traceback keeps its lines, a message is one.
    assert told.count("Traceback (most recent call last):") == 2
    assert told.count(rf"RuntimeError: {ESCAPED}\r") == 2
    assert rf"late\n{ESCAPED}" in "".join(told)
    assert all(line.isprintable() for line in told)


@pytest.mark.usefixtures("_json_again")
def test_a_text_that_is_none_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """A lone surrogate, in a name of a client's choice. On the console, it is escaped as all that is not printable."""
    configure_logs("info", "json")
    structlog.get_logger().warning("event", name="a\ud800b")
    (line,) = lines(capsys.readouterr().err.encode())
    assert line["name"] == "a\ud800b"


ONE_EVENT = (
    "import structlog; from gateway.logs import configure_logs; configure_logs('info', 'json');"
    "structlog.get_logger().info('event')"
)


def test_an_event_is_written_in_one_piece() -> None:
    """As several workers write at once. Of a socket of datagrams, each piece is one; unbuffered as in a container."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        subprocess.run([sys.executable, "-u", "-c", ONE_EVENT], stderr=theirs, check=True)
        piece = ours.recv(65536)
    assert piece.endswith(b"\n")
    assert lines(piece)[0]["event"] == "event"


def test_a_warning_of_python_is_a_line() -> None:
    program = (
        "import warnings; from gateway.logs import configure_logs; configure_logs('info', 'json');"
        "warnings.warn('never awaited', RuntimeWarning)"
    )
    err = subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE, check=True).stderr
    (line,) = lines(err)
    assert (line["level"], line["logger"]) == ("warning", "py.warnings")
    assert "RuntimeWarning: never awaited" in line["event"]


def test_without_standard_error_the_log_goes_to_standard_output() -> None:
    command = ["sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, ONE_EVENT]
    out = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    assert [line["event"] for line in lines(out)] == ["event"]


@pytest.mark.parametrize("buffered", ["", "1"], ids=["buffered", "unbuffered"])
async def test_requests_are_answered_though_the_log_cannot_be_written(sqlite: SQLiteServer, buffered: str) -> None:
    port = free_port()
    settings = environment({**PATIENT, "database_url": sqlite.create(), "port": port})
    command = [sys.executable, "-m", "gateway", "serve"]
    # It is a disk without space.
    with Path("/dev/full").open("wb") as full:  # noqa: ASYNC230  # a device
        process = await asyncio.create_subprocess_exec(
            *command, stderr=full, env={**settings, "PYTHONUNBUFFERED": buffered}
        )
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), ClientSession(headers=bearer(ADA)) as client:
            while process.returncode is None:
                with suppress(ClientConnectorError):
                    async with client.get(f"http://127.0.0.1:{port}{FOLDERS}") as response:
                        assert response.status == 200
                        break
        assert process.returncode is None
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
