"""The rules about folders, each said once and held by both transports."""

from __future__ import annotations

import pytest
from aiohttp import ClientSession

from tests.drivers import Answer, Driver, GraphQLDriver, Place, RestDriver, Surface
from tests.keys import ADA, GRACE

_HERE = Place("environment", "1")
_UNKNOWN = "00000000-0000-7000-8000-000000000000"
_NOT_FOUND = (404, "not_found", "Not found.")


@pytest.fixture(params=[RestDriver, GraphQLDriver], ids=["rest", "graphql"])
def driver(request: pytest.FixtureRequest, client: ClientSession) -> Driver:
    made: Driver = request.param(client)
    return made


def _told(answer: Answer) -> tuple[int, str | None, str | None]:
    return answer.status, answer.code, answer.detail


async def test_a_new_folder_has_the_defaults(driver: Driver) -> None:
    folder = (await driver.upsert(ADA, _HERE, "web", {"type": "home"})).folder
    assert (folder.type, folder.protocol, folder.path) == ("home", "products://", "")
    assert folder.created_at == folder.updated_at
    assert (await driver.list(ADA, _HERE, "web")).folders == (folder,)
    assert (await driver.retrieve(ADA, _HERE, "web", folder.id)).folder == folder


async def test_a_second_create_overwrites_the_first(driver: Driver) -> None:
    first = (await driver.upsert(ADA, _HERE, "web", {"type": "home", "protocol": "p", "path": "a"})).folder
    second = (await driver.upsert(ADA, _HERE, "web", {"type": "home", "path": "b"})).folder
    # What is left out goes back to its default: it does not keep its value.
    assert (second.id, second.created_at, second.protocol, second.path) == (
        first.id,
        first.created_at,
        "products://",
        "b",
    )
    assert second.updated_at > first.updated_at
    assert (await driver.list(ADA, _HERE, "web")).folders == (second,)


async def test_an_update_changes_what_it_names(driver: Driver) -> None:
    before = (await driver.upsert(ADA, _HERE, "web", {"type": "home", "protocol": "p", "path": "a"})).folder
    after = (await driver.update(ADA, _HERE, "web", before.id, {"path": "b"})).folder
    assert (after.id, after.type, after.protocol, after.path) == (before.id, "home", "p", "b")
    assert after.updated_at > before.updated_at
    renamed = (await driver.update(ADA, _HERE, "web", before.id, {"type": "pinned"})).folder
    assert (renamed.id, renamed.type, renamed.path) == (before.id, "pinned", "b")
    # Its former type is free again.
    other = (await driver.upsert(ADA, _HERE, "web", {"type": "home"})).folder
    assert other.id != before.id


async def test_a_type_is_taken_once(driver: Driver) -> None:
    home = (await driver.upsert(ADA, _HERE, "web", {"type": "home", "path": "a"})).folder
    pinned = (await driver.upsert(ADA, _HERE, "web", {"type": "pinned"})).folder
    answer = await driver.update(ADA, _HERE, "web", home.id, {"type": "pinned", "path": "b"})
    assert answer == Answer(409, "conflict", "A pinned folder already exists here.", "type")
    assert (await driver.list(ADA, _HERE, "web")).folders == (home, pinned)


async def test_the_list_is_by_type(driver: Driver) -> None:
    for each in ("pinned", "home", "custom_products"):
        await driver.upsert(ADA, _HERE, "web", {"type": each})
    listed = (await driver.list(ADA, _HERE, "web")).folders
    assert [folder.type for folder in listed] == ["custom_products", "home", "pinned"]


async def test_a_deleted_folder_is_gone(driver: Driver) -> None:
    folder = (await driver.upsert(ADA, _HERE, "web", {"type": "home"})).folder
    assert await driver.delete(ADA, _HERE, "web", folder.id) == Answer(200)
    assert (await driver.list(ADA, _HERE, "web")).folders == ()
    assert _told(await driver.retrieve(ADA, _HERE, "web", folder.id)) == _NOT_FOUND
    assert _told(await driver.update(ADA, _HERE, "web", folder.id, {"path": "x"})) == _NOT_FOUND
    assert _told(await driver.delete(ADA, _HERE, "web", folder.id)) == _NOT_FOUND
    assert (await driver.upsert(ADA, _HERE, "web", {"type": "home"})).folder.id != folder.id


@pytest.mark.parametrize(
    ("key", "place", "surface"),
    [
        (GRACE, _HERE, "web"),
        (ADA, Place("environment", "3"), "web"),
        (ADA, Place("environment", "10"), "web"),
        (ADA, Place("project", "1"), "desktop"),
    ],
)
async def test_folders_are_isolated(driver: Driver, key: str, place: Place, surface: Surface) -> None:
    """By user, environment and surface: the same type elsewhere is another folder, and an id does not cross over."""
    mine = (await driver.upsert(ADA, _HERE, "web", {"type": "home", "path": "mine"})).folder
    other = (await driver.upsert(key, place, surface, {"type": "home", "path": "other"})).folder
    assert mine.id != other.id
    assert (await driver.list(key, place, surface)).folders == (other,)
    for folder_id in (mine.id, _UNKNOWN):
        assert _told(await driver.retrieve(key, place, surface, folder_id)) == _NOT_FOUND
        assert _told(await driver.update(key, place, surface, folder_id, {"path": "x"})) == _NOT_FOUND
        assert _told(await driver.delete(key, place, surface, folder_id)) == _NOT_FOUND
    assert (await driver.list(ADA, _HERE, "web")).folders == (mine,)


