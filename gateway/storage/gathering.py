"""What several requests ask of the database at one moment, asked together.

Each statement has a round trip of its own, and the database and the driver take as long to begin and end one as to
find a few rows. So what is asked in one turn of the event loop is one statement, and so is all that was asked while
others were under way: the busier the service is, the fewer statements there are for each request. Nothing waits for
company.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

import structlog

from gateway.errors import Unavailable

log = structlog.get_logger(__name__)

Q = TypeVar("Q")
A = TypeVar("A")


class _Asked(NamedTuple, Generic[Q, A]):
    question: Q
    answer: asyncio.Future[A]
    at: float


class Gatherer(Generic[Q, A]):
    """`read` answers up to `most` questions, in their order; it runs up to `at_once` times at one moment.

    Who waits in line for longer than `patience` seconds gets Unavailable.
    """

    def __init__(
        self, read: Callable[[Sequence[Q]], Awaitable[Sequence[A]]], *, at_once: int, most: int, patience: float
    ) -> None:
        self._read = read
        self._free = at_once
        self._most = most
        self._patience = patience
        self._line: deque[_Asked[Q, A]] = deque()
        self._next_turn: asyncio.Handle | None = None
        self._end_of_patience: asyncio.TimerHandle | None = None
        # The loop itself keeps only weak references to what runs.
        self._under_way: set[asyncio.Task[None]] = set()

    def ask(self, question: Q) -> asyncio.Future[A]:
        """What `read` answers, or raises."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[A] = loop.create_future()
        self._line.append(_Asked(question, answer, loop.time()))
        if not self._free:
            self._watch()
        elif self._next_turn is None:
            # Behind all else that arrived in this turn of the loop, which may ask too.
            self._next_turn = loop.call_soon(self._begin)
        return answer

    def _begin(self) -> None:
        self._next_turn = None
        while self._free and self._line:
            asked: list[_Asked[Q, A]] = []
            while self._line and len(asked) < self._most:
                each = self._line.popleft()
                # Of those who gave up, nobody reads the answer.
                if not each.answer.done():
                    asked.append(each)
            if asked:
                self._free -= 1
                task = asyncio.get_running_loop().create_task(self._answer(asked))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
        if self._line:
            self._watch()

    async def _answer(self, asked: Sequence[_Asked[Q, A]]) -> None:
        waiting = [each.answer for each in asked]
        try:
            answers = await self._read([each.question for each in asked])
        except Exception as error:
            for answer in waiting:
                if not answer.done():
                    answer.set_exception(error)
        else:
            for answer, found in zip(waiting, answers, strict=True):
                if not answer.done():
                    answer.set_result(found)
        finally:
            for answer in waiting:
                # Only of work that was cancelled, when the service ends.
                answer.cancel()
            self._free += 1
            if self._line and self._next_turn is None:
                self._begin()

    def _watch(self) -> None:
        if self._end_of_patience is None:
            loop = asyncio.get_running_loop()
            self._end_of_patience = loop.call_at(self._line[0].at + self._patience, self._give_up)

    def _give_up(self) -> None:
        self._end_of_patience = None
        late = asyncio.get_running_loop().time() - self._patience
        while self._line and self._line[0].at <= late:
            answer = self._line.popleft().answer
            if not answer.done():
                log.error("database.unavailable", cause="every statement that may run is under way")
                answer.set_exception(Unavailable())
        if self._line:
            self._watch()
