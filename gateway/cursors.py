"""Opaque, signed positions in a list (contract/graphql.md, 'Lists').

A cursor is `hex(mac) + base64url(key)`. The MAC covers the list too: its field, its filters and its
viewer. A cursor that was changed, or that belongs to another list, therefore does not verify.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

import orjson

from gateway.errors import InvalidInput

Part = str | int
_MAC_SIZE: Final = 16
# In hexadecimal.
_MAC_LENGTH: Final = 2 * _MAC_SIZE
# Two numbers of 19 digits and the longest names, and as much again: a longer one is none of ours.
_MAX_LENGTH: Final = 256
_TO_URLS: Final = bytes.maketrans(b"+/", b"-_")


class Cursors(Protocol):
    """Cursors of one list, by the keys of its items: tuples, or words if the list was bound to some."""

    def encode(self, key: Any) -> str: ...

    def encode_all(self, keys: Iterable[Any]) -> list[str]: ...

    def decode(self, cursor: str, argument: str) -> Sequence[Part]:
        """The key's parts. Raises InvalidInput that names `argument`."""


class Words:
    """All keys that the items of a list can have, as for a list of at most one item of each type. For `bind_words`."""

    def __init__(self, *words: str) -> None:
        assert len(words) * _MAC_SIZE <= hashlib.blake2b.MAX_DIGEST_SIZE
        self._parts = [
            (word, n * _MAC_LENGTH, (n + 1) * _MAC_LENGTH, _spell(_payload((word,)))) for n, word in enumerate(words)
        ]

    def cursors(self, macs: str) -> dict[str, str]:
        """By word; `macs` are the MACs of all words, one after the other."""
        return {word: macs[start:end] + payload for word, start, end, payload in self._parts}


class CursorSigner:
    """Makes and verifies cursors. Replicas with the same `secret` accept each other's cursors."""

    def __init__(self, secret: bytes) -> None:
        # Keyed BLAKE2 (RFC 7693, 2.9) is a MAC by itself: half the price of HMAC-SHA-256, which is two hashes.
        key = secret if len(secret) <= hashlib.blake2b.MAX_KEY_SIZE else hashlib.blake2b(secret).digest()
        self._mac = hashlib.blake2b(key=key, digest_size=_MAC_SIZE)
        # Room for those of several words.
        self._macs = hashlib.blake2b(key=key)

    def bind(self, *owner: Part | Sequence[Part] | None) -> Cursors:
        """Cursors of one list; `owner` is everything that distinguishes it from other lists."""
        text = orjson.dumps(owner)
        # All that the cursors of a list have in common is hashed once.
        mac = self._mac.copy()
        # The length keeps "owner + payload" from being cut at another place.
        mac.update(len(text).to_bytes(4, "big") + text)
        return _BoundCursors(mac)

    def bind_words(self, words: Words, owner: str) -> Cursors:
        """The same for a list whose keys are all among `words`: one hash makes all its cursors."""
        return _WordCursors(self._macs, words, owner)


class _BoundCursors:
    __slots__ = ("_last", "_mac")

    def __init__(self, mac: hashlib.blake2b) -> None:
        self._mac = mac
        # The last item of a page is asked for twice: its own cursor is also the page's end.
        self._last: tuple[Sequence[Part], str] | None = None

    def encode(self, key: Sequence[Part]) -> str:
        if self._last is not None and self._last[0] == key:
            return self._last[1]
        payload = _payload(key)
        cursor = self._sign(payload) + _spell(payload)
        self._last = (key, cursor)
        return cursor

    def encode_all(self, keys: Iterable[Sequence[Part]]) -> list[str]:
        return [*map(self.encode, keys)]

    def decode(self, cursor: str, argument: str) -> Sequence[Part]:
        spelled = cursor[_MAC_LENGTH:]
        try:
            if len(cursor) > _MAX_LENGTH:
                raise ValueError
            payload = base64.b64decode(spelled + "=" * (-len(spelled) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            raise _bad_cursor(argument) from None
        # Base 64 has several spellings of the same bytes; ours is the only one that counts.
        if not _is_same(cursor[:_MAC_LENGTH], self._sign(payload)) or spelled != _spell(payload):
            raise _bad_cursor(argument)
        # Signed, so it is what `encode` wrote.
        key: list[Part] = orjson.loads(payload)
        return key

    def _sign(self, payload: bytes) -> str:
        mac = self._mac.copy()
        mac.update(payload)
        return mac.hexdigest()


class _WordCursors:
    """Each word has a MAC of its own: a part of one hash, of which the others tell nothing."""

    __slots__ = ("_known", "_macs", "_owner", "_words")

    def __init__(self, macs: hashlib.blake2b, words: Words, owner: str) -> None:
        self._macs = macs
        self._words = words
        self._owner = owner
        # Made when one is asked for.
        self._known: dict[str, str] | None = None

    def encode(self, key: Any) -> str:
        return (self._known or self._make())[key]

    def encode_all(self, keys: Iterable[Any]) -> list[str]:
        return [*map((self._known or self._make()).__getitem__, keys)]

    def decode(self, cursor: str, argument: str) -> Sequence[Part]:
        for word, known in self._make().items():
            if _is_same(cursor, known):
                return (word,)
        raise _bad_cursor(argument)

    def _make(self) -> dict[str, str]:
        macs = self._macs.copy()
        macs.update(self._owner.encode())
        self._known = self._words.cursors(macs.hexdigest())
        return self._known


def _is_same(given: str, right: str) -> bool:
    """Takes as long whatever is given."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), right.encode())


def _payload(key: Sequence[Part]) -> bytes:
    return orjson.dumps([*key])


def _spell(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).translate(_TO_URLS, b"=").decode()


def _bad_cursor(argument: str) -> InvalidInput:
    return InvalidInput(f"Argument '{argument}' is no cursor of this list.", attr=argument)
