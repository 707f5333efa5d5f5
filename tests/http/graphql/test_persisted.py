"""Documents by id: automatic persisted queries as Apollo and urql send them, and trusted documents."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import ClientSession
from graphql import get_introspection_query

from gateway.http.graphql.persisted import AutomaticDocuments
from gateway.http.graphql.request import GraphQLRequest
from tests.conftest import Serve
from tests.keys import ADA, bearer
from tests.processes import running

MANIFESTS: Final = Path(__file__).parent / "manifests"
QUERY: Final = "{ viewer { email } }"
ANSWER: Final = {"data": {"viewer": {"email": "ada@acme.test"}}}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def persisted(digest: Any, version: Any = 1) -> dict[str, Any]:
    return {"persistedQuery": {"version": version, "sha256Hash": digest}}


async def post(client: ClientSession, key: str | None = ADA, **body: Any) -> dict[str, Any]:
    async with client.post("/graphql", json=body, headers=bearer(key) if key else {}) as response:
        answer: dict[str, Any] = await response.json()
        return answer


async def get(client: ClientSession, **parameters: Any) -> dict[str, Any]:
    """Parameters that are no text are sent as JSON."""
    sent = {name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()}
    async with client.get("/graphql", params=sent, headers=bearer(ADA)) as response:
        answer: dict[str, Any] = await response.json()
        return answer


def code(answer: dict[str, Any]) -> str:
    assert "data" not in answer
    (error,) = answer["errors"]
    return str(error["extensions"]["code"])


# Automatic persisted queries


async def test_apollo_sends_the_hash_then_the_text_then_the_hash(client: ClientSession) -> None:
    """Its first two requests are POST; a client with useGETForHashedQueries sends the hash alone by GET."""
    hash_alone = {"operationName": "Me", "variables": {}, "extensions": persisted(sha256("query Me " + QUERY))}
    answer = await post(client, **hash_alone)
    assert answer == {
        "errors": [
            {"message": "PersistedQueryNotFound", "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND", "status": 400}}
        ]
    }
    assert await post(client, query="query Me " + QUERY, **hash_alone) == ANSWER
    assert await post(client, **hash_alone) == ANSWER
    assert await get(client, **hash_alone) == ANSWER


async def test_urql_registers_by_get_too(client: ClientSession) -> None:
    """With preferGetMethod even the text goes into the URL."""
    extensions = persisted(sha256(QUERY))
    assert code(await get(client, extensions=extensions, variables={})) == "PERSISTED_QUERY_NOT_FOUND"
    assert await get(client, query=QUERY, extensions=extensions, variables={}) == ANSWER
    assert await get(client, extensions=extensions, variables={}) == ANSWER
    # urql sends null where there is no text.
    assert await post(client, query=None, extensions=extensions) == ANSWER


async def test_the_hash_is_read_in_either_case(client: ClientSession) -> None:
    await post(client, query=QUERY, extensions=persisted(sha256(QUERY).upper()))
    assert await post(client, extensions=persisted(sha256(QUERY))) == ANSWER
    assert await post(client, extensions=persisted(sha256(QUERY).upper())) == ANSWER


async def test_a_hash_of_another_text_is_refused_and_nothing_is_kept(client: ClientSession) -> None:
    wrong = persisted(sha256("{ viewer { id } }"))
    answer = await post(client, query=QUERY, extensions=wrong)
    assert code(answer) == "BAD_USER_INPUT"
    assert "hash" in answer["errors"][0]["message"]
    assert code(await post(client, extensions=wrong)) == "PERSISTED_QUERY_NOT_FOUND"
    assert code(await post(client, extensions=persisted(sha256(QUERY)))) == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(
    "query", ["{ viewer { emale } }", "{ viewer {", "{" + "a" * 500 + "}", "{viewer{" + "id " * 3000 + "}}"]
)
async def test_a_text_that_is_refused_is_not_kept(client: ClientSession, query: str) -> None:
    extensions = persisted(sha256(query))
    assert "errors" in await post(client, query=query, extensions=extensions)
    assert code(await post(client, extensions=extensions)) == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(
    "extension",
    [1, "sha256", [], {}, {"version": 1}, {"sha256Hash": "0" * 64}, {"version": 2, "sha256Hash": "0" * 64},
     {"version": "1", "sha256Hash": "0" * 64}, {"version": 1, "sha256Hash": 5}, {"version": 1, "sha256Hash": None}],
)  # fmt: skip
@pytest.mark.parametrize("query", [None, QUERY])
async def test_what_is_not_the_protocol_is_refused(client: ClientSession, extension: Any, query: str | None) -> None:
    assert code(await post(client, query=query, extensions={"persistedQuery": extension})) == "BAD_USER_INPUT"


async def test_a_mutation_by_its_hash_is_refused_over_get(client: ClientSession) -> None:
    mutation = "mutation { upsertPersistedFolder(input: {type: HOME}) { created } }"
    extensions = persisted(sha256(mutation))
    assert (await post(client, query=mutation, extensions=extensions))["data"]["upsertPersistedFolder"]["created"]
    async with client.get("/graphql", params={"extensions": json.dumps(extensions)}, headers=bearer(ADA)) as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")


async def test_switched_off(serve: Serve) -> None:
    async with serve(persisted_queries=False) as client:
        answer = await post(client, extensions=persisted(sha256(QUERY)))
        assert code(answer) == "PERSISTED_QUERY_NOT_SUPPORTED"
        # Apollo's client looks at the message.
        assert answer["errors"][0]["message"] == "PersistedQueryNotSupported"
        # A client that sends both goes on as before.
        assert await post(client, query=QUERY, extensions=persisted(sha256(QUERY))) == ANSWER
        assert code(await post(client, documentId="me")) == "PERSISTED_QUERY_NOT_SUPPORTED"


async def test_an_id_without_a_manifest_is_not_supported(client: ClientSession) -> None:
    assert code(await post(client, documentId="me")) == "PERSISTED_QUERY_NOT_SUPPORTED"
    assert await post(client, documentId="me", query=QUERY) == ANSWER


def test_many_texts_do_not_fill_the_memory() -> None:
    documents = AutomaticDocuments()
    digests = []
    for n in range(5000):
        text = f"{{ viewer {{ id }} }} # {n} {'x' * 1000}"
        digests.append(sha256(text))
        documents.learn(documents.find(GraphQLRequest(text, None, {}, persisted(digests[-1]), None)))
    kept = 0
    for digest in digests:
        try:
            kept += bool(documents.find(GraphQLRequest(None, None, {}, persisted(digest), None)))
        except Exception as error:
            assert str(error) == "PERSISTED_QUERY_NOT_FOUND"
    assert 2400 < kept < 4 * 1024 * 1024 / 1000


# Trusted documents


def texts(name: str) -> dict[str, str]:
    content = json.loads((MANIFESTS / f"{name}.json").read_text())
    return {each["id"]: each["body"] for each in content["operations"]} if "operations" in content else content


def id_of(name: str, word: str) -> str:
    """The id of the operation whose text begins so."""
    (found,) = (each for each, text in texts(name).items() if re.search(rf"(query|mutation) \w*{word}", text))
    return found


@pytest.mark.parametrize("name", ["relay", "codegen", "apollo"])
async def test_documents_that_the_tools_wrote_run_by_their_id(serve: Serve, name: str) -> None:
    async with serve(trusted_documents=MANIFESTS / f"{name}.json") as client:
        me, folders, save = (
            id_of(name, word) for word in ("(foldersMe|Me)", "(foldersQuery|Folders)", "(foldersSave|Save)")
        )
        assert (await post(client, documentId=me))["data"]["viewer"]["email"] == "ada@acme.test"
        saved = await post(client, doc_id=save, variables={"input": {"type": "HOME", "path": "Trials"}})
        assert saved["data"]["upsertPersistedFolder"]["created"]
        listed = await get(client, documentId=folders, variables={"projectId": "1"})
        assert [each["path"] for each in listed["data"]["persistedFolders"]["nodes"]] == ["Trials"]
        for document_id, text in texts(name).items():
            if "viewer" in text:
                # By the hash of the text, and by the text itself.
                assert "data" in await post(client, extensions=persisted(sha256(text)))
                assert "data" in await get(client, extensions=persisted(sha256(text)))
                assert "data" in await post(client, documentId=f"sha256:{sha256(text)}")
                assert "data" in await post(client, query=text)
                assert "data" in await post(client, query=text, extensions=persisted(sha256(text)))
                assert "data" in await post(client, documentId=document_id, query=None)


async def test_an_id_with_capitals_is_found_where_apollo_sends_it(serve: Serve, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    operations = [{"id": "GetViewer-V1", "name": "Me", "type": "query", "body": QUERY}]
    manifest.write_text(
        json.dumps({"format": "apollo-persisted-query-manifest", "version": 1, "operations": operations})
    )
    async with serve(trusted_documents=manifest) as client:
        assert await post(client, extensions=persisted("GetViewer-V1")) == ANSWER
        assert await get(client, extensions=persisted("GetViewer-V1")) == ANSWER
        assert code(await post(client, extensions=persisted("getviewer-v1"))) == "PERSISTED_QUERY_NOT_FOUND"
        # A hash is one in either case.
        assert await post(client, extensions=persisted(sha256(QUERY).upper())) == ANSWER


async def test_nothing_else_runs(serve: Serve) -> None:
    async with serve(trusted_documents=MANIFESTS / "relay.json") as client:
        assert code(await post(client, query=QUERY)) == "PERSISTED_QUERY_ONLY"
        assert code(await get(client, query=QUERY)) == "PERSISTED_QUERY_ONLY"
        assert code(await post(client, query=QUERY, extensions=persisted(sha256(QUERY)))) == "PERSISTED_QUERY_ONLY"
        assert code(await post(client, query=QUERY, documentId="unknown")) == "PERSISTED_QUERY_ONLY"
        assert code(await post(client, query="{ not graphql")) == "PERSISTED_QUERY_ONLY"
        assert code(await post(client, query=get_introspection_query(), key=None)) == "PERSISTED_QUERY_ONLY"
        assert code(await post(client, documentId="unknown")) == "PERSISTED_QUERY_NOT_FOUND"
        assert code(await post(client, extensions=persisted(sha256(QUERY)))) == "PERSISTED_QUERY_NOT_FOUND"
        assert code(await post(client, extensions=persisted(5))) == "BAD_USER_INPUT"
        assert code(await post(client, documentId=5)) == "BAD_USER_INPUT"
        assert code(await post(client)) == "BAD_USER_INPUT"
        # An id wins over a text that is sent with it.
        me = id_of("relay", "foldersMe")
        assert "data" in await post(client, documentId=me, query=QUERY)


async def test_trusted_documents_need_a_key_and_keep_to_the_limits(serve: Serve, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    deep = "{ viewer { currentEnvironment { project { id } } } }"
    unknown = "{ viewer { emale } }"
    introspection = get_introspection_query()
    save = "mutation { upsertPersistedFolder(input: {type: HOME}) { created } }"
    manifest.write_text(
        json.dumps({"deep": deep, "unknown": unknown, "schema": introspection, "me": QUERY, "save": save})
    )
    async with serve(trusted_documents=manifest, max_depth=3) as client:
        assert code(await post(client, documentId="deep")) == "QUERY_TOO_COMPLEX"
        assert code(await post(client, documentId="unknown")) == "GRAPHQL_VALIDATION_FAILED"
        assert (await post(client, key=None, documentId="schema"))["data"]["__schema"]
        answer = await post(client, key=None, documentId="me")
        assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        async with client.get("/graphql", params={"documentId": "save"}, headers=bearer(ADA)) as response:
            assert (response.status, response.headers["Allow"]) == (405, "POST")
        async with client.get("/graphql", headers={"Accept": "text/html"}) as response:
            assert (response.status, response.content_type) == (200, "text/html")


async def test_two_ids_of_one_text_keep_their_names(serve: Serve, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"one": QUERY, "two": QUERY}))
    async with serve(trusted_documents=manifest) as client:
        assert await post(client, documentId="one") == ANSWER
        assert await post(client, documentId="two") == ANSWER


@pytest.mark.parametrize(
    ("sent", "status", "document_id", "operation"),
    [
        ({"documentId": "{me}", "operationName": "foldersMeQuery"}, 200, "{me}", "foldersMeQuery"),
        # Who looks for what was refused has nothing else.
        ({"documentId": "{me}", "operationName": "other"}, 200, "{me}", "other"),
        ({"documentId": "nope", "operationName": "x" * 5000}, 200, "nope", "x" * 256),
        ({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "ab"}}}, 200, "ab", None),
        ({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": 5}}}, 400, None, None),
        ({"extensions": {"persistedQuery": 5}}, 400, None, None),
    ],
    ids=["run", "no such operation", "no such document", "no such hash", "no hash", "no object"],
)
async def test_the_log_names_document_and_operation(
    database_url: str, sent: dict[str, Any], status: int, document_id: str | None, operation: str | None
) -> None:
    me = id_of("relay", "foldersMe")
    settings = {"database_url": database_url, "trusted_documents": MANIFESTS / "relay.json"}
    async with running("serve", **settings) as service, ClientSession(service.address) as client:
        await post(client, **json.loads(json.dumps(sent).replace("{me}", me)))
        line = json.loads((await service.wait_for(re.compile(rb'\{[^\n]*"path":"/graphql"[^\n]*\n')))[0])
    assert line["status"] == status
    assert line["document_id"] == (document_id and document_id.replace("{me}", me))
    assert line["operation"] == operation
