import { CombinedGraphQLErrors } from "@apollo/client/errors";
import { print } from "graphql";
import { createClient } from "graphql-ws";
import { authorization, ENDPOINT } from "../api/service";
import {
  FolderChangedDocument,
  type FolderChangedSubscription,
  type FolderChangedSubscriptionVariables,
} from "../gql/graphql";
import type { FolderChange } from "./with-change";

const QUERY = print(FolderChangedDocument);
const PING_MILLISECONDS = 10_000;
const PONG_MILLISECONDS = 5_000;

/**
 * The changes over one connection, until that ends: by an error, or because `signal` says so.
 * Throws what graphql-ws throws, too: a list of GraphQL errors, a close event, or an Error.
 */
export async function* subscribeOnce(
  apiKey: string,
  variables: FolderChangedSubscriptionVariables,
  onConnected: () => void,
  signal: AbortSignal,
): AsyncGenerator<FolderChange> {
  let silence: ReturnType<typeof setTimeout> | undefined;
  const client = createClient({
    url: ENDPOINT.href.replace(/^http/, "ws"),
    connectionParams: authorization(apiKey),
    // It would ask again with the same `after`: followChanges() knows a newer one.
    retryAttempts: 0,
    // A connection whose other end is gone says nothing; only a ping without a pong tells.
    keepAlive: PING_MILLISECONDS,
    on: {
      connected: onConnected,
      ping: (isFromService) => {
        if (!isFromService) silence = setTimeout(() => client.terminate(), PONG_MILLISECONDS);
      },
      pong: () => clearTimeout(silence),
    },
  });
  const stop = () => client.terminate();
  signal.addEventListener("abort", stop);
  try {
    for await (const { data, errors } of client.iterate<FolderChangedSubscription>({ query: QUERY, variables })) {
      if (errors) throw new CombinedGraphQLErrors({ errors });
      if (data) yield data.persistedFolderChanged;
    }
  } finally {
    clearTimeout(silence);
    signal.removeEventListener("abort", stop);
    await client.dispose();
  }
}
