import type { ServerResponse } from 'node:http';
import type { StoredEvent } from '../events';
import { beginFeed, createFeedPlaces, type HeavyWork, type Steps } from '../http';

import type { EventSource } from './event-streams';

export interface DashboardFeedOptions {
  /** What every open page is told each time, as JSON. */
  readonly snapshot: () => Steps<string>;
  /** How many servers it has. */
  readonly serverCount: () => number;
  readonly work: Pick<HeavyWork, 'run'>;
  readonly events: EventSource | undefined;
  /** Pages at a time; 64 when left out. */
  readonly maxPages?: number;
  /** Pause between two snapshots; 1 s when left out. */
  readonly periodMs?: number;
}

/** One connection a page, over which it hears everything: a browser allows six of them to one host. */
export interface DashboardFeed {
  /**
   * Answers with snapshots (`event: now`) and what happens (`event: happened`), until the page closes it.
   * @param address of the page, as `addressKey` gives it.
   */
  serve(res: ServerResponse, address: string): Promise<void>;
  stop(): void;
}

const retryMs = 1000;
/** What a page may leave unread before snapshots pass it by, and before it is cut: events cannot be left out. */
const slowBytes = 256 * 1024;
const deadBytes = 1024 * 1024;
/** Servers for which a snapshot a second is little work; with more, they come less often. */
const serversASecond = 100;

/** Makes the feed; it works only while a page is open. */
export function createDashboardFeed(options: DashboardFeedOptions): DashboardFeed {
  const { snapshot, serverCount, work, events, maxPages = 64, periodMs = 1000 } = options;
  const places = createFeedPlaces({ most: maxPages });
  const { open } = places;
  let timer: NodeJS.Timeout | undefined;
  let unsubscribe: (() => void) | undefined;
  /** The snapshot in the making; pages that come meanwhile share it. */
  let making: Promise<string> | undefined;

  function now(): Promise<string> {
    making ??= work
      .run(snapshot())
      .then((json) => `event: now\ndata: ${json ?? 'null'}\n\n`)
      .finally(() => {
        making = undefined;
      });
    return making;
  }

  async function tell(): Promise<void> {
    try {
      const text = await now();
      for (const res of open) if (res.writableLength < slowBytes) res.write(text);
    } finally {
      if (open.size > 0) plan();
    }
  }

  function plan(): void {
    clearTimeout(timer);
    // A snapshot that cannot be made is missed, and the next page that opens gets to know why.
    timer = setTimeout(
      () => void tell().catch(() => undefined),
      periodMs * Math.max(1, Math.ceil(serverCount() / serversASecond)),
    );
  }

  function pass(event: StoredEvent): void {
    const text = `event: happened\nid: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`;
    for (const res of open) {
      if (res.writableLength > deadBytes) res.destroy();
      else res.write(text);
    }
  }

  function end(): void {
    clearTimeout(timer);
    unsubscribe?.();
    unsubscribe = undefined;
  }

  return {
    async serve(res, address) {
      const isFirst = open.size === 0;
      if (!places.admit(res, address)) return;
      beginFeed(res, retryMs);
      if (isFirst) {
        unsubscribe ??= events?.subscribe(pass);
        plan();
      }
      res.once('close', () => {
        if (open.size === 0) end();
      });
      const text = await now();
      if (open.has(res)) res.write(text);
    },
    stop() {
      end();
      for (const res of open) res.end();
    },
  };
}
