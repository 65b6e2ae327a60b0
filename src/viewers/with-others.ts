import type { NodeCounts } from './node-counts';
import type { Count } from './tally';
import type { NodeCount, Viewers } from './viewers';

/** What another agent counted over a HAProxy that it hears. */
export interface OtherNode extends NodeCounts {
  readonly name: string;
  /** False while that agent hears nothing of it. */
  readonly isUp: boolean;
}

/** A list of viewers with the counts of other agents. */
export interface ViewersWithOthers extends Viewers {
  /** What other agents counted, instead of what they counted before. Each HAProxy once; those that this agent knows itself are left out. */
  setOthers(nodes: readonly OtherNode[], nowMs: number): void;
  /** Called with each stream that began or ceased to be watched over other agents' HAProxys. */
  onOthers(listener: (stream: string) => void): () => void;
}

interface Others {
  readonly viewers: number;
  readonly streams: ReadonlyMap<string, number>;
  readonly servers: ReadonlyMap<string, number>;
}

interface Peak {
  readonly peak: number;
  readonly peakAtMs: number;
}

const nothing: Others = { viewers: 0, streams: new Map(), servers: new Map() };

/**
 * Counts are the union over HAProxys: each one is counted by this agent where it hears it, else by the other agent that does. `list` has those that this agent
 * hears. Who goes from a HAProxy that only one agent hears to one that only another hears is counted by both until it is gone from the first.
 */
export function withOthers(viewers: Viewers): ViewersWithOthers {
  let nodes: readonly OtherNode[] = [];
  let others = nothing;
  /** Of the sums, since others have a part in them. */
  let peaks = {
    total: undefined as Peak | undefined,
    streams: new Map<string, Peak>(),
    servers: new Map<string, Peak>(),
  };
  const listeners = new Set<(stream: string) => void>();

  function sumOf(
    name: string,
    own: Count | undefined,
    more: number | undefined,
    peak: Peak | undefined,
  ): Count | undefined {
    if (more === undefined) return own;
    const count = (own?.viewers ?? 0) + more;
    const highest = [own, peak].reduce((high, each) => ((each?.peak ?? 0) > (high?.peak ?? 0) ? each : high));
    return { name, viewers: count, peak: Math.max(highest?.peak ?? 0, count), peakAtMs: highest?.peakAtMs ?? 0 };
  }

  function higher(before: Peak | undefined, count: number, nowMs: number): Peak {
    return before !== undefined && before.peak >= count ? before : { peak: count, peakAtMs: nowMs };
  }

  function* sums(own: Iterable<Count>, more: ReadonlyMap<string, number>, peak: ReadonlyMap<string, Peak>) {
    const seen = new Set<string>();
    for (const count of own) {
      if (more.has(count.name)) seen.add(count.name);
      yield sumOf(count.name, count, more.get(count.name), peak.get(count.name)) ?? count;
    }
    for (const [name, count] of more) {
      if (!seen.has(name))
        yield sumOf(name, undefined, count, peak.get(name)) ?? { name, viewers: count, peak: count, peakAtMs: 0 };
    }
  }

  function notePeaks(nowMs: number): void {
    const next = (
      more: ReadonlyMap<string, number>,
      own: (name: string) => Count | undefined,
      before: Map<string, Peak>,
    ) =>
      new Map(
        [...more].map(([name, count]) => [name, higher(before.get(name), (own(name)?.viewers ?? 0) + count, nowMs)]),
      );
    peaks = {
      total: higher(peaks.total, viewers.total().viewers + others.viewers, nowMs),
      streams: next(others.streams, (name) => viewers.stream(name), peaks.streams),
      servers: next(others.servers, (name) => viewers.server(name), peaks.servers),
    };
  }

  return {
    ...viewers,
    setOthers(given, nowMs) {
      const own = new Set(viewers.nodes().map(({ name }) => name));
      const before = others;
      nodes = given.filter(({ name }) => !own.has(name));
      others = {
        viewers: nodes.reduce((sum, node) => sum + node.viewers, 0),
        streams: addUp(nodes.map((node) => node.streams)),
        servers: addUp(nodes.map((node) => node.servers)),
      };
      notePeaks(nowMs);
      for (const stream of new Set([...before.streams.keys(), ...others.streams.keys()])) {
        if (before.streams.has(stream) === others.streams.has(stream)) continue;
        for (const listener of listeners) listener(stream);
      }
    },
    onOthers(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    total: () => sumOf('all', viewers.total(), others.viewers, peaks.total) ?? viewers.total(),
    stream: (name) => sumOf(name, viewers.stream(name), others.streams.get(name), peaks.streams.get(name)),
    streams: () => sums(viewers.streams(), others.streams, peaks.streams),
    server: (name) => sumOf(name, viewers.server(name), others.servers.get(name), peaks.servers.get(name)),
    servers: () => sums(viewers.servers(), others.servers, peaks.servers),
    nodes: () => [
      ...viewers.nodes(),
      ...nodes.map(
        ({ name, isUp, viewers: count }): NodeCount => ({ name, isUp, viewers: count, peak: count, peakAtMs: 0 }),
      ),
    ],
  };
}

function addUp(all: readonly ReadonlyMap<string, number>[]): Map<string, number> {
  const sum = new Map<string, number>();
  for (const counts of all) for (const [name, count] of counts) sum.set(name, (sum.get(name) ?? 0) + count);
  return sum;
}
