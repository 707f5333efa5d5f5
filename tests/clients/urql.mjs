// urql: its core, the normalised cache and the exchange for persisted queries. tests/clients/test_clients.py runs it.
import assert from "node:assert/strict";
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { cacheExchange } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { persistedExchange } from "@urql/exchange-persisted";
import { createClient } from "graphql-ws";
import { pipe, subscribe } from "wonka";
import WebSocket from "ws";
import * as suite from "./suite.mjs";

const { url, headers, wrongHeaders, save } = suite;

/** A client, and what it sent. */
function open({ sent = headers, exchanges = [fetchExchange], ...options } = {}) {
  const { fetch, requests } = suite.recording();
  const client = new Client({
    url,
    fetch,
    fetchOptions: { headers: sent },
    preferGetMethod: false,
    requestPolicy: "network-only",
    exchanges,
    ...options,
  });
  return { client, requests };
}

async function refused(options, query) {
  const { client, requests } = open(options);
  const { error } = await client.query(query, {}).toPromise();
  return { error: error.graphQLErrors[0], status: requests[0].status };
}

async function mutate(mutation, input) {
  const { data, error } = await open().client.mutation(mutation, { input }).toPromise();
  assert.equal(error, undefined);
  return Object.values(data)[0];
}

/** Follows the changes until `stop`. */
function follow(client) {
  const changes = new suite.Changes();
  const { unsubscribe } = pipe(
    client.subscription(suite.CHANGES, { project: "1" }),
    subscribe(({ data, error }) => changes.push({ data, errors: error && [error] })),
  );
  return { changes, stop: unsubscribe };
}

async function brings(changes) {
  await changes.begin();
  for (const path of ["One", "Two", "Three"]) await save("PINNED", path);
  assert.deepEqual([await changes.path(), await changes.path(), await changes.path()], ["One", "Two", "Three"]);
}

await suite.run({
  async "query-by-post"() {
    await suite.saveAll();
    const { client, requests } = open();
    const { data } = await client.query(suite.LIST, { project: "1" }).toPromise();
    assert.deepEqual(data.persistedFolders.nodes.map((node) => node.type), suite.TYPES);
    assert.deepEqual(requests, [{ method: "POST", status: 200, hasText: true, hash: undefined }]);
  },

  async "query-by-get"() {
    const { client, requests } = open({ preferGetMethod: "force" });
    const { data } = await client.query(suite.LIST, { project: "1" }).toPromise();
    assert.equal(data.persistedFolders.nodes.length, 3);
    assert.deepEqual(requests, [{ method: "GET", status: 200, hasText: true, hash: undefined }]);
  },

  async "automatic-persisted-query"() {
    const exchanges = [persistedExchange({ preferGetForPersistedQueries: true }), fetchExchange];
    const { client, requests } = open({ exchanges });
    for (let turn = 0; turn < 2; turn += 1) {
      const { data } = await client.query("query UrqlPersisted { viewer { id email } }", {}).toPromise();
      assert.equal(data.viewer.email, "urql@clients.test");
    }
    const { hash } = requests[0];
    assert.match(hash, /^[0-9a-f]{64}$/);
    // It would take `application/json` as well as the newer media type, which has other statuses.
    assert.deepEqual(requests, [
      { method: "GET", status: 200, hasText: false, hash },
      { method: "GET", status: 200, hasText: true, hash },
      { method: "GET", status: 200, hasText: false, hash },
    ]);
  },

  async mutation() {
    const { created, persistedFolder, userErrors } = await mutate(suite.UPSERT, {
      projectId: "2",
      type: "HOME",
      path: "urql",
    });
    assert.deepEqual({ created, path: persistedFolder.path, userErrors }, { created: true, path: "urql", userErrors: [] });
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
    const { error, status } = await refused({ sent: {} }, suite.VIEWER);
    assert.deepEqual([error.extensions.code, error.path, status], ["UNAUTHENTICATED", ["viewer"], 200]);
  },

  async "wrong-key"() {
    const { error, status } = await refused({ sent: wrongHeaders }, suite.VIEWER);
    assert.deepEqual([error.extensions.code, status], ["UNAUTHENTICATED", 401]);
  },

  async "validation-error"() {
    const { error, status } = await refused({}, suite.INVALID);
    assert.deepEqual([error.extensions.code, status], ["GRAPHQL_VALIDATION_FAILED", 200]);
    assert.match(error.message, /Cannot query field 'phone'/);
  },

  async pages() {
    await suite.saveAll();
    const cache = cacheExchange({
      keys: { PersistedFolderConnection: () => null, PersistedFolderEdge: () => null, PageInfo: () => null },
      resolvers: { Query: { persistedFolders: relayPagination() } },
    });
    const { client } = open({ exchanges: [cache, fetchExchange], requestPolicy: "cache-first" });
    const first = await client.query(suite.PAGE, { project: "1", first: 2 }).toPromise();
    const { endCursor } = first.data.persistedFolders.pageInfo;
    await client.query(suite.PAGE, { project: "1", first: 2, after: endCursor }).toPromise();
    const merged = await client.query(suite.PAGE, { project: "1", first: 2 }).toPromise();
    assert.deepEqual(merged.data.persistedFolders.edges.map((edge) => edge.node.type), suite.TYPES);
    assert.equal(merged.data.persistedFolders.pageInfo.hasNextPage, false);
  },

  async subscription() {
    const socket = createClient({ url: suite.socketUrl, connectionParams: headers, webSocketImpl: WebSocket });
    const forwardSubscription = (request) => ({
      subscribe: (sink) => ({ unsubscribe: socket.subscribe({ ...request, query: request.query }, sink) }),
    });
    const { client } = open({ exchanges: [subscriptionExchange({ forwardSubscription }), fetchExchange] });
    const { changes, stop } = follow(client);
    await brings(changes);
    stop();
    await socket.dispose();
  },

  /** Server-sent events, which urql's own `fetchExchange` reads. */
  async "subscription-by-events"() {
    const { client, requests } = open({ fetchSubscriptions: true });
    const { changes, stop } = follow(client);
    await brings(changes);
    assert.deepEqual(requests, [{ method: "POST", status: 200, hasText: true, hash: undefined }]);
    stop();
  },
});
