import { type Directory, maxOverrides } from '../directory';
import type { Emit } from '../events';
import type { Logger } from '../log';
import { inTime } from '../measure';
import { isStreamName } from '../mediamtx';
import { clearTableKeys, type HaproxyNode, showTable } from '../runtime';
import type { Collection, Store } from '../store';
import { errorText } from '../wire';
import { sessionsTable } from './apply';
import { isLine, longestOperator, longestReason } from './intent';
import type { RoutePush } from './push';
import { readMove, type StoredMove } from './stored-move';
import type { ControlProblem, ControlResult, Move, MoveOrder, Operations } from './views';

/** One HAProxy whose viewers are moved where an operator asks for it. */
export interface MovesNode extends Pick<HaproxyNode, 'name' | 'bulk'> {
  /** Keeps its routes.map; undefined where that is off. */
  readonly push?: Pick<RoutePush, 'sent'>;
}

export interface MovesOptions {
  readonly store: Store;
  readonly directory: Pick<Directory, 'servers' | 'stream' | 'confirm' | 'setOverride' | 'onOverrideGone'>;
  readonly nodes: readonly MovesNode[];
  readonly emit: Emit;
  readonly log: Logger;
  /** Pause between two looks into the store. Default 5000, and 500 where other agents share it. */
  readonly periodMs?: number;
  /** Whether every HAProxy has told its servers: who is missing then is gone. Default: never. */
  readonly isFleetKnown?: () => boolean;
}

const hasLostIt = 'the server has lost the stream';

