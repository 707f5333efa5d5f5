"""Looks up keys for requests, together with what their forecasts say."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Collection

from sqlalchemy import BigInteger, bindparam

from gateway.model import Timestamp
from gateway.storage.ahead import Forecast
from gateway.storage.engine import Database
from gateway.storage.gathering import Gatherer
from gateway.storage.key_questions import Found, Question
from gateway.storage.key_reader_postgresql import PostgreSQLKeyReader
from gateway.storage.key_reader_sqlite import SQLiteKeyReader
from gateway.storage.key_records import KeyRecord, caller_from, valid_keys
from gateway.storage.statements import SQLITE, any_of
from gateway.storage.tables import api_keys


class KeyLookup:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._plain: Gatherer[Question, Found | None]
        self._with_folders: Gatherer[Question, Found | None]
        if database.dialect == SQLITE:
            self._plain = self._with_folders = database.gatherer(SQLiteKeyReader(database).read)
        else:
            # Two, so that who reads no folders never waits for their table.
            self._plain = database.gatherer(PostgreSQLKeyReader(database, with_folders=False).read)
            self._with_folders = database.gatherer(PostgreSQLKeyReader(database, with_folders=True).read)
        self._all = database.prepare(
            valid_keys(
                api_keys.c.hash,
                wanted=any_of(api_keys.c.hash, "hashes", database.dialect),
                now=bindparam("now", type_=BigInteger),
                dialect=database.dialect,
            )
        )

    def find(self, key_hash: str, now: Timestamp, forecast: Forecast) -> Future[Found | None]:
        """None if the key is not valid."""
        gatherer = self._with_folders if forecast.surfaces else self._plain
        return gatherer.ask(Question(key_hash, now, forecast))

    async def find_all(self, hashes: Collection[str], now: Timestamp) -> dict[str, KeyRecord]:
        """The valid keys among them."""
        rows = await self._database.read(self._all, hashes=[*hashes], now=now)
        return {key_hash: KeyRecord(caller_from(key_hash, told), used) for key_hash, used, told in rows}
