"""`gateway serve --workers`: several processes on one port, real ones."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import resource
import shutil
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import ClientConnectionError, ClientSession
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from gateway.cli.running import _shared_figures, supervise
from gateway.settings import load_settings
from tests.databases import DatabaseServer, SQLiteServer
from tests.keys import ADA, bearer
from tests.patience import PATIENCE_SECONDS
from tests.processes import Running, gateway, running
from tests.subscriptions import until
from tests.test_server import FOLDERS, Stuck

# Of the service: what waits is not given up.
_PATIENT: Final = {"shutdown_timeout": PATIENCE_SECONDS}


@pytest.fixture
def database_server(sqlite: SQLiteServer) -> DatabaseServer:
    """Which one it is makes no difference here, but that a file can be taken away."""
    return sqlite


def workers_of(service: Running) -> list[int]:
    children = Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text()
    return [int(pid) for pid in children.split()]


async def until_serving(service: Running, times: int) -> None:
    await service.wait_for(re.compile(rb'("event":"serving".*){%d}' % times, re.DOTALL))


async def get(service: Running, path: str = FOLDERS, **options: Any) -> str:
    """Over a connection of its own."""
    async with ClientSession() as client, client.get(service.address + path, headers=bearer(ADA), **options) as answer:
        assert answer.status == 200
        return await answer.text()


def is_running(pid: int) -> bool:
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def descriptors(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def only_entry(folder: Path) -> Path:
    (entry,) = folder.iterdir()
    return entry


def take_away(path: Path) -> Callable[[], None]:
    """Returns what brings it back; what was made in its place is thrown away."""
    away = path.rename(path.with_suffix(".away"))

    def bring_back() -> None:
        for made in path.parent.glob(path.name + "*"):
            made.unlink()
        away.rename(path)

    return bring_back


@pytest.mark.parametrize("arguments", [("serve", "--workers", "3"), ("serve",)], ids=["option", "setting"])
async def test_connections_are_spread(database_url: str, arguments: tuple[str, ...]) -> None:
    setting = {} if "--workers" in arguments else {"workers": 3}
    async with running(*arguments, database_url=database_url, **setting) as service:
        await until_serving(service, 3)
        workers = workers_of(service)
        assert len(workers) == 3
        before = {pid: descriptors(pid) for pid in workers}
        async with AsyncExitStack() as stack:
            port = int(service.address.rpartition(":")[2])
            for _ in range(90):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                stack.callback(writer.close)
            await until(lambda: all(descriptors(pid) > before[pid] for pid in workers))
        service.send_signal(signal.SIGTERM)
        assert await service.ended() == 0
    assert workers_of_ended(service) == 3


def workers_of_ended(service: Running) -> int:
    return len(re.findall(rb'"code":0,"event":"worker.ended","level":"info"', service.err))


async def test_a_worker_that_ends_is_replaced(database_url: str) -> None:
    async with running("serve", "--workers", "2", database_url=database_url) as service:
        await until_serving(service, 2)
        first = workers_of(service)
        os.kill(first[0], signal.SIGKILL)
        await service.wait_for(re.compile(rb'"code":-9,"event":"worker.ended","level":"error"'))
        await until_serving(service, 3)
        assert len(workers_of(service)) == 2
        assert first[0] not in workers_of(service)
        for _ in range(20):
            await get(service)


async def test_a_worker_that_hangs_is_replaced(database_url: str) -> None:
    async with running("serve", "--workers", "2", database_url=database_url, worker_timeout=3) as service:
        await until_serving(service, 2)
        hung, other = workers_of(service)
        os.kill(hung, signal.SIGSTOP)
        await service.wait_for(re.compile(rb'"worker":%d,"event":"worker.hangs"' % hung))
        await until_serving(service, 3)
        assert hung not in workers_of(service)
        # It was told about all the time.
        assert other in workers_of(service)
        for _ in range(20):
            await get(service)


async def test_a_pause_of_all_is_no_hang(database_url: str) -> None:
    """Such as Ctrl+Z, or the machine's own."""
    async with running("serve", "--workers", "2", database_url=database_url, worker_timeout=3) as service:
        await until_serving(service, 2)
        workers = workers_of(service)
        everyone = [service.pid, *workers]
        for each in everyone:
            os.kill(each, signal.SIGSTOP)
        await asyncio.sleep(4)
        for each in everyone:
            os.kill(each, signal.SIGCONT)
        for _ in range(20):
            await get(service)
        # What hangs is noticed still.
        os.kill(workers[0], signal.SIGSTOP)
        await service.wait_for(re.compile(rb'"worker":%d,"event":"worker.hangs"' % workers[0]))
        assert service.err.count(b"worker.hangs") == 1


