"""Object types whose values are told by their class."""

from __future__ import annotations

from typing import Any


class InstancesOf:
    """The `is_type_of` of a type whose values are all of one class, perhaps one of the application's own.

    A plan takes them for what they are without asking about each, as it does for Strawberry's own classes.
    """

    def __init__(self, kind: type) -> None:
        self.kind = kind

    def __call__(self, value: Any, info: Any = None) -> bool:  # noqa: ARG002  # graphql-core hands it over
        return isinstance(value, self.kind)
