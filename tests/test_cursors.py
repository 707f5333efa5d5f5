"""Cursors alone; what lists do with them is in tests/schema/test_pages.py."""

from __future__ import annotations

import hashlib
import json
import string
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cursors import Cursors, CursorSigner, Words
from gateway.errors import InvalidInput
from gateway.model import MAX_ID

_SECRET = b"s" * 32
parts = st.lists(
    st.integers(1, MAX_ID) | st.sampled_from(["web", "desktop", "custom_products"]), min_size=1, max_size=3
)


def _cursors(*owner: object, secret: bytes = _SECRET) -> Cursors:
    return CursorSigner(secret).bind(*(owner or ("field", "user")))  # type: ignore[arg-type]


@given(parts)
@settings(max_examples=100, deadline=None)
def test_a_cursor_opens_to_what_was_put_in(key: list[str | int]) -> None:
    assert _cursors().decode(_cursors().encode(key), "after") == key


@pytest.mark.parametrize("key", [["home"], [1], [12], [123], [MAX_ID, "desktop", "custom_products"]])
def test_a_cursor_with_any_other_character_is_refused(key: list[str | int]) -> None:
    # The last character of base 64 has bits that mean nothing, and decoders ignore them.
    cursor = _cursors().encode(key)
    for position, character in enumerate(cursor):
        for other in set(string.ascii_letters + string.digits + "-_+/=") - {character}:
            _refused(cursor[:position] + other + cursor[position + 1 :])


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c + "=",
        lambda c: c + "==",
        lambda c: c + "A",
        lambda c: c[:-1],
        lambda c: c[1:],
        lambda c: " " + c,
        lambda c: c + "\n",
        lambda c: c.swapcase(),
    ],
)
def test_a_cursor_with_more_or_less_is_refused(change) -> None:  # type: ignore[no-untyped-def]
    for key in (["home"], [1], [12], [123]):
        _refused(change(_cursors().encode(key)))


_JUNK = pytest.mark.parametrize(
    "junk",
    [
        "",
        "=",
        "====",
        "a",
        "null",
        "MQ",
        "A" * 22,
        "A" * 256,
        "A" * 257,
        "A" * 1_000_000,
        "\0",
        "é",
        "\ud800",
        "😀" * 10,
    ],
)


@_JUNK
def test_junk_is_refused(junk: str) -> None:
    _refused(junk)


def test_the_error_names_the_argument() -> None:
    with pytest.raises(InvalidInput) as caught:
        _cursors().decode("junk", "before")
    assert (caught.value.detail, caught.value.attr) == ("Argument 'before' is no cursor of this list.", "before")


def test_another_list_has_other_cursors() -> None:
    owners = [
        ("a", "b"),
        ("ab",),
        ("a", "b", None),
        ("a", ["b"]),
        (["a", "b"],),
        ("a", None),
        ("a", []),
        ("a", 1),
        ("a", "1"),
    ]
    cursors = [_cursors(*owner).encode([1]) for owner in owners]
    assert len(set(cursors)) == len(owners)
    for index, owner in enumerate(owners):
        for other, cursor in enumerate(cursors):
            if index != other:
                with pytest.raises(InvalidInput):
                    _cursors(*owner).decode(cursor, "after")


def test_a_key_cannot_be_moved_into_the_owner() -> None:
    """What is signed is not merely one text after the other."""
    mac = _cursors("a").encode([1])[:32]
    forged = mac + urlsafe_b64encode(b'"a"][1]').decode().rstrip("=")
    with pytest.raises(InvalidInput):
        CursorSigner(_SECRET).bind().decode(forged, "after")


def test_another_secret_has_other_cursors() -> None:
    with pytest.raises(InvalidInput):
        _cursors(secret=b"t" * 32).decode(_cursors().encode([1]), "after")


def _refused(cursor: str, cursors: Cursors | None = None) -> None:
    with pytest.raises(InvalidInput):
        (cursors or _cursors()).decode(cursor, "after")


