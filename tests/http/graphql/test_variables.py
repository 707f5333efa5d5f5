"""Variables and literals: coerced by the specification (section 6.1.2), and errors that say what is wrong with them."""

from __future__ import annotations

from typing import Any, Final

import pytest
from aiohttp import ClientSession

from tests.conftest import Serve
from tests.keys import ADA, bearer

_FIRST: Final = "query($n: Int) { persistedFolders(first: $n) { totalCount } }"
_REQUIRED: Final = "query($n: Int!) { persistedFolders(first: $n) { totalCount } }"
_DRAFT: Final = (
    "mutation($d: PersistedFolderDraft!) { upsertPersistedFolders(input: {folders: [$d]}) { userErrors { code } } }"
)


async def post(client: ClientSession, query: str, variables: Any = None, key: str | None = ADA) -> dict[str, Any]:
    headers = {"Accept": "application/graphql-response+json", **(bearer(key) if key else {})}
    async with client.post("/graphql", json={"query": query, "variables": variables}, headers=headers) as response:
        answer: dict[str, Any] = await response.json(content_type=None)
        assert response.status == (200 if "data" in answer else 400)
        return answer


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (_FIRST, {}),
        (_FIRST, None),
        (_FIRST, {"n": None}),
        (_FIRST, {"n": 5}),
        (_FIRST, {"n": 5.0}),
        (_FIRST, {"n": 5, "unknown": {"any": "thing"}}),
        ("query($n: Int! = 5) { persistedFolders(first: $n) { totalCount } }", {}),
        ("query($n: Int = 500) { persistedFolders(first: $n) { totalCount } }", {"n": 5}),
        ("query($id: ID!) { project(id: $id) { id } }", {"id": 1}),
        ("query($id: ID!) { project(id: $id) { id } }", {"id": "1"}),
        ("{ project(id: 1) { id } }", {}),
        ("query($id: ID) { project { id } persistedFolders(projectId: $id) { totalCount } }", {"id": None}),
        ("query($t: [PersistedFolderType!]) { persistedFolders(types: $t) { totalCount } }", {"t": ["HOME"]}),
        # One value stands for a list of one.
        ("query($t: [PersistedFolderType!]) { persistedFolders(types: $t) { totalCount } }", {"t": "HOME"}),
        ("query($t: PersistedFolderType!) { persistedFolders(types: [$t]) { totalCount } }", {"t": "HOME"}),
        ('query($s: Surface) { persistedFolder(id: "a", surface: $s) { id } }', {}),
        ("query($yes: Boolean!) { viewer { id @include(if: $yes) } }", {"yes": False}),
        (_DRAFT, {"d": {"type": "HOME"}}),
        (_DRAFT, {"d": {"type": "HOME", "path": "a"}}),
    ],
)  # fmt: skip
async def test_what_fits(client: ClientSession, query: str, variables: Any) -> None:
    assert "errors" not in await post(client, query, variables)


