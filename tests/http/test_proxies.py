"""Links behind a proxy: what it forwards counts only where it is trusted."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any, Final

import pytest

from gateway.http.proxies import is_within
from tests.conftest import Serve
from tests.http.raw import port_of
from tests.http.routes import ROUTES, Folders

FORWARDED: Final = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "folders.example"}
HOST: Final = {"Host": "asked.example"}


async def link(serve: Serve, headers: dict[str, str], trusted: list[str]) -> Any:
    """Where `next` leads without its path; the status where there is no list."""
    async with serve(trusted_proxies=trusted) as client:
        folders = Folders(client, ROUTES[1])
        for folder_type in ("home", "pinned"):
            await folders.create(type=folder_type)
        answer = await folders.ask(rest="?limit=1", headers=headers)
        if answer.status != 200:
            return answer.status
        port = await port_of(client)
        base, path = answer.json["next"].split("/api/", 1)
        assert path == "projects/1/persisted_folder/?limit=1&offset=1"
        return base.replace(str(port), "PORT")


@pytest.mark.parametrize(
    ("trusted", "headers", "expected"),
    [
        pytest.param([], HOST, "http://asked.example", id="the client's host"),
        pytest.param([], {**HOST, **FORWARDED}, "http://asked.example", id="nobody is trusted"),
        pytest.param(["10.0.0.0/8", "::1/128"], {**HOST, **FORWARDED}, "http://asked.example", id="others are"),
        pytest.param(["127.0.0.0/8"], {**HOST, **FORWARDED}, "https://folders.example", id="this one is"),
        pytest.param(["127.0.0.1"], {**HOST, **FORWARDED}, "https://folders.example", id="by its address"),
        pytest.param(["127.0.0.1"], {**HOST, "X-Forwarded-Proto": "https"}, "https://asked.example", id="scheme only"),
        pytest.param(["127.0.0.1"], {**HOST, "X-Forwarded-Host": "a.example:8443"}, "http://a.example:8443", id="port"),
        pytest.param(
            ["127.0.0.1"], {**HOST, "X-Forwarded-Host": "a.example, b.internal"}, "http://a.example", id="chain"
        ),
        pytest.param(
            ["127.0.0.1"], {**HOST, "X-Forwarded-Proto": "HTTPS, http"}, "https://asked.example", id="schemes"
        ),
        pytest.param(
            ["127.0.0.1"], {**HOST, "X-Forwarded-Proto": "javascript"}, "http://asked.example", id="no scheme"
        ),
        pytest.param(["127.0.0.1"], {**HOST, "X-Forwarded-Host": "a/b"}, 400, id="no host"),
        pytest.param([], {"Host": "[::1]:8000"}, "http://[::1]:8000", id="IPv6"),
        pytest.param([], {"Host": "a@b"}, 400, id="no host, from the client"),
        pytest.param([], {}, "http://127.0.0.1:PORT", id="as it is"),
    ],
)
async def test_base_of_links(serve: Serve, trusted: list[str], headers: dict[str, str], expected: str | int) -> None:
    assert await link(serve, headers, trusted) == expected


async def test_path_of_links_is_escaped(serve: Serve) -> None:
    """A digit of another script is a number too, and no character of a URL."""
    async with serve() as client:
        folders = Folders(client, ROUTES[0], "%D9%A1")
        for folder_type in ("home", "pinned"):
            await folders.create(type=folder_type)
        answer = await folders.ask(rest="?limit=1")
        assert "/api/environments/%D9%A1/persisted_folder/?limit=1" in answer.json["next"]
        async with client.get(answer.json["next"], headers={"Authorization": f"Bearer {folders.key}"}) as response:
            assert response.status == 200


def test_who_has_no_address_is_in_no_network() -> None:
    """As of a connection that is gone by now."""
    assert not is_within((ip_network("0.0.0.0/0"), ip_network("::/0")), None)
