"""The state of one execution, and its errors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from inspect import iscoroutine
from typing import Any, Final, TypeAlias

from graphql import FieldNode, FragmentDefinitionNode, GraphQLResolveInfo, GraphQLSchema, OperationDefinitionNode
from graphql.execution.executor import CollectedErrors
from graphql.execution.values import VariableValues
from graphql.pyutils import Path, gather_with_cancel, is_awaitable
from graphql.type import GraphQLResolveInfoHelpers

ResponsePath: TypeAlias = tuple[Any, str | int, str | None] | None
"""A graphql-core `Path`, or the same three values as a bare tuple: a third of the price, and equal to it."""

Json: TypeAlias = Any
"""What orjson writes. A coroutine in its stead yields it later."""


class Run:
    """One execution of a plan."""

    __slots__ = (
        "coerced",
        "context",
        "errors",
        "hide_suggestions",
        "kept_arguments",
        "root_value",
        "variables",
    )

    def __init__(
        self,
        context: Any,
        variables: VariableValues,
        root_value: Any,
        hide_suggestions: bool,
    ) -> None:
        self.context = context
        self.variables = variables
        self.coerced = variables.coerced
        self.root_value = root_value
        self.hide_suggestions = hide_suggestions
        self.errors = CollectedErrors()
        self.kept_arguments: dict[Any, dict[str, Any]] = {}


# The loop itself keeps only weak references to what runs. Not a run's own: with it, a run would hold itself, and all
# of a request would wait for the collector.
_background: Final[set[asyncio.Future[Any]]] = set()


def settle(awaitables: Sequence[Awaitable[Any]]) -> None:
    """Lets awaitables finish, unobserved, whose sibling has failed, as graphql-core does."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        # Without a loop it never runs.
        for awaitable in awaitables:
            if iscoroutine(awaitable):
                awaitable.close()
        return
    future = asyncio.gather(*awaitables, return_exceptions=True)
    _background.add(future)
    future.add_done_callback(_background.discard)


def _gather(values: Sequence[Awaitable[Any]]) -> Awaitable[list[Any]]:
    return gather_with_cancel(*values)


def _track(values: Sequence[Any]) -> None:
    awaitables = [value for value in values if is_awaitable(value)]
    if awaitables:
        settle(awaitables)


_HELPERS: Final = GraphQLResolveInfoHelpers(gather=_gather, track=_track)

ResolveInfo: TypeAlias = GraphQLResolveInfo[Any]


# `tuple.__new__` takes the values as they are: an eighth of what the classes' own take.
_new_path: Callable[[tuple[Any, str | int, str | None]], Path] = partial(tuple.__new__, Path)
_new_info: Callable[[tuple[Any, ...]], ResolveInfo] = partial(tuple.__new__, GraphQLResolveInfo)


class InfoMaker:
    """Makes the `Info`s of one field; keeps the parts that are always the same."""

    __slots__ = ("_field_name", "_fragments", "_nodes", "_operation", "_parent_type", "_return_type", "_schema")

    def __init__(
        self,
        nodes: Sequence[FieldNode],
        return_type: Any,
        parent_type: Any,
        schema: GraphQLSchema,
        fragments: dict[str, FragmentDefinitionNode],
        operation: OperationDefinitionNode,
    ) -> None:
        self._field_name = nodes[0].name.value
        self._nodes = nodes
        self._return_type = return_type
        self._parent_type = parent_type
        self._schema = schema
        self._fragments = fragments
        self._operation = operation

    def __call__(self, run: Run, path: ResponsePath) -> ResolveInfo:
        return _new_info(
            (
                self._field_name,
                # A resolver may change its list, and its fragments; the plan is there for others too.
                [*self._nodes],
                self._return_type,
                self._parent_type,
                as_core_path(path),
                self._schema,
                {**self._fragments},
                run.root_value,
                self._operation,
                run.variables,
                run.context,
                is_awaitable,
                None,
                _HELPERS,
            )
        )


def as_core_path(path: ResponsePath) -> Path | None:
    if path is None or type(path) is Path:
        return path
    previous, key, typename = path
    if previous is not None and type(previous) is not Path:
        previous = as_core_path(previous)
    return _new_path((previous, key, typename))
