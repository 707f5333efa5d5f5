"""REST as HTTP: methods, slashes, bodies that are too large or broken, and what stays out of links and logs."""

from __future__ import annotations

import asyncio
import codecs
import encodings
import gzip
import json
import re
from encodings.aliases import aliases
from typing import Any, Final

import pytest
from aiohttp import ClientSession

from tests import keys
from tests.conftest import Serve
from tests.http.raw import port_of, send, send_bytes
from tests.processes import running

LISTS: Final = (
    "/api/environments/1/persisted_folder",
    "/api/projects/1/persisted_folder",
    "/api/projects/1/desktop_persisted_folder",
)
AUTH: Final = keys.bearer(keys.ADA)
JSON: Final = {**AUTH, "Content-Type": "application/json"}


@pytest.fixture
async def port(client: ClientSession) -> int:
    return await port_of(client)


async def create(port: int, path: str) -> dict[str, Any]:
    response = await send(port, "POST", path, JSON, b'{"type":"home","path":"Growth"}')
    assert response.status == 201
    folder: dict[str, Any] = json.loads(response.text)
    return folder


@pytest.mark.parametrize("path", LISTS)
async def test_last_slash_is_optional(port: int, path: str) -> None:
    folder = await create(port, path)
    for method, target in [("GET", path), ("GET", f"{path}/{folder['id']}"), ("OPTIONS", path)]:
        without, with_slash = [await send(port, method, target + slash, AUTH) for slash in ("", "/")]
        assert (without.status, without.body) == (with_slash.status, with_slash.body) == (200, with_slash.body)
    for method, status in [("PUT", 200), ("PATCH", 200), ("DELETE", 204)]:
        assert (await send(port, method, f"{path}/{folder['id']}", JSON, b'{"type":"home"}')).status == status


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("is_list", "methods", "allow"),
    [
        (True, ("PUT", "PATCH", "DELETE", "TRACE"), "GET, POST, HEAD, OPTIONS"),
        (False, ("POST", "TRACE"), "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"),
    ],
)
async def test_other_methods(port: int, path: str, is_list: bool, methods: tuple[str, ...], allow: str) -> None:
    folder = await create(port, path)
    target = f"{path}/" if is_list else f"{path}/{folder['id']}/"
    for method in methods:
        response = await send(port, method, target, AUTH)
        assert (response.status, response.headers["allow"]) == (405, allow)
        assert json.loads(response.text) == {
            "type": "invalid_request",
            "code": "method_not_allowed",
            "detail": f'Method "{method}" not allowed.',
            "attr": None,
        }


@pytest.mark.parametrize("path", LISTS)
async def test_head_is_get_without_its_body(port: int, path: str) -> None:
    folder = await create(port, path)
    for target in (path, f"{path}/{folder['id']}/", f"{path}/{'0' * 32}/"):
        get, head = [await send(port, method, target, AUTH) for method in ("GET", "HEAD")]
        assert head.body == b""
        assert head.status == get.status
        for name in ("content-type", "content-length", "allow"):
            assert head.headers[name] == get.headers[name]


async def test_options_says_what_may_be_sent(port: int) -> None:
    answer = json.loads((await send(port, "OPTIONS", f"{LISTS[2]}/", AUTH)).text)
    fields = answer["actions"]["POST"]
    assert answer["name"] == "Desktop Persisted Folder List"
    assert [name for name, field in fields.items() if field["read_only"]] == ["id", "created_at", "updated_at"]
    assert [name for name, field in fields.items() if field["required"]] == ["type"]
    assert [choice["value"] for choice in fields["type"]["choices"]] == ["home", "pinned", "custom_products"]


class TestSize:
    LIMIT: Final = 1024

    @pytest.fixture
    async def port(self, serve: Serve) -> Any:
        async with serve(max_body_size=self.LIMIT) as client:
            yield await port_of(client)

    async def test_at_the_limit(self, port: int) -> None:
        for size, status in [(self.LIMIT, 201), (self.LIMIT + 1, 413)]:
            body = b'{"type":"home"}'.ljust(size)
            assert (await send(port, "POST", LISTS[0], JSON, body)).status == status

    async def test_a_length_over_the_limit_is_refused_before_the_body_comes(self, port: int) -> None:
        """The answer comes though nothing of the body was sent."""
        response = await send(port, "POST", LISTS[0], {**JSON, "Content-Length": str(self.LIMIT + 1)}, b"")
        assert response.status == 413
        assert json.loads(response.text) == {
            "type": "invalid_request",
            "code": "content_too_large",
            "detail": "Request body is larger than 1024 bytes.",
            "attr": None,
        }

    async def test_chunks_over_the_limit_are_refused_before_the_last(self, port: int) -> None:
        """No chunk ends the body: who waits for all of it waits for ever."""
        head = f"POST {LISTS[0]} HTTP/1.1\r\nHost: testserver\r\nAuthorization: Bearer {keys.ADA}\r\n"
        head += "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        response = await send_bytes(port, "POST", head.encode() + b"400\r\n" + b" " * 1024 + b"\r\n1\r\nx\r\n")
        assert response.status == 413

    async def test_a_bomb_counts_as_what_it_unpacks_to(self, port: int) -> None:
        packed = gzip.compress(b" " * 10_000_000)
        headers = {**JSON, "Content-Encoding": "gzip", "Content-Length": str(min(len(packed), self.LIMIT))}
        assert (await send(port, "POST", LISTS[0], headers, packed[: self.LIMIT])).status == 413


