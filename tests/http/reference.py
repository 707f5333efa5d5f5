"""What the reference answers: `rest_reference.json`, recorded from a Django REST Framework service with the same model.

Django 5.2, Django REST Framework 3.18, drf-exceptions-hog 0.4, with contract/rest.md's rules of access put in.
In a case `key` names a key of `tests/keys.py`, `before` has requests that are sent first, `seed` the folders that
are there; `rows` the folders that are there afterwards, left out where they are those of the seed. Of an answer only
what differs from the usual is written: `content-type` where it is not JSON, `allow` where it is not the route's.
`error`, `folder` and `page` stand for compact JSON bodies of those shapes, `<SEEDED>` and `<NOW>` for times.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests import keys

SEEDED: Final = "2024-01-02T03:04:05.123456Z"
SEEDED_MICROSECONDS: Final = 1_704_164_645_123_456
ADA: Final = "ada@acme.test"

# Beside those of tests/keys.py.
ADA_NO_SCOPES: Final = "phx_ada_none_000000000000000000000000"
_MORE_KEYS: Final = {"ADA_NO_SCOPES": ADA_NO_SCOPES, "UNKNOWN": "phx_nobody_0000000000000000000000000"}

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_ORGANIZATION: Final = "018f0000-0000-7000-8000-"
_LIST_METHODS: Final = "GET, POST, HEAD, OPTIONS"
_DETAIL_METHODS: Final = "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    headers: Mapping[str, str | Sequence[str]]
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Answer:
    """With placeholders in place of ids and times; `rows` is what the database holds afterwards."""

    status: int
    body: str
    content_type: str | None = "application/json"
    allow: str | None = None
    retry_after: str | None = None
    rows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    seed: Sequence[Mapping[str, Any]]
    before: Sequence[Request]
    request: Request
    per_minute: int | None
    answer: Answer


@dataclass(slots=True)
class Placeholders:
    """Names for the ids of one case, in the order in which they turn up; those of its seed come first."""

    ids: dict[str, str] = field(default_factory=dict)

    def id(self, text: str) -> str:
        return text if text.startswith(_ORGANIZATION) else self.ids.setdefault(text, f"<ID{len(self.ids) + 1}>")

    def put(self, body: str) -> str:
        body = _UUID.sub(lambda match: self.id(match[0]), body)
        body = re.sub(r"available in \d+ seconds?", "available in <SECONDS> seconds", body)
        return _TIME.sub(lambda match: "<SEEDED>" if match[0] == SEEDED else "<NOW>", body)


def load_cases() -> list[Case]:
    recorded = json.loads(Path(__file__).with_name("rest_reference.json").read_text())
    return [_case(case, recorded["seeds"].get(case.get("seed"), [])) for case in recorded["cases"]]


def seed_row(number: int, row: Mapping[str, Any]) -> str:
    """How a folder of a seed is written among `rows`."""
    place = f"{row.get('user', ADA)} {row.get('environment', 1)} {row.get('surface', 'web')} {row['type']}"
    location = json.dumps(f"{row.get('protocol', 'products://')} {row.get('path', '')}")
    return f"<ID{number}> {place} <SEEDED> <SEEDED> {location}"


def error(kind: str, code: str, detail: str, attr: str | None = None) -> str:
    """The body of an error."""
    return _compact({"type": kind, "code": code, "detail": detail, "attr": attr})


def _case(case: Mapping[str, Any], seed: Sequence[Mapping[str, Any]]) -> Case:
    request = _request(case)
    is_detail = re.search(r"persisted_folder/[^/?]", request.target) is not None
    answer = Answer(
        status=case["status"],
        body=_body(case),
        content_type=case.get("content-type", "application/json"),
        allow=case.get("allow", _DETAIL_METHODS if is_detail else _LIST_METHODS),
        retry_after=case.get("retry-after"),
        rows=tuple(case.get("rows", [seed_row(number, row) for number, row in enumerate(seed, 1)])),
    )
    before = [_request(each) for each in case.get("before", [])]
    return Case(case["name"], seed, before, request, case.get("per_minute"), answer)


def _request(recorded: Mapping[str, Any]) -> Request:
    method, _, target = recorded["request"].partition(" ")
    headers = dict(recorded.get("headers", {}))
    if "key" in recorded:
        name = recorded["key"]
        headers |= keys.bearer(_MORE_KEYS[name] if name in _MORE_KEYS else getattr(keys, name))
    data = recorded.get("data")
    if data is not None:
        data = base64.b64decode(data["base64"]) if isinstance(data, dict) else data.encode()
    return Request(method, target, headers, data)


def _body(case: Mapping[str, Any]) -> str:
    if "error" in case:
        return error(*case["error"])
    if "folder" in case:
        return _compact(_folder(case["folder"]))
    if "page" in case:
        count, following, previous, folders = case["page"]
        results = [_folder(folder) for folder in folders]
        return _compact({"count": count, "next": following, "previous": previous, "results": results})
    body: str = case["body"]
    return body


def _folder(values: Sequence[str]) -> dict[str, str]:
    return dict(zip(("id", "type", "protocol", "path", "created_at", "updated_at"), values, strict=True))


def _compact(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