@given(st.binary(min_size=1, max_size=200), st.text(string.printable[:95], max_size=100), parts)
@settings(max_examples=100, deadline=None)
def test_the_signature_is_keyed_and_of_all_that_the_cursor_stands_for(
    secret: bytes, owner: str, key: list[str | int]
) -> None:
    cursor = _cursors(owner, secret=secret).encode(key)
    signed = json.dumps([owner], separators=(",", ":")).encode()
    message = len(signed).to_bytes(4, "big") + signed + urlsafe_b64decode(cursor[32:] + "==")
    hashed = secret if len(secret) <= 64 else hashlib.blake2b(secret).digest()
    assert cursor[:32] == hashlib.blake2b(message, key=hashed, digest_size=16).hexdigest()


_WORDS = ("custom_products", "home", "pinned")


def _of_words(owner: str = "field\nuser", words: tuple[str, ...] = _WORDS, secret: bytes = _SECRET) -> Cursors:
    return CursorSigner(secret).bind_words(Words(*words), owner)


def test_the_cursor_of_a_word_opens_to_it() -> None:
    cursors = _of_words().encode_all(reversed(_WORDS))
    assert [*map(_of_words().encode, reversed(_WORDS))] == cursors
    assert [_of_words().decode(cursor, "after") for cursor in cursors] == [(word,) for word in reversed(_WORDS)]


@pytest.mark.parametrize("word", _WORDS)
def test_the_cursor_of_a_word_with_any_other_character_is_refused(word: str) -> None:
    cursor = _of_words().encode(word)
    for position, character in enumerate(cursor):
        for other in set(string.ascii_letters + string.digits + "-_+/=é") - {character}:
            _refused(cursor[:position] + other + cursor[position + 1 :], _of_words())
    for changed in (cursor + "=", cursor + "A", cursor[:-1], cursor[1:], " " + cursor, cursor + "\n"):
        _refused(changed, _of_words())


@_JUNK
def test_junk_is_the_cursor_of_no_word(junk: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        _of_words().decode(junk, "before")
    assert (caught.value.detail, caught.value.attr) == ("Argument 'before' is no cursor of this list.", "before")


def test_the_signature_of_a_word_is_no_other_words() -> None:
    home, pinned = _of_words().encode_all(["home", "pinned"])
    _refused(home[:32] + pinned[32:], _of_words())


@pytest.mark.parametrize(
    "other",
    [
        _of_words("field\nuse"),
        _of_words("field\nuser\n"),
        _of_words(secret=b"t" * 32),
        _of_words(secret=hashlib.blake2b(_SECRET).digest()),
        _of_words(words=("pinned", "custom_products", "home")),
        _of_words(words=("home",)),
    ],
)
def test_another_list_of_words_has_other_cursors(other: Cursors) -> None:
    _refused(other.encode("home"), _of_words())
    _refused(_of_words().encode("home"), other)


def test_a_list_of_words_and_one_of_tuples_have_other_cursors() -> None:
    _refused(_cursors("field\nuser").encode(["home"]), _of_words())
    _refused(_of_words().encode("home"), _cursors("field\nuser"))


@given(st.binary(min_size=1, max_size=200), st.text(max_size=100))
@settings(max_examples=100, deadline=None)
def test_the_signature_of_a_word_is_a_part_of_one_of_the_list(secret: bytes, owner: str) -> None:
    hashed = secret if len(secret) <= 64 else hashlib.blake2b(secret).digest()
    macs = hashlib.blake2b(owner.encode(), key=hashed).hexdigest()
    for number, cursor in enumerate(_of_words(owner, secret=secret).encode_all(_WORDS)):
        assert cursor[:32] == macs[32 * number :][:32]
        assert json.loads(urlsafe_b64decode(cursor[32:] + "==")) == [_WORDS[number]]


def test_more_words_than_one_hash_has_room_for_are_refused() -> None:
    Words(*"abcd")
    with pytest.raises(AssertionError):
        Words(*"abcde")
