"""Looks up keys on PostgreSQL, together with what their forecasts say."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from gateway.model import Environment, Folder, Project, Surface
from gateway.storage.ahead import Forecast
from gateway.storage.engine import Database
from gateway.storage.key_questions import Answer, Found, Question
from gateway.storage.key_records import KeyRecord, caller_from
from gateway.storage.key_statements_postgresql import (
    CURRENT,
    ENVIRONMENT,
    FOLDER,
    StatementForMany,
    StatementForOne,
)
from gateway.storage.records import SURFACES, TYPES, new_folder
from gateway.storage.statements import DriverRow, Prepared
from gateway.storage.unnested import arrays


class PostgreSQLKeyReader:
    """One statement for all questions, with a row for each key, each environment and each folder."""

    def __init__(self, database: Database, *, with_folders: bool) -> None:
        self._database = database
        self._with_folders = with_folders

        def for_one(has_current: bool) -> Prepared:
            statement = StatementForOne(database.dialect, with_current=has_current, with_folders=with_folders)
            return database.prepare(statement.whole())

        def for_many(has_current: bool, has_pages: bool) -> Prepared:
            statement = StatementForMany(
                database.dialect, with_current=has_current, with_pages=has_pages, with_folders=with_folders
            )
            return database.prepare(statement.whole())

        # Who asks for no current environment, or for no page, does not pay for it.
        self._for_one = cache(for_one)
        self._for_many = cache(for_many)

    async def read(self, questions: Sequence[Question]) -> Sequence[Found | None]:
        if len(questions) == 1 and _is_of_one_place(questions[0].forecast):
            rows = await self._read_one(questions[0])
        else:
            rows = await self._read_many(questions)
        answers = [Answer() for _ in questions]
        # Rows of one place mostly follow one another.
        last, surface, place = (-1, 0, ""), Surface.WEB, list[Folder]()
        for n, kind, number, id_, text, text2, text3, text4, time, time2 in rows:
            if kind == FOLDER:
                if (n, number, text) != last:
                    last, surface = (n, number, text), SURFACES[text]
                    place = answers[n].place(number, surface)
                place.append(new_folder((id_, number, surface, TYPES[text2], text3, text4, time, time2)))
            elif kind == ENVIRONMENT:
                answers[n].environments[number] = Environment(number, text, Project(time, text2, id_))
            else:
                answers[n].key = KeyRecord(caller_from(questions[n].key_hash, text), time)
        return [answer.found(each.forecast) for answer, each in zip(answers, questions, strict=True)]

    async def _read_one(self, question: Question) -> Sequence[DriverRow]:
        key_hash, now, forecast = question
        numbers = _numbers(forecast)
        values: dict[str, object] = {"hash": key_hash, "now": now, "number": numbers[0] if numbers else None}
        if self._with_folders:
            values["surface"] = forecast.surfaces[0]
        return await self._database.read(self._for_one(forecast.current is not None), **values)

    async def _read_many(self, questions: Sequence[Question]) -> Sequence[DriverRow]:
        places: list[tuple[int, int]] = []
        lists: list[tuple[int, int, str]] = []
        pages: list[tuple[int, int]] = []
        page_lists: list[tuple[int, str]] = []
        has_current = False
        for n, (_, _, forecast) in enumerate(questions):
            has_current |= forecast.current is not None
            if forecast.page is not None:
                pages.append((n, forecast.page + 1))
                page_lists += [(n, surface) for surface in forecast.surfaces]
            for number in _numbers(forecast):
                places.append((n, number))
                lists += [(n, number, surface) for surface in forecast.surfaces]
        asked = [(n, each[0], each[1]) for n, each in enumerate(questions)]
        values = arrays("asked", ("n", "hash", "now"), asked) | arrays("places", ("n", "number"), places)
        if self._with_folders:
            values |= arrays("lists", ("n", "number", "surface"), lists)
        if pages:
            values |= arrays("pages", ("n", "most"), pages) | arrays("page_lists", ("n", "surface"), page_lists)
        return await self._database.read(self._for_many(has_current, bool(pages)), **values)


def _numbers(forecast: Forecast) -> Sequence[int]:
    return forecast.environments if forecast.current is None else (CURRENT[forecast.current],)


def _is_of_one_place(forecast: Forecast) -> bool:
    return forecast.page is None and len(forecast.environments) <= 1 and len(forecast.surfaces) <= 1
