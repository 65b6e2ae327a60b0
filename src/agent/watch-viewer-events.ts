import type { Settings } from '../config';
import {
  announcerFrom,
  createAnnouncedWatched,
  createViewerEvents,
  type EventLog,
  followsOnWatched,
  type ViewerEvents,
} from '../events';
import type { Logger } from '../log';
import type { Store } from '../store';
import type { ViewersWithOthers } from '../viewers';

/** Reports to the event log when streams are watched and unwatched, and, with `events.viewers`, of each viewer. */
export interface ViewerEventsWatch {
  /** Undefined until it begins. */
  readonly stats: ViewerEvents['stats'] | undefined;
  /** Begins. Call it in the turn in which the list of viewers begins, so that nobody is missed. */
  watch(viewers: ViewersWithOthers): void;
  /** Streams that are watched stay so: an agent that ends is no news of them. */
  stop(): Promise<void>;
}

// More events than this that wait for the store: it is given time.
const maxWaiting = 10_000;
const longestTickMs = 100;

/**
 * Reads what earlier processes announced.
 * @throws Error when the store cannot be read.
 */
export async function watchViewerEvents(
  settings: Settings,
  { store, events }: { readonly store: Store; readonly events: EventLog },
  log: Logger,
): Promise<ViewerEventsWatch> {
  const { unwatchedAfter, viewers: announcesViewers } = settings.events;
  const announced = createAnnouncedWatched({ store, events, log });
  // Where agents share a store that fails now, what was announced comes with the lead (see onLead).
  const before = await announced.load().catch((error: unknown) => {
    if (!store.isShared) throw error;
    return new Set<string>();
  });
  // A clock that nobody sets: the time is as long as it says.
  const nowMs = (): number => performance.now();
  const enoughAtMs = nowMs() + settings.directory.staleFor;
  let stats: ViewerEvents['stats'] | undefined;
  let resume: ((watched: ReadonlySet<string>) => void) | undefined;
  events.onLead(async () => {
    const known = await announced.load();
    return announcerFrom(
      (event) => followsOnWatched(known, event),
      (admitted) => {
        for (const stream of admitted) announced.note(stream, known.has(stream));
        resume?.(known);
      },
    );
  });
  let unsubscribe: (() => void) | undefined;
  let timer: NodeJS.Timeout | undefined;

  function tick(viewers: ViewersWithOthers, audience: ViewerEvents, isComplete: boolean): void {
    const isCompleteNow = isComplete || hasEveryNode(viewers);
    if (isCompleteNow && !isComplete) audience.complete(nowMs());
    audience.tick(nowMs());
    timer = setTimeout(
      () => tick(viewers, audience, isCompleteNow),
      Math.max(10, Math.min(longestTickMs, unwatchedAfter / 10)),
    );
  }

  /** Every HAProxy has sent what its table holds; those that are not there are waited for no longer than `staleFor`. */
  function hasEveryNode(viewers: ViewersWithOthers): boolean {
    const up = viewers.nodes().filter(({ isUp }) => isUp).length;
    return up >= Math.max(1, nowMs() > enoughAtMs ? 1 : settings.haproxy.nodes.length);
  }

  return {
    get stats() {
      return stats;
    },
    watch(viewers) {
      const audience = createViewerEvents({
        unwatchedAfterMs: unwatchedAfter,
        announcesViewers,
        viewersOf: (stream) => viewers.stream(stream)?.viewers ?? 0,
        emit: events.emit,
        canEmit: () => events.stats.waiting < maxWaiting,
        onAnnounced: (stream, isWatched) => announced.note(stream, isWatched),
      });
      stats = audience.stats;
      for (const stream of before) audience.restore(stream);
      resume = (watched) => audience.resume(watched);
      const unsubscribes = [
        viewers.onChange((change) => audience.changed(change, nowMs())),
        viewers.onOthers((stream) => audience.recounted(stream, nowMs())),
      ];
      unsubscribe = () => {
        for (const end of unsubscribes) end();
      };
      tick(viewers, audience, false);
    },
    async stop() {
      unsubscribe?.();
      clearTimeout(timer);
      await announced.stop();
    },
  };
}
