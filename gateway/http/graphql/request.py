"""From an HTTP request to a GraphQL request; all that is malformed is a GatewayError."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import hdrs, web

from gateway.errors import InvalidInput, ParseError, UnsupportedMediaType
from gateway.http.bodies import read_limited
from gateway.http.graphql.negotiation import JSON, charset_of
from gateway.http.json import decode_json


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """`variables` are as the client sent them."""

    query: str
    operation_name: str | None
    variables: dict[str, Any]


async def read_request(request: web.Request, max_body_size: int) -> GraphQLRequest:
    """From the URL for GET and HEAD, else from the body. Raises a GatewayError."""
    if request.method in ("GET", "HEAD"):
        return _checked(_from_query(request))
    content_type = request.headers.get(hdrs.CONTENT_TYPE, "")
    if content_type.partition(";")[0].strip().lower() != JSON or charset_of(content_type) not in ("utf-8", "utf8"):
        raise UnsupportedMediaType(content_type)
    return _checked(_decode(await read_limited(request, max_body_size), "the request body"))


def _from_query(request: web.Request) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for name in ("query", "operationName", "variables", "extensions"):
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


def _checked(body: Any) -> GraphQLRequest:
    if isinstance(body, list):
        raise InvalidInput("Batching is off: the request body must be one object, not a list.")
    if not isinstance(body, dict):
        raise InvalidInput("The request body must be a JSON object.")
    query = body.get("query")
    if query is None:
        raise InvalidInput("The request has no 'query'.", attr="query")
    if not isinstance(query, str):
        raise InvalidInput("'query' must be a string.", attr="query")
    operation_name = body.get("operationName")
    if operation_name is not None and not isinstance(operation_name, str):
        raise InvalidInput("'operationName' must be a string.", attr="operationName")
    for name in ("variables", "extensions"):
        if not isinstance(body.get(name), (dict, type(None))):
            raise InvalidInput(f"'{name}' must be an object.", attr=name)
    return GraphQLRequest(query, operation_name or None, body.get("variables") or {})
