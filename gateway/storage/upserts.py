"""Writes the upserts of several requests in one transaction: most of a transaction's cost is the wait for the disk.

They stay independent of each other: if one fails, the others do not notice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import ceil
from typing import Any, Final, NamedTuple, Protocol, TypeAlias
from uuid import UUID

from sqlalchemy import ColumnElement, Text, Uuid, bindparam, case, func, literal_column, select

from gateway.access import WriteGrant
from gateway.errors import Unavailable
from gateway.model import Folder, FolderType
from gateway.storage.engine import Database
from gateway.storage.failures import ConstraintViolated, StatementFailed, translated
from gateway.storage.records import FOLDER_COLUMNS, folder_from
from gateway.storage.statements import SQLITE, FetchNow, Prepared
from gateway.storage.tables import folders
from gateway.storage.unnested import arrays, quoted, unnested

UniqueKey: TypeAlias = tuple[UUID, int, str, str]
_UNIQUE_KEY: Final = ("user_id", "environment_id", "surface", "type")
_REST: Final = ("id", "protocol", "path", "created_at", "updated_at")


class Upsert(NamedTuple):
    """The folders to save at one place, as they will be if they are new; ordered by type, at most one of each."""

    grant: WriteGrant
    folders: Sequence[Folder]

    def unique_keys(self) -> list[UniqueKey]:
        user_id = self.grant.user_id
        return [(user_id, folder.environment_id, folder.surface, folder.type) for folder in self.folders]


Upserted: TypeAlias = Sequence[Folder] | Exception
"""The folders as they are now, in the same order; or why none of them was written, as for a `Gatherer`."""


class UpsertWriter(Protocol):
    async def write(self, upserts: Sequence[Upsert], lock_seconds: float) -> Sequence[Upserted]:
        """In their order. Raises as `Database.transaction` if nothing was written.

        Their exception is LockNotAvailable if they waited for a lock for `lock_seconds`; which of them it stood against
        is not known. On SQLite, which locks the whole database, there is no such limit.
        """


def upsert_writer(database: Database) -> UpsertWriter:
    return _SQLiteWriter(database) if database.dialect == SQLITE else _PostgreSQLWriter(database)


def later(now: Any) -> ColumnElement[int]:
    """`now`, or just after the last change if the clock stands still or runs back: each change gets its own time."""
    return case((now > folders.c.updated_at, now), else_=folders.c.updated_at + 1)


class _SQLiteWriter:
    """A statement for each upsert. One that violates a constraint undoes itself, and the transaction goes on."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements = [_of_so_many(database, count + 1) for count in range(len(FolderType))]
        self._read = self._statements[0].reader()

    async def write(self, upserts: Sequence[Upsert], _: float) -> Sequence[Upserted]:
        return await self._database.visit(lambda fetch: [self._write(fetch, each) for each in upserts], writes=True)

    def _write(self, fetch: FetchNow, upsert: Upsert) -> Upserted:
        statement = self._statements[len(upsert.folders) - 1]
        values: dict[str, Any] = {"user_id": upsert.grant.user_id}
        for i, folder in enumerate(upsert.folders):
            for name, value in zip(Folder._fields, folder, strict=True):
                values[f"{name}_of_{i}"] = value
        try:
            with translated(statement.text):
                rows = statement.run(fetch, **values)
        except ConstraintViolated as failure:
            return failure
        stored = {folder.type: folder for folder in map(folder_from, map(self._read, rows))}
        return [stored[folder.type] for folder in upsert.folders]


class _PostgreSQLWriter:
    """One statement for all upserts that are of different folders."""

    def __init__(self, database: Database) -> None:
        self._database = database
        columns = [folders.c[name] for name in (*_UNIQUE_KEY, *_REST)]
        new = unnested("new", **{column.name: column.type for column in columns})
        # The statement sets the limit for itself, without a round trip. A condition that depends on no row is evaluated
        # once, before the first row.
        milliseconds = bindparam("lock_milliseconds", type_=Text)
        limit = func.set_config(literal_column("'lock_timeout'"), milliseconds, literal_column("true"))
        limited = select(new).where(select(limit).scalar_subquery().is_not(None))
        insert = database.insert(folders).from_select(columns, limited)
        self._statement = database.prepare(_upsert(insert, folders.c.user_id))

    async def write(self, upserts: Sequence[Upsert], lock_seconds: float) -> Sequence[Upserted]:
        upserted: list[Upserted] = []
        runs = deque(_runs_of_different_folders(upserts))
        while runs:
            together = runs.popleft()
            try:
                upserted += await self._write(together, lock_seconds)
            except StatementFailed as failure:
                if len(together) == 1:
                    upserted.append(failure)
                else:
                    runs.extendleft([each] for each in reversed(together))
            except Unavailable as failure:
                # The rest would wait as long for the same answer. What was written before stays.
                upserted += [type(failure)() for _ in upserts[len(upserted) :]]
                break
        return upserted

    async def _write(self, upserts: Sequence[Upsert], lock_seconds: float) -> Sequence[Upserted]:
        # In the same order in every transaction: two of them never wait for each other's rows.
        rows = sorted(
            (*key, folder.id, quoted(folder.protocol), quoted(folder.path), folder.created_at, folder.updated_at)
            for upsert in upserts
            for key, folder in zip(upsert.unique_keys(), upsert.folders, strict=True)
        )
        values = arrays("new", (*_UNIQUE_KEY, *_REST), rows)
        values["lock_milliseconds"] = str(ceil(lock_seconds * 1000))
        stored: dict[UniqueKey, Folder] = {}
        for *columns, user_id in await self._database.write(self._statement, **values):
            folder = folder_from(columns)
            stored[user_id, folder.environment_id, folder.surface, folder.type] = folder
        return [[stored[key] for key in upsert.unique_keys()] for upsert in upserts]


def _runs_of_different_folders(upserts: Sequence[Upsert]) -> Sequence[Sequence[Upsert]]:
    """A statement can change a row only once. And it goes by place and type: another upsert's would come in between."""
    runs: list[list[Upsert]] = [[]]
    seen: set[UniqueKey] = set()
    # Whether an upsert has several folders there, on which surface of which environment.
    several: dict[tuple[UUID, int, str], bool] = {}
    for upsert in upserts:
        keys = upsert.unique_keys()
        where, has_several = keys[0][:3], len(keys) > 1
        if not seen.isdisjoint(keys) or (where in several and (has_several or several[where])):
            runs.append([])
            seen.clear()
            several.clear()
        runs[-1].append(upsert)
        seen.update(keys)
        several[where] = has_several
    return runs


def _of_so_many(database: Database, count: int) -> Prepared:
    """Of one user."""
    values = [
        {
            "user_id": bindparam("user_id", type_=Uuid),
            **{name: bindparam(f"{name}_of_{i}", type_=folders.c[name].type) for name in Folder._fields},
        }
        for i in range(count)
    ]
    return database.prepare(_upsert(database.insert(folders).values(values)))


def _upsert(insert: Any, *more_columns: ColumnElement[Any]) -> Any:
    """That returns the FOLDER_COLUMNS, and more."""
    return insert.on_conflict_do_update(
        index_elements=[folders.c[name] for name in _UNIQUE_KEY],
        set_={
            "protocol": insert.excluded.protocol,
            "path": insert.excluded.path,
            "updated_at": later(insert.excluded.updated_at),
        },
    ).returning(*FOLDER_COLUMNS, *more_columns)
