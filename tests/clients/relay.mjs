// Relay's runtime, with what its compiler makes of relay/folders.js. tests/clients/test_clients.py runs it.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "graphql-ws";
import relay from "relay-runtime";
import WebSocket from "ws";
import { compile, finder } from "./relay/compile.mjs";
import * as suite from "./suite.mjs";

const { url, headers, wrongHeaders, save, artifacts } = suite;
const { Environment, Network, Observable, RecordSource, Store } = relay;
const schema = join(artifacts, "schema.graphql");
writeFileSync(schema, await (await fetch(`${suite.address}/schema.graphql`)).text());
compile(artifacts, schema);
const compiled = finder(artifacts);

/** An environment, and what it sent. */
function open({ sent = headers, method = "POST", subscribe } = {}) {
  const { fetch, requests } = suite.recording();
  const ask = async ({ name, text }, variables) => {
    const accept = { Accept: "application/graphql-response+json, application/json;q=0.9" };
    const request = { query: text, operationName: name, variables };
    const search = new URLSearchParams({ ...request, variables: JSON.stringify(variables) });
    const response = await (method === "GET"
      ? fetch(`${url}?${search}`, { headers: { ...accept, ...sent } })
      : fetch(url, {
          method,
          headers: { ...accept, ...sent, "Content-Type": "application/json" },
          body: JSON.stringify(request),
        }));
    return response.json();
  };
  const environment = new Environment({ network: Network.create(ask, subscribe), store: new Store(new RecordSource()) });
  return { environment, requests };
}

const query = (environment, name, variables) =>
  relay.fetchQuery(environment, compiled(name), variables, { fetchPolicy: "network-only" }).toPromise();

const list = (environment, variables = { project: "1", first: 100 }) => query(environment, "ListQuery", variables);

/** What a component would be shown of the list. */
function shown(environment, data) {
  const selector = relay.getSingularSelector(compiled("_list"), data);
  return environment.lookup(selector).data.persistedFolders;
}

function mutate(environment, name, variables) {
  return new Promise((resolve, reject) => {
    const onCompleted = (data, errors) => (errors?.length ? reject(errors) : resolve(Object.values(data)[0]));
    relay.commitMutation(environment, { mutation: compiled(name), variables, onCompleted, onError: reject });
  });
}

async function refused(sent) {
  const { environment, requests } = open({ sent });
  const error = await query(environment, "ViewerQuery", {}).then(assert.fail, (reason) => reason);
  return { error: error.source.errors[0], status: requests[0].status };
}

const types = ({ edges }) => edges.map(({ node }) => node.type);

await suite.run({
  async "query-by-post"() {
    await suite.saveAll();
    const { environment, requests } = open();
    assert.deepEqual(types(shown(environment, await list(environment))), suite.TYPES);
    assert.deepEqual(requests, [{ method: "POST", status: 200, hasText: true, hash: undefined }]);
  },

  async "query-by-get"() {
    const { environment, requests } = open({ method: "GET" });
    assert.equal(shown(environment, await list(environment)).edges.length, 3);
    assert.deepEqual(requests, [{ method: "GET", status: 200, hasText: true, hash: undefined }]);
  },

  async mutation() {
    const input = { projectId: "2", type: "HOME", path: "Relay" };
    const { created, persistedFolder, userErrors } = await mutate(open().environment, "SaveMutation", { input });
    assert.deepEqual({ created, path: persistedFolder.path, userErrors }, { created: true, path: "Relay", userErrors: [] });
  },

  async "user-errors"() {
    const input = { projectId: "1", type: "HOME", protocol: " " };
    const { persistedFolder, userErrors } = await mutate(open().environment, "SaveMutation", { input });
    assert.equal(persistedFolder, null);
    assert.deepEqual(userErrors, [{ code: "BLANK", field: ["protocol"] }]);
  },

  async stale() {
    const { environment } = open();
    const read = await mutate(environment, "SaveMutation", { input: { projectId: "1", type: "HOME", path: "Read" } });
    const { id, updatedAt } = read.persistedFolder;
    await save("HOME", "Elsewhere");
    const input = { id, path: "Mine", expectedUpdatedAt: updatedAt };
    const { persistedFolder, userErrors } = await mutate(environment, "RenameMutation", { input });
    assert.deepEqual({ persistedFolder, userErrors }, { persistedFolder: null, userErrors: [{ code: "STALE" }] });
  },

  async "without-key"() {
    const { error, status } = await refused({});
    assert.deepEqual([error.extensions.code, error.path, status], ["UNAUTHENTICATED", ["viewer"], 200]);
  },

  async "wrong-key"() {
    const { error, status } = await refused(wrongHeaders);
    assert.deepEqual([error.extensions.code, status], ["UNAUTHENTICATED", 401]);
  },

  /** The compiler refuses what does not fit the schema, so it takes variables to be wrong. */
  async "variables-that-do-not-fit"() {
    const { environment, requests } = open();
    const error = await list(environment, { project: "1", first: "two" }).then(assert.fail, (reason) => reason);
    assert.equal(error.source.errors[0].extensions.code, "BAD_USER_INPUT");
    assert.equal(requests[0].status, 400);
  },

  /** Its connection handler puts the second page behind the first. */
  async pages() {
    await suite.saveAll();
    const { environment } = open();
    const data = await list(environment, { project: "1", first: 2 });
    const first = shown(environment, data);
    assert.equal(first.pageInfo.hasNextPage, true);
    await query(environment, "PageQuery", { project: "1", first: 2, after: first.pageInfo.endCursor });
    const all = shown(environment, data);
    assert.deepEqual(types(all), suite.TYPES);
    assert.equal(all.pageInfo.hasNextPage, false);
  },

  async "deleted-edge"() {
    await suite.saveAll();
    const { environment } = open();
    const data = await list(environment);
    const { __id, edges } = shown(environment, data);
    const variables = { input: { id: edges[1].node.id }, connections: [__id] };
    const { deletedPersistedFolderId, userErrors } = await mutate(environment, "DeleteMutation", variables);
    assert.deepEqual([deletedPersistedFolderId, userErrors], [edges[1].node.id, []]);
    assert.deepEqual(types(shown(environment, data)), ["CUSTOM_PRODUCTS", "PINNED"]);
  },

  /** A change that arrives is in the store, and so in what components show. */
  async subscription() {
    await suite.saveAll();
    const socket = createClient({ url: suite.socketUrl, connectionParams: headers, webSocketImpl: WebSocket });
    const subscribe = ({ name, text }, variables) =>
      Observable.create((sink) => socket.subscribe({ operationName: name, query: text, variables }, sink));
    const { environment } = open({ subscribe });
    const data = await list(environment);
    const changes = new suite.Changes();
    const { dispose } = relay.requestSubscription(environment, {
      subscription: compiled("ChangesSubscription"),
      variables: { project: "1" },
      onNext: (next) => changes.push({ data: next }),
      onError: (error) => changes.push({ errors: [String(error)] }),
    });
    await changes.begin();
    for (const path of ["One", "Two", "Three"]) await save("PINNED", path);
    assert.deepEqual([await changes.path(), await changes.path(), await changes.path()], ["One", "Two", "Three"]);
    assert.equal(shown(environment, data).edges[2].node.path, "Three");
    dispose();
    await socket.dispose();
  },
});
