import { useQuery } from "@apollo/client/react";
import { Problem } from "../api/problem";
import { FolderBoardDocument } from "../gql/graphql";
import { LiveStatus } from "../live/live-status";
import { useLiveBoard } from "../live/use-live-board";
import { SurfaceColumn } from "./surface-column";

interface Props {
  project: string;
  apiKey: string;
}

/** The folders of both surfaces side by side, kept up to date. */
export function Board({ project, apiKey }: Props) {
  const { data, error, refetch } = useQuery(FolderBoardDocument, {
    variables: { project },
    // Who asks again wants to know what is so now: the answer to a request that is under way may be older.
    context: { queryDeduplication: false },
  });
  const live = useLiveBoard(project, apiKey, refetch);
  return (
    <>
      <LiveStatus {...live} />
      {error && <Problem error={error} onRetry={() => void refetch()} />}
      {data ? (
        <div className="board">
          <SurfaceColumn surface="WEB" folders={data.web.nodes} reload={refetch} />
          <SurfaceColumn surface="DESKTOP" folders={data.desktop.nodes} reload={refetch} />
        </div>
      ) : (
        !error && <p role="status">Loading folders…</p>
      )}
    </>
  );
}
