"""Content codings, of answers and of requests.

Which database there is makes no difference here, so there is one.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import threading
import zlib
from collections.abc import Callable
from typing import Any, Final

import pytest
from aiohttp import ClientSession

from gateway.http.compression import zstd
from tests.conftest import Serve
from tests.databases import DatabaseServer, SQLiteServer
from tests.http.raw import RawResponse, connected, port_of, send
from tests.http.test_protocol import FOLDERS, HOST, graphql_error, rest_error
from tests.keys import ADA
from tests.patience import PATIENCE_SECONDS

SDL: Final = "/schema.graphql"
INTROSPECTION: Final = "/graphql?query={__schema{types{name,description,fields{name,description}}}}"
KEY: Final = {"Authorization": f"Bearer {ADA}"}


@pytest.fixture
def database_server(sqlite: SQLiteServer) -> DatabaseServer:
    return sqlite


@pytest.fixture
async def port(client: ClientSession) -> int:
    return await port_of(client)


def vary(response: RawResponse) -> set[str]:
    return {name.strip() for name in response.headers.get("vary", "").split(",") if name.strip()}


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        (SDL, "*/*"),
        (INTROSPECTION, "application/json"),
        (INTROSPECTION, "application/graphql-response+json"),
        ("/openapi.json", "*/*"),
    ],
)
@pytest.mark.parametrize(("coding", "unpack"), [("gzip", gzip.decompress), ("zstd", zstd.decompress)])
async def test_answers_are_compressed(
    path: str, accept: str, coding: str, unpack: Callable[[bytes], bytes], port: int
) -> None:
    plain = await send(port, "GET", path, {"Accept": accept})
    packed = await send(port, "GET", path, {"Accept": accept, "Accept-Encoding": coding})
    assert (plain.status, packed.status) == (200, 200)
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == coding
    assert unpack(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 2
    assert packed.headers["content-type"] == plain.headers["content-type"]
    for response in (plain, packed):
        assert "Accept-Encoding" in vary(response)
        assert int(response.headers["content-length"]) == len(response.body)
    by_head = await send(port, "HEAD", path, {"Accept": accept, "Accept-Encoding": coding})
    assert by_head.headers["content-length"] == packed.headers["content-length"]
    assert by_head.headers["content-encoding"] == coding


async def test_pages_are_compressed_but_not_twice(serve: Serve) -> None:
    """The files of GraphiQL are compressed when they are built."""
    async with serve(compression_min_size=0) as client:
        port = await port_of(client)
        packed = await send(port, "GET", "/graphql", {"Accept": "text/html", "Accept-Encoding": "gzip"})
        page = gzip.decompress(packed.body)
        assert b"<html" in page
        paths = re.findall(rb"/graphiql/[^\"]+\.(?:js|css)", page)
        assert paths
        for path in paths:
            plain = await send(port, "GET", path.decode())
            for coding in ("gzip", "br, gzip;q=0.5"):
                packed = await send(port, "GET", path.decode(), {"Accept-Encoding": coding})
                assert len(packed.body) < len(plain.body)
                if packed.headers["content-encoding"] == "gzip":
                    assert gzip.decompress(packed.body) == plain.body
                else:
                    assert packed.headers["content-encoding"] == "br"
                assert vary(packed) == {"Accept-Encoding"}


@pytest.mark.parametrize(
    ("accept_encoding", "coding"),
    [
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("zstd", "zstd"),
        ("deflate, gzip, br, zstd", "zstd"),
        ("gzip, zstd;q=0.9", "gzip"),
        ("gzip;q=0.001", "gzip"),
        ("gzip;q=0, *;q=0.5", "zstd"),
        ("zstd;q=0, *", "gzip"),
        ("*", "zstd"),
        ("br;q=1, *;q=0.1", "zstd"),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity;q=0, gzip", "gzip"),
        ("", None),
        ("identity", None),
        ("br", None),
        ("gzip;q=0", None),
        ("gzip;level=1;q=0", None),
        ("gzip;q=0.0, *;q=0", None),
        ("*;q=0", None),
        ("identity, gzip;q=0.5", None),
        ("gzip;q=often", None),
        ("gzip;q=nan", None),
        ("gzipped", None),
        (", ,;;=,", None),
        ("a," * 3000, None),
    ],
)
async def test_accept_encoding(accept_encoding: str, coding: str | None, port: int) -> None:
    response = await send(port, "GET", SDL, {"Accept-Encoding": accept_encoding})
    assert response.status == 200
    assert response.headers.get("content-encoding") == coding


async def test_small_answers_are_not_compressed(serve: Serve) -> None:
    async with serve(compression_min_size=200) as client:
        port = await port_of(client)
        for size in (50, 150, 250, 350):
            document = {"query": "{__typename}", "operationName": "x" * size}
            body = json.dumps(document).encode()
            fields = {"Accept-Encoding": "gzip", "Content-Type": "application/json"}
            response = await send(port, "POST", "/graphql", fields, body)
            is_packed = "content-encoding" in response.headers
            text = gzip.decompress(response.body) if is_packed else response.body
            assert is_packed == (len(text) >= 200)
            assert ("Accept-Encoding" in vary(response)) == is_packed


async def test_large_answers_of_rest_are_compressed(serve: Serve) -> None:
    async with serve(compression_min_size=0) as client:
        port = await port_of(client)
        body = json.dumps({"type": "home", "path": "x" * 4000}).encode()
        fields = {**KEY, "Accept-Encoding": "gzip", "Content-Type": "application/json"}
        response = await send(port, "POST", FOLDERS, fields, body)
        assert response.status == 201
        assert json.loads(gzip.decompress(response.body))["path"] == "x" * 4000
        # Errors too.
        response = await send(port, "GET", "/nope", {"Accept-Encoding": "gzip"})
        assert response.status == 404
        assert json.loads(gzip.decompress(response.body))["code"] == "not_found"
        # What has no body stays without one.
        response = await send(port, "DELETE", f"{FOLDERS}{await folder_id(port)}/", {**KEY, "Accept-Encoding": "gzip"})
        assert (response.status, response.body) == (204, b"")
        assert "content-encoding" not in response.headers


async def folder_id(port: int) -> Any:
    return json.loads((await send(port, "GET", FOLDERS, KEY)).body)["results"][0]["id"]


async def test_compression_can_be_switched_off(serve: Serve) -> None:
    async with serve(compression=False) as client:
        response = await send(await port_of(client), "GET", SDL, {"Accept-Encoding": "gzip"})
        assert "content-encoding" not in response.headers
        assert "Accept-Encoding" not in vary(response)
        assert not response.headers["etag"].startswith("W/")


@pytest.mark.parametrize("path", [SDL, INTROSPECTION])
async def test_a_tag_names_one_representation(path: str, port: int) -> None:
    """Of the bytes that were compressed a strong tag would say what is not so."""
    plain = await send(port, "GET", path)
    packed = await send(port, "GET", path, {"Accept-Encoding": "gzip"})
    assert not plain.headers["etag"].startswith("W/")
    assert packed.headers["etag"] == f"W/{plain.headers['etag']}"
    for tag in (plain.headers["etag"], packed.headers["etag"], f'"other", {packed.headers["etag"]}', "*"):
        for fields, expected in (({}, plain), ({"Accept-Encoding": "gzip"}, packed)):
            response = await send(port, "GET", path, {"If-None-Match": tag, **fields})
            assert (response.status, response.body) == (304, b"")
            assert response.headers["etag"] == expected.headers["etag"]
            assert vary(response) == vary(expected)
            assert "content-encoding" not in response.headers
    assert (await send(port, "GET", path, {"If-None-Match": '"other"'})).status == 200


async def test_only_small_answers_are_kept_compressed_and_large_ones_hold_nobody_up(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the answers with a tag, which are the same for everyone."""
    compress, threads = zstd.compress, []

    def compress_and_tell(body: bytes, level: int) -> bytes:
        threads.append(threading.current_thread())
        return compress(body, level)

    monkeypatch.setattr(zstd, "compress", compress_and_tell)
    here = threading.current_thread()
    for count, is_large in ((1, False), (30, True)):
        # Names that no other test has, for what is kept is kept for the process.
        names = ",".join(f"kept{number}:description" for number in range(count))
        path = f"/graphql?query={{__schema{{types{{name,fields{{{names}}}}}}}}}"
        plain = await send(port, "GET", path)
        assert (len(plain.body) > 65_536) is is_large
        threads.clear()
        for _ in range(2):
            packed = await send(port, "GET", path, {"Accept-Encoding": "zstd"})
            assert zstd.decompress(packed.body) == plain.body
            assert packed.headers["etag"] == f"W/{plain.headers['etag']}"
        if is_large:
            assert len(threads) == 2
            assert here not in threads
        else:
            assert threads == [here]


