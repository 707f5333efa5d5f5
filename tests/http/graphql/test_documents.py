"""Documents that were read once are not read again; the memory for them is bounded."""

from __future__ import annotations

import gc
import tracemalloc
from itertools import product
from typing import Any

import pytest
from graphql import OperationDefinitionNode, get_introspection_query

from gateway.execution import PlanCompiler
from gateway.http.graphql import documents as module
from gateway.http.graphql.errors import RequestRefused
from tests.conftest import Serve
from tests.http.graphql.documents import documents, read


class Counter:
    """Stands in for graphql-core's parser and counts what it parses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.parsed = 0
        real = module.Parser

        def parser(*arguments: Any, **options: Any) -> Any:
            self.parsed += 1
            return real(*arguments, **options)

        monkeypatch.setattr(module, "Parser", parser)


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    return Counter(monkeypatch)


def test_a_document_is_read_once(counter: Counter) -> None:
    kept = documents()
    first = kept.get("{ viewer { id } }", hide_suggestions=True)
    for hide_suggestions in (True, False):
        assert kept.get("{ viewer { id } }", hide_suggestions=hide_suggestions) is first
    assert counter.parsed == 1
    kept.get("{ viewer { email } }", hide_suggestions=True)
    assert counter.parsed == 2


def test_a_token_holds_no_other() -> None:
    """In a chain each would live as long as the tree, and a circle is the collector's to free."""
    location = read("{ viewer { id } }").node.loc
    assert location is not None
    assert (location.start_token.prev, location.start_token.next) == (None, None)


def test_a_document_that_is_refused_is_not_kept(counter: Counter) -> None:
    kept = documents()
    refused = ["{ viewer {", "{ viewer { emale } }", "{" + "viewer { id } " * 31 + "}", "{" * 300]
    for text in refused * 2:
        with pytest.raises(RequestRefused):
            kept.get(text, hide_suggestions=True)
    assert counter.parsed == 2 * len(refused)
    # Nor do suggestions of one caller reach another.
    with pytest.raises(RequestRefused) as with_key:
        kept.get("{ viewer { emale } }", hide_suggestions=False)
    with pytest.raises(RequestRefused) as without_key:
        kept.get("{ viewer { emale } }", hide_suggestions=True)
    assert "Did you mean" in str(with_key.value.errors[0])
    assert "Did you mean" not in str(without_key.value.errors[0])


# The second is short, and its tree is not: it is the tokens that take memory.
@pytest.mark.parametrize(
    "form", ["{{viewer{{id}}}} # {n} {ballast}", "{{viewer{{a{n}:id{fields}}}}}"], ids=["long", "dense"]
)
def test_what_is_kept_is_bounded_by_its_memory(counter: Counter, form: str) -> None:
    texts = [form.format(n=n, ballast="x" * 50_000, fields=",id" * 100) for n in range(50)]
    kept = documents(cache_size=1024 * 1024)
    gc.collect()
    tracemalloc.start()
    for text in texts:
        kept.get(text, hide_suggestions=True)
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 1.5 * 1024 * 1024
    assert counter.parsed == 50
    # From the last to the first: those that are gone push out none that is still there.
    hits = 0
    for text in reversed(texts):
        before = counter.parsed
        kept.get(text, hide_suggestions=True)
        hits += counter.parsed == before
    assert 10 <= hits < 50
    # The last ones, and no others.
    counter.parsed = 0
    for text in texts[:hits]:
        kept.get(text, hide_suggestions=True)
    assert counter.parsed == 0


async def test_document_cache_size(serve: Serve, counter: Counter) -> None:
    for size, parsed in ((0, 3), (100_000, 1)):
        counter.parsed = 0
        async with serve(document_cache_size=size) as client:
            for _ in range(3):
                async with client.post("/graphql", json={"query": "{ viewer { id } }"}) as response:
                    assert response.status == 200
        assert counter.parsed == parsed


async def test_plans_that_grow_take_their_room_from_other_documents() -> None:
    """Under each combination of the conditions, `t` is merged of other selections."""
    names = [f"v{number}" for number in range(6)]
    fields = "".join(f't: __type(name: "Query") @include(if: ${name}) {{ ...F }}' for name in names)
    variables = ", ".join(f"${name}: Boolean!" for name in names)
    text = f"query ({variables}) {{ {fields} }} fragment F on __Type {{ kind name description fields {{ name }} }}"
    kept = documents(cache_size=160 * 1024)
    other = "{ viewer { id } }"
    kept.get(other, hide_suggestions=True)
    plan = kept.get(text, hide_suggestions=True).operation(None).plan
    assert plan is not None
    for number, values in enumerate(product((True, False), repeat=len(names))):
        # What is known is known, until it is too much.
        if number == 1:
            assert kept.known(other) is not None
            assert kept.known(text) is not None
        await plan.execute(variable_values=dict(zip(names, values, strict=True)))
    assert kept.known(other) is None
    assert kept.known(text) is None


def test_of_many_operations_only_those_are_prepared_that_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each may share a fragment that is as long as the document."""
    compiled: list[str] = []

    def compile_one(_: PlanCompiler, __: Any, operation: OperationDefinitionNode, ___: Any) -> None:
        assert operation.name is not None
        compiled.append(operation.name.value)

    monkeypatch.setattr(PlanCompiler, "compile", compile_one)
    document = read(" ".join(f"query q{number} {{ viewer {{ id }} }}" for number in range(20)))
    assert compiled == []
    for name in ("q3", "q7", "q3"):
        assert document.operation(name) is document.operation(name)
    assert compiled == ["q3", "q7"]


@pytest.mark.parametrize(
    ("text", "introspects", "is_public"),
    [
        ("{ __typename }", False, True),
        ("{ __schema { queryType { name } } }", True, True),
        ('{ __type(name: "Query") { name } a: __typename }', True, True),
        ("{ __typename viewer { id } }", False, False),
        ("{ viewer { __typename } }", False, False),
        ("query A { __typename } query B { viewer { id } }", False, False),
        ("{ ...F } fragment F on Query { __schema { queryType { name } } }", True, False),
        ("{ ...{ viewer { id } } }", False, False),
        (get_introspection_query(), True, True),
    ],
)
def test_what_only_introspects_is_told_from_the_rest(text: str, introspects: bool, is_public: bool) -> None:
    document = read(text)
    assert (document.introspects, document.is_public) == (introspects, is_public)
