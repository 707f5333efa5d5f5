// Apollo Client 4. tests/clients/test_clients.py runs it.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { relayStylePagination } from "@apollo/client/utilities";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import * as suite from "./suite.mjs";

const { url, headers, wrongHeaders, save } = suite;
const LIST = gql(suite.LIST);
const PAGE = gql(suite.PAGE);
const sha256 = (text) => createHash("sha256").update(text).digest("hex");

/** A client, and what it sent. */
function open({ before = [], ...options } = {}) {
  const { fetch, requests } = suite.recording();
  const link = ApolloLink.from([...before, new HttpLink({ uri: url, fetch, headers, ...options })]);
  const places = ["projectId", "environmentId", "surface", "types"];
  const cache = new InMemoryCache({
    typePolicies: { Query: { fields: { persistedFolders: relayStylePagination(places) } } },
  });
  return { client: new ApolloClient({ link, cache }), requests };
}

async function refused(options, query) {
  const { client, requests } = open(options);
  const error = await client.query({ query: gql(query) }).then(assert.fail, (reason) => reason);
  assert.ok(CombinedGraphQLErrors.is(error), String(error));
  return { error: error.errors[0], status: requests[0].status };
}

async function mutate(mutation, input) {
  const { client } = open();
  const { data } = await client.mutate({ mutation: gql(mutation), variables: { input } });
  return Object.values(data)[0];
}

await suite.run({
  async "query-by-post"() {
    await suite.saveAll();
    const { client, requests } = open();
    const { data } = await client.query({ query: LIST, variables: { project: "1" } });
    assert.deepEqual(data.persistedFolders.nodes.map((node) => node.type), suite.TYPES);
    assert.deepEqual(requests, [{ method: "POST", status: 200, hasText: true, hash: undefined }]);
  },

  async "query-by-get"() {
    const { client, requests } = open({ useGETForQueries: true });
    const { data } = await client.query({ query: LIST, variables: { project: "1" } });
    assert.equal(data.persistedFolders.nodes.length, 3);
    assert.deepEqual(requests, [{ method: "GET", status: 200, hasText: true, hash: undefined }]);
  },

  async "automatic-persisted-query"() {
    const before = [new PersistedQueryLink({ sha256, useGETForHashedQueries: true })];
    const { client, requests } = open({ before });
    const query = gql("query ApolloPersisted { viewer { id email } }");
    for (let turn = 0; turn < 2; turn += 1) {
      const { data } = await client.query({ query, fetchPolicy: "network-only" });
      assert.equal(data.viewer.email, "apollo@clients.test");
    }
    const { hash } = requests[0];
    assert.match(hash, /^[0-9a-f]{64}$/);
    assert.deepEqual(requests, [
      { method: "GET", status: 400, hasText: false, hash },
      { method: "POST", status: 200, hasText: true, hash },
      { method: "GET", status: 200, hasText: false, hash },
    ]);
  },

  async mutation() {
    const { client } = open();
    const input = { projectId: "2", type: "HOME", path: "Apollo" };
    const { data } = await client.mutate({ mutation: gql(suite.UPSERT), variables: { input } });
    const { created, persistedFolder, userErrors } = data.upsertPersistedFolder;
    assert.deepEqual({ created, path: persistedFolder.path, userErrors }, { created: true, path: "Apollo", userErrors: [] });
    // The normalised cache has it under its id.
    const id = client.cache.identify(persistedFolder);
    assert.equal(client.cache.extract()[id].path, "Apollo");
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
    assert.deepEqual([error.extensions.code, status], ["GRAPHQL_VALIDATION_FAILED", 400]);
    assert.match(error.message, /Cannot query field 'phone'/);
  },

  async pages() {
    await suite.saveAll();
    const { client } = open();
    const query = client.watchQuery({ query: PAGE, variables: { project: "1", first: 2 } });
    const results = new suite.Changes();
    const watching = query.subscribe((result) => results.push(result));
    const shown = async (hasNextPage) => {
      for (;;) {
        const { data } = await results.next();
        if (data?.persistedFolders?.pageInfo.hasNextPage === hasNextPage) return data.persistedFolders;
      }
    };
    await query.fetchMore({ variables: { after: (await shown(true)).pageInfo.endCursor } });
    assert.deepEqual((await shown(false)).edges.map((edge) => edge.node.type), suite.TYPES);
    watching.unsubscribe();
  },

  async subscription() {
    const socket = createClient({ url: suite.socketUrl, connectionParams: headers, webSocketImpl: WebSocket });
    const client = new ApolloClient({ link: new GraphQLWsLink(socket), cache: new InMemoryCache() });
    const changes = new suite.Changes();
    const following = client
      .subscribe({ query: gql(suite.CHANGES), variables: { project: "1" } })
      .subscribe(({ data, error }) => changes.push({ data, errors: error && [error] }));
    await changes.begin();
    for (const path of ["One", "Two", "Three"]) await save("PINNED", path);
    assert.deepEqual([await changes.path(), await changes.path(), await changes.path()], ["One", "Two", "Three"]);
    following.unsubscribe();
    await socket.dispose();
  },
});
