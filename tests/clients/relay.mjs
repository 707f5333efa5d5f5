// Relay's runtime, with what its compiler makes of relay/folders.js. tests/clients/test_clients.py runs it.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "graphql-ws";
import relay from "relay-runtime";
import WebSocket from "ws";
import { mutations, queries, refusals, subscriptions, types, wrongKeys } from "./behaviours.mjs";
import { compile, finder } from "./relay/compile.mjs";
import * as suite from "./suite.mjs";

const { headers, artifacts } = suite;
const MUTATIONS = new Set(["Save", "Rename"]);

const schema = join(artifacts, "schema.graphql");
writeFileSync(schema, await (await fetch(`${suite.address}/schema.graphql`)).text());
compile(artifacts, schema);
const compiled = finder(artifacts);

/** An environment, and what it sent. */
function open({ sent = headers, method = "POST", subscribe } = {}) {
  const { fetch, requests } = suite.recording();
  const request = async ({ name, text }, variables) => {
    const options = { method, headers: { ...sent, Accept: "application/graphql-response+json" } };
    const asked = { query: text, operationName: name, variables };
    if (method === "GET") {
      const search = new URLSearchParams({ ...asked, variables: JSON.stringify(variables) });
      return (await fetch(`${suite.url}?${search}`, options)).json();
    }
    options.headers["Content-Type"] = "application/json";
    return (await fetch(suite.url, { ...options, body: JSON.stringify(asked) })).json();
  };
  const network = relay.Network.create(request, subscribe);
  const environment = new relay.Environment({ network, store: new relay.Store(new relay.RecordSource()) });
  return { environment, requests };
}

const read = (environment, name, variables) =>
  relay.fetchQuery(environment, compiled(`${name}Query`), variables, { fetchPolicy: "network-only" }).toPromise();

function mutate(environment, name, variables) {
  return new Promise((resolve, reject) => {
    const mutation = compiled(`${name}Mutation`);
    relay.commitMutation(environment, { mutation, variables, onCompleted: resolve, onError: reject });
  });
}

async function ask(name, variables, options) {
  const { environment, requests } = open(options);
  try {
    return { data: await (MUTATIONS.has(name) ? mutate : read)(environment, name, variables), requests };
  } catch (error) {
    if (error.source === undefined) throw error;
    return { errors: error.source.errors, requests };
  }
}

/** What a component would be shown of the list that was read with its first page. */
function shown(environment, data) {
  const selector = relay.getSingularSelector(compiled("_list"), data);
  return environment.lookup(selector).data.persistedFolders;
}

function followWith(environment, stop) {
  const changes = new suite.Changes();
  const { dispose } = relay.requestSubscription(environment, {
    subscription: compiled("ChangesSubscription"),
    variables: { project: "1" },
    onNext: (data) => changes.push({ data }),
    onError: (error) => changes.push({ errors: [String(error)] }),
  });
  return {
    changes,
    stop: () => {
      dispose();
      return stop();
    },
  };
}

/** An environment with a socket, and how to close that. */
function openSocket() {
  const socket = createClient({ url: suite.socketUrl, connectionParams: headers, webSocketImpl: WebSocket });
  const subscribe = ({ name, text }, variables) =>
    relay.Observable.create((sink) => socket.subscribe({ operationName: name, query: text, variables }, sink));
  return { environment: open({ subscribe }).environment, close: () => socket.dispose() };
}

const nodes = ({ edges }) => edges.map(({ node }) => node);

await suite.run({
  ...queries(ask),
  ...mutations(ask),
  ...refusals(ask, 400),
  ...wrongKeys(ask),
  ...subscriptions(() => {
    const { environment, close } = openSocket();
    return followWith(environment, close);
  }),

  /** Its connection handler puts the second page behind the first. */
  async pages() {
    await suite.saveAll();
    const { environment } = open();
    const data = await read(environment, "FirstPage", { project: "1", first: 2 });
    const { pageInfo } = shown(environment, data);
    assert.equal(pageInfo.hasNextPage, true);
    await read(environment, "NextPage", { project: "1", first: 2, after: pageInfo.endCursor });
    const all = shown(environment, data);
    assert.deepEqual(types(nodes(all)), suite.TYPES);
    assert.equal(all.pageInfo.hasNextPage, false);
  },

  async "deleted-edge"() {
    await suite.saveAll();
    const { environment } = open();
    const data = await read(environment, "FirstPage", { project: "1", first: 3 });
    const list = shown(environment, data);
    const [, { id }] = nodes(list);
    const { deletePersistedFolder } = await mutate(environment, "Delete", { input: { id }, connections: [list.__id] });
    assert.deepEqual(deletePersistedFolder, { deletedPersistedFolderId: id, userErrors: [] });
    assert.deepEqual(types(nodes(shown(environment, data))), ["CUSTOM_PRODUCTS", "PINNED"]);
  },

  /** A change that arrives is in the store, and so in what components show. */
  async "store-after-a-change"() {
    await suite.saveAll();
    const { environment, close } = openSocket();
    const data = await read(environment, "FirstPage", { project: "1", first: 3 });
    const { changes, stop } = followWith(environment, close);
    await changes.begin();
    await suite.save("PINNED", "Shown");
    assert.equal(await changes.path(), "Shown");
    assert.equal(nodes(shown(environment, data))[2].path, "Shown");
    await stop();
  },
});
