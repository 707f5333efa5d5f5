"""What several requests ask of the database at one moment, asked together.

Each statement has a round trip of its own, and the database and the driver take as long to begin and end one as to
find a few rows. So what is asked in one turn of the event loop is one statement, and so is all that was asked while another
was under way: the busier the service is, the fewer statements there are for each request.
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


class _Refused(NamedTuple):
    error: Exception


class Gatherer(Generic[Q, A]):
    """`read` answers up to `most` questions, in their order.

    One is under way at a time, and up to `at_once` where so many wait that they fill another, or where one takes long.
    Where `read` fails, and it is no outage, it is asked again with each question alone: it has done nothing then. Who
    waits in line for longer than `patience` seconds gets Unavailable.
    """

    def __init__(
        self, read: Callable[[Sequence[Q]], Awaitable[Sequence[A]]], *, at_once: int, most: int, patience: float
    ) -> None:
        self._read = read
        self._at_once = at_once
        self._most = most
        self._patience = patience
        self._line: deque[_Asked[Q, A]] = deque()
        self._next_turn: asyncio.Handle | None = None
        self._next_look: asyncio.TimerHandle | None = None
        # The loop itself keeps only weak references to what runs.
        self._under_way: set[asyncio.Task[None]] = set()

    def ask(self, question: Q) -> asyncio.Future[A]:
        """What `read` answers, or raises."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[A] = loop.create_future()
        self._line.append(_Asked(question, answer, loop.time()))
        if self._next_turn is None:
            if self._may_begin():
                # Behind all else that arrived in this turn of the loop, which may ask too.
                self._next_turn = loop.call_soon(self._begin)
            elif self._next_look is None:
                self._watch()
        return answer

    def _may_begin(self) -> bool:
        if not self._under_way:
            return True
        if len(self._under_way) >= self._at_once:
            return False
        if len(self._line) >= self._most:
            return True
        return self._line[0].at <= asyncio.get_running_loop().time() - _COMPANY_SECONDS

    def _begin(self) -> None:
        self._next_turn = None
        while self._line and self._may_begin():
            asked: list[_Asked[Q, A]] = []
            while self._line and len(asked) < self._most:
                each = self._line.popleft()
                # Of those who gave up, nobody reads the answer.
                if not each.answer.done():
                    asked.append(each)
            if asked:
                task = asyncio.get_running_loop().create_task(self._answer(asked))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
        if self._line and self._next_look is None:
            self._watch()

    async def _answer(self, asked: Sequence[_Asked[Q, A]]) -> None:
        try:
            answers = await self._answers([each.question for each in asked])
            self._go_on()
            for each, found in zip(asked, answers, strict=True):
                if each.answer.done():
                    continue
                if isinstance(found, _Refused):
                    each.answer.set_exception(found.error)
                else:
                    each.answer.set_result(found)
        except Exception as error:
            self._go_on()
            for each in asked:
                if not each.answer.done():
                    each.answer.set_exception(error)
        finally:
            for each in asked:
                # Only of work that was cancelled, when the service ends.
                each.answer.cancel()

    async def _answers(self, questions: Sequence[Q]) -> Sequence[A | _Refused]:
        try:
            return await self._read(questions)
        except Unavailable:
            raise
        except Exception:
            if len(questions) == 1:
                raise
        # It is one of them that it fails for: not the others' fault.
        answers: list[A | _Refused] = []
        for question in questions:
            try:
                answers += await self._read([question])
            except Exception as error:
                answers.append(_Refused(error))
        return answers

    def _go_on(self) -> None:
        """Before those are answered who waited: the database then works while they do."""
        task = asyncio.current_task()
        assert task is not None
        self._under_way.discard(task)
        if self._line and self._next_turn is None:
            self._begin()

    def _watch(self) -> None:
        wait = min(_COMPANY_SECONDS, self._patience)
        self._next_look = asyncio.get_running_loop().call_later(wait, self._look)

    def _look(self) -> None:
        self._next_look = None
        late = asyncio.get_running_loop().time() - self._patience
        while self._line and self._line[0].at <= late:
            answer = self._line.popleft().answer
            if not answer.done():
                log.error("database.unavailable", cause="every statement that may run is under way")
                answer.set_exception(Unavailable())
        if self._line and self._next_turn is None:
            self._begin()
