"""Opaque, signed positions in a list (contract/graphql.md, 'Lists').

A cursor is `base64url(mac + key)`. The MAC covers the list too: its field, its filters and its
viewer. A cursor that was changed, or that belongs to another list, therefore does not verify.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

import orjson

from gateway.errors import InvalidInput

Part = str | int
_MAC_SIZE: Final = 16
# Two numbers of 19 digits and the longest names, and as much again: a longer one is none of ours.
_MAX_LENGTH: Final = 256
_TO_URLS: Final = bytes.maketrans(b"+/", b"-_")


class CursorSigner:
    """Makes and opens cursors. Replicas that share `secret` accept each other's."""

    def __init__(self, secret: bytes) -> None:
        # Keyed BLAKE2 (RFC 7693, 2.9) is a MAC by itself: half the price of HMAC-SHA-256, which is two hashes.
        key = secret if len(secret) <= hashlib.blake2b.MAX_KEY_SIZE else hashlib.blake2b(secret).digest()
        self._mac = hashlib.blake2b(key=key, digest_size=_MAC_SIZE)

    def bind(self, *owner: Part | Sequence[Part] | None) -> BoundCursors:
        """Cursors of one list; `owner` is all that tells it from other lists."""
        text = orjson.dumps(owner)
        # All that the cursors of a list have in common is hashed once.
        mac = self._mac.copy()
        # The length keeps "owner + payload" from being cut at another place.
        mac.update(len(text).to_bytes(4, "big") + text)
        return BoundCursors(mac)


class BoundCursors:
    """Cursors of one list."""

    __slots__ = ("_last", "_mac")

    def __init__(self, mac: hashlib.blake2b) -> None:
        self._mac = mac
        # The last item of a page is asked for twice: its own cursor is also the page's end.
        self._last: tuple[Sequence[Part], str] | None = None

    def encode(self, key: Sequence[Part]) -> str:
        if self._last is not None and self._last[0] == key:
            return self._last[1]
        payload = orjson.dumps([*key])
        cursor = _spell(self._sign(payload) + payload)
        self._last = (key, cursor)
        return cursor

    def decode(self, cursor: str, argument: str) -> list[Part]:
        """Raises InvalidInput that names `argument`."""
        try:
            if len(cursor) > _MAX_LENGTH:
                raise ValueError
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            raise _bad_cursor(argument) from None
        mac, payload = raw[:_MAC_SIZE], raw[_MAC_SIZE:]
        # Base 64 has several spellings of the same bytes; ours is the only one that counts.
        if not hmac.compare_digest(mac, self._sign(payload)) or cursor != _spell(raw):
            raise _bad_cursor(argument)
        # Signed, so it is what `encode` wrote.
        key: list[Part] = orjson.loads(payload)
        return key

    def _sign(self, payload: bytes) -> bytes:
        mac = self._mac.copy()
        mac.update(payload)
        return mac.digest()


def _spell(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).translate(_TO_URLS, b"=").decode()


def _bad_cursor(argument: str) -> InvalidInput:
    return InvalidInput(f"Argument '{argument}' is no cursor of this list.", attr=argument)
