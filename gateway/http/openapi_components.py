"""The schemas and the shared answers of the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

from gateway.model import DEFAULT_PATH, DEFAULT_PROTOCOL, PATH_MAX_LENGTH, PROTOCOL_MAX_LENGTH, FolderType

JsonObject = dict[str, Any]

# Something that is no white space, and nowhere U+0000. What counts as white space differs between
# languages: the characters after `\\s` do in Python.
_NOT_BLANK: Final = r"[^\u0000]*[^\s\u0000\u001c-\u001f\u0085\ufeff][^\u0000]*"


def content(description: str, schema: str) -> JsonObject:
    """A response whose body has this schema."""
    reference = {"$ref": f"#/components/schemas/{schema}"}
    return {"description": description, "content": {"application/json": {"schema": reference}}}


def _folder_fields(*, is_form: bool, has_defaults: bool) -> JsonObject:
    """The fields as a request has them. A number is taken as its text; of a form, an empty protocol as left out."""
    text: JsonObject = {"type": "string"} if is_form else {"type": ["string", "number"]}
    protocol = f"^({_NOT_BLANK})?$" if is_form else f"^{_NOT_BLANK}$"
    return {
        "type": _TYPE,
        "protocol": {
            **_PROTOCOL,
            **text,
            "pattern": protocol,
            "minLength": 0 if is_form else 1,
            **({"default": DEFAULT_PROTOCOL} if has_defaults else {}),
        },
        "path": {
            **_PATH,
            **text,
            "pattern": r"^[^\u0000]*$",
            **({"default": DEFAULT_PATH} if has_defaults else {}),
        },
    }


def _request_schemas(suffix: str, *, is_form: bool) -> JsonObject:
    """Of what an update leaves out the folder keeps its own: that has no defaults."""
    created = _folder_fields(is_form=is_form, has_defaults=True)
    changed = _folder_fields(is_form=is_form, has_defaults=False)
    return {
        f"PersistedFolderCreate{suffix}": {"type": "object", "required": ["type"], "properties": created},
        f"PersistedFolderUpdate{suffix}": {"type": "object", "required": ["type"], "properties": changed},
        f"PersistedFolderPatch{suffix}": {"type": "object", "properties": changed},
    }


_TYPE: Final = {
    "type": "string",
    "enum": [each.value for each in FolderType],
    "description": "Which of the user's folders this is.",
}
_PROTOCOL: Final = {
    "type": "string",
    "minLength": 1,
    "maxLength": PROTOCOL_MAX_LENGTH,
    "description": f"Prefix of the location, as `{DEFAULT_PROTOCOL}`.",
}
_PATH: Final = {"type": "string", "maxLength": PATH_MAX_LENGTH, "description": "Path within the protocol."}
_TIME: Final = {"type": "string", "format": "date-time"}
_LINK: Final = {"type": ["string", "null"], "format": "uri"}

SCHEMAS: Final[JsonObject] = {
    "PersistedFolder": {
        "type": "object",
        "required": ["id", "type", "protocol", "path", "created_at", "updated_at"],
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "type": _TYPE,
            "protocol": _PROTOCOL,
            "path": _PATH,
            "created_at": _TIME,
            "updated_at": _TIME,
        },
    },
    "PersistedFolderList": {
        "type": "object",
        "required": ["count", "next", "previous", "results"],
        "properties": {
            "count": {"type": "integer", "minimum": 0},
            "next": _LINK,
            "previous": _LINK,
            "results": {"type": "array", "items": {"$ref": "#/components/schemas/PersistedFolder"}},
        },
    },
    **_request_schemas("", is_form=False),
    **_request_schemas("Form", is_form=True),
    "Error": {
        "type": "object",
        "required": ["type", "code", "detail", "attr"],
        "properties": {
            "type": {
                "enum": [
                    "authentication_error",
                    "validation_error",
                    "invalid_request",
                    "throttled_error",
                    "server_error",
                ]
            },
            "code": {"type": "string"},
            "detail": {"type": "string"},
            "attr": {"type": ["string", "null"], "description": "The field at fault."},
        },
    },
}

_HEADERS: Final[JsonObject] = {
    "401": {"WWW-Authenticate": {"required": True, "schema": {"const": "Bearer"}}},
    "429": {
        "Retry-After": {
            "required": True,
            "description": "Seconds until the next request is let through.",
            "schema": {"type": "integer", "minimum": 1},
        }
    },
}

RESPONSES: Final[JsonObject] = {
    status: content(description, "Error") | ({"headers": _HEADERS[status]} if status in _HEADERS else {})
    for status, description in {
        "400": "A field or the body is wrong.",
        "401": "No key, or a wrong one.",
        "403": "The key or its user may not do this.",
        "404": "No such project, environment or folder.",
        "406": "The client does not take JSON.",
        "409": "Another of the caller's folders there has this type already.",
        "413": "The body is too large.",
        "415": "The body is of another media type.",
        "429": "The key has used up its rate limit.",
        "500": "The service failed.",
        "503": "The database cannot be reached.",
    }.items()
}
