/** Where the service answers: below the page's own origin, see vite.config.ts and README.md. */
export const ENDPOINT = new URL("/graphql", location.href);

/** What goes with each request, and named alike into `connection_init` of a WebSocket. */
export function authorization(apiKey: string): { Authorization: string } {
  return { Authorization: `Bearer ${apiKey}` };
}
