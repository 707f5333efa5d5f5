"""The first line: methods, paths, query strings, versions."""

from __future__ import annotations

from typing import Final

from tests.http.malformed.requests import TYPENAME, Malformed, get, head

_QUERY: Final = "query=%7B__typename%7D"

QUERY_STRINGS: Final = {
    "no query string": ("", 400),
    "an empty query string": ("?", 400),
    "only ampersands": ("?&&&&", 400),
    "only an equals sign": ("?=", 400),
    "another parameter": ("?a=b", 400),
    "a query without a value": ("?query", 400),
    "an empty query": ("?query=", 400),
    "a query without escapes": ("?query={__typename}", 200),
    "a second question mark": (f"?{_QUERY}&a=?", 200),
    "plus signs": ("?query=%7B+__typename+%7D", 200),
    "a percent sign alone": ("?query=%", 400),
    "a percent escape that is cut off": ("?query=%7", 400),
    "a percent escape of junk": ("?query=%zz", 400),
    "percent escapes twice": ("?query=%257B__typename%257D", 400),
    "escapes that are no UTF-8": ("?query=%ff%fe", 400),
    "escapes of a surrogate": ("?query=%ed%a0%80", 400),
    "an escape of a null byte": ("?query=%00", 400),
    "escapes of line breaks": ("?query=%7B%0d%0a__typename%7D", 200),
    "a query twice": (f"?{_QUERY}&{_QUERY}", 400),
    "two different queries": (f"?{_QUERY}&query=%7Ba%7D", 400),
    "a query with brackets": ("?query[]=%7B__typename%7D", 400),
    "a query in another case": ("?QUERY=%7B__typename%7D", 400),
    "an operation name that is not there": (f"?{_QUERY}&operationName=A", 400),
    "an empty operation name": (f"?{_QUERY}&operationName=", 200),
    "an operation name twice": (f"?{_QUERY}&operationName=A&operationName=B", 400),
    "empty variables": (f"?{_QUERY}&variables=", 200),
    "variables that are null": (f"?{_QUERY}&variables=null", 200),
    "variables that are cut off": (f"?{_QUERY}&variables=%7B", 400),
    "variables that are a list": (f"?{_QUERY}&variables=[]", 400),
    "variables that are a string": (f"?{_QUERY}&variables=%22a%22", 400),
    "variables that are a number": (f"?{_QUERY}&variables=1", 400),
    "variables that are NaN": (f"?{_QUERY}&variables=%7B%22a%22:NaN%7D", 400),
    "variables 1,000 brackets deep": (f"?{_QUERY}&variables={'[' * 1000}", 400),
    "variables with an integer of 5,000 digits": (f"?{_QUERY}&variables=%7B%22a%22:{'1' * 5000}%7D", 400),
    "variables that are no UTF-8": (f"?{_QUERY}&variables=%ff", 400),
    "variables twice": (f"?{_QUERY}&variables=%7B%7D&variables=%7B%7D", 400),
    "extensions that are cut off": (f"?{_QUERY}&extensions=%7B", 400),
    "extensions that are a list": (f"?{_QUERY}&extensions=[1]", 400),
    "a persisted query of junk": ("?extensions=%7B%22persistedQuery%22:1%7D", 400),
    "two names of a document": ("?documentId=a&doc_id=b", 400),
    "a mutation": ("?query=mutation%7B__typename%7D", 405),
    "1,000 parameters": (f"?{_QUERY}&{'&'.join(f'a{number}=b' for number in range(700))}", 200),
    "7 kB": (f"?{_QUERY}&a={'a' * 7000}", 200),
    "9 kB": (f"?{_QUERY}&a={'a' * 9000}", 414),
    "100 kB": (f"?{_QUERY}&a={'a' * 100_000}", 414),
    "a fragment": (f"?{_QUERY}#a", 200),
}

PATHS: Final[dict[str, tuple[str | bytes, int]]] = {
    "a slash behind": ("/graphql/", 404),
    "two slashes before": ("//graphql", 404),
    "dots before": ("/../graphql", 404),
    "dots in between": ("/a/../graphql", 404),
    "escaped dots": ("/%2e%2e/graphql", 404),
    "an escaped slash": ("/%2fgraphql", 404),
    "an escaped letter": ("/%67raphql?query=%7B__typename%7D", 200),
    "another case": ("/GraphQL", 404),
    "a semicolon": ("/graphql;a=b", 404),
    "a null byte's escape": ("/graphql%00", 404),
    "a line break's escape": ("/graphql%0d%0aA:%20b", 404),
    "a broken escape": ("/graphql%zz", 404),
    "escapes that are no UTF-8": ("/graphql%ff", 404),
    "UTF-8 without escapes": ("/grâphql".encode(), 400),
    "bytes": (b"/\xff\xfe", 400),
    "a path of 9 kB": ("/" + "a" * 9000, 414),
    "1,000 slashes": ("/" * 1000, 404),
    "a whole address": ("http://testserver/graphql?query=%7B__typename%7D", 200),
    "an address of another host": ("http://other:81/graphql?query=%7B__typename%7D", 200),
    "an address that is none": ("http://", 400),
    "an address with a port that is none": ("http://a:99999999/graphql", 400),
    "an address with an open bracket": ("http://[::1/graphql", 400),
    "another scheme": ("gopher://testserver/graphql", 400),
    "no path": ("graphql", 400),
    "a star": ("*", 400),
    "only a query string": ("?query=%7B__typename%7D", 400),
}

