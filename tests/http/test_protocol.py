"""HTTP below the endpoints: what cannot be parsed, what has no route, and how connections are used.

Which database there is makes no difference here, so there is one.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

import pytest
from aiohttp import ClientSession
from structlog.testing import capture_logs

from gateway.http.graphql.endpoint import GraphQLEndpoint
from gateway.http.rest import RestEndpoints
from tests.databases import DatabaseServer, SQLiteServer
from tests.http.raw import Connection, RawResponse, connected, port_of, send, send_bytes
from tests.keys import ADA
from tests.patience import PATIENCE_SECONDS

HOST: Final = b"Host: testserver\r\n"
FOLDERS: Final = "/api/projects/1/persisted_folder/"
POST_CHUNKED: Final = (
    b"POST /graphql HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
)
# `{"query":"{__typename}"}` in two chunks.
CHUNKS: Final = b'a\r\n{"query":"\r\nE\r\n{__typename}"}\r\n0\r\n'


@pytest.fixture
def database_server(sqlite: SQLiteServer) -> DatabaseServer:
    return sqlite


@pytest.fixture
async def port(client: ClientSession) -> int:
    return await port_of(client)


def get(path: str, *headers: bytes, version: bytes = b"HTTP/1.1") -> bytes:
    return b"GET " + path.encode() + b" " + version + b"\r\n" + HOST + b"".join(headers) + b"\r\n"


def check_headers(response: RawResponse) -> None:
    assert response.headers["content-type"].startswith("application/json")
    assert response.headers["server"] == "gateway"
    assert response.headers["date"].endswith("GMT")
    assert response.headers["x-request-id"]


def rest_error(response: RawResponse) -> Any:
    check_headers(response)
    error = json.loads(response.body)
    assert list(error) == ["type", "code", "detail", "attr"]
    return error


def graphql_error(response: RawResponse) -> Any:
    check_headers(response)
    answer = json.loads(response.body)
    assert list(answer) == ["errors"]
    (error,) = answer["errors"]
    assert error["extensions"]["status"] == response.status
    return error


UNREADABLE: Final = {
    "no HTTP": (b"\x00\x01\x02\r\n\r\n", 400, "parse_error"),
    "HTTPS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", 400, "parse_error"),
    "an unknown method": (b"FETCH / HTTP/1.1\r\n" + HOST + b"\r\n", 400, "parse_error"),
    "a method in lower case": (b"get / HTTP/1.1\r\n" + HOST + b"\r\n", 400, "parse_error"),
    "no version": (b"GET /graphql\r\n" + HOST + b"\r\n", 400, "parse_error"),
    "HTTP/0.9": (get("/graphql", version=b"HTTP/0.9"), 400, "parse_error"),
    "HTTP/1.2": (get("/graphql", version=b"HTTP/1.2"), 400, "parse_error"),
    "HTTP/2.0": (get("/graphql", version=b"HTTP/2.0"), 400, "parse_error"),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "parse_error"),
    "bare line feeds": (b"GET / HTTP/1.1\nHost: testserver\n\n", 400, "parse_error"),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400, "parse_error"),
    "two hosts": (get("/", b"Host: other\r\n"), 400, "parse_error"),
    "bytes in the target": (b"GET /\xff HTTP/1.1\r\n" + HOST + b"\r\n", 400, "parse_error"),
    "an absolute target without a host": (get("http:///"), 400, "parse_error"),
    "an absolute target with a broken name": (get("http://xn--/graphql"), 400, "parse_error"),
    "a tunnel to a broken name": (get("xn--:80").replace(b"GET", b"CONNECT", 1), 400, "parse_error"),
    "a space before the colon": (get("/", b"A : b\r\n"), 400, "parse_error"),
    "a folded header": (get("/", b"A: b\r\n c\r\n"), 400, "parse_error"),
    "U+0000 in a header": (get("/", b"A: \0\r\n"), 400, "parse_error"),
    "a negative length": (get("/", b"Content-Length: -1\r\n"), 400, "parse_error"),
    "a length of 26 digits": (get("/", b"Content-Length: " + b"9" * 26 + b"\r\n"), 400, "parse_error"),
    "two lengths": (get("/", b"Content-Length: 1\r\nContent-Length: 2\r\n"), 400, "parse_error"),
    "a length and chunks": (POST_CHUNKED + b"Content-Length: 3\r\n\r\n" + CHUNKS + b"\r\n", 400, "parse_error"),
    "an unknown transfer encoding": (get("/", b"Transfer-Encoding: gzip\r\n"), 400, "parse_error"),
    "an empty transfer encoding": (get("/", b"Transfer-Encoding:\r\n"), 400, "parse_error"),
    "a host of junk": (b"GET / HTTP/1.1\r\nHost: a b/c@d\r\n\r\n", 400, "parse_error"),
    "a host with a port that is none": (b"GET / HTTP/1.1\r\nHost: a:999999\r\n\r\n", 400, "parse_error"),
    "a long target": (get("/" + "x" * 9000), 414, "uri_too_long"),
    "an endless target": (get("/" + "x" * 900_000), 414, "uri_too_long"),
    "a long query string": (get("/graphql?query=" + "x" * 9000), 414, "uri_too_long"),
    "a long header": (get("/", b"A: " + b"x" * 9000 + b"\r\n"), 431, "header_fields_too_large"),
    "an endless header": (get("/", b"A: " + b"x" * 900_000 + b"\r\n"), 431, "header_fields_too_large"),
    "a long header name": (get("/", b"A" * 9000 + b": b\r\n"), 431, "header_fields_too_large"),
    "many headers": (get("/", *(b"A%d: b\r\n" % i for i in range(150))), 431, "header_fields_too_large"),
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_what_cannot_be_read_is_answered_in_the_services_own_words(
    name: str, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    request, status, code = UNREADABLE[name]
    with caplog.at_level(logging.DEBUG), capture_logs() as logs:
        response = await send_bytes(port, "GET", request)
    assert response.status == status
    error = rest_error(response)
    assert (error["type"], error["code"], error["attr"]) == ("invalid_request", code, None)
    for foreign in ("aiohttp", "Python", "b'", "127.0.0.1", "^"):
        assert foreign not in response.text
    # It is the client's mistake: nobody is to be woken by it.
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    assert [event for event in logs if event["log_level"] != "info"] == []


async def test_head_of_many_reads_is_bounded(port: int) -> None:
    """Fields that are each small enough, and more of them than a head may hold."""
    async with connected(port) as connection:
        reading = asyncio.create_task(connection.read())
        connection.write(b"GET / HTTP/1.1\r\n" + HOST)
        for number in range(90):
            connection.write(b"A%d: " % number + b"x" * 8000 + b"\r\n")
            await asyncio.sleep(0)
            if reading.done():
                break
        assert rest_error(await reading)["code"] == "header_fields_too_large"


BROKEN_BODIES: Final = {
    "no chunk size": b"x\r\n",
    "a chunk that is longer than it says": b"3\r\nabcdef\r\n0\r\n\r\n",
    "a negative chunk size": b"-1\r\n",
    "a chunk size of 20 digits": b"f" * 20 + b"\r\n",
}


@pytest.mark.parametrize("together", [True, False], ids=["in one write", "after the head"])
@pytest.mark.parametrize("name", BROKEN_BODIES)
async def test_broken_chunks(name: str, together: bool, port: int, caplog: pytest.LogCaptureFixture) -> None:
    async with connected(port) as connection:
        connection.write(POST_CHUNKED + b"\r\n")
        if not together:
            await connection.drain()
            await asyncio.sleep(0.05)
        connection.write(BROKEN_BODIES[name])
        response = await connection.read()
        assert response.status == 400
        assert graphql_error(response)["extensions"]["reason"] == "parse_error"
        with pytest.raises(EOFError):
            await connection.read()
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


async def test_cut_off_requests(port: int) -> None:
    """A client that sends no more may still read why it is refused."""
    for sent in (
        b"GET /graph",
        b"GET / HTTP/1.1\r\nHost",
        POST_CHUNKED + b"\r\n3\r\nab",
        b"POST /graphql HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\nContent-Length: 9\r\n\r\nab",
    ):
        async with connected(port) as connection:
            connection.write(sent)
            connection.close_writing()
            response = await connection.read()
            assert response.status == 400
            check_headers(response)


async def test_a_client_that_closes_its_side_early_is_answered(port: int) -> None:
    async with connected(port) as connection:
        connection.write(get("/health/live") * 2)
        connection.close_writing()
        for _ in range(2):
            assert (await connection.read()).status == 200
        with pytest.raises(EOFError):
            await connection.read()


async def test_no_route(port: int) -> None:
    for path in ("/", "/graphql/", "/api/projects/1/", "/%zz", "/..%2f", "*", "http://testserver/nope"):
        response = await send(port, "OPTIONS" if path == "*" else "GET", path)
        assert response.status == 404, path
        assert rest_error(response)["detail"] == "Endpoint not found."


async def test_methods(port: int) -> None:
    for path in ("/health/live", "/openapi.json", "/schema.graphql"):
        for method in ("POST", "DELETE", "OPTIONS", "TRACE", "PROPFIND"):
            response = await send(port, method, path)
            assert response.status == 405
            assert response.headers["allow"] == "GET,HEAD"
            assert rest_error(response)["code"] == "method_not_allowed"
    for method in ("PUT", "TRACE", "PROPFIND"):
        response = await send(port, method, "/graphql")
        assert response.status == 405
        assert response.headers["allow"] == "GET, POST, HEAD"
        assert graphql_error(response)["extensions"]["code"] == "METHOD_NOT_ALLOWED"
    # To a proxy only; the connection does not become a tunnel.
    async with connected(port) as connection:
        connection.write(b"CONNECT testserver:80 HTTP/1.1\r\n" + HOST + b"\r\n" + get("/health/live"))
        assert (await connection.read()).status == 404
        with pytest.raises(EOFError):
            await connection.read()


@pytest.mark.parametrize("path", ["/health/live", "/openapi.json", "/schema.graphql", "/graphql", FOLDERS])
@pytest.mark.parametrize("accept", ["application/json", "text/html", "*/*"])
async def test_head_answers_as_get_without_a_body(path: str, accept: str, port: int) -> None:
    headers = {"Authorization": f"Bearer {ADA}", "Accept": accept}
    by_get, by_head = [await send(port, method, path, headers) for method in ("GET", "HEAD")]
    assert by_head.status == by_get.status
    assert by_head.body == b""
    for each in (by_get, by_head):
        assert each.headers.keys() >= {"content-length", "content-type"}
    changing = ("date", "x-request-id")
    assert [{k: v for k, v in each.headers.items() if k not in changing} for each in (by_head, by_get)] == [
        {k: v for k, v in by_get.headers.items() if k not in changing}
    ] * 2


async def test_expectations(port: int) -> None:
    body = b'{"query":"{__typename}"}'
    fields = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = "".join(f"{name}: {value}\r\n" for name, value in {**fields, "Expect": "100-Continue"}.items())
    writer.write(b"POST /graphql HTTP/1.1\r\n" + HOST + head.encode() + b"\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    writer.close()
    response = await send(port, "POST", "/graphql", {**fields, "Expect": "a miracle"}, body)
    assert response.status == 417
    assert graphql_error(response)["extensions"]["code"] == "EXPECTATION_FAILED"
    response = await send(port, "POST", FOLDERS, {**fields, "Expect": "a miracle"}, body)
    assert response.status == 417
    assert rest_error(response)["code"] == "expectation_failed"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_large_body_is_refused_while_it_is_sent(chunked: bool, port: int) -> None:
    """The client sends all of it, and still reads the answer."""
    size = 3_000_000
    body = b"x" * size
    fields = {"Content-Type": "application/json"}
    if chunked:
        fields["Transfer-Encoding"] = "chunked"
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (size, body)
    for path, error_of in (("/graphql", graphql_error), (FOLDERS, rest_error)):
        response = await send(port, "POST", path, fields, body)
        assert response.status == 413
        error_of(response)
        assert response.headers["connection"] == "close"


async def test_a_failure_is_masked_and_logged(
    client: ClientSession, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: Any) -> None:
        raise RuntimeError("hunter2")

    monkeypatch.setattr(GraphQLEndpoint, "_prepare", fail)
    monkeypatch.setattr(RestEndpoints, "_answer", fail)
    port = await port_of(client)
    with capture_logs() as logs:
        graphql = await send(port, "GET", "/graphql", {"Accept": "application/graphql-response+json"})
        rest = await send(port, "GET", FOLDERS)
    assert (graphql.status, rest.status) == (500, 500)
    assert graphql.headers["content-type"] == "application/graphql-response+json"
    (error,) = json.loads(graphql.body)["errors"]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert error["extensions"]["requestId"] == graphql.headers["x-request-id"]
    assert rest_error(rest)["code"] == "error"
    assert "hunter2" not in graphql.text + rest.text
    assert [event["event"] for event in logs if event["log_level"] == "error"] == ["request.failed"] * 2
    assert caplog.records == []


async def test_connections_are_kept_and_closed_as_asked(port: int) -> None:
    for version, header, kept in (
        (b"HTTP/1.1", b"", True),
        (b"HTTP/1.1", b"Connection: close\r\n", False),
        (b"HTTP/1.1", b"Connection: Keep-Alive, Close\r\n", False),
        (b"HTTP/1.0", b"", False),
        (b"HTTP/1.0", b"Connection: keep-alive\r\n", True),
    ):
        async with connected(port) as connection:
            for _ in range(2):
                connection.write(get("/health/live", header, version=version))
            first = await connection.read()
            assert first.headers.get("connection") == {
                (b"HTTP/1.1", False): "close",
                (b"HTTP/1.0", True): "keep-alive",
            }.get((version, kept))
            if kept:
                assert (await connection.read()).status == 200
            else:
                with pytest.raises(EOFError):
                    await connection.read()


async def test_pipelined_requests_are_answered_in_their_order(port: int) -> None:
    """More of them than are queued, and faster than they are answered."""
    paths = ["/health/live", "/nope", "/schema.graphql"]
    expected = [200, 404, 200]
    async with connected(port) as connection:
        connection.write(b"".join(map(get, paths)) * 100)
        assert [(await connection.read("GET")).status for _ in range(300)] == expected * 100


def without_what_differs(response: RawResponse) -> RawResponse:
    own = {"date", "x-request-id", "ratelimit-reset"}
    return replace(response, headers={name: value for name, value in response.headers.items() if name not in own})


async def test_requests_in_pieces_are_answered_as_whole_ones(port: int) -> None:
    """Whole ones go a shorter way; so does each behind another, whichever way that went."""
    authorized = b"Authorization: Bearer " + ADA.encode() + b"\r\n"

    def post(path: bytes, body: bytes, *headers: bytes) -> bytes:
        length = f"Content-Length: {len(body)}\r\nContent-Type: application/json\r\n".encode()
        return b"POST " + path + b" HTTP/1.1\r\n" + HOST + length + authorized + b"".join(headers) + b"\r\n" + body

    read = b'{"query": "{ viewer { email } persistedFolders { totalCount } }"}'
    requests = [
        ("POST", post(b"/graphql", read)),
        ("GET", get(FOLDERS, authorized)),
        ("HEAD", get("/schema.graphql").replace(b"GET", b"HEAD", 1)),
        ("POST", post(b"/graphql", b"{")),
        ("POST", post(b"/graphql", b'{"query": "{ a }"}')),
        ("POST", post(FOLDERS.encode(), b'{"type": "nothing"}')),
        ("GET", get("/nope?a=b", authorized)),
        ("DELETE", get(FOLDERS, authorized).replace(b"GET", b"DELETE", 1)),
        ("GET", get("/health/live", b"Expect: 100-continue\r\n")),
    ]
    answers: list[list[RawResponse]] = []
    for pieces in (1, 2, 3):
        async with connected(port) as connection:
            answers.append([])
            for method, request in requests:
                size = -(-len(request) // pieces)
                for start in range(0, len(request), size):
                    connection.write(request[start : start + size])
                    await connection.drain()
                    await asyncio.sleep(0.01)
                answers[-1].append(without_what_differs(await connection.read(method)))
    async with connected(port) as connection:
        connection.write(b"".join(request for _, request in requests))
        answers.append([without_what_differs(await connection.read(method)) for method, _ in requests])
    assert [answer.status for answer in answers[0]] == [200, 200, 200, 400, 200, 400, 404, 405, 200]
    for others in answers[1:]:
        for (_, request), answer, expected in zip(requests, others, answers[0], strict=True):
            assert answer == expected, request


async def test_an_error_is_answered_after_what_was_pipelined_before_it(port: int) -> None:
    async with connected(port) as connection:
        connection.write(get("/health/live") + b"BROKEN\r\n\r\n" + get("/health/live"))
        assert [(await connection.read()).status for _ in range(2)] == [200, 400]
        with pytest.raises(EOFError):
            await connection.read()


@pytest.mark.parametrize("pipelined", [True, False])
@pytest.mark.parametrize("trailers", [b"", b"A: b\r\n", b"A: b\r\nAuthorization: Bearer " + ADA.encode() + b"\r\n"])
async def test_a_trailer_is_no_header_of_the_next_request(pipelined: bool, trailers: bytes, port: int) -> None:
    """Behind a proxy that shares connections, the next request is another client's."""
    first = POST_CHUNKED + b"\r\n" + CHUNKS + trailers + b"\r\n"
    async with connected(port) as connection:
        for _ in range(3):
            if pipelined:
                connection.write(first + get(FOLDERS))
                first_answer = await connection.read()
            else:
                connection.write(first)
                first_answer = await connection.read()
                connection.write(get(FOLDERS))
            assert json.loads(first_answer.body) == {"data": {"__typename": "Query"}}
            second = await connection.read()
            assert second.status == 401
            assert rest_error(second)["code"] == "not_authenticated"


