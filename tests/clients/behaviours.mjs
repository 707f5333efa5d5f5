// What clients do alike, whatever they are called with. Each suite hands in how its client asks and follows:
//
// - `ask(name, variables, { method, sent })` runs the document of that name and gives `data`, `errors`, and over HTTP
//   the `requests` that were sent;
// - `follow()` follows the changes in project 1: its `changes`, and `stop`.
import assert from "node:assert/strict";
import { TYPES, save, saveAll, wrongHeaders } from "./suite.mjs";

const BY_TEXT = { status: 200, hasText: true, hash: undefined };
const NAMES = ["One", "Two", "Three"];

export function queries(ask) {
  return {
    async "query-by-post"() {
      await saveAll();
      const { data, requests } = await ask("List", { project: "1" });
      assert.deepEqual(types(data.persistedFolders.nodes), TYPES);
      assert.deepEqual(requests, [{ method: "POST", ...BY_TEXT }]);
    },

    async "query-by-get"() {
      await saveAll();
      const { data, requests } = await ask("List", { project: "1" }, { method: "GET" });
      assert.deepEqual(types(data.persistedFolders.nodes), TYPES);
      assert.deepEqual(requests, [{ method: "GET", ...BY_TEXT }]);
    },
  };
}

/** Where there is one way to ask only. */
export function query(ask) {
  return {
    async query() {
      await saveAll();
      const { data } = await ask("List", { project: "1" });
      assert.deepEqual(types(data.persistedFolders.nodes), TYPES);
    },
  };
}

export function mutations(ask) {
  const mutate = async (name, input) => Object.values((await ask(name, { input })).data)[0];
  return {
    async mutation() {
      const saved = await mutate("Save", { projectId: "2", type: "HOME", path: "Saved" });
      const { created, persistedFolder, userErrors } = saved;
      assert.deepEqual([created, persistedFolder.path, userErrors], [true, "Saved", []]);
    },

    async "user-errors"() {
      const { persistedFolder, userErrors } = await mutate("Save", { projectId: "1", type: "HOME", protocol: " " });
      assert.equal(persistedFolder, null);
      assert.deepEqual(userErrors.map(({ code, field }) => [code, field]), [["BLANK", ["protocol"]]]);
    },

    async stale() {
      const { persistedFolder: read } = await mutate("Save", { projectId: "1", type: "HOME", path: "Read" });
      await save("HOME", "Elsewhere");
      const input = { id: read.id, path: "Mine", expectedUpdatedAt: read.updatedAt };
      const { persistedFolder, userErrors } = await mutate("Rename", input);
      assert.equal(persistedFolder, null);
      assert.deepEqual(userErrors.map(({ code }) => code), ["STALE"]);
    },
  };
}

/** `status` is what the client's `Accept` header leads to; none where it is not HTTP that answers. */
export function refusals(ask, status) {
  return {
    async "without-key"() {
      const expected = { code: "UNAUTHENTICATED", path: ["viewer"], status: status && 200 };
      assert.deepEqual(await refused(ask, "Viewer", {}, { sent: {} }), expected);
    },

    async "variables-that-do-not-fit"() {
      const expected = { code: "BAD_USER_INPUT", path: undefined, status };
      assert.deepEqual(await refused(ask, "List", { surface: "TV" }), expected);
    },
  };
}

/** Of clients that do not know the schema. */
export function invalidDocuments(ask, status) {
  return {
    async "validation-error"() {
      const expected = { code: "GRAPHQL_VALIDATION_FAILED", path: undefined, status };
      assert.deepEqual(await refused(ask, "Invalid", {}), expected);
    },
  };
}

/** Of clients that read the answer whatever its status is. */
export function wrongKeys(ask) {
  return {
    async "wrong-key"() {
      const expected = { code: "UNAUTHENTICATED", path: undefined, status: 401 };
      assert.deepEqual(await refused(ask, "Viewer", {}, { sent: wrongHeaders }), expected);
    },
  };
}

async function refused(ask, name, variables, options) {
  const { data, errors, requests } = await ask(name, variables, options);
  assert.ok(data === null || data === undefined);
  return { code: errors[0].extensions.code, path: errors[0].path, status: requests?.[0].status };
}

export function subscriptions(follow) {
  return {
    async subscription() {
      const { changes, stop } = await follow();
      await changes.begin();
      for (const name of NAMES) await save("PINNED", name);
      assert.deepEqual([await changes.path(), await changes.path(), await changes.path()], NAMES);
      await stop();
    },
  };
}

export const types = (folders) => folders.map(({ type }) => type);
