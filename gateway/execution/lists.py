"""Completion of lists: of iterables and asynchronous iterables, with items that may be awaitable."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from types import CoroutineType
from typing import Any, Final, Protocol

from graphql import FieldNode, GraphQLError, GraphQLOutputType, Undefined, is_non_null_type, located_error
from graphql.pyutils import gather_with_cancel, is_async_iterable, is_awaitable, is_iterable

from gateway.execution.plain import learn, plain_types
from gateway.execution.run import Json, ResolveInfo, ResponsePath, Run, as_core_path, settle


class Executor(Protocol):
    """Runs a selection set on a value of one type."""

    call: Callable[[Run, Any, ResponsePath], Json]


class Items(Protocol):
    """What a list needs to know of its field."""

    nodes: tuple[FieldNode, ...]

    @property
    def coordinates(self) -> str: ...

    def fail_at(self, run: Run, path: ResponsePath, error: Exception, *, is_non_null: bool) -> Json: ...


CompleteItem = Callable[[Run, Any, ResponsePath, ResolveInfo | None], Json]


class ListCompleter:
    """Completes the values of one list type in one field."""

    def __init__(
        self, field: Items, item_type: GraphQLOutputType, complete_item: CompleteItem, executor: Executor | None
    ) -> None:
        """`executor` completes all non-null items, if there is one."""
        self._field = field
        self._is_non_null = is_non_null_type(item_type)
        self._complete_item = complete_item
        self._executor = executor

    def complete(self, run: Run, value: Any, path: ResponsePath, info: ResolveInfo | None) -> Json:
        kind = type(value)
        if kind is not list and kind is not tuple:
            if isinstance(value, Exception):
                raise value
            if value is None or value is Undefined:
                return None
            if is_async_iterable(value):
                return self._complete_async(run, value.__aiter__(), path, info)
            if not is_iterable(value):
                raise GraphQLError(f"Expected Iterable, but did not find one for field '{self._field.coordinates}'.")
        return self._complete_iterable(run, value, path, info)

    def _complete_iterable(self, run: Run, items: Iterable[Any], path: ResponsePath, info: ResolveInfo | None) -> Json:
        executor = self._executor
        completed: list[Json] = []
        pending: list[int] | None = None
        iterator = iter(items)
        index = 0
        try:
            for item in iterator if type(items) in _OF_PYTHON else _each(iterator):
                if executor is not None and type(item) in plain_types:
                    item_path = (path, index, None)
                    try:
                        done = executor.call(run, item, item_path)
                        if type(done) is CoroutineType:
                            done = self._guarded(run, done, item_path)
                    except Exception as error:
                        done = self._fail(run, item_path, error)
                else:
                    done = self._complete_any(run, item, (path, index, None), info)
                completed.append(done)
                if type(done) is CoroutineType:
                    if pending is None:
                        pending = []
                    pending.append(index)
                index += 1
        except Exception:
            orphans = [completed[each] for each in pending or ()]
            orphans.extend(_awaitables_left(iterator))
            if orphans:
                settle(orphans)
            raise
        return completed if pending is None else _gathered(completed, pending)

    async def _complete_async(
        self, run: Run, iterator: AsyncIterator[Any], path: ResponsePath, info: ResolveInfo | None
    ) -> list[Json]:
        completed: list[Json] = []
        pending: list[int] = []
        close = getattr(iterator, "aclose", None)
        try:
            while True:
                try:
                    item = await anext(iterator)
                except StopAsyncIteration:
                    break
                except Exception as error:
                    core_path = as_core_path(path)
                    raise located_error(error, [*self._field.nodes], core_path and core_path.as_list()) from error
                done = self._complete_any(run, item, (path, len(completed), None), info)
                if type(done) is CoroutineType:
                    pending.append(len(completed))
                completed.append(done)
        except Exception:
            if close is not None:
                with suppress(Exception):
                    await close()
            if pending:
                settle([completed[each] for each in pending])
            raise
        return await _gathered(completed, pending) if pending else completed

    def _complete_any(self, run: Run, item: Any, path: ResponsePath, info: ResolveInfo | None) -> Json:
        if type(item) not in plain_types:
            if is_awaitable(item):
                return self._complete_awaitable(run, item, path, info)
            learn(item)
        try:
            done = self._complete_item(run, item, path, info)
            return self._guarded(run, done, path) if type(done) is CoroutineType else done
        except Exception as error:
            return self._fail(run, path, error)

    async def _complete_awaitable(
        self, run: Run, item: Awaitable[Any], path: ResponsePath, info: ResolveInfo | None
    ) -> Json:
        try:
            done = self._complete_item(run, await item, path, info)
            return await done if type(done) is CoroutineType else done
        except Exception as error:
            return self._fail(run, path, error)

    async def _guarded(self, run: Run, done: Awaitable[Json], path: ResponsePath) -> Json:
        try:
            return await done
        except Exception as error:
            return self._fail(run, path, error)

    def _fail(self, run: Run, path: ResponsePath, error: Exception) -> Json:
        return self._field.fail_at(run, path, error, is_non_null=self._is_non_null)


_OF_PYTHON: Final = (list, tuple)


def _each(iterator: Iterator[Any]) -> Iterator[Any]:
    """For what has nothing but `__next__`, or an `__iter__` that begins anew."""
    while True:
        try:
            item = next(iterator)
        except StopIteration:
            return
        yield item


async def _gathered(completed: list[Json], pending: list[int]) -> list[Json]:
    if len(pending) == 1:
        index = pending[0]
        completed[index] = await completed[index]
    else:
        values = await gather_with_cancel(*[completed[index] for index in pending])
        for index, value in zip(pending, values, strict=True):
            completed[index] = value
    return completed


def _awaitables_left(iterator: Iterator[Any]) -> list[Awaitable[Any]]:
    """Nothing may be left that was started and never awaited."""
    awaitables: list[Awaitable[Any]] = []
    with suppress(Exception):
        awaitables.extend(item for item in iterator if is_awaitable(item))
    return awaitables