async def test_default_limit_is_a_mebibyte(port: int) -> None:
    response = await send(port, "POST", LISTS[0], {**JSON, "Content-Length": str(1024 * 1024 + 1)}, b"")
    assert response.status == 413
    response = await send(port, "POST", LISTS[0], JSON, b'{"type":"home"}'.ljust(1024 * 1024))
    assert response.status == 201


async def test_chunked_body(port: int) -> None:
    chunks = b'7\r\n{"type"\r\n8\r\n:"home"}\r\n0\r\n\r\n'
    response = await send(port, "POST", LISTS[0], {**JSON, "Transfer-Encoding": "chunked"}, chunks)
    assert response.status == 201


async def test_compressed_body(port: int) -> None:
    body = gzip.compress(b'{"type":"home"}')
    response = await send(port, "POST", LISTS[0], {**JSON, "Content-Encoding": "gzip"}, body)
    assert response.status == 201


async def test_an_empty_body_is_empty_in_every_coding(port: int) -> None:
    headers = {**JSON, "Content-Encoding": "gzip"}
    response = await send(port, "POST", LISTS[0], headers, b"")
    assert (response.status, json.loads(response.body)["code"]) == (400, "required")
    # Where no header has a key, the body is looked at.
    target = f"{LISTS[0]}/?personal_api_key={keys.ADA}"
    assert (await send(port, "GET", target, {"Content-Encoding": "gzip"}, b"")).status == 200


def multipart(head: bytes) -> bytes:
    """A form with a path, whose part begins with this, and a type."""
    part = (
        b'--XbX\r\n%b\r\n\r\nGrowth\r\n--XbX\r\nContent-Disposition: form-data; name="type"\r\n\r\nhome\r\n--XbX--\r\n'
    )
    return part % head


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b'Content-Disposition: form-data; name="path"', "Growth"),
        (b'Content-Disposition: form-data; name=" path "', "Growth"),
        (b'Content-Disposition : form-data; name="path"', ""),
        (b'X-Pad: %b\r\nContent-Disposition: form-data; name="path"' % (b"x" * 900), "Growth"),
        (b'X-Pad: %b\r\nContent-Disposition: form-data; name="path"' % (b"x" * 1024), None),
    ],
)
async def test_the_head_of_a_part(port: int, head: bytes, expected: str | None) -> None:
    """As Django reads it. What it cannot read is refused, or the path would go back to its default."""
    headers = {**AUTH, "Content-Type": "multipart/form-data; boundary=XbX"}
    response = await send(port, "POST", LISTS[0], headers, multipart(head))
    answer = json.loads(response.body)
    if expected is None:
        detail = "Multipart form parse error - Request max total header size exceeded."
        assert (response.status, answer["code"], answer["detail"]) == (400, "parse_error", detail)
    else:
        assert (response.status, answer["path"]) == (201, expected)


# Unicode's charsets, and those of the Encoding Standard.
READ: Final = {
    *("ascii", "utf-7", "utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "utf-32", "utf-32-be", "utf-32-le"),
    *("iso8859-1", "iso8859-2", "iso8859-3", "iso8859-4", "iso8859-5", "iso8859-6", "iso8859-7", "iso8859-8"),
    *("iso8859-10", "iso8859-13", "iso8859-14", "iso8859-15", "iso8859-16", "koi8-r", "koi8-u", "mac-roman", "cp866"),
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258"),
    *("big5", "euc_jp", "euc_kr", "gb18030", "gbk", "iso2022_jp", "shift_jis"),
}


def charset_of_python(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "utf-8"


async def test_charsets_are_pythons(port: int) -> None:
    """Each by all of its names; those that no client uses are refused, and what Python does not know is UTF-8."""
    body = '{"type":"home","path":"Growth"}'
    for name in [*aliases, *aliases.values(), "UTF_8", "ISO-8859.1", "latin 1", "unknown", "aliases", "utf\u00fc8"]:
        known = charset_of_python(name)
        headers = {**JSON, "Content-Type": f"application/json; charset={name}"}
        answer = await send(port, "POST", LISTS[0], headers, body.encode(known) if known in READ else b"{}")
        if known in READ:
            assert (answer.status, json.loads(answer.body)["path"]) == (201, "Growth"), name
        else:
            assert (answer.status, json.loads(answer.body)["code"]) == (400, "parse_error"), name


async def test_names_of_charsets_are_not_kept(port: int) -> None:
    """Python keeps each name that it was ever asked for."""
    kept = len(encodings._cache)
    for number in range(20):
        for name in (f"unknown-{number}", f"utf{'-' * number}8", f"cp1252{' ' * number}"):
            await send(port, "POST", LISTS[0], {"Content-Type": f'application/json; charset="{name}"'}, b"{}")
    assert len(encodings._cache) <= kept + 2


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({}, b'{"type":"\\ud800"}', "invalid_choice"),
        ({"Content-Type": "text/\udcff"}, b"x", "unsupported_media_type"),
        ({"Content-Type": "multipart/form-data; boundary=\udcff"}, b"x", "parse_error"),
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "application/json; indent=2"])
async def test_what_is_no_text_is_repeated_as_an_escape(
    port: int, headers: dict[str, str], body: bytes, code: str, accept: str
) -> None:
    response = await send(port, "POST", LISTS[0], {**JSON, **headers, "Accept": accept}, body)
    assert json.loads(response.body)["code"] == code


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param({"Content-Encoding": "gzip"}, b"no gzip", id="no gzip"),
        pytest.param({"Content-Encoding": "gzip"}, gzip.compress(b'{"type":"home"}')[:-15], id="half a gzip"),
        pytest.param({"Transfer-Encoding": "chunked"}, b"zz\r\n{}\r\n0\r\n\r\n", id="bad size of a chunk"),
    ],
)
async def test_broken_encoding_is_the_clients_fault(port: int, headers: dict[str, str], body: bytes) -> None:
    response = await send(port, "POST", LISTS[0], {**JSON, **headers}, body)
    assert response.status == 400
    assert (await send(port, "GET", LISTS[0], AUTH)).status == 200


