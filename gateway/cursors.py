"""Opaque, signed positions in a list (contract/graphql.md, 'Lists').

A cursor is `base64url(mac + key)`. The MAC covers the list too: its field, its filters and its
viewer. A cursor that was changed, or that belongs to another list, therefore does not verify.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Final

from gateway.errors import InvalidInput

Part = str | int
_MAC_SIZE: Final = 16
# Two numbers of 19 digits and the longest names, and as much again: a longer one is none of ours.
_MAX_LENGTH: Final = 256


class CursorSigner:
    """Makes and opens cursors. Replicas that share `secret` accept each other's."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def bind(self, *owner: Part | Sequence[Part] | None) -> BoundCursors:
        """Cursors of one list; `owner` is all that tells it from other lists."""
        return BoundCursors(self._secret, json.dumps(owner, separators=(",", ":")).encode())


class BoundCursors:
    """Cursors of one list."""

    __slots__ = ("_owner", "_secret")

    def __init__(self, secret: bytes, owner: bytes) -> None:
        self._secret = secret
        self._owner = owner

    def encode(self, key: Sequence[Part]) -> str:
        payload = json.dumps(key, separators=(",", ":")).encode()
        return _spell(self._mac(payload) + payload)

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
        if not hmac.compare_digest(mac, self._mac(payload)) or cursor != _spell(raw):
            raise _bad_cursor(argument)
        # Signed, so it is what `encode` wrote.
        key: list[Part] = json.loads(payload)
        return key

    def _mac(self, payload: bytes) -> bytes:
        # The length keeps "owner + payload" from being cut at another place.
        message = len(self._owner).to_bytes(4, "big") + self._owner + payload
        return hmac.digest(self._secret, message, hashlib.sha256)[:_MAC_SIZE]


def _spell(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bad_cursor(argument: str) -> InvalidInput:
    return InvalidInput(f"Argument '{argument}' is no cursor of this list.", attr=argument)
