"""From an HTTP request to a GraphQL request; all that is malformed is a GatewayError."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

from aiohttp import hdrs, web

from gateway.errors import InvalidInput, ParseError, UnsupportedMediaType
from gateway.http.bodies import read_limited
from gateway.http.graphql.negotiation import JSON, charset_of
from gateway.http.json import decode_json

# Of the draft on persisted documents, and of Relay.
_DOCUMENT_IDS: Final = ("documentId", "doc_id")
_MEMBERS: Final[dict[str, tuple[type, str]]] = {
    **dict.fromkeys(("query", "operationName", *_DOCUMENT_IDS), (str, "a string")),
    **dict.fromkeys(("variables", "extensions"), (dict, "an object")),
}


class GraphQLRequest(NamedTuple):
    """As the client sent it. `query` None means that it names a persisted document instead, or nothing."""

    query: str | None
    operation_name: str | None
    variables: dict[str, Any]
    extensions: dict[str, Any]
    document_id: str | None


async def read_request(request: web.Request, max_body_size: int) -> GraphQLRequest:
    """From the URL for GET and HEAD, else from the body. Raises a GatewayError."""
    if request.method in ("GET", "HEAD"):
        return check_request(_from_query(request))
    content_type = request.headers.get(hdrs.CONTENT_TYPE, "")
    if not _is_json(content_type):
        raise UnsupportedMediaType(content_type)
    return check_request(_decode(await read_limited(request, max_body_size), "the request body"))


# Clients send few of them, each over and over.
@lru_cache(maxsize=128)
def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == JSON and charset_of(content_type) in ("utf-8", "utf8")


def _from_query(request: web.Request) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for name in ("query", "operationName", "variables", "extensions", *_DOCUMENT_IDS):
        values = request.query.getall(name, [])
        if len(values) > 1:
            raise InvalidInput(f"Parameter '{name}' stands in the URL more than once.")
        # An empty parameter is one that a form left empty.
        if values and values[0]:
            parameters[name] = values[0]
    for name in ("variables", "extensions"):
        if name in parameters:
            parameters[name] = _decode(parameters[name].encode("utf-8", "surrogatepass"), f"parameter '{name}'")
    return parameters


def _decode(text: bytes, what: str) -> Any:
    try:
        return decode_json(text)
    except ValueError:
        raise ParseError(f"JSON parse error - {what} is not valid JSON.") from None
    except RecursionError:
        raise ParseError(f"JSON parse error - {what} is nested too deeply.") from None


def check_request(body: Any) -> GraphQLRequest:
    """From the members of a request, however they came. Raises InvalidInput."""
    if isinstance(body, list):
        raise InvalidInput("Batching is off: the request body must be one object, not a list.")
    if not isinstance(body, dict):
        raise InvalidInput("The request body must be a JSON object.")
    for name, value in body.items():
        expected = _MEMBERS.get(name)
        if expected is not None and value is not None and not isinstance(value, expected[0]):
            raise InvalidInput(f"'{name}' must be {expected[1]}.", attr=name)
    return GraphQLRequest(
        query=body.get("query"),
        operation_name=body.get("operationName") or None,
        variables=body.get("variables") or {},
        extensions=body.get("extensions") or {},
        document_id=body.get("documentId") or body.get("doc_id") or None,
    )
