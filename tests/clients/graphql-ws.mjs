// graphql-ws, by itself: all operations over one WebSocket. tests/clients/test_clients.py runs it.
import assert from "node:assert/strict";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import * as suite from "./suite.mjs";

const { headers, wrongHeaders, save } = suite;

function open(options = {}) {
  return createClient({
    url: suite.socketUrl,
    connectionParams: headers,
    webSocketImpl: WebSocket,
    // One connection for all that a behaviour asks.
    lazyCloseTimeout: 10_000,
    ...options,
  });
}

/** The one answer of a query or mutation; fails with what the client gives to `error`. */
async function ask(query, variables, options) {
  const client = open(options);
  const answers = [];
  try {
    for await (const answer of client.iterate({ query, variables })) answers.push(answer);
  } finally {
    await client.dispose();
  }
  assert.equal(answers.length, 1);
  return answers[0];
}

const refused = (query, options) => ask(query, {}, options).then(assert.fail, (reason) => reason);

/** Follows the changes from `after` on. */
function follow(client, request = { query: suite.CHANGES, variables: { project: "1" } }) {
  const changes = new suite.Changes();
  const stop = client.subscribe(request, {
    next: (answer) => changes.push(answer),
    error: (error) => changes.push({ errors: [].concat(error) }),
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
    const { data } = await ask(suite.UPSERT, { input: { projectId: "2", type: "HOME", path: "socket" } });
    const { created, persistedFolder, userErrors } = data.upsertPersistedFolder;
    assert.deepEqual({ created, path: persistedFolder.path, userErrors }, { created: true, path: "socket", userErrors: [] });
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
    const { data, errors } = await ask(suite.VIEWER, {}, { connectionParams: {} });
    assert.deepEqual([data, errors[0].extensions.code], [null, "UNAUTHENTICATED"]);
  },

  async "wrong-key"() {
    const event = await refused(suite.VIEWER, { connectionParams: wrongHeaders, retryAttempts: 0 });
    assert.equal(event.code, 4403);
    assert.equal(event.reason, "Personal API key found in request connection_init payload is invalid.");
  },

  async "validation-error"() {
    const [error] = await refused(suite.INVALID);
    assert.equal(error.extensions.code, "GRAPHQL_VALIDATION_FAILED");
  },

  async subscription() {
    const client = open();
    const { changes, stop } = follow(client);
    await changes.begin();
    for (const path of ["One", "Two", "Three"]) await save("PINNED", path);
    assert.deepEqual([await changes.path(), await changes.path(), await changes.path()], ["One", "Two", "Three"]);
    stop();
    await client.dispose();
  },

  async "subscriptions-of-one-connection"() {
    const client = open();
    const all = Array.from({ length: 20 }, () => follow(client));
    for (const { changes } of all) await changes.begin();
    const { changes } = follow(client);
    await assert.rejects(changes.path(), /at most 20 operations/);
    all[0].stop();
    const another = follow(client);
    await another.changes.begin();
    await client.dispose();
  },

  /** What was missed while the connection was gone comes first: the request of the next one says `after`. */
  async resume() {
    const client = open({ retryWait: () => save("PINNED", "Missed") });
    const request = { query: suite.CHANGES, variables: { project: "1" } };
    const { changes, stop } = follow(client, request);
    const { cursor } = await changes.begin();
    request.variables.after = cursor;
    client.terminate();
    assert.equal(await changes.path(), "Missed");
    await save("PINNED", "Live");
    assert.equal(await changes.path(), "Live");
    stop();
    await client.dispose();
  },
});
