"""Where one request ends and the next begins: lengths, chunks, pipelines, sockets that are half closed."""

from __future__ import annotations

from typing import Final

from tests.http.malformed.requests import TYPENAME, Header, Malformed, get, head, operation, post, with_key

_USUAL: Final[tuple[Header, ...]] = (("Host", "testserver"), ("Content-Type", "application/json"))
_GOOD: Final = post()
_MUTATION: Final = operation("mutation { upsertPersistedFolder(input: {type: HOME}) { created } }")
_LENGTH: Final = len(TYPENAME)


def _framed(body: bytes, *headers: Header) -> bytes:
    return head("POST /graphql HTTP/1.1", [*_USUAL, *headers]) + body


def _chunks(body: bytes) -> bytes:
    return _framed(body, ("Transfer-Encoding", "chunked"))


_ONE_CHUNK: Final = b"%x\r\n%s\r\n0\r\n\r\n" % (_LENGTH, TYPENAME)

# A body in chunks, and the status of the answer.
CHUNKS: Final = {
    "one chunk": (_ONE_CHUNK, 200),
    "each byte a chunk": (b"".join(b"1\r\n%c\r\n" % byte for byte in TYPENAME) + b"0\r\n\r\n", 200),
    "an extension": (b"%x;a=b;c\r\n%s\r\n0\r\n\r\n" % (_LENGTH, TYPENAME), 200),
    "a trailer": (b"%x\r\n%s\r\n0\r\nA: b\r\n\r\n" % (_LENGTH, TYPENAME), 200),
    "a size in capitals and zeros": (b"000%X\r\n%s\r\n0\r\n\r\n" % (_LENGTH, TYPENAME), 200),
    "no chunk": (b"0\r\n\r\n", 400),
    "a size that is none": (b"zz\r\n" + TYPENAME, 400),
    "a size that is empty": (b"\r\n" + TYPENAME, 400),
    "a negative size": (b"-1\r\n" + TYPENAME, 400),
    "a size with a prefix": (b"0x1a\r\n" + TYPENAME, 400),
    "a size beyond 64 bits": (b"f" * 17 + b"\r\n" + TYPENAME, 400),
    "a size that is too small": (b"5\r\n%s\r\n0\r\n\r\n" % TYPENAME, 400),
    "no line break after the data": (b"%x\r\n%s0\r\n\r\n" % (_LENGTH, TYPENAME), 400),
    "line feeds alone": (b"%x\n%s\n0\n\n" % (_LENGTH, TYPENAME), 400),
    "a null byte in an extension": (b"%x;a=\0\r\n%s\r\n0\r\n\r\n" % (_LENGTH, TYPENAME), 400),
    "a trailer without a colon": (b"%x\r\n%s\r\n0\r\njunk\r\n\r\n" % (_LENGTH, TYPENAME), 400),
    "2 MB in chunks": ((b"10000\r\n" + b" " * 0x10000 + b"\r\n") * 32 + b"0\r\n\r\n", 413),
}

# How a request says where it ends, and the status of the answer.
ENDS: Final[dict[str, tuple[tuple[Header, ...], bytes, int]]] = {
    "no length": ((), b"", 400),
    "a length of zero": ((("Content-Length", "0"),), b"", 400),
    "a length that is empty": ((("Content-Length", ""),), TYPENAME, 400),
    "a length that is a word": ((("Content-Length", "all"),), TYPENAME, 400),
    "a negative length": ((("Content-Length", "-1"),), TYPENAME, 400),
    "a length with a plus": ((("Content-Length", f"+{_LENGTH}"),), TYPENAME, 400),
    "a length with a fraction": ((("Content-Length", f"{_LENGTH}.0"),), TYPENAME, 400),
    "a length with an underscore": ((("Content-Length", "2_6"),), TYPENAME, 400),
    "a hexadecimal length": ((("Content-Length", "0x1a"),), TYPENAME, 400),
    "a length of digits that are not ASCII": ((("Content-Length", "²".encode()),), TYPENAME, 400),
    "a length beyond 64 bits": ((("Content-Length", "9" * 30),), TYPENAME, 400),
    "a length of 9 GB": ((("Content-Length", "9000000000"),), b"", 413),
    "a list of lengths": ((("Content-Length", f"{_LENGTH}, {_LENGTH}"),), TYPENAME, 400),
    "the same length twice": ((("Content-Length", str(_LENGTH)),) * 2, TYPENAME, 400),
    "two lengths": ((("Content-Length", str(_LENGTH)), ("Content-Length", "5")), TYPENAME, 400),
    "a length and chunks": ((("Content-Length", str(_LENGTH)), ("Transfer-Encoding", "chunked")), _ONE_CHUNK, 400),
    "chunks and a length": ((("Transfer-Encoding", "chunked"), ("Content-Length", "5")), _ONE_CHUNK, 400),
    "chunks twice": ((("Transfer-Encoding", "chunked"),) * 2, _ONE_CHUNK, 400),
    "chunks in a list of themselves": ((("Transfer-Encoding", "chunked, chunked"),), _ONE_CHUNK, 400),
    "chunks in another case": ((("Transfer-Encoding", "Chunked"),), _ONE_CHUNK, 200),
    "chunks in blanks": ((("Transfer-Encoding", "  chunked  "),), _ONE_CHUNK, 200),
    "chunks before a tab": ((("Transfer-Encoding", "chunked\t"),), _ONE_CHUNK, 400),
    "chunks, then something": ((("Transfer-Encoding", "chunked, identity"),), _ONE_CHUNK, 400),
    "a transfer of junk": ((("Transfer-Encoding", "xchunked"),), _ONE_CHUNK, 400),
    "a transfer in gzip": ((("Transfer-Encoding", "gzip"),), _ONE_CHUNK, 400),
    "a transfer that is empty": ((("Transfer-Encoding", ""),), _ONE_CHUNK, 400),
    "a transfer behind a vertical tab": ((("Transfer-Encoding", "\x0bchunked"),), _ONE_CHUNK, 400),
    "a transfer with a blank before its colon": ((("Transfer-Encoding ", "chunked"),), _ONE_CHUNK, 400),
    "a transfer on a folded line": ((("Transfer-Encoding", "\r\n chunked"),), _ONE_CHUNK, 400),
}


