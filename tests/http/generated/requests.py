"""Requests that are whole as HTTP, so that each gets one answer; what they say is anything."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from urllib.parse import quote

from tests import keys
from tests.http.malformed.bodies import NO_DOCUMENT, NO_JSON
from tests.http.malformed.headers import ACCEPTED, MEDIA_TYPES
from tests.http.malformed.requests import GRAPHQL_RESPONSE, Header, head

_DOCUMENTS: Final = (
    "{ __typename }",
    "{ viewer { id email persistedFolders(first: 2) { totalCount nodes { id path } } } }",
    "query A($id: ID!) { node(id: $id) { __typename id ... on PersistedFolder { path } } }",
    "query($ids: [ID!]!) { nodes(ids: $ids) { id } }",
    """query($p: ID, $e: ID, $s: Surface! = WEB, $f: Int, $a: String) {
      persistedFolders(projectId: $p, environmentId: $e, surface: $s, first: $f, after: $a) {
        edges { cursor node { id } } pageInfo { hasNextPage endCursor } } }""",
    "{ project { id name environments { id name } primaryEnvironment { environmentId } } }",
    '{ a: environment(id: 3) { ...F } b: environment(id: "3") { ...F } } fragment F on Environment { id name }',
    """mutation($input: UpsertPersistedFolderInput!) { upsertPersistedFolder(input: $input) {
      created persistedFolder { id updatedAt } userErrors { code field message } } }""",
    "mutation($input: UpdatePersistedFolderInput!) { updatePersistedFolder(input: $input) { userErrors { code field } } }",
    "mutation($input: DeletePersistedFolderInput!) { deletePersistedFolder(input: $input) { deletedPersistedFolderId } }",
    "mutation($input: UpsertPersistedFoldersInput!) { upsertPersistedFolders(input: $input) { userErrors { code } } }",
    "query A { __typename } query B { viewer { id } }",
    "{ __schema { types { name fields { name args { name } } } } }",
    "query($a: Boolean!) { viewer @skip(if: $a) { id @include(if: true) } }",
)
_NO_DOCUMENTS: Final = tuple(document for document in NO_DOCUMENT.values() if len(document) < 1000)
_TOKENS: Final = re.compile(r'"""|"[^"\n]*"|\w+|\.\.\.|\s+|.', re.DOTALL)
_STRINGS: Final = (
    "",
    " ",
    "1",
    "3",
    "10",
    "@current",
    "HOME",
    "WEB",
    "\0",
    "\ud800",
    "\udfff",
    "é\u202e\U0001f600",
    "9" * 5000,
    "a" * 5000,
    "00000000-0000-0000-0000-000000000000",
    "RW52aXJvbm1lbnQ6MQ==",
    "2024-01-01T00:00:00Z",
    "9999-12-31T23:59:60+25:00",
    "' OR 1=1; --",
    "%s{0}${x}",
    "../../etc/passwd",
)
_NUMBERS: Final = (0, 1, -1, 100, 101, 2**31 - 1, 2**31, -(2**63), 2**64, 10**400, 0.5, -0.0, 1e308)
_NAMES: Final = (
    "id",
    "ids",
    "p",
    "e",
    "s",
    "f",
    "a",
    "input",
    "type",
    "path",
    "protocol",
    "surface",
    "folders",
    "projectId",
)
_KEYS: Final = (keys.ADA_READ, keys.ADA_WRITE, keys.ADA_ENVIRONMENT_2, keys.GRACE, keys.GONE, "phx_wrong")
_VARIABLES: Final = re.compile(r"\$(\w+)\s*:")
_FITTING: Final[dict[str, tuple[Any, ...]]] = {
    "id": ("1", 3, "RW52aXJvbm1lbnQ6MQ=="),
    "ids": (["1"], [], ["RW52aXJvbm1lbnQ6MQ==", None, 1]),
    "p": (1, "@current", None),
    "e": (3, "@current", None),
    "s": ("WEB", "DESKTOP"),
    "f": (1, 100, None),
    "a": ("", True),
    "input": ({"type": "HOME"}, {"id": "1"}, {"folders": [{"type": "PINNED"}, {"type": "HOME", "path": "a"}]}),
}
_METHODS: Final = ("PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "QUERY")
_MAX_DEPTH: Final = 4


@dataclass(frozen=True, slots=True)
class Framed:
    """`method` says how to read its one answer; `request_id` is in it, and shows that it is no other's."""

    sent: bytes
    method: str
    request_id: str


def framed(random: Random) -> Framed:
    chance = random.random()
    method = "POST" if chance < 0.75 else "GET" if chance < 0.95 else random.choice(_METHODS)
    request_id = f"{random.getrandbits(64):x}"
    headers: list[Header] = [("Host", "testserver"), ("X-Request-Id", request_id)]
    if random.random() < 0.9:
        accept = GRAPHQL_RESPONSE if random.random() < 0.9 else random.choice(tuple(ACCEPTED.values()))[0]
        headers.append(("Accept", accept))
    if random.random() < 0.8:
        headers.append(("Authorization", f"Bearer {keys.ADA if random.random() < 0.7 else random.choice(_KEYS)}"))
    if random.random() < 0.2:
        headers.append(_odd_header(random))
    if method != "POST":
        return Framed(head(f"{method} /graphql{_query_string(random)} HTTP/1.1", headers), method, request_id)
    media_type = "application/json" if random.random() < 0.9 else MEDIA_TYPES[random.choice(tuple(MEDIA_TYPES))][0]
    if media_type is not None:
        headers.append(("Content-Type", media_type))
    body = _body(random)
    if random.random() < 0.1:
        body = gzip.compress(body, 1, mtime=0)
        headers.append(("Content-Encoding", "gzip"))
    if random.random() < 0.1:
        headers.append(("Transfer-Encoding", "chunked"))
        body = _in_chunks(random, body)
    else:
        headers.append(("Content-Length", str(len(body))))
    return Framed(head("POST /graphql HTTP/1.1", headers) + body, method, request_id)


def json_value(random: Random, depth: int = 0) -> Any:
    """Any that JSON has, with a liking for those that hurt."""
    kind = random.randrange(8 if depth < _MAX_DEPTH else 6)
    if kind < 3:
        return random.choice(_STRINGS)
    if kind == 3:
        return random.choice(_NUMBERS)
    if kind == 4:
        return random.choice((None, True, False))
    if kind == 5:
        return random.randint(-(10**6), 10**6)
    if kind == 6:
        return [json_value(random, depth + 1) for _ in range(random.randint(0, 3))]
    return {random.choice(_NAMES): json_value(random, depth + 1) for _ in range(random.randint(0, 5))}


def _variable(random: Random, name: str) -> Any:
    """One that may fit, as often as not, where it is known what does."""
    if name not in _FITTING or random.random() < 0.4:
        return json_value(random)
    value = random.choice(_FITTING[name])
    return {**value, random.choice(_NAMES): json_value(random)} if isinstance(value, dict) else value


def document(random: Random) -> str:
    """One that is right as often as not."""
    text = random.choice(_DOCUMENTS if random.random() < 0.8 else _NO_DOCUMENTS)
    if random.random() < 0.6:
        return text
    tokens = _TOKENS.findall(text)
    others = _TOKENS.findall(random.choice(_DOCUMENTS))
    for _ in range(random.randint(1, 3)):
        place = random.randint(0, len(tokens))
        change = random.randrange(4)
        if change == 0:
            del tokens[place : place + random.randint(1, 3)]
        elif change == 1:
            tokens.insert(place, random.choice(others) if others else "{")
        elif change == 2:
            start = random.randint(0, len(tokens))
            tokens[place:place] = tokens[start : start + random.randint(1, 12)]
        else:
            tokens.insert(place, json.dumps(random.choice(_STRINGS)))
    return "".join(tokens)


def _parameters(random: Random) -> dict[str, Any]:
    parameters: dict[str, Any] = {"query": document(random)}
    if random.random() < 0.7:
        declared = _VARIABLES.findall(parameters["query"]) if random.random() < 0.8 else []
        names = declared or random.sample(_NAMES, random.randint(0, 4))
        parameters["variables"] = {name: _variable(random, name) for name in names}
    if random.random() < 0.2:
        parameters["operationName"] = random.choice(("A", "B", "", None, "\ud800"))
    if random.random() < 0.1:
        version, digest = random.choice((1, 2, "1", None)), random.choice(("a" * 64, "", "\ud800", "A" * 64, 1))
        parameters["extensions"] = {"persistedQuery": {"version": version, "sha256Hash": digest}}
    if random.random() < 0.1:
        parameters[random.choice((*parameters, "documentId", "doc_id", "x"))] = json_value(random)
    return parameters


def _body(random: Random) -> bytes:
    chance = random.random()
    if chance < 0.05:
        return random.choice([body for body in NO_JSON.values() if len(body) < 2000])
    if chance < 0.1:
        return json.dumps(json_value(random)).encode()
    body = json.dumps(_parameters(random), ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
    if chance < 0.2:
        place = random.randint(0, len(body))
        return body[:place] + random.randbytes(random.randint(0, 3)) + body[place + random.randint(0, 3) :]
    return body


def _query_string(random: Random) -> str:
    pairs = []
    for name, value in _parameters(random).items():
        text = value if isinstance(value, str) else json.dumps(value)
        pairs.append(f"{name}={quote(text, errors='surrogatepass')[:6000]}")
    if random.random() < 0.1:
        pairs.append(random.choice((*pairs, "%", "=", "query", "a[]=%zz")))
    return "?" + "&".join(pairs)


def _odd_header(random: Random) -> Header:
    return random.choice(
        (
            ("Origin", "https://elsewhere.test"),
            ("If-None-Match", "*"),
            ("Expect", "100-continue"),
            ("Accept-Encoding", random.choice(("gzip", "br;q=1, *;q=0", "identity;q=0", ";;,"))),
            ("Access-Control-Request-Method", "POST"),
            ("X-Forwarded-For", "1.2.3.4"),
            ("Cookie", "a=b"),
            ("Last-Event-ID", "\x80"),
        )
    )


def _in_chunks(random: Random, body: bytes) -> bytes:
    size = random.choice((1, 7, 64, 4096)) if len(body) < 1000 else 4096
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
