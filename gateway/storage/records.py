"""From rows to records: of folders, and of environments with their projects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from gateway.model import Environment, Folder, FolderType, Project, Surface
from gateway.storage.tables import environments, folders, projects

ENVIRONMENT_COLUMNS: Final = (
    environments.c.id,
    environments.c.name,
    environments.c.project_id,
    projects.c.name.label("project_name"),
    projects.c.organization_id,
)
FOLDER_COLUMNS: Final = tuple(column for column in folders.c if column is not folders.c.user_id)

_SURFACES: Final = {each.value: each for each in Surface}
_TYPES: Final = {each.value: each for each in FolderType}


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
    return Folder(folder_id, environment_id, _SURFACES[surface], _TYPES[kind], protocol, path, created_at, updated_at)


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
