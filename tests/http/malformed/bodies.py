"""Bodies: JSON that is none, JSON that is no request, documents that are none, encodings and compressions."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any, Final

from tests.http.malformed.requests import TYPENAME, Malformed, operation, post, with_key

DIGITS: Final = "1" * 5000
_NODE: Final = "query($id: ID!) { node(id: $id) { id } }"
_FIRST: Final = "query($first: Int) { persistedFolders(first: $first) { nodes { id } } }"
_UPSERT: Final = (
    'mutation($path: String! = "") { upsertPersistedFolder(input: {type: HOME, path: $path}) { userErrors { code } } }'
)

NO_JSON: Final = {
    "nothing": b"",
    "blanks": b" \r\n\t",
    "a null byte": b"\0",
    "a document without JSON around it": b"{ __typename }",
    "a form": b"query=%7B__typename%7D",
    "XML": b"<query>{ __typename }</query>",
    "cut off in a string": b'{"query":"{ __typ',
    "cut off in an escape": b'{"query":"\\u00',
    "cut off after a key": b'{"query"',
    "cut off after a colon": b'{"query":',
    "cut off before the last brace": b'{"query":"{ __typename }"',
    "a comma too many": b'{"query":"{ __typename }",}',
    "a key without quotes": b'{query:"{ __typename }"}',
    "single quotes": b"{'query':'{ __typename }'}",
    "a comment": b'{"query":"{ __typename }" /* all */}',
    "two values": TYPENAME + TYPENAME,
    "a value and a bracket": TYPENAME + b"]",
    "a line break in a string": b'{"query":"{\n__typename }"}',
    "a wrong escape": b'{"query":"\\x7b __typename }"}',
    "NaN": b'{"query":"{ __typename }","variables":{"a":NaN}}',
    "Infinity": b'{"query":"{ __typename }","variables":{"a":Infinity}}',
    "minus Infinity": b'{"query":"{ __typename }","variables":{"a":-Infinity}}',
    "NaN alone": b"NaN",
    "a number that begins with zero": b'{"query":"{ __typename }","variables":{"a":01}}',
    "a hexadecimal number": b'{"query":"{ __typename }","variables":{"a":0x1}}',
    "a number with a plus": b'{"query":"{ __typename }","variables":{"a":+1}}',
    "True": b'{"query":"{ __typename }","variables":{"a":True}}',
    "100,000 brackets": b"[" * 100_000,
    "100,000 brackets, all closed": b"[" * 100_000 + b"]" * 100_000,
    "100,000 braces": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "100,000 brackets in variables": b'{"query":"{ __typename }","variables":{"a":'
    + b"[" * 100_000
    + b"]" * 100_000
    + b"}}",
    "an integer of 5,000 digits": b'{"query":"{ __typename }","variables":{"a":%s}}' % DIGITS.encode(),
    "a byte that UTF-8 has not": b'{"query":"{ __typename } # \xff"}',
    "a UTF-8 character that is cut off": b'{"query":"{ __typename } # \xc3"}',
    "an overlong UTF-8 character": b'{"query":"{ __typename } # \xc0\xaf"}',
    "a surrogate in UTF-8": b'{"query":"{ __typename } # \xed\xa0\x80"}',
    "a character beyond Unicode": b'{"query":"{ __typename } # \xf5\x80\x80\x80"}',
    "a body in Latin-1": '{"query":"{ __typename } # é"}'.encode("latin-1"),
    "UTF-16": TYPENAME.decode().encode("utf-16"),
    "UTF-16 without a mark": TYPENAME.decode().encode("utf-16-le"),
    "UTF-32": TYPENAME.decode().encode("utf-32"),
    "a byte order mark": b"\xef\xbb\xbf" + TYPENAME,
    "gzip that no header tells of": gzip.compress(TYPENAME, mtime=0),
}

NO_REQUEST: Final[dict[str, Any]] = {
    "a number": 1,
    "a number with a fraction": 1.5,
    "a string": "{ __typename }",
    "null": None,
    "true": True,
    "an empty list": [],
    "a batch": [{"query": "{ __typename }"}],
    "a list of lists": [[[]]],
    "an empty object": {},
    "another object": {"data": {}},
    "a query that is null": {"query": None},
    "a query that is a number": {"query": 1},
    "a query that is a list": {"query": ["{ __typename }"]},
    "a query that is an object": {"query": {"a": 1}},
    "a query that is false": {"query": False},
    "an operation name that is a number": {"query": "{ __typename }", "operationName": 1},
    "an operation name that is an object": {"query": "{ __typename }", "operationName": {}},
    "variables that are a list": {"query": "{ __typename }", "variables": []},
    "variables that are a string": {"query": "{ __typename }", "variables": "{}"},
    "variables that are false": {"query": "{ __typename }", "variables": False},
    "extensions that are a list": {"query": "{ __typename }", "extensions": [1]},
    "extensions that are a string": {"query": "{ __typename }", "extensions": "1"},
    "a persisted query that is a number": {"extensions": {"persistedQuery": 1}},
    "a persisted query without a hash": {"extensions": {"persistedQuery": {"version": 1}}},
    "a persisted query whose hash is a list": {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": []}}},
    "a persisted query of another version": {"extensions": {"persistedQuery": {"version": 9, "sha256Hash": "a" * 64}}},
    "a persisted query whose hash is a lone surrogate": {
        "query": "{ __typename }",
        "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "\ud800"}},
    },
    "a persisted query whose hash is another's": {
        "query": "{ __typename }",
        "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "a" * 64}},
    },
    "a document id that is a number": {"documentId": 1},
    "a document id that is a lone surrogate": {"documentId": "\udc00"},
    "keys in another case": {"Query": "{ __typename }"},
}

NO_DOCUMENT: Final = {
    "an empty document": "",
    "blanks for a document": " \t\r\n,\ufeff",
    "a comment for a document": "# { __typename }",
    "an open brace": "{",
    "a brace too many": "{ __typename }}",
    "100,000 open braces": "{" * 100_000,
    "100,000 fields below each other": "{ a " * 100_000 + "}" * 100_000,
    "100,000 brackets in a literal": "{ nodes(ids: " + "[" * 100_000 + "]" * 100_000 + ") { id } }",
    "100,000 brackets around a variable's type": f"query($a: {'[' * 100_000}ID{']' * 100_000}) {{ __typename }}",
    "an integer of 5,000 digits as an argument": f"{{ persistedFolders(first: {DIGITS}) {{ nodes {{ id }} }} }}",
    "a float of 5,000 digits as an argument": f"{{ persistedFolders(first: {DIGITS}.5e9) {{ nodes {{ id }} }} }}",
    "a type definition": "type Query { a: Int }",
    "an extension": "extend type Query { a: Int }",
    "a fragment alone": "fragment F on Query { __typename }",
    "a fragment in a circle": "{ ...F } fragment F on Query { ...F }",
    "a fragment that is not there": "{ ...F }",
    "a field that is not there": "{ a }",
    "a field without its selection": "{ viewer }",
    "two operations and no name": "query A { __typename } query B { __typename }",
    "the same name twice": "query A { __typename } query A { __typename }",
    "two operations of which one has no name": "query A { __typename } { __typename }",
    "a null character": "{ __typename \0 }",
    "a control character": "{ __typename \x01 }",
    "a lone surrogate": "{ __typename } # \ud800",
    "a lone surrogate in a string": '{ node(id: "\ud800") { id } }',
    "an escaped lone surrogate in a string": '{ node(id: "\\ud800") { id } }',
    "an escape beyond Unicode": '{ node(id: "\\u{110000}") { id } }',
    "a string without an end": '{ node(id: "a) { id } }',
    "a block string without an end": '{ node(id: """a) { id } }',
    "an argument that is there twice": '{ node(id: "1", id: "2") { id } }',
    "a variable that is not declared": "{ node(id: $id) { id } }",
    "a variable that is not used": "query($id: ID!) { __typename }",
    "a directive that is not there": "{ __typename @a }",
    "a skip without its condition": "{ __typename @skip }",
    "another language": "SELECT 1; DROP TABLE folder; --",
    "a template": "{{ 7 * 7 }}",
}

