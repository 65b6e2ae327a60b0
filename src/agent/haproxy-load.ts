import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from '../log';
import { type Collector, counter, increase } from '../measure';
import { type HaproxyNode, type StatLine, showStat } from '../runtime';

/** What HAProxy does for one server, over all its nodes. */
export interface ServerLoad {
  readonly requestsPerSecond: number;
  readonly bytesPerSecond: number;
}

/** What goes through HAProxy, by its own counters. */
export interface LoadWatch {
  /** Requests of viewers since the agent started; undefined before two good answers of any node. */
  requests(): number | undefined;
  /** Between the last two looks; undefined before the second. */
  load(server: string): ServerLoad | undefined;
  stop(): Promise<void>;
}

export interface LoadWatchOptions {
  readonly nodes: readonly Pick<HaproxyNode, 'name' | 'statistics'>[];
  /** Those that there are now. */
  readonly backends: () => readonly string[];
  readonly intervalMs: number;
  readonly log: Logger;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

interface NodeCounters {
  atMs: number;
  readonly servers: Map<string, Pick<StatLine, 'totalSessions' | 'bytesOut'>>;
  loads: Map<string, ServerLoad>;
}

/** Reads `show stat` of every node again and again, each by itself. A node that does not answer keeps its last counters, without a rate. */
export function watchLoad(options: LoadWatchOptions): LoadWatch {
  const { nodes, backends, intervalMs, log, now = () => performance.now() } = options;
  const byNode = new Map<string, NodeCounters>();
  const stopping = new AbortController();
  const { signal } = stopping;
  let requests: number | undefined;

  async function look({ name: node, statistics }: (typeof nodes)[number]): Promise<void> {
    const before = byNode.get(node);
    const lines: StatLine[] = [];
    for (const backend of backends()) {
      const reply = await showStat(statistics, backend, { signal });
      if (!reply.ok) {
        if (!signal.aborted) log.debug({ node, error: reply.error.message }, 'counters of HAProxy not read');
        if (before !== undefined) before.loads = new Map();
        return;
      }
      lines.push(...reply.value);
    }
    const atMs = now();
    const loads = new Map<string, ServerLoad>();
    const servers = new Map<string, Pick<StatLine, 'totalSessions' | 'bytesOut'>>();
    for (const { server, totalSessions, bytesOut } of lines) {
      servers.set(server, { totalSessions, bytesOut });
      const last = before?.servers.get(server);
      if (before === undefined || last === undefined) continue;
      const seconds = (atMs - before.atMs) / 1000;
      const more = increase(last.totalSessions, totalSessions);
      requests = (requests ?? 0) + more;
      loads.set(server, {
        requestsPerSecond: more / seconds,
        bytesPerSecond: increase(last.bytesOut, bytesOut) / seconds,
      });
    }
    byNode.set(node, { atMs, servers, loads });
  }

  async function watch(node: (typeof nodes)[number]): Promise<void> {
    while (!signal.aborted) {
      await look(node);
      await pause(intervalMs, undefined, { signal }).catch(() => undefined);
    }
  }

  const watching = nodes.map(watch);

  return {
    requests: () => requests,
    load(server) {
      const loads = [...byNode.values()].flatMap((node) => node.loads.get(server) ?? []);
      if (loads.length === 0) return undefined;
      return {
        requestsPerSecond: loads.reduce((sum, { requestsPerSecond }) => sum + requestsPerSecond, 0),
        bytesPerSecond: loads.reduce((sum, { bytesPerSecond }) => sum + bytesPerSecond, 0),
      };
    },
    async stop() {
      stopping.abort();
      await Promise.all(watching);
    },
  };
}

export const loadMetrics: Collector<Pick<LoadWatch, 'requests'>> = {
  component: 'Load of HAProxy',
  metrics: {
    mtxpilot_haproxy_requests_total: counter(
      'Requests that HAProxy passed to the servers, by its own counters; 0 if HAProxy cannot be asked.',
      (load) => load.requests() ?? 0,
    ),
  },
};
