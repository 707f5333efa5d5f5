// What a page of another origin does with the clients. drive.mjs calls it in a browser.
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { Client, fetchExchange } from "@urql/core";
import { createClient as createEventsClient } from "graphql-sse";
import { createClient as createSocketClient } from "graphql-ws";

const VIEWER = "query Viewer { viewer { id email } }";
const SAVE = "mutation Save($path: String!) { upsertPersistedFolder(input: { type: HOME, path: $path }) { persistedFolder { id path } } }";
const CHANGES = "subscription Changes { persistedFolderChanged { cursor persistedFolder { id path } } }";
const BEGINNING = "Begin/";
const PAUSE = 200;

async function sha256(text) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What became of each attempt: its outcome, or the name of the error. */
export async function attempt({ address, key }) {
  const url = `${address}/graphql`;
  const headers = { Authorization: `Bearer ${key}` };
  const apollo = (options, ...before) =>
    new ApolloClient({
      link: ApolloLink.from([...before, new HttpLink({ uri: url, headers, ...options })]),
      cache: new InMemoryCache(),
    });
  const email = async (client) => (await client.query({ query: gql(VIEWER) })).data.viewer.email;
  const save = (path) => apollo().mutate({ mutation: gql(SAVE), variables: { path } });

  /** The path of a change that was made while its subscriber waited. */
  async function follow(subscribe) {
    let arrived;
    const first = new Promise((resolve, reject) => (arrived = { resolve, reject }));
    const last = new Promise((resolve) => (arrived.last = resolve));
    subscribe({
      // Apollo hands on errors as answers too.
      next: ({ data, error }) => {
        if (error) return arrived.reject(error);
        arrived.resolve();
        const { path } = data.persistedFolderChanged.persistedFolder;
        if (!path.startsWith(BEGINNING)) arrived.last(path);
      },
      error: (error) => arrived.reject(error),
      complete: () => {},
    });
    let isFollowed = false;
    const begun = first.then(() => (isFollowed = true));
    for (let turn = 0; !isFollowed; turn += 1) {
      await save(BEGINNING + turn).catch(() => {});
      await Promise.race([begun, new Promise((resolve) => setTimeout(resolve, PAUSE))]);
    }
    await save("Here");
    return last;
  }

  const attempts = {
    post: () => email(apollo()),
    get: () => email(apollo({ useGETForQueries: true })),
    persisted: () => email(apollo({}, new PersistedQueryLink({ sha256, useGETForHashedQueries: true }))),
    mutation: async () => (await save("Elsewhere")).data.upsertPersistedFolder.persistedFolder.path,
    // A page that may not read an error only learns that something failed.
    wrongKey: async () => {
      const error = await email(apollo({ headers: { Authorization: "Bearer phx_wrong" } })).catch((reason) => reason);
      if (!CombinedGraphQLErrors.is(error)) throw error;
      return error.errors[0].extensions.code;
    },
    urql: async () => {
      const options = { url, fetchOptions: { headers }, preferGetMethod: true, exchanges: [fetchExchange] };
      const { data, error } = await new Client(options).query(VIEWER, {}).toPromise();
      if (error) throw error.networkError;
      return data.viewer.email;
    },
    socket: () => {
      const socket = createSocketClient({
        url: url.replace(/^http/, "ws"),
        connectionParams: headers,
        retryAttempts: 0,
      });
      const client = new ApolloClient({ link: new GraphQLWsLink(socket), cache: new InMemoryCache() });
      return follow((sink) => client.subscribe({ query: gql(CHANGES) }).subscribe(sink));
    },
    events: () => {
      const client = createEventsClient({ url, headers, retryAttempts: 0 });
      return follow((sink) => client.subscribe({ query: CHANGES }, sink));
    },
  };
  const outcome = {};
  for (const [name, run] of Object.entries(attempts)) {
    outcome[name] = await run().catch((error) => `failed: ${error.name}: ${error.message}`);
  }
  return outcome;
}
