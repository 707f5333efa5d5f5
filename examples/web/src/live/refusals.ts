import { CombinedGraphQLErrors } from "@apollo/client/errors";
import type { GraphQLFormattedError } from "graphql";

/** Close codes of graphql-transport-ws that a new connection would only repeat: the key, or a mistake of the page's. */
const LASTING_CLOSE_CODES = [4400, 4401, 4403, 4406];
const PASSING_ERRORS: unknown[] = ["INTERNAL_SERVER_ERROR", "RATE_LIMITED", "TIMEOUT", "UNAVAILABLE"];

/** Why it is of no use to connect again; undefined where it is. */
export function refusalOf(thrown: unknown): string | undefined {
  const [error] = graphqlErrors(thrown);
  if (error) return PASSING_ERRORS.includes(error.extensions?.code) ? undefined : error.message;
  return thrown instanceof CloseEvent && LASTING_CLOSE_CODES.includes(thrown.code) ? thrown.reason : undefined;
}

/** What is asked for without a cursor is no bad input, so it must be the cursor. */
export function isUnknownCursor(thrown: unknown): boolean {
  return graphqlErrors(thrown).some(({ extensions }) => extensions?.code === "BAD_USER_INPUT");
}

/** Of one event, or a list of them where the service refused the subscription. */
function graphqlErrors(thrown: unknown): readonly GraphQLFormattedError[] {
  if (CombinedGraphQLErrors.is(thrown)) return thrown.errors;
  return Array.isArray(thrown) ? (thrown as GraphQLFormattedError[]) : [];
}
