import type { Settings } from '../config';
import type { Directory } from '../directory';
import {
  announcerFrom,
  createAnnouncedStreams,
  createStreamEvents,
  type EventLog,
  followsOnAnnounced,
  type StreamEvents,
  type StreamHolders,
} from '../events';
import type { Logger } from '../log';
import type { Store } from '../store';

/** Reports to the event log when streams start, end, move and conflict. */
export interface StreamWatch {
  readonly stats: StreamEvents['stats'];
  /** Streams that are live stay so: an agent that ends is no news of them. */
  stop(): Promise<void>;
}

// More events than this that wait for the store: it is given time.
const maxWaiting = 10_000;
const longestTickMs = 100;

/**
 * Watches the directory. Call it before the directory knows any server.
 * @throws Error when the store cannot be read.
 */
export async function watchStreams(
  settings: Settings,
  directory: Directory,
  { store, events }: { readonly store: Store; readonly events: EventLog },
  log: Logger,
): Promise<StreamWatch> {
  const startedAtMs = Date.now();
  const announced = createAnnouncedStreams({ store, events, log });
  // Where agents share a store that fails now, what was announced comes with the lead (see onLead).
  const before = await announced.load().catch((error: unknown) => {
    if (!store.isShared) throw error;
    return undefined;
  });
  const streams = createStreamEvents({
    endGraceMs: settings.events.endGrace,
    holdersOf: (stream) => holdersOf(directory, stream),
    hasSpoken: (server) => hasSpoken(directory, server),
    emit: events.emit,
    canEmit: () => events.stats.waiting < maxWaiting,
    whyGone: (server) => whyGone(directory, server),
    onAnnounced: (stream, value) => announced.note(stream, value),
    oldBeforeMs: before === undefined ? startedAtMs : undefined,
  });
  for (const [stream, value] of before ?? []) streams.restore(stream, value);
  events.onLead(async () => {
    const known = await announced.load();
    return announcerFrom(
      // Where nobody announced anything yet, what this process took as announced is the beginning.
      (event) => known === undefined || followsOnAnnounced(known, event),
      (admitted) => {
        if (known !== undefined) for (const stream of admitted) announced.note(stream, known.get(stream));
        streams.resume(known);
      },
    );
  });

  // A clock that nobody sets: the grace is as long as it says. It is the directory's own.
  const nowMs = (): number => performance.now();
  const unsubscribe = directory.onStreamChange(({ stream, serverKind }) => {
    // What is in a relay's store has no publisher: the relay itself tells who plays it.
    if (serverKind === 'mediamtx') streams.changed(stream, nowMs());
  });
  let isComplete = false;
  const giveUpAtMs = nowMs() + settings.directory.staleFor;
  const timer = setInterval(
    () => {
      if (!isComplete && hasEveryList(directory, nowMs() > giveUpAtMs)) {
        isComplete = true;
        streams.complete();
      }
      streams.tick(nowMs());
    },
    Math.max(10, Math.min(longestTickMs, settings.events.endGrace / 10)),
  );
  return {
    stats: streams.stats,
    async stop() {
      unsubscribe();
      clearInterval(timer);
      await announced.stop();
    },
  };
}

/** Every server that can be asked has said what it has; those that do not answer are waited for no longer than `staleFor`. */
function hasEveryList(directory: Directory, isLate: boolean): boolean {
  const slots = directory.slots();
  return slots.length > 0 && (directory.hasEveryList() || (isLate && directory.hasEvidence()));
}

function hasSpoken(directory: Directory, server: string): boolean {
  const slot = directory.slots().find(({ name }) => name === server);
  return slot === undefined || slot.health === 'ok';
}

function holdersOf(directory: Directory, stream: string): StreamHolders {
  const entry = directory.entry(stream);
  const rivals = entry?.rivals ?? [];
  return {
    holders: (entry?.holdings ?? [])
      .filter(({ slot }) => slot.fleet.kind === 'mediamtx')
      .map((holding) => ({
        server: holding.slot.name,
        isPulled: holding.report.feed === 'pulled',
        isRival: rivals.includes(holding),
        publisherSinceMs: holding.report.publisherSinceMs,
        seenAtMs: holding.seenAt,
        askedAtMs: holding.slot.inventoryAt ?? Number.NEGATIVE_INFINITY,
        evidence: entry?.isLookedUp === true ? 'lookup' : 'inventory',
      })),
    chosen: entry?.isFiller === true || entry?.kind === 'relay' ? undefined : entry?.chosen?.name,
    fillers: (entry?.fillers ?? []).map(({ slot }) => slot.name).sort(),
  };
}

function whyGone(directory: Directory, server: string): string {
  const slot = directory.slots().find(({ name }) => name === server);
  if (slot === undefined) return `${server} is no longer in haproxy.cfg`;
  if (slot.fleet.operational === 'DOWN') return `${server} is DOWN`;
  return slot.health === 'ok' ? 'its publisher left' : `${server} no longer reports it`;
}
