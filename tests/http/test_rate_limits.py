"""Rate limits, counted in the process and in Redis: the behaviour is the same."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from aiohttp import ClientResponse, ClientSession
from structlog.testing import capture_logs

from gateway import throttling
from gateway.settings import InvalidSettings, load_settings
from tests import keys
from tests.conftest import Serve
from tests.patience import PATIENCE_SECONDS
from tests.redis_server import PASSWORD, RedisServer

LIST: Final = "/api/environments/1/persisted_folder/"
QUERY: Final = {"query": "{ viewer { scopes } rateLimit { limit remaining resetAt } }"}
_LITTLE_SECONDS: Final = 0.2


@pytest.fixture(autouse=True)
def redis_has_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """To answer. Where it does not answer, a test gives it `_LITTLE_SECONDS`."""
    monkeypatch.setattr(throttling, "_REDIS_TIMEOUT_SECONDS", PATIENCE_SECONDS)


@pytest.fixture(params=["memory", "redis", "redis socket"])
def limits(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Settings that switch limits on, for each place where the counts can be."""
    settings: dict[str, Any] = {"rate_limits": True}
    if request.param != "memory":
        server: RedisServer = request.getfixturevalue("redis")
        settings["redis_url"] = server.url if request.param == "redis" else server.socket_url
    return settings


async def rest(client: ClientSession, key: str = keys.ADA, method: str = "GET", path: str = LIST) -> ClientResponse:
    async with client.request(method, path, headers=keys.bearer(key)) as response:
        await response.read()
    return response


async def graphql(client: ClientSession, key: str = keys.ADA) -> ClientResponse:
    async with client.post("/graphql", json=QUERY, headers=keys.bearer(key)) as response:
        await response.read()
    return response


def used_up(response: ClientResponse) -> tuple[str, str, str]:
    limit, remaining, reset = (response.headers[f"RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset"))
    return limit, remaining, reset


async def test_off_by_default(client: ClientSession) -> None:
    response = await rest(client)
    assert response.status == 200
    assert not [name for name in response.headers if name.startswith("RateLimit")]
    assert (await (await graphql(client)).json())["data"]["rateLimit"] is None


async def test_throttled_answer(serve: Serve, limits: dict[str, Any]) -> None:
    async with serve(rate_limit_per_minute=1, **limits) as client:
        assert (await rest(client)).status == 200
        response = await rest(client)
        seconds = int(response.headers["Retry-After"])
        assert 0 < seconds <= 60
        assert response.status == 429
        assert response.headers["Allow"] == "GET, POST, HEAD, OPTIONS"
        assert used_up(response) == ("1", "0", str(seconds))
        unit = "second" if seconds == 1 else "seconds"
        assert await response.json() == {
            "type": "throttled_error",
            "code": "throttled",
            "detail": f"Request was throttled. Expected available in {seconds} {unit}.",
            "attr": None,
        }


async def test_counts_down(serve: Serve, limits: dict[str, Any]) -> None:
    async with serve(rate_limit_per_minute=3, **limits) as client:
        remaining = [(await rest(client)).headers["RateLimit-Remaining"] for _ in range(3)]
        assert remaining == ["2", "1", "0"]
        assert (await rest(client)).status == 429


async def test_rest_and_graphql_count_together(serve: Serve, limits: dict[str, Any]) -> None:
    async with serve(rate_limit_per_minute=2, **limits) as client:
        assert (await rest(client)).status == 200
        assert (await graphql(client)).status == 200
        assert (await rest(client)).status == 429
        assert (await graphql(client)).status == 429


async def test_each_key_has_its_own(serve: Serve, limits: dict[str, Any]) -> None:
    """Also two keys of one user."""
    async with serve(rate_limit_per_minute=1, **limits) as client:
        for key in (keys.ADA, keys.ADA_READ, keys.GRACE):
            assert (await rest(client, key)).status == 200
        for key in (keys.ADA, keys.ADA_READ, keys.GRACE):
            assert (await rest(client, key)).status == 429


async def test_hour_limits_too(serve: Serve, limits: dict[str, Any]) -> None:
    async with serve(rate_limit_per_minute=100, rate_limit_per_hour=2, **limits) as client:
        first = await rest(client)
        # The limit that is nearest to being used up.
        assert (first.headers["RateLimit-Limit"], first.headers["RateLimit-Remaining"]) == ("2", "1")
        assert (await rest(client)).status == 200
        response = await rest(client)
        assert response.status == 429
        assert 60 < int(response.headers["Retry-After"]) <= 3600
        assert used_up(response) == ("2", "0", response.headers["Retry-After"])


async def test_graphql_says_when(serve: Serve, limits: dict[str, Any]) -> None:
    async with serve(rate_limit_per_minute=1, **limits) as client:
        assert (await graphql(client)).status == 200
        response = await graphql(client)
        assert response.status == 429
        (error,) = (await response.json())["errors"]
        seconds = int(response.headers["Retry-After"])
        assert used_up(response) == ("1", "0", str(seconds))
        assert error["extensions"] == {
            "code": "RATE_LIMITED",
            "status": 429,
            "reason": "throttled",
            "retryAfter": seconds,
        }
        assert error["message"].startswith(f"Request was throttled. Expected available in {seconds} second")


