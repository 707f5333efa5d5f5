"""Types whose values need no further checks: none of them is awaitable, callable, an exception or null.

graphql-core asks each value four questions. For most types the answers are the same for all values, so one look at the
type is enough.
"""

from __future__ import annotations

import sys
import weakref
from types import CoroutineType, FunctionType, GeneratorType
from typing import Any, Final

from graphql.pyutils import Undefined

# Types that an application makes while it serves requests would fill it.
_MAX_TYPES: Final = 10_000
_ODD: Final[tuple[type, ...]] = (
    BaseException,
    type,
    type(None),
    type(Undefined),
    CoroutineType,
    GeneratorType,
    weakref.ProxyType,
    weakref.CallableProxyType,
)
_ASYNC_OR_CALLABLE: Final = ("__await__", "__aiter__", "__call__", "__getattr__")

plain_types: set[type] = {bool, dict, float, int, list, str, tuple}
_looked_at: set[type] = {type(None)}


def learn(value: Any) -> None:
    """Records the type of a value that is not awaitable, if the type alone decides that."""
    kind = type(value)
    if kind in _looked_at or len(_looked_at) >= _MAX_TYPES:
        return
    _looked_at.add(kind)
    if not issubclass(kind, _ODD) and all(map(_is_plain_class, kind.__mro__)):
        plain_types.add(kind)


def _is_plain_class(kind: type) -> bool:
    """Whether a class brings nothing that could make its instances awaitable, or any name an attribute of theirs."""
    names = vars(kind)
    if any(name in names for name in _ASYNC_OR_CALLABLE) or (kind is not object and "__class__" in names):
        return False
    # Classes in C all have their own; those of the standard library do nothing odd.
    own = names.get("__getattribute__")
    return own is None or (
        not isinstance(own, FunctionType) and kind.__module__.partition(".")[0] in sys.stdlib_module_names
    )
