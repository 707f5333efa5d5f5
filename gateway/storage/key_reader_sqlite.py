"""Keys on SQLite, with what was foreseen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Integer, Uuid, bindparam

from gateway.access import Caller
from gateway.storage.ahead import Forecast
from gateway.storage.connections import FetchNow
from gateway.storage.engine import Database
from gateway.storage.key_questions import Answer, Found, Question, numbers_of, reaches_all
from gateway.storage.key_records import KeyRecord, caller_from, valid_keys
from gateway.storage.records import (
    environment_from,
    environments_by_number,
    first_environments,
    folder_from,
    folders_in_places,
)
from gateway.storage.tables import api_keys


class SQLiteKeyReader:
    """One plain statement after the other: nothing goes over a wire, only a visit to another thread costs."""

    def __init__(self, database: Database) -> None:
        dialect = database.dialect
        self._database = database
        self._key = database.prepare(
            valid_keys(
                wanted=api_keys.c.hash == bindparam("hash"), now=bindparam("now", type_=BigInteger), dialect=dialect
            )
        )
        self._named = database.prepare(environments_by_number(dialect))
        self._first = database.prepare(
            first_environments(bindparam("user_id", type_=Uuid), bindparam("most", type_=Integer))
        )
        self._read_environment = self._named.reader()
        self._folders = database.prepare(folders_in_places(dialect))
        self._read_folder = self._folders.reader()

    async def read(self, questions: Sequence[Question]) -> Sequence[Found | None]:
        return await self._database.visit(lambda fetch: [self._answer(fetch, each) for each in questions])

    def _answer(self, fetch: FetchNow, question: Question) -> Found | None:
        answer = Answer()
        for used, told in fetch(self._key.text, self._key.arguments({"hash": question.key_hash, "now": question.now})):
            answer.key = KeyRecord(caller_from(question.key_hash, told), used)
            self._read_ahead(fetch, answer, answer.key.caller, question.forecast)
        return answer.found(question.forecast)

    def _read_ahead(self, fetch: FetchNow, answer: Answer, caller: Caller, forecast: Forecast) -> None:
        values: dict[str, Any]
        if forecast.page is None:
            environments, values = self._named, {"numbers": numbers_of(caller, forecast)}
            if not values["numbers"]:
                return
        elif reaches_all(caller):
            environments, values = self._first, {"user_id": caller.user_id, "most": forecast.page + 1}
        else:
            return
        for row in fetch(environments.text, environments.arguments(values)):
            environment = environment_from(self._read_environment(row))
            answer.environments[environment.id] = environment
        if forecast.surfaces:
            places = {
                "user_id": caller.user_id,
                "numbers": [*answer.environments],
                "surfaces": forecast.surfaces,
            }
            for row in fetch(self._folders.text, self._folders.arguments(places)):
                folder = folder_from(self._read_folder(row))
                answer.add(folder, folder.environment_id, folder.surface)
