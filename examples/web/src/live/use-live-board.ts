import { useApolloClient } from "@apollo/client/react";
import { useEffect, useState } from "react";
import { FolderBoardDocument } from "../gql/graphql";
import { type Connection, followChanges } from "./follow-changes";
import { type FolderChange, withChange } from "./with-change";

export interface Live {
  connection: Connection;
  lastChange: FolderChange | undefined;
}

/** Keeps a project's board in the cache up to date, for as long as the component is there. */
export function useLiveBoard(project: string, apiKey: string, reload: () => Promise<unknown>): Live {
  const { cache } = useApolloClient();
  const [connection, setConnection] = useState<Connection>({ state: "connecting" });
  const [lastChange, setLastChange] = useState<FolderChange>();
  useEffect(() => {
    const stopping = new AbortController();
    const onChange = (change: FolderChange) => {
      const board = { query: FolderBoardDocument, variables: { project } };
      cache.updateQuery(board, (known) => known && withChange(known, change));
      setLastChange(change);
    };
    void followChanges(project, apiKey, { onConnection: setConnection, onGap: reload, onChange }, stopping.signal);
    return () => stopping.abort();
  }, [cache, project, apiKey, reload]);
  return { connection, lastChange };
}
