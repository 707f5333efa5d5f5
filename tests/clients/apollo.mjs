// Apollo Client 4. tests/clients/test_clients.py runs it.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { relayStylePagination } from "@apollo/client/utilities";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { invalidDocuments, mutations, queries, refusals, subscriptions, types, wrongKeys } from "./behaviours.mjs";
import * as suite from "./suite.mjs";

const { headers } = suite;
const DOCUMENTS = Object.fromEntries(Object.entries(suite.DOCUMENTS).map(([name, text]) => [name, gql(text)]));
const sha256 = (text) => createHash("sha256").update(text).digest("hex");

/** A client, and what it sent. */
function open({ before = [], ...options } = {}) {
  const { fetch, requests } = suite.recording();
  const link = ApolloLink.from([...before, new HttpLink({ uri: suite.url, fetch, headers, ...options })]);
  const places = ["projectId", "environmentId", "surface", "types"];
  const cache = new InMemoryCache({
    typePolicies: { Query: { fields: { persistedFolders: relayStylePagination(places) } } },
  });
  return { client: new ApolloClient({ link, cache }), requests };
}

async function ask(name, variables, { method = "POST", sent = headers } = {}) {
  const { client, requests } = open({ useGETForQueries: method === "GET", headers: sent });
  const document = DOCUMENTS[name];
  const isMutation = document.definitions[0].operation === "mutation";
  try {
    const { data } = await (isMutation
      ? client.mutate({ mutation: document, variables })
      : client.query({ query: document, variables }));
    return { data, requests };
  } catch (error) {
    if (!CombinedGraphQLErrors.is(error)) throw error;
    return { data: error.data, errors: error.errors, requests };
  }
}

function follow() {
  const socket = createClient({ url: suite.socketUrl, connectionParams: headers, webSocketImpl: WebSocket });
  const client = new ApolloClient({ link: new GraphQLWsLink(socket), cache: new InMemoryCache() });
  const changes = new suite.Changes();
  const following = client
    .subscribe({ query: DOCUMENTS.Changes, variables: { project: "1" } })
    .subscribe(({ data, error }) => changes.push({ data, errors: error && [error] }));
  const stop = () => {
    following.unsubscribe();
    return socket.dispose();
  };
  return { changes, stop };
}

await suite.run({
  ...queries(ask),
  ...mutations(ask),
  ...refusals(ask, 400),
  ...invalidDocuments(ask, 400),
  ...wrongKeys(ask),
  ...subscriptions(follow),

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

  /** Its cache has what a mutation returned under the folder's id. */
  async "cache-after-a-mutation"() {
    const { client } = open();
    const variables = { input: { projectId: "1", type: "HOME", path: "Cached" } };
    const { data } = await client.mutate({ mutation: DOCUMENTS.Save, variables });
    const id = client.cache.identify(data.upsertPersistedFolder.persistedFolder);
    assert.equal(client.cache.extract()[id].path, "Cached");
  },

  async pages() {
    await suite.saveAll();
    const { client } = open();
    const query = client.watchQuery({ query: DOCUMENTS.Page, variables: { project: "1", first: 2 } });
    const results = new suite.Changes();
    const watching = query.subscribe((result) => results.push(result));
    const shown = async (hasNextPage) => {
      for (;;) {
        const { data } = await results.next();
        if (data?.persistedFolders?.pageInfo.hasNextPage === hasNextPage) return data.persistedFolders;
      }
    };
    await query.fetchMore({ variables: { after: (await shown(true)).pageInfo.endCursor } });
    assert.deepEqual(types((await shown(false)).edges.map(({ node }) => node)), suite.TYPES);
    watching.unsubscribe();
  },
});
