"""What is asked of each server, and what its answer has to say."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from benchmarks.bench.data import USERS, User
from gateway.model import DEFAULT_PROTOCOL

_LIST: Final = (
    "{ edges { cursor node { id type protocol path createdAt updatedAt } } "
    "pageInfo { hasNextPage endCursor } totalCount }"
)
_TYPES: Final = ("HOME", "PINNED", "CUSTOM_PRODUCTS")


class Operation(StrEnum):
    """Those that write come last: what they write, the others would read."""

    A = "A"
    C = "C"
    C_NESTED = "C-nested"
    R_LIST = "R-list"
    B = "B"
    R_CREATE = "R-create"


DESCRIPTIONS: Final = {
    Operation.A: "A, list",
    Operation.C: "C, dashboard by aliases",
    Operation.C_NESTED: "C, dashboard by nesting",
    Operation.R_LIST: "R, list over REST",
    Operation.B: "B, upsert",
    Operation.R_CREATE: "R, create over REST",
}

_NUMBERS: Final = range(1, 11)
DOCUMENTS: Final = {
    Operation.A: f"query List($environment: ID!) {{ persistedFolders(environmentId: $environment) {_LIST} }}",
    Operation.B: (
        "mutation Save($input: UpsertPersistedFolderInput!) { upsertPersistedFolder(input: $input) { created "
        "persistedFolder { id type protocol path createdAt updatedAt } userErrors { code field message } } }"
    ),
    Operation.C: (
        f"query Dashboard({', '.join(f'$e{n}: ID!' for n in _NUMBERS)}) {{ "
        + " ".join(
            f"e{n}web: persistedFolders(environmentId: $e{n}) {_LIST} "
            f"e{n}desktop: persistedFolders(environmentId: $e{n}, surface: DESKTOP) {_LIST}"
            for n in _NUMBERS
        )
        + " }"
    ),
    Operation.C_NESTED: (
        "query Dashboard { viewer { environments(first: 10) { nodes { environmentId "
        f"web: persistedFolders {_LIST} desktop: persistedFolders(surface: DESKTOP) {_LIST} }} }} }} }}"
    ),
}

# PostGraphile's schema is that of the tables.
_ROWS: Final = (
    "{ edges { cursor node { rowId type protocol path createdAt updatedAt } } "
    "pageInfo { hasNextPage endCursor } totalCount }"
)
_PLACE: Final = 'condition: {{{}surface: "{}"}}, orderBy: TYPE_ASC'
POSTGRAPHILE_DOCUMENTS: Final = {
    Operation.A: (
        "query List($environment: BigInt!) { persistedFolders: allPersistedFolders("
        f"{_PLACE.format('environmentId: $environment, ', 'web')}) {_ROWS} }}"
    ),
    Operation.C: (
        f"query Dashboard({', '.join(f'$e{n}: BigInt!' for n in _NUMBERS)}) {{ "
        + " ".join(
            f"e{n}{surface}: allPersistedFolders({_PLACE.format(f'environmentId: $e{n}, ', surface)}) {_ROWS}"
            for n in _NUMBERS
            for surface in ("web", "desktop")
        )
        + " }"
    ),
    Operation.C_NESTED: (
        "query Dashboard { viewer: allEnvironments(first: 10) { nodes { environmentId: rowId "
        + " ".join(
            f"{surface}: persistedFoldersByEnvironmentId({_PLACE.format('', surface)}) {_ROWS}"
            for surface in ("web", "desktop")
        )
        + " } } }"
    ),
}


class Request(NamedTuple):
    method: str
    path: str
    key: str
    body: bytes

    def encode(self) -> bytes:
        """As it goes over the wire."""
        head = f"{self.method} {self.path} HTTP/1.1\r\nHost: bench.test\r\nAuthorization: Bearer {self.key}\r\n"
        if self.body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(self.body)}\r\n"
        return head.encode() + b"\r\n" + self.body


class Case(NamedTuple):
    """Who asks for what; the same case of an operation is sent to every server."""

    user: User
    environment: int
    number: int

    def without_access(self) -> Case:
        return self._replace(environment=self.user.foreign_environment)

    def without_key(self) -> Case:
        return self._replace(user=User(USERS + self.user.number))


def cases(count: int) -> list[Case]:
    chance = random.Random(2)  # noqa: S311  # the same requests each time
    users = [User(number) for number in chance.sample(range(USERS), count)]
    return [Case(user, chance.choice(user.environments), number) for number, user in enumerate(users)]


def variables(operation: Operation, case: Case) -> dict[str, Any]:
    if operation is Operation.A:
        return {"environment": str(case.environment)}
    if operation is Operation.B:
        folder_type = _TYPES[case.number % len(_TYPES)]
        place = {"environmentId": str(case.environment), "surface": "WEB"}
        # Whole: Mercurius's compiler knows no defaults of input fields.
        return {"input": {**place, "type": folder_type, "protocol": DEFAULT_PROTOCOL, "path": _path(case)}}
    if operation is Operation.C:
        others = [number for number in case.user.environments if number != case.environment]
        first_is_asked_for = [case.environment, *others][: len(_NUMBERS)]
        return {f"e{n}": str(number) for n, number in zip(_NUMBERS, first_is_asked_for, strict=True)}
    return {}


def _path(case: Case) -> str:
    return f"Growth/Weekly {case.number}"


def request(operation: Operation, case: Case, path: str, documents: dict[Operation, str]) -> Request:
    """`path` is where the server takes GraphQL."""
    rest_path = f"/api/environments/{case.environment}/persisted_folder/"
    if operation is Operation.R_LIST:
        return Request("GET", rest_path, case.user.key, b"")
    if operation is Operation.R_CREATE:
        folder_type = _TYPES[case.number % len(_TYPES)].lower()
        return Request("POST", rest_path, case.user.key, _json({"type": folder_type, "path": _path(case)}))
    body = {"query": documents[operation], "variables": variables(operation, case)}
    return Request("POST", path, case.user.key, _json(body))


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def essence(operation: Operation, body: bytes) -> Any:
    """An answer without what may differ: the spelling of cursors, and when a folder was saved."""
    answer = json.loads(body)
    if operation in {Operation.R_LIST, Operation.R_CREATE}:
        return {name: value for name, value in answer.items() if name != "updated_at"}
    if "errors" in answer:
        raise ValueError(f"It answers with errors: {answer['errors']}")
    data = answer["data"]
    if operation is Operation.B:
        del data["upsertPersistedFolder"]["persistedFolder"]["updatedAt"]
        return data
    if operation is Operation.C_NESTED:
        return [
            {"environmentId": node["environmentId"], "web": _list(node["web"]), "desktop": _list(node["desktop"])}
            for node in data["viewer"]["environments"]["nodes"]
        ]
    return {name: _list(value) for name, value in data.items()}


def _list(connection: dict[str, Any]) -> Any:
    edges = connection["edges"]
    cursors = [edge["cursor"] for edge in edges]
    if len(set(cursors)) != len(cursors) or connection["pageInfo"]["endCursor"] != (cursors or [None])[-1]:
        raise ValueError(f"Its cursors do not fit: {connection}")
    return [edge["node"] for edge in edges], connection["pageInfo"]["hasNextPage"], connection["totalCount"]


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def postgraphile_essence(node_id: Callable[[str], str]) -> Callable[[Operation, bytes], Any]:
    """The same from PostGraphile's answers, whose nodes are rows of the tables."""

    def time(microseconds: str) -> str:
        moment = _EPOCH + timedelta(microseconds=int(microseconds))
        return moment.isoformat(timespec="microseconds")[:26] + "Z"

    def in_words(value: Any) -> Any:
        if isinstance(value, list):
            return [in_words(each) for each in value]
        if not isinstance(value, dict):
            return value
        if "rowId" in value:
            times = {name: time(value[name]) for name in ("createdAt", "updatedAt")}
            row = {name: each for name, each in value.items() if name != "rowId"}
            return {**row, **times, "id": node_id(value["rowId"]), "type": value["type"].upper()}
        return {name: in_words(each) for name, each in value.items()}

    def found(operation: Operation, body: bytes) -> Any:
        answer = json.loads(body)
        if "errors" not in answer:
            answer = in_words(answer)
        if operation is Operation.C_NESTED and "data" in answer:
            nodes = answer["data"]["viewer"]["nodes"]
            for node in nodes:
                node["environmentId"] = int(node["environmentId"])
            answer["data"] = {"viewer": {"environments": {"nodes": nodes}}}
        return essence(operation, json.dumps(answer).encode())

    return found