@pytest.mark.parametrize(
    ("query", "variables", "message"),
    [
        (_FIRST, {"n": 2**31}, "Variable '$n' has invalid value: Int cannot represent non 32-bit signed integer value: 2147483648"),
        (_FIRST, {"n": -(2**31) - 1}, "Int cannot represent non 32-bit signed integer value: -2147483649"),
        (_FIRST, {"n": 10**30}, "Int cannot represent non 32-bit signed integer value"),
        (_FIRST, {"n": 5.5}, "Int cannot represent non-integer value: 5.5"),
        (_FIRST, {"n": "5"}, "Int cannot represent non-integer value: '5'"),
        (_FIRST, {"n": True}, "Int cannot represent non-integer value: True"),
        (_FIRST, {"n": [5]}, "Int cannot represent non-integer value: [5]"),
        (_FIRST, {"n": {}}, "Int cannot represent non-integer value: {}"),
        (_REQUIRED, {}, "Variable '$n' has invalid value: Expected a value of non-null type 'Int!' to be provided."),
        (_REQUIRED, {"n": None}, "Variable '$n' has invalid value: Expected value of non-null type 'Int!' not to be None."),
        ("query($n: Int! = 5) { persistedFolders(first: $n) { totalCount } }", {"n": None}, "non-null type 'Int!'"),
        ("query($id: ID!) { project(id: $id) { id } }", {"id": 1.5}, "ID cannot represent"),
        ("query($id: ID!) { project(id: $id) { id } }", {"id": True}, "ID cannot represent"),
        ("query($id: ID!) { project(id: $id) { id } }", {"id": ["1"]}, "ID cannot represent"),
        ("query($t: [PersistedFolderType!]) { persistedFolders(types: $t) { totalCount } }", {"t": [None]}, "at [0]"),
        ("query($t: [PersistedFolderType!]) { persistedFolders(types: $t) { totalCount } }", {"t": ["HOME", "x"]}, "at [1]"),
        ("query($t: [PersistedFolderType!]) { persistedFolders(types: $t) { totalCount } }", {"t": ["home"]}, "'home' does not exist in 'PersistedFolderType' enum"),
        ("query($yes: Boolean!) { viewer { id @include(if: $yes) } }", {"yes": "true"}, "Boolean cannot represent a non boolean value"),
        ("query($after: String) { persistedFolders(after: $after) { totalCount } }", {"after": 5}, "String cannot represent a non string value"),
        (_DRAFT, {"d": {"type": "HOME", "colour": "red"}}, "Expected value of type 'PersistedFolderDraft' not to include unknown field 'colour'"),
        (_DRAFT, {"d": {"path": "a"}}, "to include required field 'type'"),
        (_DRAFT, {"d": {"type": "HOME", "path": None}}, "at .path"),
        (_DRAFT, {"d": {"type": "HOME", "path": 5}}, "String cannot represent a non string value: 5"),
        (_DRAFT, {"d": "HOME"}, "Expected value of type 'PersistedFolderDraft' to be an object"),
        (_DRAFT, {"d": [{"type": "HOME"}]}, "Expected value of type 'PersistedFolderDraft' to be an object"),
        ("mutation($t: DateTime) { deletePersistedFolder(input: {id: \"a\", expectedUpdatedAt: $t}) { userErrors { code } } }",
         {"t": "yesterday"}, "DateTime must be an RFC 3339 time"),
    ],
)  # fmt: skip
async def test_what_does_not_fit(client: ClientSession, query: str, variables: Any, message: str) -> None:
    answer = await post(client, query, variables)
    assert "data" not in answer
    error = answer["errors"][0]
    assert message in error["message"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "status": 400, "reason": "invalid_input"}
    # The variable's definition in the document.
    assert error["locations"] == [{"line": 1, "column": query.index("$") + 1}]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("{ persistedFolders(first: 2147483648) { totalCount } }", "Int cannot represent non 32-bit signed integer value: 2147483648"),
        ("{ persistedFolders(first: 1.0) { totalCount } }", "Int cannot represent non-integer value: 1.0"),
        ('{ persistedFolders(first: "1") { totalCount } }', 'Int cannot represent non-integer value: "1"'),
        ("query($n: Int = 2147483648) { persistedFolders(first: $n) { totalCount } }", "Int cannot represent non 32-bit"),
        ("{ persistedFolders(first: " + "9" * 400 + ") { totalCount } }", "Int cannot represent non 32-bit signed integer value"),
        ("{ project(id: 1.5) { id } }", "ID cannot represent a non-string and non-integer value"),
        ("query($n: String) { persistedFolders(first: $n) { totalCount } }", "Variable '$n' of type 'String' used in position expecting type 'Int'."),
        ("query($n: Nothing) { persistedFolders(first: $n) { totalCount } }", "Unknown type 'Nothing'."),
        ("query($n: PersistedFolder) { persistedFolders(first: $n) { totalCount } }", "cannot be non-input type"),
    ],
)  # fmt: skip
async def test_literals_that_do_not_fit(client: ClientSession, query: str, message: str) -> None:
    error = (await post(client, query))["errors"][0]
    assert message in error["message"]
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
async def test_what_is_no_json_is_no_variable(client: ClientSession, constant: str) -> None:
    body = f'{{"query": "{_FIRST}", "variables": {{"n": {constant}}}}}'
    headers = {"Content-Type": "application/json", **bearer(ADA)}
    async with client.post("/graphql", data=body, headers=headers) as response:
        assert response.status == 400
        (error,) = (await response.json())["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "status": 400, "reason": "parse_error"}


async def test_numbers_beyond_every_range_are_told_by_what_they_are(client: ClientSession) -> None:
    headers = {"Content-Type": "application/json", **bearer(ADA)}
    for number in ("1" * 5000, "1e400", "-1e999", "9223372036854775808"):
        body = f'{{"query": "{_FIRST}", "variables": {{"n": {number}}}}}'
        async with client.post("/graphql", data=body, headers=headers) as response:
            (error,) = (await response.json())["errors"]
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert len(error["message"]) < 1100


# Suggestions are for callers with a key


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{ viewer { emale } }", None),
        ("{ viewer { environments { nodes } } }", None),
        ("{ persistedFolders(frist: 1) { totalCount } }", None),
        ("{ node(id: 1) { ... on PersistedFolders { id } } }", None),
        ("{ persistedFolders(types: [HOMEE]) { totalCount } }", None),
        ('{ persistedFolders(surface: "WEB") { totalCount } }', None),
        ("query($s: Surfaec) { persistedFolders(surface: $s) { totalCount } }", None),
        ("mutation { upsertPersistedFolder(input: {tpye: HOME}) { created } }", None),
        ("query($s: Surface!) { persistedFolders(surface: $s) { totalCount } }", {"s": "WEBB"}),
        ("query($t: [PersistedFolderType!]) { persistedFolders(types: $t) { totalCount } }", {"t": ["HOMEE"]}),
        (_DRAFT, {"d": {"type": "HOME", "paht": "a"}}),
        (_DRAFT, {"d": {"type": "PINED"}}),
    ],
)
async def test_suggestions_need_a_key(client: ClientSession, query: str, variables: Any) -> None:
    def said(answer: dict[str, Any]) -> str:
        return " ".join(error["message"] for error in answer["errors"])

    assert "Did you mean" in said(await post(client, query, variables))
    for _ in range(2):
        without = await post(client, query, variables, key=None)
        assert "Did you mean" not in said(without)
        assert "data" not in without