async def test_client_that_breaks_off_leaves_no_error(database_url: str) -> None:
    async with running("serve", database_url=database_url, log_level="info") as service:
        port = int(service.address.rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST {LISTS[0]} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {keys.ADA}\r\nContent-Length: 100\r\n\r\n"
        writer.write(head.encode() + b'{"type":')
        await writer.drain()
        writer.close()
        await service.wait_for(re.compile(rb'"status":400'))
        assert b'"level":"error"' not in service.err


@pytest.mark.parametrize("text", ["", "abc", "0", "é", "a/b", "a b"])
async def test_unknown_host_is_refused_where_links_are_made(port: int, text: str) -> None:
    headers = {**AUTH, "Host": text} if text else {**AUTH, "Host": ""}
    status = (await send(port, "GET", LISTS[0], headers)).status
    assert status == (200 if text in ("abc", "0") else 400)


async def test_links_without_a_host_lead_to_where_the_request_arrived(port: int) -> None:
    await create(port, LISTS[0])
    await send(port, "POST", LISTS[0], JSON, b'{"type":"pinned"}')
    request = f"GET {LISTS[0]}/?limit=1 HTTP/1.0\r\nAuthorization: Bearer {keys.ADA}\r\n\r\n"
    page = await send_bytes(port, "GET", request.encode())
    assert json.loads(page.body)["next"] == f"http://127.0.0.1:{port}{LISTS[0]}/?limit=1&offset=1"


async def test_key_is_not_in_links(port: int) -> None:
    await create(port, LISTS[0])
    await send(port, "POST", LISTS[0], JSON, b'{"type":"pinned"}')
    for query in ("limit=1", "limit=1&offset=1"):
        page = await send(port, "GET", f"{LISTS[0]}/?personal_api_key={keys.ADA}&{query}&a=b")
        assert page.status == 200
        links = [link for link in (json.loads(page.text)[name] for name in ("next", "previous")) if link]
        assert len(links) == 1
        assert links[0].startswith(f"http://testserver{LISTS[0]}/?a=b&limit=1")
        assert keys.ADA not in page.text


async def test_key_is_not_in_the_log(database_url: str) -> None:
    """Wherever it stands, right or wrong, and in bytes that are no HTTP."""
    async with running("serve", database_url=database_url, log_level="info") as service:
        port = int(service.address.rpartition(":")[2])
        for key in (keys.ADA, keys.GONE):
            form = f"type=home&personal_api_key={key}".encode()
            await send(port, "GET", LISTS[0], keys.bearer(key))
            await send(port, "GET", f"{LISTS[0]}?personal_api_key={key}")
            await send(port, "POST", LISTS[0], {"Content-Type": "application/x-www-form-urlencoded"}, form)
            await send(port, "POST", LISTS[0], {"Content-Type": "application/json"}, form)
            await send(port, "POST", LISTS[0], {"Content-Type": "text/plain"}, form)
            await send(
                port, "POST", "/graphql", JSON, json.dumps({"query": f'{{ node(id: "{key}") {{ id }} }}'}).encode()
            )
            await send(port, "GET", f"{LISTS[0]}?personal_api_key={key}&é")
            await send(port, "GET", LISTS[0], {"Authorization": f"Bearer {key}\x01"})
            await send(port, "GET", LISTS[0], {"Authorization": f"Bearer {key}\nx"})
            await send_bytes(port, "GET", f"GET /?personal_api_key={key}\r\n\r\n".encode())
        service.send_signal(15)
        assert await service.ended() == 0
        log = (service.out + service.err).decode()
        assert '"event":"request"' in log
        assert keys.ADA not in log
        assert keys.GONE not in log
