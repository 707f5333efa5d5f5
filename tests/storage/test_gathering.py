"""What is asked at one moment is read together, and everybody gets the answer to their own question."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest

from gateway.access import PlaceRef
from gateway.errors import Unavailable
from gateway.folders import system_clock
from gateway.keys import hash_key
from gateway.model import FolderDraft, FolderType, Surface, Window
from gateway.storage.ahead import NO_FORECAST, Forecast
from gateway.storage.directory import Directory
from gateway.storage.engine import Database
from gateway.storage.folders import FolderStore
from gateway.storage.gathering import Gatherer
from tests import keys
from tests.keys import ADA, EVE, GRACE
from tests.patience import PATIENCE_SECONDS
from tests.statements import counted_statements


class Reads:
    """Reads that come to their end one by one, when they are told to."""

    def __init__(self) -> None:
        self.asked: list[Sequence[int]] = []
        self._ends: list[asyncio.Future[None]] = []
        self._begun = asyncio.Condition()

    async def begun(self, count: int) -> None:
        async with self._begun:
            await self._begun.wait_for(lambda: len(self.asked) >= count)

    async def __call__(self, questions: Sequence[int]) -> Sequence[str]:
        self.asked.append(questions)
        async with self._begun:
            self._begun.notify_all()
        end = asyncio.get_running_loop().create_future()
        self._ends.append(end)
        await end
        return [f"answer to {each}" for each in questions]

    def end(self, error: Exception | None = None) -> None:
        """The oldest that is under way."""
        end = self._ends.pop(0)
        if error is None:
            end.set_result(None)
        else:
            end.set_exception(error)


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def gatherer(reads: Reads, at_once: int = 1, most: int = 3, patience: float = PATIENCE_SECONDS) -> Gatherer[int, str]:
    return Gatherer(reads, at_once=at_once, most=most, patience=patience)


async def test_one_question_is_asked_in_the_same_turn() -> None:
    reads = Reads()
    answer = gatherer(reads).ask(1)
    await turns(2)
    assert reads.asked == [[1]]
    reads.end()
    assert await answer == "answer to 1"


async def test_what_is_asked_in_one_turn_and_meanwhile_is_read_together() -> None:
    reads = Reads()
    gathered = gatherer(reads)
    answers = [gathered.ask(1), gathered.ask(2)]
    await turns()
    answers += [gathered.ask(number) for number in (3, 4, 5, 6)]
    await turns()
    assert reads.asked == [[1, 2]]
    for _ in range(3):
        reads.end()
        await turns()
    assert reads.asked == [[1, 2], [3, 4, 5], [6]]
    assert await asyncio.gather(*answers) == [f"answer to {number}" for number in range(1, 7)]


async def test_another_is_run_beside_one_that_takes_long() -> None:
    reads = Reads()
    gathered = gatherer(reads, at_once=2)
    answers = [gathered.ask(0)]
    await turns()
    answers.append(gathered.ask(1))
    await turns()
    assert reads.asked == [[0]]
    async with asyncio.timeout(PATIENCE_SECONDS):
        await reads.begun(2)
    answers.append(gathered.ask(2))
    await asyncio.sleep(0.05)
    assert reads.asked == [[0], [1]]
    for _ in range(3):
        reads.end()
        await turns()
    assert await asyncio.gather(*answers) == [f"answer to {number}" for number in range(3)]


async def begun_by(reads: Reads, answer: asyncio.Future[str]) -> int:
    """How many reads had begun when somebody went on with this answer."""
    await answer
    return len(reads.asked)


async def test_the_next_is_begun_before_anybody_goes_on_with_an_answer() -> None:
    reads = Reads()
    gathered = gatherer(reads)
    going_on = asyncio.create_task(begun_by(reads, gathered.ask(1)))
    await turns()
    last = gathered.ask(2)
    reads.end()
    assert await going_on == 2
    reads.end()
    await last


async def test_who_comes_along_with_answers_is_read_before_anybody_goes_on_with_them() -> None:
    reads = Reads()
    gathered = gatherer(reads)
    going_on = [asyncio.create_task(begun_by(reads, gathered.ask(number))) for number in (1, 2)]
    await turns()
    reads.end()
    later: list[asyncio.Future[str]] = []
    # Of the same turn of the loop, yet after the answers.
    asyncio.get_running_loop().call_soon(lambda: later.append(gathered.ask(3)))
    assert await asyncio.gather(*going_on) == [2, 2]
    reads.end()
    assert await later[0] == "answer to 3"


async def test_a_large_group_and_a_small_one_even_out() -> None:
    """Or the service has nothing to do while the database works for the large one, and the other way around."""
    reads = Reads()
    gathered = gatherer(reads, most=9)

    async def ask_again_and_again(number: int) -> None:
        while True:
            await gathered.ask(number)

    clients = [asyncio.create_task(ask_again_and_again(0))]
    await turns()
    clients += [asyncio.create_task(ask_again_and_again(number)) for number in range(1, 8)]
    for _ in range(8):
        await turns()
        reads.end()
    await turns()
    assert [len(each) for each in reads.asked] == [1, 4, 4, 4, 4, 4, 4, 4, 4]
    for client in clients:
        client.cancel()
    reads.end()
    await turns()


async def test_a_question_that_cannot_be_asked_fails_alone() -> None:
    async def read(questions: Sequence[int]) -> Sequence[str]:
        if 13 in questions:
            raise ValueError("13")
        return [f"answer to {each}" for each in questions]

    gathered = Gatherer(read, at_once=1, most=9, patience=PATIENCE_SECONDS)
    found = await asyncio.gather(*(gathered.ask(number) for number in (1, 13, 2)), return_exceptions=True)
    assert [found[0], found[2]] == ["answer to 1", "answer to 2"]
    assert isinstance(found[1], ValueError)


async def test_so_many_run_at_once() -> None:
    reads = Reads()
    gathered = gatherer(reads, at_once=2, most=1)
    answers = [gathered.ask(number) for number in range(4)]
    await turns()
    assert reads.asked == [[0], [1]]
    reads.end()
    await turns()
    assert reads.asked == [[0], [1], [2]]
    for _ in range(3):
        reads.end()
        await turns()
    assert await asyncio.gather(*answers) == [f"answer to {number}" for number in range(4)]


async def test_who_gives_up_takes_nothing_from_the_others() -> None:
    reads = Reads()
    gathered = gatherer(reads)
    answers = [gathered.ask(number) for number in range(5)]
    await turns()
    for given_up in (1, 3):
        answers[given_up].cancel()
    reads.end()
    await turns()
    assert reads.asked == [[0, 1, 2], [4]]
    reads.end()
    assert [await answers[number] for number in (0, 2, 4)] == [f"answer to {number}" for number in (0, 2, 4)]


async def test_a_failure_is_that_of_all_who_asked_and_of_nobody_else() -> None:
    reads = Reads()
    gathered = gatherer(reads)
    answers = [gathered.ask(number) for number in range(4)]
    await turns()
    reads.end(Unavailable())
    await turns()
    reads.end()
    found: list[Any] = await asyncio.gather(*answers, return_exceptions=True)
    assert [type(each) for each in found] == [Unavailable, Unavailable, Unavailable, str]
    # Each has its own, or the one would gather the tracebacks of all.
    assert len({id(each) for each in found}) == 4


async def test_an_outage_that_begins_while_questions_are_asked_alone_is_waited_for_once() -> None:
    reads = Reads()
    gathered = gatherer(reads)
    answers = [gathered.ask(number) for number in range(3)]
    await turns()
    reads.end(ValueError("one of them"))
    await turns()
    reads.end()
    await turns()
    reads.end(Unavailable())
    found: list[Any] = await asyncio.gather(*answers, return_exceptions=True)
    assert [type(each) for each in found] == [str, Unavailable, Unavailable]
    assert reads.asked == [[0, 1, 2], [0], [1]]


async def test_patience_in_line_comes_to_an_end() -> None:
    reads = Reads()
    gathered = gatherer(reads, most=1, patience=0.01)
    under_way, waiting, last = gathered.ask(1), gathered.ask(2), gathered.ask(3)
    for late in (waiting, last):
        with pytest.raises(Unavailable):
            await late
    assert not under_way.done()
    reads.end()
    assert await under_way == "answer to 1"
    again = gathered.ask(4)
    await turns()
    reads.end()
    assert await again == "answer to 4"


async def test_keys_of_many_requests_are_told_apart(database: Database) -> None:
    """All keys with all kinds of forecasts at once: each gets what it gets alone."""
    directory, store, now = Directory(database), FolderStore(database), system_clock()
    for key, number in product((ADA, GRACE), (1, 3)):
        found = await directory.find_key(hash_key(key), now)
        assert found is not None
        environment = (await directory.environments([number]))[number]
        for surface, folder_type in product(Surface, FolderType):
            grant = found[0].caller.write(PlaceRef(str(number), is_project=False), environment, surface)
            await store.upsert(grant, [FolderDraft(folder_type, path=f"{key} {number} {surface}")], now)
    places = [[], ["1"], ["3", "1"], ["99"], ["@current"], ["10", "2", "99"]]
    forecasts = [NO_FORECAST] + [
        Forecast.at([PlaceRef(text, is_project) for text in texts], surfaces)
        for texts, is_project, surfaces in product(places, (True, False), ([], [Surface.WEB], [*Surface]))
    ]
    forecasts += [
        Forecast(page=count, surfaces=surfaces, has_several=True)
        for count, surfaces in product((1, 2, 100), ((), (Surface.DESKTOP,), (*Surface,)))
    ]
    values = [value for name, value in vars(keys).items() if name.isupper() and isinstance(value, str)]
    assert {ADA, GRACE, EVE} < {*values}
    questions = [(hash_key(key), forecast) for key, forecast in product([*values, "phx_unknown"], forecasts)]

    async def ask(key_hash: str, forecast: Forecast) -> Any:
        found = await directory.find_key(key_hash, now, forecast)
        if found is None:
            return None
        record, ahead = found
        grants = [
            record.caller.read(PlaceRef(str(number), is_project=False), environment, surface)
            for number, environment in ahead.environments.items()
            for surface in forecast.surfaces
            if environment is not None and record.caller.may_reach(environment) and "*" in record.caller.scopes
        ]
        page = forecast.page and ahead.first_environments(record.caller.reach(), Window(forecast.page))
        return record, ahead.environments, [(each, ahead.folders_at(each)) for each in grants], page

    alone = [await ask(*question) for question in questions]
    with counted_statements() as sent:
        together = await asyncio.gather(*(ask(*question) for question in questions))
    assert together == alone
    # 64 questions at most go into one statement.
    assert len(sent) <= len(questions) / 64 + 2
    folders = {folder.path for each in together if each for _, places in each[2] for folder in places}
    assert folders == {f"{key} {number} {surface}" for key in (ADA, GRACE) for number in (1, 3) for surface in Surface}
    assert None in together
    for each, (_, forecast) in zip(together, questions, strict=True):
        if each is not None and forecast.page is not None:
            caller = each[0].caller
            [expected] = await directory.pages(caller.reach(), [Window(forecast.page)])
            # Of a key with limits, no page is read ahead.
            assert each[3] == (expected if caller.environments is caller.organizations is None else None)
