"""`gateway documents`: manifests of trusted documents, before they are served."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from gateway.app import graphql_limits
from gateway.cli.running import fail, read_settings, show
from gateway.http.graphql.documents import Documents
from gateway.http.graphql.errors import RequestRefused
from gateway.http.graphql.limits import LimitExceeded, Limits
from gateway.http.graphql.persisted import BadManifest, load_manifest
from schema.connections import MAX_PAGE_SIZE
from schema.forecast import OperationForecast
from schema.schema import build_schema


@click.group("documents")
def documents_group() -> None:
    """Check trusted documents."""


@documents_group.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def documents_check(file: Path) -> None:
    """Check the documents of the manifest FILE.

    Each must fit the schema and the limits of this version of the service.

    FILE is what Relay, graphql-codegen or Apollo write: what GATEWAY_TRUSTED_DOCUMENTS names.
    """
    settings = read_settings()
    limits = graphql_limits(settings)
    try:
        manifest = load_manifest(file)
    except BadManifest as error:
        fail(str(error))
    documents = Documents(build_schema(), limits, settings.max_validation_errors, MAX_PAGE_SIZE, OperationForecast)
    problems = list(_problems(manifest, documents, limits))
    if problems:
        wrong = len({document_id for document_id, _ in problems})
        fail(
            *(f"{document_id}: {problem}" for document_id, problem in problems),
            f"{wrong} of {len(manifest)} documents do not fit.",
        )
    show(f"All {len(manifest)} documents fit.")


def _problems(manifest: Mapping[str, str], documents: Documents[Any], limits: Limits) -> Iterator[tuple[str, str]]:
    for document_id, text in manifest.items():
        try:
            document = documents.get(text, hide_suggestions=False)
        except RequestRefused as refused:
            for error in refused.render():
                yield document_id, _line(error)
            continue
        for operation in map(document.operation, document.operation_names):
            # Page sizes may come with the variables.
            if not operation.node.variable_definitions:
                try:
                    operation.size.check({}, limits)
                except LimitExceeded as exceeded:
                    yield document_id, exceeded.error().message


def _line(error: Mapping[str, Any]) -> str:
    place = "".join(f"{each['line']}:{each['column']}: " for each in error.get("locations", ())[:1])
    return place + " ".join(error["message"].split())
