"""A lexer whose cost is the machine's, not the interpreter's: what is long in a document is matched by one regex.

graphql-core's own lexer walks through comments, commas and strings character by character, so a
mebibyte of them keeps it busy for a tenth of a second and more. What this one does not match, it
hands to that lexer: so all errors are worded and placed as usual.
"""

from __future__ import annotations

import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # typeshed leaves it out
from typing import Final

from graphql import GraphQLSyntaxError
from graphql.language import Lexer, Source, Token, TokenKind
from graphql.language.block_string import dedent_block_string_lines

from gateway.http.graphql.limits import LimitExceeded, Limits

# Specification, 'Ignored Tokens'. The quantifiers are possessive: nothing is ever tried twice.
_IGNORED: Final = re.compile(r"[ \t\n\r,\ufeff]*+")
_COMMENT: Final = re.compile(r"#[^\n\r]*+")
_TOKEN: Final = re.compile(
    r"(?P<name>[_A-Za-z][_0-9A-Za-z]*+)"
    r"|(?P<punctuator>\.\.\.|[!$&()\[\]{}:=@|])"
    r"|(?P<int>-?(?:0|[1-9][0-9]*+)(?![0-9._A-Za-z]))"
    r"|(?P<float>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+(?![0-9._A-Za-z]))"
)
_STRING: Final = re.compile(r'(?:[^"\\\n\r]++|\\[^\n\r])*+')
# The part of a string that is as JSON's strings are.
_PLAIN: Final = re.compile(r'(?:[^"\\\n\r\ud800-\udfff]++|\\["\\/bfnrt]|\\u[0-9A-Fa-f]{4})*+')
# More digits than any number has that a client could mean; Python refuses to read 4,300 of them.
_MAX_NUMBER_LENGTH: Final = 400
_BLOCK_END: Final = re.compile(r'\\?"""')
_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
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


class FastLexer(Lexer):
    """Raises LimitExceeded on tokens and literals, and GraphQLSyntaxError as graphql-core's lexer does.

    A comment counts as a token, though the parser never sees one.
    """

    def __init__(self, source: Source, limits: Limits) -> None:
        super().__init__(source)
        self._limits = limits
        self._tokens = 0
        self._literals = 0

    def read_next_token(self, start: int) -> Token:
        body = self.source.body
        position = self._skip_ignored(start)
        if position == len(body):
            return self.create_token(TokenKind.EOF, position, position)
        self._count_token()
        match = _TOKEN.match(body, position)
        if match is not None:
            text = match[0]
            if match.lastgroup == "name":
                return self.create_token(TokenKind.NAME, position, match.end(), text)
            if match.lastgroup == "punctuator":
                return self.create_token(_PUNCTUATORS[text], position, match.end())
            if len(text) > _MAX_NUMBER_LENGTH:
                raise GraphQLSyntaxError(self.source, position, "Invalid number, too many digits.")
            kind = TokenKind.INT if match.lastgroup == "int" else TokenKind.FLOAT
            return self.create_token(kind, position, match.end(), text)
        return super().read_next_token(position)

    def _count_token(self) -> None:
        self._tokens += 1
        if self._tokens > self._limits.tokens:
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
            comment_end = _end(_COMMENT, body, end)
            if _SURROGATE.search(body, end, comment_end):
                # A comment holds only characters of Unicode: the usual lexer says where it does not.
                self._count_lines(start, end)
                super().read_next_token(super().read_next_token(end).end)
            end = _end(_IGNORED, body, comment_end)
        self._count_lines(start, end)
        return end

    def read_string(self, start: int) -> Token:
        body = self.source.body
        self._count_literal(_end(_STRING, body, start + 1) - start)
        try:
            value, end = scanstring(body, start + 1, False)
        except ValueError:
            pass
        else:
            if not _LINE_END.search(body, start, end) and not _SURROGATE.search(value):
                return self.create_token(TokenKind.STRING, start, end, value)
        # An error, or an escape that JSON has not. Read from where that is, the error is the same one.
        super().read_string(_end(_PLAIN, body, start + 1) - 1)
        return super().read_string(start)

    def read_block_string(self, start: int) -> Token:
        body = self.source.body
        closing = next((found for found in _BLOCK_END.finditer(body, start + 3) if found[0] == '"""'), None)
        if closing is None:
            raise GraphQLSyntaxError(self.source, len(body), "Unterminated string.")
        self._count_literal(closing.end() - start)
        if surrogate := _SURROGATE.search(body, start, closing.end()):
            super().read_block_string(surrogate.start() - 3)
            return super().read_block_string(start)
        lines = _LINE_END.split(body[start + 3 : closing.start()].replace('\\"""', '"""'))
        value = "\n".join(dedent_block_string_lines(lines))
        token = self.create_token(TokenKind.BLOCK_STRING, start, closing.end(), value)
        self._count_lines(start, closing.end())
        return token

    def _count_lines(self, start: int, end: int) -> None:
        body = self.source.body
        ends = body.count("\n", start, end) + body.count("\r", start, end) - body.count("\r\n", start, end)
        if ends:
            self.line += ends
            self.line_start = max(body.rfind("\n", start, end), body.rfind("\r", start, end)) + 1


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.match(text, start)
    return start if match is None else match.end()
