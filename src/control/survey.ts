import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Directory, ServerSlot, StreamEntry } from '../directory';

/** What the directory knows of one server's streams. */
export interface ServerSurvey {
  /** Streams that are live there and on no other server that stays: usable, not drained, its API answering; the first hundred. */
  readonly onlyHere: readonly string[];
  readonly onlyHereCount: number;
  /** Sent to readers, over the streams that are live now. */
  readonly bytesSent: number;
}

/** A look at all streams, server by server; servers whose list was not known then are left out. */
export interface Survey {
  /** The last look; undefined before the first. */
  latest(): { readonly servers: ReadonlyMap<string, ServerSurvey>; readonly ageMs: number } | undefined;
  /** Looks, or waits for the look under way. With `ifDue`, only when the last one is a second old and has cost little. */
  look(when: 'now' | 'ifDue'): Promise<void>;
}

const mostListed = 100;
const periodMs = 1000;
/** A look may take a twentieth of the time. */
const rest = 20;
/** Streams looked at in one turn of the event loop: about a millisecond. */
const atOnce = 1000;

interface Counting {
  onlyHere: string[];
  onlyHereCount: number;
  bytesSent: number;
}

const nothing = (): Counting => ({ onlyHere: [], onlyHereCount: 0, bytesSent: 0 });

/** Whether a stream lives on without the other server: one that is drained is about to go as well, and one whose API fails may have lost it. */
function canTakeOver({ usable, health, fleet }: ServerSlot): boolean {
  return usable && health === 'ok' && fleet.administrative === 'ready';
}

type Holding = StreamEntry['holdings'][number];

/** A copy of a stream ends with what it is a copy of: it takes over from other copies, not from the publisher's server. */
function isSafeWithout({ slot, report }: Holding, holdings: readonly Holding[]): boolean {
  return holdings.some(
    (other) =>
      other.slot !== slot &&
      canTakeOver(other.slot) &&
      !(report.feed === 'publisher' && other.report.feed === 'pulled'),
  );
}

export function createSurvey(
  directory: Pick<Directory, 'streamNames' | 'entry' | 'slots'>,
  signal: AbortSignal,
  now: () => number,
): Survey {
  let last: { readonly servers: ReadonlyMap<string, ServerSurvey>; readonly at: number } | undefined;
  let dueAt = Number.NEGATIVE_INFINITY;
  let underWay: Promise<void> | undefined;

  async function look(): Promise<void> {
    const startedAt = now();
    // A server whose list is not known yet holds who knows what: it is not there, which is not the same as holding nothing.
    const listed = directory.slots().filter(({ inventoryAt }) => inventoryAt !== undefined);
    const servers = new Map(listed.map(({ name }) => [name, nothing()] as const));
    let seen = 0;
    for (const name of directory.streamNames()) {
      note(servers, name);
      if (++seen % atOnce !== 0) continue;
      await nextTurn();
      if (signal.aborted) return;
    }
    dueAt = now() + Math.max(periodMs, (now() - startedAt) * rest);
    last = { servers, at: startedAt };
  }

  function note(servers: Map<string, Counting>, name: string): void {
    const holdings = directory.entry(name)?.holdings ?? [];
    for (const holding of holdings) {
      const counting = servers.get(holding.slot.name);
      if (counting === undefined) continue;
      counting.bytesSent += holding.report.bytesSent;
      if (isSafeWithout(holding, holdings)) continue;
      counting.onlyHereCount++;
      if (counting.onlyHere.length < mostListed) counting.onlyHere.push(name);
    }
  }

  return {
    latest: () => (last === undefined ? undefined : { servers: last.servers, ageMs: now() - last.at }),
    async look(when) {
      if (underWay === undefined && when === 'ifDue' && now() < dueAt) return;
      underWay ??= look().finally(() => {
        underWay = undefined;
      });
      await underWay;
    },
  };
}