@pytest.mark.parametrize("before", [31, 32, 64, 100])
async def test_a_trailer_is_no_header_behind_many_pipelined_requests(before: int, port: int) -> None:
    """Where it is not sure what is a trailer, nothing is taken for a header."""
    smuggled = POST_CHUNKED + b"\r\n" + CHUNKS + b"Authorization: Bearer " + ADA.encode() + b"\r\n\r\n" + get(FOLDERS)
    async with connected(port) as connection:
        connection.write(get("/health/live") * before + smuggled)
        statuses = [(await connection.read()).status for _ in range(before + 2)]
    assert statuses[:-1] == [200] * (before + 1)
    # How far it is looked at depends on how it arrives.
    assert statuses[-1] in (400, 401)


HIDDEN: Final = get(FOLDERS)
HIDING: Final = (
    b"POST /graphql HTTP/1.1\r\n" + HOST + b"Content-Type: text/plain\r\n"
    b"Content-Length: " + str(len(HIDDEN)).encode() + b"\r\n\r\n" + HIDDEN
)


def cuts_in_empty_lines(data: bytes) -> list[list[int]]:
    """Each empty line cut in each way, and all in the same way."""
    starts = [found.start() for found in re.finditer(rb"(?=\r\n\r\n)", data)]
    return [[start + after] for start in starts for after in (1, 2, 3)] + [
        [start + after for start in starts] for after in (1, 2, 3)
    ]


