import type { PathReport } from '../mediamtx';
import type { HolderPolicy } from './holder-policy';
import type { Holding, KeptReport, ServerSlot, StreamEntry } from './server-slot';
import { createStreamTable } from './stream-columns';
import type { EvidenceSource, StreamChange } from './views';

/**
 * Who holds what, over all servers, and where operators want it.
 *
 * Questions (a list, a single one) are numbered when they are asked, and of two answers about a stream on a server that to the later
 * question counts, whatever their order of arrival: a list that was asked before a hook came does not undo what the hook brought.
 */
export interface StreamIndex {
  /** The server whose decision can be given at once; undefined where the entry must be looked at, or there is none. */
  quick(stream: string): ServerSlot | undefined;
  get(stream: string): StreamEntry | undefined;
  /** Streams that somebody holds. */
  names(): IterableIterator<string>;
  readonly size: number;
  /** Streams of policy `newest` that more than one server claims. */
  contested(): IterableIterator<StreamEntry>;
  holds(slot: ServerSlot, stream: string): boolean;
  /** How `slot` told of a stream after its last list; undefined when that list says all. */
  told(slot: ServerSlot, stream: string): { readonly source: EvidenceSource; readonly askedAt: number } | undefined;

  route(stream: string): string | undefined;
  routes(): IterableIterator<readonly [stream: string, server: string]>;

  /** A server of the fleet; must come before all else about it. */
  join(slot: ServerSlot): void;
  /** @param isReplaced another slot has joined under the same name: what operators want of it stays. */
  leave(slot: ServerSlot, isReplaced: boolean): void;
  /** The number of a question that is asked now. */
  ask(): number;
  /** Begins to take over a list of `slot`; lists of other servers may come in at the same time. */
  list(slot: ServerSlot, askedAt: number): ListRound;
  /** Takes over the answer to one question about one stream: a report, or undefined where `slot` has not got it live. */
  hear(slot: ServerSlot, stream: string, report: PathReport | undefined, asked: Asked): void;
  /** Nothing is known of what `slot` holds any more. */
  clear(slot: ServerSlot): void;
  /** Chooses again for everything on `slot`, after its usability changed. */
  rechoose(slot: ServerSlot): void;

  readonly overrideCount: number;
  /** The server that an operator chose, usable or not. */
  overrideOf(stream: string): string | undefined;
  setOverride(stream: string, server: string | undefined): void;
}

/** A single question about a stream. */
export interface Asked {
  readonly question: number;
  readonly source: Exclude<EvidenceSource, 'inventory'>;
  /** Monotonic ms. */
  readonly askedAt: number;
}

/**
 * One list of one server while it comes in. Figures of streams that the server already held are taken over at once; what came and
 * what went changes only with `finish`, in one turn, so that half a list changes nothing.
 */
export interface ListRound {
  note(report: PathReport): void;
  /** @returns false when the server was given up meanwhile, so that the list is not whole any more; nothing has changed then. */
  finish(): boolean;
}

/** Who is told of changes: in the same turn, when the change is complete. None may throw. */
export interface IndexListeners {
  /** Streams of one list that were refused, because `maxStreams` was reached. */
  refused(count: number): void;
  changed(change: StreamChange): void;
  routed(stream: string): void;
  overrideGone(stream: string, server: string): void;
}

interface Override {
  readonly server: string;
  /** The server held the stream at some time since the order. */
  wasHeld: boolean;
}

const maxServers = 0xffff;
// Bounded by the budget of single questions and the time between two lists; more than that come only if lists fail.
const maxDenied = 1_000;

/**
 * @param policyOf asked once for each stream that comes.
 * @param maxStreams streams that are not yet known are refused above this number.
 */
