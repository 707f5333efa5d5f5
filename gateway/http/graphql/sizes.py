"""How much an operation may return, from its page sizes, before anything runs (contract/graphql.md, 'Limits').

A connection counts `first` or `last` times one node and all that is below it. A list without a page size counts as many
as the ids that it is asked for, or else ten; or a hundred, if it contains another such list, because lists of lists can
be longer than any page. The lists of introspection count their average length in this schema. Nodes are the objects of
lists; values are all fields: a few thousand nodes with a few dozen fields each can take seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_composite_type,
    is_enum_type,
    is_input_object_type,
    is_interface_type,
    is_list_type,
    is_object_type,
)

from gateway.http.graphql.limits import LimitExceeded, Limits

_PAGE_SIZES: Final = ("first", "last")
_IDS: Final = "ids"
_TYPENAME: Final = "__typename"
_UNPAGED_LIST: Final = 10
_UNPAGED_LIST_OF_LISTS: Final = 100

Fragments = Mapping[str, FragmentDefinitionNode]


class Size(NamedTuple):
    """`nodes` and `values` are limits of the same name; `has_unpaged` tells of lists without a page size."""

    nodes: int
    values: int
    has_unpaged: bool = False


_EMPTY: Final = Size(0, 0)


class SizeEstimate:
    """For one validated operation. Computed once, unless a variable sets a page size."""

    def __init__(
        self, schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: Fragments, max_page_size: int
    ) -> None:
        self._schema = schema
        self._operation = operation
        self._fragments = fragments
        self._max_page_size = max_page_size
        self._defaults = {
            definition.variable.name.value: definition.default_value
            for definition in operation.variable_definitions or ()
        }
        walk = self._walk({})
        self._constant = None if walk.used_variable else walk.total

    def check(self, variables: Mapping[str, Any], limits: Limits) -> None:
        """Raises LimitExceeded."""
        total = self.total(variables)
        if total.nodes <= limits.nodes and total.values <= limits.values:
            return
        if total.nodes > limits.nodes:
            raise LimitExceeded("nodes", limits.nodes, total.nodes)
        raise LimitExceeded("values", limits.values, total.values)

    def total(self, variables: Mapping[str, Any]) -> Size:
        return self._walk(variables).total if self._constant is None else self._constant

    def _walk(self, variables: Mapping[str, Any]) -> _Walk:
        walk = _Walk(self._schema, self._fragments, self._max_page_size, variables, self._defaults)
        walk.total = walk.size(self._operation.selection_set, self._schema.get_root_type(self._operation.operation))
        return walk


class _Walk:
    total = _EMPTY

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Fragments,
        max_page_size: int,
        variables: Mapping[str, Any],
        defaults: Mapping[str, ValueNode | None],
    ) -> None:
        self.used_variable = False
        self._schema = schema
        self._fragments = fragments
        self._max_page_size = max_page_size
        self._variables = variables
        self._defaults = defaults
        self._measured: dict[str, Size] = {}
        self._introspection = _introspection_lists(schema)

    def size(self, selection_set: SelectionSetNode | None, parent: GraphQLNamedType | None) -> Size:
        nodes = values = 0
        has_unpaged = False
        for selection in selection_set.selections if selection_set else ():
            added = self._selection(selection, parent)
            nodes += added.nodes
            values += added.values
            has_unpaged = has_unpaged or added.has_unpaged
        return Size(nodes, values, has_unpaged)

    def _selection(self, selection: SelectionNode, parent: GraphQLNamedType | None) -> Size:
        if isinstance(selection, FieldNode):
            return self._field(selection, parent)
        if isinstance(selection, InlineFragmentNode):
            condition = selection.type_condition
            inner = self._schema.get_type(condition.name.value) if condition else parent
            return self.size(selection.selection_set, inner)
        return self._fragment(selection.name.value) if isinstance(selection, FragmentSpreadNode) else _EMPTY

    def _fragment(self, name: str) -> Size:
        if name not in self._measured:
            fragment = self._fragments[name]
            inner = self._schema.get_type(fragment.type_condition.name.value)
            self._measured[name] = self.size(fragment.selection_set, inner)
        return self._measured[name]

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None) -> Size:
        name = node.name.value
        if parent is None or not is_composite_type(parent):
            return _EMPTY
        field = self._schema.get_field(parent, name)
        if field is None or name == _TYPENAME:
            # Clients add it to every selection set.
            return _EMPTY
        named = get_named_type(field.type)
        if not is_composite_type(named):
            return Size(0, 1)
        below = self.size(node.selection_set, named)
        arguments = {argument.name.value: argument.value for argument in node.arguments or ()}
        is_unpaged = False
        if any(each in field.args for each in _PAGE_SIZES):
            count = self._page_size(arguments)
        elif not is_list_type(get_nullable_type(field.type)) or parent.name.endswith("Connection"):
            return below._replace(values=1 + below.values)
        elif _IDS in field.args:
            count = self._list_size(arguments)
        elif (parent.name, name) in self._introspection:
            count = self._introspection[parent.name, name]
        else:
            is_unpaged = True
            count = _UNPAGED_LIST_OF_LISTS if below.has_unpaged else _UNPAGED_LIST
        return Size(count * (1 + below.nodes), 1 + count * below.values, is_unpaged or below.has_unpaged)

    def _page_size(self, arguments: Mapping[str, ValueNode]) -> int:
        sizes = [self._value(arguments[name]) for name in _PAGE_SIZES if name in arguments]
        # JSON has one kind of number: 5.0 is an Int too.
        given = [
            int(size) for size in sizes if isinstance(size, int) or (isinstance(size, float) and size.is_integer())
        ]
        # A larger or smaller one is refused where it is used.
        return min(max(*given, 0), self._max_page_size) if given else self._max_page_size

    def _list_size(self, arguments: Mapping[str, ValueNode]) -> int:
        ids = self._value(arguments[_IDS]) if _IDS in arguments else None
        return len(ids) if isinstance(ids, list) else _UNPAGED_LIST

    def _value(self, node: ValueNode | None) -> Any:
        if isinstance(node, VariableNode):
            self.used_variable = True
            name = node.name.value
            return self._variables[name] if name in self._variables else self._value(self._defaults.get(name))
        if isinstance(node, IntValueNode):
            return int(node.value)
        return list(node.values) if isinstance(node, ListValueNode) else None


@lru_cache(maxsize=16)
def _introspection_lists(schema: GraphQLSchema) -> Mapping[tuple[str, str], int]:
    """How long the lists of objects are, below `__schema` and `__type`."""
    types = [*schema.type_map.values()]
    with_fields = [each for each in types if is_object_type(each) or is_interface_type(each)]
    return {
        ("__Schema", "types"): len(types),
        ("__Schema", "directives"): len(schema.directives),
        ("__Type", "fields"): _mean(len(each.fields) for each in with_fields),
        ("__Type", "interfaces"): _mean(len(each.interfaces) for each in with_fields),
        ("__Type", "possibleTypes"): _mean(
            len(schema.get_possible_types(each)) for each in types if is_abstract_type(each)
        ),
        ("__Type", "enumValues"): _mean(len(each.values) for each in types if is_enum_type(each)),
        ("__Type", "inputFields"): _mean(len(each.fields) for each in types if is_input_object_type(each)),
        ("__Field", "args"): _mean(len(field.args) for each in with_fields for field in each.fields.values()),
        ("__Directive", "args"): _mean(len(each.args) for each in schema.directives),
    }


def _mean(lengths: Iterable[int]) -> int:
    found = [*lengths]
    return -(-sum(found) // max(len(found), 1))