# How many errors are told


@pytest.mark.parametrize("most", [1, 5, 20])
async def test_the_number_of_errors_is_a_setting(serve: Serve, most: int) -> None:
    fields = " ".join(f"unknown{n}" for n in range(25))
    wrong = {"t": ["x"] * 25}
    async with serve(max_validation_errors=most) as client:
        errors = (await post(client, f"{{ {fields} }}"))["errors"]
        assert len(errors) == most + 1
        assert errors[-1]["message"] == "Too many validation errors, error limit reached. Validation aborted."
        errors = (
            await post(
                client, "query($t: [PersistedFolderType!]) { persistedFolders(types: $t) { totalCount } }", wrong
            )
        )["errors"]
        assert len(errors) == most + 1
        assert "Too many errors processing variables" in errors[-1]["message"]


async def test_a_message_and_its_places_are_bounded(client: ClientSession) -> None:
    (error,) = (await post(client, "{ node(" + "id: 1 " * 500 + ") { id } }"))["errors"]
    assert len(error["locations"]) == 20
    (error,) = (
        await post(client, "query($s: Surface!) { persistedFolders(surface: $s) { totalCount } }", {"s": "x" * 50_000})
    )["errors"]
    assert len(error["message"]) <= 1001


# Introspection


_SCHEMA: Final = "{ __schema { queryType { name } } }"


@pytest.mark.parametrize(
    ("setting", "without_key", "with_key"),
    [
        ("public", None, None),
        ("key", "UNAUTHENTICATED", None),
        ("off", "GRAPHQL_VALIDATION_FAILED", "GRAPHQL_VALIDATION_FAILED"),
    ],
)
@pytest.mark.parametrize(
    "query",
    [
        _SCHEMA,
        '{ __type(name: "Query") { name } }',
        "{ a: __schema { queryType { name } } }",
        "{ ... { ...F } } fragment F on Query { __schema { queryType { name } } }",
        "query A { __schema { queryType { name } } } ",
    ],
)
async def test_who_may_introspect(
    serve: Serve, setting: str, without_key: str | None, with_key: str | None, query: str
) -> None:
    async with serve(introspection=setting) as client:
        for key, expected in ((ADA, with_key), (None, without_key), (ADA, with_key)):
            headers = bearer(key) if key else {}
            async with client.post("/graphql", json={"query": query}, headers=headers) as response:
                answer = await response.json()
            codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
            assert codes == ([expected] if expected else [])
            assert ("data" in answer) is (expected is None)
            # What is left of introspection is for everyone.
            async with client.post("/graphql", json={"query": "{ __typename }"}, headers=headers) as response:
                assert await response.json() == {"data": {"__typename": "Query"}}
