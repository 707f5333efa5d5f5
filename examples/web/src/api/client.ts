import { ApolloClient, HttpLink, InMemoryCache } from "@apollo/client";
import { authorization, ENDPOINT } from "./service";

/** Queries and mutations. Objects are cached by `id`, so a folder that a mutation returns is up to date everywhere. */
export function makeClient(apiKey: string): ApolloClient {
  return new ApolloClient({
    link: new HttpLink({ uri: ENDPOINT.href, headers: authorization(apiKey), credentials: "omit" }),
    cache: new InMemoryCache(),
  });
}
