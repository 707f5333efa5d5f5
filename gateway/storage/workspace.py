"""Writes a checked workspace file to the database: all of it or nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import uuid_utils.compat
from sqlalchemy import Table, and_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.keys import generate_key, hash_key, mask_key
from gateway.model import to_timestamp
from gateway.storage.engine import POSTGRESQL, Database
from gateway.storage.failures import ConstraintViolated
from gateway.storage.statements import any_of
from gateway.storage.tables import api_keys, environments, memberships, organizations, projects, users
from gateway.workspace import Workspace, WorkspaceError

# Serializes loads on PostgreSQL; SQLite has one writer anyway.
_LOCK = 0x6C6F616477730A


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key whose value was made here: this is the one time that it can be shown."""

    id: UUID
    user: str
    label: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LoadReport:
    created: int
    updated: int
    made_keys: tuple[MadeKey, ...]


async def load_workspace(database: Database, workspace: Workspace, now: int) -> LoadReport:
    """Creates and updates what the file names, and leaves alone what it does not. Raises WorkspaceError.

    A key keeps its value and its revocation: a file cannot bring back what was rolled or revoked.
    """

    async def work(connection: AsyncConnection) -> LoadReport:
        if database.dialect == POSTGRESQL:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        load = _Load(connection, now)
        await load.run(workspace)
        if load.problems:
            raise WorkspaceError(load.problems)
        return LoadReport(load.created, load.updated, tuple(load.made_keys))

    # Others may be loading, and a large file takes its time.
    async with database.unhurried() as patient:
        try:
            return await patient.transaction(work)
        except ConstraintViolated as error:
            if not error.is_unique:
                raise
            # A key was made meanwhile, which is known now.
            return await patient.transaction(work)


class _Load:
    def __init__(self, connection: AsyncConnection, now: int) -> None:
        self._connection = connection
        self._now = now
        self.created = 0
        self.updated = 0
        self.made_keys: list[MadeKey] = []
        self.problems: list[str] = []

    async def run(self, workspace: Workspace) -> None:
        await self._places(workspace)
        if self.problems:
            return
        user_ids = await self._users(workspace)
        await self._write(
            memberships,
            ("user_id", "organization_id"),
            [
                {"user_id": user_ids[member.email], "organization_id": organization.id, "level": member.level}
                for organization in workspace.organizations
                for member in organization.members
            ],
        )
        await self._keys(workspace, user_ids)

    async def _places(self, workspace: Workspace) -> None:
        at = {
            (organization_index, project_index): f"organizations[{organization_index}].projects[{project_index}]"
            for organization_index, organization in enumerate(workspace.organizations)
            for project_index, _ in enumerate(organization.projects)
        }
        project_homes = {row.id: row.organization_id for row in await self._connection.execute(select(projects))}
        environment_homes = {row.id: row.project_id for row in await self._connection.execute(select(environments))}
        for (organization_index, project_index), place in at.items():
            organization = workspace.organizations[organization_index]
            project = organization.projects[project_index]
            if project_homes.get(project.id, organization.id) != organization.id:
                self.problems.append(f"{place}.id: project {project.id} belongs to another organization")
            for index, environment in enumerate(project.environments):
                if environment_homes.get(environment.id, project.id) != project.id:
                    self.problems.append(
                        f"{place}.environments[{index}].id: environment {environment.id} belongs to another project"
                    )
        if self.problems:
            return
        await self._write(
            organizations, ("id",), [{"id": entry.id, "name": entry.name} for entry in workspace.organizations]
        )
        await self._write(
            projects,
            ("id",),
            [
                {"id": project.id, "organization_id": organization.id, "name": project.name}
                for organization in workspace.organizations
                for project in organization.projects
            ],
        )
        await self._write(
            environments,
            ("id",),
            [
                {"id": environment.id, "project_id": project.id, "name": environment.name}
                for organization in workspace.organizations
                for project in organization.projects
                for environment in project.environments
            ],
        )

    async def _users(self, workspace: Workspace) -> dict[str, UUID]:
        emails = [user.email for user in workspace.users]
        named = any_of(users.c.email, "emails", self._connection.dialect.name)
        rows = await self._connection.execute(select(users.c.email, users.c.id).where(named), {"emails": emails})
        known = {row.email: row.id for row in rows}
        ids = {email: known.get(email) or uuid_utils.compat.uuid7() for email in emails}
        await self._write(
            users,
            ("id",),
            [
                {
                    "id": ids[user.email],
                    "email": user.email,
                    "name": user.name,
                    "is_active": user.is_active,
                    "current_environment_id": user.current_environment,
                }
                for user in workspace.users
            ],
        )
        return ids

    async def _keys(self, workspace: Workspace, user_ids: Mapping[str, UUID]) -> None:
        rows = await self._connection.execute(select(api_keys))
        stored = {(row.user_id, row.label): row for row in rows}
        owners = {row.hash: (row.user_id, row.label) for row in stored.values()}
        for index, entry in enumerate(workspace.api_keys):
            owner = (user_ids[entry.user], entry.label)
            known = stored.get(owner)
            given = entry.value.get_secret_value() if entry.value else None
            if given is not None and owners.get(hash_key(given), owner) != owner:
                self.problems.append(f"api_keys[{index}].value: another key has this value")
                continue
            if given is not None and known is not None and known.hash != hash_key(given):
                self.problems.append(
                    f"api_keys[{index}].value: the key {json.dumps(entry.label)} has another value; "
                    "leave it out here, or change it with `gateway keys roll`"
                )
                continue
            limits = {
                "scopes": sorted(set(entry.scopes)),
                "scoped_environments": sorted(set(entry.scoped_environments)),
                "scoped_organizations": sorted(set(map(str, entry.scoped_organizations))),
                "expires_at": to_timestamp(entry.expires_at) if entry.expires_at else None,
            }
            if known is not None:
                await self._write(api_keys, ("id",), [{"id": known.id, **limits}])
                continue
            key_id = uuid_utils.compat.uuid7()
            value = given or generate_key()
            if given is None:
                self.made_keys.append(MadeKey(key_id, entry.user, entry.label, value))
            row = {
                "id": key_id,
                "user_id": owner[0],
                "label": entry.label,
                "hash": hash_key(value),
                "mask": mask_key(value),
                "created_at": self._now,
                **limits,
            }
            await self._write(api_keys, ("id",), [row])

    async def _write(self, table: Table, key: tuple[str, ...], rows: Iterable[dict[str, Any]]) -> None:
        """Inserts or updates each row, and counts what really changed."""
        for row in rows:
            here = and_(*(table.c[name] == row[name] for name in key))
            found = (await self._connection.execute(select(table).where(here))).mappings().first()
            if found is None:
                await self._connection.execute(table.insert().values(row))
                self.created += 1
            elif changed := {name: value for name, value in row.items() if found[name] != value}:
                await self._connection.execute(update(table).where(here).values(changed))
                self.updated += 1