/** Operators' moves of single streams. */
export interface Moves extends Pick<Operations, 'moves' | 'clearMove'> {
  /**
   * Routes a stream to a server until `clearMove`, or until the server loses the stream. The store has it. New viewers go there from the moment
   * that the promise resolves; see MoveOrder for those who watch already. The server must hold the stream and be usable, except with `force`.
   */
  move(stream: string, server: string, by: MoveOrder): Promise<ControlResult<Move>>;
  /** Takes over what the store holds. Rejects when the store cannot be read; one that others share is read as soon as it can be. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** A move is answered when HAProxy knows it, or after this; what goes on at HAProxy then goes on beside. */
const answerAfterMs = 2000;
export function createMoves(options: MovesOptions): Moves {
  const { directory, nodes, emit, log, isFleetKnown = () => false } = options;
  const { periodMs = options.store.isShared ? 500 : 5000 } = options;
  const collection: Collection<StoredMove> = options.store.collection('moves', readMove);
  const stopping = new AbortController();
  const { signal } = stopping;
  const moves = new Map<string, StoredMove>();
  /** Moves of an earlier life, or given to another agent, and since when (by performance.now()) their server is to be heard: it may have lost the stream meanwhile. */
  const unheard = new Map<string, number>();
  /** Ended moves that the store still holds, by their time: it could not be reached. */
  const ended = new Map<string, string>();
  let timer: NodeJS.Timeout | undefined;
  let unsubscribe: (() => void) | undefined;
  let writes = 0;
  let revision: string | undefined;
  let isFailing = false;
  let last: Promise<unknown> = Promise.resolve();

  /** One change after the other, so that store, directory and memory say the same. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  }

  async function load(): Promise<void> {
    const before = writes;
    // Read before the rest: what changes in between is read again.
    const newest = await collection.revision();
    if (newest !== undefined && newest === revision && ended.size === 0) return;
    const entries = await collection.entries();
    // What was set meanwhile is newer than what was read.
    if (before !== writes) return;
    revision = newest;
    const stored = new Map(entries.filter(([stream, move]) => isStreamName(stream) && move.stream === stream));
    for (const stream of [...moves.keys()]) if (!stored.has(stream)) forget(stream);
    for (const [stream, move] of stored) {
      if (ended.get(stream) === move.since) {
        await removeEnded(stream);
      } else if (moves.get(stream)?.since !== move.since) {
        if (takeOver(move) && move.wasHeld) unheard.set(stream, performance.now());
      }
    }
  }

  function takeOver(move: StoredMove): boolean {
    if (moves.size >= maxOverrides && !moves.has(move.stream)) {
      log.warn({ stream: move.stream, maxOverrides }, 'a stored move is left out: there are too many');
      return false;
    }
    moves.set(move.stream, move);
    ended.delete(move.stream);
    unheard.delete(move.stream);
    directory.setOverride(move.stream, move.server);
    return true;
  }

  function forget(stream: string): void {
    moves.delete(stream);
    unheard.delete(stream);
    directory.setOverride(stream, undefined);
  }

  /** The move is over, here and in the store. */
  function end(stream: string, because: string): void {
    const move = moves.get(stream);
    if (move === undefined) return;
    forget(stream);
    ended.set(stream, move.since);
    log.info({ stream, server: move.server }, `move ended: ${because}`);
    void inTurn(() => removeEnded(stream));
  }

  async function removeEnded(stream: string): Promise<void> {
    if (!ended.has(stream)) return;
    writes++;
    try {
      // Another agent may have been given a new one meanwhile.
      const stored = await collection.get(stream);
      if (stored?.since === ended.get(stream)) await collection.delete(stream);
      ended.delete(stream);
      noteStore(undefined);
    } catch (error) {
      noteStore(error);
    }
  }

  /** Logged when it begins to fail, and not at every attempt. */
  function noteStore(error: unknown): void {
    if (error !== undefined && !isFailing) {
      log.warn(
        { error: errorText(error) },
        'moves cannot be read from or written to the store; the known ones stay in force',
      );
    }
    isFailing = error !== undefined;
  }

  async function checkUnheard(): Promise<void> {
    for (const [stream, sinceMs] of unheard) {
      const server = directory.servers().find(({ name }) => name === moves.get(stream)?.server);
      if (server === undefined && isFleetKnown()) end(stream, 'the server is gone');
      const ageMs = server?.api.inventoryAgeMs;
      if (server === undefined || ageMs === undefined || performance.now() - ageMs < sinceMs) continue;
      unheard.delete(stream);
      // A list may be older than it came.
      if (!isHolder(stream, server.name)) await directory.confirm(stream, server.name);
      if (moves.get(stream)?.server === server.name && !isHolder(stream, server.name)) end(stream, hasLostIt);
    }
  }

  async function tick(): Promise<void> {
    await checkUnheard();
    await inTurn(load).then(() => noteStore(undefined), noteStore);
    if (!signal.aborted) timer = setTimeout(() => void tick(), periodMs);
  }

  function isHolder(stream: string, server: string): boolean {
    return directory.stream(stream)?.holders.some((holder) => holder.server === server) === true;
  }

  /** Why the order cannot be carried out; undefined when it can. */
  async function refuse(stream: string, server: string, by: MoveOrder): Promise<ControlProblem | undefined> {
    const bad = (message: string): ControlProblem => ({ kind: 'bad-request', message });
    if (!isStreamName(stream)) return bad(`no MediaMTX path can be named ${shown(stream)}`);
    if (by.reason !== '' && !isLine(by.reason, longestReason))
      return bad(`reason: one line of at most ${longestReason} characters is needed`);
    if (!isLine(by.operator, longestOperator)) {
      return bad(`operator: one line of 1 to ${longestOperator} characters is needed`);
    }
    const servers = directory.servers();
    const target = servers.find(({ name }) => name === server);
    if (target === undefined) {
      const known = servers.map(({ name }) => name);
      const names = known.slice(0, 10).join(', ') + (known.length > 10 ? ', …' : '');
      const message = `there is no server ${shown(server)}, there are ${names || 'none'}`;
      return { kind: 'no-such-server', message };
    }
    const relayed = directory.stream(stream)?.kind === 'relay';
    if (target.kind === 'relay' || relayed) return bad(`${relayed ? stream : server} ${notMoved(relayed)}`);
    if (moves.size >= maxOverrides && !moves.has(stream)) {
      return bad(`${maxOverrides} streams are moved already; clear one first`);
    }
    // The list may be a second old: ask.
    if (!isHolder(stream, server)) await directory.confirm(stream, server);
    if (by.force === true) return undefined;
    if (target.operational === 'DOWN' || target.administrative === 'maint') {
      const state = target.operational === 'DOWN' ? 'DOWN' : 'in maintenance';
      return bad(`${server} is ${state}: HAProxy sends nobody there (force keeps the move for later)`);
    }
    if (isHolder(stream, server)) return undefined;
    const holders = directory.stream(stream)?.holders.map((holder) => holder.server) ?? [];
    if (holders.length === 0)
      return { kind: 'no-such-stream', message: `nobody has ${stream} (force moves it anyway)` };
    const message = `${server} does not have ${stream}, ${holders.join(', ')} has (force moves it anyway)`;
    return { kind: 'not-a-holder', message };
  }

  async function order(stream: string, server: string, by: MoveOrder): Promise<ControlResult<Move>> {
    const problem = await refuse(stream, server, by);
    if (problem !== undefined) return { ok: false, problem };
    const from = directory.stream(stream)?.holders[0]?.server;
    const { reason, operator } = by;
    const stored: StoredMove = {
      stream,
      server,
      reason,
      operator,
      since: new Date().toISOString(),
      wasHeld: isHolder(stream, server),
    };
    writes++;
    try {
      await collection.set(stream, stored);
    } catch (error) {
      return notStored(error);
    } finally {
      writes++;
    }
    takeOver(stored);
    log.info({ stream, server, reason, operator, moveViewers: by.moveViewers === true }, 'stream moved');
    emit({
      type: 'stream.moved',
      stream,
      server,
      reason,
      evidence: 'operator',
      data: { operator, from: from ?? null },
    });
    return { ok: true, value: withoutHeld(stored) };
  }

  async function clearMove(stream: string, operator: string): Promise<ControlResult<undefined>> {
    if (!isLine(operator, longestOperator)) {
      const message = `operator: one line of 1 to ${longestOperator} characters is needed`;
      return { ok: false, problem: { kind: 'bad-request', message } };
    }
    const known = moves.get(stream);
    if (known === undefined) {
      return { ok: false, problem: { kind: 'no-such-stream', message: `${shown(stream)} is not moved` } };
    }
    writes++;
    try {
      await collection.delete(stream);
    } catch (error) {
      return notStored(error);
    } finally {
      writes++;
    }
    // It may have ended by itself meanwhile.
    if (moves.get(stream) === known) forget(stream);
    log.info({ stream, server: known.server, operator }, 'move cleared');
    return { ok: true, value: undefined };
  }

  /** Forgets the sessions of a stream that are on other servers, so that their next request is located anew. */
  async function moveViewers(node: MovesNode, stream: string, server: string): Promise<void> {
    const elsewhere = await showTable(node.bulk, sessionsTable, {
      signal,
      keep: ({ key, serverKey }) => key.startsWith(`${stream}|`) && serverKey !== server,
    });
    let left = 0;
    if (elsewhere.ok) {
      const keys = elsewhere.value.map(({ key }) => key);
      left = (await clearTableKeys(node.bulk, sessionsTable, keys, { signal })).length;
    }
    if (!elsewhere.ok || left > 0) {
      const error = elsewhere.ok ? undefined : elsewhere.error.message;
      log.warn(
        { node: node.name, stream, left, error },
        'viewers could not be moved; they stay until they start again',
      );
    }
  }

  return {
    async start() {
      unsubscribe = directory.onOverrideGone((stream, server) => {
        if (moves.get(stream)?.server === server) end(stream, hasLostIt);
      });
      await inTurn(load).catch((error: unknown) => {
        if (!options.store.isShared) throw error;
        noteStore(error);
      });
      timer = setTimeout(() => void tick(), periodMs);
    },
    async stop() {
      stopping.abort();
      unsubscribe?.();
      clearTimeout(timer);
      await last;
    },
    moves: () => [...moves.values()].map(withoutHeld),
    async move(stream, server, by) {
      const moved = await inTurn(() => order(stream, server, by));
      if (!moved.ok) return moved;
      // Out of turn: a HAProxy that is stuck must not delay the next move.
      await inTime(Promise.all(nodes.map(async ({ push }) => push?.sent())), answerAfterMs);
      if (by.moveViewers === true) await Promise.all(nodes.map((node) => moveViewers(node, stream, server)));
      return moved;
    },
    clearMove: (stream, operator) => inTurn(() => clearMove(stream, operator)),
  };
}

function withoutHeld({ stream, server, reason, operator, since }: StoredMove): Move {
  return { stream, server, reason, operator, since };
}

function notMoved(isStream: boolean): string {
  const why =
    'all streams of an account go to one relay, so that its connections are counted once; drain a relay to lead new viewers elsewhere';
  return `${isStream ? 'is the stream of a relay' : 'is a relay'}: ${why}`;
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}

function notStored(error: unknown): { readonly ok: false; readonly problem: ControlProblem } {
  const message = `it could not be stored, so nothing was done: ${errorText(error)}`;
  return { ok: false, problem: { kind: 'store-failed', message } };
}
