"""Whatever is sent to `/graphql`, the answer is JSON with the right status, and the service goes on (contract/graphql.md, 'HTTP')."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.http.malformed import CORPUS
from tests.http.malformed.exchange import findings
from tests.http.malformed.requests import Malformed


@pytest.mark.parametrize("row", CORPUS, ids=lambda row: row.name)
async def test_malformed(shared_port: int, row: Malformed) -> None:
    assert await findings(shared_port, row) == []


def test_each_is_there_once() -> None:
    assert [name for name, count in Counter(row.name for row in CORPUS).items() if count > 1] == []
    assert [
        sent[:200]
        for sent, count in Counter((row.sent, row.half_closes, row.in_pieces) for row in CORPUS).items()
        if count > 1
    ] == []
