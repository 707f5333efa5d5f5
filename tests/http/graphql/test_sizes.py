"""How many nodes and values an operation is taken to return, before anything runs."""

from __future__ import annotations

from typing import Any, Final

import pytest
from aiohttp import ClientSession
from graphql import get_introspection_query, is_interface_type, is_object_type

from gateway.http.graphql.limits import LimitExceeded
from gateway.http.graphql.sizes import Size
from tests.http.graphql.documents import make_limits, read, schema
from tests.keys import ADA, bearer


def _size(text: str, variables: dict[str, Any] | None = None) -> Size:
    return read(text).operation(None).size.total(variables or {})


def _nodes(text: str, variables: dict[str, Any] | None = None) -> int:
    return _size(text, variables).nodes


_PAGE: Final = "query($n: Int, $m: Int = 7, $ids: [ID!]! = []) {{ viewer {{ {} }} nodes(ids: $ids) {{ id }} }}"


@pytest.mark.parametrize(
    ("arguments", "variables", "nodes"),
    [
        ("", {}, 100),
        ("(first: 5)", {}, 5),
        ("(last: 5)", {}, 5),
        ("(first: null)", {}, 100),
        ("(first: null, last: 3)", {}, 3),
        ("(first: $n)", {"n": 5}, 5),
        ("(first: $n)", {"n": 5.0}, 5),
        ("(first: $n)", {"n": None}, 100),
        ("(first: $n)", {}, 100),
        ("(first: $m)", {}, 7),
        ("(first: $m)", {"m": None}, 100),
        ("(first: $m)", {"m": 9}, 9),
        ("(last: $n)", {"n": 6}, 6),
        # Refused when it runs, so it is not more than the most that is allowed.
        ("(first: 5000)", {}, 100),
        ("(first: $n)", {"n": 10**20}, 100),
        ("(first: $n)", {"n": -3}, 0),
        ("(first: 0)", {}, 0),
        ("(first: 5, last: 9)", {}, 9),
        ("(first: $n)", {"n": "many"}, 100),
        ("(first: $n)", {"n": [5]}, 100),
    ],
)
def test_a_page_counts_its_size(arguments: str, variables: dict[str, Any], nodes: int) -> None:
    text = _PAGE.format("n: persistedFolders(first: $n) { totalCount } m: persistedFolders(first: $m) { totalCount }")
    others = _nodes(text, variables)
    text = text.replace("viewer {", f"viewer {{ environments{arguments} {{ nodes {{ id }} }}", 1)
    assert _nodes(text, variables) - others == nodes


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("{ viewer { id email scopes currentEnvironment { project { id } } } }", 0),
        ("{ viewer { environments(first: 3) { nodes { persistedFolders(first: 4) { nodes { id } } } } } }", 3 * (1 + 4)),
        (("{ viewer { environments(first: 3) { nodes { a: persistedFolders(first: 4) { totalCount } "
         "b: persistedFolders(first: 5) { totalCount } } } } }"), 3 * (1 + 4 + 5)),
        ("{ viewer { environments(first: 3) { edges { node { project { environments { id } } } } } } }", 3 * (1 + 10)),
        ("{ project { environments { project { ...P } } } } fragment P on Project { environments { id } }", 100 * (1 + 10)),
        ("{ project { environments { persistedFolders(first: 2) { nodes { id } } } } }", 10 * (1 + 2)),
        ("{ nodes(ids: [\"a\", \"b\"]) { id } }", 2),
        (("{ nodes(ids: [\"a\"]) { ...on Viewer { environments(first: 5) { nodes { id } } } "
         "...on Project { list: environments { id } } } }"), 1 + 5 + 10),
        (("{ persistedFolders(first: 2) { nodes { id } } viewer { ...V ...V } } "
         "fragment V on Viewer { environments(first: 3) { nodes { id } } }"), 2 + 3 + 3),
        ("{ viewer { ...V } } fragment V on Viewer { ...W } fragment W on Viewer { environments(first: 3) { nodes { id } } }", 3),
        ("{ node(id: \"a\") { ...{ ...on Viewer { environments(first: 3) { nodes { id } } } } } }", 3),
        ("mutation { upsertPersistedFolders(input: {folders: []}) { persistedFolders { id } userErrors { code } } }", 20),
        ("{ __schema { queryType { name } } __typename }", 0),
    ],
)  # fmt: skip
def test_pages_multiply_and_add_up(text: str, nodes: int) -> None:
    assert _nodes(text) == nodes


