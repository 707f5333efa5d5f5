"""A lexer whose cost is the machine's, not the interpreter's: what is long in a document is matched by one regex.

graphql-core's own lexer walks through comments, commas and strings character by character, so a
mebibyte of them keeps it busy for a tenth of a second and more. What this one does not match, it
hands to that lexer, from the character that is wrong: so all errors are worded and placed as usual.
"""

from __future__ import annotations

import re
from typing import Final

from graphql import GraphQLSyntaxError
from graphql.language import Lexer, Source, Token, TokenKind
from graphql.language.block_string import dedent_block_string_lines

from gateway.http.graphql.limits import LimitExceeded, Limits

# Specification, 'Lexical Tokens'. The quantifiers are possessive: nothing is ever tried twice.
_IGNORED: Final = re.compile(r"[ \t\n\r,\ufeff]*+")
_TOKEN: Final = re.compile(
    r"(?P<name>[_A-Za-z][_0-9A-Za-z]*+)"
    r"|(?P<punctuator>\.\.\.|[!$&()\[\]{}:=@|])"
    r"|(?P<int>-?(?:0|[1-9][0-9]*+)(?![0-9._A-Za-z]))"
    r"|(?P<float>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+(?![0-9._A-Za-z]))"
)
# A number, or what was meant to be one.
_NUMBER: Final = re.compile(r"-?\.?[0-9]++(?:\.[0-9]*+)?+(?:[eE][+-]?[0-9]*+)?+")
# More digits than any number has that a client could mean; Python refuses to read 4,300 of them.
_MAX_NUMBER_LENGTH: Final = 400

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
        if match is not None and match.lastgroup == "name":
            return self.create_token(TokenKind.NAME, position, match.end(), match[0])
        if match is not None and match.lastgroup == "punctuator":
            return self.create_token(_PUNCTUATORS[match[0]], position, match.end())
        if _end(_NUMBER, body, position) - position > _MAX_NUMBER_LENGTH:
            raise GraphQLSyntaxError(self.source, position, "Invalid number, too many digits.")
        if match is not None:
            kind = TokenKind.INT if match.lastgroup == "int" else TokenKind.FLOAT
            return self.create_token(kind, position, match.end(), match[0])
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
        ends = body.count("\n", start, end) + body.count("\r", start, end) - body.count("\r\n", start, end)
        if ends:
            self.line += ends
            self.line_start = max(body.rfind("\n", start, end), body.rfind("\r", start, end)) + 1


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
