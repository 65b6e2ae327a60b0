import { mostFailovers } from '../api/schemas';
import type { Failover } from './client';
import type { Trigger } from './provider';

/** That one client went over from one source to another. */
export interface OneFailover {
  /** RFC 3339. */
  readonly time: string;
  /** As in the list of sources as it was then. */
  readonly from: Failover['from'];
  readonly to: Failover['to'];
  /** As sources are shown; undefined where they were in no list any more. */
  readonly fromUrl: string | undefined;
  readonly toUrl: string | undefined;
  readonly trigger: Trigger;
  readonly reason: string;
  readonly byteGapMs: number;
  readonly pictureGapMs: number | undefined;
  /** Its id. */
  readonly client: string;
}

/** What clients did together: of the gaps the longest, of clients the first. */
export interface PastFailover extends OneFailover {
  /** How many they were. */
  readonly clients: number;
}

/** The last failovers of each stream. */
export interface FailoverHistory {
  note(streamId: string, one: OneFailover): void;
  /** Newest first. */
  of(streamId: string): readonly PastFailover[];
  forget(streamId: string): void;
}

/** A provider that goes takes all its clients along, each in its own time. */
const togetherMs = 5000;

/** Makes the memory of a relay: the last 20 of a stream, for as many streams as had some last. */
export function createFailoverHistory(mostStreams = 1000): FailoverHistory {
  const byStream = new Map<string, readonly PastFailover[]>();

  return {
    note(streamId, one) {
      const before = byStream.get(streamId) ?? [];
      const at = before.findIndex((past) => isSame(past, one));
      const past = at === -1 ? undefined : before[at];
      const now =
        past === undefined
          ? [{ ...one, clients: 1 }, ...before].slice(0, mostFailovers)
          : before.with(at, together(past, one));
      byStream.delete(streamId);
      byStream.set(streamId, now);
      const [oldest] = byStream.keys();
      if (oldest !== undefined && byStream.size > mostStreams) byStream.delete(oldest);
    },
    of: (streamId) => byStream.get(streamId) ?? [],
    forget(streamId) {
      byStream.delete(streamId);
    },
  };
}

function isSame(past: PastFailover, one: OneFailover): boolean {
  return (
    past.from === one.from &&
    past.to === one.to &&
    past.trigger === one.trigger &&
    Date.parse(one.time) - Date.parse(past.time) < togetherMs
  );
}

function together(past: PastFailover, { byteGapMs, pictureGapMs }: OneFailover): PastFailover {
  const pictureGaps = [past.pictureGapMs, pictureGapMs].filter((gap) => gap !== undefined);
  return {
    ...past,
    byteGapMs: Math.max(past.byteGapMs, byteGapMs),
    pictureGapMs: pictureGaps.length === 0 ? undefined : Math.max(...pictureGaps),
    clients: past.clients + 1,
  };
}