def _rows() -> list[Malformed]:
    rows = [Malformed(f"chunks: {name}", _chunks(body), (status,)) for name, (body, status) in CHUNKS.items()]
    rows += [
        Malformed(f"end: {name}", _framed(body, *headers), (status,)) for name, (headers, body, status) in ENDS.items()
    ]
    hidden = get("/hidden")
    page = get("/graphql?query=%7B__typename%7D")
    rows += [
        Malformed("pipeline: ten", _GOOD * 10, (200,) * 10),
        Malformed("pipeline: GET and POST", (page + _GOOD) * 3, (200,) * 6),
        Malformed("pipeline: 100 of a GET", page * 100, (200,) * 100),
        Malformed("pipeline: a wrong one between", _GOOD + post(b"{") + _GOOD, (200, 400, 200)),
        Malformed(
            "pipeline: a wrong key between",
            _GOOD + post(TYPENAME, ("Authorization", "Bearer phx_wrong")) + _GOOD,
            (200, 401, 200),
        ),
        Malformed("pipeline: line breaks between", _GOOD + b"\r\n\r\n" + _GOOD, (200, 200)),
        Malformed("pipeline: junk behind", _GOOD + b"junk\r\n\r\n", (200, 400)),
        Malformed("pipeline: one that closes", post(TYPENAME, ("Connection", "close")), (200,)),
        Malformed(
            "pipeline: a body that is too large between",
            _GOOD + _framed(b"", ("Content-Length", "9000000")),
            (200, 413),
        ),
        Malformed(
            "pipeline: a target that is too long behind two",
            _GOOD + page + get(f"/graphql?{'a' * 9000}"),
            (200, 200, 414),
        ),
        Malformed(
            "pipeline: a request hidden behind a length and chunks",
            _framed(b"0\r\n\r\n" + hidden, ("Content-Length", str(5 + len(hidden))), ("Transfer-Encoding", "chunked")),
            (400,),
        ),
        Malformed(
            "pipeline: a request hidden behind two lengths",
            _framed(hidden, ("Content-Length", "0"), ("Content-Length", str(len(hidden)))),
            (400,),
        ),
        Malformed(
            "pipeline: a request in the body of a GET",
            get("/graphql?query=%7B__typename%7D", ("Content-Length", str(len(hidden)))) + hidden,
            (200,),
        ),
        Malformed(
            "pipeline: something behind an upgrade that is declined",
            post(TYPENAME, ("Connection", "Upgrade"), ("Upgrade", "junk")) + _GOOD,
            (200,),
        ),
        Malformed("pieces: each byte a packet", _GOOD, (200,), in_pieces=True),
        Malformed("pieces: each byte of a wrong request", post(b'{"query":"{"}'), (400,), in_pieces=True),
        Malformed("pieces: each byte of chunks", _chunks(_ONE_CHUNK), (200,), in_pieces=True),
        Malformed("half closed: after a request", _GOOD, (200,), half_closes=True),
        Malformed(
            "half closed: after a request that takes a while", with_key(post(_MUTATION)), (200,), half_closes=True
        ),
        Malformed("half closed: after two", _GOOD * 2, (200, 200), half_closes=True),
        Malformed("half closed: in a body", _GOOD[:-1], (400,), half_closes=True),
        Malformed("half closed: in a chunk", _chunks(b"ff\r\n{"), (400,), half_closes=True),
        Malformed("half closed: between chunks", _chunks(b"1\r\n{\r\n"), (400,), half_closes=True),
        Malformed("half closed: in the headers", _GOOD[:60], (400,), half_closes=True),
        Malformed("half closed: in the first line", b"POST /gra", (400,), half_closes=True),
    ]
    return rows


ROWS: Final = tuple(_rows())