# Requests

QUERY: Final = b'{"query":"{__typename}"}'


async def post(port: int, body: bytes, encoding: str, path: str = "/graphql") -> RawResponse:
    fields = {"Content-Type": "application/json", "Content-Encoding": encoding, **(KEY if path == FOLDERS else {})}
    return await send(port, "POST", path, fields, body)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(QUERY)),
        ("GZip", gzip.compress(QUERY, 0)),
        ("x-gzip", gzip.compress(QUERY)),
        ("identity", QUERY),
    ],
    # Not the bodies: gzip's hold the time, and the processes that share the tests must agree on their names.
    ids=["gzip", "upper case, stored", "x-gzip", "identity"],
)
async def test_compressed_requests_are_read(encoding: str, body: bytes, port: int) -> None:
    response = await post(port, body, encoding)
    assert json.loads(response.body) == {"data": {"__typename": "Query"}}
    rest = QUERY if encoding == "identity" else gzip.compress(b'{"type":"home"}')
    assert (await post(port, rest, encoding, FOLDERS)).status == (400 if encoding == "identity" else 201)


CORRUPT: Final = {
    "no gzip": QUERY,
    "zlib's own format": zlib.compress(QUERY),
    "cut off in the head": gzip.compress(QUERY)[:5],
    "cut off in the data": gzip.compress(QUERY)[:20],
    "without its check sum": gzip.compress(QUERY)[:-8],
    "with a wrong check sum": gzip.compress(QUERY)[:-8] + bytes(8),
    "with something behind it": gzip.compress(QUERY) + b"x",
    "two in one": gzip.compress(QUERY[:9]) + gzip.compress(QUERY[9:]),
    "nothing but a head": gzip.compress(b"")[:10],
}


