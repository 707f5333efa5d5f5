import type { ResultOf, TypedDocumentNode, VariablesOf } from "@graphql-typed-document-node/core";
import { type FragmentType, useFragment } from "./gql";
import type { PersistedFolderType, UserErrorCode } from "./gql/graphql";
import { FolderChanged, FolderFields, FolderPage, SaveFolder } from "./operations";

/** Whatever client carries the documents: graphql-request, urql and Apollo Client all take them as they are. */
export interface Client {
  request<Result, Variables>(document: TypedDocumentNode<Result, Variables>, variables: Variables): Promise<Result>;
  subscribe<Result, Variables>(
    document: TypedDocumentNode<Result, Variables>,
    variables: Variables,
  ): AsyncIterable<Result>;
}

const titles: Record<PersistedFolderType, string> = {
  HOME: "Home",
  PINNED: "Pinned",
  CUSTOM_PRODUCTS: "Custom products",
};

export function label(folder: FragmentType<typeof FolderFields>): string {
  const { type, location, updatedAt } = useFragment(FolderFields, folder);
  return `${titles[type]}: ${location}, ${new Date(updatedAt).toLocaleString()}`;
}

export async function labels(client: Client): Promise<string[]> {
  const found: string[] = [];
  let after: string | null = null;
  do {
    const page: ResultOf<typeof FolderPage> = await client.request(FolderPage, { count: 50, after });
    const { edges, pageInfo } = page.viewer.persistedFolders;
    found.push(...edges.map(({ node }) => label(node)));
    after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  } while (after !== null);
  return found;
}

export async function save(client: Client, input: VariablesOf<typeof SaveFolder>["input"]): Promise<UserErrorCode[]> {
  const { upsertPersistedFolder } = await client.request(SaveFolder, { input });
  return upsertPersistedFolder.userErrors.map(({ code }) => code);
}

export async function* changes(client: Client, projectId: number): AsyncGenerator<string> {
  for await (const { persistedFolderChanged } of client.subscribe(FolderChanged, { projectId })) {
    yield `${persistedFolderChanged.kind} ${label(persistedFolderChanged.persistedFolder)}`;
  }
}

// What must not compile. Types that have become `any` accept everything: then these lines are errors.

// @ts-expect-error the type is missing
export const withoutType: VariablesOf<typeof SaveFolder>["input"] = { path: "Growth" };

// @ts-expect-error there is no such type
export const unknownType: PersistedFolderType = "RECENT";

// @ts-expect-error a time is text
export const wrongTime: ResultOf<typeof FolderFields>["updatedAt"] = 1;

// @ts-expect-error an id of the REST endpoints is text
export const wrongId: ResultOf<typeof FolderFields>["uuid"] = 1;

// @ts-expect-error the folder may be null
export const notNull: object = ({} as ResultOf<typeof SaveFolder>).upsertPersistedFolder.persistedFolder;
