"""Runs the audits of the npm package `graphql-http`: GraphQL over HTTP, as the authors of its specification test it."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any, Final

NODE_FOLDER: Final = Path(__file__).parents[1] / "node"


async def run_audits(node: Path, url: str) -> list[dict[str, Any]]:
    """For each audit of the service at `url` its `name` and `status`, and where that is not `ok` the reason."""
    process = await asyncio.create_subprocess_exec(node, NODE_FOLDER / "audits.mjs", url, stdout=PIPE)
    out, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError("audits.mjs failed")
    return [json.loads(line) for line in out.splitlines()]
