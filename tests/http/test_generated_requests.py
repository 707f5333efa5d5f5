"""Requests that Hypothesis makes up; `make fuzz` sends many more of the same."""

from __future__ import annotations

import json
from random import Random
from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.http.generated.conversations import conversation, converse
from tests.http.generated.exchange import read_answer, send_bytes
from tests.http.generated.mutations import mutated
from tests.http.generated.operations import misfit, operation_request, operations
from tests.http.generated.requests import framed
from tests.http.raw import connected

_SETTINGS: Final = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# What an operation that fits the schema may be refused for.
_REFUSALS: Final = {"BAD_USER_INPUT", "QUERY_TOO_COMPLEX", "GRAPHQL_VALIDATION_FAILED"}


@_SETTINGS
@given(random=st.randoms(use_true_random=False))
async def test_mutated(shared_port: int, random: Random) -> None:
    sent = mutated(random)
    assert (await send_bytes(shared_port, sent)).problem is None, sent


@_SETTINGS
@given(random=st.randoms(use_true_random=False))
async def test_framed(shared_port: int, random: Random) -> None:
    request = framed(random)
    async with connected(shared_port) as connection:
        connection.write(request.sent)
        assert (await read_answer(connection, request)).problem is None, request.sent


@_SETTINGS
@given(random=st.randoms(use_true_random=False))
async def test_conversations(shared_port: int, random: Random) -> None:
    talk = conversation(random)
    assert (await converse(shared_port, talk)).problem is None, talk.sent


@_SETTINGS
@given(document=operations())
async def test_operations(shared_port: int, document: str) -> None:
    request = operation_request(document, "operation")
    async with connected(shared_port) as connection:
        connection.write(request.sent)
        (answer,), problem = await read_answer(connection, request)
    assert problem is None
    body = json.loads(answer.body)
    if "data" in body:
        assert answer.status == 200
        assert misfit(document, body["data"]) is None
    else:
        assert answer.status == 400
        assert {error["extensions"]["code"] for error in body["errors"]} <= _REFUSALS
