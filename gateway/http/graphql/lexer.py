"""A fast lexer: comments, ignored characters and long tokens are each matched by one regular expression.

graphql-core's lexer walks through comments, commas and strings character by character, so a mebibyte of them takes a
tenth of a second and more. What this lexer does not match, it hands to that one, from the character that is wrong: so
all errors have the usual words and positions.
"""

from __future__ import annotations

import re
from typing import Final

from graphql import GraphQLSyntaxError
from graphql.language import Lexer, Source, SourceLocation, Token, TokenKind
from graphql.language.block_string import dedent_block_string_lines

from gateway.http.graphql.limits import LimitExceeded, Limits

# Specification, 'Lexical Tokens'. The quantifiers are possessive: nothing is ever tried twice.
_IGNORED: Final = re.compile(r"[ \t\n\r,\ufeff]*+")
# Most tokens are of these two kinds, and stand on the line of the one before.
_COMMON: Final = re.compile(
    r"[ \t,\ufeff]*+(?:(?P<name>[_A-Za-z][_0-9A-Za-z]*+)|(?P<punctuator>\.\.\.|[!$&()\[\]{}:=@|]))"
)
_INT_OR_FLOAT: Final = re.compile(
    r"(?P<int>-?(?:0|[1-9][0-9]*+)(?![0-9._A-Za-z]))"
    r"|(?P<float>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+(?![0-9._A-Za-z]))"
)
# A number, or what was meant to be one.
_NUMBER: Final = re.compile(r"-?\.?[0-9]++(?:\.[0-9]*+)?+(?:[eE][+-]?[0-9]*+)?+")
# Of a name or a number: more than a client could mean. Python refuses to read 4,300 digits, and what
# looks for similar names, or repeats one in a message, takes long with long ones.
_MAX_LENGTH: Final = 400

# Two halves of a character of UTF-16 are one character; one half is none.
_PAIR: Final = r"[\ud800-\udbff][\udc00-\udfff]"
_COMMENT: Final = re.compile(rf"#(?:[^\n\r\ud800-\udfff]++|{_PAIR})*+")
_HEX: Final = "[0-9A-Fa-f]"
_UNICODE_ESCAPE: Final = (
    rf"\\u(?:(?![Dd][89A-Fa-f]){_HEX}{{4}}"
    rf"|[Dd][89ABab]{_HEX}{{2}}\\u[Dd][C-Fc-f]{_HEX}{{2}}"
    rf"|\{{(?={_HEX}{{1,8}}\}})0*+(?![Dd][89A-Fa-f]{_HEX}{{2}}\}})(?:10{_HEX}{{4}}|{_HEX}{{0,5}})\}})"
)
_ESCAPE: Final = re.compile(rf'\\["\\/bfnrt]|{_UNICODE_ESCAPE}')
_STRING: Final = re.compile(rf'"(?:[^"\\\n\r\ud800-\udfff]++|{_ESCAPE.pattern}|{_PAIR})*+')
_BLOCK_STRING: Final = re.compile(rf'"""(?:[^"\\\ud800-\udfff]++|"(?!"")|\\(?:""")?+|{_PAIR})*+')
_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_PUNCTUATORS: Final = {
    kind.value: kind
    for kind in (
        TokenKind.BANG,
        TokenKind.DOLLAR,
        TokenKind.AMP,
        TokenKind.PAREN_L,
        TokenKind.PAREN_R,
        TokenKind.SPREAD,
        TokenKind.COLON,
        TokenKind.EQUALS,
        TokenKind.AT,
        TokenKind.BRACKET_L,
        TokenKind.BRACKET_R,
        TokenKind.BRACE_L,
        TokenKind.PIPE,
        TokenKind.BRACE_R,
    )
}
_CHARACTERS: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class FastSource(Source):
    """Finds the line of a position without a walk through all lines before it."""

    def get_location(self, position: int) -> SourceLocation:
        return SourceLocation(
            1 + _line_ends(self.body, 0, position), 1 + position - _line_start(self.body, 0, position)
        )


