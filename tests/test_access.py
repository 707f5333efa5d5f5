"""Who may do what, where, as pure functions; tests/test_matrix.py asks the service."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from gateway.access import (
    CURRENT_ENVIRONMENT,
    Caller,
    FolderReach,
    Grant,
    PlaceRef,
    Reach,
    WriteGrant,
)
from gateway.errors import NotFound, PermissionDenied
from gateway.model import MAX_ID, Environment, Project, Surface
from gateway.scopes import Scope, is_known_scope

_USER, _KEY, _ORGANIZATION, _OTHER = (UUID(int=n) for n in range(1, 5))
_PROJECT = Project(1, "Web shop", _ORGANIZATION)
_PRIMARY = Environment(1, "Production", _PROJECT)
_STAGING = Environment(3, "Staging", _PROJECT)
_BY_PROJECT = PlaceRef("1", is_project=True)
_BY_ENVIRONMENT = PlaceRef("1", is_project=False)


def _caller(**changes: Any) -> Caller:
    caller = Caller(
        key_id=_KEY,
        key_hash="0" * 64,
        user_id=_USER,
        email="ada@acme.test",
        scopes=frozenset({"*"}),
        environments=None,
        organizations=None,
        memberships=frozenset({_ORGANIZATION}),
        current_environment_id=3,
        current_project_id=1,
    )
    return replace(caller, **changes)


@pytest.mark.parametrize(
    ("held", "reads", "writes"),
    [
        ((), False, False),
        (("*",), True, True),
        (("persisted_folder:read",), True, False),
        (("persisted_folder:write",), True, True),
        (("insight:write",), False, False),
        (("persisted_folder",), False, False),
        (("persisted_folder:*",), False, False),
        (("*:write",), False, False),
        (("persisted_folder:read", "insight:write"), True, False),
    ],
)
def test_scopes(held: tuple[str, ...], reads: bool, writes: bool) -> None:
    caller = _caller(scopes=frozenset(held))
    assert (caller.has(Scope.FOLDER_READ), caller.has(Scope.FOLDER_WRITE)) == (reads, writes)


def test_a_missing_scope_is_named() -> None:
    with pytest.raises(PermissionDenied) as caught:
        _caller(scopes=frozenset()).require(Scope.USER_READ)
    assert caught.value.detail == "API key missing required scope 'user:read'"


@pytest.mark.parametrize("scope", ["*", "persisted_folder:read", "insight:write", "project:read", "user:read"])
def test_known_scopes(scope: str) -> None:
    assert is_known_scope(scope)


@pytest.mark.parametrize(
    "scope",
    [
        "",
        ":",
        "folder:read",
        "persisted_folder",
        "persisted_folder:",
        "persisted_folder:admin",
        "*:read",
        "**",
        "PROJECT:read",
        "project:read ",
    ],
)
def test_unknown_scopes(scope: str) -> None:
    assert not is_known_scope(scope)


# Each row of the table fails together with all that come after it: the first one answers.
_DENIALS = [
    ({"environments": frozenset({2})}, "API key does not have access to the requested project: ID 1."),
    (
        {"organizations": frozenset({_OTHER})},
        f"API key does not have access to the requested organization: ID {_ORGANIZATION}.",
    ),
    ({"scopes": frozenset()}, "API key missing required scope 'persisted_folder:{action}'"),
    ({"memberships": frozenset()}, "You don't have access to the project."),
]


@pytest.mark.parametrize("first", range(len(_DENIALS)))
@pytest.mark.parametrize("place", [_BY_PROJECT, _BY_ENVIRONMENT])
def test_the_first_check_that_fails_answers(first: int, place: PlaceRef) -> None:
    caller = _caller(**{name: value for changes, _ in _DENIALS[first:] for name, value in changes.items()})
    for action, ask in (("read", caller.read), ("write", caller.write)):
        with pytest.raises(PermissionDenied) as caught:
            ask(place, _PRIMARY, Surface.WEB)
        assert caught.value.detail == _DENIALS[first][1].format(action=action)
        with pytest.raises(NotFound) as missing:
            ask(place, None, Surface.WEB)
        assert missing.value.detail == "Project not found."


def test_a_project_is_its_primary_environment() -> None:
    place = PlaceRef("3", is_project=True)
    with pytest.raises(NotFound):
        _caller().read(place, _STAGING, Surface.WEB)
    assert _caller().read(place._replace(is_project=False), _STAGING, Surface.WEB).environment is _STAGING


def test_current() -> None:
    assert _caller().find(CURRENT_ENVIRONMENT) == 3
    assert _caller().find(PlaceRef("@current", is_project=True)) == 1
    nowhere = _caller(current_environment_id=None, current_project_id=None)
    for is_project in (True, False):
        with pytest.raises(NotFound):
            nowhere.locate(PlaceRef("@current", is_project))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "abc",
        "0",
        "-1",
        "1.5",
        "1e3",
        "0x1",
        "@Current",
        "@current ",
        "null",
        str(MAX_ID + 1),
        "9" * 20,
        "9" * 5000,
        "\0",
        "1\0",
        "\ud800",
    ],
)
def test_what_is_no_number_names_no_place(text: str) -> None:
    for is_project in (True, False):
        with pytest.raises(NotFound) as caught:
            _caller().locate(PlaceRef(text, is_project))
        assert caught.value.detail == "Project not found."


@pytest.mark.parametrize("text", ["1", "01", str(MAX_ID)])
def test_a_number_names_a_place(text: str) -> None:
    assert _caller().find(PlaceRef(text, is_project=False)) == int(text)


@pytest.mark.parametrize(
    ("changes", "may"),
    [
        ({}, True),
        ({"scopes": frozenset()}, True),
        ({"environments": frozenset({1})}, True),
        ({"environments": frozenset({3})}, False),
        ({"organizations": frozenset({_ORGANIZATION})}, True),
        ({"organizations": frozenset({_OTHER})}, False),
        ({"memberships": frozenset({_OTHER})}, False),
    ],
)
def test_reach_is_limits_and_membership(changes: dict[str, Any], may: bool) -> None:
    caller = _caller(**changes)
    assert caller.may_reach(_PRIMARY) is may
    if may:
        assert caller.require_reach(_PRIMARY) is _PRIMARY
    else:
        with pytest.raises(PermissionDenied):
            caller.require_reach(_PRIMARY)


def test_a_reach_over_folders_needs_the_scope() -> None:
    reader = _caller(scopes=frozenset({"persisted_folder:read"}))
    assert reader.read_reach().user_id == reader.user_id
    with pytest.raises(PermissionDenied):
        reader.write_reach()
    with pytest.raises(PermissionDenied):
        _caller(scopes=frozenset()).read_reach()
    # What environments there are, a key without any scope may see.
    assert not isinstance(_caller(scopes=frozenset()).reach(), FolderReach)


def test_only_a_caller_makes_proofs() -> None:
    not_the_seal: Any = object()
    for make in (Grant, WriteGrant):
        with pytest.raises(TypeError):
            make(_USER, _PRIMARY, Surface.WEB, not_the_seal)
    with pytest.raises(TypeError):
        Reach(_USER, None, None, not_the_seal)


def test_reading_does_not_prove_writing() -> None:
    assert not isinstance(_caller().read(_BY_PROJECT, _PRIMARY, Surface.WEB), WriteGrant)
    assert isinstance(_caller().write(_BY_PROJECT, _PRIMARY, Surface.WEB), WriteGrant)