async def test_a_project_is_its_primary_environment(driver: Driver) -> None:
    folder = (await driver.upsert(ADA, Place("project", "1"), "web", {"type": "home"})).folder
    for place in (_HERE, Place("project", "@current"), Place("environment", "@current")):
        assert (await driver.list(ADA, place, "web")).folders == (folder,)


async def test_both_transports_show_the_same(client: ClientSession) -> None:
    rest, graphql = RestDriver(client), GraphQLDriver(client)
    place = Place("project", "1")
    for writer, surface in ((rest, "web"), (graphql, "desktop")):
        fields = {"type": "home", "protocol": " ü:// ", "path": " \U0001f600/\u2028x "}
        folder = (await writer.upsert(ADA, place, surface, fields)).folder  # type: ignore[arg-type]
        assert (folder.protocol, folder.path) == ("ü://", "\U0001f600/\u2028x")
        for reader in (rest, graphql):
            assert (await reader.list(ADA, place, surface)).folders == (folder,)  # type: ignore[arg-type]
            assert (await reader.retrieve(ADA, place, surface, folder.id)).folder == folder  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "text", "code"),
    [
        ("protocol", "", "blank"),
        ("protocol", " \u00a0\u3000\t", "blank"),
        ("protocol", "x" * 65, "max_length"),
        ("protocol", "a\0b", "null_characters_not_allowed"),
        ("protocol", "\ud800", "surrogate_characters_not_allowed"),
        ("path", "x" * 4097, "max_length"),
        ("path", "\0", "null_characters_not_allowed"),
        ("path", "\udc00\ud800", "surrogate_characters_not_allowed"),
        # The length is looked at first, as in the reference.
        ("path", "\0" * 4097, "max_length"),
        ("path", "\0\ud800", "null_characters_not_allowed"),
    ],
)
async def test_texts_that_are_refused(driver: Driver, field: str, text: str, code: str) -> None:
    folder = (await driver.upsert(ADA, _HERE, "web", {"type": "home", "path": "before"})).folder
    answers = [
        await driver.upsert(ADA, _HERE, "web", {"type": "home", field: text}),
        await driver.update(ADA, _HERE, "web", folder.id, {field: text}),
    ]
    for answer in answers:
        assert (answer.status, answer.code, answer.attr) == (400, code, field)
    # Whether there is such a folder comes first.
    assert _told(await driver.update(ADA, _HERE, "web", _UNKNOWN, {field: text})) == _NOT_FOUND
    assert (await driver.list(ADA, _HERE, "web")).folders == (folder,)


@pytest.mark.parametrize(
    ("field", "text", "stored"),
    [
        ("protocol", "x" * 64, "x" * 64),
        ("protocol", "  " + "x" * 64 + "\n", "x" * 64),
        ("protocol", "\U0001f600" * 64, "\U0001f600" * 64),
        ("path", "", ""),
        ("path", "   ", ""),
        ("path", "x" * 4096, "x" * 4096),
        ("path", " " * 5000 + "a b ", "a b"),
        ("path", "\U0001f600" * 4096, "\U0001f600" * 4096),
        ("path", "\u200b\ufeff\u0001", "\u200b\ufeff\u0001"),
    ],
)
async def test_texts_that_are_stored(driver: Driver, field: str, text: str, stored: str) -> None:
    created = (await driver.upsert(ADA, _HERE, "web", {"type": "home", field: text})).folder
    assert getattr(created, field) == stored
    updated = (await driver.update(ADA, _HERE, "web", created.id, {field: text})).folder
    assert getattr(updated, field) == stored
    assert (await driver.list(ADA, _HERE, "web")).folders == (updated,)


@pytest.mark.parametrize("write", [str.upper, lambda text: text.replace("-", "")])
async def test_an_id_in_another_spelling_is_the_same(driver: Driver, write) -> None:  # type: ignore[no-untyped-def]
    folder = (await driver.upsert(ADA, _HERE, "web", {"type": "home"})).folder
    assert (await driver.retrieve(ADA, _HERE, "web", write(folder.id))).folder == folder


@pytest.mark.parametrize("folder_id", ["junk", "1", _UNKNOWN[:-1], _UNKNOWN + "0", "@current", "g" * 32])
async def test_an_id_that_is_none_is_not_found(driver: Driver, folder_id: str) -> None:
    assert _told(await driver.retrieve(ADA, _HERE, "web", folder_id)) == _NOT_FOUND
    assert _told(await driver.update(ADA, _HERE, "web", folder_id, {})) == _NOT_FOUND
    assert _told(await driver.delete(ADA, _HERE, "web", folder_id)) == _NOT_FOUND
