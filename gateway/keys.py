"""Personal API keys: how they are made, stored and shown (contract/rest.md, 'Words').

A key made here is `phx_`, 30 random characters and a checksum of 6, all base 62: about 178 bits of
randomness. The checksum is the CRC-32 of everything before it, so that a secret scanner can tell a
real key from a look-alike without asking anybody. Keys that come from elsewhere have no checksum
and work all the same.
"""

from __future__ import annotations

import hashlib
import secrets
import string
import zlib
from typing import Final

PREFIX: Final = "phx_"
_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_LENGTH: Final = 30
_CHECKSUM_LENGTH: Final = 6


def generate_key() -> str:
    """A new key. Show it once: only its hash is stored."""
    body = PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH))
    return body + _checksum(body)


def has_valid_checksum(key: str) -> bool:
    """Whether `key` has the form of `generate_key`: what a secret scanner would ask."""
    body, checksum = key[:-_CHECKSUM_LENGTH], key[-_CHECKSUM_LENGTH:]
    return (
        len(key) == len(PREFIX) + _RANDOM_LENGTH + _CHECKSUM_LENGTH
        and key.startswith(PREFIX)
        and key.isascii()
        and checksum == _checksum(body)
    )


def hash_key(key: str) -> str:
    """SHA-256, in hexadecimal. A key is random, so no salt or slow hash is needed."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def mask_key(key: str) -> str:
    """Its first 4 characters, `...`, its last 4: all that is ever shown again."""
    return f"{key[:4]}...{key[-4:]}"


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, 62)
        digits = _ALPHABET[digit] + digits
    return digits
