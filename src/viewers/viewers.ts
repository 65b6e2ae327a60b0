import { increase } from '../measure';
import type { NodeCounts } from './node-counts';
import { createNodeList, type ViewerNode } from './node-list';
import { type Count, createTally, type Tally } from './tally';
import { createTimingWheel } from './timing-wheel';
import type { Sighting, Viewer, ViewerChange } from './viewer';
import { createViewerColumns } from './viewer-columns';
import { createSessionNames, sessionStart } from './viewer-key';

export interface ViewersOptions {
  /** How long after the last touch a viewer is gone. */
  readonly goneAfterMs: number;
  /** Whether sessions that are addresses are shown as such. */
  readonly showAddresses: boolean;
  /** The time at the start (ms since 1970), on the clock of all other times: one that never goes back. */
  readonly nowMs: number;
  /** More are not taken in, and counted. Default 1,000,000. */
  readonly maxViewers?: number | undefined;
  /** How many streams without viewers are remembered for their peaks. Default 10,000. */
  readonly maxIdleStreams?: number | undefined;
  /** How long the viewers of a HAProxy that is out of reach are kept. Default 900,000. */
  readonly lostAfterMs?: number | undefined;
}

export interface ViewersStats {
  joins: number;
  leaves: number;
  /** Times that a viewer was bound to another server, or came over another HAProxy. */
  serverMoves: number;
  nodeMoves: number;
  /** Sightings of keys that are no viewer's. */
  strangeKeys: number;
  /** Sightings of viewers that were not taken in, because there were too many. */
  overflow: number;
}

export interface ViewerQuery {
  readonly stream?: string | undefined;
  readonly server?: string | undefined;
  /** At least 1. */
  readonly limit: number;
  /** `next` of the page before; 0 for the first. */
  readonly cursor?: number | undefined;
}

export interface ViewerPage {
  readonly viewers: readonly Viewer[];
  /** Where to go on; undefined at the end. Whoever stays is listed once; who joins meanwhile may not be. */
  readonly next: number | undefined;
}

/** Viewers of one HAProxy. */
export interface NodeCount extends Count {
  /** False while nothing is heard of it. */
  readonly isUp: boolean;
}

/** Who watches what, over all HAProxys. Every time is an argument: it reads no clock and sets no timer. */
export interface Viewers {
  see(sighting: Sighting, nowMs: number): void;
  /** The node has told all that its table holds, and tells each touch from now on. */
  nodeUp(name: string, nowMs: number): void;
  /** Nothing is heard of the node: nobody on it is taken for gone. */
  nodeDown(name: string, nowMs: number): void;
  /** Lets those go whose time is over. To be called every `tickMs`. */
  tick(nowMs: number): void;
  readonly tickMs: number;
  list(query: ViewerQuery): ViewerPage;
  total(): Count;
  /** By stream: those with viewers, and those that had some not too long ago. In no order. */
  streams(): IterableIterator<Count>;
  stream(name: string): Count | undefined;
  servers(): IterableIterator<Count>;
  server(name: string): Count | undefined;
  nodes(): NodeCount[];
  /** Goes through all viewers: some milliseconds for 200,000. */
  countsByNode(): Map<string, NodeCounts>;
  /** Called at once with each change; must be quick and must not throw. Returns the way to unsubscribe. */
  onChange(listener: (change: ViewerChange) => void): () => void;
  readonly stats: ViewersStats;
}

/** How exactly the time of going is kept, as a part of `goneAfterMs`. */
const ticksPerLife = 100;
const maxIdleServers = 1000;
const noServer = -1;
const everybody = 'all';