async def write_in_pieces(connection: Connection, data: bytes, cuts: list[int]) -> None:
    for start, end in pairwise([0, *cuts, len(data)]):
        connection.write(data[start:end])
        await connection.drain()
        await asyncio.sleep(0.005)


async def test_a_request_ends_where_it_ends_however_it_arrives(port: int) -> None:
    """A proxy that shares connections would have the body of one client's request answered to another."""
    data = POST_CHUNKED + b"\r\n" + CHUNKS + b"A: b\r\n\r\n" + HIDING + get("/health/live") + HIDING
    for cuts in cuts_in_empty_lines(data):
        async with connected(port) as connection:
            await write_in_pieces(connection, data + get("/nope"), cuts)
            assert [(await connection.read()).status for _ in range(5)] == [200, 415, 200, 415, 404], cuts


async def test_what_arrived_whole_is_answered_before_what_is_malformed(port: int) -> None:
    data = get("/health/live") + b"BROKEN\r\n\r\n"
    for cuts in cuts_in_empty_lines(data):
        async with connected(port) as connection:
            await write_in_pieces(connection, data, cuts)
            assert [each.status for each in await connection.read_all()] == [200, 400], cuts


async def test_a_body_in_more_parts_than_are_looked_at_hides_no_request(port: int) -> None:
    lines = b"\r\n\r\n" * 100
    chunks = b"%x\r\n" % (len(lines) + 24) + lines + b'{"query":"{__typename}"}' + b"\r\n0\r\n\r\n"
    data = POST_CHUNKED + b"\r\n" + chunks + HIDING
    for cut in (len(data), len(data) - len(HIDDEN), len(data) - len(HIDDEN) - 1):
        async with connected(port) as connection:
            await write_in_pieces(connection, data, [cut])
            assert [each.status for each in await connection.read_all()] == [200, 400], cut


