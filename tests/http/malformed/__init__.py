"""The corpus of malformed requests to `/graphql`, and of some that are odd but right."""

from __future__ import annotations

from typing import Final

from tests.http.malformed import bodies, framing, headers, targets
from tests.http.malformed.requests import Malformed

CORPUS: Final[tuple[Malformed, ...]] = (*bodies.ROWS, *headers.ROWS, *targets.ROWS, *framing.ROWS)
