"""Bytes of the corpus, cut, joined and changed."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from tests.http.malformed import CORPUS

# An answer to HEAD could not be told from the next one, for nobody knows any more which request was it.
_WHOLE: Final = tuple(row.sent for row in CORPUS if row.method != "HEAD")
# Most rows are small, and the large ones say little when they are changed.
_SMALL: Final = tuple(sent for sent in _WHOLE if len(sent) < 2000)
_LARGE_SHARE: Final = 0.01
_MAX_CHANGES: Final = 4
_PIECES: Final = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\0",
    b" ",
    b"\t",
    b":",
    b",",
    b";",
    b"%",
    b"%00",
    b"\xff",
    b"\xc3",
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b"0",
    b"-1",
    b"9" * 20,
    b"\r\nTransfer-Encoding: chunked\r\n",
    b"\r\nContent-Length: 0\r\n",
    b"\r\nConnection: close\r\n",
    b"\r\nExpect: 100-continue\r\n",
    b"\r\nHost: b\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
)


def mutated(random: Random) -> bytes:
    """At least one byte that is no line break, so that it is a request, or a part of one."""
    sent = random.choice(_WHOLE if random.random() < _LARGE_SHARE else _SMALL)
    for _ in range(random.randint(1, _MAX_CHANGES)):
        sent = random.choice(_CHANGES)(random, sent)
    return sent if sent.strip(b"\r\n") else b"G" + sent


def _cut(random: Random, sent: bytes) -> bytes:
    return sent[: random.randint(0, len(sent))]


def _without(random: Random, sent: bytes) -> bytes:
    start, end = _slice(random, sent)
    return sent[:start] + sent[end:]


def _repeated(random: Random, sent: bytes) -> bytes:
    start, end = _slice(random, sent)
    return sent[:end] + sent[start:end] * random.randint(1, 8) + sent[end:]


def _flipped(random: Random, sent: bytes) -> bytes:
    changed = bytearray(sent)
    for _ in range(random.randint(1, 3) if sent else 0):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _replaced(random: Random, sent: bytes) -> bytes:
    start, end = _slice(random, sent)
    return sent[:start] + random.randbytes(min(end - start, 8)) + sent[end:]


def _inserted(random: Random, sent: bytes) -> bytes:
    place = random.randint(0, len(sent))
    return sent[:place] + random.choice(_PIECES) + sent[place:]


def _spliced(random: Random, sent: bytes) -> bytes:
    other = random.choice(_SMALL)
    return sent[: random.randint(0, len(sent))] + other[random.randint(0, len(other)) :]


def _followed(random: Random, sent: bytes) -> bytes:
    return sent + random.choice(_SMALL)


_CHANGES: Final[tuple[Callable[[Random, bytes], bytes], ...]] = (
    _cut,
    _without,
    _repeated,
    _flipped,
    _replaced,
    _inserted,
    _spliced,
    _followed,
)


def _slice(random: Random, sent: bytes) -> tuple[int, int]:
    start = random.randint(0, len(sent))
    return start, min(len(sent), start + random.randint(0, 16))