@pytest.mark.parametrize("name", CORRUPT)
async def test_corrupt_requests_are_refused(name: str, port: int) -> None:
    response = await post(port, CORRUPT[name], "gzip")
    assert response.status == 400
    assert graphql_error(response)["message"] == "The request body is not valid gzip."
    response = await post(port, CORRUPT[name], "gzip", FOLDERS)
    assert response.status == 400
    assert rest_error(response)["code"] == "parse_error"


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", "gzip, identity", "", "x" * 1000])
async def test_other_codings_are_refused(encoding: str, port: int) -> None:
    response = await post(port, gzip.compress(QUERY), encoding)
    assert response.status == 415
    assert response.headers["accept-encoding"] == "gzip"
    assert graphql_error(response)["extensions"]["reason"] == "unsupported_encoding"


async def test_a_bomb_is_not_unpacked(port: int) -> None:
    """A quarter of a gigabyte in a megabyte, sent in chunks and as a whole; nobody waits for its end."""
    bomb = gzip.compress(bytes(256 * 1024**2), 1)[: 1024 * 1000]
    response = await post(port, bomb, "gzip")
    assert response.status == 413
    assert graphql_error(response)["extensions"]["code"] == "CONTENT_TOO_LARGE"
    head = b"POST /graphql HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\nContent-Encoding: gzip\r\n"
    async with connected(port) as connection, asyncio.timeout(PATIENCE_SECONDS):
        connection.write(head + b"Transfer-Encoding: chunked\r\n\r\n")
        connection.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(bomb), bomb))
        assert (await connection.read()).status == 413


async def test_the_limit_holds_for_what_is_unpacked(serve: Serve) -> None:
    async with serve(max_body_size=2000) as client:
        port = await port_of(client)
        for size, status in ((2000, 200), (2001, 413)):
            start, end = QUERY[:-1] + b',"extensions":{"ignored":"', b'"}}'
            body = start.ljust(size - len(end), b"x") + end
            assert (await post(port, gzip.compress(body), "gzip")).status == status
