"""A folder's fields in a REST request: from any JSON value or form text to what the service takes, and back.

The coercions are those of Django REST Framework's fields (contract/rest.md, 'Bodies').
"""

from __future__ import annotations

from typing import Any, Final

from gateway.errors import InvalidField
from gateway.folders import FolderInput
from gateway.http.forms import Form
from gateway.model import Folder, FolderType, format_time

_LEFT_OUT: Final = object()


def render_folder(folder: Folder) -> dict[str, str]:
    return {
        "id": str(folder.id),
        "type": folder.type.value,
        "protocol": folder.protocol,
        "path": folder.path,
        "created_at": format_time(folder.created_at),
        "updated_at": format_time(folder.updated_at),
    }


def parse_folder(body: Any, *, type_is_required: bool) -> FolderInput:
    """Raises InvalidField where the body is no object."""
    if body is None:
        raise InvalidField("null", "No data provided")
    if not isinstance(body, dict):
        kind = type(body).__name__
        raise InvalidField("invalid_input", f"Invalid data. Expected a dictionary, but got {kind}.")
    protocol = body.get("protocol", _LEFT_OUT)
    if protocol == "" and isinstance(body, Form):
        # An empty box of a form is one that was not filled in.
        protocol = _LEFT_OUT
    return FolderInput(
        type=_type(body.get("type", _LEFT_OUT), required=type_is_required),
        protocol=_text("protocol", protocol),
        path=_text("path", body.get("path", _LEFT_OUT)),
    )


def _type(value: Any, *, required: bool) -> FolderType | InvalidField | None:
    if value is _LEFT_OUT:
        return InvalidField("required", "This field is required.", attr="type") if required else None
    if value is None:
        return _null("type")
    try:
        return FolderType(str(value))
    except ValueError:
        return InvalidField("invalid_choice", f'"{value}" is not a valid choice.', attr="type")


def _text(field: str, value: Any) -> str | InvalidField | None:
    if value is _LEFT_OUT:
        return None
    if value is None:
        return _null(field)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return InvalidField("invalid_input", "Not a valid string.", attr=field)
    return str(value)


def _null(field: str) -> InvalidField:
    return InvalidField("null", "This field may not be null.", attr=field)
