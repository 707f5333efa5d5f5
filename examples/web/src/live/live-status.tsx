import { FOLDER_TYPES, SURFACES } from "../folders/names";
import type { Connection } from "./follow-changes";
import type { Live } from "./use-live-board";
import type { FolderChange } from "./with-change";

/** Whether changes arrive, and the last one that did. Screen readers say both when they change. */
export function LiveStatus({ connection, lastChange }: Live) {
  return (
    <div className="live" role="status">
      <span className={`badge ${connection.state}`}>{connectionText(connection)}</span>
      <span>{lastChange && changeText(lastChange)}</span>
    </div>
  );
}

function connectionText(connection: Connection): string {
  switch (connection.state) {
    case "connecting":
      return "Connecting…";
    case "live":
      return "Live";
    case "waiting":
      return "Not live: trying again soon";
    case "refused":
      return `Not live: ${connection.reason}`;
  }
}

function changeText({ kind, persistedFolder: { surface, type, protocol, path } }: FolderChange): string {
  const folder = `${SURFACES[surface]}, ${FOLDER_TYPES[type]}`;
  return kind === "DELETED" ? `${folder}: deleted` : `${folder}: now ${protocol}${path}`;
}
