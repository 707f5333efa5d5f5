"""contract/rest.md, 'A folder', 'Create is an upsert' and 'Bodies', on each route."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any, Final
from uuid import UUID

import pytest
from aiohttp import ClientSession

from tests.http.routes import ROUTES, Folders, Route

DEFAULTS: Final = {"protocol": "products://", "path": ""}
NOT_FOUND: Final = {"type": "invalid_request", "code": "not_found", "detail": "Not found.", "attr": None}
JSON: Final = {"Content-Type": "application/json"}


@pytest.fixture(params=ROUTES, ids=str)
def folders(client: ClientSession, request: pytest.FixtureRequest) -> Folders:
    route: Route = request.param
    return Folders(client, route)


def fields(folder: dict[str, Any]) -> tuple[str, str, str]:
    return folder["type"], folder["protocol"], folder["path"]


async def test_shape(folders: Folders) -> None:
    folder = await folders.create(path="Growth")
    assert list(folder) == ["id", "type", "protocol", "path", "created_at", "updated_at"]
    assert str(UUID(folder["id"])) == folder["id"]
    assert UUID(folder["id"]).version == 7
    for name in ("created_at", "updated_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", folder[name])
    assert fields(folder) == ("home", "products://", "Growth")


async def test_other_spellings_of_an_id(folders: Folders) -> None:
    folder = await folders.create()
    for spelling in (folder["id"].upper(), folder["id"].replace("-", ""), folder["id"].replace("-", "").upper()):
        assert (await folders.ask(rest=f"{spelling}/")).json == folder


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("folder_id", ["0190aaaa-1111-7111-8111-aaaaaaaaaaa1", "1", "abc", "%00", "%F0%9F%98%80"])
async def test_unknown_ids(folders: Folders, method: str, folder_id: str) -> None:
    answer = await folders.ask(method, folder_id, data=b"{", headers=JSON)
    assert (answer.status, answer.json) == (404, NOT_FOUND)


async def test_create_overwrites(folders: Folders) -> None:
    """What a second create leaves out goes back to its default."""
    first = await folders.create(protocol="app://", path="Growth")
    second = await folders.create()
    assert fields(second) == ("home", "products://", "")
    assert (second["id"], second["created_at"]) == (first["id"], first["created_at"])
    assert second["updated_at"] > first["updated_at"]
    assert (await folders.ask()).json["results"] == [second]


async def test_concurrent_creates_leave_one_row(folders: Folders) -> None:
    created = await asyncio.gather(*(folders.create(path=str(number)) for number in range(10)))
    assert len({folder["id"] for folder in created}) == 1
    assert (await folders.ask()).json["count"] == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_other_keys_are_ignored(folders: Folders, method: str) -> None:
    folder = await folders.create()
    sent = {"id": "x", "created_at": "x", "updated_at": "x", "surface": "desktop", "user": 5, "foo": [{}]}
    answer = await folders.ask(method, "" if method == "POST" else folder["id"], json={"type": "home", **sent})
    assert answer.json == {**folder, "updated_at": answer.json["updated_at"]}


async def test_patch_changes_what_it_names(folders: Folders) -> None:
    before = await folders.create(protocol="app://", path="Growth")
    for body, expected in [
        ({}, ("home", "app://", "Growth")),
        ({"path": ""}, ("home", "app://", "")),
        ({"protocol": "new://"}, ("home", "new://", "")),
        ({"type": "pinned"}, ("pinned", "new://", "")),
    ]:
        after = (await folders.ask("PATCH", before["id"], json=body)).json
        assert fields(after) == expected
        assert (after["id"], after["created_at"]) == (before["id"], before["created_at"])
        assert after["updated_at"] > before["updated_at"]
        before = after


async def test_put_needs_the_type_and_keeps_the_rest(folders: Folders) -> None:
    folder = await folders.create(protocol="app://", path="Growth")
    answer = await folders.ask("PUT", folder["id"], json={"path": "New"})
    assert (answer.status, answer.json["code"], answer.json["attr"]) == (400, "required", "type")
    answer = await folders.ask("PUT", folder["id"], json={"type": "pinned", "path": "New"})
    assert (answer.status, fields(answer.json)) == (200, ("pinned", "app://", "New"))
    answer = await folders.ask("PUT", folder["id"], json={"type": "home"})
    assert (answer.status, fields(answer.json)) == (200, ("home", "app://", "New"))


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_taken_type(folders: Folders, method: str) -> None:
    pinned = await folders.create(type="pinned")
    home = await folders.create()
    answer = await folders.ask(method, home["id"], json={"type": "pinned", "path": "x"})
    assert answer.status == 409
    assert answer.json == {
        "type": "invalid_request",
        "code": "conflict",
        "detail": "A pinned folder already exists here.",
        "attr": "type",
    }
    assert (await folders.ask()).json["results"] == [home, pinned]


async def test_delete(folders: Folders) -> None:
    folder = await folders.create()
    answer = await folders.ask("DELETE", folder["id"])
    assert (answer.status, answer.json, answer.headers.get("Content-Type")) == (204, None, None)
    answer = await folders.ask("DELETE", folder["id"])
    assert (answer.status, answer.json) == (404, NOT_FOUND)


def invalid(code: str, attr: str | None, detail: str) -> dict[str, Any]:
    return {"type": "validation_error", "code": code, "detail": detail, "attr": attr}


def no_choice(text: str) -> dict[str, Any]:
    return invalid("invalid_choice", "type", f'"{text}" is not a valid choice.')


_TEXT: Final = ("protocol", "path")
# A body and what is answered.
REFUSED: Final[list[tuple[Any, dict[str, Any]]]] = [
    ({}, invalid("required", "type", "This field is required.")),
    ({"type": None}, invalid("null", "type", "This field may not be null.")),
    *(({"type": value}, no_choice(str(value))) for value in ("nope", "", "HOME", " home ", 5)),
    ({"type": ["home"]}, no_choice("['home']")),
    (
        {"type": "home", "protocol": "a" * 65},
        invalid("max_length", "protocol", "Ensure this field has no more than 64 characters."),
    ),
    (
        {"type": "home", "path": "a" * 4097},
        invalid("max_length", "path", "Ensure this field has no more than 4096 characters."),
    ),
    *(
        ({"type": "home", "protocol": value}, invalid("blank", "protocol", "This field may not be blank."))
        for value in ("", "   ", "\t\n")
    ),
    *(({"type": "home", name: None}, invalid("null", name, "This field may not be null.")) for name in _TEXT),
    *(
        ({"type": "home", name: value}, invalid("invalid_input", name, "Not a valid string."))
        for name in _TEXT
        for value in (True, [], ["a"], {})
    ),
    *(
        (
            {"type": "home", name: "a\0"},
            invalid("null_characters_not_allowed", name, "Null characters are not allowed."),
        )
        for name in _TEXT
    ),
    *(
        (
            {"type": "home", name: "a\ud800"},
            invalid("surrogate_characters_not_allowed", name, "Surrogate characters are not allowed: U+D800."),
        )
        for name in _TEXT
    ),
    ({"path": None, "protocol": "", "type": "x"}, no_choice("x")),
    (
        {"path": None, "protocol": "", "type": "home"},
        invalid("blank", "protocol", "This field may not be blank."),
    ),
    ([], invalid("invalid_input", None, "Invalid data. Expected a dictionary, but got list.")),
    ("x", invalid("invalid_input", None, "Invalid data. Expected a dictionary, but got str.")),
    (5, invalid("invalid_input", None, "Invalid data. Expected a dictionary, but got int.")),
    (None, invalid("null", None, "No data provided")),
]
# What is sent, and the protocol and path that are stored.
TAKEN: Final[list[tuple[dict[str, Any], tuple[str, str]]]] = [
    ({}, ("products://", "")),
    ({"protocol": 5, "path": 1.5}, ("5", "1.5")),
    ({"protocol": "  a b  ", "path": "\t x \n"}, ("a b", "x")),
    ({"protocol": " " + "a" * 64 + " "}, ("a" * 64, "")),
    ({"path": "a" * 4096}, ("products://", "a" * 4096)),
    ({"protocol": "\U0001f600" * 64, "path": 'Größe / \u2028 \\ "'}, ("\U0001f600" * 64, 'Größe / \u2028 \\ "')),
]


async def test_bodies_that_are_refused(folders: Folders, subtests: pytest.Subtests) -> None:
    for body, expected in REFUSED:
        with subtests.test(json.dumps(body)[:60]):
            answer = await folders.ask("POST", data=json.dumps(body).encode(), headers=JSON)
            assert (answer.status, answer.json) == (400, expected)
    assert (await folders.ask()).json["count"] == 0


async def test_bodies_that_are_taken(folders: Folders, subtests: pytest.Subtests) -> None:
    for body, (protocol, path) in TAKEN:
        with subtests.test(json.dumps(body)[:60]):
            folder = await folders.create(**body)
            assert fields(folder) == ("home", protocol, path)
            assert (await folders.ask(rest=folder["id"])).json == folder


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_an_update_is_checked_like_a_create(folders: Folders, method: str, subtests: pytest.Subtests) -> None:
    folder = await folders.create()
    for body, expected in REFUSED:
        if method == "PATCH" and expected["code"] == "required":
            continue
        with subtests.test(json.dumps(body)[:60]):
            answer = await folders.ask(method, folder["id"], data=json.dumps(body).encode(), headers=JSON)
            assert (answer.status, answer.json) == (400, expected)
    assert (await folders.ask(rest=folder["id"])).json == folder


@pytest.mark.parametrize("text", ["{", '{"type":"home",}', "nope", '{"type":NaN}', "Infinity", '"\t"', "\ufeff{}"])
async def test_broken_json(folders: Folders, text: str) -> None:
    answer = await folders.ask("POST", data=text.encode(), headers=JSON)
    assert (answer.status, answer.json["type"], answer.json["code"]) == (400, "invalid_request", "parse_error")
    assert answer.json["detail"].startswith("JSON parse error - ")


async def test_an_empty_body_is_an_empty_object(folders: Folders) -> None:
    answer = await folders.ask("POST", data=b"", headers=JSON)
    assert answer.json["code"] == "required"
    folder = await folders.create(path="kept")
    answer = await folders.ask("PATCH", folder["id"], data=b"", headers=JSON)
    assert (answer.status, answer.json["path"]) == (200, "kept")


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/graphql"])
async def test_other_media_types(folders: Folders, content_type: str) -> None:
    answer = await folders.ask("POST", data=b"x", headers={"Content-Type": content_type})
    assert answer.status == 415
    assert answer.json == {
        "type": "invalid_request",
        "code": "unsupported_media_type",
        "detail": f'Unsupported media type "{content_type}" in request.',
        "attr": None,
    }


@pytest.mark.parametrize("accept", ["application/xml", "text/html, image/*", ""])
async def test_what_is_not_acceptable(folders: Folders, accept: str) -> None:
    answer = await folders.ask(headers={"Accept": accept})
    assert (answer.status, answer.json["code"]) == (406, "not_acceptable")
    assert answer.json["detail"] == "Could not satisfy the request Accept header."


FORMS: Final[list[tuple[dict[str, str], int, dict[str, Any]]]] = [
    ({"type": "home"}, 201, {"type": "home", **DEFAULTS}),
    ({"type": "home", "protocol": "a://", "path": "x y/ü&="}, 201, {"protocol": "a://", "path": "x y/ü&="}),
    # An empty box is one that was not filled in; a path may be empty.
    ({"type": "home", "protocol": "", "path": ""}, 201, DEFAULTS),
    ({"type": "home", "protocol": "  "}, 400, {"code": "blank", "attr": "protocol"}),
    ({"type": ""}, 400, {"code": "invalid_choice", "attr": "type"}),
    ({"path": "x"}, 400, {"code": "required", "attr": "type"}),
]


@pytest.mark.parametrize("is_multipart", [False, True], ids=["urlencoded", "multipart"])
async def test_forms(folders: Folders, is_multipart: bool, subtests: pytest.Subtests) -> None:
    for form, status, expected in FORMS:
        with subtests.test(str(form)):
            answer = await folders.ask(
                "POST", data=multipart(form) if is_multipart else form, headers=headers(is_multipart)
            )
            assert answer.status == status
            assert expected.items() <= answer.json.items()


def headers(is_multipart: bool) -> dict[str, str]:
    return {"Content-Type": "multipart/form-data; boundary=x" if is_multipart else "application/x-www-form-urlencoded"}


def multipart(form: dict[str, str]) -> bytes:
    parts = (f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in form.items())
    return ("".join(parts) + "--x--\r\n").encode()


async def test_a_file_is_no_text(folders: Folders) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="type"\r\n\r\nhome\r\n'
        b'--x\r\nContent-Disposition: form-data; name="path"; filename="a.txt"\r\n\r\ncontent\r\n--x--\r\n'
    )
    answer = await folders.ask("POST", data=body, headers=headers(is_multipart=True))
    assert (answer.status, answer.json) == (400, invalid("invalid_input", "path", "Not a valid string."))


@pytest.mark.parametrize("is_multipart", [False, True], ids=["urlencoded", "multipart"])
async def test_a_form_of_too_many_fields(folders: Folders, is_multipart: bool) -> None:
    form = {"type": "home"} | {f"field{number}": "" for number in range(1000)}
    answer = await folders.ask("POST", data=multipart(form) if is_multipart else form, headers=headers(is_multipart))
    assert (answer.status, answer.json["code"]) == (400, "parse_error")
