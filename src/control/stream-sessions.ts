import { type RuntimeClient, type RuntimeResult, showTable } from '../runtime';
import { sessionsTable } from './apply';
import { serverOf } from './server-of';

/** Sessions by server, by stream. A server is named as people know it. */
export type StreamSessions = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** Reads who watches what from one HAProxy's table `sessions`. */
export interface StreamSessionsReader {
  /** As it was at most a second ago. One reading is under way at a time; whoever asks meanwhile gets the same. */
  read(): Promise<RuntimeResult<StreamSessions>>;
}

const goodForMs = 1000;
/** People wait for it. */
const timeoutMs = 3000;

export function createStreamSessions(options: {
  readonly client: RuntimeClient;
  readonly signal: AbortSignal;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}): StreamSessionsReader {
  const { client, signal, now } = options;
  let reading: Promise<RuntimeResult<StreamSessions>> | undefined;
  let forget: NodeJS.Timeout | undefined;
  let goodUntil = Number.NEGATIVE_INFINITY;

  async function start(): Promise<RuntimeResult<StreamSessions>> {
    const streams = new Map<string, Map<string, number>>();
    const counted = await showTable(client, sessionsTable, {
      signal,
      timeoutMs,
      keep(entry) {
        const server = serverOf(entry);
        // No stream's name holds the sign that ends it in a key.
        const end = entry.key.indexOf('|');
        if (server === undefined || end < 0) return false;
        const stream = entry.key.slice(0, end);
        const servers = streams.get(stream) ?? new Map<string, number>();
        streams.set(stream, servers.set(server, (servers.get(server) ?? 0) + 1));
        return false;
      },
    });
    goodUntil = now() + goodForMs;
    return counted.ok ? { ok: true, value: streams } : counted;
  }

  return {
    read() {
      if (reading !== undefined && now() < goodUntil) return reading;
      clearTimeout(forget);
      goodUntil = Number.POSITIVE_INFINITY;
      const begun = start();
      reading = begun;
      // A great table's counts are not held for nobody.
      const drop = () => {
        forget = setTimeout(() => {
          if (reading === begun) reading = undefined;
        }, goodForMs);
        forget.unref();
      };
      begun.then(drop, drop);
      return begun;
    },
  };
}
