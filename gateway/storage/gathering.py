"""Sends what several requests ask of the database at one moment as one statement.

Each statement has a round trip of its own, and the database and the driver take as long to begin and end one as to find
a few rows. So all that is asked in one turn of the event loop is one statement, and so is all that was asked while
another one was under way: the busier the service is, the fewer statements there are for each request.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

import structlog

from gateway.errors import Unavailable

log = structlog.get_logger(__name__)

# So long a line waits for what is under way, which mostly takes a tenth of it.
_COMPANY_SECONDS: Final = 0.01

Q = TypeVar("Q")
A = TypeVar("A")


class _Asked(NamedTuple, Generic[Q, A]):
    question: Q
    answer: asyncio.Future[A]
    at: float


class Gatherer(Generic[Q, A]):
    """`read` answers up to `most` questions, in their order; an exception among the answers is raised to who asked that.

    One is under way at a time, and up to `at_once` where so many wait that they fill another, or where one takes long.
    Where `read` fails, and it is no outage, it is asked again with each question alone: it has done nothing then. Who
    waits in line for longer than `patience` seconds gets Unavailable.
    """

    def __init__(
        self,
        read: Callable[[Sequence[Q]], Awaitable[Sequence[A | Exception]]],
        *,
        at_once: int,
        most: int,
        patience: float,
    ) -> None:
        self._read = read
        self._at_once = at_once
        self._most = most
        self._patience = patience
        self._line: deque[_Asked[Q, A]] = deque()
        self._next_look: asyncio.TimerHandle | None = None
        # Begun, but not yet run: it takes what is in line when its turn comes.
        self._is_beginning = False
        # The loop itself keeps only weak references to what runs.
        self._under_way: set[asyncio.Task[None]] = set()

    def ask(self, question: Q) -> asyncio.Future[A]:
        """Returns what `read` answers, or raises what it raises."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[A] = loop.create_future()
        self._line.append(_Asked(question, answer, loop.time()))
        self._go_on()
        return answer

    def _go_on(self, just_answered: int = 0) -> None:
        if self._is_beginning or not self._line:
            return
        if self._may_begin():
            self._is_beginning = True
            task = asyncio.get_running_loop().create_task(self._answer(just_answered))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        elif self._next_look is None:
            wait = min(_COMPANY_SECONDS, self._patience)
            self._next_look = asyncio.get_running_loop().call_later(wait, self._look)

    def _may_begin(self) -> bool:
        if not self._under_way:
            return True
        if len(self._under_way) >= self._at_once:
            return False
        if len(self._line) >= self._most:
            return True
        return self._line[0].at <= asyncio.get_running_loop().time() - _COMPANY_SECONDS

    async def _answer(self, just_answered: int) -> None:
        # What arrived in the same turn of the loop has asked by now.
        asked = self._next(min(self._most, _share(len(self._line), just_answered)))
        self._is_beginning = False
        self._go_on()
        try:
            answers = await self._answers([each.question for each in asked])
            if len(asked) > 1:
                # Requests that came along with this answer ask now, and are read while those here go on.
                await asyncio.sleep(0)
            self._end(len(asked))
            for each, found in zip(asked, answers, strict=True):
                if each.answer.done():
                    continue
                if isinstance(found, Exception):
                    each.answer.set_exception(found)
                else:
                    each.answer.set_result(found)
        finally:
            for each in asked:
                # Only of work that was cancelled, when the service ends.
                each.answer.cancel()

    def _next(self, most: int) -> list[_Asked[Q, A]]:
        asked: list[_Asked[Q, A]] = []
        while self._line and len(asked) < most:
            each = self._line.popleft()
            # Of those who gave up, nobody reads the answer.
            if not each.answer.done():
                asked.append(each)
        return asked

    def _end(self, answered: int) -> None:
        """Before those are answered who waited, the next is begun: the database then works while they do."""
        task = asyncio.current_task()
        assert task is not None
        self._under_way.discard(task)
        self._go_on(answered)

    async def _answers(self, questions: Sequence[Q]) -> Sequence[A | Exception]:
        if not questions:
            return ()
        try:
            return await self._read(questions)
        except Unavailable:
            # One for each: an exception that is raised to many gathers the tracebacks of all.
            return [Unavailable() for _ in questions]
        except Exception as error:
            if len(questions) == 1:
                return [error]
        return await self._answers_alone(questions)

    async def _answers_alone(self, questions: Sequence[Q]) -> Sequence[A | Exception]:
        # It is one of them that it fails for: not the others' fault.
        answers: list[A | Exception] = []
        for question in questions:
            [answer] = await self._answers([question])
            if isinstance(answer, Unavailable):
                # Nobody waits for the outage again.
                return answers + [Unavailable() for _ in questions[len(answers) :]]
            answers.append(answer)
        return answers

    def _look(self) -> None:
        self._next_look = None
        late = asyncio.get_running_loop().time() - self._patience
        while self._line and self._line[0].at <= late:
            answer = self._line.popleft().answer
            if not answer.done():
                log.error("database.unavailable", cause="every statement that may run is under way")
                answer.set_exception(Unavailable())
        self._go_on()


def _share(waiting: int, just_answered: int) -> int:
    """How many of those who wait are read next: at most half of them and of those who were just answered, together.

    The latter soon ask again. Otherwise a large group and a small one would alternate for as long as the load lasts:
    while the database reads for the large one, the service would have only the small one to work for.
    """
    half = (waiting + just_answered + 1) // 2
    return half if 0 < just_answered < half else waiting
