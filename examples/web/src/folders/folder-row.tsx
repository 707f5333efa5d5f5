import { useEffect, useRef, useState } from "react";
import { Conflict } from "./conflict";
import { FolderForm } from "./folder-form";
import type { Folder } from "./names";
import { useFolderEdit } from "./use-folder-edit";

interface Props {
  name: string;
  folder: Folder | undefined;
  reload: () => Promise<unknown>;
}

export function FolderRow({ name, folder, reload }: Props) {
  const edit = useFolderEdit(folder, reload);
  const [firstSeen] = useState(folder?.updatedAt);
  const editButton = useFocusAfter<HTMLButtonElement>(edit.isOpen);
  return (
    <li className="folder" aria-busy={edit.isSaving}>
      <h3>{name}</h3>
      {edit.isOpen ? (
        <div className="editor">
          <FolderForm edit={edit} protocol={folder?.protocol ?? ""} />
          {edit.hasConflict && <Conflict edit={edit} theirs={folder} />}
        </div>
      ) : (
        <div className="value">
          {folder ? (
            <>
              {/* The key makes it a new element, whose highlight begins anew. */}
              <code key={folder.updatedAt} className={folder.updatedAt === firstSeen ? "" : "changed"}>
                {folder.protocol + folder.path}
              </code>
              <button
                ref={editButton}
                type="button"
                aria-label={`Edit ${name}`}
                aria-disabled={edit.isSaving}
                onClick={() => !edit.isSaving && edit.open(folder)}
              >
                {edit.isSaving ? "Saving…" : "Edit"}
              </button>
            </>
          ) : (
            <span className="hint">Not set</span>
          )}
        </div>
      )}
    </li>
  );
}

/** An element that gets the focus back when what stood in its place is closed. */
function useFocusAfter<Element extends HTMLElement>(isOpen: boolean) {
  const element = useRef<Element>(null);
  const wasOpen = useRef(isOpen);
  useEffect(() => {
    if (wasOpen.current && !isOpen) element.current?.focus();
    wasOpen.current = isOpen;
  }, [isOpen]);
  return element;
}
