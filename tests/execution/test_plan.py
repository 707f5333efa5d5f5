"""What plans do, case by case, always next to graphql-core."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from types import SimpleNamespace
from typing import Any, NamedTuple, NewType

import orjson
import pytest
import strawberry
from graphql import (
    GraphQLArgument,
    GraphQLDefaultInput,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    GraphQLWrappingType,
    OperationDefinitionNode,
    build_schema,
    execute,
    parse,
)
from strawberry.schema.config import StrawberryConfig

from gateway.execution import Executed, InstancesOf, Plan, PlanCompiler
from tests.execution.compare import Comparison
from tests.execution.core_schema import CORE_SCHEMA, Scene
from tests.execution.strawberry_kinds import Growing
from tests.execution.strawberry_schema import STRAWBERRY_SCHEMA, Diary


def compiled(schema: GraphQLSchema, text: str, name: str | None = None) -> Plan | None:
    document = parse(text)
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    operation = next(each for each in operations if name is None or (each.name and each.name.value == name))
    return PlanCompiler(schema).compile(document, operation)


async def both(
    schema: GraphQLSchema, text: str, root: Any = None, variables: dict[str, Any] | None = None, **options: Any
) -> tuple[Any, list[Any]]:
    """The data and the errors, which are the same from both."""
    expected, actual = await Comparison(schema).run(text, variables or {}, lambda: None, root, repeat=2, **options)
    assert actual == expected
    return orjson.loads(actual.data), actual.errors


THINGS = build_schema(
    """
    interface Named { name: String! }
    type Dog implements Named { name: String!, barks: Boolean, owner: Person }
    type Person implements Named { name: String!, pets: [Named!]!, friends: [Person], best: Person!, age: Int }
    union Any = Dog | Person
    enum Size { S M }
    input Box { size: Size! = M, weights: [Float!], inner: Box }
    type Query {
      person: Person, any: [Any], names: [String], needed: [String!], grid: [[Int!]]
      pack(box: Box, boxes: [Box!] = [{size: S}], n: Int = 3, id: ID): String, needs(n: Int!): String
    }
    type Mutation { first: Int, second: Int!, third: Int }
    type Subscription { ticks: Int }
    """
)


class Failing:
    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    @property
    def name(self) -> str:
        raise ValueError("no name")


async def later(value: Any, ticks: int = 1) -> Any:
    for _ in range(ticks):
        await asyncio.sleep(0)
    if isinstance(value, Exception):
        raise value
    return value


async def test_attributes_keys_and_methods() -> None:
    root = {"person": {"name": lambda _info: "Ada", "age": later(3)}}
    document = parse("{ person { name age } }")
    plan = compiled(THINGS, "{ person { name age } }")
    assert plan is not None
    executed = await plan.execute(root_value=root)
    assert executed == Executed(b'{"person":{"name":"Ada","age":3}}', [])
    assert document.definitions


async def test_null_where_it_may_not_be_nulls_the_nearest_that_may() -> None:
    root = {"person": {"name": "Ada", "friends": [{"name": "Bob"}, {"name": None}, {"name": "Eve"}], "best": {}}}
    data, errors = await both(THINGS, "{ person { friends { name } } }", root)
    assert data == {"person": {"friends": [{"name": "Bob"}, None, {"name": "Eve"}]}}
    assert [error["path"] for error in errors] == [["person", "friends", 1, "name"]]
    data, errors = await both(THINGS, "{ person { best { name } name } }", root)
    assert data == {"person": None}
    assert errors[0]["message"] == "Cannot return null for non-nullable field Person.name."
    assert errors[0]["path"] == ["person", "best", "name"]


async def test_an_error_in_a_list_takes_its_item_or_the_list() -> None:
    root = {"names": ["a", ValueError("b"), "c"], "needed": ["a", ValueError("b"), "c"], "grid": [[1, None], [2]]}
    data, errors = await both(THINGS, "{ names needed grid }", root)
    assert data == {"names": ["a", None, "c"], "needed": None, "grid": [None, [2]]}
    assert [error["path"] for error in errors] == [["names", 1], ["needed", 1], ["grid", 0, 1]]


async def test_all_causes_of_errors_are_kept() -> None:
    plan = compiled(THINGS, "{ person { name } }")
    assert plan is not None
    executed = await plan.execute(root_value={"person": Failing()})
    (error,) = executed.errors
    assert isinstance(error.original_error, ValueError)
    assert error.path == ["person", "name"]
    assert [(place.line, place.column) for place in error.locations or []] == [(1, 12)]


async def test_types_of_interfaces_and_unions() -> None:
    pets = [{"__typename": "Dog", "name": "Rex", "barks": True}, {"__typename": "Person", "name": "Ada"}]
    text = """
    query { person { pets { __typename name ...Dogs } } any { ... on Named { name } ... on Dog { name loud: barks } } }
    fragment Dogs on Dog { barks name }
    """
    root = {"person": {"pets": pets}, "any": [*pets, {"__typename": "Query"}, {"__typename": "Cat"}, {}]}
    data, errors = await both(THINGS, text, root)
    assert data["person"]["pets"] == [
        {"__typename": "Dog", "name": "Rex", "barks": True},
        {"__typename": "Person", "name": "Ada"},
    ]
    assert data["any"] == [{"name": "Rex", "loud": True}, {"name": "Ada"}, None, None, None]
    assert len(errors) == 3


@pytest.mark.parametrize("a", [True, False])
@pytest.mark.parametrize("b", [True, False])
async def test_skip_and_include(a: bool, b: bool) -> None:
    text = """
    query ($a: Boolean!, $b: Boolean!) {
      person {
        age @include(if: $a)
        best @skip(if: $a) { name }
        ...F @include(if: $b)
        name
        ...F @skip(if: $b) @include(if: $a)
        ... @include(if: false) { age }
        ... @skip(if: $b) { ... @include(if: $b) { never: age } best { age } }
      }
    }
    fragment F on Person { name best { age } friends { name @skip(if: $a) } }
    """
    root = {"person": {"age": 1, "name": "Ada", "best": {"age": 2, "name": "Bob"}, "friends": [{"name": "Eve"}]}}
    data, _ = await both(THINGS, text, root, {"a": a, "b": b})
    assert ("age" in data["person"]) is a
    assert ("friends" in data["person"]) is (a or b)


async def test_a_condition_without_a_value_is_an_error_of_the_field_around_it() -> None:
    text = "query ($a: Boolean = true) { person { name @skip(if: $a) } names }"
    data, errors = await both(THINGS, text, {"person": {}, "names": ["a"]}, {"a": None})
    assert data == {"person": None, "names": ["a"]}
    assert errors[0]["path"] == ["person"]


def test_what_has_nothing_to_await_is_answered_at_once_also_by_graphql_core() -> None:
    plan = compiled(THINGS, "query ($a: Boolean = true) { names needed @skip(if: $a) }")
    assert plan is not None
    for variables, data in ({}, b'{"names":["a"]}'), ({"a": None}, b"null"):
        executed = plan.start(variable_values=variables, root_value={"names": ["a"]})
        assert isinstance(executed, Executed)
        assert executed.data == data


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"box": {"size": "S", "weights": 1.5, "inner": {"weights": [1]}}},
        {"box": None, "n": None},
        {"box": {"size": "XL"}, "n": "three", "id": []},
        {"box": {"unknown": 1, "weights": ["x", None]}, "n": 2**31},
        {"box": [{}], "n": 1.0, "id": 7},
        {"box": {"inner": {"inner": {"size": None}}}},
    ],
)
@pytest.mark.parametrize("options", [{}, {"max_coercion_errors": 1}, {"hide_suggestions": True}])
async def test_variables(variables: dict[str, Any], options: dict[str, Any]) -> None:
    root = {"pack": lambda _info, **arguments: repr(arguments)}
    text = 'query ($box: Box, $n: Int = 4, $id: ID! = "x") { pack(box: $box, n: $n, id: $id) }'
    await both(THINGS, text, root, variables, **options)


@pytest.mark.parametrize(
    "arguments",
    [
        "box: {}, n: null",
        "box: {size: $size, weights: [1, 2.5]}",
        "boxes: [{inner: {size: S}}, {size: M}], id: 5",
        "boxes: {}",
        "n: $n, boxes: null",
        'n: "wrong"',
        "box: {size: WRONG}",
    ],
)
async def test_arguments(arguments: str) -> None:
    root = {"pack": lambda _info, **given: repr(given)}
    await both(THINGS, f"query ($size: Size = S, $n: Int) {{ pack({arguments}) }}", root)


async def test_a_missing_argument_is_an_error_of_its_field() -> None:
    data, errors = await both(THINGS, "query ($n: Int) { needs(n: $n) names needs }", {"names": ["a"]})
    assert data == {"needs": None, "names": ["a"]}
    assert len(errors) == 1


async def test_mutations_run_one_after_another() -> None:
    calls: list[str] = []

    async def step(name: str, value: Any) -> Any:
        calls.append(f"{name} starts")
        await asyncio.sleep(0)
        calls.append(f"{name} ends")
        return value

    root = {name: lambda _info, name=name: step(name, len(name)) for name in ("first", "third")}
    plan = compiled(THINGS, "mutation { third first __typename t: third second }")
    assert plan is not None
    executed = await plan.execute(root_value=root)
    assert executed.data == b"null"
    assert executed.errors[0].path == ["second"]
    assert calls == [f"{name} {what}" for name in ("third", "first", "third") for what in ("starts", "ends")]


async def test_siblings_of_a_failure_are_cancelled_and_none_is_left_unawaited() -> None:
    ended: list[str] = []

    async def slow(name: str) -> str:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            ended.append(name)
            raise
        return name

    person = {"name": lambda _info: later(ValueError("late"), 3), "age": lambda _info: slow("age")}
    root = {"person": person, "names": lambda _info: later(["a"])}
    plan = compiled(THINGS, "{ person { name age } names }")
    assert plan is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        executed = await plan.execute(root_value=root)
        gc.collect()
    assert executed.data == b'{"person":null,"names":["a"]}'
    assert ended == ["age"]


async def test_what_is_under_way_when_a_sibling_fails_at_once_comes_to_its_end() -> None:
    ended: list[str] = []

    async def work() -> int:
        await asyncio.sleep(0)
        ended.append("age")
        return 1

    plan = compiled(THINGS, "{ person { age name } }")
    assert plan is not None
    executed = await plan.execute(root_value={"person": {"age": lambda _info: work(), "name": None}})
    assert executed.data == b'{"person":null}'
    assert ended == []
    for _ in range(5):
        await asyncio.sleep(0)
    assert ended == ["age"]


class NeverRun:
    def __await__(self) -> Any:
        raise AssertionError


def test_without_a_loop_what_waits_is_closed_when_a_sibling_fails() -> None:
    root = {"person": {"age": NeverRun(), "name": None}, "needed": [NeverRun(), None]}
    text = "{ person { age name } needed }"
    plan = compiled(THINGS, text)
    assert plan is not None

    def answers() -> tuple[Any, Any]:
        return execute(THINGS, parse(text), root), plan.start(root_value=root)

    # The main thread may have a loop that does not run.
    with ThreadPoolExecutor() as threads:
        expected, actual = threads.submit(answers).result()
    assert orjson.loads(actual.data) == expected.data == {"person": None, "needed": None}
    assert actual.errors == expected.errors


async def test_asynchronous_iterables() -> None:
    closed: list[bool] = []

    async def names() -> AsyncIterator[Any]:
        try:
            yield "a"
            yield later("b")
            yield ValueError("c")
        finally:
            closed.append(True)

    data, errors = await both(
        THINGS, "{ names needed }", {"names": lambda _info: names(), "needed": lambda _info: names()}
    )
    assert data == {"names": ["a", "b", None], "needed": None}
    assert len(errors) == 2
    assert closed


async def test_all_resolvers_of_a_level_start_before_one_is_awaited() -> None:
    text = "{ books(count: 3) { a: loaded b: loaded next: related(count: 1) { loaded } } more: books { loaded } }"
    comparison = Comparison(STRAWBERRY_SCHEMA, lambda diary: diary.trace)
    expected, actual = await comparison.run(text, {}, Diary)
    assert actual == expected
    batches = [entry for entry in actual.trace if entry[0] == "batch"]
    assert batches == [("batch", [0, 1, 2, 3])]


async def test_an_info_says_the_same() -> None:
    text = "query Q($x: Int = 3) { told(number: $x) book { byRoot o: byRoot(level: LOW) } ...F } fragment F on Query { told }"
    expected, actual = await Comparison(STRAWBERRY_SCHEMA).run(text.replace("...F", ""), {}, Diary)
    assert actual == expected
    expected, actual = await Comparison(CORE_SCHEMA).run("{ info a: info objs { info } }", {}, lambda: Scene(1, 1.0))
    assert actual == expected
    assert b"Path(prev=None" in actual.data


def _all_of(info: strawberry.Info) -> dict[str, Any]:
    """By name; but for extensions of a request, which plans do not hand on."""
    names = [name for name, each in vars(strawberry.Info).items() if isinstance(each, property | cached_property)]
    names.remove("input_extensions")
    raw = {f"raw {name}": value for name, value in info._raw_info._asdict().items()}
    # Functions of each execution's own.
    del raw["raw async_helpers"]
    argument = info.get_argument_definition("number")
    return {name: getattr(info, name) for name in names} | raw | {"argument": argument}


@strawberry.type
class Told:
    @strawberry.field
    def at_once(self, info: strawberry.Info, number: int = 1) -> int:
        info.context.append((_all_of(info), info))
        return number

    @strawberry.field
    async def in_time(self, info: strawberry.Info) -> int:
        await asyncio.sleep(0)
        info.context.append((_all_of(info), info))
        return 1

    @strawberry.field
    @staticmethod
    def by_names(root: Told, told: strawberry.Info, number: int = 2) -> list[Told | None]:
        told.context.append((_all_of(told), told))
        return [root, None][:number]


@strawberry.type
class ToldQuery:
    told: Told | None = None


async def test_each_attribute_of_an_info_is_what_graphql_core_says() -> None:
    text = """
    query Q($n: Int = 2, $given: Int) {
      told { first: byNames(number: $n) { ...F } byNames(number: 1) { atOnce(number: $given) @include(if: true) } inTime }
    }
    fragment F on Told { atOnce(number: 3) inTime }
    """
    context: list[tuple[dict[str, Any], strawberry.Info]] = []
    root = ToldQuery(told=Told())
    comparison = Comparison(strawberry.Schema(ToldQuery)._schema)
    expected, actual = await comparison.run(text, {"given": 5}, lambda: context, root)
    assert actual == expected
    assert actual.errors == []
    count = len(context) // 2
    assert count == 6
    seen = [told for told, _ in context]
    assert seen[count:] == seen[:count]
    assert {str(told["path"].as_list()) for told in seen} >= {"['told', 'first', 0, 'atOnce']", "['told', 'inTime']"}
    # Also when nothing runs any more.
    assert [_all_of(info) for _, info in context] == seen


@pytest.mark.parametrize(
    ("arguments", "variables", "expected"),
    [
        ("needed: true", {}, "UNSET None 0.5 2026-01-01 00:00:00+00:00 None True"),
        (
            'needed: false, size: null, level: null, ratio: 2, at: "2026-02-03T00:00:00Z", extra: null',
            {},
            "None None 2.0 2026-02-03 00:00:00+00:00 None False",
        ),
        (
            "needed: $needed, size: $size, level: $level, ratio: $ratio, at: $at, extra: $extra",
            {"needed": True},
            "UNSET None 0.5 2026-01-01 00:00:00+00:00 None True",
        ),
        (
            "needed: $needed, size: $size, level: $level, ratio: $ratio, at: $at, extra: $extra",
            {"needed": False, "size": 3, "level": "TOP", "ratio": 1, "at": "2026-02-03T00:00:00Z", "extra": [{}]},
            "3 Level.HIGH 1.0 2026-02-03 00:00:00+00:00 [{}] False",
        ),
        (
            "needed: $needed, size: $size, level: $level, extra: $extra",
            {"needed": True, "size": None, "level": None, "extra": None},
            "None None 0.5 2026-01-01 00:00:00+00:00 None True",
        ),
        ("needed: true, ratio: $ratio", {"ratio": None}, None),
    ],
)
async def test_arguments_reach_a_function_as_strawberry_hands_them_over(
    arguments: str, variables: dict[str, Any], expected: str | None
) -> None:
    types = {"needed": "Boolean!", "size": "Int", "level": "Level", "ratio": "Float", "at": "DateTime", "extra": "JSON"}
    declared = [f"${name}: {kind}" for name, kind in types.items() if f"${name}" in arguments]
    head = f"query ({', '.join(declared)}) " if declared else ""
    text = f"{head}{{ given({arguments}) }}"
    core, plan = await Comparison(STRAWBERRY_SCHEMA, lambda diary: diary.trace).run(text, variables, Diary, repeat=2)
    assert plan == core
    assert orjson.loads(plan.data) == {"given": expected}
    assert bool(plan.errors) is (expected is None)


async def test_an_input_that_refuses_its_values_is_an_error_of_the_field() -> None:
    text = """
    query ($wrong: Even!, $list: [Even!]) {
      fine: halved(even: {number: 4}) literal: halved(even: {number: 3}) variable: halved(even: $wrong)
      list: halved(even: {}, evens: $list) later: book { id }
    }
    """
    variables = {"wrong": {"other": {"number": 5}}, "list": [{"number": 7}]}
    expected, actual = await Comparison(STRAWBERRY_SCHEMA).run(text, variables, Diary, repeat=2)
    assert actual == expected
    assert [(error["path"], error["message"]) for error in actual.errors] == [
        (["literal"], "3 is odd"),
        (["variable"], "5 is odd"),
        (["list"], "7 is odd"),
    ]
    assert b'"later":{"id":"book-1"}' in actual.data


async def test_records_of_the_application_are_values_of_a_type() -> None:
    text = """
    {
      town { id name label number level } towns { number }
      items(count: 5) { __typename id } oddItems { id } ... on Query { things { ... on Town { name number } } }
    }
    """
    expected, actual = await Comparison(STRAWBERRY_SCHEMA).run(text, {}, Diary, repeat=2)
    assert actual == expected
    data = orjson.loads(actual.data)
    assert data["town"] == {"id": "town-1", "name": "name 1", "label": "town 1", "number": 1, "level": "TOP"}
    assert data["towns"] == [{"number": 0}, {"number": 1}, *[None] * 6]
    assert data["items"][4] == {"__typename": "Town", "id": "town-4"}
    assert data["oddItems"] == [{"id": "town-1"}, None, None, None]
    assert data["things"][4] == {"name": "name 4", "number": 4}
    messages = {str(error["path"]): error["message"] for error in actual.errors}
    assert messages["['towns', 3]"] == "Expected value of type 'Town' but got: (2, <Level instance>, 'wrong')."
    assert messages["['oddItems', 1]"] == "Expected value of type 'Town' but got: <Book instance>."


@strawberry.input
class Choosy:
    number: int = 0

    def __post_init__(self) -> None:
        if self.number in REFUSED:
            raise ValueError(f"not {self.number}")


REFUSED: set[int] = set()


async def test_a_default_that_is_refused_later_is_an_error_of_the_field() -> None:
    @strawberry.type
    class Query:
        @strawberry.field
        def choose(self, choosy: Choosy = Choosy(number=4)) -> int | None:  # Strawberry reads it
            return choosy.number

    comparison = Comparison(strawberry.Schema(Query)._schema)
    try:
        for refused in ([], [4]):
            REFUSED.update(refused)
            expected, actual = await comparison.run("{ choose }", {}, dict, repeat=2)
            assert actual == expected
            assert [error["message"] for error in actual.errors] == [f"not {number}" for number in refused]
    finally:
        REFUSED.clear()


async def test_a_member_that_an_enum_has_made_since_is_no_value_of_it() -> None:
    @strawberry.type
    class Query:
        @strawberry.field
        def size(self, value: str) -> Growing | None:
            return Growing(value)

    schema = strawberry.Schema(Query)._schema
    data, errors = await both(schema, '{ small: size(value: "small") large: size(value: "large") }')
    assert data == {"small": "SMALL", "large": None}
    assert [error["message"] for error in errors] == ["Invalid value for enum Growing: Growing.large"]


class ReadOddly(NamedTuple):
    a: int
    b: str

    def __getitem__(self, index: Any) -> Any:
        return "an item"


@strawberry.type
class Odd:
    is_type_of = InstancesOf(ReadOddly)

    b: str


async def test_a_record_that_has_items_of_its_own_is_read_by_its_attributes() -> None:
    @strawberry.type
    class Query:
        @strawberry.field
        def odd(self) -> Odd:
            return ReadOddly(1, "an attribute")  # type: ignore[return-value]

    expected, actual = await Comparison(strawberry.Schema(Query)._schema).run("{ odd { b } }", {}, dict)
    assert actual == expected
    assert actual.data == b'{"odd":{"b":"an attribute"}}'


@strawberry.type
class Shown:
    @strawberry.field
    def as_text(self, info: strawberry.Info) -> str:
        return repr(info).partition("(")[0]

    @strawberry.field
    def is_like_one_made_of_its_parts(self, info: strawberry.Info) -> bool:
        return info == strawberry.Info(info._raw_info, info._field)

    @strawberry.field
    def name_of_another(self, info: strawberry.Info) -> str:
        other = replace(info, _raw_info=info._raw_info._replace(field_name="another"))
        return f"{other.field_name} {other.context}"


async def test_an_info_is_a_dataclass_as_strawberrys_is() -> None:
    data, errors = await both(strawberry.Schema(Shown)._schema, "{ asText isLikeOneMadeOfItsParts nameOfAnother }")
    assert errors == []
    assert data == {"asText": "Info", "isLikeOneMadeOfItsParts": True, "nameOfAnother": "another None"}


class OwnInfo(strawberry.Info):
    @property
    def own(self) -> str:
        return f"own {self.field_name}"


def read_key(source: Any, name: str) -> Any:
    return source[name]


@strawberry.type
class OwnItem:
    name: str


@strawberry.type
class OwnQuery:
    @strawberry.field
    def told(self, info: OwnInfo) -> str:
        return info.own

    @strawberry.field
    async def told_later(self, info: OwnInfo) -> str:
        return info.own

    @strawberry.field
    def item(self) -> OwnItem:
        return {"name": "from a key"}  # type: ignore[return-value]


async def test_other_classes_of_strawberry_stay_in_between() -> None:
    config = StrawberryConfig(info_class=OwnInfo, default_resolver=read_key)
    data, errors = await both(strawberry.Schema(OwnQuery, config=config)._schema, "{ told toldLater item { name } }")
    assert errors == []
    assert data == {"told": "own told", "toldLater": "own toldLater", "item": {"name": "from a key"}}


async def test_introspection() -> None:
    text = '{ __schema { types { name kind fields { name args { name defaultValue } type { name ofType { name } } } } } __type(name: "Box") { inputFields { name } } }'
    data, errors = await both(THINGS, text)
    assert errors == []
    assert {"name": "inner"} in data["__type"]["inputFields"]


async def test_one_operation_of_several() -> None:
    plan = compiled(THINGS, "query A { names } query B { needed }", "B")
    assert plan is not None
    assert (await plan.execute(root_value={"needed": ["x"]})).data == b'{"needed":["x"]}'


async def test_one_plan_serves_many_at_once() -> None:
    plan = compiled(THINGS, "query ($n: Int!, $a: Boolean!) { needs(n: $n) names @include(if: $a) }")
    assert plan is not None
    root = {"needs": lambda _info, n: later(str(n), n), "names": ["a"]}
    executed = await asyncio.gather(
        *(plan.execute(variable_values={"n": n, "a": n % 2 == 0}, root_value=root) for n in range(20))
    )
    assert [orjson.loads(each.data) for each in executed] == [
        {"needs": str(n), "names": ["a"]} if n % 2 == 0 else {"needs": str(n)} for n in range(20)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "subscription { ticks }",
        "{ names @stream(initialCount: 1) }",
        "{ ... @defer { names } }",
        "query @experimental_disableErrorPropagation { names }",
        "{ names @skip(if: 1) }",
        "query ($x: Person) { names }",
        "{ ...A } fragment A on Query { ... @defer { names } }",
    ],
)
def test_what_only_graphql_core_runs(text: str) -> None:
    assert compiled(THINGS, text) is None


def test_a_schema_without_mutations_has_no_plan_of_one() -> None:
    assert compiled(build_schema("type Query { a: Int }"), "mutation { a }") is None


async def test_the_encoder_is_the_callers() -> None:
    document = parse("{ names }")
    (operation,) = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    plan = PlanCompiler(THINGS, encode=lambda data: repr(data).encode()).compile(document, operation)
    assert plan is not None
    executed = await plan.execute(root_value={"names": ["\ud800"]})
    assert executed.data == b"{'names': ['\\ud800']}"
    assert execute(THINGS, document, {"names": ["\ud800"]}) == ({"names": ["\ud800"]}, None)


def refuse(_: Any) -> Any:
    raise ValueError("refused")


async def test_a_default_of_a_scalar_of_the_schema_is_parsed_for_each_request() -> None:
    parsed: list[str] = []

    def parse_value(value: str) -> str:
        parsed.append(value)
        return f"{value}, parsed {len(parsed)} times"

    text = GraphQLScalarType("Text", parse_value=parse_value)
    repeat = GraphQLField(GraphQLString, {"text": GraphQLArgument(text)}, lambda _source, _info, text: text)
    schema = GraphQLSchema(GraphQLObjectType("Query", {"repeat": repeat}))
    plan = compiled(schema, 'query ($text: Text = "x") { repeat(text: $text) }')
    assert plan is not None
    assert [(await plan.execute()).data for _ in range(2)] == [
        b'{"repeat":"x, parsed 1 times"}',
        b'{"repeat":"x, parsed 2 times"}',
    ]


async def test_a_default_that_its_type_refuses_is_an_error_of_the_field() -> None:
    box = GraphQLInputObjectType("Box", {"size": GraphQLInputField(GraphQLInt)}, out_type=refuse)
    pack = GraphQLField(GraphQLInt, {"box": GraphQLArgument(box, default=GraphQLDefaultInput(value={"size": 1}))})
    shop = GraphQLObjectType("Shop", {"pack": pack, "name": GraphQLField(GraphQLString)})
    schema = GraphQLSchema(GraphQLObjectType("Query", {"shop": GraphQLField(shop), "pack": pack}))
    data, errors = await both(schema, "{ shop { pack name } pack }", {"shop": {"name": "a"}})
    assert data == {"shop": {"pack": None, "name": "a"}, "pack": None}
    assert [error["path"] for error in errors] == [["shop", "pack"], ["pack"]]


async def test_arguments_of_a_coroutine_are_coerced_once() -> None:
    parsed: list[str] = []
    text = strawberry.scalar(name="Text", parse_value=lambda value: parsed.append(value) or value)

    @strawberry.type
    class Query:
        @strawberry.field
        async def repeat(self, text: Written) -> str:
            return text

    schema = strawberry.Schema(Query, config=StrawberryConfig(scalar_map={Written: text}))
    expected, actual = await Comparison(schema._schema).run('{ a: repeat(text: "a") b: repeat(text: "b") }', {}, dict)
    assert actual == expected
    assert parsed == ["a", "b"] * 2


Written = NewType("Written", str)


@strawberry.input
class Ended:
    number: int = 0

    def __post_init__(self) -> None:
        if self.number:
            next(iter([]))


async def test_a_coroutine_whose_arguments_end_an_iteration() -> None:
    @strawberry.type
    class Query:
        @strawberry.field
        async def take(self, ended: Ended) -> int | None:
            return ended.number

    expected, actual = await Comparison(strawberry.Schema(Query)._schema).run("{ take(ended: {number: 1}) }", {}, dict)
    assert actual == expected


async def test_an_iterator_needs_nothing_but_next() -> None:
    class Counting:
        count = 0

        def __next__(self) -> int:
            if self.count == 3:
                raise StopIteration
            self.count += 1
            return self.count

    class Counts:
        def __iter__(self) -> Any:
            return Counting()

    data, errors = await both(build_schema("type Query { numbers: [Int] }"), "{ numbers }", {"numbers": Counts()})
    assert (data, errors) == ({"numbers": [1, 2, 3]}, [])


class Pair(NamedTuple):
    key: int
    name: str


class Renamed(Pair):
    label = Pair.name
    name = Pair.key  # type: ignore[assignment]


class Positive(InstancesOf):
    def __call__(self, value: Any, info: Any = None) -> bool:
        return super().__call__(value, info) and value.key > 0


@strawberry.type
class ShownPair:
    is_type_of = InstancesOf(Renamed)

    key: int
    label: str
    name: int


@strawberry.type
class PositivePair:
    is_type_of = Positive(Pair)

    key: int


async def test_a_record_is_read_where_its_class_says() -> None:
    @strawberry.type
    class Query:
        is_type_of = InstancesOf(Pair)

        key: int

        @strawberry.field
        def shown(self) -> ShownPair:
            return Renamed(1, "one")  # type: ignore[return-value]

        @strawberry.field
        def positive(self, key: int) -> PositivePair | None:
            return Pair(key, "")  # type: ignore[return-value]

    schema = strawberry.Schema(Query)._schema
    text = "{ key shown { key label name } one: positive(key: 1) { key } none: positive(key: -1) { key } }"
    # Of a root value, nobody asks whether it is of its type.
    data, errors = await both(schema, text, SimpleNamespace(key=3))
    assert data == {"key": 3, "shown": {"key": 1, "label": "one", "name": 1}, "one": {"key": 1}, "none": None}
    assert [error["path"] for error in errors] == [["none"]]


async def test_a_plan_keeps_nothing_of_a_document_in_its_schema() -> None:
    schema = build_schema("input In { a: [Int] } type Query { f(in: [In!]): Int }")
    compiler = PlanCompiler(schema)

    def compile_one(number: int) -> None:
        text = f"query ($a: [In!]!, $b: In!, $c: [[In]]) {{ x{number}: f(in: $a) f(in: [$b]) g: f }}"
        document = parse(text)
        (operation,) = document.definitions
        assert isinstance(operation, OperationDefinitionNode)
        assert compiler.compile(document, operation) is not None

    def wrappers() -> int:
        gc.collect()
        return sum(isinstance(each, GraphQLWrappingType) for each in gc.get_objects())

    compile_one(0)
    before = wrappers()
    for number in range(1, 5):
        compile_one(number)
    assert wrappers() == before


async def test_what_a_resolver_does_to_its_infos_fragments_is_gone_with_the_request() -> None:
    def forget(info: Any) -> list[str]:
        info.fragments.clear()
        return ["a"]

    plan = compiled(THINGS, "{ names person { ...P } } fragment P on Person { name }")
    assert plan is not None
    await plan.execute(root_value={"names": forget})
    executed = await plan.execute(root_value={"names": [], "person": {"name": "Ada"}})
    assert executed.data == b'{"names":[],"person":{"name":"Ada"}}'
