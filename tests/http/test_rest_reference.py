"""Answers as the reference gives them, byte for byte; where ours differ on purpose is listed here, with the reason."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Executable, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.keys import hash_key
from gateway.settings import load_settings
from gateway.storage.engine import Database, DatabaseConfig
from gateway.storage.tables import api_keys, folders, users
from tests import keys
from tests.conftest import serving
from tests.databases import DatabaseServer
from tests.http.raw import RawResponse, port_of, send
from tests.http.reference import (
    ADA,
    ADA_NO_SCOPES,
    SEEDED_MICROSECONDS,
    Answer,
    Case,
    Placeholders,
    Request,
    error,
    load_cases,
)

CASES: Final = {case.name: case for case in load_cases()}

_NOT_FOUND: Final = error("invalid_request", "not_found", "Not found.")
_NO_ENDPOINT: Final = error("invalid_request", "not_found", "Endpoint not found.")
_NO_PROJECT: Final = error("invalid_request", "not_found", "Project not found.")
_CONFLICT: Final = error("invalid_request", "conflict", "A pinned folder already exists here.", "type")
_LIST_METHODS: Final = "GET, POST, HEAD, OPTIONS"
_DETAIL_METHODS: Final = "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"


def _bad_charset(name: str) -> str:
    return error("invalid_request", "parse_error", f'Unsupported charset "{name}" in request Content-Type header.')


def _bad_boundary(boundary: str) -> str:
    detail = f"Multipart form parse error - Invalid boundary in multipart: {boundary}"
    return error("invalid_request", "parse_error", detail)


@dataclass(frozen=True, slots=True)
class Deviation:
    """`like` is a case whose recorded answer is ours; else `changes` are what differs from the recorded answer.

    `edit` replaces a part of the recorded body. With `refused`, aiohttp's parser answers 400 before
    this service sees the request.
    """

    reason: str
    cases: tuple[str, ...]
    like: str | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    edit: tuple[str, str] | None = None
    refused: bool = False

    def expected(self, case: Case) -> Answer:
        answer = case.answer if self.like is None else CASES[self.like].answer
        if self.edit is not None:
            old, new = self.edit
            assert old in answer.body
            answer = replace(answer, body=answer.body.replace(old, new))
        return replace(answer, **self.changes)


DEVIATIONS: Final = (
    # What the contract marks as better, or says of the order of the checks.
    Deviation("The word Bearer in any case ...", ("cred lower", "cred upper"), like="cred extra spaces"),
    Deviation(
        "... so the key after it is the one that is tried.",
        ("cred lower bearer bad + query good",),
        like="cred header bad + query good",
    ),
    Deviation(
        "409 for a type that is taken; the reference fails.",
        ('PUT {"type":"pinned"}', 'PATCH {"type":"pinned"}', "PUT conflict no slash"),
        changes={"status": 409, "body": _CONFLICT},
    ),
    Deviation(
        "A limit over 1,000 counts as 1,000; the reference fails on what no database takes ...",
        ("page ?limit=9223372036854775808", "page ?limit=99999999999999999999"),
        like="page ?limit=1001",
    ),
    Deviation(
        "... and puts the others into its links as they came.",
        ("page ?limit=9223372036854775807&offset=1",),
        edit=("limit=9223372036854775807", "limit=1000"),
    ),
    Deviation(
        "Likewise, past the end.",
        ("page 20 digit limit and offset past",),
        edit=("limit=99999999999999999999", "limit=1000"),
    ),
    Deviation(
        "A key never stands in a URL that the service makes.",
        ("page key in query", "page key in query prev"),
        edit=(f"&personal_api_key={keys.ADA}", ""),
    ),
    Deviation(
        "X-Forwarded-Host counts where a trusted proxy sends it, and here all do.",
        ("page x-forwarded-host",),
        edit=("http://testserver", "http://evil.test"),
    ),
    Deviation(
        "A project or environment that is not a number is not found.",
        ("route id with dot",),
        changes={"body": _NO_PROJECT, "allow": _LIST_METHODS},
    ),
    # Where the reference fails, and the contract says nothing of it.
    Deviation(
        "A key in the body that is no text is a wrong key.",
        (
            "credbody json null",
            "credbody json null + query good",
            "credbody json number",
            "credbody json bool",
            "credbody json list",
            "credbody json object",
            "credbody json surrogate",
            "credbody multipart key as file",
        ),
        like="credbody json bad",
    ),
    Deviation(
        "A body that is no object holds no key ...",
        (
            'credbody no key, body "personal_api_key"',
            "credbody no key, body 5",
            "credbody no key, body 1.5",
            "credbody no key, body true",
        ),
        like='credbody no key, body "x"',
    ),
    Deviation(
        "... and is refused as any other of its kind ...",
        ('credbody query key, body "personal_api_key"',),
        like='credbody query key, body "x"',
    ),
    Deviation("... a number ...", ("credbody query key, body 5",), like="doc 5"),
    Deviation("... a fraction ...", ("credbody query key, body 1.5",), like="doc 1.5"),
    Deviation("... or a boolean.", ("credbody query key, body true",), like="doc true"),
    Deviation(
        "A lone surrogate is no choice, and JSON can repeat it as an escape.",
        ("type surrogate",),
        changes={
            "status": 400,
            "body": error("validation_error", "invalid_choice", '"<SURROGATE>" is not a valid choice.', "type").replace(
                "<SURROGATE>", "\\ud800"
            ),
            "content_type": "application/json",
            "allow": _LIST_METHODS,
        },
    ),
    # Routes: the reference knows suffixes and more routes than the contract's.
    Deviation(
        "Unknown routes answer JSON, not HTML.",
        ("route api", "route bare unknown", "route root", "route upper case path"),
        changes={"body": _NO_ENDPOINT, "content_type": "application/json"},
    ),
    Deviation(
        "An unknown route is unknown to every method and whatever the client accepts.",
        ("unknown route OPTIONS", "order: unknown route + bad Accept"),
        changes={"status": 404, "body": _NO_ENDPOINT, "allow": None},
    ),
    Deviation(
        "No suffix names a format, and an escaped slash ends no segment.",
        ("route dot json", "route dot json slash", "route dot xml", "route %2F slash list"),
        changes={"status": 404, "body": _NO_ENDPOINT, "allow": None},
    ),
    Deviation(
        "The same below a list: it belongs to an id that is unknown.",
        ("route detail dot json", "route %2F in pk"),
        changes={"status": 404, "body": _NOT_FOUND, "allow": _DETAIL_METHODS},
    ),
    # HTTP itself, where the reference was asked below its server.
    Deviation(
        "aiohttp takes no method or byte of a target that HTTP does not know.",
        (
            "method list FOO",
            "method detail FOO",
            "method list get",
            "method detail get",
            "page ?limit=1&q=\u00e9",
            "page ?limit=1&q=\U0001f600",
            "x content-length 0",
            "x content-length junk",
        ),
        refused=True,
    ),
    Deviation(
        "CONNECT names a host to connect to, never a path.",
        ("method list CONNECT", "method detail CONNECT"),
        changes={"status": 404, "body": _NO_ENDPOINT, "allow": None},
    ),
    Deviation("Spaces around a field's value are no part of it.", ("cred leading space",), like="cred extra spaces"),
    Deviation("A target has no fragment.", ("page ?limit=1&q=#frag",), edit=("q=#frag", "q=")),
    Deviation(
        "A bad host is answered in JSON.",
        ("page bad host",),
        changes={
            "body": error("invalid_request", "parse_error", "The request's Host header is malformed."),
            "content_type": "application/json",
            # It is answered before a route is known.
            "allow": None,
        },
    ),
    Deviation(
        "Header fields are read as UTF-8.",
        ("ct 'tex\u00e9/plain'",),
        edit=("\u00c3\u00a9", "\u00e9"),
    ),
    # Bodies: oddities that no client relies on.
    Deviation(
        "Codecs that are no charsets of the web are refused, as the reference refuses others.",
        ("json charset idna",),
        changes={"status": 400, "body": _bad_charset("idna"), "rows": ()},
    ),
    Deviation(
        "Likewise.",
        ("json charset unicode_escape",),
        changes={"status": 400, "body": _bad_charset("unicode_escape"), "rows": ()},
    ),
    Deviation(
        "A Content-Type over 255 characters is one all the same ...",
        ("ct 'application/json; xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx318",),
        like="ct 'application/json'",
    ),
    Deviation(
        "... only its boundary is too long.",
        ("mp long boundary",),
        changes={"status": 400, "body": _bad_boundary("z" * 300)},
    ),
    Deviation(
        "An empty boundary is told as such.", ("mp non-ascii boundary",), changes={"body": _bad_boundary("\u00e9")}
    ),
    Deviation("Media types are the same in any case, also this one.", ("mp upper ct",), like="mp type"),
    Deviation("Of two boundaries the first counts.", ("x mp dup boundary params",), like="mp type"),
    Deviation(
        "A file is no text, whatever its name.",
        ("mp file named space",),
        like="mp protocol file",
    ),
)
_DEVIATING: Final = {name: deviation for deviation in DEVIATIONS for name in deviation.cases}


@dataclass(frozen=True, slots=True)
class Service:
    """The service, and a way into its database."""

    port: int
    database: Database
    database_url: str
    users: dict[str, UUID]

    async def seed(self, case: Case) -> Placeholders:
        rows = [
            {
                "environment_id": row.get("environment", 1),
                "id": UUID(row["id"]),
                "user_id": self.users[row.get("user", ADA)],
                "surface": row.get("surface", "web"),
                "type": row["type"],
                "protocol": row.get("protocol", "products://"),
                "path": row.get("path", ""),
                "created_at": SEEDED_MICROSECONDS,
                "updated_at": SEEDED_MICROSECONDS,
            }
            for row in case.seed
        ]
        await _run(self.database, delete(folders), *([insert(folders).values(rows)] if rows else []))
        placeholders = Placeholders()
        for row in case.seed:
            placeholders.id(row["id"])
        return placeholders

    async def rows(self, placeholders: Placeholders) -> tuple[str, ...]:
        emails = {user_id: email for email, user_id in self.users.items()}
        return tuple(
            sorted(
                f"{placeholders.id(str(row.id))} {emails[row.user_id]} {row.environment_id} {row.surface} {row.type} "
                f"{_time(row.created_at)} {_time(row.updated_at)} {json.dumps(f'{row.protocol} {row.path}')}"
                for row in await self.database.fetch(select(folders))
            )
        )


def _time(microseconds: int) -> str:
    return "<SEEDED>" if microseconds == SEEDED_MICROSECONDS else "<NOW>"


async def _run(database: Database, *statements: Executable) -> None:
    async def work(connection: AsyncConnection) -> None:
        for statement in statements:
            await connection.execute(statement)

    await database.transaction(work)


@pytest.fixture(scope="module")
async def service(database_server: DatabaseServer) -> AsyncIterator[Service]:
    """One service for all cases; it trusts this machine as a proxy."""
    url = database_server.create()
    database = Database(DatabaseConfig(url=url))
    try:
        found = {row.email: row.id for row in await database.fetch(select(users.c.email, users.c.id))}
        no_scopes = {"id": uuid4(), "user_id": found[ADA], "label": "no scopes", "hash": hash_key(ADA_NO_SCOPES)}
        empty = {"mask": "", "scopes": [], "scoped_environments": [], "scoped_organizations": [], "created_at": 0}
        await _run(database, insert(api_keys).values(no_scopes | empty))
        async with _served(url) as port:
            yield Service(port, database, url, found)
    finally:
        await database.close()
        database_server.drop(url)


@asynccontextmanager
async def _served(url: str, **settings: Any) -> AsyncIterator[int]:
    loaded = load_settings(database_url=url, trusted_proxies=["127.0.0.0/8"], **settings)
    async with serving(loaded) as client:
        yield await port_of(client)


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
async def test_answer_is_the_references(service: Service, case: Case) -> None:
    placeholders = await service.seed(case)
    if case.per_minute is None:
        response = await _exchange(service.port, case)
    else:
        async with _served(service.database_url, rate_limits=True, rate_limit_per_minute=case.per_minute) as port:
            response = await _exchange(port, case)

    deviation = _DEVIATING.get(case.name)
    if deviation is not None and deviation.refused:
        assert response.status == 400
        assert await service.rows(placeholders) == case.answer.rows
        return
    assert (response.headers.get("www-authenticate") == "Bearer") == (response.status == 401)
    body = placeholders.put(response.text)
    answer = Answer(
        status=response.status,
        body=body,
        content_type=response.headers.get("content-type"),
        allow=response.headers.get("allow"),
        retry_after="<SECONDS>" if response.headers.get("retry-after", "").isdecimal() else None,
        rows=await service.rows(placeholders),
    )
    assert answer == (case.answer if deviation is None else deviation.expected(case))


def test_each_deviation_is_one() -> None:
    listed = [name for deviation in DEVIATIONS for name in deviation.cases]
    assert len(listed) == len(set(listed))
    same = [
        name
        for name, each in _DEVIATING.items()
        if not each.refused and each.expected(CASES[name]) == CASES[name].answer
    ]
    assert same == []


async def _exchange(port: int, case: Case) -> RawResponse:
    for request in case.before:
        await _send(port, request)
    return await _send(port, case.request)


async def _send(port: int, request: Request) -> RawResponse:
    return await send(port, request.method, request.target, request.headers, request.data)
