"""The mutations: what they store, and what they tell a person to correct."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.drivers import Folder, GraphQLDriver, Place, execute, node_id
from tests.keys import ADA, ADA_ENVIRONMENT_2, ADA_ORGANIZATION_2, GRACE

_HERE = Place("environment", "1")
_UNKNOWN = "00000000-0000-7000-8000-000000000000"
_UPSERT = """mutation ($input: UpsertPersistedFolderInput!) { upsertPersistedFolder(input: $input) {
  created persistedFolder { uuid type surface protocol path location createdAt updatedAt environment { environmentId } }
  userErrors { code field message } } }"""
_UPSERT_ALL = """mutation ($input: UpsertPersistedFoldersInput!) { upsertPersistedFolders(input: $input) {
  persistedFolders { uuid type path protocol } userErrors { code field message } } }"""
_UPDATE = """mutation ($input: UpdatePersistedFolderInput!) { updatePersistedFolder(input: $input) {
  persistedFolder { uuid type protocol path createdAt updatedAt } userErrors { code field message } } }"""
_DELETE = """mutation ($input: DeletePersistedFolderInput!) { deletePersistedFolder(input: $input) {
  deletedPersistedFolderId userErrors { code field message } } }"""

# What is wrong with a text, by the code that says so.
BAD_TEXTS = [
    ("protocol", "", "BLANK", "This field may not be blank."),
    ("protocol", " \t\n\u3000", "BLANK", "This field may not be blank."),
    ("protocol", "x" * 65, "MAX_LENGTH", "Ensure this field has no more than 64 characters."),
    ("protocol", "a\0", "NULL_CHARACTERS_NOT_ALLOWED", "Null characters are not allowed."),
    ("protocol", "\udfff", "SURROGATE_CHARACTERS_NOT_ALLOWED", "Surrogate characters are not allowed: U+DFFF."),
    ("path", "x" * 4097, "MAX_LENGTH", "Ensure this field has no more than 4096 characters."),
    ("path", "\0", "NULL_CHARACTERS_NOT_ALLOWED", "Null characters are not allowed."),
    ("path", "a\ud800b", "SURROGATE_CHARACTERS_NOT_ALLOWED", "Surrogate characters are not allowed: U+D800."),
    ("path", "\ude00\ud83d", "SURROGATE_CHARACTERS_NOT_ALLOWED", "Surrogate characters are not allowed: U+DE00."),
]


async def _send(client: ClientSession, document: str, key: str = ADA, **values: Any) -> Any:
    body = await execute(client, document, key, {"input": values})
    assert "errors" not in body, body
    (payload,) = body["data"].values()
    return payload


async def _home(client: ClientSession, **fields: str) -> Folder:
    return (await GraphQLDriver(client).upsert(ADA, _HERE, "web", {"type": "home", **fields})).folder


async def _stored(client: ClientSession, key: str = ADA) -> list[Folder]:
    return list((await GraphQLDriver(client).list(key, _HERE, "web")).folders)


class TestUpsert:
    async def test_the_folder_and_whether_it_is_new(self, client: ClientSession) -> None:
        payload = await _send(client, _UPSERT, type="HOME", protocol=" p:// ", path=" a/b ", surface="DESKTOP")
        folder = payload["persistedFolder"]
        assert payload == {
            "created": True,
            "persistedFolder": {
                "uuid": folder["uuid"],
                "type": "HOME",
                "surface": "DESKTOP",
                "protocol": "p://",
                "path": "a/b",
                "location": "p://a/b",
                "createdAt": folder["createdAt"],
                "updatedAt": folder["createdAt"],
                "environment": {"environmentId": 1},
            },
            "userErrors": [],
        }
        again = await _send(client, _UPSERT, type="HOME", surface="DESKTOP")
        assert not again["created"]
        for name in ("uuid", "createdAt"):
            assert again["persistedFolder"][name] == folder[name]
        assert again["persistedFolder"]["updatedAt"] > folder["updatedAt"]
        # What is left out goes back to its default.
        assert again["persistedFolder"]["location"] == "products://"

    async def test_literals_and_variables_have_the_same_defaults(self, client: ClientSession) -> None:
        document = """mutation ($protocol: String!, $surface: Surface! = DESKTOP) {
          upsertPersistedFolder(input: {type: HOME, protocol: $protocol, surface: $surface}) {
            persistedFolder { surface location } } }"""
        body = await execute(client, document, ADA, {"protocol": "x"})
        assert body["data"]["upsertPersistedFolder"]["persistedFolder"] == {"surface": "DESKTOP", "location": "x"}

    @pytest.mark.parametrize(("field", "text", "code", "message"), BAD_TEXTS)
    async def test_what_is_wrong(self, client: ClientSession, field: str, text: str, code: str, message: str) -> None:
        payload = await _send(client, _UPSERT, type="HOME", **{field: text})
        assert payload == {
            "created": False,
            "persistedFolder": None,
            "userErrors": [{"code": code, "field": [field], "message": message}],
        }
        assert await _stored(client) == []

    async def test_all_that_is_wrong_is_told(self, client: ClientSession) -> None:
        payload = await _send(client, _UPSERT, type="HOME", protocol="", path="\0")
        assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [
            ("BLANK", ["protocol"]),
            ("NULL_CHARACTERS_NOT_ALLOWED", ["path"]),
        ]

    @pytest.mark.parametrize(
        "text", ["\U0001f600" * 4094, "\u2028\u2029", "a\u0001b", "e\u0301", "\ufffe", "'; --", "%00"]
    )
    async def test_any_other_text_comes_back_as_it_was(self, client: ClientSession, text: str) -> None:
        payload = await _send(client, _UPSERT, type="HOME", path=f"|{text}|")
        assert payload["persistedFolder"]["path"] == f"|{text}|"
        (folder,) = await _stored(client)
        assert folder.path == f"|{text}|"

    @pytest.mark.parametrize(
        "values",
        [
            {},
            {"type": None},
            {"type": "home"},
            {"type": "HOME", "path": None},
            {"type": "HOME", "protocol": 5},
            {"type": "HOME", "surface": None},
            {"type": "HOME", "surface": "TABLET"},
            {"type": "HOME", "extra": 1},
        ],
    )
    async def test_what_does_not_fit_the_schema_runs_nothing(self, client: ClientSession, values: Any) -> None:
        body = await execute(client, _UPSERT, ADA, {"input": values})
        assert "data" not in body
        assert {error["extensions"]["code"] for error in body["errors"]} == {"BAD_USER_INPUT"}

    async def test_mutations_of_one_document_run_in_order(self, client: ClientSession) -> None:
        document = """mutation {
          a: upsertPersistedFolder(input: {type: HOME, path: "a"}) { created }
          b: upsertPersistedFolder(input: {type: HOME, path: "b"}) { created }
          c: upsertPersistedFolder(input: {type: HOME, path: "\\u0000"}) { created userErrors { code } }
          d: upsertPersistedFolder(input: {type: PINNED, path: "d"}) { created persistedFolder { environment {
               persistedFolders { nodes { path } } } } } }"""
        data = (await execute(client, document, ADA))["data"]
        assert [data[name]["created"] for name in "abcd"] == [True, False, False, True]
        nodes = data["d"]["persistedFolder"]["environment"]["persistedFolders"]["nodes"]
        assert nodes == [{"path": "b"}, {"path": "d"}]


class TestUpsertAll:
    async def test_in_the_order_of_the_input(self, client: ClientSession) -> None:
        drafts = [{"type": "PINNED", "path": "p"}, {"type": "CUSTOM_PRODUCTS"}, {"type": "HOME", "protocol": "h"}]
        payload = await _send(client, _UPSERT_ALL, folders=drafts)
        assert [(each["type"], each["protocol"], each["path"]) for each in payload["persistedFolders"]] == [
            ("PINNED", "products://", "p"),
            ("CUSTOM_PRODUCTS", "products://", ""),
            ("HOME", "h", ""),
        ]
        again = await _send(client, _UPSERT_ALL, folders=drafts[::-1])
        assert [each["uuid"] for each in again["persistedFolders"]] == [
            each["uuid"] for each in payload["persistedFolders"][::-1]
        ]

    async def test_none_is_nothing_to_do(self, client: ClientSession) -> None:
        assert await _send(client, _UPSERT_ALL, folders=[]) == {"persistedFolders": [], "userErrors": []}

    @pytest.mark.parametrize(("field", "text", "code", "message"), BAD_TEXTS)
    async def test_one_that_is_wrong_stops_all(
        self, client: ClientSession, field: str, text: str, code: str, message: str
    ) -> None:
        before = await _home(client, path="before")
        drafts = [{"type": "HOME", "path": "after"}, {"type": "PINNED", field: text}]
        assert await _send(client, _UPSERT_ALL, folders=drafts) == {
            "persistedFolders": [],
            "userErrors": [{"code": code, "field": ["folders", "1", field], "message": message}],
        }
        assert await _stored(client) == [before]

    async def test_a_type_may_stand_there_once(self, client: ClientSession) -> None:
        drafts = [
            {"type": "HOME"},
            {"type": "PINNED", "path": "\0"},
            {"type": "HOME"},
            {"type": "HOME", "protocol": ""},
        ]
        payload = await _send(client, _UPSERT_ALL, folders=drafts)
        assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [
            ("NULL_CHARACTERS_NOT_ALLOWED", ["folders", "1", "path"]),
            ("CONFLICT", ["folders", "2", "type"]),
            ("BLANK", ["folders", "3", "protocol"]),
            ("CONFLICT", ["folders", "3", "type"]),
        ]
        assert payload["persistedFolders"] == []
        assert await _stored(client) == []


class TestUpdate:
    async def test_only_what_is_named(self, client: ClientSession) -> None:
        before = await _home(client, protocol="p", path="a")
        payload = await _send(client, _UPDATE, id=before.id, path=" b ")
        folder = payload["persistedFolder"]
        assert (folder["uuid"], folder["type"], folder["protocol"], folder["path"]) == (before.id, "HOME", "p", "b")
        assert folder["createdAt"] == before.created_at
        assert folder["updatedAt"] > before.updated_at

    async def test_nothing_named_is_still_a_change(self, client: ClientSession) -> None:
        before = await _home(client, protocol="p", path="a")
        payload = await _send(client, _UPDATE, id=node_id("PersistedFolder", before.id))
        assert payload["userErrors"] == []
        assert payload["persistedFolder"]["updatedAt"] > before.updated_at
        (after,) = await _stored(client)
        assert (after.protocol, after.path) == ("p", "a")

    @pytest.mark.parametrize("field", ["type", "protocol", "path"])
    async def test_null_is_not_left_out(self, client: ClientSession, field: str) -> None:
        before = await _home(client, path="a")
        payload = await _send(client, _UPDATE, id=before.id, **{field: None})
        error = {"code": "NULL", "field": [field], "message": "This field may not be null."}
        assert payload == {"persistedFolder": None, "userErrors": [error]}
        assert await _stored(client) == [before]

    async def test_a_variable_that_is_not_given_is_left_out(self, client: ClientSession) -> None:
        before = await _home(client, path="a")
        document = """mutation ($id: ID!, $path: String, $type: PersistedFolderType) {
          updatePersistedFolder(input: {id: $id, path: $path, type: $type}) { userErrors { code } } }"""
        body = await execute(client, document, ADA, {"id": before.id})
        assert body["data"]["updatePersistedFolder"]["userErrors"] == []

    @pytest.mark.parametrize(("field", "text", "code", "message"), BAD_TEXTS)
    async def test_what_is_wrong(self, client: ClientSession, field: str, text: str, code: str, message: str) -> None:
        before = await _home(client, path="a")
        payload = await _send(client, _UPDATE, id=before.id, **{field: text})
        error = {"code": code, "field": [field], "message": message}
        assert payload == {"persistedFolder": None, "userErrors": [error]}
        assert await _stored(client) == [before]

    async def test_a_taken_type(self, client: ClientSession) -> None:
        before = await _home(client)
        await _send(client, _UPSERT, type="PINNED")
        payload = await _send(client, _UPDATE, id=before.id, type="PINNED", path="x")
        error = {"code": "CONFLICT", "field": ["type"], "message": "A pinned folder already exists here."}
        assert payload == {"persistedFolder": None, "userErrors": [error]}
        # Its own type is not taken, nor is that of another surface.
        await _send(client, _UPSERT, type="CUSTOM_PRODUCTS", surface="DESKTOP")
        for folder_type in ("HOME", "CUSTOM_PRODUCTS"):
            payload = await _send(client, _UPDATE, id=before.id, type=folder_type)
            assert payload["persistedFolder"]["type"] == folder_type

    async def test_what_is_not_there_comes_before_what_is_wrong(self, client: ClientSession) -> None:
        for each in (_UNKNOWN, "junk", ""):
            payload = await _send(client, _UPDATE, id=each, protocol="", type=None)
            error = {"code": "NOT_FOUND", "field": ["id"], "message": "Not found."}
            assert payload == {"persistedFolder": None, "userErrors": [error]}


class TestDelete:
    async def test_once(self, client: ClientSession) -> None:
        before = await _home(client)
        for expected in ((node_id("PersistedFolder", before.id), []), (None, ["NOT_FOUND"])):
            payload = await _send(client, _DELETE, id=before.id)
            codes = [error["code"] for error in payload["userErrors"]]
            assert (payload["deletedPersistedFolderId"], codes) == expected
        assert await _stored(client) == []


class TestBoth:
    """Update and delete find their folder alike."""

    @pytest.fixture(params=["update", "delete"])
    def change(self, request: pytest.FixtureRequest) -> str:
        return _UPDATE if request.param == "update" else _DELETE

    async def test_anothers_folder_is_not_there(self, client: ClientSession, change: str) -> None:
        before = await _home(client)
        for place in ({}, {"environmentId": 1}, {"projectId": 1, "surface": "WEB"}):
            payload = await _send(client, change, GRACE, id=before.id, **place)
            assert [error["code"] for error in payload["userErrors"]] == ["NOT_FOUND"]
        assert await _stored(client) == [before]

    @pytest.mark.parametrize(
        ("place", "is_there"),
        [
            ({}, True),
            ({"environmentId": None, "projectId": None, "surface": None}, True),
            ({"environmentId": "3"}, True),
            ({"environmentId": 3, "surface": "DESKTOP"}, True),
            ({"surface": "DESKTOP"}, True),
            ({"surface": "WEB"}, False),
            ({"environmentId": 3, "surface": "WEB"}, False),
            ({"environmentId": "@current"}, False),
            ({"projectId": 1}, False),
            ({"projectId": 1, "surface": "DESKTOP"}, False),
        ],
    )
    async def test_a_named_place_must_be_its_own(
        self, client: ClientSession, change: str, place: dict[str, Any], is_there: bool
    ) -> None:
        three = Place("environment", "3")
        folder = (await GraphQLDriver(client).upsert(ADA, three, "desktop", {"type": "home"})).folder
        payload = await _send(client, change, id=folder.id, **place)
        assert [error["code"] for error in payload["userErrors"]] == ([] if is_there else ["NOT_FOUND"])

    async def test_without_a_place_it_may_be_anywhere_in_reach(self, client: ClientSession, change: str) -> None:
        driver = GraphQLDriver(client)
        for number, key, codes in (
            (1, ADA_ENVIRONMENT_2, ["NOT_FOUND"]),
            (2, ADA_ORGANIZATION_2, ["NOT_FOUND"]),
            (2, ADA_ENVIRONMENT_2, []),
            (10, ADA_ORGANIZATION_2, []),
        ):
            place = Place("environment", str(number))
            folder = (await driver.upsert(ADA, place, "web", {"type": "home"})).folder
            payload = await _send(client, change, key, id=folder.id)
            assert [error["code"] for error in payload["userErrors"]] == codes

    async def test_expected_time(self, client: ClientSession, change: str) -> None:
        before = await _home(client)
        time = datetime.fromisoformat(before.updated_at)
        stale = {"code": "STALE", "field": ["expectedUpdatedAt"], "message": "The folder has changed since."}
        for difference in (
            timedelta(microseconds=1),
            timedelta(microseconds=-1),
            timedelta(hours=1),
            timedelta(days=-9),
        ):
            expected = (time + difference).isoformat()
            payload = await _send(client, change, id=before.id, expectedUpdatedAt=expected)
            assert payload["userErrors"] == [stale], expected
        assert await _stored(client) == [before]
        payload = await _send(client, change, id=_UNKNOWN, expectedUpdatedAt=before.updated_at)
        assert [error["code"] for error in payload["userErrors"]] == ["NOT_FOUND"]

    @pytest.mark.parametrize("hours", [None, 0, 14, -12, 5.75])
    async def test_the_expected_time_in_any_offset(
        self, client: ClientSession, change: str, hours: float | None
    ) -> None:
        text = (await _home(client)).updated_at
        if hours is not None:
            zone = timezone(timedelta(hours=hours))
            text = datetime.fromisoformat(text).astimezone(zone).isoformat(timespec="microseconds")
        (folder,) = await _stored(client)
        payload = await _send(client, change, id=folder.id, expectedUpdatedAt=text.replace("T", "t").replace("Z", "z"))
        assert payload["userErrors"] == []

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "now",
            "2026-01-31",
            "2026-01-31T09:30:00",
            "2026-01-31 09:30:00Z",
            "2026-W05-1T00:00:00Z",
            "20260131T093000Z",
            "2026-02-30T00:00:00Z",
            "2026-01-31T09:30Z",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "2026-01-31T25:00:00Z",
            "2026-01-31T09:30:00+25:00",
            "٢٠٢٦-01-31T09:30:00Z",
            5,
            1.5,
            True,
            [],
            {},
        ],
    )
    async def test_what_is_no_time(self, client: ClientSession, change: str, text: Any) -> None:
        body = await execute(client, change, ADA, {"input": {"id": _UNKNOWN, "expectedUpdatedAt": text}})
        (error,) = body["errors"]
        assert error["extensions"] == {"code": "BAD_USER_INPUT", "status": 400, "reason": "invalid_input"}
        assert "DateTime must be an RFC 3339 time with an offset" in error["message"]
