import { pause } from "./pause";
import { isUnknownCursor, refusalOf } from "./refusals";
import { subscribeOnce } from "./subscribe-once";
import type { FolderChange } from "./with-change";

export type Connection =
  /** `waiting` until it is live again: who listens to a screen reader need not hear of each attempt. */
  | { state: "connecting" | "live" | "waiting" }
  /** Trying again would change nothing: the key was refused, or may not read here. */
  | { state: "refused"; reason: string };

interface Listener {
  onConnection: (connection: Connection) => void;
  /** Called where changes may have gone unseen: reads the whole board. The changes that come meanwhile wait for it. */
  onGap: () => Promise<unknown>;
  onChange: (change: FolderChange) => void;
}

const FIRST_WAIT_MILLISECONDS = 500;
const LONGEST_WAIT_MILLISECONDS = 30_000;

/** Follows the folders of a project until `signal` says to stop, over as many connections as that takes. */
export async function followChanges(project: string, apiKey: string, listener: Listener, signal: AbortSignal) {
  // Of the last change that was seen: the next connection begins with what was missed since.
  let cursor: string | null = null;
  let failures = 0;
  listener.onConnection({ state: "connecting" });
  while (!signal.aborted) {
    const started = Date.now();
    const attempt = new AbortController();
    let board: Promise<unknown> = Promise.resolve();
    const onConnected = () => {
      listener.onConnection({ state: "live" });
      if (cursor !== null) return;
      board = listener.onGap();
      board.catch(() => attempt.abort());
    };
    try {
      const signals = AbortSignal.any([signal, attempt.signal]);
      for await (const change of subscribeOnce(apiKey, { project, after: cursor }, onConnected, signals)) {
        await board;
        listener.onChange(change);
        cursor = change.cursor;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (cursor !== null && isUnknownCursor(error)) {
        // The service keeps changes for an hour.
        cursor = null;
        continue;
      }
      const reason = refusalOf(error);
      if (reason !== undefined) {
        listener.onConnection({ state: "refused", reason });
        return;
      }
    }
    failures = Date.now() - started > LONGEST_WAIT_MILLISECONDS ? 0 : failures + 1;
    listener.onConnection({ state: "waiting" });
    await pause(waitAfter(failures), signal);
  }
}

/** Longer each time, and not the same for all pages that lost the same service. */
function waitAfter(failures: number): number {
  const longest = Math.min(FIRST_WAIT_MILLISECONDS * 2 ** failures, LONGEST_WAIT_MILLISECONDS);
  return longest * (0.5 + Math.random() / 2);
}
