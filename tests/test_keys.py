"""The form of keys."""

from __future__ import annotations

import hashlib
import math
import string
import zlib

import pytest

from gateway.keys import generate_key, has_valid_checksum, hash_key, mask_key


def test_a_key_has_the_form_that_is_documented() -> None:
    key = generate_key()
    assert len(key) == 40
    assert key.startswith("phx_")
    assert set(key[4:]) <= set(string.ascii_letters + string.digits)
    # The checksum, worked out in another way.
    digits = string.digits + string.ascii_uppercase + string.ascii_lowercase
    number = 0
    for character in key[-6:]:
        number = number * 62 + digits.index(character)
    assert number == zlib.crc32(key[:-6].encode())


def test_a_key_is_random_enough() -> None:
    assert 30 * math.log2(62) >= 160
    keys = [generate_key() for _ in range(500)]
    assert len(set(keys)) == 500
    # Each position takes many values: none is fixed, or drawn from a smaller alphabet.
    for position in range(4, 34):
        assert len({key[position] for key in keys}) > 50


def test_a_scanner_can_tell_a_key_from_a_look_alike() -> None:
    key = generate_key()
    assert has_valid_checksum(key)
    for position in range(len(key)):
        other = "A" if key[position] != "A" else "B"
        assert not has_valid_checksum(key[:position] + other + key[position + 1 :])


@pytest.mark.parametrize("text", ["", "phx_", "phx_" + "0" * 36, "phx_" + "é" * 36, "\ud800" * 40])
def test_what_is_no_key_has_no_checksum(text: str) -> None:
    assert not has_valid_checksum(text)


def test_only_the_hash_is_kept() -> None:
    assert hash_key("phx_abc") == hashlib.sha256(b"phx_abc").hexdigest()
    # A header can hold bytes that are no text.
    assert len(hash_key("\udcff\ud800")) == 64


def test_a_mask_shows_eight_characters() -> None:
    assert mask_key("phx_0123456789abcdef") == "phx_...cdef"
