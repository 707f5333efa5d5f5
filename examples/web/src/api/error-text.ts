import { CombinedGraphQLErrors, ServerError, ServerParseError } from "@apollo/client/errors";

/** What to tell a person. The service's own messages are written for people. */
export function errorText(error: unknown): string {
  if (CombinedGraphQLErrors.is(error)) return error.errors.map(({ message }) => message).join(" ");
  if (ServerError.is(error) || ServerParseError.is(error)) {
    return `The service could not answer (status ${String(error.statusCode)}).`;
  }
  return "The service cannot be reached.";
}