async def test_graphql_field_tells_what_is_left(serve: Serve, limits: dict[str, Any]) -> None:
    async with serve(rate_limit_per_minute=5, **limits) as client:
        await rest(client)
        asked_at = datetime.now(UTC)
        response = await graphql(client)
        left = (await response.json())["data"]["rateLimit"]
        assert (left["limit"], left["remaining"]) == (5, 3)
        resets_at = datetime.fromisoformat(left["resetAt"])
        least, most = (resets_at - datetime.now(UTC)).total_seconds(), (resets_at - asked_at).total_seconds()
        assert 0 < most <= 61
        limit, remaining, seconds = used_up(response)
        assert (limit, remaining) == ("5", "3")
        assert least <= int(seconds) < most + 1


@pytest.mark.parametrize(
    ("key", "method", "path", "status"),
    [
        pytest.param("phx_unknown_key_00000000", "GET", LIST, 401, id="wrong key"),
        pytest.param(keys.ADA, "GET", "/api/environments/999/persisted_folder/", 404, id="unknown place"),
        pytest.param(keys.ADA_READ, "POST", LIST, 403, id="missing scope"),
    ],
)
async def test_refused_requests_are_not_counted(
    serve: Serve, limits: dict[str, Any], key: str, method: str, path: str, status: int
) -> None:
    async with serve(rate_limit_per_minute=1, **limits) as client:
        for _ in range(3):
            assert (await rest(client, key, method, path)).status == status
        assert (await rest(client, keys.ADA_READ)).status == 200


async def test_concurrent_requests_do_not_slip_through(serve: Serve, limits: dict[str, Any]) -> None:
    async with serve(rate_limit_per_minute=5, **limits) as client:
        statuses = [response.status for response in await asyncio.gather(*(rest(client) for _ in range(20)))]
        assert sorted(statuses) == [200] * 5 + [429] * 15


async def test_instances_share_the_counts_in_redis(serve: Serve, redis: RedisServer) -> None:
    async with AsyncExitStack() as stack:
        settings = {"rate_limits": True, "rate_limit_per_minute": 4, "redis_url": redis.url}
        one, two = [await stack.enter_async_context(serve(**settings)) for _ in range(2)]
        assert [(await rest(client)).status for client in (one, two, one, two, one, two)] == [200] * 4 + [429] * 2
        assert (await graphql(two)).status == 429


async def test_instances_without_redis_count_apart(serve: Serve) -> None:
    async with AsyncExitStack() as stack:
        one, two = [await stack.enter_async_context(serve(rate_limits=True, rate_limit_per_minute=1)) for _ in range(2)]
        assert [(await rest(client)).status for client in (one, two, one)] == [200, 200, 429]


@pytest.mark.parametrize("how", ["stop", "hang"])
async def test_without_redis_requests_pass(
    serve: Serve, redis: RedisServer, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(rate_limits=True, rate_limit_per_minute=1, redis_url=redis.url) as client:
        assert (await rest(client)).status == 200
        assert (await rest(client)).status == 429
        getattr(redis, how)()
        monkeypatch.setattr(throttling, "_REDIS_TIMEOUT_SECONDS", _LITTLE_SECONDS)
        with capture_logs() as lines:
            # No request may wait for Redis.
            async with asyncio.timeout(PATIENCE_SECONDS / 2):
                responses = await asyncio.gather(*(rest(client) for _ in range(20)), graphql(client))
        assert {response.status for response in responses} == {200}
        assert not [name for name in responses[0].headers if name.startswith("RateLimit")]
        told = [line for line in lines if line["event"] == "throttle.unavailable"]
        assert told
        assert {line["log_level"] for line in told} == {"error"}
        assert PASSWORD not in repr(lines)


async def test_redis_that_comes_back_counts_again(
    serve: Serve, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "_REDIS_PAUSE_SECONDS", 0.0)
    async with serve(rate_limits=True, rate_limit_per_minute=1, redis_url=redis.url) as client:
        assert (await rest(client)).status == 200
        redis.hang()
        monkeypatch.setattr(throttling, "_REDIS_TIMEOUT_SECONDS", _LITTLE_SECONDS)
        assert (await rest(client)).status == 200
        redis.go_on()
        monkeypatch.setattr(throttling, "_REDIS_TIMEOUT_SECONDS", PATIENCE_SECONDS)
        assert (await rest(client)).status == 429


async def test_redis_is_left_alone_for_a_while(
    serve: Serve, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "_REDIS_PAUSE_SECONDS", 3600.0)
    async with serve(rate_limits=True, redis_url=redis.url) as client:
        redis.stop()
        with capture_logs() as lines:
            for _ in range(5):
                assert (await rest(client)).status == 200
        assert [line["event"] for line in lines].count("throttle.unavailable") == 1


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(f"redis://:{PASSWORD}#2@host:6379/0", id="unescaped password"),
        pytest.param(f"redis://:{PASSWORD}@host:port/0", id="no port"),
        pytest.param(f"http://:{PASSWORD}@host/", id="another scheme"),
        pytest.param(f"redis://:{PASSWORD}@host/?socket_timeout={PASSWORD}", id="bad option"),
    ],
)
def test_wrong_redis_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        load_settings(redis_url=url)
    assert refused.value.problems == ["GATEWAY_REDIS_URL: is no Redis URL, as redis://host:6379/0"]
    assert PASSWORD not in repr(refused.value)


def test_redis_url_is_not_shown() -> None:
    assert PASSWORD not in repr(load_settings(redis_url=f"redis://:{PASSWORD}@host/0"))