def test_introspection_counts_about_what_there_is() -> None:
    counted = _nodes("{ __schema { types { fields { args { name } } } } }")
    types = schema().type_map.values()
    with_fields = [each for each in types if is_object_type(each) or is_interface_type(each)]
    fields = [field for each in with_fields for field in each.fields.values()]
    arguments = [argument for field in fields for argument in field.args]
    assert len(types) + len(fields) + len(arguments) <= counted <= 5 * (len(types) + len(fields) + len(arguments))


def test_the_queries_of_tools_are_far_from_the_limits() -> None:
    size = _size(get_introspection_query(input_value_deprecation=True, schema_description=True))
    assert size.nodes < make_limits().nodes / 5
    assert size.values < make_limits().values / 5


@pytest.mark.parametrize(
    "text",
    [
        # Each level as long as the one before.
        "{ project { environments { project { environments { project { environments { id } } } } } } }",
        # Thirty times what a tool may ask for once.
        (
            f"{{ {' '.join(f'a{number}: __schema {{ ...S }}' for number in range(30))} }} "
            "fragment S on __Schema { types { fields { type { ofType { fields { type { name } } } } } } }"
        ),
    ],
)
def test_lists_of_lists_are_refused(text: str) -> None:
    with pytest.raises(LimitExceeded, match="nodes"):
        read(text).operation(None).size.check({}, make_limits())


def test_ids_count_one_node_each() -> None:
    text = 'query($ids: [ID!]!, $id: ID = "a") { nodes(ids: $ids) { id } again: nodes(ids: [$id, $id]) { id } }'
    assert _nodes(text, {"ids": ["a"] * 7}) == 7 + 2
    # One value is a list of one; nothing says that it is more.
    assert _nodes(text, {"ids": "a"}) <= 10 + 2


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("{ viewer { id email } }", 3),
        ("{ viewer { currentEnvironment { project { id } } } }", 4),
        ("{ viewer { environments(first: 10) { nodes { id name } } } }", 1 + 1 + 10 * (1 + 2)),
        (
            "{ viewer { ...V ...V } } fragment V on Viewer { environments(first: 10) { nodes { id } } }",
            1 + 2 * (1 + 10 * 2),
        ),
        ('{ nodes(ids: ["a", "b"]) { id ...on PersistedFolder { environment { project { name } } } } }', 1 + 2 * 4),
    ],
)
def test_values_are_all_fields_of_all_nodes(text: str, values: int) -> None:
    assert _size(text).values == values


async def _post(client: ClientSession, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
    body = {"query": query, "variables": variables}
    async with client.post("/graphql", json=body, headers=bearer(ADA)) as response:
        answer: dict[str, Any] = await response.json()
        return answer


_NESTED: Final = (
    "query($n: Int) { viewer { environments(first: 100) { nodes { persistedFolders(first: $n) { nodes { id } } } } } }"
)


async def test_an_operation_at_the_limit_runs_and_one_over_it_does_not(client: ClientSession) -> None:
    assert "errors" not in await _post(client, _NESTED, {"n": 99})
    answer = await _post(client, _NESTED, {"n": 100})
    (error,) = answer["errors"]
    assert "data" not in answer
    assert error["extensions"] == {"code": "QUERY_TOO_COMPLEX", "status": 400}
    assert error["message"] == (
        "The document is too complex: nodes 10100, at most 10000 allowed (setting GATEWAY_MAX_NODES)."
    )


async def test_values_over_the_limit_are_refused(client: ClientSession) -> None:
    fields = " ".join(f"a{n}: id" for n in range(30))
    text = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ {fields} }} }}"
    (error,) = (await _post(client, text, {"ids": ["x"] * 6667}))["errors"]
    assert error["message"] == (
        "The document is too complex: values 200011, at most 200000 allowed (setting GATEWAY_MAX_VALUES)."
    )
    assert "errors" not in await _post(client, text, {"ids": ["x"] * 100})


@pytest.mark.parametrize("number", [0, -1, 101, 10**8])
async def test_a_page_size_out_of_range_is_no_matter_of_complexity(client: ClientSession, number: int) -> None:
    (error,) = (await _post(client, _NESTED.replace("100", "2"), {"n": number}))["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    literal = f"{{ persistedFolders(first: {number}) {{ totalCount }} }}"
    (error,) = (await _post(client, literal))["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == f"Argument 'first' must be from 1 to 100, not {number}."
