"""Headers: media types, charsets, what is accepted, keys, and lines that are too long, too many or none."""

from __future__ import annotations

from typing import Final

from tests.http.malformed.requests import TYPENAME, Header, Malformed, head, post

MEDIA_TYPES: Final[dict[str, tuple[str | bytes | None, int]]] = {
    "no media type": (None, 415),
    "an empty media type": ("", 415),
    "a media type without a slash": ("json", 415),
    "another media type": ("text/plain", 415),
    "a form's media type": ("application/x-www-form-urlencoded", 415),
    "a multipart form's media type": ("multipart/form-data; boundary=a", 415),
    "the media type of bare documents": ("application/graphql", 415),
    "the media type of answers": ("application/graphql-response+json", 415),
    "a media type range": ("application/*", 415),
    "two media types": ("application/json, text/plain", 415),
    "junk for a media type": (";;;=,,//", 415),
    "bytes for a media type": (b"\xff\xfe\x80", 415),
    "a media type in another case": ("APPLICATION/JSON", 200),
    "a media type in blanks": ("  application/json \t", 200),
    "a parameter without a value": ("application/json;a", 200),
    "parameters without a name": ("application/json;;;=;", 200),
    "a charset in another case": ("application/json; CHARSET=UTF-8", 200),
    "a charset in quotes": ('application/json; charset="utf-8"', 200),
    "a charset without a hyphen": ("application/json;charset=utf8", 200),
    "a charset without a name": ("application/json; charset=", 415),
    "Latin-1": ("application/json; charset=latin-1", 415),
    "UTF-16 as charset": ("application/json; charset=utf-16", 415),
    "UTF-7": ("application/json; charset=utf-7", 415),
    "a charset that decodes to bytes": ("application/json; charset=hex", 415),
    "a charset that nobody knows": ("application/json; charset=junk", 415),
    "a charset in one quote": ('application/json; charset="utf-8', 200),
    "two charsets": ("application/json; charset=utf-16; charset=utf-8", 415),
    "a charset of a null byte's escape": ("application/json; charset=%00", 415),
}

ACCEPTED: Final = {
    "nothing is named": ("", 200),
    "only commas": (",,,", 200),
    "anything": ("*/*", 200),
    "any application": ("application/*", 200),
    "in another case": ("APPLICATION/JSON", 200),
    "with other parameters": ("application/json;a=b;c", 200),
    "with a quality of junk": ("application/json;q=junk, */*;q=0.1", 200),
    "with a quality beyond one": ("application/json;q=2", 200),
    "with more entries than are read": ("a/b," * 1000 + "*/*", 406),
    "another type": ("text/plain", 406),
    "images": ("image/*", 406),
    "nothing of JSON": ("application/json;q=0, application/graphql-response+json;q=0", 406),
    "nothing at all": ("*/*;q=0", 406),
    "with a negative quality": ("application/json;q=-1", 406),
    "with a quality that is no number": ("application/json;q=nan", 406),
    "with an infinite quality": ("application/json;q=-inf", 406),
    "with junk": ("junk", 406),
    "with slashes": ("///,/,//", 406),
    "with half a range": ("*/json", 406),
    "with semicolons": (";;;", 406),
}

KEYS: Final[dict[str, tuple[str | bytes, int]]] = {
    "an empty key": ("", 200),
    "a scheme without a key": ("Bearer", 200),
    "a scheme and a blank": ("Bearer ", 200),
    "another scheme": ("Basic YTpi", 200),
    "a key that is wrong": ("Bearer phx_wrong", 401),
    "two keys": ("Bearer a b", 401),
    "a key of 7 kB": ("Bearer " + "a" * 7000, 401),
    "a key of bytes": (b"Bearer \xff\xfe\x80", 401),
    "a key of UTF-8": ("Bearer phx_é".encode(), 401),
    "a key with a tab": ("Bearer\tphx_wrong", 401),
}


def _posted(headers: list[Header], body: bytes = TYPENAME) -> bytes:
    """Without the headers that `post` gives."""
    return head("POST /graphql HTTP/1.1", headers) + body


