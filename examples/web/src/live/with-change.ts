import type { FolderBoardQuery, FolderChangedSubscription } from "../gql/graphql";

export type FolderChange = FolderChangedSubscription["persistedFolderChanged"];

const LISTS = { WEB: "web", DESKTOP: "desktop" } as const;

/** The board after a change. What the page knows already, from a mutation or a later list, stays. */
export function withChange(board: FolderBoardQuery, { kind, persistedFolder: folder }: FolderChange): FolderBoardQuery {
  const list = LISTS[folder.surface];
  const { nodes } = board[list];
  const known = nodes.find(({ id }) => id === folder.id);
  // Times are in UTC and of one length, so they sort as texts; each change of a folder has its own, later one.
  if (kind !== "DELETED" && known && known.updatedAt >= folder.updatedAt) return board;
  const others = nodes.filter(({ id, type }) => id !== folder.id && (kind === "DELETED" || type !== folder.type));
  return { ...board, [list]: { ...board[list], nodes: kind === "DELETED" ? others : [...others, folder] } };
}
