// graphql-request. tests/clients/test_clients.py runs it.
import assert from "node:assert/strict";
import { ClientError, GraphQLClient } from "graphql-request";
import * as suite from "./suite.mjs";

const { url, headers, wrongHeaders, save } = suite;

/** A client, and what it sent. */
function open(options = {}) {
  const { fetch, requests } = suite.recording();
  return { client: new GraphQLClient(url, { fetch, headers, ...options }), requests };
}

async function refused(options, query) {
  const { client, requests } = open(options);
  const error = await client.request(query).then(assert.fail, (reason) => reason);
  assert.ok(error instanceof ClientError, String(error));
  assert.equal(error.response.status, requests[0].status);
  return { error: error.response.errors[0], status: requests[0].status };
}

async function mutate(mutation, input) {
  return Object.values(await open().client.request(mutation, { input }))[0];
}

await suite.run({
  async "query-by-post"() {
    await suite.saveAll();
    const { client, requests } = open();
    const { persistedFolders } = await client.request(suite.LIST, { project: "1" });
    assert.deepEqual(persistedFolders.nodes.map((node) => node.type), suite.TYPES);
    assert.deepEqual(requests, [{ method: "POST", status: 200, hasText: true, hash: undefined }]);
  },

  async "query-by-get"() {
    const { client, requests } = open({ method: "GET" });
    const { persistedFolders } = await client.request(suite.LIST, { project: "1" });
    assert.equal(persistedFolders.nodes.length, 3);
    assert.deepEqual(requests, [{ method: "GET", status: 200, hasText: true, hash: undefined }]);
  },

  async mutation() {
    const { created, persistedFolder, userErrors } = await mutate(suite.UPSERT, {
      projectId: "2",
      type: "HOME",
      path: "request",
    });
    assert.deepEqual({ created, path: persistedFolder.path, userErrors }, { created: true, path: "request", userErrors: [] });
  },

  /** It knows that a mutation is none for GET. */
  async "mutation-of-a-client-that-gets"() {
    const { client, requests } = open({ method: "GET" });
    const variables = { input: { projectId: "2", type: "HOME", path: "request" } };
    const { upsertPersistedFolder } = await client.request(suite.UPSERT, variables);
    assert.equal(upsertPersistedFolder.created, false);
    assert.equal(requests[0].method, "POST");
  },

  async "user-errors"() {
    const { persistedFolder, userErrors } = await mutate(suite.UPSERT, { projectId: "1", type: "HOME", protocol: " " });
    assert.equal(persistedFolder, null);
    assert.deepEqual(userErrors.map(({ code, field }) => ({ code, field })), [{ code: "BLANK", field: ["protocol"] }]);
  },

  async stale() {
    const read = await mutate(suite.UPSERT, { projectId: "1", type: "HOME", path: "Read" });
    const { id, updatedAt } = read.persistedFolder;
    await save("HOME", "Elsewhere");
    const { persistedFolder, userErrors } = await mutate(suite.UPDATE, { id, path: "Mine", expectedUpdatedAt: updatedAt });
    assert.equal(persistedFolder, null);
    assert.equal(userErrors[0].code, "STALE");
  },

  async "without-key"() {
    const { error, status } = await refused({ headers: {} }, suite.VIEWER);
    assert.deepEqual([error.extensions.code, error.path, status], ["UNAUTHENTICATED", ["viewer"], 200]);
  },

  async "wrong-key"() {
    const { error, status } = await refused({ headers: wrongHeaders }, suite.VIEWER);
    assert.deepEqual([error.extensions.code, status], ["UNAUTHENTICATED", 401]);
  },

  async "validation-error"() {
    const { error, status } = await refused({}, suite.INVALID);
    assert.deepEqual([error.extensions.code, status], ["GRAPHQL_VALIDATION_FAILED", 200]);
    assert.match(error.message, /Cannot query field 'phone'/);
  },

  /** It has no helper for pages: the cursor goes round by hand. */
  async pages() {
    await suite.saveAll();
    const { client } = open();
    const types = [];
    let after;
    do {
      const { edges, pageInfo } = (await client.request(suite.PAGE, { project: "1", first: 2, after })).persistedFolders;
      types.push(...edges.map((edge) => edge.node.type));
      after = pageInfo.hasNextPage ? pageInfo.endCursor : undefined;
    } while (after !== undefined);
    assert.deepEqual(types, suite.TYPES);
  },
});
