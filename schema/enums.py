"""The service's own enums, under their GraphQL names and with a description for each value."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import strawberry

from gateway.model import ChangeKind, FolderType, Surface


def _expose(enum: type[Enum], name: str, description: str, values: Mapping[str, str]) -> None:
    strawberry.enum(enum, name=name, description=description)
    for value in enum.__strawberry_definition__.values:  # type: ignore[attr-defined]  # set by strawberry.enum
        value.description = values[value.name]


_expose(
    Surface,
    "Surface",
    "A product surface. Each has its own folders, isolated from the other's.",
    {"WEB": "The web application: the default.", "DESKTOP": "The desktop application."},
)
_expose(
    FolderType,
    "PersistedFolderType",
    "Which folder this is for the user. A user has at most one of each type per environment and surface.",
    {
        "HOME": "Where browsing starts.",
        "PINNED": "The folder that is pinned to the navigation.",
        "CUSTOM_PRODUCTS": "The folder that holds the user's own choice of products.",
    },
)


_expose(
    ChangeKind,
    "PersistedFolderChangeKind",
    "What happened to a folder.",
    {"CREATED": "It was created.", "UPDATED": "It was changed, or saved again.", "DELETED": "It was deleted."},
)


class UserErrorCode(Enum):
    """The REST endpoints use the same names in lower case."""

    BLANK = "blank"
    CONFLICT = "conflict"
    MAX_LENGTH = "max_length"
    NOT_FOUND = "not_found"
    NULL = "null"
    NULL_CHARACTERS_NOT_ALLOWED = "null_characters_not_allowed"
    STALE = "stale"
    SURROGATE_CHARACTERS_NOT_ALLOWED = "surrogate_characters_not_allowed"


_expose(
    UserErrorCode,
    "UserErrorCode",
    "The cause of a UserError; the REST endpoints use the same names in lower case.",
    {
        "BLANK": "The text is empty, or only whitespace.",
        "CONFLICT": "Another folder of the viewer in the same place, or in the same input, already has this type.",
        "MAX_LENGTH": "The text has too many characters.",
        "NOT_FOUND": "The viewer has no such folder in this place.",
        "NULL": "The field may be omitted, but may not be null.",
        "NULL_CHARACTERS_NOT_ALLOWED": "The text contains U+0000.",
        "STALE": "The folder has changed since `expectedUpdatedAt`.",
        "SURROGATE_CHARACTERS_NOT_ALLOWED": "The text contains half of a surrogate pair.",
    },
)
