// urql: its core, the normalised cache and the exchange for persisted queries. tests/clients/test_clients.py runs it.
import assert from "node:assert/strict";
import { Client, fetchExchange, gql, subscriptionExchange } from "@urql/core";
import { cacheExchange } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { persistedExchange } from "@urql/exchange-persisted";
import { createClient } from "graphql-ws";
import { pipe, subscribe } from "wonka";
import WebSocket from "ws";
import { invalidDocuments, mutations, queries, refusals, subscriptions, types, wrongKeys } from "./behaviours.mjs";
import * as suite from "./suite.mjs";

const { headers, DOCUMENTS } = suite;

/** A client, and what it sent. */
function open({ sent = headers, exchanges = [fetchExchange], ...options } = {}) {
  const { fetch, requests } = suite.recording();
  const client = new Client({
    url: suite.url,
    fetch,
    fetchOptions: { headers: sent },
    preferGetMethod: false,
    requestPolicy: "network-only",
    exchanges,
    ...options,
  });
  return { client, requests };
}

async function ask(name, variables, { method = "POST", sent = headers } = {}) {
  const { client, requests } = open({ preferGetMethod: method === "GET" && "force", sent });
  const document = gql(DOCUMENTS[name]);
  const { data, error } = await client[document.definitions[0].operation](document, variables).toPromise();
  if (error?.networkError) throw error;
  return { data, errors: error?.graphQLErrors, requests };
}

/** Follows the changes with a client. */
function followWith(client, close = () => {}) {
  const changes = new suite.Changes();
  const { unsubscribe } = pipe(
    client.subscription(DOCUMENTS.Changes, { project: "1" }),
    subscribe(({ data, error }) => changes.push({ data, errors: error && [error] })),
  );
  const stop = () => {
    unsubscribe();
    return close();
  };
  return { changes, stop };
}

function follow() {
  const socket = createClient({ url: suite.socketUrl, connectionParams: headers, webSocketImpl: WebSocket });
  const forwardSubscription = ({ query, variables }) => ({
    subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
  });
  const { client } = open({ exchanges: [subscriptionExchange({ forwardSubscription }), fetchExchange] });
  return followWith(client, () => socket.dispose());
}

// It would take `application/json` as well as the newer media type, which has other statuses.
const status = 200;

await suite.run({
  ...queries(ask),
  ...mutations(ask),
  ...refusals(ask, status),
  ...invalidDocuments(ask, status),
  ...wrongKeys(ask),
  ...subscriptions(follow),

  async "automatic-persisted-query"() {
    const exchanges = [persistedExchange({ preferGetForPersistedQueries: true }), fetchExchange];
    const { client, requests } = open({ exchanges });
    for (let turn = 0; turn < 2; turn += 1) {
      const { data } = await client.query("query UrqlPersisted { viewer { id email } }", {}).toPromise();
      assert.equal(data.viewer.email, "urql@clients.test");
    }
    const { hash } = requests[0];
    assert.match(hash, /^[0-9a-f]{64}$/);
    assert.deepEqual(requests, [
      { method: "GET", status: 200, hasText: false, hash },
      { method: "GET", status: 200, hasText: true, hash },
      { method: "GET", status: 200, hasText: false, hash },
    ]);
  },

  async pages() {
    await suite.saveAll();
    const cache = cacheExchange({ resolvers: { Query: { persistedFolders: relayPagination() } } });
    const { client } = open({ exchanges: [cache, fetchExchange], requestPolicy: "cache-first" });
    const first = await client.query(DOCUMENTS.Page, { project: "1", first: 2 }).toPromise();
    const { endCursor } = first.data.persistedFolders.pageInfo;
    await client.query(DOCUMENTS.Page, { project: "1", first: 2, after: endCursor }).toPromise();
    const merged = await client.query(DOCUMENTS.Page, { project: "1", first: 2 }).toPromise();
    assert.deepEqual(types(merged.data.persistedFolders.edges.map(({ node }) => node)), suite.TYPES);
    assert.equal(merged.data.persistedFolders.pageInfo.hasNextPage, false);
  },

  /** Server-sent events, which its own `fetchExchange` reads. */
  "subscription-by-events": subscriptions(() => followWith(open({ fetchSubscriptions: true }).client)).subscription,
});
