import {
  ConnectionHandler,
  commitMutation,
  type Disposable,
  type Environment,
  readInlineData,
  requestSubscription,
} from "relay-runtime";
import type {
  FolderList_folder$data,
  FolderList_folder$key,
  PersistedFolderType,
} from "./__generated__/FolderList_folder.graphql";
import type { FolderListQuery$variables } from "./__generated__/FolderListQuery.graphql";
import type { changesDeleteFolderMutation } from "./__generated__/changesDeleteFolderMutation.graphql";
import type { changesFolderSubscription } from "./__generated__/changesFolderSubscription.graphql";
import type { changesSaveFolderMutation } from "./__generated__/changesSaveFolderMutation.graphql";
import { DeleteFolderMutation, FolderSubscription, SaveFolderMutation } from "./changes";
import { FolderFragment } from "./FolderList";

export function label(folder: FolderList_folder$key): string {
  const { type, location, updatedAt } = readInlineData(FolderFragment, folder);
  return `${type}: ${location}, ${new Date(updatedAt).toLocaleString()}`;
}

function lists(viewerId: string): string[] {
  return [ConnectionHandler.getConnectionID(viewerId, "FolderList_persistedFolders")];
}

export function remove(environment: Environment, viewerId: string, id: string): Disposable {
  return commitMutation<changesDeleteFolderMutation>(environment, {
    mutation: DeleteFolderMutation,
    variables: { input: { id }, connections: lists(viewerId) },
  });
}

export function save(environment: Environment, viewerId: string, type: "HOME" | "PINNED", path: string): Disposable {
  return commitMutation<changesSaveFolderMutation>(environment, {
    mutation: SaveFolderMutation,
    variables: { input: { type, path }, connections: lists(viewerId) },
    onCompleted: ({ upsertPersistedFolder }) => upsertPersistedFolder.userErrors.map(({ message }) => message),
  });
}

export function follow(environment: Environment, projectId: string, show: (text: string) => void): Disposable {
  return requestSubscription<changesFolderSubscription>(environment, {
    subscription: FolderSubscription,
    variables: { projectId },
    onNext: (change) => {
      if (change) {
        const { kind, persistedFolder } = change.persistedFolderChanged;
        show(`${kind} ${label(persistedFolder)}`);
      }
    },
  });
}

// What must not compile. Types that have become `any` accept everything: then these lines are errors.

// @ts-expect-error the count is missing
export const withoutCount: FolderListQuery$variables = {};

// @ts-expect-error there is no such type
export const unknownType: PersistedFolderType = "RECENT";

// @ts-expect-error a time is text
export const wrongTime: FolderList_folder$data["updatedAt"] = 1;

// @ts-expect-error an id of the REST endpoints is text
export const wrongId: FolderList_folder$data["uuid"] = 1;