def _rows() -> list[Malformed]:
    rows = [Malformed(name, post(media_type=value), (status,)) for name, (value, status) in MEDIA_TYPES.items()]
    host: Header = ("Host", "testserver")
    json_type: Header = ("Content-Type", "application/json")
    length: Header = ("Content-Length", str(len(TYPENAME)))
    usual = [host, json_type, length]
    for name, (value, status) in ACCEPTED.items():
        rows.append(Malformed(f"accepts {name}", _posted([*usual, ("Accept", value)]), (status,)))
    for name, (key, status) in KEYS.items():
        rows.append(Malformed(name, post(TYPENAME, ("Authorization", key)), (status,)))
    cases: list[tuple[str, bytes, int]] = [
        ("two different media types", post(TYPENAME, ("Content-Type", "text/plain")), 400),
        ("the same media type twice", post(TYPENAME, json_type), 400),
        ("two keys in two headers", post(TYPENAME, ("Authorization", "Bearer a"), ("Authorization", "Bearer b")), 401),
        ("two lists of what is accepted", _posted([*usual, ("Accept", "text/plain"), ("Accept", "*/*")]), 200),
        ("no host", _posted([json_type, length]), 400),
        ("an empty host", _posted([("Host", ""), json_type, length]), 200),
        ("two hosts", _posted([*usual, ("Host", "other")]), 400),
        ("the same host twice", _posted([*usual, host]), 400),
        ("a host of junk", _posted([("Host", "a b@c/d?e#f"), json_type, length]), 400),
        ("a host with a port that is none", _posted([("Host", "a:99999999"), json_type, length]), 400),
        ("a host of bytes", _posted([("Host", b"\xff\x80"), json_type, length]), 400),
        ("a line of 7 kB", post(TYPENAME, ("A", "a" * 7000)), 200),
        ("a line of 9 kB", post(TYPENAME, ("A", "a" * 9000)), 431),
        ("a line of 100 kB", post(TYPENAME, ("A", "a" * 100_000)), 431),
        ("a name of 9 kB", post(TYPENAME, ("a" * 9000, "a")), 431),
        ("a key of 9 kB", post(TYPENAME, ("Authorization", "Bearer " + "a" * 9000)), 431),
        ("a cookie of 9 kB", post(TYPENAME, ("Cookie", "a=" + "a" * 9000)), 431),
        ("90 headers", post(TYPENAME, *((f"A-{number}", "a") for number in range(90))), 200),
        ("1,000 headers", post(TYPENAME, *((f"A-{number}", "a") for number in range(1000))), 431),
        ("90 headers of one name", post(TYPENAME, *(("A", "a") for _ in range(90))), 200),
        ("50 headers of 4 kB", post(TYPENAME, *((f"A-{number}", "a" * 4000) for number in range(50))), 431),
        ("a header without a colon", b"POST /graphql HTTP/1.1\r\nHost: a\r\nJunk\r\n\r\n", 400),
        ("a header without a name", b"POST /graphql HTTP/1.1\r\nHost: a\r\n: a\r\n\r\n", 400),
        ("a blank before a colon", post(TYPENAME, ("A ", "a")), 400),
        ("a name of bytes", b"POST /graphql HTTP/1.1\r\nHost: a\r\n\xff: a\r\n\r\n", 400),
        ("a name with a parenthesis", post(TYPENAME, ("A(", "a")), 400),
        ("a null byte in a value", post(TYPENAME, ("A", "a\0b")), 400),
        ("a control character in a value", post(TYPENAME, ("A", "a\x01b")), 400),
        ("a carriage return in a value", post(TYPENAME, ("A", "a\rb")), 400),
        ("a line feed in a value", post(TYPENAME, ("A", "a\nb")), 400),
        ("bytes in a value", post(TYPENAME, ("A", b"\xff\xfe\x80")), 200),
        ("a line that is folded", post(TYPENAME, ("A", "a\r\n b")), 400),
        ("the first header line is folded", b"POST /graphql HTTP/1.1\r\n Host: a\r\n\r\n", 400),
        ("an expectation that nobody knows", post(TYPENAME, ("Expect", "junk")), 417),
        ("bytes in an expectation", post(TYPENAME, ("Expect", b"100-continu\xc3E")), 400),
        ("an empty expectation", post(TYPENAME, ("Expect", "")), 200),
        ("an expectation to go on", post(TYPENAME, ("Expect", "100-continue")), 200),
        ("an expectation in another case", post(TYPENAME, ("Expect", "100-CONTINUE")), 200),
        ("a request id of junk", post(TYPENAME, ("X-Request-Id", "a b\t<script>")), 200),
        ("two request ids", post(TYPENAME, ("X-Request-Id", "a"), ("X-Request-Id", "b")), 200),
        ("an upgrade that nobody knows", post(TYPENAME, ("Connection", "Upgrade"), ("Upgrade", "junk")), 200),
        ("an upgrade to HTTP/2", post(TYPENAME, ("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c")), 200),
        ("options of a connection that nobody knows", post(TYPENAME, ("Connection", "junk, ,;=")), 200),
        ("an etag of junk", post(TYPENAME, ("If-None-Match", '"a, W/b, *, "')), 200),
        ("a date of junk", post(TYPENAME, ("If-Modified-Since", "junk")), 200),
        ("a range of junk", post(TYPENAME, ("Range", "bytes=-1-,9-1,junk")), 200),
        ("cookies of junk", post(TYPENAME, ("Cookie", '=;;a=b=c;\x80;"')), 200),
        (
            "forwarding of junk",
            post(TYPENAME, ("X-Forwarded-For", "junk"), ("Forwarded", ';;for="_'), ("X-Forwarded-Host", "//")),
            200,
        ),
    ]
    rows += [Malformed(name, sent, (status,)) for name, sent, status in cases]
    rows.append(Malformed("an etag of junk, of a GET", get_with_etag('"a, W/b'), (200,), method="GET"))
    return rows


def get_with_etag(value: str) -> bytes:
    target = "/graphql?query=%7B__schema%7BqueryType%7Bname%7D%7D%7D"
    return head(f"GET {target} HTTP/1.1", [("Host", "testserver"), ("If-None-Match", value)])


ROWS: Final = tuple(_rows())
