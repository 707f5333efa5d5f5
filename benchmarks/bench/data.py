"""The data of the benchmarks: 300,000 folders of 5,000 users, written through the service's own tables.

Each user has one folder more, in an environment of an organization that they are no member of: no server may show it.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import uuid_utils.compat
from sqlalchemy import Table, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.keys import hash_key, mask_key
from gateway.model import DEFAULT_PROTOCOL, FolderType, Surface
from gateway.storage.engine import POSTGRESQL, Database, DatabaseConfig
from gateway.storage.migrations import migrate
from gateway.storage.tables import api_keys, environments, folders, memberships, organizations, projects, users

ORGANIZATIONS: Final = 100
USERS_OF_EACH: Final = 50
ENVIRONMENTS_OF_EACH: Final = 10
USERS: Final = ORGANIZATIONS * USERS_OF_EACH
FOLDERS: Final = USERS * ENVIRONMENTS_OF_EACH * len(Surface) * len(FolderType)
# Two environments in each project.
_PROJECT_SIZE: Final = 2
# In microseconds.
_YEAR: Final = 365 * 86_400_000_000
_UNCHANGED: Final = 2 / 3


class User(NamedTuple):
    number: int

    @property
    def key(self) -> str:
        return f"phx_bench_{self.number:030d}"

    @property
    def organization(self) -> int:
        return self.number // USERS_OF_EACH

    @property
    def environments(self) -> range:
        """Their numbers."""
        return _environments_of(self.organization)

    @property
    def foreign_environment(self) -> int:
        """One of another organization."""
        return _environments_of((self.organization + 1) % ORGANIZATIONS)[0]


def _environments_of(organization: int) -> range:
    first = organization * ENVIRONMENTS_OF_EACH + 1
    return range(first, first + ENVIRONMENTS_OF_EACH)


async def load(url: str) -> None:
    """Migrates an empty database and fills it."""
    database = Database(DatabaseConfig(url=url))
    try:
        await migrate(database)
        async with database.unhurried() as patient:
            await patient.transaction(lambda connection: _fill(connection, patient.dialect))
    finally:
        await database.close()


async def _fill(connection: AsyncConnection, dialect: str) -> None:
    # What is there from the start is no change, and nobody follows it.
    triggers: Sequence[Any] = ()
    if dialect == POSTGRESQL:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
    else:
        triggers = (await connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))).all()
        for trigger in triggers:
            await connection.execute(text(f"DROP TRIGGER {trigger.name}"))
    for table, rows in _tables():
        if dialect == POSTGRESQL:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            records = [tuple(_copied(value) for value in row.values()) for row in rows]
            await driver.copy_records_to_table(table.name, columns=list(rows[0]), records=records)
        else:
            await connection.execute(insert(table), rows)
    for trigger in triggers:
        await connection.exec_driver_sql(trigger.sql)
    await connection.execute(text("ANALYZE"))


def _times(chance: random.Random, now: int) -> dict[str, int]:
    """Some time in the last year; two of three folders were never changed since."""
    created = now - chance.randrange(_YEAR)
    changed = created if chance.random() < _UNCHANGED else chance.randrange(created, now)
    return {"created_at": created, "updated_at": changed}


def _copied(value: Any) -> Any:
    """COPY takes JSON as text."""
    return json.dumps(value) if isinstance(value, list) else value


def _tables() -> Iterator[tuple[Table, list[dict[str, Any]]]]:
    now = time.time_ns() // 1000
    chance = random.Random(1)  # noqa: S311  # the same data each time
    organization_ids = [uuid_utils.compat.uuid7() for _ in range(ORGANIZATIONS)]
    user_ids = [uuid_utils.compat.uuid7() for _ in range(USERS)]
    everyone = [User(number) for number in range(USERS)]

    yield organizations, [{"id": each, "name": f"Organization {n}"} for n, each in enumerate(organization_ids)]
    places = [(n, number) for n in range(ORGANIZATIONS) for number in _environments_of(n)]
    yield (
        projects,
        [
            {"id": number, "organization_id": organization_ids[n], "name": f"Project {number}"}
            for n, number in places
            if number % _PROJECT_SIZE == 1
        ],
    )
    yield (
        environments,
        [
            {"id": number, "project_id": number - (number - 1) % _PROJECT_SIZE, "name": f"Environment {number}"}
            for _, number in places
        ],
    )
    yield (
        users,
        [
            {
                "id": user_ids[user.number],
                "email": f"user{user.number}@bench.test",
                "name": f"User {user.number}",
                "is_active": True,
                "current_environment_id": user.environments[0],
            }
            for user in everyone
        ],
    )
    yield (
        memberships,
        [
            {
                "user_id": user_ids[user.number],
                "organization_id": organization_ids[user.organization],
                "level": "member",
            }
            for user in everyone
        ],
    )
    yield (
        api_keys,
        [
            {
                "id": uuid_utils.compat.uuid7(),
                "user_id": user_ids[user.number],
                "label": "bench",
                "hash": hash_key(user.key),
                "mask": mask_key(user.key),
                "scopes": ["*"],
                "scoped_environments": [],
                "scoped_organizations": [],
                "created_at": now,
                # The service writes it at most once an hour, which no round should hit.
                "last_used_at": now,
            }
            for user in everyone
        ],
    )
    rows = [
        {
            "environment_id": number,
            "id": uuid_utils.compat.uuid7(),
            "user_id": user_ids[user.number],
            "surface": surface.value,
            "type": folder_type.value,
            "protocol": DEFAULT_PROTOCOL,
            "path": f"Growth/Team {user.number}/{folder_type.value}",
            **_times(chance, now),
        }
        for user in everyone
        for number in user.environments
        for surface in Surface
        for folder_type in FolderType
    ]
    rows += [
        {
            **rows[0],
            "environment_id": user.foreign_environment,
            "id": uuid_utils.compat.uuid7(),
            "user_id": user_ids[user.number],
        }
        for user in everyone
    ]
    # As they come in from many users over time.
    chance.shuffle(rows)
    yield folders, rows
