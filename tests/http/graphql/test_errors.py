"""Errors over both transports: each that can be raised is rendered, and what nobody expected is masked."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from aiohttp import ClientSession
from graphql import GraphQLError
from structlog.testing import capture_logs

from gateway import errors
from gateway.errors import GatewayError
from gateway.folders import FolderService
from gateway.http.graphql.errors import render_error, render_execution_errors
from gateway.http.rest_errors import error_body, error_headers
from tests.conftest import Serve
from tests.keys import ADA, bearer
from tests.patience import PATIENCE_SECONDS

_ERRORS: Final[list[GatewayError]] = [
    errors.NotAuthenticated(),
    errors.AuthenticationFailed("Authorization header"),
    errors.PermissionDenied("No."),
    errors.AccessLost("No."),
    errors.NotFound(),
    errors.NotFound("Project not found.", attr="project"),
    errors.InvalidField("blank", "This field may not be blank.", attr="path"),
    errors.InvalidFields([errors.InvalidField("required", "This field is required.", attr="type")]),
    errors.Conflict("There is one."),
    errors.Stale("It has changed."),
    errors.InvalidInput("No.", attr="first"),
    errors.ParseError("JSON parse error."),
    errors.MethodNotAllowed("PUT"),
    errors.NotAcceptable(),
    errors.RequestTimeout(),
    errors.ContentTooLarge(5),
    errors.UriTooLong(5),
    errors.UnsupportedMediaType("text/plain"),
    errors.UnsupportedEncoding(),
    errors.ExpectationFailed(),
    errors.Throttled(60, 7),
    errors.TooManyConnections(),
    errors.HeaderFieldsTooLarge(),
    errors.ServerError(),
    errors.Unavailable(),
    errors.Timeout(1.5),
]
_CODES: Final = {
    400: "BAD_USER_INPUT",
    401: "UNAUTHENTICATED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    408: "REQUEST_TIMEOUT",
    409: "CONFLICT",
    413: "CONTENT_TOO_LARGE",
    414: "URI_TOO_LONG",
    415: "UNSUPPORTED_MEDIA_TYPE",
    417: "EXPECTATION_FAILED",
    429: "RATE_LIMITED",
    431: "HEADER_FIELDS_TOO_LARGE",
    500: "INTERNAL_SERVER_ERROR",
    503: "UNAVAILABLE",
    504: "TIMEOUT",
}
_QUERY: Final = "{ viewer { id } persistedFolders { totalCount nodes { id } } }"
_LIST: Final = "/api/projects/1/persisted_folder/"


def _subclasses(kind: type[GatewayError]) -> Iterator[type[GatewayError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _subclasses(each)


def test_no_error_is_left_out() -> None:
    # Unauthenticated is the common ground of two others.
    declared = {each for each in _subclasses(GatewayError) if each.__module__ == errors.__name__}
    assert declared - {type(each) for each in _ERRORS} == {errors.Unauthenticated}


@pytest.mark.parametrize("error", _ERRORS, ids=lambda error: type(error).__name__)
def test_each_error_has_a_shape_in_both_transports(error: GatewayError) -> None:
    body = error_body(error)
    assert set(body) == {"type", "code", "detail", "attr"}
    assert body["type"] in {
        "authentication_error",
        "invalid_request",
        "validation_error",
        "throttled_error",
        "server_error",
    }
    located = GraphQLError("Not this text.", path=["viewer", "id"], original_error=error)
    for rendered in (render_error(error, "the-request"), *render_execution_errors([located], "the-request")):
        extensions = rendered["extensions"]
        # The same words, and REST's code as the reason.
        assert rendered["message"] == body["detail"]
        assert (extensions["status"], extensions["reason"]) == (error.status, body["code"])
        assert extensions["code"] == _CODES[error.status]
        assert extensions.get("retryAfter") == (7 if isinstance(error, errors.Throttled) else None)
        assert extensions.get("requestId") == ("the-request" if isinstance(error, errors.ServerError) else None)
        json.dumps(rendered)
    assert rendered["path"] == ["viewer", "id"]
    headers = error_headers(error)
    assert ("WWW-Authenticate" in headers) is (error.status == 401)
    assert ("Retry-After" in headers) is isinstance(error, errors.Throttled)


def _raise(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    async def fail(*_: Any, **__: Any) -> Any:
        raise error

    for name in ("in_places", "pages", "upsert"):
        monkeypatch.setattr(FolderService, name, fail)


async def _graphql(client: ClientSession) -> tuple[dict[str, Any], str]:
    async with client.post("/graphql", json={"query": _QUERY}, headers=bearer(ADA)) as response:
        assert response.status == 200
        return await response.json(), response.headers["X-Request-Id"]


# What a resolver may meet while it runs.
_RAISED: Final = [
    each for each in _ERRORS if each.status in (403, 404, 429, 500, 503, 504) or type(each) is errors.InvalidInput
]


@pytest.mark.parametrize("error", _RAISED, ids=lambda error: type(error).__name__)
async def test_what_the_service_raises_reaches_both_clients(
    client: ClientSession, monkeypatch: pytest.MonkeyPatch, error: GatewayError
) -> None:
    _raise(monkeypatch, error)
    with capture_logs() as logs:
        answer, request_id = await _graphql(client)
        async with client.post(_LIST, json={"type": "home"}, headers=bearer(ADA)) as response:
            assert response.status == error.status
            body = await response.json()
    assert body == error_body(error)
    (rendered,) = answer["errors"]
    assert answer["data"] is None
    assert rendered["path"] == ["persistedFolders"]
    assert rendered["message"] == body["detail"]
    assert rendered["extensions"] == render_error(error, request_id)["extensions"]
    # It was expected: no traceback.
    assert not [line for line in logs if "exc_info" in line]


_SECRETS: Final = ["SELECT", "folders.py", "swordfish", "RuntimeError", "/srv/", "Traceback"]


async def test_what_nobody_expected_is_masked_and_found_in_the_log(
    client: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    cause = RuntimeError("SELECT password FROM users in /srv/folders.py: swordfish")
    _raise(monkeypatch, cause)
    with capture_logs() as logs:
        answer, request_id = await _graphql(client)
    (error,) = answer["errors"]
    assert error["message"] == "A server error occurred."
    assert error["extensions"] == {
        "code": "INTERNAL_SERVER_ERROR",
        "status": 500,
        "reason": "error",
        "requestId": request_id,
    }
    assert error["path"] == ["persistedFolders"]
    assert error["locations"] == [{"line": 1, "column": _QUERY.index("persistedFolders") + 1}]
    assert not [secret for secret in _SECRETS if secret in json.dumps(answer)]
    (line,) = [line for line in logs if line.get("exc_info") is cause]
    assert (line["log_level"], line["path"]) == ("error", ["persistedFolders"])


@pytest.mark.parametrize(("failing", "more"), [(10, []), (11, [1]), (25, [15])])
async def test_of_many_fields_that_fail_a_few_leave_a_traceback_and_the_rest_a_number(
    client: ClientSession, monkeypatch: pytest.MonkeyPatch, failing: int, more: list[int]
) -> None:
    _raise(monkeypatch, RuntimeError("no"))
    fields = [f"f{number}" for number in range(failing)]
    query = "{ " + " ".join(f"{name}: persistedFolderByType(type: HOME) {{ id }}" for name in fields) + " }"
    with capture_logs() as logs:
        async with client.post("/graphql", json={"query": query}, headers=bearer(ADA)) as response:
            answer = await response.json()
    assert answer["data"] == dict.fromkeys(fields)
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"INTERNAL_SERVER_ERROR"}
    assert sorted(error["path"] for error in answer["errors"]) == sorted([name] for name in fields)
    told = [line for line in logs if line["log_level"] == "error"]
    assert [line["path"] for line in told[:10]] == [error["path"] for error in answer["errors"][:10]]
    assert all("exc_info" in line for line in told[:10])
    assert told[10:] == [{"event": "graphql.more_fields_failed", "log_level": "error", "count": left} for left in more]


async def test_what_was_cancelled_under_a_request_is_no_end_without_an_answer(
    client: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    _raise(monkeypatch, asyncio.CancelledError())
    mutation = "mutation { upsertPersistedFolder(input: {type: HOME}) { created } }"
    with capture_logs() as logs:
        for path, body in (("/graphql", {"query": mutation}), (_LIST, {"type": "home"})):
            async with client.post(path, json=body, headers=bearer(ADA)) as response:
                assert response.status == 500
                assert "A server error occurred." in await response.text()
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["request.failed"] * 2


async def test_the_request_id_is_the_clients_own_where_it_sent_one(
    client: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    _raise(monkeypatch, RuntimeError("no"))
    headers = {**bearer(ADA), "X-Request-Id": "from-the-client.1"}
    with capture_logs():
        async with client.post("/graphql", json={"query": _QUERY}, headers=headers) as response:
            (error,) = (await response.json())["errors"]
    assert error["extensions"]["requestId"] == response.headers["X-Request-Id"] == "from-the-client.1"


async def test_an_operation_that_takes_too_long_is_ended(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def wait(*_: Any, **__: Any) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr(FolderService, "in_places", wait)
    async with serve(operation_timeout=0.05) as client:
        # On a busy machine the time can be over before the folders are asked for: then nothing was begun to be ended.
        # Each time another document, for a known one's folders are read ahead.
        for number in itertools.count():
            if begun.is_set():
                break
            query = f"{_QUERY} # {number}"
            async with client.post("/graphql", json={"query": query}, headers=bearer(ADA)) as response:
                assert response.status == 504
                answer = await response.json()
        await asyncio.wait_for(ended.wait(), PATIENCE_SECONDS)
    assert answer == {
        "errors": [
            {
                "message": "The operation took longer than 0.05 seconds.",
                "extensions": {"code": "TIMEOUT", "status": 504, "reason": "timeout"},
            }
        ]
    }


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ viewer {", "GRAPHQL_PARSE_FAILED"),
        ("{ viewer { emale } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ persistedFolders(first: 0) { totalCount } }", "BAD_USER_INPUT"),
        ('{ persistedFolders(after: "x") { totalCount } }', "BAD_USER_INPUT"),
        ("{ persistedFolders(projectId: 99) { totalCount } }", "NOT_FOUND"),
        ("{ " + "viewer { id } " * 31 + "}", "QUERY_TOO_COMPLEX"),
    ],
)
async def test_errors_of_clients_leave_no_traceback(client: ClientSession, query: str, code: str) -> None:
    with capture_logs() as logs:
        async with client.post("/graphql", json={"query": query}, headers=bearer(ADA)) as response:
            text = await response.text()
    assert json.loads(text)["errors"][0]["extensions"]["code"] == code
    assert not [line for line in logs if "exc_info" in line or line["log_level"] in ("error", "critical")]
    assert not re.search(r"Traceback|File \"|graphql\.error|gateway\.", text)
