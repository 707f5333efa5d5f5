"""What an orchestrator asks: whether the process lives, and whether it can serve."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from gateway.errors import GatewayError
from gateway.http.json import encode_json


class HealthEndpoints:
    """`check` raises a GatewayError where the service cannot serve; it bounds its own time."""

    def __init__(self, check: Callable[[], Awaitable[None]]) -> None:
        self._check = check

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/health/live", self.live), web.get("/health/ready", self.ready)]

    async def live(self, _: web.Request) -> web.Response:
        return _status(200, "ok")

    async def ready(self, _: web.Request) -> web.Response:
        try:
            await self._check()
        except GatewayError as error:
            return _status(error.status, error.code)
        return _status(200, "ok")


def _status(status: int, text: str) -> web.Response:
    return web.Response(
        status=status,
        body=encode_json({"status": text}),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
