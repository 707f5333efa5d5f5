"""Looks up keys on SQLite, together with what their forecasts say."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import BigInteger, Integer, Uuid, bindparam

from gateway.access import Caller
from gateway.model import Surface
from gateway.storage.ahead import Forecast
from gateway.storage.engine import Database
from gateway.storage.key_questions import Answer, Found, Question, numbers_of, reaches_all
from gateway.storage.key_records import KeyRecord, caller_from, valid_keys
from gateway.storage.records import (
    environment_by_number,
    environment_from,
    environments_by_number,
    first_environments,
    folder_from,
    folders_in_place,
    folders_in_places,
)
from gateway.storage.statements import DriverRow, FetchNow
from gateway.storage.tables import api_keys


class SQLiteKeyReader:
    """Runs plain statements one after the other: there are no round trips, only the visit to the thread costs."""

    def __init__(self, database: Database) -> None:
        dialect = database.dialect
        self._database = database
        self._key = database.prepare(
            valid_keys(
                wanted=api_keys.c.hash == bindparam("hash"), now=bindparam("now", type_=BigInteger), dialect=dialect
            )
        )
        # Of one place without a list of values, for which SQLite makes a table each time: a third of the time.
        self._environment = database.prepare(environment_by_number())
        self._environments = database.prepare(environments_by_number(dialect))
        self._first_environments = database.prepare(
            first_environments(bindparam("user_id", type_=Uuid), bindparam("most", type_=Integer))
        )
        self._read_environment = self._environment.reader()
        self._folders_in_place = database.prepare(folders_in_place())
        self._folders_in_places = database.prepare(folders_in_places(dialect))
        self._read_folder = self._folders_in_place.reader()

    async def read(self, questions: Sequence[Question]) -> Sequence[Found | None]:
        return await self._database.visit(lambda fetch: [self._answer(fetch, each) for each in questions])

    def _answer(self, fetch: FetchNow, question: Question) -> Found | None:
        answer = Answer()
        for used, told in self._key.run(fetch, hash=question.key_hash, now=question.now):
            answer.key = KeyRecord(caller_from(question.key_hash, told), used)
            self._read_ahead(fetch, answer, answer.key.caller, question.forecast)
        return answer.found(question.forecast)

    def _read_ahead(self, fetch: FetchNow, answer: Answer, caller: Caller, forecast: Forecast) -> None:
        if forecast.page is None:
            numbers = numbers_of(caller, forecast)
            if not numbers:
                return
            rows = self._environments_with(fetch, numbers)
        elif reaches_all(caller):
            rows = self._first_environments.run(fetch, user_id=caller.user_id, most=forecast.page + 1)
        else:
            return
        for row in rows:
            environment = environment_from(self._read_environment(row))
            answer.environments[environment.id] = environment
        numbers, surfaces = [*answer.environments], forecast.surfaces
        if numbers and surfaces:
            for row in self._folders_in(fetch, caller.user_id, numbers, surfaces):
                folder = folder_from(self._read_folder(row))
                answer.place(folder.environment_id, folder.surface).append(folder)

    def _environments_with(self, fetch: FetchNow, numbers: Sequence[int]) -> Sequence[DriverRow]:
        if len(numbers) == 1:
            return self._environment.run(fetch, number=numbers[0])
        return self._environments.run(fetch, numbers=numbers)

    def _folders_in(
        self, fetch: FetchNow, user_id: UUID, numbers: Sequence[int], surfaces: Sequence[Surface]
    ) -> Sequence[DriverRow]:
        if len(numbers) == 1 == len(surfaces):
            return self._folders_in_place.run(fetch, user_id=user_id, number=numbers[0], surface=surfaces[0].value)
        return self._folders_in_places.run(fetch, user_id=user_id, numbers=numbers, surfaces=surfaces)
