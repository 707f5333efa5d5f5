"""Folders, and environments with their projects: how they are selected, and made from rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, bindparam, select

from gateway.model import Environment, Folder, FolderType, Project, Surface
from gateway.storage.statements import any_of
from gateway.storage.tables import environments, folders, memberships, projects

ENVIRONMENT_COLUMNS: Final = (
    environments.c.id,
    environments.c.name,
    environments.c.project_id,
    projects.c.name.label("project_name"),
    projects.c.organization_id,
)
FOLDER_COLUMNS: Final = tuple(column for column in folders.c if column is not folders.c.user_id)
ENVIRONMENTS: Final = select(*ENVIRONMENT_COLUMNS).join_from(environments, projects)

SURFACES: Final = {each.value: each for each in Surface}
TYPES: Final = {each.value: each for each in FolderType}

# `tuple.__new__` takes the values as they are: a third of the time of the class's own.
new_folder: Callable[[tuple[Any, ...]], Folder] = partial(tuple.__new__, Folder)


def environments_by_number(dialect: str) -> Select[Any]:
    """Those of `numbers`."""
    return ENVIRONMENTS.where(any_of(environments.c.id, "numbers", dialect))


def environment_by_number() -> Select[Any]:
    """The one with `number`."""
    return ENVIRONMENTS.where(environments.c.id == bindparam("number"))


def first_environments(user_id: Any, most: Any) -> Select[Any]:
    """Those of the user's organizations with the lowest numbers."""
    # Joined, where `is_members` has a subquery: that would not know a user who stands further out.
    theirs = ENVIRONMENTS.join(memberships, memberships.c.organization_id == projects.c.organization_id)
    return theirs.where(memberships.c.user_id == user_id).order_by(environments.c.id).limit(most)


def is_members(user_id: Any) -> ColumnElement[bool]:
    """Whether a project is one of the user's organizations'."""
    theirs = select(memberships.c.organization_id).where(memberships.c.user_id == user_id)
    return projects.c.organization_id.in_(theirs)


def folders_in_places(dialect: str) -> Select[Any]:
    """Those of the user with `user_id`, in each of the environments `numbers` and on each of the `surfaces`."""
    # Looser than pairs of an environment and a surface, and faster for both databases.
    return select(*FOLDER_COLUMNS).where(
        folders.c.user_id == bindparam("user_id"),
        any_of(folders.c.environment_id, "numbers", dialect),
        any_of(folders.c.surface, "surfaces", dialect),
    )


def folders_in_place() -> Select[Any]:
    """Those of the user with `user_id`, in the environment `number` and on `surface`."""
    return select(*FOLDER_COLUMNS).where(
        folders.c.environment_id == bindparam("number"),
        folders.c.user_id == bindparam("user_id"),
        folders.c.surface == bindparam("surface"),
    )


def environment_from(values: Sequence[Any]) -> Environment:
    """From the ENVIRONMENT_COLUMNS, in their order."""
    number, name, project_id, project_name, organization_id = values
    return Environment(number, name, Project(project_id, project_name, organization_id))


def environment_of(row: Row[Any]) -> Environment:
    """From a row that has these columns among others."""
    return Environment(row.id, row.name, Project(row.project_id, row.project_name, row.organization_id))


def folder_from(values: Sequence[Any]) -> Folder:
    """From the FOLDER_COLUMNS, in their order."""
    environment_id, folder_id, surface, kind, protocol, path, created_at, updated_at = values
    return new_folder(
        (folder_id, environment_id, SURFACES[surface], TYPES[kind], protocol, path, created_at, updated_at)
    )


def folder_of(row: Row[Any], folder_id: UUID) -> Folder:
    """From a row that has a folder's columns; its id may stand there under another name."""
    return Folder(
        id=folder_id,
        environment_id=row.environment_id,
        surface=Surface(row.surface),
        type=FolderType(row.type),
        protocol=row.protocol,
        path=row.path,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