# That GET and POST are allowed says the answer too, as RFC 9110 wants.
METHODS: Final = {
    "PUT": 405,
    "PATCH": 405,
    "DELETE": 405,
    "TRACE": 405,
    "QUERY": 405,
    "PROPFIND": 405,
    "M-SEARCH": 405,
    "CONNECT": 404,
    "FOO": 400,
    "get": 400,
    "G(T": 400,
    "GÉT": 400,
    "A" * 9000: 400,
}

FIRST_LINES: Final = {
    "a version without a dot": (b"GET /graphql HTTP/1", 400),
    "a version of junk": (b"GET /graphql HTTP/junk", 400),
    "a version of the future": (b"GET /graphql HTTP/9.9", 400),
    "another protocol": (b"GET /graphql ICE/1.0", 400),
    "a version in another case": (b"GET /graphql http/1.1", 400),
    "no version": (b"GET /graphql", 400),
    "a method alone": (b"GET", 400),
    "junk": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "HTTP/2": (b"PRI * HTTP/2.0", 400),
    "blanks before": (b"  GET /graphql HTTP/1.1", 400),
    "a tab between": (b"GET\t/graphql HTTP/1.1", 400),
    "a blank in the path": (b"GET /graph ql HTTP/1.1", 400),
    "a null byte in the path": (b"GET /graph\0ql HTTP/1.1", 400),
    "two versions": (b"GET /graphql HTTP/1.1 HTTP/1.1", 400),
    "an answer": (b"HTTP/1.1 200 OK", 400),
}


def _rows() -> list[Malformed]:
    rows = [
        Malformed(f"query string: {name}", get(f"/graphql{text}"), (status,), method="GET")
        for name, (text, status) in QUERY_STRINGS.items()
    ]
    rows += [
        Malformed(f"path: {name}", get(target), (status,), method="GET") for name, (target, status) in PATHS.items()
    ]
    rows += [
        Malformed(
            f"method: {method[:20]}",
            head(f"{method} /graphql HTTP/1.1", [("Host", "a"), ("Content-Length", "0")]),
            (status,),
        )
        for method, status in METHODS.items()
    ]
    rows += [
        Malformed(f"first line: {name}", line + b"\r\nHost: testserver\r\n\r\n", (status,))
        for name, (line, status) in FIRST_LINES.items()
    ]
    target = f"/graphql?{_QUERY}"
    rows += [
        Malformed("method: HEAD", get(target, method="HEAD"), (200,), method="HEAD"),
        Malformed(
            "method: HEAD, of a mutation",
            get("/graphql?query=mutation%7B__typename%7D", method="HEAD"),
            (405,),
            method="HEAD",
        ),
        Malformed("method: HEAD, of nothing", get("/graphql", method="HEAD"), (400,), method="HEAD"),
        Malformed("method: OPTIONS", get("/graphql", method="OPTIONS"), (405,)),
        Malformed("method: OPTIONS, of the server", get("*", method="OPTIONS"), (404,)),
        Malformed("method: GET with a body", get(target, ("Content-Length", "26")) + TYPENAME, (200,)),
        Malformed(
            "method: GET with the query in its body", get("/graphql", ("Content-Length", "26")) + TYPENAME, (400,)
        ),
        Malformed("version: 1.0 without a host", head(f"GET {target} HTTP/1.0", []), (200,)),
        Malformed(
            "version: 1.0 that keeps alive", get(target, ("Connection", "keep-alive"), version="HTTP/1.0"), (200,)
        ),
        Malformed(
            "version: 1.0 in chunks",
            head(
                "POST /graphql HTTP/1.0",
                [
                    ("Connection", "keep-alive"),
                    ("Content-Type", "application/json"),
                    ("Transfer-Encoding", "chunked"),
                ],
            )
            + b"%x\r\n%s\r\n0\r\n\r\n" % (len(TYPENAME), TYPENAME)
            + get(target),
            (400,),
        ),
    ]
    return rows


ROWS: Final = tuple(_rows())
