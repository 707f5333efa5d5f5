"""Node ids: opaque to clients, `Type:raw id` in base 64 to us, as Relay's reference server makes them."""

from __future__ import annotations

import base64
import binascii
from typing import Final
from uuid import UUID

from strawberry import ID

FOLDER: Final = "PersistedFolder"
ENVIRONMENT: Final = "Environment"
PROJECT: Final = "Project"
VIEWER: Final = "Viewer"

_FOLDER_PREFIX: Final = f"{FOLDER}:".encode()
_MAX_LENGTH: Final = 200


def node_id(type_name: str, raw: object) -> ID:
    return ID(binascii.b2a_base64(f"{type_name}:{raw}".encode(), newline=False).decode())


def folder_id(uuid: UUID) -> ID:
    """The same for a folder, of which a list has many."""
    return ID(binascii.b2a_base64(_FOLDER_PREFIX + str(uuid).encode(), newline=False).decode())


def parse_node_id(text: str) -> tuple[str, str] | None:
    """The type and the raw id; None where `text` is no Node id."""
    if len(text) > _MAX_LENGTH:
        return None
    try:
        name, separator, raw = base64.b64decode(text, validate=True).decode().partition(":")
    except (ValueError, binascii.Error):
        return None
    return (name, raw) if separator else None


def raw_id(text: str, type_name: str) -> str:
    """The raw id of a Node id of that type; any other text as it is, for numbers and `@current` stand for themselves."""
    if text.isdecimal():
        # No Node id begins with a digit: its type's name does not.
        return text
    parsed = parse_node_id(text)
    return parsed[1] if parsed is not None and parsed[0] == type_name else text


def folder_uuid(text: str) -> UUID | None:
    """From a Node id or a UUID, in any case, with or without hyphens; None where it is neither."""
    try:
        return UUID(raw_id(text, FOLDER))
    except ValueError:
        return None
