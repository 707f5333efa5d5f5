"""The scopes of keys (contract/rest.md, 'Who may call')."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import Final

ALL_SCOPES: Final = "*"

# The objects of the product's API that a key can be given a scope for. Most belong to other
# services: their scopes mean nothing here, yet keys that carry them are loaded and listed.
_SCOPE_OBJECTS: Final = frozenset(
    [
        "access_control",
        "action",
        "activity_log",
        "alert",
        "annotation",
        "approvals",
        "batch_export",
        "batch_import",
        "cohort",
        "comment",
        "conversation",
        "customer_journey",
        "customer_profile_config",
        "dashboard",
        "dashboard_template",
        "dataset",
        "early_access_feature",
        "element",
        "endpoint",
        "error_tracking",
        "evaluation",
        "event_definition",
        "event_filter",
        "experiment",
        "experiment_holdout",
        "experiment_saved_metric",
        "export",
        "external_data_schema",
        "external_data_source",
        "feature_flag",
        "file_system",
        "file_system_shortcut",
        "group",
        "health_issue",
        "heatmap",
        "hog_flow",
        "hog_function",
        "insight",
        "insight_variable",
        "integration",
        "link",
        "live_debugger",
        "llm_analytics",
        "llm_gateway",
        "llm_prompt",
        "logs",
        "notebook",
        "organization",
        "organization_integration",
        "organization_member",
        "persisted_folder",
        "person",
        "plugin",
        "product_tour",
        "project",
        "property_definition",
        "query",
        "revenue_analytics",
        "session_recording",
        "session_recording_playlist",
        "sharing_configuration",
        "subscription",
        "survey",
        "task",
        "ticket",
        "toolbar",
        "tracing",
        "uploaded_media",
        "usage_metric",
        "user",
        "user_interview",
        "warehouse_objects",
        "warehouse_table",
        "warehouse_view",
        "web_analytics",
        "webhook",
    ]
)


class Scope(StrEnum):
    """The scopes that this service asks for. The grammar is `object:action`, action `read` or `write`."""

    FOLDER_READ = "persisted_folder:read"
    FOLDER_WRITE = "persisted_folder:write"
    PROJECT_READ = "project:read"
    USER_READ = "user:read"


def is_known_scope(text: str) -> bool:
    """Whether `text` is `*`, or `object:read` or `object:write` of an object of the product's API."""
    name, _, action = text.partition(":")
    return text == ALL_SCOPES or (name in _SCOPE_OBJECTS and action in ("read", "write"))


# Most keys have the same ones.
@lru_cache(maxsize=256)
def included_scopes(scopes: frozenset[str]) -> frozenset[Scope]:
    """Those of `Scope` that the scopes of a key include."""
    return frozenset(
        scope for scope in Scope if not scopes.isdisjoint({scope, ALL_SCOPES, scope.replace(":read", ":write")})
    )
