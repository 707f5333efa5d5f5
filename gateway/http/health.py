"""What an orchestrator asks: whether the process lives, and whether it can serve."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from gateway.errors import GatewayError
from gateway.http.json import encode_json
from gateway.http.replies import Reply


class HealthEndpoints:
    """`check` raises a GatewayError where the service cannot serve; it bounds its own time."""

    def __init__(self, check: Callable[[], Awaitable[None]]) -> None:
        self._check = check

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/health/live", self.live), web.get("/health/ready", self.ready)]

    async def live(self, _: web.Request) -> Reply:
        return _status(200, "ok")

    async def ready(self, _: web.Request) -> Reply:
        try:
            await self._check()
        except GatewayError as error:
            return _status(error.status, error.code)
        return _status(200, "ok")


def _status(status: int, text: str) -> Reply:
    return Reply(status, encode_json({"status": text}), "application/json", {hdrs.CACHE_CONTROL: "no-store"})
