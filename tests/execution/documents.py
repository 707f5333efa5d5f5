"""Random operations over any schema: a seed makes the same ones again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLSchema,
    Undefined,
    get_named_type,
    is_abstract_type,
    is_input_object_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from graphql.type import is_required_argument, is_required_input_field


@dataclass(frozen=True)
class Operation:
    text: str
    variables: dict[str, Any]


class OperationMaker:
    """`texts` are what strings and ids are drawn from; `mutates` whether mutations are made too."""

    def __init__(
        self, schema: GraphQLSchema, random: Random, texts: list[str], *, depth: int = 5, mutates: bool = True
    ) -> None:
        self._schema = schema
        self._random = random
        self._texts = texts
        self._depth = depth
        self._mutates = mutates

    def make(self) -> Operation:
        self._definitions: dict[str, str] = {}
        self._values: dict[str, Any] = {}
        self._fragments: list[tuple[str, GraphQLNamedType, str]] = []
        self._budget = self._random.choice((6, 15, 30, 60))
        mutation = self._schema.mutation_type
        is_mutation = self._mutates and mutation is not None and self._random.random() < 0.2
        root = mutation if is_mutation else self._schema.query_type
        assert root is not None
        selections = self._selections(root, 0)
        head = "mutation" if is_mutation else "query"
        variables = ", ".join(self._definitions.values())
        text = f"{head} Op{f'({variables})' if variables else ''} {selections}"
        text += "".join(f"\nfragment {name} on {kind} {body}" for name, kind, body in self._fragments)
        return Operation(text, self._values)

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _selections(self, kind: GraphQLNamedType, depth: int) -> str:
        parts: list[str] = []
        for _ in range(self._random.choice((1, 2, 2, 3, 4, 6))):
            choice = self._random.random()
            if choice < 0.72 or not self._budget:
                parts.append(self._field(kind, depth))
            elif choice < 0.86:
                condition = self._condition_type(kind)
                on = f" on {condition}" if condition is not kind or self._chance(0.5) else ""
                parts.append(f"...{on}{self._directives()} {self._selections(condition, depth)}")
            else:
                parts.append(f"...{self._fragment(kind, depth)}{self._directives()}")
        return "{ " + " ".join(parts) + " }"

    def _fragment(self, kind: GraphQLNamedType, depth: int) -> str:
        known = [name for name, on, _ in self._fragments if self._may_spread(on, kind)]
        if known and self._chance(0.5):
            return self._random.choice(known)
        condition = self._condition_type(kind)
        body = self._selections(condition, depth)
        name = f"F{len(self._fragments)}"
        self._fragments.append((name, condition, body))
        return name

    def _may_spread(self, on: GraphQLNamedType, kind: GraphQLNamedType) -> bool:
        return on is kind or on in self._neighbours(kind)

    def _neighbours(self, kind: GraphQLNamedType) -> list[GraphQLNamedType]:
        """Types that share a value with this one."""
        if is_abstract_type(kind):
            return [*self._schema.get_possible_types(kind)]
        return [
            other
            for other in self._schema.type_map.values()
            if is_abstract_type(other) and self._schema.is_sub_type(other, kind)  # type: ignore[arg-type]
        ]

    def _condition_type(self, kind: GraphQLNamedType) -> GraphQLNamedType:
        neighbours = self._neighbours(kind)
        return self._random.choice(neighbours) if neighbours and self._chance(0.6) else kind

    def _field(self, kind: GraphQLNamedType, depth: int) -> str:
        fields = getattr(kind, "fields", {})
        self._budget = max(0, self._budget - 1)
        names = [
            name
            for name, field in fields.items()
            if (depth < self._depth and self._budget) or is_leaf_type(get_named_type(field.type))
        ]
        alias = f"{self._random.choice('abc')}: " if self._chance(0.25) else ""
        if not names or self._chance(0.06):
            return f"{alias}__typename{self._directives()}"
        name = self._random.choice(names)
        field = fields[name]
        given = [
            f"{argument_name}: {self._argument(argument.type, argument.default_value is not Undefined)}"
            for argument_name, argument in field.args.items()
            if is_required_argument(argument) or self._chance(0.5)
        ]
        if given and self._chance(0.02):
            given.pop()
        arguments = f"({', '.join(given)})" if given else ""
        named = get_named_type(field.type)
        below = "" if is_leaf_type(named) else " " + self._selections(named, depth + 1)
        return f"{alias}{name}{arguments}{self._directives()}{below}"

    def _directives(self) -> str:
        if not self._chance(0.12):
            return ""
        name = self._random.choice(("skip", "include"))
        directive = f" @{name}(if: {self._condition()})"
        if self._chance(0.2):
            other = "skip" if name == "include" else "include"
            directive += f" @{other}(if: {self._condition()})"
        return directive

    def _condition(self) -> str:
        if self._chance(0.2):
            return self._random.choice(("true", "false"))
        name = f"if{self._random.randrange(3)}"
        if name not in self._definitions:
            odd = self._chance(0.05)
            self._definitions[name] = f"${name}: Boolean = {'null' if odd else 'true'}" if odd else f"${name}: Boolean!"
            if not odd or self._chance(0.3):
                self._values[name] = self._random.choice((True, False))
        return f"${name}"

    def _argument(self, kind: Any, has_default: bool) -> str:
        if self._chance(0.4):
            return self._variable(kind, has_default)
        return self._literal(kind, 0)

    def _variable(self, kind: Any, has_default: bool = False) -> str:
        name = f"v{len(self._values)}_{len(self._definitions)}"
        declared = str(kind)
        default = ""
        if is_non_null_type(kind) and (has_default or self._chance(0.2)):
            declared = str(kind.of_type)
            if not has_default or self._chance(0.5):
                default = f" = {self._literal(kind.of_type, 1)}"
        elif self._chance(0.15):
            default = f" = {self._literal(kind, 1)}"
        self._definitions[name] = f"${name}: {declared}{default}"
        choice = self._random.random()
        if choice < 0.04:
            self._values[name] = self._random.choice((None, "wrong", 2**40, [], {}, {"x": 1}, 1.5, True, [None]))
        elif choice < 0.85 or (is_non_null_type(kind) and not default and choice < 0.97):
            self._values[name] = self._value(kind, 0)
        return f"${name}"

    def _leaf(self, kind: Any) -> Any:
        if isinstance(kind, GraphQLEnumType):
            return self._random.choice([*kind.values])
        if kind.name == "Int":
            return self._random.choice((0, 1, 2, 3, 7, -1, 100))
        if kind.name == "Float":
            return self._random.choice((0.5, 1, -2.25))
        if kind.name == "Boolean":
            return self._chance(0.5)
        return self._random.choice(self._texts)

    def _value(self, kind: Any, depth: int) -> Any:
        """JSON for a variable."""
        if is_non_null_type(kind):
            kind = kind.of_type
        elif self._chance(0.1):
            return None
        if is_list_type(kind):
            if self._chance(0.1):
                return self._value(kind.of_type, depth)
            return [self._value(kind.of_type, depth + 1) for _ in range(self._random.randrange(3))]
        if isinstance(kind, GraphQLInputObjectType):
            value = {
                name: self._value(field.type, depth + 1)
                for name, field in kind.fields.items()
                if is_required_input_field(field) or (depth < 3 and self._chance(0.5))
            }
            if self._chance(0.03):
                value["unknown"] = 1
            return value
        return "wrong" if self._chance(0.03) else self._leaf(kind)

    def _literal(self, kind: Any, depth: int) -> str:
        if is_non_null_type(kind):
            kind = kind.of_type
        elif self._chance(0.08):
            return "null"
        if depth == 0 and self._chance(0.02):
            return self._random.choice(("WRONG", '"wrong"', "[1]", "{x: 1}", "1.5"))
        if is_list_type(kind):
            if self._chance(0.1):
                return self._literal(kind.of_type, depth + 1)
            items = [
                self._variable(kind.of_type) if depth == 0 and self._chance(0.1) else self._literal(kind.of_type, 1)
                for _ in range(self._random.randrange(3))
            ]
            return f"[{', '.join(items)}]"
        if is_input_object_type(kind):
            fields = [
                f"{name}: {self._variable(f.type) if depth == 0 and self._chance(0.2) else self._literal(f.type, depth + 1)}"
                for name, f in kind.fields.items()
                if is_required_input_field(f) or (depth < 3 and self._chance(0.4))
            ]
            return "{" + ", ".join(fields) + "}"
        value = self._leaf(kind)
        return value if isinstance(kind, GraphQLEnumType) else json.dumps(value)
