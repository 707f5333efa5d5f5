"""What a plan cannot run is run by graphql-core."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    execute,
)
from graphql.execution.executor_throwing_on_incremental import ExecutorThrowingOnIncremental

from gateway.execution.run import extend_info


class _Executor(ExecutorThrowingOnIncremental):
    """Hands the extensions of the request to the infos, as plans do."""

    def __init__(self, *args: Any, operation_extensions: dict[str, Any] | None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._operation_extensions = operation_extensions

    def build_resolve_info(self, *args: Any) -> GraphQLResolveInfo[Any]:
        info = super().build_resolve_info(*args)
        return info if self._operation_extensions is None else extend_info(info, self._operation_extensions)


def execute_with_core(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: dict[str, FragmentDefinitionNode],
    **options: Any,
) -> ExecutionResult | Awaitable[ExecutionResult]:
    document = DocumentNode(definitions=(operation, *fragments.values()))
    return execute(schema, document, executor_class=_Executor, **options)
