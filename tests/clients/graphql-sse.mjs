// graphql-sse in its mode of distinct connections: a request for each operation. tests/clients/test_clients.py runs it.
import assert from "node:assert/strict";
import { NetworkError, createClient } from "graphql-sse";
import * as suite from "./suite.mjs";

const { url, headers, wrongHeaders, save } = suite;

function open(options = {}) {
  return createClient({ url, headers, retryAttempts: 0, ...options });
}

/** The one answer of a query or mutation; fails with what the client gives to `error`. */
async function ask(query, variables, options) {
  const answers = [];
  for await (const answer of open(options).iterate({ query, variables })) answers.push(answer);
  assert.equal(answers.length, 1);
  return answers[0];
}

/** Follows the changes from `after` on. */
function follow(client, request = { query: suite.CHANGES, variables: { project: "1" } }) {
  const changes = new suite.Changes();
  const stop = client.subscribe(request, {
    next: (answer) => changes.push(answer),
    error: (error) => changes.push({ errors: [String(error)] }),
    complete: () => {},
  });
  return { changes, stop };
}

await suite.run({
  async query() {
    await suite.saveAll();
    const { data } = await ask(suite.LIST, { project: "1" });
    assert.deepEqual(data.persistedFolders.nodes.map((node) => node.type), suite.TYPES);
  },

  async mutation() {
    const { data } = await ask(suite.UPSERT, { input: { projectId: "2", type: "HOME", path: "events" } });
    const { created, persistedFolder, userErrors } = data.upsertPersistedFolder;
    assert.deepEqual({ created, path: persistedFolder.path, userErrors }, { created: true, path: "events", userErrors: [] });
  },

  async "user-errors"() {
    const { data } = await ask(suite.UPSERT, { input: { projectId: "1", type: "HOME", protocol: " " } });
    assert.equal(data.upsertPersistedFolder.userErrors[0].code, "BLANK");
  },

  async stale() {
    const read = await ask(suite.UPSERT, { input: { projectId: "1", type: "HOME", path: "Read" } });
    const { id, updatedAt } = read.data.upsertPersistedFolder.persistedFolder;
    await save("HOME", "Elsewhere");
    const { data } = await ask(suite.UPDATE, { input: { id, path: "Mine", expectedUpdatedAt: updatedAt } });
    assert.equal(data.updatePersistedFolder.userErrors[0].code, "STALE");
  },

  async "without-key"() {
    const { data, errors } = await ask(suite.VIEWER, {}, { headers: {} });
    assert.deepEqual([data, errors[0].extensions.code], [null, "UNAUTHENTICATED"]);
  },

  async "wrong-key"() {
    const error = await ask(suite.VIEWER, {}, { headers: wrongHeaders }).then(assert.fail, (reason) => reason);
    assert.ok(error instanceof NetworkError, String(error));
    assert.equal(error.response.status, 401);
    const { errors } = await error.response.json();
    assert.equal(errors[0].extensions.code, "UNAUTHENTICATED");
  },

  async "validation-error"() {
    const { errors } = await ask(suite.INVALID);
    assert.equal(errors[0].extensions.code, "GRAPHQL_VALIDATION_FAILED");
  },

  async subscription() {
    const client = open();
    const { changes, stop } = follow(client);
    await changes.begin();
    for (const path of ["One", "Two", "Three"]) await save("PINNED", path);
    assert.deepEqual([await changes.path(), await changes.path(), await changes.path()], ["One", "Two", "Three"]);
    stop();
    client.dispose();
  },

  /** What was missed while the connection was gone comes first: the next request says `after`. */
  async resume() {
    let cut;
    const fetchFn = async (input, options) => {
      const response = await fetch(input, options);
      // A connection that breaks: the client sees its body end in the middle.
      const breaking = new TransformStream({ start: (controller) => (cut = () => controller.terminate()) });
      return new Response(response.body.pipeThrough(breaking), { status: response.status, headers: response.headers });
    };
    const client = open({ fetchFn, retryAttempts: 1, retry: () => save("PINNED", "Missed") });
    const request = { query: suite.CHANGES, variables: { project: "1" } };
    const { changes, stop } = follow(client, request);
    const { cursor } = await changes.begin();
    request.variables.after = cursor;
    cut();
    assert.equal(await changes.path(), "Missed");
    await save("PINNED", "Live");
    assert.equal(await changes.path(), "Live");
    stop();
    client.dispose();
  },
});