def large_post(size: int, *, chunked: bool) -> bytes:
    body = b'{"query":"{__typename}","variables":{"x":"' + b"x" * size + b'"}}'
    if chunked:
        return POST_CHUNKED + b"\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    return b"POST /graphql HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n" + length + body


# The second is so much more than is read ahead that reading pauses with its last byte.
@pytest.mark.parametrize("size", [60_000, 131_073, 200_000, 300_000])
@pytest.mark.parametrize("chunked", [False, True])
async def test_large_bodies_are_read_to_their_end_and_no_further(chunked: bool, size: int, port: int) -> None:
    post = large_post(size, chunked=chunked)
    async with asyncio.timeout(PATIENCE_SECONDS), connected(port) as connection:
        for count in (1, 3):
            connection.write(post * count + get("/nope"))
            assert [(await connection.read()).status for _ in range(count + 1)] == [*[200] * count, 404]
        # Nothing else was answered meanwhile, and nothing is left over.
        connection.write(post)
        assert (await connection.read()).status == 200
        connection.write(get("/nope"))
        assert (await connection.read()).status == 404


@pytest.mark.parametrize("size", [131_073, 200_000])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_large_body_that_nobody_reads_is_passed_over(chunked: bool, size: int, port: int) -> None:
    post = large_post(size, chunked=chunked).replace(b"/graphql", b"/nothing", 1)
    async with asyncio.timeout(PATIENCE_SECONDS), connected(port) as connection:
        for _ in range(2):
            connection.write(post + get("/health/live") + post)
            assert [(await connection.read()).status for _ in range(3)] == [404, 200, 404]


async def test_chunked_bodies_behind_many_pipelined_requests(port: int) -> None:
    post = POST_CHUNKED + b"\r\n" + CHUNKS + b"\r\n"
    async with asyncio.timeout(PATIENCE_SECONDS), connected(port) as connection:
        for _ in range(40):
            connection.write(get("/health/live") * 20)
            await connection.drain()
        connection.write(post + HIDING + post + get("/nope"))
        statuses = [(await connection.read()).status for _ in range(804)]
        assert statuses == [*[200] * 800, 200, 415, 200, 404]


async def test_a_declined_upgrade_closes(port: int) -> None:
    """What follows it may be of the other protocol."""
    async with connected(port) as connection:
        connection.write(get(FOLDERS, b"Connection: Upgrade\r\nUpgrade: websocket\r\n") + get("/health/live"))
        assert (await connection.read()).status == 401
        with pytest.raises(EOFError):
            await connection.read()
