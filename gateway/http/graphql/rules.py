"""The rules that a document is validated by: those of the specification."""

from __future__ import annotations

from typing import Any

from graphql import DocumentNode, GraphQLError, specified_rules
from graphql.validation import ASTValidationRule, OverlappingFieldsCanBeMergedRule, ScalarLeafsRule, ValidationRule

from gateway.http.graphql.limits import Limits
from gateway.http.graphql.overlaps import Overlaps


def rules(limits: Limits) -> tuple[type[ASTValidationRule], ...]:
    """They raise LimitExceeded on `field_comparisons`."""

    class MergeableFields(ValidationRule):
        def enter_document(self, document: DocumentNode, *_: Any) -> None:
            for conflict in Overlaps(self.context, document, limits.field_comparisons).conflicts():
                self.report_error(conflict)

    ours: dict[type[ASTValidationRule], type[ASTValidationRule]] = {
        OverlappingFieldsCanBeMergedRule: MergeableFields,
        ScalarLeafsRule: _ScalarLeafs,
    }
    return tuple(ours.get(rule, rule) for rule in specified_rules)


class _ScalarLeafs(ScalarLeafsRule):
    """graphql-core's own makes its suggestion even where they are to be hidden."""

    def report_error(self, error: GraphQLError) -> None:
        if self.context.hide_suggestions:
            error = GraphQLError(error.message.partition(" Did you mean ")[0], error.nodes)
        super().report_error(error)
