// graphql-ws, by itself: all operations over one WebSocket. tests/clients/test_clients.py runs it.
import assert from "node:assert/strict";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { invalidDocuments, mutations, query, refusals, subscriptions } from "./behaviours.mjs";
import * as suite from "./suite.mjs";

const { headers, wrongHeaders, save, DOCUMENTS } = suite;

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

async function ask(name, variables, { sent = headers } = {}) {
  const client = open({ connectionParams: sent, retryAttempts: 0 });
  const answers = [];
  try {
    for await (const answer of client.iterate({ query: DOCUMENTS[name], variables })) answers.push(answer);
  } catch (reason) {
    // What does not run is told by a list of errors.
    if (!Array.isArray(reason)) throw reason;
    return { errors: reason };
  } finally {
    await client.dispose();
  }
  assert.equal(answers.length, 1);
  return answers[0];
}

/** Follows the changes with a client. */
function followWith(client, request = { query: DOCUMENTS.Changes, variables: { project: "1" } }) {
  const changes = new suite.Changes();
  const stop = client.subscribe(request, {
    next: (answer) => changes.push(answer),
    error: (error) => changes.push({ errors: [].concat(error) }),
    complete: () => {},
  });
  return { changes, stop };
}

function follow() {
  const client = open();
  const { changes } = followWith(client);
  return { changes, stop: () => client.dispose() };
}

await suite.run({
  ...query(ask),
  ...mutations(ask),
  ...refusals(ask),
  ...invalidDocuments(ask),
  ...subscriptions(follow),

  async "wrong-key"() {
    const event = await ask("Viewer", {}, { sent: wrongHeaders }).then(assert.fail, (reason) => reason);
    assert.equal(event.code, 4403);
    assert.equal(event.reason, "Personal API key found in request connection_init payload is invalid.");
  },

  async "subscriptions-of-one-connection"() {
    const client = open();
    const all = Array.from({ length: 20 }, () => followWith(client));
    for (const { changes } of all) await changes.begin();
    const { changes } = followWith(client);
    await assert.rejects(changes.path(), /at most 20 operations/);
    all[0].stop();
    const another = followWith(client);
    await another.changes.begin();
    await client.dispose();
  },

  /** What was missed while the connection was gone comes first: the request of the next one says `after`. */
  async resume() {
    const client = open({ retryWait: () => save("PINNED", "Missed") });
    const request = { query: DOCUMENTS.Changes, variables: { project: "1" } };
    const { changes, stop } = followWith(client, request);
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
