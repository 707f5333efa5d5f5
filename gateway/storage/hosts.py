"""Connects to one of several hosts of PostgreSQL, as a URL names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg


async def connect(*, host: str | Sequence[str] | None = None, **options: Any) -> Any:
    """A connection of asyncpg, as from `asyncpg.connect`; but each host has its share of `timeout` seconds.

    asyncpg gives all of it to the first: where that one is silent, the others are never tried.
    """
    if host is None or isinstance(host, str):
        return await asyncpg.connect(host=host, **options)
    return await _connect_to_one_of(host, **options)


async def _connect_to_one_of(
    hosts: Sequence[str],
    *,
    port: Sequence[int],
    timeout: float,  # noqa: ASYNC109  # as asyncpg has it
    target_session_attrs: str | None = None,
    **options: Any,
) -> Any:
    # One host alone is never better than another.
    rounds: list[Any] = ["standby", "any"] if target_session_attrs == "prefer-standby" else [target_session_attrs]
    options["timeout"] = timeout / (len(rounds) * len(hosts))
    failure: Exception | None = None
    for attributes in rounds:
        for host, each in zip(hosts, port, strict=True):
            try:
                return await asyncpg.connect(host=host, port=each, target_session_attrs=attributes, **options)
            except (OSError, asyncpg.TargetServerAttributeNotMatched, asyncpg.CannotConnectNowError) as error:
                failure = error
    assert failure is not None
    raise failure
