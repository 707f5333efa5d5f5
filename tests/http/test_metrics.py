"""What `/metrics` shows, and that no client can make it grow."""

from __future__ import annotations

import json
import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Serve
from tests.keys import ADA, bearer

_QUERY = "query Me { viewer { id } }"


def _samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _count(text: str, name: str, **labels: str) -> float:
    return _samples(text).get((name, frozenset(labels.items())), 0)


async def test_requests_are_counted_by_route_method_and_status(serve: Serve) -> None:
    async with serve(metrics=True) as client:
        for number in (1, 2, 3):
            await client.get(f"/api/projects/{number}/persisted_folder/", headers=bearer(ADA))
        await client.get("/api/projects/1/persisted_folder/")
        answer = await client.get("/metrics")
        text = await answer.text()
        route = "/api/projects/{place}/persisted_folder/"
        assert answer.content_type == "text/plain"
        assert _count(text, "gateway_requests_total", route=route, method="GET", status="200") == 2
        assert _count(text, "gateway_requests_total", route=route, method="GET", status="404") == 1
        assert _count(text, "gateway_requests_total", route=route, method="GET", status="401") == 1
        assert _count(text, "gateway_request_seconds_count", route=route) == 4
        assert _count(text, "gateway_requests_under_way") == 1, "this one"


async def test_what_a_client_sends_makes_no_series(serve: Serve) -> None:
    async with serve(metrics=True) as client:
        before = len(_samples(await (await client.get("/metrics")).text()))
        await client.get("/nowhere")
        first = len(_samples(await (await client.get("/metrics")).text()))
        for number in range(50):
            await client.get(f"/nowhere/{number}")
            await client.request(f"METHOD{number}", "/graphql", headers=bearer(ADA))
            await client.post("/graphql", json={"query": "{ __typename }", "operationName": f"O{number}"})
        last = len(_samples(await (await client.get("/metrics")).text()))
        assert before < first
        # The routes and statuses of the loop are new once, not fifty times.
        assert last - first < 60


async def test_trusted_documents_are_counted_by_id(serve: Serve, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"me": _QUERY, "other": "query Other { __typename }"}))
    async with serve(metrics=True, trusted_documents=manifest) as client:
        for _ in range(2):
            await client.post("/graphql", json={"documentId": "me"}, headers=bearer(ADA))
        await client.post("/graphql", json={"documentId": "unknown"}, headers=bearer(ADA))
        text = await (await client.get("/metrics")).text()
        assert _count(text, "gateway_documents_total", document_id="me") == 2
        assert re.search("unknown", text.replace('route="unknown"', "")) is None


async def test_off_it_is_no_route(serve: Serve) -> None:
    async with serve() as client:
        assert (await client.get("/metrics")).status == 404
