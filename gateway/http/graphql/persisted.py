"""Documents by id: automatic persisted queries, and trusted documents from a manifest.

Automatic persisted queries are Apollo's protocol: a client sends a hash alone, and the text with it
only where the server does not know it yet. Trusted documents are known beforehand: what is in the
manifest runs, and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from graphql import GraphQLError

from gateway.errors import InvalidInput
from gateway.http.graphql.documents import BoundedTexts
from gateway.http.graphql.errors import (
    PERSISTED_QUERY_NOT_FOUND,
    PERSISTED_QUERY_NOT_SUPPORTED,
    PERSISTED_QUERY_ONLY,
    RequestRefused,
)
from gateway.http.graphql.request import GraphQLRequest

_VERSION: Final = 1
_SHA256_PREFIX: Final = "sha256:"


class BadManifest(Exception):
    """What is wrong with a manifest file, for the operator to read."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The text to run, and the id under which the client knows it, if any."""

    text: str
    document_id: str | None


def load_manifest(path: Path) -> Mapping[str, str]:
    """Texts by id, from what Relay, graphql-codegen or Apollo write. Raises BadManifest.

    Relay and graphql-codegen write one object of ids and texts; Apollo a list of operations.
    """
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise BadManifest(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise BadManifest(f"{path}: is no JSON: {error}") from None
    if isinstance(content, dict) and isinstance(content.get("operations"), list):
        operations = content["operations"]
        if not all(isinstance(each, dict) for each in operations):
            raise BadManifest(f"{path}: each of the operations must be an object with id and body")
        content = {each.get("id"): each.get("body") for each in operations}
    if not isinstance(content, dict) or not content:
        raise BadManifest(f"{path}: must be an object of ids and documents")
    for key, text in content.items():
        if not isinstance(key, str) or not isinstance(text, str):
            raise BadManifest(f"{path}: the document {key!r} must be a text")
    return content


class AutomaticDocuments:
    """Learns texts from the clients that send them with their hash; forgets the oldest."""

    # Ids that are known beforehand: here, none.
    document_ids: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._texts: BoundedTexts[str] = BoundedTexts()

    def find(self, request: GraphQLRequest) -> Asked:
        """Raises RequestRefused where the text is not known, InvalidInput where a hash is not that of the text."""
        digest = _automatic_hash(request.extensions)
        if digest is None:
            if request.query is None:
                raise _no_query(request)
            return Asked(request.query, None)
        if request.query is None:
            text = self._texts.get(digest)
            if text is None:
                raise RequestRefused([GraphQLError("PersistedQueryNotFound")], PERSISTED_QUERY_NOT_FOUND)
            return Asked(text, digest)
        if hashlib.sha256(request.query.encode("utf-8", "surrogatepass")).hexdigest() != digest:
            raise InvalidInput("The hash of the persisted query is not that of 'query'.", attr="extensions")
        return Asked(request.query, digest)

    def learn(self, asked: Asked) -> None:
        """Keeps a text that passed validation."""
        if asked.document_id is not None:
            self._texts.put(asked.document_id, asked.text, len(asked.text))


class UnsupportedDocuments:
    """Every request carries its text."""

    document_ids: frozenset[str] = frozenset()

    def find(self, request: GraphQLRequest) -> Asked:
        """Raises RequestRefused where the request has an id instead."""
        if request.query is None:
            raise _no_query(request)
        return Asked(request.query, None)

    def learn(self, asked: Asked) -> None:
        """There is nothing to keep."""


class TrustedDocuments:
    """Only what is in the manifest, asked for by its id or by its text."""

    def __init__(self, manifest: Mapping[str, str]) -> None:
        self._texts = dict(manifest)
        self._ids = {text: document_id for document_id, text in manifest.items()}
        self.document_ids = frozenset(manifest)
        # Clients of Apollo's protocol name a document by the hash of its text, whatever its id is.
        for text in manifest.values():
            self._texts.setdefault(hashlib.sha256(text.encode()).hexdigest(), text)

    def find(self, request: GraphQLRequest) -> Asked:
        """Raises RequestRefused where the document is not a trusted one."""
        digest = request.document_id or _automatic_hash(request.extensions)
        if digest is not None:
            text = self._texts.get(digest) or self._texts.get(digest.removeprefix(_SHA256_PREFIX))
            if text is None:
                raise RequestRefused([GraphQLError("PersistedQueryNotFound")], PERSISTED_QUERY_NOT_FOUND)
            return Asked(text, self._ids[text])
        if request.query is None:
            raise _no_query(request)
        document_id = self._ids.get(request.query)
        if document_id is None:
            raise RequestRefused([GraphQLError("Only trusted documents are run.")], PERSISTED_QUERY_ONLY)
        return Asked(request.query, document_id)

    def learn(self, asked: Asked) -> None:
        """The manifest is all there is."""


DocumentSource = AutomaticDocuments | UnsupportedDocuments | TrustedDocuments


def _automatic_hash(extensions: Mapping[str, Any]) -> str | None:
    """What Apollo's protocol says under `extensions.persistedQuery`. Raises InvalidInput."""
    persisted = extensions.get("persistedQuery")
    if persisted is None:
        return None
    if not isinstance(persisted, dict) or persisted.get("version") != _VERSION:
        raise InvalidInput("'extensions.persistedQuery' must be an object of version 1.", attr="extensions")
    digest = persisted.get("sha256Hash")
    if not isinstance(digest, str):
        raise InvalidInput("'extensions.persistedQuery.sha256Hash' must be a string.", attr="extensions")
    return digest.lower()


def _no_query(request: GraphQLRequest) -> Exception:
    if request.document_id is not None or "persistedQuery" in request.extensions:
        return RequestRefused([GraphQLError("PersistedQueryNotSupported")], PERSISTED_QUERY_NOT_SUPPORTED)
    return InvalidInput("The request has no 'query'.", attr="query")
