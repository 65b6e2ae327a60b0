import type { Viewers } from '../viewers';
import type { PeersListener } from './touch';

export interface TableWatchOptions {
  readonly viewers: Viewers;
  /**
   * HAProxy got an answer for this stream from this server: called when that is another server than the last time, and else at most every
   * `againAfterMs`.
   */
  readonly onStream: (stream: string, server: string) => void;
  /** ms since 1970, on a clock that never goes back. */
  readonly nowMs: () => number;
  /** Default 2,000. */
  readonly againAfterMs?: number;
}

/** As haproxy.cfg names them. */
const sessionsTable = 'sessions';
const streamsTable = 'streams';
/** Streams whose last word is remembered. */
const maxStreams = 10_000;

/** Makes of what HAProxy's tables say what the project knows: viewers from `sessions`, evidence about streams from `streams`. */
export function createTableWatch(options: TableWatchOptions): PeersListener {
  const { viewers, onStream, nowMs, againAfterMs = 2000 } = options;
  const told = new Map<string, { readonly server: string; readonly atMs: number }>();

  function tellStream(stream: string, server: string): void {
    const now = nowMs();
    const last = told.get(stream);
    if (last?.server === server && now - last.atMs < againAfterMs) return;
    if (told.size >= maxStreams) told.clear();
    told.set(stream, { server, atMs: now });
    onStream(stream, server);
  }

  return {
    onTouch(touch) {
      const { table, key, serverName, idleMs } = touch;
      if (table === streamsTable) {
        if (touch.live && serverName !== undefined) tellStream(key, serverName);
      } else if (table === sessionsTable && idleMs !== undefined) {
        const { node, live, bytesOut } = touch;
        viewers.see({ node, key, serverName, idleMs, live, bytesOut }, nowMs());
      }
    },
    onNodeUp: ({ node }) => viewers.nodeUp(node, nowMs()),
    onNodeDown: (node) => viewers.nodeDown(node, nowMs()),
  };
}
