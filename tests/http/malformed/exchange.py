"""Sends one of the corpus, and says what is wrong with the answers."""

from __future__ import annotations

import asyncio
from typing import Final

from tests.http.malformed.requests import Malformed, post
from tests.http.raw import Connection, connected
from tests.http.verdict import problem_with

_SECONDS: Final = 60


async def findings(port: int, row: Malformed) -> list[str]:
    """What is wrong with how the service takes it; none where all is well."""
    try:
        async with asyncio.timeout(_SECONDS):
            return await _findings(port, row)
    except TimeoutError:
        return ["no answer came"]
    except (EOFError, ConnectionError):
        return ["the connection was closed without an answer"]


async def _findings(port: int, row: Malformed) -> list[str]:
    wrong = []
    async with connected(port) as connection:
        await _send(connection, row)
        answers = [await connection.read(row.method) for _ in row.statuses]
        statuses = tuple(answer.status for answer in answers)
        if statuses != row.statuses:
            wrong.append(f"answered {statuses}, not {row.statuses}")
        wrong += [f"the answer {problem}" for answer in answers if (problem := problem_with(answer, row.method))]
        if not answers[-1].closes and not row.half_closes:
            return wrong + await _good_request(connection, "the connection")
    async with connected(port) as connection:
        return wrong + await _good_request(connection, "a new connection")


async def _send(connection: Connection, row: Malformed) -> None:
    if row.in_pieces:
        for index in range(len(row.sent)):
            connection.write(row.sent[index : index + 1])
            await connection.drain()
            # Lets the server read before the next byte comes.
            await asyncio.sleep(0)
    else:
        connection.write(row.sent)
    if row.half_closes:
        connection.close_writing()


async def _good_request(connection: Connection, where: str) -> list[str]:
    connection.write(post())
    answer = await connection.read()
    if (answer.status, answer.body) != (200, b'{"data":{"__typename":"Query"}}'):
        return [f"{where} does not serve a good request any more: {answer.status}"]
    return []
