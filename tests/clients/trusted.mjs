// Relay's runtime with ids in place of texts, against a service that runs trusted documents only.
// tests/clients/test_trusted_documents.py runs it.
import assert from "node:assert/strict";
import { createClient } from "graphql-ws";
import relay from "relay-runtime";
import WebSocket from "ws";
import { finder } from "./relay/compile.mjs";
import * as suite from "./suite.mjs";

const { url, headers, save } = suite;
const compiled = finder(suite.artifacts);

async function ask(request) {
  const response = await fetch(url, {
    method: "POST",
    headers: { ...headers, "Content-Type": "application/json" },
    body: JSON.stringify(request),
  });
  return response.json();
}

const socket = createClient({ url: suite.socketUrl, connectionParams: headers, webSocketImpl: WebSocket });

/** An environment that names documents by `member` of the request. */
function open(member) {
  const request = ({ id, text }, variables) => {
    assert.equal(text, null);
    return { [member]: id, variables };
  };
  // graphql-ws sends nothing without a text.
  const follow = (params, variables) => ({ query: "", ...request(params, variables) });
  const network = relay.Network.create(
    (params, variables) => ask(request(params, variables)),
    (params, variables) => relay.Observable.create((sink) => socket.subscribe(follow(params, variables), sink)),
  );
  return new relay.Environment({ network, store: new relay.Store(new relay.RecordSource()) });
}

async function asksBy(member) {
  const data = await relay.fetchQuery(open(member), compiled("ViewerQuery"), {}).toPromise();
  assert.equal(data.viewer.email, "trusted@clients.test");
}

await suite.run({
  "query-by-document-id": () => asksBy("documentId"),

  "query-by-doc-id": () => asksBy("doc_id"),

  async subscription() {
    const changes = new suite.Changes();
    const { dispose } = relay.requestSubscription(open("documentId"), {
      subscription: compiled("ChangesSubscription"),
      variables: { project: "1" },
      onNext: (data) => changes.push({ data }),
      onError: (error) => changes.push({ errors: [String(error)] }),
    });
    await changes.begin();
    await save("PINNED", "One");
    assert.equal(await changes.path(), "One");
    dispose();
    await socket.dispose();
  },

  async "text-that-is-not-trusted"() {
    const { data, errors } = await ask({ query: suite.DOCUMENTS.Viewer });
    assert.deepEqual([data, errors[0].extensions.code], [undefined, "PERSISTED_QUERY_ONLY"]);
  },

  async "id-that-is-not-known"() {
    const { errors } = await ask({ documentId: "0".repeat(32) });
    assert.equal(errors[0].extensions.code, "PERSISTED_QUERY_NOT_FOUND");
  },
});