export function createStreamIndex(
  policyOf: (stream: string) => HolderPolicy,
  maxStreams: number,
  listeners: IndexListeners,
): StreamIndex {
  const table = createStreamTable();
  const { columns } = table;
  /** Second and further holders, which few streams have. */
  const others = new Map<number, Holding[]>();
  const contested = new Set<number>();
  const overrides = new Map<number, Override>();
  /** By number; the first place is nobody's. */
  const slots: (ServerSlot | undefined)[] = [undefined];
  const freeNumbers: number[] = [];
  const byServer = new Map<string, ServerSlot>();
  let lastQuestion = 0;
  let heldStreams = 0;

  function holdingsOf(row: number): Holding[] {
    const slot = slots[columns.holder[row] ?? 0];
    if (slot === undefined) return [];
    const seenAt = columns.seenAt[row] ?? 0;
    const question = columns.question[row] ?? 0;
    return [{ slot, report: table.read(row), seenAt, question }, ...(others.get(row) ?? [])];
  }

  function chosenOf(row: number): ServerSlot | undefined {
    if (others.size > 0 && others.has(row)) return newestUsable(holdingsOf(row));
    const slot = slots[columns.holder[row] ?? 0];
    return slot?.usable === true ? slot : undefined;
  }

  function movedTo(row: number): ServerSlot | undefined {
    if (overrides.size === 0) return undefined;
    const slot = byServer.get(overrides.get(row)?.server ?? '');
    return slot?.usable === true ? slot : undefined;
  }

  function isShared(row: number): boolean {
    return (
      columns.isSpread[row] === 1 && others.has(row) && holdingsOf(row).filter(({ slot }) => slot.usable).length > 1
    );
  }

  function entryOf(row: number, name: string): StreamEntry {
    const chosen = chosenOf(row);
    return {
      name,
      policy: columns.isSpread[row] === 1 ? 'spread' : 'newest',
      holdings: holdingsOf(row),
      chosen,
      moved: movedTo(row),
      isLookedUp: chosen?.index.told.get(row)?.source === 'lookup',
    };
  }

  /** Brings route and decision up to date after a change of a row, and lets the row go when nothing is left in it. */
  function settle(row: number): void {
    const name = columns.names[row];
    if (name === undefined) return;
    const moved = movedTo(row);
    const slot = moved ?? (isShared(row) ? undefined : chosenOf(row));
    const before = slots[columns.route[row] ?? 0]?.name;
    columns.route[row] = slot?.index.number ?? 0;
    const isLookedUp = moved === undefined && slot?.index.told.get(row)?.source === 'lookup';
    columns.quick[row] = isLookedUp ? 0 : (slot?.index.number ?? 0);
    if (columns.isSpread[row] === 0 && others.has(row)) contested.add(row);
    else contested.delete(row);
    if (columns.holder[row] === 0 && !overrides.has(row)) {
      table.release(row);
    }
    if (slot?.name !== before) listeners.routed(name);
  }

  function rowFor(name: string): number {
    const known = table.find(name);
    if (known >= 0) return known;
    const row = table.claim(name);
    columns.isSpread[row] = policyOf(name) === 'spread' ? 1 : 0;
    return row;
  }

  /** A stream that `slot` did not hold before. False when there is no room for it. */
  function add(slot: ServerSlot, report: PathReport, question: number, askedAt: number, told?: Asked): boolean {
    const known = table.find(report.name);
    const isNew = known < 0 || columns.holder[known] === 0;
    if (isNew && heldStreams >= maxStreams) return false;
    const row = rowFor(report.name);
    if (isNew) {
      heldStreams++;
      columns.holder[row] = slot.index.number;
      columns.question[row] = question;
      columns.seenAt[row] = askedAt;
      table.write(row, report);
    } else {
      const holding: Holding = { slot, report: keptReport(report), seenAt: askedAt, question };
      slot.index.second.set(row, holding);
      others.set(row, [...(others.get(row) ?? []), holding]);
    }
    slot.index.held++;
    if (told !== undefined) slot.index.told.set(row, told);
    const override = overrides.get(row);
    if (override?.server === slot.name) override.wasHeld = true;
    settle(row);
    const { name: stream, publisherSinceMs } = report;
    listeners.changed({
      stream,
      kind: 'appeared',
      server: slot.name,
      publisherSinceMs,
      source: told?.source ?? 'inventory',
    });
    return true;
  }

  /** The question whose answer is kept of a stream on `slot`; undefined when it does not hold it, or there is no row (-1). */
  function answered(slot: ServerSlot, row: number): number | undefined {
    if (row < 0) return undefined;
    return columns.holder[row] === slot.index.number ? columns.question[row] : slot.index.second.get(row)?.question;
  }

  /** Takes over a newer report of a stream that `slot` holds. */
  function update(slot: ServerSlot, row: number, report: PathReport, question: number, askedAt: number): void {
    let isSamePublisher: boolean;
    const second = columns.holder[row] === slot.index.number ? undefined : slot.index.second.get(row);
    if (second === undefined) {
      isSamePublisher = columns.publisherSinceMs[row] === report.publisherSinceMs;
      columns.question[row] = question;
      if (!isSamePublisher) columns.seenAt[row] = askedAt;
      table.write(row, report);
    } else {
      isSamePublisher = second.report.publisherSinceMs === report.publisherSinceMs;
      second.question = question;
      if (!isSamePublisher) second.seenAt = askedAt;
      second.report = keptReport(report);
    }
    if (!isSamePublisher && others.has(row)) settle(row);
  }

  /** @param isLost the server said so, or left for good: then an operator's choice of it is over. */
  function remove(slot: ServerSlot, row: number, source: EvidenceSource, isLost: boolean): void {
    const stream = columns.names[row] ?? '';
    const publisherSinceMs = slot.index.second.get(row)?.report.publisherSinceMs ?? columns.publisherSinceMs[row] ?? 0;
    const rest = (others.get(row) ?? []).filter((holding) => holding.slot !== slot);
    if (columns.holder[row] === slot.index.number) {
      const heir = rest.shift();
      if (heir === undefined) {
        columns.holder[row] = 0;
        heldStreams--;
      } else {
        heir.slot.index.second.delete(row);
        columns.holder[row] = heir.slot.index.number;
        columns.question[row] = heir.question;
        columns.seenAt[row] = heir.seenAt;
        table.write(row, heir.report);
      }
    }
    if (rest.length === 0) others.delete(row);
    else others.set(row, rest);
    slot.index.second.delete(row);
    slot.index.told.delete(row);
    slot.index.held--;
    const isOverrideOver = isLost && endOverride(row, slot);
    settle(row);
    listeners.changed({ stream, kind: 'vanished', server: slot.name, publisherSinceMs, source });
    if (isOverrideOver) listeners.overrideGone(stream, slot.name);
  }

  /** Drops an operator's choice of a server that had the stream and has lost it. @returns whether there was one. */
  function endOverride(row: number, slot: ServerSlot): boolean {
    const override = overrides.get(row);
    return override?.server === slot.name && override.wasHeld && overrides.delete(row);
  }

  function loseOverride(row: number, slot: ServerSlot): void {
    const stream = columns.names[row] ?? '';
    if (!endOverride(row, slot)) return;
    settle(row);
    listeners.overrideGone(stream, slot.name);
  }

  function rowsHeldBy({ index }: ServerSlot): number[] {
    return [...table.rowsOf(index.number), ...index.second.keys()];
  }

  function settleOverridesTo(slot: ServerSlot): void {
    for (const [row, { server }] of [...overrides]) if (server === slot.name) settle(row);
  }

  function removeAll(slot: ServerSlot, isLost: boolean): void {
    slot.index.cleared = lastQuestion;
    slot.index.denied.clear();
    slot.index.isInDoubt = true;
    if (slot.index.held === 0) return;
    for (const row of rowsHeldBy(slot)) remove(slot, row, 'inventory', isLost);
  }

  function finishList(
    slot: ServerSlot,
    list: number,
    askedAt: number,
    arrivals: PathReport[],
    confirmed: number,
  ): void {
    const { index } = slot;
    index.listed = list;
    let refused = 0;
    let held = confirmed;
    for (const report of arrivals) {
      if ((index.denied.get(report.name) ?? 0) > list) continue;
      const row = table.find(report.name);
      const kept = answered(slot, row);
      // It came by another way while the list was read, or is in the list twice.
      if (kept !== undefined) {
        if (kept < list) update(slot, row, report, list, askedAt);
      } else if (add(slot, report, list, askedAt)) held++;
      else refused++;
    }
    for (const [stream, question] of index.denied) if (question < list) index.denied.delete(stream);
    for (const [row, { question }] of [...index.told]) {
      if (question > list) continue;
      index.told.delete(row);
      settle(row);
    }
    // Rows are looked through only if some were not in the list.
    if (held < index.held || index.heard > list) {
      for (const row of rowsHeldBy(slot)) {
        if ((answered(slot, row) ?? list) < list) remove(slot, row, 'inventory', true);
      }
    }
    if (index.isInDoubt) {
      index.isInDoubt = false;
      for (const [row, { server }] of [...overrides]) {
        if (server === slot.name && answered(slot, row) === undefined) loseOverride(row, slot);
      }
    }
    if (refused > 0) listeners.refused(refused);
  }

  return {
    quick(stream) {
      const row = table.find(stream);
      return row < 0 ? undefined : slots[columns.quick[row] ?? 0];
    },
    get(stream) {
      const row = table.find(stream);
      return row < 0 ? undefined : entryOf(row, stream);
    },
    *names() {
      for (const row of table.rows()) if (columns.holder[row] !== 0) yield columns.names[row] ?? '';
    },
    get size() {
      return heldStreams;
    },
    *contested() {
      for (const row of contested) yield entryOf(row, columns.names[row] ?? '');
    },
    holds(slot, stream) {
      const row = table.find(stream);
      return slot.index.number !== 0 && answered(slot, row) !== undefined;
    },
    told(slot, stream) {
      const row = table.find(stream);
      return row < 0 ? undefined : slot.index.told.get(row);
    },

    route(stream) {
      const row = table.find(stream);
      return row < 0 ? undefined : slots[columns.route[row] ?? 0]?.name;
    },
    *routes() {
      for (const row of table.rows()) {
        const slot = slots[columns.route[row] ?? 0];
        if (slot !== undefined) yield [columns.names[row] ?? '', slot.name];
      }
    },

    join(slot) {
      const number = freeNumbers.pop() ?? slots.length;
      if (number > maxServers) throw new RangeError(`a fleet of more than ${maxServers} servers`);
      slots[number] = slot;
      slot.index.number = number;
      byServer.set(slot.name, slot);
      settleOverridesTo(slot);
    },
    leave(slot, isReplaced) {
      removeAll(slot, !isReplaced);
      if (byServer.get(slot.name) === slot) byServer.delete(slot.name);
      settleOverridesTo(slot);
      slots[slot.index.number] = undefined;
      freeNumbers.push(slot.index.number);
      slot.index.number = 0;
    },
    ask: () => ++lastQuestion,
    list(slot, askedAt) {
      const list = ++lastQuestion;
      const arrivals: PathReport[] = [];
      let confirmed = 0;
      return {
        note(report) {
          if (slot.index.number === 0) return;
          const row = table.find(report.name);
          const kept = answered(slot, row);
          if (kept === undefined) arrivals.push(report);
          else if (kept < list) {
            confirmed++;
            update(slot, row, report, list, askedAt);
          }
        },
        finish() {
          if (slot.index.number === 0 || slot.index.cleared >= list) return false;
          finishList(slot, list, askedAt, arrivals, confirmed);
          return true;
        },
      };
    },
    hear(slot, stream, report, asked) {
      const { index } = slot;
      const { question, askedAt, source } = asked;
      if (index.number === 0 || question < index.listed || question <= index.cleared) return;
      index.heard = Math.max(index.heard, question);
      const row = table.find(stream);
      const kept = answered(slot, row);
      if (kept !== undefined && kept > question) return;
      if (report?.live === true) {
        if ((index.denied.get(stream) ?? 0) > question) return;
        index.denied.delete(stream);
        if (kept === undefined) add(slot, report, question, askedAt, asked);
        else {
          index.told.set(row, asked);
          update(slot, row, report, question, askedAt);
          settle(row);
        }
        return;
      }
      // Misses of lookups are of names that anybody made up: only what somebody had is worth a note.
      if (source === 'push' || kept !== undefined) {
        if (index.denied.size >= maxDenied) index.denied.clear();
        index.denied.set(stream, question);
      }
      if (row < 0) return;
      if (kept !== undefined) remove(slot, row, source, true);
      else loseOverride(row, slot);
    },
    clear: (slot) => removeAll(slot, false),
    rechoose(slot) {
      for (const row of rowsHeldBy(slot)) settle(row);
      settleOverridesTo(slot);
    },

    get overrideCount() {
      return overrides.size;
    },
    overrideOf(stream) {
      const row = table.find(stream);
      return row < 0 ? undefined : overrides.get(row)?.server;
    },
    setOverride(stream, server) {
      if (server === undefined) {
        const row = table.find(stream);
        if (overrides.delete(row)) settle(row);
        return;
      }
      const row = rowFor(stream);
      const slot = byServer.get(server);
      overrides.set(row, { server, wasHeld: slot !== undefined && answered(slot, row) !== undefined });
      settle(row);
    },
  };
}

function keptReport(report: PathReport): KeptReport {
  const { publisherSinceMs, sourceType, readers, tracks, bytesReceived, bytesSent } = report;
  return { publisherSinceMs, sourceType, readers, tracks, bytesReceived, bytesSent };
}

/** The newest publisher wins; equal times go to the smaller name, so that every agent chooses alike. */
function newestUsable(holdings: readonly Holding[]): ServerSlot | undefined {
  let best: Holding | undefined;
  for (const holding of holdings) {
    if (holding.slot.usable && (best === undefined || isNewer(holding, best))) best = holding;
  }
  return best?.slot;
}

/** Whether `a`'s publisher came after `b`'s. */
export function isNewer(a: Pick<Holding, 'slot' | 'report'>, b: Pick<Holding, 'slot' | 'report'>): boolean {
  const difference = a.report.publisherSinceMs - b.report.publisherSinceMs;
  return difference !== 0 ? difference > 0 : a.slot.name < b.slot.name;
}
