"""The Dockerfile and compose.yaml, as far as they can be held to the service without an engine that runs them."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from sqlalchemy.engine import make_url

from gateway.cli import main
from gateway.settings import PREFIX, Settings, load_settings
from tests.components import missing, require_program
from tests.patience import PATIENCE_SECONDS, PATIENT
from tests.processes import environment, running

ROOT: Final = Path(__file__).parent.parent
KNOWN: Final = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}


def instructions() -> list[list[tuple[str, str]]]:
    """Those of each stage, in order."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    found = [tuple(line.split(None, 1)) for line in text.splitlines() if line and not line.startswith("#")]
    stages: list[list[tuple[str, str]]] = []
    for name, rest in found:
        if name == "FROM":
            stages.append([])
        stages[-1].append((name, rest))
    return stages


def all_of(stage: list[tuple[str, str]], name: str) -> list[str]:
    return [rest for each, rest in stage if each == name]


def variables(stage: list[tuple[str, str]]) -> dict[str, str]:
    return dict(pair.split("=", 1) for rest in all_of(stage, "ENV") for pair in shlex.split(rest))


def test_what_is_copied_is_there_and_not_ignored() -> None:
    build, service = instructions()
    sources = {source for rest in all_of(build, "COPY") for source in rest.split()[:-1]}
    assert {"gateway", "schema", "pyproject.toml", "requirements.txt"} <= sources
    kept = {
        line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    assert kept == sources
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    for source in sources:
        assert any(path == source or path.startswith(f"{source}/") for path in tracked), source
    (copied,) = all_of(service, "COPY")
    assert copied == "--from=build /opt/gateway /opt/gateway"
    assert build[0] == ("FROM", f"{build[0][1].split()[0]} AS build")


def test_the_service_runs_as_a_numbered_user_that_is_not_root() -> None:
    _, service = instructions()
    assert all(re.fullmatch(r"[1-9]\d*:[1-9]\d*", user) for user in all_of(service, "USER"))
    user = all_of(service, "USER")[-1].partition(":")[0]
    assert f"--uid {user} " in all_of(service, "RUN")[0]


def test_its_variables_are_settings_that_are_right(monkeypatch: pytest.MonkeyPatch) -> None:
    _, service = instructions()
    given = {name: value for name, value in variables(service).items() if name.startswith(PREFIX)}
    assert set(given) <= KNOWN
    for name in KNOWN:
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert [str(settings.port)] == all_of(service, "EXPOSE")
    (volume,) = all_of(service, "VOLUME")
    assert Path(make_url(settings.database_url.get_secret_value()).database or "").parent == Path(volume)


def test_it_starts_a_command_that_there_is() -> None:
    _, service = instructions()
    (entry,), (command,) = all_of(service, "ENTRYPOINT"), all_of(service, "CMD")
    assert json.loads(entry) == ["gateway"]
    assert json.loads(command)[0] in main.commands


async def test_the_health_check_tells_a_service_that_works_from_one_that_does_not(database_url: str) -> None:
    _, service = instructions()
    (check,) = all_of(service, "HEALTHCHECK")
    program, *arguments = json.loads(check.partition("CMD ")[2])
    assert program == "python"

    def code(port: str) -> int:
        command = [sys.executable, *arguments]
        return subprocess.run(command, env=environment({"port": port}), capture_output=True, check=False).returncode

    async with running("serve", database_url=database_url) as started:
        port = started.address.rpartition(":")[2]
        assert code(port) == 0
    assert code(port) == 1


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_signal_ends_what_is_still_starting(command: str) -> None:
    """Process 1, which the command is in a container, has no handlers but its own."""
    unshare = [require_program("unshare"), "--pid", "--fork", "--kill-child"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        missing("this user may not make a namespace of processes")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE_SECONDS / 2)
        url = f"postgresql+asyncpg://ada@127.0.0.1:{silent.getsockname()[1]}/name"
        arguments = [*unshare, sys.executable, "-m", "gateway", command]
        with subprocess.Popen(arguments, env=environment({**PATIENT, "database_url": url, "port": 0})) as process:
            try:
                connection, _ = silent.accept()
                with connection:
                    (first,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
                    os.kill(int(first), signal.SIGTERM)
                    assert process.wait(PATIENCE_SECONDS / 2) == 128 + signal.SIGTERM
            finally:
                process.kill()


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_read_only_file_system_is_enough(database_url: str, tmp_path: Path, workers: int) -> None:
    """Beside the database nothing is opened for writing: no cache, no file of compiled Python, no log."""
    trace = tmp_path / "opened"
    program = (
        "import sys\n"
        f"log = open({str(trace)!r}, 'a')\n"
        "def hook(event, arguments):\n"
        "    if event == 'open' and isinstance(arguments[2], int) and arguments[2] & 3 and arguments[0] != '/dev/null':\n"
        "        log.write(str(arguments[0]) + '\\n'); log.flush()\n"
        "    if event in ('os.mkdir', 'os.rename', 'os.remove', 'tempfile.mkstemp', 'tempfile.mkdtemp'):\n"
        "        log.write(event + '\\n'); log.flush()\n"
        "sys.addaudithook(hook)\n"
    )
    (tmp_path / "sitecustomize.py").write_text(program)
    _, service = instructions()
    names = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
    before = {name: os.environ.get(name) for name in (*names, "PYTHONPATH")}
    os.environ |= {name: variables(service)[name] for name in names} | {"PYTHONPATH": str(tmp_path)}
    try:
        async with running("serve", database_url=database_url, workers=workers):
            pass
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
    assert trace.read_text() == ""


def compose() -> Any:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def test_compose_names_settings_that_there_are() -> None:
    for name, service in compose()["services"].items():
        given = {each for each in service["environment"] if each.startswith(PREFIX)}
        assert given <= KNOWN, name
        if service.get("build"):
            assert f"{PREFIX}DATABASE_URL" in given
            assert service["command"][0] in main.commands if "command" in service else True
            assert service["read_only"] is True


def test_compose_migrates_before_it_serves_and_holds_no_secret() -> None:
    document = compose()
    services = document["services"]
    assert services["gateway"]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for service in services.values():
        for name, value in service["environment"].items():
            if "PASSWORD" in name or "SECRET" in name or "URL" in name:
                assert "${" in value, name
    mounted = {volume.partition(":")[0] for volume in services["postgres"]["volumes"]}
    assert mounted == set(document["volumes"])
    timeout = Settings.model_fields["shutdown_timeout"].default
    assert int(services["gateway"]["stop_grace_period"].removesuffix("s")) > timeout


def test_compose_settings_are_right_where_only_the_password_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KNOWN:
        monkeypatch.delenv(name, raising=False)
    for name, value in compose()["services"]["gateway"]["environment"].items():
        # ${NAME:?text} and ${NAME:-default}, as compose fills them in.
        filled = re.sub(r"\$\{(\w+):([?-])([^}]*)\}", lambda m: "s3cret" if m[2] == "?" else m[3], value)
        monkeypatch.setenv(name, filled)
    settings = load_settings()
    url = make_url(settings.database_url.get_secret_value())
    assert (url.drivername, url.username, url.password, url.host) == (
        "postgresql+asyncpg",
        "gateway",
        "s3cret",
        "postgres",
    )
    services = compose()["services"]
    assert services["postgres"]["environment"]["POSTGRES_USER"] == url.username
    assert services["postgres"]["environment"]["POSTGRES_DB"] == url.database