async def test_a_worker_that_cannot_start_again_is_tried_until_it_can(database_url: str) -> None:
    path = Path(database_url.partition("///")[2])
    async with running("serve", "--workers", "2", database_url=database_url) as service:
        await until_serving(service, 2)
        bring_back = take_away(path)
        os.kill(workers_of(service)[0], signal.SIGKILL)
        await service.wait_for(re.compile(rb'("code":1,"event":"worker.ended".*){2}', re.DOTALL))
        # The other one goes on.
        await get(service, "/health/live")
        bring_back()
        await until_serving(service, 3)
        assert len(workers_of(service)) == 2


async def test_workers_end_with_their_supervisor(database_url: str) -> None:
    async with running("serve", "--workers", "2", database_url=database_url) as service:
        await until_serving(service, 2)
        workers = workers_of(service)
        service.send_signal(signal.SIGKILL)
        await until(lambda: not any(map(is_running, [service.pid, *workers])))


async def test_they_are_drained_one_by_one(database_url: str) -> None:
    """While one lets its requests end, the other takes new ones."""
    options = {"database_url": database_url, **_PATIENT}
    async with running("serve", "--workers", "2", **options) as service:
        await until_serving(service, 2)
        stuck = Stuck(database_url)
        # One for each worker, for sure.
        requests = [await stuck.request(service) for _ in range(40)]
        service.send_signal(signal.SIGTERM)
        await service.wait_for(re.compile(rb'"event":"stopping"'))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                # One that comes in the moment before the port is closed is lost: it was given to the one that stops.
                with suppress(ClientConnectionError):
                    await get(service, "/health/live")
                    break
        assert service.err.count(b'"event":"stopping"') == 1
        await stuck.release()
        for answer in await asyncio.gather(*requests):
            assert answer.startswith(b"HTTP/1.1 201 ")
        assert await service.ended() == 0
        assert service.err.count(b'"event":"stopping"') == 2


async def test_a_second_signal_ends_all_at_once(database_url: str) -> None:
    options = {"database_url": database_url, **_PATIENT}
    async with running("serve", "--workers", "2", **options) as service:
        await until_serving(service, 2)
        stuck = Stuck(database_url)
        requests = [await stuck.request(service) for _ in range(40)]
        service.send_signal(signal.SIGTERM)
        await service.wait_for(re.compile(rb'"event":"stopping"'))
        service.send_signal(signal.SIGINT)
        await service.wait_for(re.compile(rb'("event":"stopping".*){2}', re.DOTALL))
        await stuck.release()
        await asyncio.gather(*requests)
        assert await service.ended() == 0


async def test_what_keeps_the_first_from_serving_is_told_once(sqlite: SQLiteServer) -> None:
    result = await gateway("serve", "--workers", "3", database_url=sqlite.create_empty(), port=0, log_level="error")
    assert result.code == 1
    told = [line for line in result.err.splitlines() if not line.startswith("{")]
    assert told == ["The database is not at the schema of this version. Run: gateway migrate"]
    assert "Traceback" not in result.err


