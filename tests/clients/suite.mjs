// What the suites of all clients share. The argument of each is JSON: the service's address, a key, a folder for what is made.
import { inspect } from "node:util";

export const { address, key, artifacts } = JSON.parse(process.argv[2]);
export const url = `${address}/graphql`;
export const socketUrl = url.replace(/^http/, "ws");
export const headers = { Authorization: `Bearer ${key}` };
export const wrongHeaders = { Authorization: "Bearer phx_wrong" };

const PATIENCE = 120_000;
// How long a change may take to arrive before another is made.
const PAUSE = 200;
const BEGINNING = "Begin/";

/** By the names that the suites share. */
export const DOCUMENTS = {
  Viewer: "query Viewer { viewer { id email } }",
  Invalid: "query Invalid { viewer { phone } }",
  List: /* GraphQL */ `
    query List($project: ID, $surface: Surface = WEB) {
      persistedFolders(projectId: $project, surface: $surface) {
        nodes { id type path }
      }
    }
  `,
  Page: /* GraphQL */ `
    query Page($project: ID, $first: Int, $after: String) {
      persistedFolders(projectId: $project, first: $first, after: $after) {
        edges { cursor node { id type path } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      }
    }
  `,
  Save: /* GraphQL */ `
    mutation Save($input: UpsertPersistedFolderInput!) {
      upsertPersistedFolder(input: $input) {
        created
        persistedFolder { id type path updatedAt }
        userErrors { code field message }
      }
    }
  `,
  Rename: /* GraphQL */ `
    mutation Rename($input: UpdatePersistedFolderInput!) {
      updatePersistedFolder(input: $input) {
        persistedFolder { id path updatedAt }
        userErrors { code field message }
      }
    }
  `,
  Changes: /* GraphQL */ `
    subscription Changes($project: ID, $after: String) {
      persistedFolderChanged(projectId: $project, after: $after) {
        kind
        cursor
        persistedFolder { id type path }
      }
    }
  `,
};
export const TYPES = ["CUSTOM_PRODUCTS", "HOME", "PINNED"];

/** Runs each behaviour in turn and prints how it went, a line of JSON each. */
export async function run(behaviours) {
  for (const [name, behave] of Object.entries(behaviours)) {
    let timer;
    const patience = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`nothing for ${PATIENCE} ms`)), PATIENCE);
    });
    const failure = await Promise.race([behave(), patience]).then(
      () => null,
      (error) => inspect(error),
    );
    clearTimeout(timer);
    console.log(JSON.stringify({ name, failure }));
  }
  // Connections that a client keeps are no reason to stay.
  process.exit(0);
}

/** Saves a folder of project 1 by REST: what a client sees of it came from elsewhere. */
export async function save(type, path) {
  const response = await fetch(`${address}/api/projects/1/persisted_folder/`, {
    method: "POST",
    headers: { ...headers, "Content-Type": "application/json" },
    body: JSON.stringify({ type: type.toLowerCase(), path }),
  });
  if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
}

/** One folder of each type in project 1. */
export async function saveAll() {
  for (const type of TYPES) await save(type, `Of/${type}`);
}

/** A `fetch` that notes what went over it: the method, the status, and how the document was named. */
export function recording() {
  const requests = [];
  const record = async (input, options = {}) => {
    const target = new URL(input);
    const method = options.method ?? "GET";
    const sent = method === "GET" ? Object.fromEntries(target.searchParams) : JSON.parse(options.body);
    const extensions = typeof sent.extensions === "string" ? JSON.parse(sent.extensions) : (sent.extensions ?? {});
    const response = await fetch(input, options);
    const { status } = response;
    requests.push({ method, status, hasText: Boolean(sent.query), hash: extensions.persistedQuery?.sha256Hash });
    return response;
  };
  return { fetch: record, requests };
}

/** What a subscription brings, to be waited for. */
export class Changes {
  #items = [];
  #arrived = () => {};

  push(item) {
    this.#items.push(item);
    this.#arrived();
  }

  /** The next item; undefined where none comes for so long. */
  async next(milliseconds = PATIENCE) {
    if (this.#items.length === 0) {
      let timer;
      await new Promise((resolve) => {
        this.#arrived = resolve;
        timer = setTimeout(resolve, milliseconds);
      });
      clearTimeout(timer);
    }
    return this.#items.shift();
  }

  /** Saves until a change arrives, and returns it: nothing else tells that a subscription has begun. */
  async begin() {
    let change;
    for (let turn = 0; change === undefined; turn += 1) {
      await save("HOME", BEGINNING + turn);
      change = await this.next(PAUSE);
    }
    return changed(change);
  }

  /** The next change that was not made by `begin`. */
  async path() {
    for (;;) {
      const item = await this.next();
      if (item === undefined) throw new Error("no change arrived");
      const { path } = changed(item).persistedFolder;
      if (!path.startsWith(BEGINNING)) return path;
    }
  }
}

/** The change in an answer. */
export function changed({ data, errors }) {
  if (errors?.length) throw new Error(JSON.stringify(errors));
  return data.persistedFolderChanged;
}
