"""The lexer against graphql-core's: the same tokens and the same errors at the same places.

It differs on purpose in what the last tests of this file list, and in nothing else.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import pytest
from graphql import GraphQLSyntaxError, Source
from graphql.language import Lexer, TokenKind
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.http.graphql.lexer import FastLexer
from gateway.http.graphql.limits import LimitExceeded
from tests.http.graphql.documents import make_limits

_UNLIMITED: Final = make_limits(tokens=10**9, literal_length=10**9)


class _Token(NamedTuple):
    kind: str
    value: str | None
    start: int
    end: int
    line: int
    column: int


def _tokens(lexer: Lexer) -> list[_Token | tuple[str, int]]:
    """All tokens but comments; the last entry may be the message and position of an error."""
    found: list[_Token | tuple[str, int]] = []
    try:
        while True:
            token = lexer.advance()
            found.append(_Token(token.kind.name, token.value, token.start, token.end, token.line, token.column))
            if token.kind is TokenKind.EOF:
                return found
    except GraphQLSyntaxError as error:
        assert error.positions
        return [*found, (error.message, error.positions[0])]


def _same(body: str) -> list[_Token | tuple[str, int]]:
    expected = _tokens(Lexer(Source(body)))
    assert _tokens(FastLexer(Source(body), _UNLIMITED)) == expected
    return expected


_NEWLINES: Final = ["\n", "\r", "\r\n", "\n\r", "\r\r\n"]
_PIECES: Final = [
    *_NEWLINES, " ", "\t", ",", "\ufeff", "\x00", "\x0b", "\x0c", "\x7f", "\x85", "\xa0", "\u2028", "\u2029", "é", "😀",
    "#", "# text", '#"', '# """',
    "!", "$", "&", "(", ")", "...", "..", ".", ":", "=", "@", "[", "]", "{", "|", "}", "?", "'", "`", "\\", "%", "-", "+",
    "a", "_", "__typename", "query", "Query9", "é9", "a-b",
    "0", "-0", "1", "-1", "00", "01", "1.", "1.5", "-1.5e10", "1e", "1E+5", "1e-", "0.0", ".5", "1..2", "0x1", "1a", "1_",
    "9" * 30,
    '"', '""', '"""', '""""', '"""""""', '"a"', '"""a"""', '\\"', '\\"""', '\\\\"""', '\\\\', '\\"""\\"""',
    "\\n", "\\t", "\\/", "\\b", "\\q", "\\u", "\\u0041", "\\u004", "\\u00g1", "\\uD83D\\uDE00", "\\uD83D", "\\uDE00",
    "\\uD83D\\u0041", "\\ud83d\\n", "\\u{41}", "\\u{0041}", "\\u{1F600}", "\\u{10FFFF}", "\\u{110000}", "\\u{D800}",
    "\\u{DFFF}", "\\u{D7FF}", "\\u{E000}", "\\u{}", "\\u{", "\\u{00000041}", "\\u{000000041}", "\\u{0000D800}", "\\u{g}",
    "\\u{41", "\\u{0}", "\\u{000D8000}", "\\x41",
    "\ud83d", "\ude00", "\ud83d\ude00", "\ude00\ud83d",
    "    ", "  x\n    y\n  z", "\t\tx\n\t",
]  # fmt: skip
_TEXTS: Final = st.lists(st.sampled_from(_PIECES), max_size=12).map("".join)
_QUOTES: Final = st.sampled_from(['"', '"""'])
_STRINGS: Final = st.builds("{0}{1}{0}{2}".format, _QUOTES, _TEXTS, _TEXTS)
_COMMENTS: Final = st.builds("#{}{}{}".format, _TEXTS, st.sampled_from(_NEWLINES), _TEXTS)


@settings(max_examples=800, deadline=None)
@given(st.lists(st.one_of(_TEXTS, _STRINGS, _COMMENTS), max_size=4).map("".join))
@example('"\\ud800 \\q"')
@example('"""\ud800')
@example('"""a\n  \\"""\r\n b"""c "\n')
def test_any_text_has_the_same_tokens_or_the_same_error(body: str) -> None:
    _same(body)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(), max_size=40))
