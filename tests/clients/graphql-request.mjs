// graphql-request. tests/clients/test_clients.py runs it.
import assert from "node:assert/strict";
import { ClientError, GraphQLClient } from "graphql-request";
import { invalidDocuments, mutations, queries, refusals, types, wrongKeys } from "./behaviours.mjs";
import * as suite from "./suite.mjs";

const { headers, DOCUMENTS } = suite;

/** A client, and what it sent. */
function open(options = {}) {
  const { fetch, requests } = suite.recording();
  return { client: new GraphQLClient(suite.url, { fetch, headers, ...options }), requests };
}

async function ask(name, variables, { method = "POST", sent = headers } = {}) {
  const { client, requests } = open({ method, headers: sent });
  try {
    return { data: await client.request(DOCUMENTS[name], variables), requests };
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    assert.equal(error.response.status, requests[0].status);
    return { data: error.response.data, errors: error.response.errors, requests };
  }
}

await suite.run({
  ...queries(ask),
  ...mutations(ask),
  ...refusals(ask, 200),
  ...invalidDocuments(ask, 200),
  ...wrongKeys(ask),

  /** It knows that a mutation is none for GET. */
  async "mutation-of-a-client-that-gets"() {
    const { requests } = await ask("Save", { input: { projectId: "1", type: "HOME" } }, { method: "GET" });
    assert.deepEqual(requests, [{ method: "POST", status: 200, hasText: true, hash: undefined }]);
  },

  /** It has no helper for pages: the cursor goes round by hand. */
  async pages() {
    await suite.saveAll();
    const { client } = open();
    const found = [];
    let after;
    do {
      const { edges, pageInfo } = (await client.request(DOCUMENTS.Page, { project: "1", first: 2, after })).persistedFolders;
      found.push(...types(edges.map(({ node }) => node)));
      after = pageInfo.hasNextPage ? pageInfo.endCursor : undefined;
    } while (after !== undefined);
    assert.deepEqual(found, suite.TYPES);
  },
});
