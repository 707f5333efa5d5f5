import type { Fetcher, FetcherParams } from "@graphiql/toolkit";
import { type ExecutionResult, Kind, type OperationDefinitionNode, parse } from "graphql";
import { type Client, createClient, type SubscribePayload } from "graphql-ws";
import { authorization } from "./key";

/** The page is served where the operations go. */
const ENDPOINT = new URL(location.pathname, location.href);

/** Runs operations with a key: subscriptions over a WebSocket of their own, which `stop` ends, all else by POST. */
export function fetcherWith(key: string): { fetcher: Fetcher; stop: () => void } {
  const clients = new Set<Client>();
  const fetcher: Fetcher = (params) => {
    const operation = operationOf(params);
    const request = { ...params, operationName: operation?.name?.value };
    return operation?.operation === "subscription" ? subscribe(request, key, clients) : post(request, key);
  };
  return { fetcher, stop: () => clients.forEach((client) => void client.dispose()) };
}

/** GraphiQL's own idea of what runs is for a moment that of the tab before. */
function operationOf({ query, operationName }: FetcherParams): OperationDefinitionNode | undefined {
  try {
    const { definitions } = parse(query, { noLocation: true });
    const operations = definitions.filter((each) => each.kind === Kind.OPERATION_DEFINITION);
    return operations.length > 1 ? operations.find((each) => each.name?.value === operationName) : operations[0];
  } catch {
    // The service tells what is wrong, and where.
    return undefined;
  }
}

export async function post(params: FetcherParams, key: string): Promise<ExecutionResult> {
  const response = await fetch(ENDPOINT, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      Accept: "application/graphql-response+json, application/json;q=0.9",
      ...authorization(key),
    },
    body: JSON.stringify(params),
    credentials: "omit",
  });
  const type = response.headers.get("Content-Type") ?? "";
  if (!/json/.test(type)) throw new Error(`The service answered ${response.status} and no JSON.`);
  return (await response.json()) as ExecutionResult;
}

async function* subscribe(
  request: SubscribePayload,
  key: string,
  clients: Set<Client>,
): AsyncGenerator<ExecutionResult> {
  const url = new URL(ENDPOINT);
  url.protocol = url.protocol.replace("http", "ws");
  const client = createClient({ url: url.href, connectionParams: authorization(key), retryAttempts: 0 });
  clients.add(client);
  try {
    // What GraphiQL names so holds errors as they are sent, too.
    yield* client.iterate(request) as AsyncIterable<ExecutionResult>;
  } catch (error) {
    throw isClose(error) ? new Error(`The service closed the connection: ${error.code} ${error.reason}`) : error;
  } finally {
    clients.delete(client);
    await client.dispose();
  }
}

function isClose(error: unknown): error is CloseEvent {
  return typeof error === "object" && error !== null && "code" in error && "reason" in error;
}
