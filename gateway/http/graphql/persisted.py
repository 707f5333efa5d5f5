"""Documents by id: automatic persisted queries, and trusted documents from a manifest.

Automatic persisted queries are Apollo's protocol: a client sends a hash alone, and the text with it
only where the server does not know it yet. Trusted documents are known beforehand: what is in the
manifest runs, and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from graphql import GraphQLError

from gateway.errors import InvalidInput
from gateway.http.graphql.bounded import BoundedTexts
from gateway.http.graphql.errors import (
    PERSISTED_QUERY_NOT_FOUND,
    PERSISTED_QUERY_NOT_SUPPORTED,
    PERSISTED_QUERY_ONLY,
    RequestRefused,
)
from gateway.http.graphql.request import GraphQLRequest

_VERSION: Final = 1
_SHA256_PREFIX: Final = "sha256:"
_APOLLO_FORMAT: Final = "apollo-persisted-query-manifest"


class BadManifest(Exception):
    """What is wrong with a manifest file, for the operator to read."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The text to run, and the id that the client uses for it, if any."""

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
    except (ValueError, RecursionError) as error:
        raise BadManifest(f"{path}: is no JSON: {error}") from None
    manifest: dict[str, str] = {}
    for document_id, text in _entries(path, content):
        if not isinstance(document_id, str) or not document_id:
            raise BadManifest(f"{path}: the id {document_id!r} must be a text")
        if not isinstance(text, str):
            raise BadManifest(f"{path}: the document {document_id!r} must be a text")
        if manifest.setdefault(document_id, text) != text:
            raise BadManifest(f"{path}: the id {document_id!r} stands for two documents")
    if not manifest:
        raise BadManifest(f"{path}: has no documents")
    return manifest


def _entries(path: Path, content: Any) -> Iterable[tuple[Any, Any]]:
    if not isinstance(content, dict):
        raise BadManifest(f"{path}: must be an object of ids and documents")
    if content.get("format") != _APOLLO_FORMAT:
        return content.items()
    operations = content.get("operations")
    if content.get("version") != _VERSION or not isinstance(operations, list):
        raise BadManifest(f"{path}: must be of version {_VERSION}, with a list of operations")
    if not all(isinstance(each, dict) for each in operations):
        raise BadManifest(f"{path}: each of the operations must be an object with id and body")
    return [(each.get("id"), each.get("body")) for each in operations]


class AutomaticDocuments:
    """Keeps texts that clients sent together with their hash; forgets those used least recently."""

    # Ids that are known beforehand: here, none.
    document_ids: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._texts: BoundedTexts[str] = BoundedTexts()

    def find(self, request: GraphQLRequest) -> Asked:
        """Raises RequestRefused if the text is not known, InvalidInput if the hash is not that of the text."""
        given = _automatic_hash(request.extensions)
        if given is None:
            if request.query is None:
                raise _no_query(request)
            return Asked(request.query, None)
        digest = given.lower()
        if request.query is None:
            text = self._texts.get(digest)
            if text is None:
                raise RequestRefused([GraphQLError("PersistedQueryNotFound")], PERSISTED_QUERY_NOT_FOUND)
            return Asked(text, digest)
        if _digest(request.query) != digest:
            raise InvalidInput("The hash of the persisted query is not that of 'query'.", attr="extensions")
        return Asked(request.query, digest)

    def learn(self, asked: Asked) -> None:
        """Keeps a text that passed validation."""
        if asked.document_id is not None:
            self._texts.put(asked.document_id, asked.text, sys.getsizeof(asked.text))


class UnsupportedDocuments:
    """Every request carries its text."""

    document_ids: frozenset[str] = frozenset()

    def find(self, request: GraphQLRequest) -> Asked:
        """Raises RequestRefused if the request has only an id."""
        if request.query is None:
            raise _no_query(request)
        return Asked(request.query, None)

    def learn(self, asked: Asked) -> None:
        """There is nothing to keep."""


class TrustedDocuments:
    """Runs only what is in the manifest; clients send its id, the hash of its text, or its text."""

    def __init__(self, manifest: Mapping[str, str]) -> None:
        self.document_ids = frozenset(manifest)
        self._by_text = {text: Asked(text, document_id) for document_id, text in manifest.items()}
        # Clients of Apollo's protocol name a document by its id, or by the hash of its text, whatever its id is.
        self._by_id = {_digest(text): asked for text, asked in self._by_text.items()}
        self._by_id |= {document_id: Asked(text, document_id) for document_id, text in manifest.items()}

    def find(self, request: GraphQLRequest) -> Asked:
        """Raises RequestRefused where the document is not a trusted one."""
        given = request.document_id or _automatic_hash(request.extensions)
        asked = None
        if given is not None:
            bare = given.removeprefix(_SHA256_PREFIX)
            # An id is known in its own case; a hash comes in either.
            asked = self._by_id.get(given) or self._by_id.get(bare) or self._by_id.get(bare.lower())
        elif request.query is None:
            raise _no_query(request)
        if asked is None and request.query is not None:
            asked = self._by_text.get(request.query)
            if asked is None:
                # Not "not found": clients answer that with the text, again and again.
                raise RequestRefused([GraphQLError("Only trusted documents are run.")], PERSISTED_QUERY_ONLY)
        if asked is None:
            raise RequestRefused([GraphQLError("PersistedQueryNotFound")], PERSISTED_QUERY_NOT_FOUND)
        return asked

    def learn(self, asked: Asked) -> None:
        """The manifest is all there is."""


DocumentSource = AutomaticDocuments | UnsupportedDocuments | TrustedDocuments


def given_id(request: GraphQLRequest) -> str | None:
    """The document id that the client sent, whether there is such a document or not."""
    persisted = request.extensions.get("persistedQuery")
    given = request.document_id or (persisted.get("sha256Hash") if isinstance(persisted, dict) else None)
    return given if isinstance(given, str) else None


def _automatic_hash(extensions: Mapping[str, Any]) -> str | None:
    """What Apollo's protocol says under `extensions.persistedQuery`, as it was sent. Raises InvalidInput."""
    persisted = extensions.get("persistedQuery")
    if persisted is None:
        return None
    if not isinstance(persisted, dict) or persisted.get("version") != _VERSION:
        raise InvalidInput("'extensions.persistedQuery' must be an object of version 1.", attr="extensions")
    digest = persisted.get("sha256Hash")
    if not isinstance(digest, str):
        raise InvalidInput("'extensions.persistedQuery.sha256Hash' must be a string.", attr="extensions")
    return digest


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _no_query(request: GraphQLRequest) -> Exception:
    if request.document_id is not None or "persistedQuery" in request.extensions:
        return RequestRefused([GraphQLError("PersistedQueryNotSupported")], PERSISTED_QUERY_NOT_SUPPORTED)
    return InvalidInput("The request has no 'query'.", attr="query")