# What does not fit a variable, and what has lone surrogates where the service takes text.
UNFIT: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "a variable that is missing": (_NODE, {}),
    "a variable that is null": (_NODE, {"id": None}),
    "a variable that is an object": (_NODE, {"id": {}}),
    "a variable that is a list": (_NODE, {"id": ["1"]}),
    "a variable 500 brackets deep": (_NODE, {"id": json.loads("[" * 500 + "]" * 500)}),
    "an ID that is true": (_NODE, {"id": True}),
    "an ID with a fraction": (_NODE, {"id": 1.5}),
    "an Int as a string": (_FIRST, {"first": "1"}),
    "an Int with a fraction": (_FIRST, {"first": 1.5}),
    "an Int beyond 32 bits": (_FIRST, {"first": 2**31}),
    "an Int beyond 64 bits": (_FIRST, {"first": 2**64}),
    "an Int of 4,000 digits": (_FIRST, {"first": 10**4000}),
    "an Int that is true": (_FIRST, {"first": True}),
}


def _rows() -> list[Malformed]:
    rows = [Malformed(name, post(body), (400,)) for name, body in NO_JSON.items()]
    rows += [Malformed(name, post(json.dumps(body).encode()), (400,)) for name, body in NO_REQUEST.items()]
    rows += [Malformed(name, post(operation(document)), (400,)) for name, document in NO_DOCUMENT.items()]
    rows += [
        Malformed(name, with_key(post(operation(document, variables=variables))), (400,))
        for name, (document, variables) in UNFIT.items()
    ]
    big = operation("{ __typename }", padding="a" * 3 * 1024 * 1024)
    packed = gzip.compress(TYPENAME, mtime=0)
    rows += [
        Malformed(
            "an operation name that the document has not", post(operation("{ __typename }", operationName="A")), (400,)
        ),
        Malformed(
            "an operation name that is a lone surrogate",
            post(operation("{ __typename }", operationName="\ud800")),
            (400,),
        ),
        Malformed(
            "a variable whose name is a lone surrogate",
            post(operation("{ __typename }", variables={"\ud800": 1})),
            (200,),
        ),
        Malformed(
            "a persisted query that nobody knows",
            post(json.dumps({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "a" * 64}}}).encode()),
            (400,),
        ),
        Malformed("empty braces, as the newest draft allows", post(operation("{}")), (200,)),
        Malformed("a number beyond all floats", post(b'{"query":"{ __typename }","variables":{"a":1e400}}'), (200,)),
        Malformed(
            "an Int beyond all floats",
            with_key(post(b'{"query":"%s","variables":{"first":1e400}}' % _FIRST.encode())),
            (400,),
        ),
        Malformed("a key that is there twice", post(b'{"query":"{","query":"{ __typename }"}'), (200,)),
        Malformed(
            "a key that is there twice, wrong the second time", post(b'{"query":"{ __typename }","query":1}'), (400,)
        ),
        Malformed("keys that nobody knows", post(operation("{ __typename }", id=1, __proto__={"a": 1})), (200,)),
        Malformed("escapes all over", post(b'{"\\u0071uery":"\\u007b __typename \\u007d"}'), (200,)),
        Malformed("blanks around", post(b"\r\n\t " + TYPENAME + b" \r\n"), (200,)),
        Malformed(
            "all that may be null is null",
            post(operation("{ __typename }", operationName=None, variables=None, extensions=None)),
            (200,),
        ),
        Malformed("null characters in a path", with_key(post(operation(_UPSERT, variables={"path": "a\0b"}))), (200,)),
        Malformed(
            "a lone surrogate in a path", with_key(post(operation(_UPSERT, variables={"path": "\ud800"}))), (200,)
        ),
        Malformed("a null character in an id", with_key(post(operation(_NODE, variables={"id": "\0"}))), (200,)),
        Malformed("a lone surrogate in an id", with_key(post(operation(_NODE, variables={"id": "\ud800"}))), (200,)),
        Malformed("an id of 5,000 digits", with_key(post(operation(_NODE, variables={"id": DIGITS}))), (200,)),
        Malformed(
            "an id of digits that are not ASCII", with_key(post(operation(_NODE, variables={"id": "١²"}))), (200,)
        ),
        Malformed("an ID beyond 64 bits", with_key(post(operation(_NODE, variables={"id": 2**64}))), (200,)),
        Malformed("3 MB", post(big), (413,)),
        Malformed("3 MB of blanks", post(b" " * 3 * 1024 * 1024), (413,)),
        Malformed("3 MB of gzip", post(gzip.compress(big, mtime=0), ("Content-Encoding", "gzip")), (413,)),
        Malformed(
            "64 MB in 64 kB of gzip",
            post(gzip.compress(b" " * 64 * 1024 * 1024, mtime=0), ("Content-Encoding", "gzip")),
            (413,),
        ),
        Malformed("gzip", post(packed, ("Content-Encoding", "gzip")), (200,)),
        Malformed("gzip, in another case", post(packed, ("Content-Encoding", "GZip")), (200,)),
        Malformed("deflate", post(zlib.compress(TYPENAME), ("Content-Encoding", "deflate")), (415,)),
        Malformed("an encoding that changes nothing", post(TYPENAME, ("Content-Encoding", "identity")), (200,)),
        Malformed("gzip that is none", post(TYPENAME, ("Content-Encoding", "gzip")), (400,)),
        Malformed("gzip that is cut off", post(packed[:-12], ("Content-Encoding", "gzip")), (400,)),
        Malformed(
            "gzip with a wrong checksum",
            post(packed[:-8] + b"\0\0\0\0" + packed[-4:], ("Content-Encoding", "gzip")),
            (400,),
        ),
        Malformed(
            "gzip whose data are wrong",
            post(packed[:14] + b"\xff" * 10 + packed[24:], ("Content-Encoding", "gzip")),
            (400,),
        ),
        Malformed("gzip of nothing", post(b"", ("Content-Encoding", "gzip")), (400,)),
        Malformed("gzip in gzip", post(gzip.compress(packed, mtime=0), ("Content-Encoding", "gzip")), (400,)),
        Malformed("an encoding that nobody knows", post(TYPENAME, ("Content-Encoding", "junk")), (415,)),
        Malformed("two encodings", post(gzip.compress(packed, mtime=0), ("Content-Encoding", "gzip, gzip")), (415,)),
        Malformed(
            "an encoding that is there twice",
            post(gzip.compress(packed, mtime=0), ("Content-Encoding", "gzip"), ("Content-Encoding", "gzip")),
            (415,),
        ),
    ]
    return rows


ROWS: Final = tuple(_rows())
