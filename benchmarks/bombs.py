"""`make bombs`: what a hostile document costs, beside an ordinary one of its size.

Each kind of document is made at 10 kB and at 1 MiB, and read as a request reads it: parsed, measured,
validated, its error rendered. The figures are milliseconds of CPU, the median of several runs. Most
kinds come twice: one that grows without regard to any limit, and one as large as the limits let it be,
filled up with spaces.

Exits with 1 where a document that is refused costs more than 20 ms at 10 kB or 100 ms at 1 MiB, or
one that is read to the end more than three times an ordinary one.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable
from itertools import groupby
from typing import Final, NamedTuple

import click
from graphql import GraphQLSchema, get_introspection_query

from gateway.app import graphql_limits
from gateway.http.graphql.documents import Documents
from gateway.http.graphql.errors import TOO_COMPLEX, RequestRefused
from gateway.http.json import encode_json
from gateway.settings import load_settings
from schema.connections import MAX_PAGE_SIZE
from schema.forecast import OperationForecast
from schema.schema import build_schema

_SIZES: Final = (10_000, 1 << 20)
_REFUSED_MILLISECONDS: Final = (20, 100)
ORDINARY: Final = "an ordinary one of 1,900 tokens"
_ORDINARY_TIMES: Final = 3
_RUNS: Final = 5

Make = Callable[[int], str]

_SELECTION: Final = """{
  persistedFolders {
    edges { cursor node { id type protocol path createdAt updatedAt } }
    pageInfo { hasNextPage endCursor }
    totalCount
  }
}"""


def many(text: str, count: int, separator: str = " ") -> str:
    """`text` with each `%` replaced by a number that counts up."""
    return separator.join(text.replace("%", str(n)) for n in range(count))


def fragments(body: str, count: int, last: str) -> str:
    """Fragments F0, F1, ... on Viewer; `+` in a body is the number of the next."""
    links = (f"fragment F{n} on Viewer{{{body.replace('+', str(n + 1))}}}" for n in range(count))
    return " ".join([*links, f"fragment F{count} on Viewer{{{last}}}"])


def nested(opening: str, inner: str, closing: str, count: int) -> str:
    return opening * count + inner + closing * count


def ordinary(_: int) -> str:
    return many(f"query Q% {_SELECTION}", 55)


# Over: grows with the size. Under: the most that the limits let through, whatever the size.
_KINDS: Final[dict[str, Make]] = {
    "commas": lambda size: "{viewer{id}" + "," * size + "}",
    "empty lines": lambda size: "{viewer{id}" + "\n" * size + "}",
    "lines of two characters": lambda size: "{viewer{id}" + "\r\n" * (size // 2) + "}",
    "lines before an error": lambda size: "\n" * size + "{viewer{i}}",
    "lines before five errors": lambda size: "\n" * size + "{viewer{i" + many(" e%", 5) + "}}",
    "lines before a syntax error": lambda size: "\n" * size + "{viewer{i}",
    "byte order marks": lambda size: "{viewer{id}" + "\ufeff" * (size // 3) + "}",
    "comments": lambda size: "{viewer{id}" + "#\n" * (size // 2) + "}",
    "one long comment": lambda size: "{viewer{id}#" + "x" * size + "\n}",
    "comment that ends in half a character": lambda size: "{viewer{id}#" + "x" * size + "\ud800",
    "one long name": lambda size: "{" + "a" * size + "}",
    "names of 400 characters": lambda size: "{viewer{" + many("%" .rjust(400, "x"), size // 401) + "}}",
    "fragments with long names": lambda size: "{viewer{" + many("..." + "%".rjust(380, "x"), size // 384) + "}}",
    "names that are alike": lambda size: "{viewer{" + many("persistedFolderss%", size // 20) + "}}",
    "types that are alike": lambda size: "{viewer{" + many("...on PersistedFolderConnectio%{id}", size // 40) + "}}",
    "one long number": lambda size: "{node(id:" + "1" * size + "){id}}",
    "number that goes wrong at its end": lambda size: "{node(id:" + "1" * size + "x){id}}",
    "one long string": lambda size: '{node(id:"' + "x" * size + '"){id}}',
    "unterminated string": lambda size: '{node(id:"' + "x" * size,
    "string of escapes": lambda size: '{node(id:"' + r"\n" * (size // 2) + '"){id}}',
    "string of unicode escapes": lambda size: '{node(id:"' + r"\u{41}" * (size // 6) + '"){id}}',
    "string of surrogate escapes": lambda size: '{node(id:"' + r"\ud83d\ude00" * (size // 12) + '"){id}}',
    "block string of lines": lambda size: '{node(id:"""' + "\n" * size + '"""){id}}',
    "block string of spaces": lambda size: '{node(id:"""' + " " * size + '"""){id}}',
    "block string of quotes": lambda size: '{node(id:"""' + '\\"""' * (size // 4) + '"""){id}}',
    "unterminated block string": lambda size: '{node(id:"""' + '" ' * (size // 2),
    "strings, as many as allowed": lambda _: "{viewer{" + many('persistedFolders(after:"' + "x" * 300 + '"){totalCount}', 200) + "}}",
    "one field, over": lambda size: "{viewer{" + "id " * (size // 3) + "}}",
    "one field, under": lambda _: "{viewer{" + "id " * 1900 + "}}",
    "one object, under": lambda _: "{viewer{" + "environments{nodes{id}} " * 230 + "}}",
    "one field with arguments, under": lambda _: "{viewer{" + "persistedFolders(first:5,types:[HOME]){totalCount} " * 120 + "}}",
    "fields that conflict": lambda _: "{viewer{" + many("persistedFolders(first:%){totalCount}", 190) + "}}",
    "unknown fields, over": lambda size: "{" + many("viewr%", size // 8) + "}",
    "unknown fields, under": lambda _: "{viewer{" + many("emal%", 1900) + "}}",
    "aliases, over": lambda size: "{" + many("a%:__typename", size // 16) + "}",
    "aliases in a fragment": lambda size: "{viewer{...F ...F}} fragment F on Viewer{" + many("a%:id", size // 8) + "}",
    "root fields": lambda size: "{" + "viewer{id} " * (size // 11) + "}",
    "depth": lambda size: "{viewer{currentEnvironment" + nested("{project{primaryEnvironment", "{id}", "}}", size // 30) + "}}",
    "inline fragments, over": lambda size: "{viewer" + nested("{...on Viewer", "{id}", "}", size // 14) + "}",
    "inline fragments, beside each other": lambda _: "{viewer{" + "...on Viewer{environments{nodes{id}}} " * 140 + "}}",
    "inline fragments, 190 deep": lambda _: "{viewer" + nested("{...{id}...", "{id}", "}", 190) + "}",
    "fragments, doubling": lambda size: "{viewer{...F0}} " + fragments("...F+ ...F+", min(size // 50, 160), "id"),
    "fragments, 190 deep": lambda _: "{viewer{...F0}} " + fragments("...F+", 190, "id"),
    "fragments on one level": lambda _: "{viewer{" + many("...F%", 160) + "}} " + many("fragment F% on Viewer{id email}", 160),
    "fragments each spread in all": lambda _: "{viewer{...F0}} " + " ".join(
        f"fragment F{n} on Viewer{{{' '.join(f'...F{m}' for m in range(n + 1, 40))} id}}" for n in range(40)
    ),
    "fragments, unused": lambda _: "{viewer{id}} " + many("fragment F% on Viewer{id email}", 200),
    "fragments, unknown": lambda _: "{viewer{" + many("...X%", 900) + "}}",
    "fragments in a circle": lambda _: "{viewer{...F0}} " + fragments("...F+ id", 180, "...F0"),
    "fragments in every circle": lambda _: "{viewer{...F0}} " + many(
        "fragment F% on Viewer{" + many("...F%", 24).replace("%", "") + "}", 24
    ),
    "operations that share fragments": lambda _: many("query Q%{viewer{...F0}}", 100) + " " + fragments("...F+", 100, "id"),
    "operations that share fields": lambda _: many("query Q%{viewer{id ...F}}", 90) + " fragment F on Viewer{" + "id " * 850 + "}",
    "operations that share variables": lambda _: many("query Q%($a:Int){viewer{...F0}}", 70) + " " + fragments(
        "...F+ persistedFolders(first:$a){totalCount}", 70, "id"
    ),
    "operations, as many as allowed": lambda _: many("query Q%{viewer{id}}", 240),
    "operations of one name": lambda _: "query Q{viewer{id}} " * 240,
    "variables, over": lambda size: "query(" + many("$v%:Int", size // 12) + "){viewer{id}}",
    "variables, unused": lambda _: "query(" + many("$v%:Int", 480) + "){viewer{id}}",
    "variables, unknown": lambda _: "{viewer{" + many("persistedFolders(first:$v%){totalCount}", 200) + "}}",
    "variables of one name": lambda _: "query(" + "$v:Int " * 480 + "){viewer{id}}",
    "variables in a list": lambda _: "query($v:ID!){nodes(ids:[" + "$v " * 900 + "]){id}}",
    "arguments of one name": lambda _: "{node(" + "id:1 " * 630 + "){id}}",
    "arguments, unknown": lambda _: "{node(" + many("idd%:1", 630) + "){id}}",
    "directives, over": lambda size: "{viewer{id " + "@skip(if:true)" * (size // 14) + "}}",
    "directives, unknown": lambda size: "{viewer{id " + many("@skipp%", size // 8) + "}}",
    "lists in lists": lambda size: "{node(id:" + nested("[", "", "]", size // 2) + "){id}}",
    "lists in lists, 190 deep": lambda _: "{node(id:" + nested("[", "", "]", 190) + "){id}}",
    "objects in objects": lambda size: "{node(id:" + nested("{a:", "1", "}", size // 4) + "){id}}",
    "a long list": lambda size: "{nodes(ids:[" + "1 " * (size // 2) + "]){id}}",
    "a list, as long as allowed": lambda _: "{nodes(ids:[" + "1 " * 1900 + "]){id}}",
    "objects in a list": lambda _: "mutation{upsertPersistedFolders(input:{folders:[" + "{type:HOME}" * 380 + "]}){userErrors{code}}}",
    "objects that do not fit": lambda _: "mutation{upsertPersistedFolders(input:{folders:[" + "{typ:HOM}" * 380 + "]}){userErrors{code}}}",
    "object with one field, often": lambda _: "mutation{upsertPersistedFolder(input:{" + "type:HOME " * 630 + "}){created}}",
    "a list where a value belongs": lambda _: "{node(id:[" + "12345 " * 1900 + "]){id}}",
    "defaults that do not fit": lambda _: "query(" + many('$v%:Int="x"', 380) + "){viewer{id}}",
    "enum values that are alike": lambda _: "{persistedFolders(types:[" + many("PINED%", 1900) + "]){totalCount}}",
    "types in types": lambda size: "query($a:" + nested("[", "Int", "]", size // 2) + "){viewer{id}}",
    "introspection, deep": lambda size: "{__schema{types" + nested("{fields{type", "{name}", "}}", size // 14) + "}}",
    "introspection, wide": lambda _: "{__schema{" + "types{name fields(includeDeprecated:true){name}} " * 120 + "}}",
    "introspection, doubling": lambda _: "{__schema{types{...F0}}} " + fragments("ofType{...F+ ...F+}", 16, "name").replace("Viewer", "__Type"),
    "introspection, the standard query": lambda _: get_introspection_query(),
    "type definitions": lambda size: many("type T%{a:Int}", size // 16),
    "brackets": lambda size: "{" * size,
    "not a document": lambda size: "\x00" * size,
}  # fmt: skip


class Cost(NamedTuple):
    milliseconds: float
    code: str
    message: str

    @property
    def is_refused_early(self) -> bool:
        return self.code in (TOO_COMPLEX, "GRAPHQL_PARSE_FAILED")


def measure(schema: GraphQLSchema, text: str) -> Cost:
    """Of a caller with a key, who gets suggestions too."""
    limits = graphql_limits(load_settings())
    times = []
    code = message = ""
    for _ in range(_RUNS):
        documents = Documents(schema, limits, max_errors=5, max_page_size=MAX_PAGE_SIZE, forecast=OperationForecast)
        gc.collect()
        started = time.process_time()
        try:
            documents.get(text, hide_suggestions=False)
            code = "runs"
        except RequestRefused as refused:
            code, rendered = refused.code, refused.render()
            encode_json(rendered)
            message = rendered[0]["message"]
        times.append(time.process_time() - started)
    return Cost(statistics.median(times) * 1000, code, message)


class Result(NamedTuple):
    """What a kind of document costs at a size, beside the milliseconds of an ordinary one of that size."""

    kind: str
    size: int
    cost: Cost
    usual: float

    @property
    def is_too_slow(self) -> bool:
        allowed = _REFUSED_MILLISECONDS[_SIZES.index(self.size)]
        return self.cost.milliseconds > (allowed if self.cost.is_refused_early else _ORDINARY_TIMES * self.usual)

    @property
    def times(self) -> float:
        return self.cost.milliseconds / self.usual


def run() -> list[Result]:
    """An ordinary document, then each kind, at each size."""
    schema = build_schema()
    # What is here already is none of a request's garbage.
    gc.collect()
    gc.freeze()
    results = []
    usual: dict[int, float] = {}
    for kind, make in {ORDINARY: ordinary, **_KINDS}.items():
        for size in _SIZES:
            cost = measure(schema, make(size).ljust(size))
            results.append(Result(kind, size, cost, usual.setdefault(size, cost.milliseconds)))
    return results


def main() -> int:
    click.echo(f"{'document':38}" + "".join(f"{size:>10} B  times" for size in _SIZES) + "  verdict")
    too_slow = []
    for kind, group in groupby(run(), key=lambda result: result.kind):
        results = list(group)
        too_slow += [
            f"{kind} at {each.size} B: {each.cost.milliseconds:.1f} ms, {each.cost.code}"
            for each in results
            if each.is_too_slow
        ]
        click.echo(_row(results))
    click.echo("\n".join([f"{len(_KINDS)} kinds of document, {len(too_slow)} too slow", *too_slow]))
    return 1 if too_slow else 0


def _row(results: list[Result]) -> str:
    cells = (f"{each.cost.milliseconds:9.1f} ms {each.times:5.1f}x" for each in results)
    return f"{results[0].kind:38}{''.join(cells)}  {'; then '.join(dict.fromkeys(_verdict(each.cost) for each in results))}"


def _verdict(cost: Cost) -> str:
    limit = cost.message.removeprefix("The document is too complex: ").partition(",")[0]
    return f"{cost.code} ({limit})" if cost.code == TOO_COMPLEX else cost.code


if __name__ == "__main__":
    sys.exit(main())
