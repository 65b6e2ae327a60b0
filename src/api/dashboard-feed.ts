import type { ServerResponse } from 'node:http';
import type { StoredEvent } from '../events/event';
import type { EventSource } from './event-streams';
import { respondProblem } from './problem';
import { toJson } from './respond';

export interface DashboardFeedOptions {
  /** What every open page is told each time. */
  readonly snapshot: () => { readonly servers: readonly unknown[] };
  readonly events: EventSource | undefined;
  /** Pages at a time; 64 when left out. */
  readonly maxPages?: number;
  /** Pause between two snapshots; 1 s when left out. */
  readonly periodMs?: number;
}

/** One connection a page, over which it hears everything: a browser allows six of them to one host. */
export interface DashboardFeed {
  /** Answers with snapshots (`event: now`) and what happens (`event: happened`), until the page closes it. */
  serve(res: ServerResponse): void;
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
  const { snapshot, events, maxPages = 64, periodMs = 1000 } = options;
  const open = new Set<ServerResponse>();
  let timer: NodeJS.Timeout | undefined;
  let unsubscribe: (() => void) | undefined;

  function tell(): void {
    const now = snapshot();
    const text = nowText(now);
    for (const res of open) if (res.writableLength < slowBytes) res.write(text);
    timer = setTimeout(tell, periodMs * Math.max(1, Math.ceil(now.servers.length / serversASecond)));
  }

  function pass(event: StoredEvent): void {
    const text = `event: happened\nid: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`;
    for (const res of open) {
      if (res.writableLength > deadBytes) res.destroy();
      else res.write(text);
    }
  }

  function begin(): void {
    timer = setTimeout(tell, periodMs);
    unsubscribe = events?.subscribe(pass);
  }

  function end(): void {
    clearTimeout(timer);
    unsubscribe?.();
    unsubscribe = undefined;
  }

  return {
    serve(res) {
      if (open.size >= maxPages) {
        respondProblem(res, 'TooManyStreams', { detail: `${maxPages} pages are open; close one.` });
        return;
      }
      res.writeHead(200, [
        'content-type',
        'text/event-stream',
        'cache-control',
        'no-store',
        'x-content-type-options',
        'nosniff',
        'x-accel-buffering',
        'no',
      ]);
      res.write(`retry: ${retryMs}\n\n${nowText(snapshot())}`);
      if (open.size === 0) begin();
      open.add(res);
      res.once('close', () => {
        open.delete(res);
        if (open.size === 0) end();
      });
    },
    stop() {
      end();
      for (const res of open) res.end();
    },
  };
}

function nowText(snapshot: unknown): string {
  return `event: now\ndata: ${toJson(snapshot)}\n\n`;
}
