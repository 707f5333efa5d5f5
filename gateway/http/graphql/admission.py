"""Who sends an operation, and what is read along with their key: over HTTP, or over a WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.access import Caller
from gateway.callers import CallerService
from gateway.errors import GatewayError
from gateway.http.authentication import Credential
from gateway.http.graphql.request import GraphQLRequest
from gateway.http.graphql.runner import Known, Runner
from gateway.model import RateLimitState
from gateway.storage.ahead import NO_FORECAST, NOTHING_AHEAD, ReadAhead

if TYPE_CHECKING:
    from gateway.throttling import Throttle


class Visit(NamedTuple):
    """Who calls, and what was read along with the key; `sent` where it was looked at already, with what is wrong with it."""

    caller: Caller | None = None
    ahead: ReadAhead = NOTHING_AHEAD
    rate_limit: RateLimitState | None = None
    sent: GraphQLRequest | GatewayError | None = None
    known: Known | None = None


class Admission:
    """Without a `throttle`, nothing is limited."""

    def __init__(self, runner: Runner, callers: CallerService, throttle: Throttle | None) -> None:
        self._runner = runner
        self._callers = callers
        self._throttle = throttle

    async def admit(self, credential: Credential, sent: GraphQLRequest | GatewayError | None) -> Visit:
        """Raises AuthenticationFailed or Throttled before anything is said of what was `sent`."""
        known = self._runner.recall(sent) if isinstance(sent, GraphQLRequest) else None
        forecast = NO_FORECAST if known is None else known.forecast
        admitted = await self._callers.admit(credential.key, credential.found_in, forecast)
        rate_limit = await self._throttle.hit(admitted.caller) if self._throttle else None
        return Visit(admitted.caller, admitted.ahead, rate_limit, sent, known)
