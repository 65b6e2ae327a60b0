import type { Logger } from '../log';
import { type RuntimeClient, showTable } from '../runtime';
import type { Viewers } from './viewers';

export interface TablePollOptions {
  /** What the HAProxy is called. */
  readonly node: string;
  readonly client: RuntimeClient;
  readonly viewers: Viewers;
  readonly log: Logger;
  /** ms since 1970, on a clock that never goes back. */
  readonly nowMs: () => number;
  /** Pause between two looks, longer where a look takes long. Default 2,000. */
  readonly intervalMs?: number;
}

export interface TablePollStats {
  polls: number;
  failures: number;
}

export interface TablePoll {
  start(): void;
  /** Gives up what is under way; nothing is seen afterwards. */
  stop(): Promise<void>;
  readonly stats: TablePollStats;
}

/** At most a twentieth of the time is spent reading. */
const pausePerLook = 19;

/** Reads the table `sessions` of one HAProxy again and again, where no peers link brings it. */
export function createTablePoll(options: TablePollOptions): TablePoll {
  const { node, client, viewers, log, nowMs, intervalMs = 2000 } = options;
  const stats: TablePollStats = { polls: 0, failures: 0 };
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  /** The table's `expire`, which `show table` does not tell: an entry in use comes close to it. */
  let expireMs = 0;
  let isFirst = true;
  let lastError: string | undefined;

  async function look(): Promise<void> {
    stats.polls++;
    const started = nowMs();
    const table = await showTable(client, 'sessions', { signal: stopping.signal });
    if (stopping.signal.aborted) return;
    if (table.ok) {
      const now = nowMs();
      for (const { expiresInMs } of table.value) expireMs = Math.max(expireMs, expiresInMs);
      for (const { key, serverKey, expiresInMs } of table.value) {
        const idleMs = expireMs - expiresInMs;
        viewers.see({ node, key, serverName: serverKey, idleMs, live: !isFirst, bytesOut: undefined }, now);
      }
      viewers.nodeUp(node, now);
      isFirst = false;
      lastError = undefined;
    } else {
      stats.failures++;
      viewers.nodeDown(node, nowMs());
      if (lastError !== table.error.reason)
        log.warn({ node, reason: table.error.reason }, `viewers: ${table.error.message}`);
      lastError = table.error.reason;
    }
    timer = setTimeout(
      () => {
        running = look();
      },
      Math.max(intervalMs, pausePerLook * (nowMs() - started)),
    );
  }

  return {
    stats,
    start() {
      if (running === undefined && !stopping.signal.aborted) running = look();
    },
    async stop() {
      stopping.abort();
      clearTimeout(timer);
      await running;
    },
  };
}
