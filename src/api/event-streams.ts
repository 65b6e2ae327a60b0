import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { EventLog, StoredEvent } from '../events';
import { beginFeed, createFeedPlaces } from '../http';

import type { Logger } from '../log';
import type { ApiStats } from './api-stats';
import type { EventFilter } from './parameters';

export type EventSource = Pick<EventLog, 'list' | 'subscribe'>;

export interface EventStreamsOptions {
  readonly events: EventSource;
  readonly stats: ApiStats;
  readonly log: Logger;
  /** Clients at a time; 64 when left out. */
  readonly maxClients?: number;
  /** Pause between two signs of life; 15 s when left out. */
  readonly heartbeatMs?: number;
}

/** The event streams (Server-Sent Events) that clients have open. */
export interface EventStreams {
  /**
   * Answers with the events from now on, or from after the id given; ends with the connection.
   * A client that does not read what it asked for is cut, and may go on where it was: each event has its id.
   * @param address of the client, as `addressKey` gives it.
   */
  serve(res: ServerResponse, address: string, filter: EventFilter, after: string | undefined): void;
  /** Ends all streams. */
  stop(): void;
}

const maxBufferedBytes = 256 * 1024;
const maxQueued = 5000;
const pageSize = 200;
/** What clients wait before they come again. */
const retryMs = 2000;

/** Makes the event streams of one HTTP server. */
export function createEventStreams(options: EventStreamsOptions): EventStreams {
  const { events, stats, log, maxClients = 64, heartbeatMs = 15_000 } = options;
  const places = createFeedPlaces({ most: maxClients });
  const { open } = places;

  function cut(res: ServerResponse): void {
    if (res.destroyed) return;
    stats.eventStreams.cut++;
    res.destroy();
  }

  function send(res: ServerResponse, text: string): void {
    if (res.writableLength > maxBufferedBytes) cut(res);
    else if (!res.destroyed && !res.writableEnded) res.write(text);
  }

  /** Sends at the client's own pace. */
  async function sendSlowly(res: ServerResponse, event: StoredEvent): Promise<void> {
    send(res, eventText(event));
    if (!res.writableNeedDrain || res.destroyed) return;
    const ending = new AbortController();
    const { signal } = ending;
    await Promise.race([once(res, 'drain', { signal }), once(res, 'close', { signal })]);
    ending.abort();
  }

  /** Everything kept after an id, page by page. @returns the id of the last. */
  async function replay(res: ServerResponse, filter: EventFilter, after: string): Promise<string> {
    let last = after;
    for (;;) {
      const page = await events.list({ ...filter, after: last, limit: pageSize });
      for (const event of page) {
        if (res.destroyed) return last;
        await sendSlowly(res, event);
        last = event.id;
      }
      if (page.length < pageSize) return last;
    }
  }

  return {
    serve(res, address, filter, after) {
      if (!places.admit(res, address)) return;
      stats.eventStreams.open = open.size;
      beginFeed(res, retryMs);

      const isWanted = matcherOf(filter);
      // Events that come while the kept ones are read, which they must not overtake.
      let queue: StoredEvent[] | undefined = after === undefined ? undefined : [];
      const unsubscribe = events.subscribe((event) => {
        if (!isWanted(event)) return;
        if (queue === undefined) send(res, eventText(event));
        else if (queue.length < maxQueued) queue.push(event);
        else cut(res);
      });
      const heartbeat = setInterval(() => send(res, ':\n\n'), heartbeatMs);
      heartbeat.unref();
      res.once('close', () => {
        unsubscribe();
        clearInterval(heartbeat);
        stats.eventStreams.open = open.size;
      });

      if (after === undefined) return;
      const catchUp = async (): Promise<void> => {
        const last = await replay(res, filter, after);
        for (let event = queue?.shift(); event !== undefined; event = queue?.shift()) {
          if (res.destroyed) return;
          if (event.id > last) await sendSlowly(res, event);
        }
        queue = undefined;
      };
      catchUp().catch((error: unknown) => {
        log.error({ err: error }, 'reading kept events failed');
        cut(res);
      });
    },
    stop() {
      for (const res of open) res.end();
    },
  };
}

/** One event as SSE has it. There is no `event:` line, so that a browser's `onmessage` gets every type. */
function eventText(event: StoredEvent): string {
  return `id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`;
}

function matcherOf({ types, stream, server }: EventFilter): (event: StoredEvent) => boolean {
  return ({ type, data }) =>
    (types === undefined || types.includes(type)) &&
    (stream === undefined || data['stream'] === stream) &&
    (server === undefined || data['server'] === server);
}
