"""Documents against the real schema, without a service around it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from graphql import GraphQLSchema

from gateway.app import graphql_limits
from gateway.http.graphql.documents import Document, Documents
from gateway.http.graphql.errors import RequestRefused
from gateway.http.graphql.limits import Limits
from gateway.settings import load_settings
from schema.connections import MAX_PAGE_SIZE
from schema.forecast import OperationForecast
from schema.schema import build_schema


@cache
def schema() -> GraphQLSchema:
    return build_schema()


def make_limits(**changes: int) -> Limits:
    """The service's own, but for `changes`."""
    return replace(graphql_limits(load_settings()), **changes)


def documents(max_errors: int = 5, cache_size: int = 1024 * 1024, **limits: int) -> Documents[OperationForecast]:
    return Documents(schema(), make_limits(**limits), max_errors, MAX_PAGE_SIZE, OperationForecast, cache_size)


def read(text: str, **limits: int) -> Document[OperationForecast]:
    """Raises RequestRefused."""
    return documents(**limits).get(text, hide_suggestions=True)


def refusal(text: str, **limits: int) -> dict[str, Any] | None:
    """The first error, as a client sees it; None where the document is read."""
    try:
        read(text, **limits)
    except RequestRefused as refused:
        error: dict[str, Any] = refused.render()[0]
        return error
    return None
