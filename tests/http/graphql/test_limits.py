"""Limits of documents: the figures are those of the document with all its fragments expanded, at the cost of one walk."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from itertools import cycle, islice, product
from typing import Any, Final

import pytest
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_introspection_query,
    parse,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.http.graphql.errors import TOO_COMPLEX
from gateway.http.graphql.limits import LimitExceeded, Limits, check_document, check_variables
from tests.conftest import Serve
from tests.http.graphql.documents import make_limits, refusal
from tests.keys import ADA, bearer

_UNLIMITED: Final = Limits(**{each.name: 10**300 for each in fields(Limits)})


# Each limit, at its edge


def _repeat(text: str, count: int) -> str:
    return " ".join(text.replace("%", str(n)) for n in range(count))


def _deep(depth: int) -> str:
    """As many fields below each other, `id` the last of them."""
    below = islice(cycle(["project", "primaryEnvironment"]), depth - 3)
    return "{" + "{".join(["viewer", "currentEnvironment", *below, "id"]) + "}" * depth


# For each limit a document whose figure is the number that it is made with.
_MEASURED: Final[dict[str, Callable[[int], str]]] = {
    "tokens": lambda n: "{viewer{id" + " id" * (n - 6) + "}}",
    "literal_length": lambda n: '{node(id:"' + "x" * (n - 3) + '"){id} persistedFolder(id:"""abc"""){id}}',
    "depth": _deep,
    "introspection_depth": lambda n: "{__schema{types" + "{ofType" * (n - 2) + "{name}" + "}" * (n - 2) + "}}",
    "fields": lambda n: "{viewer{" + "id " * (n - 1) + "}}",
    "root_fields": lambda n: "{" + "viewer{id} " * n + "}",
    "aliases": lambda n: "{viewer{" + _repeat("a%:id", n) + "}}",
    "directives": lambda n: "{viewer{" + "id@skip(if:false) " * n + "}}",
    "field_comparisons": lambda n: "{viewer{" + "id " * (n - 1) + "}}",
}  # fmt: skip
_WIDE: Final = {"fields": 10**6, "tokens": 10**6, "introspection_depth": 10**6}


@pytest.mark.parametrize("limit", _MEASURED)
@pytest.mark.parametrize("allowed", [None, 18, 27])
def test_a_document_at_a_limit_passes_and_one_over_it_is_refused(limit: str, allowed: int | None) -> None:
    """At its default, and where it is set to something else."""
    limits = {name: value for name, value in _WIDE.items() if name != limit}
    if allowed is not None:
        limits[limit] = allowed
    at = allowed or getattr(make_limits(), limit)
    assert refusal(_MEASURED[limit](at), **limits) is None
    over = refusal(_MEASURED[limit](at + 1), **limits)
    assert over is not None
    assert over["extensions"] == {"code": TOO_COMPLEX, "status": 400}
    # Measuring stops there.
    figure = f"more than {at}" if limit in ("tokens", "field_comparisons") else str(at + 1)
    assert over["message"] == (
        f"The document is too complex: {limit.replace('_', ' ')} {figure}, at most {at} allowed "
        f"(setting GATEWAY_MAX_{limit.upper()})."
    )


def test_variables_at_the_limit_pass_and_one_more_is_refused() -> None:
    at = {"ids": [str(n) for n in range(5)], "input": {"type": "HOME", "list": [{"a": 1}, [], {}]}, "page": 1}
    check_variables(at, make_limits(variable_values=5 + 2 + 3 + 1))
    with pytest.raises(LimitExceeded) as raised:
        check_variables(at, make_limits(variable_values=5 + 2 + 3))
    assert raised.value.limit == "variable_values"
    # As deep as JSON can be read, without recursion.
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    check_variables({"deep": deep}, make_limits())


_QUERY: Final = "query($ids:[ID!]!){nodes(ids:$ids){id} viewer{id environments{nodes{id}}}}"


@pytest.mark.parametrize(
    ("limit", "query", "variables"),
    [
        *((name, make(40), None) for name, make in _MEASURED.items()),
        ("nodes", "{viewer{environments(first:40){nodes{id}}}}", None),
        ("values", "{viewer{environments(first:40){nodes{id}}}}", None),
        ("variable_values", _QUERY, {"ids": ["1"] * 40}),
    ],
)
async def test_every_limit_is_a_setting(serve: Serve, limit: str, query: str, variables: Any) -> None:
    body = {"query": query, "variables": variables}
    lowest = 15 if limit == "introspection_depth" else 1
    for allowed, refused in ((lowest, True), (10**6, False)):
        wide = {f"max_{each.name}": 10**6 for each in fields(Limits)}
        async with (
            serve(**{**wide, f"max_{limit}": allowed}) as client,
            client.post("/graphql", json=body, headers=bearer(ADA)) as response,
        ):
            answer = await response.json()
        codes = [each["extensions"]["code"] for each in answer.get("errors", ())]
        assert (TOO_COMPLEX in codes) is refused, answer
        if refused:
            assert f"at most {allowed} allowed (setting GATEWAY_MAX_{limit.upper()})" in answer["errors"][0]["message"]


# Introspection


_OPTIONS: Final = (
    "descriptions",
    "specified_by_url",
    "directive_is_repeatable",
    "schema_description",
    "input_value_deprecation",
    "experimental_directive_deprecation",
    "one_of",
)


def test_the_standard_introspection_query_passes_with_all_options() -> None:
    for chosen in product([False, True], repeat=len(_OPTIONS)):
        options = dict(zip(_OPTIONS, chosen, strict=True))
        assert refusal(get_introspection_query(**options)) is None, options


def test_introspection_has_a_depth_of_its_own() -> None:
    assert refusal("{__schema{types" + "{ofType" * 18 + "{name}" + "}" * 18 + "}}") is None
    message = refusal("{__schema{types" + "{ofType" * 19 + "{name}" + "}" * 19 + "}}")
    assert message is not None
    assert "introspection depth 21, at most 20 allowed" in message["message"]
    # `__typename` is no depth, wherever it stands.
    assert refusal(_deep(12).replace("id", "__typename"), depth=11) is None
    assert refusal(_deep(12), depth=11) is not None


# What is fixed


@pytest.mark.parametrize(
    "text",
    [
        "{viewer" + "{...on Viewer" * 300 + "{id}" + "}" * 300 + "}",
        "{a" * 300 + "}" * 300,
        "{node(id:" + "[" * 300 + "]" * 300 + "){id}}",
        "query($a:" + "[" * 300 + "Int" + "]" * 300 + "){viewer{id}}",
        "{viewer{...F0}} "
        + " ".join(f"fragment F{n} on Viewer{{...F{n + 1}}}" for n in range(210)) + " fragment F210 on Viewer{id}",
        # Nothing uses them, so no operation is too deep.
        "{viewer{id}} " + " ".join(f"fragment F{n} on Viewer{{...F{n + 1}}}" for n in range(210))
        + " fragment F210 on Viewer{id}",
    ],
)  # fmt: skip
def test_what_nests_more_than_graphql_core_can_follow_is_refused(text: str) -> None:
    error = refusal(text, tokens=10**6)
    assert error is not None
    assert error["extensions"]["code"] == TOO_COMPLEX
    assert "nesting" in error["message"]
    assert "at most 200 allowed." in error["message"]


def test_fragments_may_nest_as_deep_as_graphql_core_can_follow() -> None:
    def chain(count: int) -> str:
        spreads = "".join(f" fragment F{n} on Viewer{{...F{n + 1}}}" for n in range(1, count))
        return f"{{viewer{{...F1}}}}{spreads} fragment F{count} on Viewer{{id}}"

    # Within two sets that are no fragment's.
    assert refusal(chain(198)) is None
    error = refusal(chain(199))
    assert error is not None
    assert "nesting 201, at most 200 allowed." in error["message"]


def test_operations_that_share_more_fragments_than_graphql_core_can_follow_are_refused() -> None:
    usages = " ".join(f"f{n}:persistedFolders(first:$n){{totalCount}}" for n in range(150))
    text = f"{_repeat('query Q%($n:Int){viewer{...F}}', 400)} fragment F on Viewer{{{usages}}}"
    error = refusal(text, tokens=10**6, aliases=10**6, field_comparisons=10**9)
    assert error is not None
    assert error["extensions"]["code"] == TOO_COMPLEX
    assert "fragment work more than 50000" in error["message"]


# Fragments


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{viewer{...A}} fragment A on Viewer{...A}", "GRAPHQL_VALIDATION_FAILED"),
        ("{viewer{...A}} fragment A on Viewer{...B id} fragment B on Viewer{...A id}", "GRAPHQL_VALIDATION_FAILED"),
        ("{viewer{currentEnvironment{...A}}} fragment A on Environment{project{primaryEnvironment{...A}}}",
         "GRAPHQL_VALIDATION_FAILED"),
        ("{viewer{...Missing}}", "GRAPHQL_VALIDATION_FAILED"),
        ("{viewer{...A}} fragment A on Missing{id}", "GRAPHQL_VALIDATION_FAILED"),
        ("{viewer{...A}} fragment A on Viewer{id} fragment A on Viewer{email}", "GRAPHQL_VALIDATION_FAILED"),
        ("fragment A on Viewer{id}", "GRAPHQL_VALIDATION_FAILED"),
    ],
)  # fmt: skip
def test_fragments_that_validation_refuses_do_no_harm(text: str, code: str) -> None:
    error = refusal(text)
    assert error is not None
    assert error["extensions"]["code"] == code


@pytest.mark.parametrize(
    "text",
    [
        "{viewer{...A ...A}} fragment A on Viewer{a:id}",
        "{viewer{...{a:id} ...on Viewer{a:id}}}",
        "{viewer{...A ...A}} fragment A on Viewer{...B} fragment B on Viewer{a:id}",
        "{viewer{...A}} fragment A on Viewer{...B ...{...B}} fragment B on Viewer{a:id}",
    ],
)
def test_a_fragment_counts_wherever_it_is_spread(text: str) -> None:
    assert refusal(text, aliases=2) is None
    assert "aliases 2, at most 1" in (refusal(text, aliases=1) or {})["message"]


def test_each_operation_is_measured_and_not_their_sum() -> None:
    text = "query A{a:viewer{id}} query B{a:viewer{id} b:viewer{id}} query C{a:viewer{id}}"
    assert refusal(text, aliases=2) is None
    assert refusal(text, aliases=1) is not None


def test_directives_count_on_operations_and_variables_too() -> None:
    text = "query($a:Int@x)@x{viewer@x{...A@x ...@x{id@x}}} fragment A on Viewer@x{id}"
    with pytest.raises(LimitExceeded) as raised:
        check_document(parse(text), replace(_UNLIMITED, directives=6))
    assert raised.value.figure == 7


# Against an oracle


class _Expanded:
    """Figures of an operation, from the paths of all its fields: as slow and as simple as can be."""

    def __init__(self, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        self._fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self.paths: list[list[FieldNode]] = []
        self.directives = len(operation.directives or ())
        self._expand(operation.selection_set, [])

    def _expand(self, selection_set: SelectionSetNode | None, path: list[FieldNode]) -> None:
        for each in selection_set.selections if selection_set else ():
            self.directives += len(each.directives or ())
            if isinstance(each, FragmentSpreadNode):
                fragment = self._fragments.get(each.name.value)
                if fragment:
                    self.directives += len(fragment.directives or ())
                    self._expand(fragment.selection_set, path)
            elif isinstance(each, FieldNode):
                self.paths.append([*path, each])
                self._expand(each.selection_set, [*path, each])
            else:
                self._expand(each.selection_set, path)

    def figures(self) -> dict[str, int]:
        depth = introspection_depth = 0
        for path in self.paths:
            # What stands between two fields of introspection, and before the first.
            parts = "".join("_" if field.name.value.startswith("__") else "x" for field in path).split("_")
            depth = max(depth, len(parts[0]))
            introspection_depth = max([introspection_depth, *map(len, parts[1:])])
        return {
            "depth": depth,
            "introspection_depth": introspection_depth,
            "fields": len(self.paths),
            "root_fields": sum(len(path) == 1 for path in self.paths),
            "aliases": sum(path[-1].alias is not None for path in self.paths),
            "directives": self.directives,
        }


_NAMES: Final = st.sampled_from(["a", "b", "x: a", "__typename", "__schema", "__type", "a @skip", "b @skip @include"])
_SPREADS: Final = ["A", "B", "C", "D"]


def _sets(spreads: Sequence[str]) -> st.SearchStrategy[str]:
    spread = st.sampled_from([*(f"...{name}" for name in spreads), "...Missing @skip"])
    leaves = st.one_of(_NAMES, spread)
    sets = st.recursive(
        leaves,
        lambda inner: st.builds(
            "{} {{{}}}".format,
            st.one_of(_NAMES, st.sampled_from(["...", "...on T", "...@skip"])),
            st.lists(inner, min_size=1, max_size=4).map(" ".join),
        ),
        max_leaves=8,
    )
    return st.lists(sets, min_size=1, max_size=4).map(" ".join)


@st.composite
def _documents(draw: st.DrawFn) -> str:
    """Fragments spread only those that come after them. The definitions stand in any order."""
    parts = [f"fragment {name} on T @skip {{{draw(_sets(_SPREADS[n + 1 :]))}}}" for n, name in enumerate(_SPREADS)]
    parts += [f"query Q{n} @skip {{{draw(_sets(_SPREADS))}}}" for n in range(draw(st.integers(1, 2)))]
    return "\n".join(draw(st.permutations(parts)))


@settings(max_examples=300, deadline=None)
@given(_documents())
def test_the_figures_are_those_of_the_expanded_document(text: str) -> None:
    document = parse(text)
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    figures = [_Expanded(document, operation).figures() for operation in operations]
    for name in figures[0]:
        highest = max(each[name] for each in figures)
        check_document(document, replace(_UNLIMITED, **{name: highest}))
        if highest:
            over = [each[name] for each in figures if each[name] >= highest]
            with pytest.raises(LimitExceeded) as raised:
                check_document(document, replace(_UNLIMITED, **{name: highest - 1}))
            assert (raised.value.limit, raised.value.figure) == (name, over[0])


# The work


def _calls(work: Callable[[], object]) -> int:
    """Calls of functions, Python's and C's: what a machine under load does not change."""
    count = 0

    def profile(_: object, event: str, __: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def _chain(ways: int) -> Callable[[int], str]:
    def make(length: int) -> str:
        links = (f"fragment F{n} on T{{{f'...F{n + 1} ' * ways}a{{...F{n + 1}}}}}" for n in range(length))
        return "{...F0} " + " ".join([*links, f"fragment F{length} on T{{a b: c}}"])

    return make


def _operations(count: int) -> str:
    return _repeat("query Q%{...F}", count) + " fragment F on T{" + "a{b} " * count + "}"


def _inline(depth: int) -> str:
    return "{" + "...on T{a " * depth + "}" * depth + "}"


@pytest.mark.parametrize(
    "make",
    [
        _chain(1),
        _chain(2),
        _chain(9),
        _operations,
        _inline,
        lambda n: "{" + "a @x " * n + "}",
        lambda n: _repeat("query Q%{a}", n),
    ],
)
def test_twice_the_document_takes_twice_the_calls(make: Callable[[int], str]) -> None:
    calls = []
    for size in (20, 40, 80):
        document = parse(make(size))
        calls.append(_calls(lambda document=document: check_document(document, _UNLIMITED)))
    first, second = calls[1] - calls[0], calls[2] - calls[1]
    # Twice the growth, and a few calls for the tables that grow.
    assert second <= 2.1 * first + 20


def test_a_figure_that_is_astronomical_is_told_briefly() -> None:
    with pytest.raises(LimitExceeded) as raised:
        check_document(parse(_chain(2)(95)), make_limits(depth=10**6))
    assert raised.value.figure is not None
    assert raised.value.figure > 3**95
    assert "fields over 10^15, at most 2000 allowed" in raised.value.error().message
