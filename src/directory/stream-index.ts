import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Feed, isPlayable, type PathReport, type PlayableReport } from '../mediamtx';
import { chooseHolder, isLive, isSpread, kindOf, rivalsOf } from './choose-holder';
import { type HolderPolicy, holderPolicies } from './holder-policy';
import { publisherSince } from './publisher-since';
import type { Holding, KeptReport, ServerSlot, StreamEntry } from './server-slot';
import { createStreamTable, feeds } from './stream-columns';
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
  /** Streams that somebody holds or has a filler for. */
  names(): IterableIterator<string>;
  /** Streams that somebody has live. */
  readonly size: number;
  /** Streams of which several servers are rivals. */
  contested(): IterableIterator<StreamEntry>;
  /** What `slot` has of a stream; undefined when that is nothing. */
  feedOf(slot: ServerSlot, stream: string): Feed | undefined;
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
  /** Takes over the answer to one question about one stream: a report, or undefined where `slot` has not got it. */
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
 * One list of one server while it comes in. What it says of streams that the server already held is taken over at once; what came and
 * what went changes only with `finish`, so that half a list takes nothing away.
 */
export interface ListRound {
  note(report: PlayableReport): void;
  /**
   * Takes over what came, then what went: in this turn, or, where it is more than `changesInTurn`, so many a turn, because decisions wait
   * meanwhile. Each stream changes whole, and what is heard of it between two turns is newer and stays. No other list of the server may begin
   * before it is done.
   *
   * @returns false when the server was given up meanwhile, so that the list is not whole any more.
   */
  finish(): boolean | Promise<boolean>;
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

const filler = feeds.indexOf('filler');
const maxServers = 0xffff;
/** Streams that come or go in one turn: some milliseconds, with all that is told of them. */
const changesInTurn = 1_000;
// Bounded by the budget of single questions and the time between two lists; more than that come only if lists fail.
const maxDenied = 1_000;

/**
 * @param policyOf asked once for each stream that comes.
 * @param maxStreams streams that are not yet known are refused above this number.
 * @param wallNow ms since 1970.
 */
export function createStreamIndex(
  policyOf: (stream: string) => HolderPolicy,
  maxStreams: number,
  listeners: IndexListeners,
  wallNow: () => number = Date.now,
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
  let liveStreams = 0;

  function holdingsOf(row: number): Holding[] {
    const slot = slots[columns.holder[row] ?? 0];
    if (slot === undefined) return [];
    const seenAt = columns.seenAt[row] ?? 0;
    const question = columns.question[row] ?? 0;
    const claimedSinceMs = columns.claimedSinceMs[row] ?? 0;
    return [{ slot, report: table.read(row), claimedSinceMs, seenAt, question }, ...(others.get(row) ?? [])];
  }

  function policyAt(row: number): HolderPolicy {
    return holderPolicies[columns.policy[row] ?? 0] ?? 'auto';
  }

  function hasSeveral(row: number): boolean {
    return others.size > 0 && others.has(row);
  }

  function chosenOf(row: number): ServerSlot | undefined {
    if (hasSeveral(row)) return chooseHolder(columns.names[row] ?? '', policyAt(row), holdingsOf(row));
    const slot = slots[columns.holder[row] ?? 0];
    return slot?.usable === true ? slot : undefined;
  }

  function movedTo(row: number): ServerSlot | undefined {
    if (overrides.size === 0) return undefined;
    const slot = byServer.get(overrides.get(row)?.server ?? '');
    return slot?.usable === true ? slot : undefined;
  }

  function isShared(row: number): boolean {
    return hasSeveral(row) && isSpread(policyAt(row), holdingsOf(row).filter(isLive));
  }

  function isContested(row: number): boolean {
    return hasSeveral(row) && rivalsOf(policyAt(row), holdingsOf(row).filter(isLive)).length > 1;
  }

  function hasLive(row: number): boolean {
    if (columns.holder[row] === 0) return false;
    return columns.feed[row] !== filler || (others.get(row)?.some(isLive) ?? false);
  }

  function entryOf(row: number, name: string): StreamEntry {
    const chosen = chosenOf(row);
    const policy = policyAt(row);
    const all = holdingsOf(row);
    const holdings = all.filter(isLive);
    return {
      name,
      kind: kindOf(all),
      policy,
      holdings,
      rivals: rivalsOf(policy, holdings),
      fillers: holdings.length === all.length ? [] : all.filter((holding) => !isLive(holding)),
      chosen,
      isFiller: chosen !== undefined && !holdings.some(({ slot }) => slot === chosen),
      isSpread: isSpread(policy, holdings),
      moved: movedTo(row),
      isLookedUp: chosen?.index.told.get(row)?.source === 'lookup',
    };
  }

  /** Brings route and decision up to date after a change of a row, and lets the row go when nothing is left in it. */
  function refresh(row: number): void {
    const name = columns.names[row];
    if (name === undefined) return;
    const moved = movedTo(row);
    const slot = moved ?? (isShared(row) ? undefined : chosenOf(row));
    const before = slots[columns.route[row] ?? 0]?.name;
    columns.route[row] = slot?.index.number ?? 0;
    const isLookedUp = moved === undefined && slot?.index.told.get(row)?.source === 'lookup';
    columns.quick[row] = isLookedUp ? 0 : (slot?.index.number ?? 0);
    if (isContested(row)) contested.add(row);
    else contested.delete(row);
    const live = hasLive(row) ? 1 : 0;
    liveStreams += live - (columns.isLive[row] ?? 0);
    columns.isLive[row] = live;
    if (columns.holder[row] === 0 && !overrides.has(row)) {
      table.release(row);
    }
    if (slot?.name !== before) listeners.routed(name);
  }

  function rowFor(name: string): number {
    const known = table.find(name);
    if (known >= 0) return known;
    const row = table.claim(name);
    columns.policy[row] = holderPolicies.indexOf(policyOf(name));
    return row;
  }

  /** A stream that `slot` did not hold before. False when there is no room for it. */
  function add(slot: ServerSlot, report: PlayableReport, question: number, askedAt: number, told?: Asked): boolean {
    const known = table.find(report.name);
    const isNew = known < 0 || columns.holder[known] === 0;
    if (isNew && heldStreams >= maxStreams) return false;
    const row = rowFor(report.name);
    const claimedSinceMs = report.publisherSinceMs;
    const publisherSinceMs = publisherSince(slot, claimedSinceMs, wallNow());
    if (isNew) {
      heldStreams++;
      columns.holder[row] = slot.index.number;
      columns.question[row] = question;
      columns.seenAt[row] = askedAt;
      table.write(row, report, publisherSinceMs, claimedSinceMs);
    } else {
      const kept = keptReport(report, publisherSinceMs);
      const holding: Holding = { slot, report: kept, claimedSinceMs, seenAt: askedAt, question };
      slot.index.second.set(row, holding);
      others.set(row, [...(others.get(row) ?? []), holding]);
    }
    slot.index.held++;
    if (told !== undefined) slot.index.told.set(row, told);
    if (report.feed === 'filler') {
      slot.index.fillers++;
      refresh(row);
    } else appear(slot, row, publisherSinceMs, told?.source ?? 'inventory');
    return true;
  }

  /** `slot` has the stream live from now on. */
  function appear(slot: ServerSlot, row: number, publisherSinceMs: number, source: EvidenceSource): void {
    const override = overrides.get(row);
    if (override?.server === slot.name) override.wasHeld = true;
    refresh(row);
    listeners.changed({
      stream: columns.names[row] ?? '',
      kind: 'appeared',
      server: slot.name,
      serverKind: slot.fleet.kind,
      publisherSinceMs,
      source,
    });
  }

  /** `slot` has not got the stream live any more. */
  function vanish(
    slot: ServerSlot,
    row: number,
    { publisherSinceMs, source, isLost }: Pick<StreamChange, 'publisherSinceMs' | 'source'> & { isLost: boolean },
  ): void {
    const stream = columns.names[row] ?? '';
    const isOverrideOver = isLost && endOverride(row, slot);
    refresh(row);
    const serverKind = slot.fleet.kind;
    listeners.changed({ stream, kind: 'vanished', server: slot.name, serverKind, publisherSinceMs, source });
    if (isOverrideOver) listeners.overrideGone(stream, slot.name);
  }

  function feedAt(slot: ServerSlot, row: number): Feed | undefined {
    if (row < 0 || slot.index.number === 0) return undefined;
    if (columns.holder[row] === slot.index.number) return feeds[columns.feed[row] ?? 0];
    return slot.index.second.get(row)?.report.feed;
  }

  function isLiveAt(slot: ServerSlot, row: number): boolean {
    const feed = feedAt(slot, row);
    return feed !== undefined && feed !== 'filler';
  }

  /** The question whose answer is kept of a stream on `slot`; undefined when it does not hold it, or there is no row (-1). */
  function answered(slot: ServerSlot, row: number): number | undefined {
    if (row < 0) return undefined;
    return columns.holder[row] === slot.index.number ? columns.question[row] : slot.index.second.get(row)?.question;
  }

  /** Takes over a newer report of a stream that `slot` holds. */
  function update(
    slot: ServerSlot,
    row: number,
    report: PlayableReport,
    question: number,
    askedAt: number,
    source: EvidenceSource = 'inventory',
  ): void {
    const second = columns.holder[row] === slot.index.number ? undefined : slot.index.second.get(row);
    const feedBefore = second?.report.feed ?? feeds[columns.feed[row] ?? 0];
    const claimedBefore = second?.claimedSinceMs ?? columns.claimedSinceMs[row];
    const sinceBefore = second?.report.publisherSinceMs ?? columns.publisherSinceMs[row] ?? 0;
    const claimedSinceMs = report.publisherSinceMs;
    const isSamePublisher = claimedBefore === claimedSinceMs && feedBefore === report.feed;
    const sinceMs = isSamePublisher ? sinceBefore : publisherSince(slot, claimedSinceMs, wallNow());
    if (second === undefined) {
      columns.question[row] = question;
      if (!isSamePublisher) columns.seenAt[row] = askedAt;
      table.write(row, report, sinceMs, claimedSinceMs);
    } else {
      second.question = question;
      if (!isSamePublisher) second.seenAt = askedAt;
      second.claimedSinceMs = claimedSinceMs;
      second.report = keptReport(report, sinceMs);
    }
    if (isSamePublisher) return;
    const [wasLive, isLiveNow] = [feedBefore !== 'filler', report.feed !== 'filler'];
    if (feedBefore === report.feed) {
      if (others.has(row)) refresh(row);
    } else if (isLiveNow) {
      if (!wasLive) slot.index.fillers--;
      appear(slot, row, sinceMs, source);
    } else {
      slot.index.fillers++;
      vanish(slot, row, { publisherSinceMs: sinceBefore, source, isLost: true });
    }
  }

  /** @param isLost the server said so, or left for good: then an operator's choice of it is over. */
  function remove(slot: ServerSlot, row: number, source: EvidenceSource, isLost: boolean): void {
    const wasLive = isLiveAt(slot, row);
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
        table.write(row, heir.report, heir.report.publisherSinceMs, heir.claimedSinceMs);
      }
    }
    if (rest.length === 0) others.delete(row);
    else others.set(row, rest);
    slot.index.second.delete(row);
    slot.index.told.delete(row);
    slot.index.held--;
    if (wasLive) vanish(slot, row, { publisherSinceMs, source, isLost });
    else {
      slot.index.fillers--;
      refresh(row);
    }
  }

  /** Drops an operator's choice of a server that had the stream and has lost it. @returns whether there was one. */
  function endOverride(row: number, slot: ServerSlot): boolean {
    const override = overrides.get(row);
    return override?.server === slot.name && override.wasHeld && overrides.delete(row);
  }

  function loseOverride(row: number, slot: ServerSlot): void {
    const stream = columns.names[row] ?? '';
    if (!endOverride(row, slot)) return;
    refresh(row);
    listeners.overrideGone(stream, slot.name);
  }

  function rowsHeldBy({ index }: ServerSlot): number[] {
    return [...table.rowsOf(index.number), ...index.second.keys()];
  }

  function refreshOverridesTo(slot: ServerSlot): void {
    for (const [row, { server }] of [...overrides]) if (server === slot.name) refresh(row);
  }

  function removeAll(slot: ServerSlot, isLost: boolean): void {
    slot.index.cleared = lastQuestion;
    slot.index.denied.clear();
    slot.index.isInDoubt = true;
    if (slot.index.held === 0) return;
    for (const row of rowsHeldBy(slot)) remove(slot, row, 'inventory', isLost);
  }

  /** Yields where the turn should end. Rows that change meanwhile are looked at as they are when it comes to them. */
  function* finishList(
    slot: ServerSlot,
    list: number,
    askedAt: number,
    arrivals: readonly PlayableReport[],
    { confirmed, overflow }: { readonly confirmed: number; readonly overflow: number },
  ): Generator<undefined, undefined> {
    const { index } = slot;
    index.listed = list;
    let refused = overflow;
    let held = confirmed;
    let changes = 0;
    for (const report of arrivals) {
      if (changes++ === changesInTurn) {
        changes = 1;
        yield;
      }
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
      refresh(row);
    }
    // Rows are looked through only if some were not in the list.
    if (held < index.held || index.heard > list) {
      for (const row of rowsHeldBy(slot)) {
        if ((answered(slot, row) ?? list) >= list) continue;
        if (changes++ === changesInTurn) {
          changes = 1;
          yield;
          if ((answered(slot, row) ?? list) >= list) continue;
        }
        remove(slot, row, 'inventory', true);
      }
    }
    if (index.isInDoubt) {
      index.isInDoubt = false;
      for (const [row, { server }] of [...overrides]) {
        if (server === slot.name && !isLiveAt(slot, row)) loseOverride(row, slot);
      }
    }
    if (refused > 0) listeners.refused(refused);
  }

  async function finishInTurns(steps: Iterator<undefined>, isStillWanted: () => boolean): Promise<boolean> {
    for (;;) {
      await nextTurn();
      if (!isStillWanted()) return false;
      if (steps.next().done === true) return true;
    }
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
      return liveStreams;
    },
    *contested() {
      for (const row of contested) yield entryOf(row, columns.names[row] ?? '');
    },
    feedOf: (slot, stream) => feedAt(slot, table.find(stream)),
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
      refreshOverridesTo(slot);
    },
    leave(slot, isReplaced) {
      removeAll(slot, !isReplaced);
      if (byServer.get(slot.name) === slot) byServer.delete(slot.name);
      refreshOverridesTo(slot);
      slots[slot.index.number] = undefined;
      freeNumbers.push(slot.index.number);
      slot.index.number = 0;
    },
    ask: () => ++lastQuestion,
    list(slot, askedAt) {
      const list = ++lastQuestion;
      const arrivals: PlayableReport[] = [];
      let confirmed = 0;
      let overflow = 0;
      const isWanted = (): boolean => slot.index.number !== 0 && slot.index.cleared < list;
      return {
        note(report) {
          if (slot.index.number === 0) return;
          const row = table.find(report.name);
          const kept = answered(slot, row);
          if (kept === undefined) {
            if (arrivals.length < maxStreams) arrivals.push(report);
            else overflow++;
          } else if (kept < list) {
            confirmed++;
            update(slot, row, report, list, askedAt);
          }
        },
        finish() {
          if (!isWanted()) return false;
          const steps = finishList(slot, list, askedAt, arrivals, { confirmed, overflow });
          return steps.next().done === true || finishInTurns(steps, isWanted);
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
      if (report !== undefined && isPlayable(report)) {
        if ((index.denied.get(stream) ?? 0) > question) return;
        index.denied.delete(stream);
        if (kept === undefined) add(slot, report, question, askedAt, asked);
        else {
          index.told.set(row, asked);
          update(slot, row, report, question, askedAt, source);
          refresh(row);
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
      for (const row of rowsHeldBy(slot)) refresh(row);
      refreshOverridesTo(slot);
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
        if (overrides.delete(row)) refresh(row);
        return;
      }
      const row = rowFor(stream);
      const slot = byServer.get(server);
      overrides.set(row, { server, wasHeld: slot !== undefined && isLiveAt(slot, row) });
      refresh(row);
    },
  };
}

function keptReport(report: PlayableReport, publisherSinceMs: number): KeptReport {
  const { feed, sourceType, readers, tracks, bytesReceived, bytesSent } = report;
  return { publisherSinceMs, feed, sourceType, readers, tracks, bytesReceived, bytesSent };
}
