"""The workspace file: organizations, users and keys as one declarative document (contract/rest.md).

A file is checked whole before anything is written, and every wrong place is named at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Final, Literal, TypeVar
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StrictBool,
    ValidationError,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from gateway.json_or_yaml import read_json_or_yaml
from gateway.model import MAX_ID
from gateway.scopes import is_known_scope

T = TypeVar("T")

_NUMBER: Final = re.compile(r"[+-]?[0-9.]+")


class WorkspaceError(Exception):
    """`problems` has a line for each wrong place, as `api_keys[2].scopes[0]: unknown scope "folder:read"`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _storable(text: str) -> str:
    # PostgreSQL refuses it. Lone surrogates, which both databases refuse, are no string to pydantic.
    if "\0" in text:
        raise PydanticCustomError("text", "has a character that cannot be stored")
    return text


def _key_value(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not (16 <= len(text) <= 100 and text.isprintable() and not any(map(str.isspace, text))):
        raise PydanticCustomError("key_value", "must be 16 to 100 printable characters without spaces")
    return value


def _known_scope(scope: str) -> str:
    if not is_known_scope(scope):
        raise PydanticCustomError("scope", "unknown scope {scope}", {"scope": json.dumps(scope)})
    return scope


def _written_time(value: object) -> object:
    # A number would be taken for seconds since 1970: 20270131 for a day of that year.
    if not isinstance(value, str | date) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        raise PydanticCustomError("time", "must be a time, as 2027-01-31T12:00:00Z")
    return value


def _in_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("time", "is out of range") from None


Name = Annotated[str, Field(min_length=1, max_length=400), AfterValidator(_storable)]
Number = Annotated[int, Field(gt=0, le=MAX_ID, strict=True)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class EnvironmentEntry(_Part):
    id: Number
    name: Name


class ProjectEntry(_Part):
    id: Number
    name: Name
    environments: list[EnvironmentEntry]


class MemberEntry(_Part):
    email: Name
    level: Literal["member", "admin", "owner"]


class OrganizationEntry(_Part):
    id: UUID
    name: Name
    members: list[MemberEntry] = []
    projects: list[ProjectEntry] = []


class UserEntry(_Part):
    email: Name
    name: Name
    is_active: StrictBool = True
    current_environment: Number | None = None


class KeyEntry(_Part):
    user: Name
    label: Name
    value: Annotated[SecretStr, AfterValidator(_key_value)] | None = None
    scopes: list[Annotated[str, AfterValidator(_known_scope)]]
    scoped_environments: list[Number] = []
    scoped_organizations: list[UUID] = []
    expires_at: Annotated[AwareDatetime, BeforeValidator(_written_time), AfterValidator(_in_utc)] | None = None


class Workspace(_Part):
    organizations: list[OrganizationEntry] = []
    users: list[UserEntry] = []
    api_keys: list[KeyEntry] = []


def parse_workspace(text: str) -> Workspace:
    """Reads JSON or YAML. Raises WorkspaceError."""
    try:
        document = read_json_or_yaml(text)
    except ValueError as error:
        raise WorkspaceError([f"the document: {error}"]) from None
    if not isinstance(document, dict):
        raise WorkspaceError(["the document: must be an object with organizations, users and api_keys"])
    try:
        workspace = Workspace.model_validate(document)
    except ValidationError as error:
        raise WorkspaceError([_line(detail) for detail in error.errors(include_input=False)]) from None
    problems = [*_duplicates(workspace), *_dangling(workspace), *_misplaced(workspace)]
    if problems:
        raise WorkspaceError(problems)
    return workspace


def _line(detail: ErrorDetails) -> str:
    place = ""
    for part in detail["loc"]:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else part
    message = detail["msg"]
    return f"{place}: {message[0].lower()}{message[1:]}"


def _duplicates(workspace: Workspace) -> Iterator[str]:
    seen: set[Hashable] = set()
    for place, identity, problem in _identities(workspace):
        if identity in seen:
            yield f"{place}: {problem}"
        seen.add(identity)


def _identities(workspace: Workspace) -> Iterator[tuple[str, Hashable, str]]:
    """Each place that must be the only one with its value, and what to say where it is not."""
    twice = "stands in the file twice"
    for place, organization in _indexed("organizations", workspace.organizations):
        yield f"{place}.id", organization.id, twice
        for at, member in _indexed(f"{place}.members", organization.members):
            yield f"{at}.email", (organization.id, member.email), "stands in the organization twice"
    for place, project, _ in _projects(workspace):
        yield f"{place}.id", ("project", project.id), twice
        for at, environment in _indexed(f"{place}.environments", project.environments):
            yield f"{at}.id", ("environment", environment.id), twice
    for place, user in _indexed("users", workspace.users):
        yield f"{place}.email", ("user", user.email), twice
    for place, key in _indexed("api_keys", workspace.api_keys):
        yield f"{place}.label", ("key", key.user, key.label), "the user has another key with this label"
        if key.value is not None:
            yield f"{place}.value", ("value", key.value.get_secret_value()), twice


def _dangling(workspace: Workspace) -> Iterator[str]:
    emails = {user.email for user in workspace.users}
    organizations = {organization.id for organization in workspace.organizations}
    environments = {entry.id for _, project, _ in _projects(workspace) for entry in project.environments}
    for place, organization in _indexed("organizations", workspace.organizations):
        for at, member in _indexed(f"{place}.members", organization.members):
            if member.email not in emails:
                yield f"{at}.email: no user {json.dumps(member.email)}"
    for place, user in _indexed("users", workspace.users):
        if user.current_environment is not None and user.current_environment not in environments:
            yield f"{place}.current_environment: no environment {user.current_environment}"
    for place, key in _indexed("api_keys", workspace.api_keys):
        if key.user not in emails:
            yield f"{place}.user: no user {json.dumps(key.user)}"
        for at, number in _indexed(f"{place}.scoped_environments", key.scoped_environments):
            if number not in environments:
                yield f"{at}: no environment {number}"
        for at, organization_id in _indexed(f"{place}.scoped_organizations", key.scoped_organizations):
            if organization_id not in organizations:
                yield f"{at}: no organization {organization_id}"


def _misplaced(workspace: Workspace) -> Iterator[str]:
    for place, project, _ in _projects(workspace):
        if all(environment.id != project.id for environment in project.environments):
            yield f"{place}.environments: the primary environment, with the project's own id {project.id}, is missing"


def _projects(workspace: Workspace) -> Iterator[tuple[str, ProjectEntry, OrganizationEntry]]:
    for place, organization in _indexed("organizations", workspace.organizations):
        for at, project in _indexed(f"{place}.projects", organization.projects):
            yield at, project, organization


def _indexed(place: str, entries: Sequence[T]) -> Iterator[tuple[str, T]]:
    for index, entry in enumerate(entries):
        yield f"{place}[{index}]", entry
