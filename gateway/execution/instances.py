"""Object types whose values are recognised by their class."""

from __future__ import annotations

from collections import namedtuple
from inspect import getattr_static
from typing import Any, Final


class InstancesOf:
    """The `is_type_of` of a type whose values are all of one class and of none that is derived from it.

    The class may be the application's own. A plan takes its instances for what they are, without asking about each, as
    it does for Strawberry's own classes; and knows where a named tuple keeps what is read from it.
    """

    def __init__(self, kind: type) -> None:
        self.kind = kind

    def __call__(self, value: Any, info: Any = None) -> bool:  # noqa: ARG002  # graphql-core hands it over
        return type(value) is self.kind

    def index_of(self, name: str) -> int | None:
        """The position of an attribute in a named tuple; None if it is not simply an item of the tuple."""
        kind: Any = self.kind
        attribute = getattr_static(kind, name, None)
        if type(attribute) is not _IN_TUPLE:
            return None
        if kind.__getitem__ is not tuple.__getitem__ or kind.__getattribute__ is not tuple.__getattribute__:
            return None
        # The class may have it under another name, too. A copy is made of its index and its text.
        _, (index, _) = attribute.__reduce__()
        return int(index)


_IN_TUPLE: Final = type(getattr_static(namedtuple("_Example", "field"), "field"))  # noqa: PYI024  # only its attribute counts