class FastLexer(Lexer):
    """Raises LimitExceeded on tokens and literals, and GraphQLSyntaxError as graphql-core's lexer does.

    A comment counts as a token, though the parser never sees one.
    """

    def __init__(self, source: Source, limits: Limits) -> None:
        super().__init__(source)
        self._limits = limits
        self.tokens = 0
        self._literals = 0

    def read_next_token(self, start: int) -> Token:
        body = self.source.body
        common = _COMMON.match(body, start)
        if common is None:
            position = self._skip_ignored(start)
            if position == len(body):
                return self.create_token(TokenKind.EOF, position, position)
            common = _COMMON.match(body, position)
            if common is None:
                self._count_token()
                return self._read_literal(position)
        self._count_token()
        if common.lastgroup == "name":
            position, end = common.span("name")
            self._check_length("name", position, end)
            return self.create_token(TokenKind.NAME, position, end, body[position:end])
        position, end = common.span("punctuator")
        return self.create_token(_PUNCTUATORS[body[position:end]], position, end)

    def _read_literal(self, start: int) -> Token:
        """A number or a string, or what is no token at all."""
        body = self.source.body
        self._check_length("number", start, _end(_NUMBER, body, start))
        match = _INT_OR_FLOAT.match(body, start)
        if match is None:
            return super().read_next_token(start)
        kind = TokenKind.INT if match.lastgroup == "int" else TokenKind.FLOAT
        return self.create_token(kind, start, match.end(), match[0])

    def _check_length(self, what: str, start: int, end: int) -> None:
        if end - start > _MAX_LENGTH:
            raise GraphQLSyntaxError(self.source, start, f"Invalid {what}, more than {_MAX_LENGTH} characters.")

    def _count_token(self) -> None:
        self.tokens += 1
        if self.tokens > self._limits.tokens:
            raise LimitExceeded("tokens", self._limits.tokens, None)

    def _count_literal(self, length: int) -> None:
        self._literals += length
        if self._literals > self._limits.literal_length:
            raise LimitExceeded("literal_length", self._limits.literal_length, self._literals)

    def _skip_ignored(self, start: int) -> int:
        body = self.source.body
        end = _end(_IGNORED, body, start)
        while body.startswith("#", end):
            self._count_token()
            end = _end(_IGNORED, body, _end(_COMMENT, body, end))
        self._count_lines(start, end)
        return end

    def read_string(self, start: int) -> Token:
        body = self.source.body
        end = _end(_STRING, body, start)
        self._count_literal(end - start - 1)
        if not body.startswith('"', end):
            return super().read_string(end - 1)
        value = _ESCAPE.sub(_unescape, body[start + 1 : end])
        return self.create_token(TokenKind.STRING, start, end + 1, value)

    def read_block_string(self, start: int) -> Token:
        body = self.source.body
        end = _end(_BLOCK_STRING, body, start)
        self._count_literal(end - start - 3)
        if not body.startswith('"""', end):
            return super().read_block_string(end - 3)
        lines = _LINE_END.split(body[start + 3 : end].replace('\\"""', '"""'))
        value = "\n".join(dedent_block_string_lines(lines))
        token = self.create_token(TokenKind.BLOCK_STRING, start, end + 3, value)
        self._count_lines(start, end)
        return token

    def _count_lines(self, start: int, end: int) -> None:
        body = self.source.body
        ends = _line_ends(body, start, end)
        if ends:
            self.line += ends
            self.line_start = _line_start(body, start, end)


def _line_ends(text: str, start: int, end: int) -> int:
    return text.count("\n", start, end) + text.count("\r", start, end) - text.count("\r\n", start, end)


def _line_start(text: str, start: int, end: int) -> int:
    return max(text.rfind("\n", start, end), text.rfind("\r", start, end)) + 1


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.match(text, start)
    return start if match is None else match.end()


def _unescape(escape: re.Match[str]) -> str:
    text = escape[0]
    if text[1] != "u":
        return _CHARACTERS.get(text[1], text[1])
    if text[2] == "{":
        return chr(int(text[3:-1], 16))
    code = int(text[2:6], 16)
    if len(text) > 6:
        code = 0x10000 + ((code - 0xD800) << 10) + int(text[8:], 16) - 0xDC00
    return chr(code)
