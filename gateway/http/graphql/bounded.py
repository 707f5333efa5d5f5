"""A cache by text, bounded in bytes."""

from __future__ import annotations

import sys
from collections import OrderedDict
from typing import Final, Generic, TypeVar

T = TypeVar("T")

# Its place in the table, and the least that its objects take.
_BYTES_OF_ITEM: Final = 512


class BoundedTexts(Generic[T]):
    """A cache by text that forgets what was used least recently; `max_size` bounds the size of all values, in bytes."""

    def __init__(self, max_size: int = 4 * 1024 * 1024) -> None:
        self._items: OrderedDict[str, tuple[T, int]] = OrderedDict()
        self._max_size = max_size
        self._size = 0

    def get(self, text: str) -> T | None:
        item = self._items.get(text)
        if item is None:
            return None
        self._items.move_to_end(text)
        return item[0]

    def put(self, text: str, value: T, size: int) -> None:
        """`size` is that of the value, without its text."""
        if text in self._items:
            self._size -= self._items.pop(text)[1]
        size += _BYTES_OF_ITEM + sys.getsizeof(text)
        self._items[text] = (value, size)
        self._size += size
        self._shrink()

    def grow(self, text: str, size: int) -> None:
        """Adds to the size of a value, if it is still in the cache."""
        item = self._items.get(text)
        if item is not None:
            self._items[text] = (item[0], item[1] + size)
            self._size += size
            self._shrink()

    def _shrink(self) -> None:
        while self._size > self._max_size:
            _, (_, dropped) = self._items.popitem(last=False)
            self._size -= dropped
