"""The rules of the specification, of which one is bounded."""

from __future__ import annotations

from typing import Any

from graphql import SelectionSetNode, ValidationContext, specified_rules
from graphql.validation import ASTValidationRule, OverlappingFieldsCanBeMergedRule
from graphql.validation.validate import ValidationAbortedError

from gateway.http.graphql.limits import LimitExceeded, Limits


def rules(limits: Limits) -> tuple[type[ASTValidationRule], ...]:
    """graphql-core's rules. That on overlapping fields raises LimitExceeded.

    It compares fields of the same name in pairs, up to half a million times, which takes most of a second.
    """

    class BoundedOverlappingFields(OverlappingFieldsCanBeMergedRule):
        def __init__(self, context: ValidationContext) -> None:
            super().__init__(context)
            self.rule_context.remaining_complexity_budget = limits.field_comparisons

        def enter_selection_set(self, selection_set: SelectionSetNode, *place: Any) -> None:
            try:
                super().enter_selection_set(selection_set, *place)
            except ValidationAbortedError:
                if self.rule_context.remaining_complexity_budget < 0:
                    raise LimitExceeded("field_comparisons", limits.field_comparisons, None) from None
                raise

    return tuple(
        BoundedOverlappingFields if rule is OverlappingFieldsCanBeMergedRule else rule for rule in specified_rules
    )