def test_any_characters_have_the_same_tokens_or_the_same_error(body: str) -> None:
    _same(body)
    _same(f'"{body}"')
    _same(f'"""{body}"""')
    _same(f"#{body}\n{body}")


@pytest.mark.parametrize("piece", _PIECES)
def test_each_piece_by_itself_and_in_strings(piece: str) -> None:
    for after in ("", " ", "a", "\n", '"'):
        _same(piece + after)
        for quotes in ('"', '"""'):
            _same(quotes + piece + after + quotes)
            _same(f"a {piece}{after} b # {piece}\r\n{quotes}")


def test_the_escapes_mean_what_the_specification_says() -> None:
    (string, _) = _same(r'"\" \\ \/ \b \f \n \r \t A \uD83D\uDE00 \u{1f600} \u{00000042}"')
    assert string[1] == '" \\ / \b \f \n \r \t A 😀 😀 B'


@pytest.mark.parametrize("newline", ["\n", "\r", "\r\n"])
def test_a_block_string_loses_its_indentation(newline: str) -> None:
    lines = ["", "    one", "      two", "", '  \\"""three', "  "]
    (string, name, _) = _same(f'"""{newline.join(lines)}""" after')
    assert string[1] == '  one\n    two\n\n"""three'
    assert isinstance(name, _Token)
    assert (name.line, name.column) == (6, 7)


# The differences


@pytest.mark.parametrize("number", ["1" * 400, "-" + "1" * 399, "0." + "1" * 398, "." + "1" * 399, "1" * 400 + "a"])
def test_numbers_of_400_characters_are_read_as_usual(number: str) -> None:
    _same(number)


@pytest.mark.parametrize("number", ["1" * 401, "-" + "1" * 400, "0." + "1" * 400, "1e" + "1" * 400, "1" * 5000 + "a"])
def test_a_number_of_more_digits_than_anybody_means_is_refused(number: str) -> None:
    message, position = _tokens(FastLexer(Source("  " + number), _UNLIMITED))[-1][:2]
    assert message == "Syntax Error: Invalid number, more than 400 characters."
    assert position == 2


def test_comments_are_never_tokens_and_yet_count() -> None:
    body = "# one\n# two\na # three\nb"
    assert [token.kind for token in _chain(FastLexer(Source(body), _UNLIMITED))] == ["SOF", "NAME", "NAME", "EOF"]
    assert [token.kind for token in _chain(Lexer(Source(body)))].count("COMMENT") == 3
    assert _tokens(FastLexer(Source(body), make_limits(tokens=5)))
    with pytest.raises(LimitExceeded) as raised:
        _tokens(FastLexer(Source(body), make_limits(tokens=4)))
    assert (raised.value.limit, raised.value.allowed) == ("tokens", 4)


@pytest.mark.parametrize(
    ("literal", "characters"),
    [
        ('"abcdefgh"', 8),
        ('"""abc\ndef"""', 7),
        (r'"\u0041aa"', 8),
        (r'"""a\""" """', 6),
        ('"abcdefgh', 8),
        ('"""abc', 3),
    ],
)
def test_strings_are_counted_as_they_are_written_without_their_quotes(literal: str, characters: int) -> None:
    body = f'"12" {literal}'
    _tokens(FastLexer(Source(body), make_limits(literal_length=characters + 2)))
    with pytest.raises(LimitExceeded) as raised:
        _tokens(FastLexer(Source(body), make_limits(literal_length=characters + 1)))
    assert (raised.value.limit, raised.value.figure) == ("literal_length", characters + 2)


def _chain(lexer: Lexer) -> list[_Token]:
    """The tokens as they are linked, where graphql-core keeps comments."""
    while lexer.advance().kind is not TokenKind.EOF:
        pass
    token, chain = lexer.token, []
    while token is not None:
        chain.insert(0, _Token(token.kind.name, token.value, token.start, token.end, token.line, token.column))
        token = token.prev
    return chain
