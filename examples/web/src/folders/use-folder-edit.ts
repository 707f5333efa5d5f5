import { useMutation } from "@apollo/client/react";
import { useState } from "react";
import { errorText } from "../api/error-text";
import { UpdateFolderDocument } from "../gql/graphql";
import type { Folder } from "./names";

interface Edit {
  path: string;
  /** The folder that the user has seen, and whose `updatedAt` the change is made on. */
  seen: Folder;
  isSaving: boolean;
  problem?: string;
}

/**
 * The state of one folder's editor; `folder` is what is known of it now, undefined where there is none.
 *
 * There is a conflict wherever that is no longer what the user has seen. The page may know it from the
 * subscription, before anything is saved. Where it does not, the service answers STALE, and `reload` brings
 * the folder as it is.
 */
export function useFolderEdit(folder: Folder | undefined, reload: () => Promise<unknown>) {
  const [edit, setEdit] = useState<Edit>();
  const [updateFolder] = useMutation(UpdateFolderDocument);

  /** Saves `path` in place of what is in `seen`. The page shows it at once, and what was there again if it fails. */
  async function save(path: string, seen: Folder) {
    setEdit({ path, seen, isSaving: true });
    try {
      const { data } = await updateFolder({
        variables: { input: { id: seen.id, path, expectedUpdatedAt: seen.updatedAt } },
        optimisticResponse: { updatePersistedFolder: { persistedFolder: { ...seen, path }, userErrors: [] } },
      });
      const refusal = data?.updatePersistedFolder.userErrors[0];
      if (!refusal) {
        setEdit(undefined);
      } else if (refusal.code === "STALE" || refusal.code === "NOT_FOUND") {
        await reload();
        setEdit({ path, seen, isSaving: false });
      } else {
        setEdit({ path, seen, isSaving: false, problem: refusal.message });
      }
    } catch (error) {
      setEdit({ path, seen, isSaving: false, problem: errorText(error) });
    }
  }

  const isOpen = edit !== undefined && !edit.isSaving;
  return {
    isOpen,
    isSaving: edit?.isSaving ?? false,
    hasConflict: isOpen && (folder?.id !== edit.seen.id || folder.updatedAt !== edit.seen.updatedAt),
    path: edit?.path ?? "",
    problem: edit?.problem,
    open: (seen: Folder) => setEdit({ path: seen.path, seen, isSaving: false }),
    change: (path: string) => edit && setEdit({ ...edit, path }),
    close: () => setEdit(undefined),
    save: () => edit && save(edit.path, edit.seen),
    /** Guarded as any change: it replaces what the user was shown, and nothing that came after. */
    overwrite: () => edit && folder && save(edit.path, folder),
  };
}

export type FolderEdit = ReturnType<typeof useFolderEdit>;
