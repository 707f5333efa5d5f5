// graphql-sse in its mode of distinct connections: a request for each operation. tests/clients/test_clients.py runs it.
import assert from "node:assert/strict";
import { NetworkError, createClient } from "graphql-sse";
import { invalidDocuments, mutations, query, refusals, subscriptions } from "./behaviours.mjs";
import * as suite from "./suite.mjs";

const { headers, wrongHeaders, save, DOCUMENTS } = suite;

function open(options = {}) {
  return createClient({ url: suite.url, headers, retryAttempts: 0, ...options });
}

async function ask(name, variables, { sent = headers } = {}) {
  const answers = [];
  const client = open({ headers: sent });
  for await (const answer of client.iterate({ query: DOCUMENTS[name], variables })) answers.push(answer);
  assert.equal(answers.length, 1);
  return answers[0];
}

/** Follows the changes with a client. */
function followWith(client, request = { query: DOCUMENTS.Changes, variables: { project: "1" } }) {
  const changes = new suite.Changes();
  const stop = client.subscribe(request, {
    next: (answer) => changes.push(answer),
    error: (error) => changes.push({ errors: [String(error)] }),
    complete: () => {},
  });
  return { changes, stop };
}

await suite.run({
  ...query(ask),
  ...mutations(ask),
  ...refusals(ask),
  ...invalidDocuments(ask),
  ...subscriptions(() => followWith(open())),

  async "wrong-key"() {
    const error = await ask("Viewer", {}, { sent: wrongHeaders }).then(assert.fail, (reason) => reason);
    assert.ok(error instanceof NetworkError, String(error));
    assert.equal(error.response.status, 401);
    const { errors } = await error.response.json();
    assert.equal(errors[0].extensions.code, "UNAUTHENTICATED");
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
    const request = { query: DOCUMENTS.Changes, variables: { project: "1" } };
    const { changes, stop } = followWith(client, request);
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
