"""One field of a selection set: it resolves, completes, and turns what fails into a located error."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from functools import cached_property
from types import CoroutineType
from typing import Any, Protocol

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    is_non_null_type,
    located_error,
)
from graphql.pyutils import is_awaitable

from gateway.execution.arguments import Arguments, prepare_arguments
from gateway.execution.completion import Complete, make_completer, needs_info, non_null, object_executor
from gateway.execution.lists import Executor
from gateway.execution.plain import learn, plain_types
from gateway.execution.resolvers import Attribute, Direct, Opaque
from gateway.execution.run import InfoMaker, Json, ResponsePath, Run, as_core_path


class Document(Protocol):
    """What all fields of an operation share."""

    schema: GraphQLSchema
    fragments: dict[str, FragmentDefinitionNode]
    operation: OperationDefinitionNode

    def executor(self, runtime_type: GraphQLObjectType, nodes: tuple[FieldNode, ...]) -> Executor: ...


@dataclass(eq=False, repr=False)
class LocatedField:
    """A field on one type, for all nodes that select it under one response key: where it is, and what fails there."""

    document: Document
    key: str
    nodes: tuple[FieldNode, ...]
    parent_type: GraphQLObjectType
    definition: GraphQLField

    @property
    def schema(self) -> GraphQLSchema:
        return self.document.schema

    @property
    def kind(self) -> GraphQLOutputType:
        return self.definition.type

    @property
    def is_non_null(self) -> bool:
        return is_non_null_type(self.definition.type)

    @property
    def nullable_kind(self) -> Any:
        kind: Any = self.definition.type
        return kind.of_type if self.is_non_null else kind

    @property
    def coordinates(self) -> str:
        return f"{self.parent_type}.{self.nodes[0].name.value}"

    def executor(self, runtime_type: GraphQLObjectType) -> Executor:
        return self.document.executor(runtime_type, self.nodes)

    def path(self, parent: ResponsePath) -> ResponsePath:
        return (parent, self.key, self.parent_type.name)

    def fail(self, run: Run, parent: ResponsePath, error: Exception) -> Json:
        """Records the error and makes the field null; raises it if the field is non-null."""
        return self.fail_at(run, self.path(parent), error, is_non_null=self.is_non_null)

    def fail_at(self, run: Run, path: ResponsePath, error: Exception, *, is_non_null: bool) -> Json:
        core_path = as_core_path(path)
        assert core_path is not None
        try:
            located = located_error(error, [*self.nodes], core_path.as_list())
        except Exception as broken:
            # The error's own text, or what it has where a GraphQLError has its nodes.
            located = located_error(broken, [*self.nodes], core_path.as_list())
        if is_non_null:
            raise located
        run.errors.add(located, core_path)
        return None


@dataclass(eq=False, repr=False)
class Field(LocatedField):
    """A field that is resolved and completed. What only a few of its values need is made when it is first needed."""

    resolver: Attribute | Direct | Opaque

    @property
    def needs_info(self) -> bool:
        return needs_info(self.definition.type)

    @cached_property
    def arguments(self) -> Arguments:
        return prepare_arguments(self.definition, self.nodes[0])

    @cached_property
    def make_info(self) -> InfoMaker:
        document = self.document
        return InfoMaker(
            self.nodes, self.kind, self.parent_type, document.schema, document.fragments, document.operation
        )

    @cached_property
    def _located(self) -> LocatedField:
        # For what is kept here, and would be in a circle with this field.
        return LocatedField(self.document, self.key, self.nodes, self.parent_type, self.definition)

    @cached_property
    def complete(self) -> Complete:
        return non_null(self._located, self.complete_value) if self.is_non_null else self.complete_value

    @cached_property
    def complete_value(self) -> Complete:
        """The same for a value that is not null."""
        return make_completer(self._located, self.nullable_kind)

    @cached_property
    def object_executor(self) -> Executor | None:
        return object_executor(self, self.kind)

    def finish(self, run: Run, parent: ResponsePath, value: Any, info: Any = None) -> Json:
        """Completes what the resolver returned, whatever it is."""
        try:
            path = self.path(parent)
            if info is None and self.needs_info:
                info = self.make_info(run, path)
            if type(value) not in plain_types:
                if is_awaitable(value):
                    return self._finish_later(run, path, value, info)
                learn(value)
            done = self.complete(run, value, path, info)
            return self.guard(run, path, done) if type(done) is CoroutineType else done
        except Exception as error:
            return self.fail(run, parent, error)

    def resume(self, run: Run, parent: ResponsePath, value: Any) -> Json:
        """Like `finish`, for the value of an attribute: graphql-core's default resolver calls it, if it is callable."""
        info = None
        if isinstance(self.resolver, Attribute) and self.resolver.lenient and callable(value):
            try:
                info = self.make_info(run, self.path(parent))
                value = value(info)
            except Exception as error:
                return self.fail(run, parent, error)
        return self.finish(run, parent, value, info)

    async def _finish_later(self, run: Run, path: ResponsePath, value: Awaitable[Any], info: Any) -> Json:
        try:
            done = self.complete(run, await value, path, info)
            return await done if type(done) is CoroutineType else done
        except Exception as error:
            return self.fail_at(run, path, error, is_non_null=self.is_non_null)

    async def guard(self, run: Run, path: ResponsePath, done: Awaitable[Json]) -> Json:
        """Awaits a value that is being completed."""
        try:
            return await done
        except Exception as error:
            return self.fail_at(run, path, error, is_non_null=self.is_non_null)
