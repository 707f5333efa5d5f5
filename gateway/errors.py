"""Everything that the service refuses, as one tree; drawn from contract/rest.md, 'Errors'.

    GatewayError
    ├── Unauthenticated             401
    │   ├── NotAuthenticated
    │   └── AuthenticationFailed
    ├── PermissionDenied            403
    │   └── AccessLost
    ├── NotFound                    404
    ├── InvalidField                400  one bad field
    ├── InvalidFields               400  several of them; REST answers the first
    ├── Conflict                    409
    ├── Stale                       409
    ├── InvalidInput                400  the request contradicts itself
    ├── ParseError                  400
    ├── MethodNotAllowed            405
    ├── NotAcceptable               406
    ├── RequestTimeout              408
    ├── ContentTooLarge             413
    ├── UriTooLong                  414
    ├── UnsupportedMediaType        415
    ├── UnsupportedEncoding         415
    ├── ExpectationFailed           417
    ├── Throttled                   429
    ├── TooManyConnections          429
    ├── HeaderFieldsTooLarge        431
    ├── ServerError                 500
    ├── Unavailable                 503
    └── Timeout                     504

They are rendered in two places only: `gateway/http/rest_errors.py` and `gateway/http/graphql/errors.py`.
A message here is shown to clients: it never holds a secret, SQL or Python's own words.
"""

from __future__ import annotations

from collections.abc import Sequence


class GatewayError(Exception):
    """`type`, `code`, `detail` and `attr` are the four members of a REST error body."""

    type = "invalid_request"
    code = "error"
    status = 400

    def __init__(self, detail: str, *, attr: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.attr = attr


class Unauthenticated(GatewayError):
    type = "authentication_error"
    code = "not_authenticated"
    status = 401


class NotAuthenticated(Unauthenticated):
    def __init__(self) -> None:
        super().__init__("Authentication credentials were not provided.")


class AuthenticationFailed(Unauthenticated):
    """`found_in` says where the key was: `Authorization header`, `body` or `query string`."""

    code = "authentication_failed"

    def __init__(self, found_in: str) -> None:
        super().__init__(f"Personal API key found in request {found_in} is invalid.")


class PermissionDenied(GatewayError):
    type = "authentication_error"
    code = "permission_denied"
    status = 403


class AccessLost(PermissionDenied):
    """Access to the place was lost while a stream was running."""


class NotFound(GatewayError):
    code = "not_found"
    status = 404

    def __init__(self, detail: str = "Not found.", *, attr: str | None = None) -> None:
        super().__init__(detail, attr=attr)


class InvalidField(GatewayError):
    """`code` is one of those in contract/rest.md, 'Bodies'; `attr` is the field, or None for the body itself."""

    type = "validation_error"

    def __init__(self, code: str, detail: str, *, attr: str | None = None) -> None:
        super().__init__(detail, attr=attr)
        self.code = code


class InvalidFields(GatewayError):
    """All that is wrong with an input, in the order type, protocol, path. Never empty."""

    type = "validation_error"

    def __init__(self, fields: Sequence[InvalidField]) -> None:
        self.fields = tuple(fields)
        first = self.fields[0]
        super().__init__(first.detail, attr=first.attr)
        self.code = first.code


class Conflict(GatewayError):
    code = "conflict"
    status = 409


class Stale(GatewayError):
    """The folder has changed since the time that the client named."""

    code = "stale"
    status = 409


class InvalidInput(GatewayError):
    code = "invalid_input"


class ParseError(GatewayError):
    code = "parse_error"


class MethodNotAllowed(GatewayError):
    code = "method_not_allowed"
    status = 405

    def __init__(self, method: str) -> None:
        super().__init__(f'Method "{method}" not allowed.')


class NotAcceptable(GatewayError):
    code = "not_acceptable"
    status = 406

    def __init__(self) -> None:
        super().__init__("Could not satisfy the request Accept header.")


class RequestTimeout(GatewayError):
    """The client took too long to send its request."""

    code = "request_timeout"
    status = 408

    def __init__(self) -> None:
        super().__init__("The request did not arrive in time.")


class ContentTooLarge(GatewayError):
    """The name is RFC 9110's for status 413."""

    code = "content_too_large"
    status = 413

    def __init__(self, limit: int) -> None:
        super().__init__(f"Request body is larger than {limit} bytes.")


class UriTooLong(GatewayError):
    code = "uri_too_long"
    status = 414

    def __init__(self, limit: int) -> None:
        super().__init__(f"The request target is longer than {limit} bytes.")


class UnsupportedMediaType(GatewayError):
    code = "unsupported_media_type"
    status = 415

    def __init__(self, media_type: str) -> None:
        super().__init__(f'Unsupported media type "{media_type}" in request.')


class UnsupportedEncoding(GatewayError):
    """For the `Content-Encoding` of a body."""

    code = "unsupported_encoding"
    status = 415

    def __init__(self) -> None:
        super().__init__("Unsupported content encoding in request; gzip is supported.")


class ExpectationFailed(GatewayError):
    code = "expectation_failed"
    status = 417

    def __init__(self) -> None:
        super().__init__("Only the expectation 100-continue can be met.")


class Throttled(GatewayError):
    """`limit` requests are used up; `retry_after` is in whole seconds, at least 1."""

    type = "throttled_error"
    code = "throttled"
    status = 429

    def __init__(self, limit: int, retry_after: int) -> None:
        unit = "second" if retry_after == 1 else "seconds"
        super().__init__(f"Request was throttled. Expected available in {retry_after} {unit}.")
        self.limit = limit
        self.retry_after = retry_after


class TooManyConnections(GatewayError):
    """For connections from one address."""

    type = "throttled_error"
    code = "too_many_connections"
    status = 429

    def __init__(self) -> None:
        super().__init__("Too many connections from this address.")


class HeaderFieldsTooLarge(GatewayError):
    """The name is RFC 6585's for status 431."""

    code = "header_fields_too_large"
    status = 431

    def __init__(self) -> None:
        super().__init__("The request's header fields are too many, or too large.")


class ServerError(GatewayError):
    """What a client sees of an unexpected failure; the cause is only in the log."""

    type = "server_error"
    status = 500

    def __init__(self) -> None:
        super().__init__("A server error occurred.")


class Unavailable(GatewayError):
    """The database cannot be reached, or did not answer in time."""

    type = "server_error"
    code = "unavailable"
    status = 503

    def __init__(self) -> None:
        super().__init__("The service is temporarily unavailable.")


class Timeout(GatewayError):
    """`seconds` is the limit that the operation ran over."""

    type = "server_error"
    code = "timeout"
    status = 504

    def __init__(self, seconds: float) -> None:
        super().__init__(f"The operation took longer than {seconds:g} seconds.")
