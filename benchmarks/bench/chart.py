"""The figures as a picture, for the README: requests per second of each server, on PostgreSQL."""

from __future__ import annotations

from html import escape
from typing import Final

from benchmarks.bench.operations import Operation
from benchmarks.bench.results import Measured
from benchmarks.bench.servers import GATEWAY, HANDWRITTEN, MERCURIUS, STRAWBERRY

_NAMES: Final = {
    GATEWAY: "This service",
    HANDWRITTEN: "by hand, no GraphQL",
    MERCURIUS: "Mercurius + JIT",
    "yoga": "GraphQL Yoga",
    "postgraphile": "PostGraphile 5",
    "ariadne": "Ariadne + caches",
    STRAWBERRY: "Strawberry, ORM",
}
_PANELS: Final = {
    Operation.A: "A list of three folders",
    Operation.C: "A dashboard of twenty lists",
}
_WIDTH: Final = 760
_LEFT: Final = 170
_RIGHT: Final = 80
_LINE: Final = 24
_BAR: Final = 16
# Both themes of a page: the picture has no background of its own.
_STYLE: Final = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.end { text-anchor: end }
.bar { fill: #8c959f }
.own { fill: #0969da }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .bar { fill: #6e7681 }
  .own { fill: #58a6ff }
}
"""


def draw(measured: Measured) -> str:
    parts: list[str] = []
    y = 0
    for operation, title in _PANELS.items():
        rounds = measured.rounds[operation]
        y += _LINE
        parts.append(f'<text class="title" x="0" y="{y - 6}">{escape(title)}, requests per second</text>')
        most = max(each.per_second for each in rounds.values())
        for name, found in sorted(rounds.items(), key=lambda each: -each[1].per_second):
            width = max(1, round(found.per_second / most * (_WIDTH - _LEFT - _RIGHT)))
            kind = "bar own" if name == GATEWAY else "bar"
            middle = y + _BAR - 3
            parts += [
                f'<text class="end" x="{_LEFT - 8}" y="{middle}">{escape(_NAMES[name])}</text>',
                f'<rect class="{kind}" x="{_LEFT}" y="{y}" width="{width}" height="{_BAR}" rx="2"/>',
                f'<text x="{_LEFT + width + 6}" y="{middle}">{found.per_second:,.0f}</text>',
            ]
            y += _LINE
        y += _LINE // 2
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" width="{_WIDTH}" height="{y}" role="img">'
    )
    title = "<title>Requests per second of this service and its peers, on PostgreSQL</title>"
    return "\n".join([head, title, f"<style>{_STYLE}</style>", *parts, "</svg>"]) + "\n"
