"""Sends what was generated, and says what is wrong with the answers."""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from tests.http.generated.requests import Framed
from tests.http.raw import Connection, RawResponse, connected
from tests.http.verdict import problem_with

SECONDS: Final = 60
# Such a request is refused before its headers are read.
_TARGET_TOO_LONG: Final = 8000


class Outcome(NamedTuple):
    """`problem` is None where all answers are as they must be."""

    answers: list[RawResponse]
    problem: str | None


async def send_bytes(port: int, sent: bytes) -> Outcome:
    """Bytes of which nobody knows how many requests they are: at least one answer, before the connection is closed."""
    try:
        async with asyncio.timeout(SECONDS), connected(port) as connection:
            connection.write(sent)
            connection.close_writing()
            answers = await connection.read_all()
    except TimeoutError:
        return Outcome([], "there is no end of the answers")
    except (EOFError, ConnectionError):
        return Outcome([], "the connection broke off within an answer")
    if not answers:
        return Outcome([], "the connection was closed without an answer")
    return Outcome(answers, next(filter(None, (problem_with(answer, "POST") for answer in answers)), None))


async def read_answer(connection: Connection, request: Framed) -> Outcome:
    """The one answer to it, where the answers to those that were sent before are read."""
    try:
        async with asyncio.timeout(SECONDS):
            answer = await connection.read(request.method)
    except TimeoutError:
        return Outcome([], "no answer came")
    except (EOFError, ConnectionError):
        return Outcome([], "the connection was closed without an answer")
    is_unread = answer.status == 414 and request.sent.index(b"\r\n") > _TARGET_TOO_LONG
    if answer.headers.get("x-request-id") != request.request_id and not is_unread:
        return Outcome([answer], "the answer is not to this request")
    return Outcome([answer], problem_with(answer, request.method))