/** Makes the list of viewers, empty. */
export function createViewers(options: ViewersOptions): Viewers {
  const { goneAfterMs, maxViewers = 1_000_000, lostAfterMs = 900_000 } = options;
  const tickMs = Math.max(10, Math.round(goneAfterMs / ticksPerLife));
  const sessionName = createSessionNames(options.showAddresses);
  const slots = new Map<string, number>();
  const wheel = createTimingWheel(goneAfterMs, tickMs, options.nowMs);
  const columns = createViewerColumns((capacity) => wheel.grow(capacity));
  const total = createTally(1);
  const streams = createTally(options.maxIdleStreams ?? 10_000);
  const servers = createTally(maxIdleServers);
  const nodes = createNodeList();
  /** `bytes_out_cnt` at the last sight over nodes that a viewer came from before, by slot and node; few have any. */
  const countersElsewhere = new Map<number, Map<number, number>>();
  const listeners = new Set<(change: ViewerChange) => void>();
  const stats: ViewersStats = { joins: 0, leaves: 0, serverMoves: 0, nodeMoves: 0, strangeKeys: 0, overflow: 0 };

  function join(sighting: Sighting, node: ViewerNode, nowMs: number): void {
    const { key, idleMs, bytesOut, live } = sighting;
    if (idleMs >= goneAfterMs) return;
    const start = sessionStart(key);
    if (start < 0) stats.strangeKeys++;
    else if (slots.size >= maxViewers) stats.overflow++;
    else {
      const slot = columns.take();
      slots.set(key, slot);
      columns.keys[slot] = key;
      columns.joinedMs[slot] = nowMs - idleMs;
      columns.lastSeenMs[slot] = nowMs - idleMs;
      columns.idleFromMs[slot] = nowMs - idleMs;
      columns.bytes[slot] = bytesOut === undefined ? Number.NaN : 0;
      columns.counter[slot] = bytesOut ?? Number.NaN;
      columns.stream[slot] = streams.enter(key.slice(0, start - 1), nowMs);
      columns.server[slot] = noServer;
      columns.node[slot] = node.id;
      columns.isTold[slot] = 1;
      enterNode(node, nowMs);
      total.enter(everybody, nowMs);
      setServer(slot, sighting.serverName, nowMs);
      wheel.add(slot, nowMs - idleMs + goneAfterMs);
      stats.joins++;
      tell('joined', slot, live ? 'live' : 'found');
    }
  }

  function seeAgain(slot: number, sighting: Sighting, node: ViewerNode, nowMs: number): void {
    const seenMs = nowMs - sighting.idleMs;
    if (columns.node[slot] !== node.id) {
      // A table may hold it long after it went to another node.
      if (seenMs <= (columns.lastSeenMs[slot] ?? 0)) return;
      moveNode(slot, node, nowMs);
    }
    if (sighting.bytesOut !== undefined) countBytes(slot, sighting.bytesOut);
    setServer(slot, sighting.serverName, nowMs);
    const lastSeenMs = Math.max(seenMs, columns.lastSeenMs[slot] ?? 0);
    columns.lastSeenMs[slot] = lastSeenMs;
    columns.idleFromMs[slot] = lastSeenMs;
    columns.isTold[slot] = 1;
  }

  function setServer(slot: number, name: string | undefined, nowMs: number): void {
    const before = columns.server[slot] ?? noServer;
    if (name === undefined || (before !== noServer && servers.nameOf(before) === name)) return;
    columns.server[slot] = servers.enter(name, nowMs);
    if (before === noServer) return;
    servers.leave(before);
    stats.serverMoves++;
  }

  function enterNode(node: ViewerNode, nowMs: number): void {
    node.viewers++;
    if (node.viewers <= node.peak) return;
    node.peak = node.viewers;
    node.peakAtMs = nowMs;
  }

  function moveNode(slot: number, node: ViewerNode, nowMs: number): void {
    const before = nodes.byId(columns.node[slot] ?? 0);
    if (before !== undefined) before.viewers--;
    enterNode(node, nowMs);
    stats.nodeMoves++;
    let counters = countersElsewhere.get(slot);
    if (counters === undefined) countersElsewhere.set(slot, (counters = new Map<number, number>()));
    counters.set(columns.node[slot] ?? 0, columns.counter[slot] ?? Number.NaN);
    columns.counter[slot] = counters.get(node.id) ?? Number.NaN;
    columns.node[slot] = node.id;
  }

  /**
   * A node's counter counts from its first sight: what it had before may be another node's, learned by HAProxy from its sibling. One that is
   * smaller than before began anew: the entry was gone in between.
   */
  function countBytes(slot: number, counter: number): void {
    const before = columns.counter[slot] ?? Number.NaN;
    const bytes = columns.bytes[slot] ?? Number.NaN;
    const more = Number.isNaN(before) ? 0 : increase(before, counter);
    columns.bytes[slot] = (Number.isNaN(bytes) ? 0 : bytes) + more;
    columns.counter[slot] = counter;
  }

  function leave(slot: number, evidence: ViewerChange['evidence']): void {
    const key = columns.keys[slot];
    if (key === undefined) return;
    streams.leave(columns.stream[slot] ?? 0);
    servers.leave(columns.server[slot] ?? noServer);
    total.leave(0);
    const node = nodes.byId(columns.node[slot] ?? 0);
    if (node !== undefined) node.viewers--;
    stats.leaves++;
    tell('left', slot, evidence);
    slots.delete(key);
    countersElsewhere.delete(slot);
    columns.release(slot);
  }

  function tell(kind: ViewerChange['kind'], slot: number, evidence: ViewerChange['evidence']): void {
    if (listeners.size === 0) return;
    const viewersOfStream = streams.viewersOf(columns.stream[slot] ?? 0);
    const change: ViewerChange = { kind, viewer: viewerAt(slot), viewersOfStream, evidence };
    for (const listener of listeners) listener(change);
  }

  function viewerAt(slot: number): Viewer {
    const stream = streams.nameOf(columns.stream[slot] ?? 0);
    const server = columns.server[slot] ?? noServer;
    const node = nodes.byId(columns.node[slot] ?? 0);
    const bytes = columns.bytes[slot] ?? Number.NaN;
    const joinedMs = columns.joinedMs[slot] ?? 0;
    const lastSeenMs = columns.lastSeenMs[slot] ?? 0;
    return {
      stream,
      session: sessionName((columns.keys[slot] ?? '').slice(stream.length + 1)),
      server: server === noServer ? undefined : servers.nameOf(server),
      node: node?.name ?? '',
      joinedMs,
      lastSeenMs,
      watchedMs: lastSeenMs - joinedMs,
      bytes: Number.isNaN(bytes) ? undefined : bytes,
      isCertain: node?.isUp === true,
    };
  }

  /** When nothing happens to the viewer until then, it is gone. */
  function goneAtMs(slot: number): number {
    return (columns.idleFromMs[slot] ?? 0) + goneAfterMs;
  }

  function onDue(slot: number, nowMs: number): void {
    if (nodes.byId(columns.node[slot] ?? 0)?.isUp !== true) wheel.add(slot, nowMs + goneAfterMs);
    else if (goneAtMs(slot) > nowMs) wheel.add(slot, goneAtMs(slot));
    else leave(slot, 'live');
  }

  /** Viewers that the dump did not name keep the time that they had left: HAProxy may have been restarted, with empty tables. */
  function thaw(node: ViewerNode, nowMs: number): void {
    wheel.clear();
    for (let slot = 0; slot < columns.end; slot++) {
      if (columns.keys[slot] === undefined) continue;
      if (columns.node[slot] === node.id && columns.isTold[slot] === 0) {
        columns.idleFromMs[slot] = (columns.idleFromMs[slot] ?? 0) + nowMs - node.sinceMs;
      }
      wheel.add(slot, goneAtMs(slot));
    }
  }

  function freeze(node: ViewerNode): void {
    for (let slot = 0; slot < columns.end; slot++) if (columns.node[slot] === node.id) columns.isTold[slot] = 0;
  }

  function forgetLost(nowMs: number): void {
    for (const node of nodes.all()) {
      if (node.isUp || (node.viewers > 0 && nowMs - node.sinceMs < lostAfterMs)) continue;
      for (let slot = 0; slot < columns.end; slot++) if (columns.node[slot] === node.id) leave(slot, 'lost');
      for (const counters of countersElsewhere.values()) counters.delete(node.id);
      nodes.forget(node);
    }
  }

  function countsByNode(): Map<string, NodeCounts> {
    const { keys, end, node: nodeOf, stream: streamOf, server: serverOf } = columns;
    /** By the numbers of nodes, and in there of streams and servers: this goes through every viewer, and decisions wait meanwhile. */
    const tallies: { readonly streams: number[]; readonly servers: number[] }[] = [];
    for (const { id } of nodes.all()) tallies[id] = { streams: [], servers: [] };
    for (let slot = 0; slot < end; slot++) {
      const tally = tallies[nodeOf[slot] ?? 0];
      if (keys[slot] === undefined || tally === undefined) continue;
      const stream = streamOf[slot] ?? 0;
      const server = serverOf[slot] ?? noServer;
      tally.streams[stream] = (tally.streams[stream] ?? 0) + 1;
      if (server !== noServer) tally.servers[server] = (tally.servers[server] ?? 0) + 1;
    }
    const named = (counts: readonly number[] | undefined, names: Tally) => {
      const byName = new Map<string, number>();
      // Holes are left out.
      counts?.forEach((count, id) => byName.set(names.nameOf(id), count));
      return byName;
    };
    return new Map(
      [...nodes.all()].map(({ id, name, viewers }) => {
        const tally = tallies[id];
        return [name, { viewers, streams: named(tally?.streams, streams), servers: named(tally?.servers, servers) }];
      }),
    );
  }

  function list({ stream, server, limit, cursor = 0 }: ViewerQuery): ViewerPage {
    const streamId = stream === undefined ? undefined : streams.idOf(stream);
    const serverId = server === undefined ? undefined : servers.idOf(server);
    const viewers: Viewer[] = [];
    const isNobody =
      (stream !== undefined && streamId === undefined) || (server !== undefined && serverId === undefined);
    for (let slot = cursor; slot < columns.end && !isNobody; slot++) {
      if (columns.keys[slot] === undefined) continue;
      if (streamId !== undefined && columns.stream[slot] !== streamId) continue;
      if (serverId !== undefined && columns.server[slot] !== serverId) continue;
      if (viewers.length === limit) return { viewers, next: slot };
      viewers.push(viewerAt(slot));
    }
    return { viewers, next: undefined };
  }

  return {
    stats,
    tickMs,
    see(sighting, nowMs) {
      const node = nodes.named(sighting.node, nowMs);
      const slot = slots.get(sighting.key);
      if (slot === undefined) join(sighting, node, nowMs);
      else seeAgain(slot, sighting, node, nowMs);
    },
    nodeUp(name, nowMs) {
      const node = nodes.named(name, nowMs);
      if (node.isUp) return;
      thaw(node, nowMs);
      node.isUp = true;
      node.sinceMs = nowMs;
    },
    nodeDown(name, nowMs) {
      const node = nodes.find(name);
      if (node?.isUp !== true) return;
      freeze(node);
      node.isUp = false;
      node.sinceMs = nowMs;
    },
    tick(nowMs) {
      wheel.advance(nowMs, (slot) => onDue(slot, nowMs));
      forgetLost(nowMs);
    },
    list,
    total: () => total.get(everybody) ?? { name: everybody, viewers: 0, peak: 0, peakAtMs: options.nowMs },
    streams: () => streams.all(),
    stream: (name) => streams.get(name),
    servers: () => servers.all(),
    server: (name) => servers.get(name),
    nodes: () =>
      [...nodes.all()].map(({ name, viewers, peak, peakAtMs, isUp }) => ({ name, viewers, peak, peakAtMs, isUp })),
    countsByNode,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