@pytest.mark.parametrize("first", [1, 2])
@pytest.mark.parametrize("second", [1, 2])
async def test_two_services_do_not_share_a_port(database_url: str, first: int, second: int) -> None:
    async with running("serve", database_url=database_url, workers=first) as service:
        port = int(service.address.rpartition(":")[2])
        result = await gateway("serve", database_url=database_url, workers=second, port=port)
        assert (result.code, result.out) == (1, "")
        assert result.err.startswith("Cannot listen: ")


async def test_metrics_are_of_all_workers(database_url: str) -> None:
    async with running("serve", "--workers", "2", database_url=database_url, metrics=True) as service:
        await until_serving(service, 2)
        for _ in range(30):
            await get(service)
        # What a worker counted outlives it; what it had under way does not.
        os.kill(workers_of(service)[0], signal.SIGKILL)
        await until_serving(service, 3)
        for _ in range(10):
            figures = {
                sample.name: sample.value
                for family in text_string_to_metric_families(await get(service, "/metrics"))
                for sample in family.samples
                if sample.labels.get("route", "/api/projects/{place}/persisted_folder/").startswith("/api/")
            }
            assert figures["gateway_requests_total"] == 30
            assert figures["gateway_requests_under_way"] == 1, "this one"


@pytest.mark.parametrize("trouble", ["gone", "too small"])
async def test_trouble_with_the_figures_keeps_nobody_from_serving(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trouble: str
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    async with running("serve", "--workers", "2", database_url=database_url, metrics=True) as service:
        await until_serving(service, 2)
        figures = only_entry(tmp_path)
        before = workers_of(service)
        if trouble == "gone":
            shutil.rmtree(figures)
        else:
            # What a worker may write to a file is less than what it would count in.
            resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        for number in range(20):
            # Each is a series of its own, or several.
            await asyncio.gather(get(service), get(service, "/health/live"), get(service, f"/openapi.json?{number}"))
        os.kill(before[0], signal.SIGKILL)
        await service.wait_for(re.compile(rb'"event":"metrics.off"'))
        await until_serving(service, 3)
        for _ in range(20):
            await get(service)
        assert before[1] in workers_of(service)


def test_a_file_of_figures_that_cannot_be_removed_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("prometheus_client.multiprocess.mark_process_dead", refuse)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    with capture_logs() as logs, _shared_figures() as note_end:
        note_end(1)
    assert [(each["event"], each["reason"]) for each in logs] == [("metrics.not_removed", "Read-only file system")]


def test_a_folder_for_figures_that_cannot_be_made_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(SystemExit) as ended:
        supervise(load_settings(workers=2, metrics=True, port=0))
    assert ended.value.code == 1
    assert capsys.readouterr().err == (
        "Cannot make the temporary folder in which workers share their figures: No such file or directory\n"
    )


async def test_rate_limits_need_redis(database_url: str) -> None:
    result = await gateway("serve", "--workers", "2", database_url=database_url, rate_limits=True)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("GATEWAY_WORKERS: ")
    assert "GATEWAY_REDIS_URL" in result.err


async def test_a_change_reaches_subscribers_of_another_worker(database_url: str) -> None:
    query = 'subscription { persistedFolderChanged(projectId: "1") { persistedFolder { path } } }'
    headers = {**bearer(ADA), "Accept": "text/event-stream"}
    async with (
        running("serve", "--workers", "3", database_url=database_url) as service,
        ClientSession() as client,
        client.post(f"{service.address}/graphql", json={"query": query}, headers=headers) as stream,
    ):
        await until_serving(service, 3)
        for number in range(9):
            body = {"type": "home", "path": f"number {number}"}
            async with (
                ClientSession() as another,
                another.post(service.address + FOLDERS, json=body, headers=bearer(ADA)) as answer,
            ):
                assert answer.status == 201
        received = b""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while b'"number 8"' not in received:
                received += await stream.content.readany()
    assert re.findall(rb'"number (\d)"', received) == [b"%d" % number for number in range(9)]
