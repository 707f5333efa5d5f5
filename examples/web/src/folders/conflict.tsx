import type { Folder } from "./names";
import type { FolderEdit } from "./use-folder-edit";

interface Props {
  edit: FolderEdit;
  /** The folder as somebody else left it; undefined where it was deleted. */
  theirs: Folder | undefined;
}

export function Conflict({ edit, theirs }: Props) {
  return (
    <div role="alert" className="conflict">
      {theirs ? (
        <p>
          Changed elsewhere while you edited it. It is now <code>{theirs.protocol + theirs.path}</code>
        </p>
      ) : (
        <p>Deleted elsewhere while you edited it.</p>
      )}
      <div className="buttons">
        {theirs && (
          <button type="button" className="primary" onClick={() => void edit.overwrite()}>
            Overwrite with mine
          </button>
        )}
        <button type="button" onClick={edit.close}>
          {theirs ? "Take theirs" : "Close"}
        </button>
      </div>
    </div>
  );
}
