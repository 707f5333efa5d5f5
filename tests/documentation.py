"""The Markdown of this repository, read as a test reads it: blocks, links, headings.

What a fenced block of README.md and docs/clients/ stands for:

- `graphql`: an operation, sent with the demo's key. A block `json variables` below it has its variables.
- `sh`: commands for a shell: `curl`, `gateway`, `make`, or `npx` with a program of tests/clients.
- `js`: a program for Node.js, with the packages of tests/clients.
- any with a name behind its language, as `js client.mjs`: a file beside what is run below it.
- `json` or `text` below one of these: the answer. Ids, times, cursors and keys may be others, each always the same other.
- any other, or one that cannot be run: a comment above it says why, as `<!-- not run: it needs a browser -->`.
"""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from schema.ids import parse_node_id

ROOT: Final = Path(__file__).parents[1]
ADDRESS: Final = "http://127.0.0.1:8000"
_SOCKET_ADDRESS: Final = ADDRESS.replace("http", "ws")

_FENCE: Final = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
# Pages show keys without the right checksum, or secret scanners would report them.
_MADE_KEY: Final = re.compile(r"phx_[0-9A-Za-z]{36}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9:.+/=_-]{20,}")
# In hexadecimal, at the beginning of a cursor.
_MAC: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; `file` is its name where it is one, and `reason` says why it is not run, where it is not."""

    language: str
    text: str
    line: int
    reason: str | None
    file: str | None = None


def pages() -> list[Path]:
    """Every Markdown file that is not somebody else's."""
    skipped = {"node_modules", "build", "dist"}
    return sorted(
        path
        for path in ROOT.rglob("*.md")
        if not any(part.startswith(".") or part in skipped for part in path.relative_to(ROOT).parts)
    )


def page_name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for match in _FENCE.finditer(text):
        line = text.count("\n", 0, match.start("info")) + 1
        language, _, file = match["info"].strip().partition(" ")
        if "." in file:
            yield Block(language, match["text"], line, match["reason"], file)
        else:
            yield Block(match["info"].strip(), match["text"], line, match["reason"])


def prose(page: Path) -> str:
    """The page without its blocks."""
    return _FENCE.sub("", page.read_text())


def links(page: Path) -> Iterator[tuple[str, str]]:
    """The path and the anchor of each link within the repository, and of each image; either may be empty."""
    for match in _LINK.finditer(prose(page)):
        target = match[1]
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            yield unquote(path), anchor


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives to the headings."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.+?) *$", prose(page), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        number, name = 0, slug
        while name in found:
            number += 1
            name = f"{slug}-{number}"
        found.add(name)
    return found


def commands(text: str) -> list[str]:
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip() and not line.startswith("#")]


def make_targets(text: str) -> set[str]:
    """What a block of `sh` makes."""
    words = [[word for word in shlex.split(line) if "=" not in word] for line in commands(text)]
    return {target for line in words if line[0] == "make" for target in line[1:]}


def known_targets() -> set[str]:
    """Of the Makefile."""
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


class Likeness:
    """Compares what a page shows with what the service answers.

    Ids, times, cursors and new keys differ from run to run. Each must be of the same kind as on the
    page, and what the page shows twice must be the same twice: then a later request of the page can
    be sent with the real ones in place.
    """

    def __init__(self, address: str) -> None:
        self._real = {ADDRESS: address, _SOCKET_ADDRESS: address.replace("http", "ws")}

    def request(self, text: str) -> str:
        """What a reader with this service before him would send."""
        for shown, real in self._real.items():
            text = text.replace(shown, real)
        return text

    def check(self, shown: Any, real: Any, place: str = "the answer") -> None:
        if isinstance(shown, dict) and isinstance(real, dict):
            assert list(shown) == list(real), f"{place}: other members"
            for name in shown:
                self.check(shown[name], real[name], f"{place}.{name}")
        elif isinstance(shown, list) and isinstance(real, list):
            assert len(shown) == len(real), f"{place}: {len(real)} items, not {len(shown)}"
            for index, (left, right) in enumerate(zip(shown, real, strict=True)):
                self.check(left, right, f"{place}[{index}]")
        elif isinstance(shown, str) and isinstance(real, str):
            self._check_text(shown, real.replace(self._real[ADDRESS], ADDRESS), place)
        else:
            assert (type(shown), shown) == (type(real), real), place

    def _check_text(self, shown: str, real: str, place: str) -> None:
        assert _TOKEN.sub("_", shown) == _TOKEN.sub("_", real), place
        for left, right in zip(_TOKEN.findall(shown), _TOKEN.findall(real), strict=True):
            kind = _kind(left)
            if kind is None:
                assert left == right, place
                continue
            assert kind == _kind(right), f"{place}: {right} is no {kind}"
            known = self._real.setdefault(left, right)
            assert known == right, f"{place}: {left} stood for {known} before"
            others = [name for name, value in self._real.items() if value == right and name != left]
            assert not others, f"{place}: the page has {others} for the same {kind}"


def _kind(token: str) -> str | None:
    """What a text is that differs from run to run; None where it must not differ."""
    for name, pattern in (("UUID", _UUID), ("time", _TIME), ("key", _MADE_KEY)):
        if pattern.fullmatch(token):
            return name
    node = parse_node_id(token)
    if node is not None and _UUID.fullmatch(node[1]):
        return f"id of a {node[0]}"
    mac = _MAC.match(token)
    if mac is None:
        return None
    key = token[mac.end() :]
    try:
        payload = base64.urlsafe_b64decode(key + "=" * (-len(key) % 4)).decode()
    except ValueError:
        return None
    return f"cursor at {payload}" if payload.startswith("[") and payload.endswith("]") else None
