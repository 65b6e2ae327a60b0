import type { Settings } from '../config';
import type { Directory } from '../directory';
import type { Logger } from '../log';
import { createHistory, type History } from '../measure';
import type { Bridge } from '../router';
import type { HaproxyNode } from '../runtime';
import type { Viewers } from '../viewers';
import { type LoadWatch, watchLoad } from './haproxy-load';

/** The figures of the last hour, for the dashboard. */
export interface FigureWatch {
  readonly history: History;
  readonly load: LoadWatch;
  stop(): Promise<void>;
}

const sampleEveryMs = 5000;
/** An hour of them: some 100 KB. */
const maxSamples = 720;

/** Reads directory, viewers, bridges and HAProxy's counters every five seconds. */
export function watchFigures(
  settings: Settings,
  {
    nodes,
    directory,
    viewers,
    bridges,
  }: {
    readonly nodes: readonly HaproxyNode[];
    readonly directory: Directory;
    readonly viewers: Viewers;
    readonly bridges: readonly Bridge[];
  },
  log: Logger,
): FigureWatch {
  const history = createHistory(maxSamples);
  const { backend, relayBackend } = settings.haproxy;
  // HAProxy need not have a backend of relays.
  const backends = () =>
    directory.slots().some(({ fleet }) => fleet.kind === 'relay') ? [backend, relayBackend] : [backend];
  const load = watchLoad({ nodes, backends, intervalMs: sampleEveryMs, log });
  const take = (): void => {
    const slots = directory.slots();
    history.take({
      atMs: Date.now(),
      viewers: viewers.total().viewers,
      streams: directory.streamCount,
      servers: slots.filter(({ usable }) => usable).length,
      requests: load.requests(),
      apiCalls: [...directory.stats.apiCalls.values()].reduce((sum, { outcomes }) => sum + countOf(outcomes), 0),
      decisionTimes: bridges.map(({ decisions }) => decisions.time),
    });
  };
  const timer = setInterval(take, sampleEveryMs);
  return {
    history,
    load,
    async stop() {
      clearInterval(timer);
      await load.stop();
    },
  };
}

function countOf(outcomes: Readonly<Record<string, Readonly<Partial<Record<string, number>>>>>): number {
  return Object.values(outcomes).reduce(
    (sum, results) => sum + Object.values(results).reduce<number>((inner, count) => inner + (count ?? 0), 0),
    0,
  );
}
