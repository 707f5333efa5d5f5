"""Random operations over both transports, against the service and a plain dictionary: no difference."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

from aiohttp import ClientSession
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.storage.engine import Database
from tests.drivers import SURFACES, Answer, Driver, Folder, GraphQLDriver, Place, RestDriver, Surface, execute
from tests.keys import ADA, GRACE
from tests.patience import PATIENCE_SECONDS

T = TypeVar("T")

_SETTINGS: Final = settings(
    max_examples=30,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
_TYPES: Final = ("custom_products", "home", "pinned")
_PAGES: Final = """
query ($first: Int, $after: String, $last: Int, $before: String) { viewer {
  persistedFolders(first: $first, after: $after, last: $last, before: $before) {
    nodes { uuid } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount } } }"""

users = st.sampled_from([ADA, GRACE])
environments = st.sampled_from([1, 2, 3])
surfaces = st.sampled_from(SURFACES)
types = st.sampled_from(_TYPES)
paths = st.one_of(
    st.sampled_from(["", "  ", " a/b ", "x" * 4096, "x" * 4097, "a\0b", "\U0001f600", "\ud800", "\u2028"]),
    st.text(max_size=8),
)
protocols = st.one_of(
    st.sampled_from(["products://", "", "\u3000", " p:// ", "x" * 64, "x" * 65, " " + "x" * 64 + " ", "\0", "p\udfff"]),
    st.text(max_size=8),
)
texts = st.fixed_dictionaries({}, optional={"protocol": protocols, "path": paths})


class Slot(NamedTuple):
    """What a folder is the only one of."""

    user: str
    environment: int
    surface: Surface
    type: str


class FolderMachine(RuleBasedStateMachine):
    """The loop that serves runs in another thread than the rules."""

    def __init__(self, client: ClientSession, database: Database, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.client = client
        self.database = database
        self.loop = loop
        self.rest = RestDriver(client)
        self.graphql = GraphQLDriver(client)
        self.rows: dict[Slot, Folder] = {}
        # Every id that there ever was, and one that never was.
        self.ids = ["00000000-0000-7000-8000-000000000000"]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=PATIENCE_SECONDS)

    @initialize()
    def empty(self) -> None:
        async def work(connection: AsyncConnection) -> None:
            await connection.execute(text("DELETE FROM persisted_folders"))

        self.run(self.database.transaction(work))

    def driver(self, environment: int, surface: Surface, prefers_rest: bool) -> tuple[Driver, Place]:
        """REST where it is wanted and has a route; the place by project where it is a primary environment."""
        kind = "environment" if environment == 3 or (not prefers_rest and surface == "web") else "project"
        if prefers_rest and not (kind == "environment" and surface == "desktop"):
            return self.rest, Place(kind, str(environment))
        return self.graphql, Place(kind, str(environment))

    @rule(user=users, environment=environments, surface=surfaces, type_=types, fields=texts, rest=st.booleans())
    def save(
        self, user: str, environment: int, surface: Surface, type_: str, fields: dict[str, str], rest: bool
    ) -> None:
        driver, place = self.driver(environment, surface, rest)
        slot = Slot(user, environment, surface, type_)
        if driver is self.graphql:
            answer, created = self.run(self.graphql.upsert_and_tell(user, place, surface, {"type": type_, **fields}))
            assert created == (answer.status == 200 and slot not in self.rows)
        else:
            answer = self.run(driver.upsert(user, place, surface, {"type": type_, **fields}))
        if (problem := _problem(fields)) is not None:
            assert _told(answer) == problem
            return
        self.stored(slot, answer.folder, {"protocol": "products://", "path": "", **fields})

    @rule(
        user=users,
        environment=environments,
        surface=surfaces,
        drafts=st.lists(st.tuples(types, texts), max_size=4),
    )
    def save_all(self, user: str, environment: int, surface: Surface, drafts: list[tuple[str, dict[str, str]]]) -> None:
        place = Place("environment", str(environment))
        folders = [{"type": type_, **fields} for type_, fields in drafts]
        answer = self.run(self.graphql.upsert_all(user, place, surface, folders))
        seen: set[str] = set()
        for type_, fields in drafts:
            problem = _problem(fields) or ((409, "conflict", "type") if type_ in seen else None)
            seen.add(type_)
            if problem is not None:
                assert _told(answer) == problem
                return
        for (type_, fields), folder in zip(drafts, answer.folders, strict=True):
            values = {"protocol": "products://", "path": "", **fields}
            self.stored(Slot(user, environment, surface, type_), folder, values)

    @rule(
        user=users,
        environment=environments,
        surface=surfaces,
        pick=st.integers(0, 200),
        fields=texts,
        type_=st.none() | types,
        how=st.sampled_from(["patch", "put", "graphql"]),
    )
    def change(
        self,
        user: str,
        environment: int,
        surface: Surface,
        pick: int,
        fields: dict[str, str],
        type_: str | None,
        how: str,
    ) -> None:
        driver, place = self.driver(environment, surface, how != "graphql")
        folder_id = self.pick(user, environment, surface, pick)
        values = fields if type_ is None else {"type": type_, **fields}
        if how == "put" and driver is self.rest:
            answer = self.run(self.rest.replace(user, place, surface, folder_id, values))
            missing = (400, "required", "type") if type_ is None else None
        else:
            answer = self.run(driver.update(user, place, surface, folder_id, values))
            missing = None
        slot = self.find(user, environment, surface, folder_id)
        if slot is None:
            assert _told(answer) == (404, "not_found", None)
            return
        target = slot if type_ is None else slot._replace(type=type_)
        taken = (409, "conflict", "type") if target != slot and target in self.rows else None
        if (problem := missing or _problem(fields) or taken) is not None:
            assert _told(answer) == problem
            return
        before = self.rows.pop(slot)
        self.rows[target] = replace(before, type=target.type)
        self.stored(target, answer.folder, {"protocol": before.protocol, "path": before.path, **fields})

    @rule(user=users, environment=environments, surface=surfaces, pick=st.integers(0, 200), rest=st.booleans())
    def delete(self, user: str, environment: int, surface: Surface, pick: int, rest: bool) -> None:
        driver, place = self.driver(environment, surface, rest)
        folder_id = self.pick(user, environment, surface, pick)
        answer = self.run(driver.delete(user, place, surface, folder_id))
        slot = self.find(user, environment, surface, folder_id)
        if slot is None:
            assert _told(answer) == (404, "not_found", None)
        else:
            assert answer == Answer(200)
            del self.rows[slot]

    @rule(user=users, environment=environments, surface=surfaces, pick=st.integers(0, 200), rest=st.booleans())
    def retrieve(self, user: str, environment: int, surface: Surface, pick: int, rest: bool) -> None:
        driver, place = self.driver(environment, surface, rest)
        folder_id = self.pick(user, environment, surface, pick)
        answer = self.run(driver.retrieve(user, place, surface, folder_id))
        slot = self.find(user, environment, surface, folder_id)
        if slot is None:
            assert _told(answer) == (404, "not_found", None)
        else:
            assert answer.folder == self.rows[slot]

    @rule(user=users, environment=environments, surface=surfaces, rest=st.booleans())
    def list_place(self, user: str, environment: int, surface: Surface, rest: bool) -> None:
        driver, place = self.driver(environment, surface, rest)
        answer = self.run(driver.list(user, place, surface))
        mine = [slot for slot in self.rows if slot[:3] == (user, environment, surface)]
        assert list(answer.folders) == [self.rows[slot] for slot in sorted(mine)]

    @rule(user=users, size=st.integers(1, 4), backward=st.booleans())
    def walk(self, user: str, size: int, backward: bool) -> None:
        """All pages of the user's folders, one after the other."""
        everything = [self.rows[slot].id for slot in sorted(self.rows) if slot.user == user]
        found: list[str] = []
        cursor = None
        for _ in range(len(everything) + 1):
            arguments = {"last": size, "before": cursor} if backward else {"first": size, "after": cursor}
            page = self.run(execute(self.client, _PAGES, user, arguments))["data"]["viewer"]["persistedFolders"]
            ids = [node["uuid"] for node in page["nodes"]]
            found = ids + found if backward else found + ids
            info = page["pageInfo"]
            assert page["totalCount"] == len(everything)
            assert info["hasPreviousPage" if backward else "hasNextPage"] == (len(found) < len(everything))
            assert info["hasNextPage" if backward else "hasPreviousPage"] == (cursor is not None)
            cursor = info["startCursor" if backward else "endCursor"]
            if not info["hasPreviousPage" if backward else "hasNextPage"]:
                break
        assert found == everything

    def pick(self, user: str, environment: int, surface: Surface, number: int) -> str:
        """Mostly a folder that is there, else any id."""
        here = [folder.id for slot, folder in sorted(self.rows.items()) if slot[:3] == (user, environment, surface)]
        candidates = here or self.ids if number % 4 else self.ids
        return candidates[number % len(candidates)]

    def find(self, user: str, environment: int, surface: Surface, folder_id: str) -> Slot | None:
        here = (user, environment, surface)
        return next((slot for slot, row in self.rows.items() if row.id == folder_id and slot[:3] == here), None)

    def stored(self, slot: Slot, folder: Folder, fields: dict[str, str]) -> None:
        """Compares what came back with what must be there now, and keeps it."""
        before = self.rows.get(slot)
        assert (folder.type, folder.protocol, folder.path) == (
            slot.type,
            fields["protocol"].strip(),
            fields["path"].strip(),
        )
        if before is None:
            assert folder.id not in self.ids
            assert UUID(folder.id).version == 7
            assert folder.created_at == folder.updated_at
            self.ids.append(folder.id)
        else:
            assert (folder.id, folder.created_at) == (before.id, before.created_at)
            assert folder.updated_at > before.updated_at
        self.rows[slot] = folder


def _problem(fields: dict[str, str]) -> tuple[int, str, str] | None:
    """The first that is wrong, in the order protocol, path."""
    for name, longest in (("protocol", 64), ("path", 4096)):
        value = fields.get(name, "ok").strip()
        if not value and name == "protocol":
            return 400, "blank", name
        if len(value) > longest:
            return 400, "max_length", name
        if "\0" in value:
            return 400, "null_characters_not_allowed", name
        if any("\ud800" <= character <= "\udfff" for character in value):
            return 400, "surrogate_characters_not_allowed", name
    return None


def _told(answer: Answer) -> tuple[int, str | None, str | None]:
    return answer.status, answer.code, answer.attr


async def test_random_operations(client: ClientSession, database: Database) -> None:
    loop = asyncio.get_running_loop()
    await asyncio.to_thread(
        run_state_machine_as_test, lambda: FolderMachine(client, database, loop), settings=_SETTINGS
    )
