import type { Settings } from './config';
import type { Directory } from './directory';
import { createHistory, type History } from './history';
import type { Logger } from './log';
import type { RecordTime } from './record-time';
import { createRuntimeClient } from './runtime';
import type { TimeHistogram } from './time-histogram';
import type { Viewers } from './viewers';
import { type LoadWatch, watchLoad } from './watch-load';

/** The figures of the last hour, for the dashboard. */
export interface FigureWatch {
  readonly history: History;
  readonly load: LoadWatch;
  /** A bridge whose decisions count. */
  addBridge(bridge: { readonly stats: { readonly decisions: { readonly time: TimeHistogram } } }): void;
  stop(): Promise<void>;
}

const sampleEveryMs = 5000;
/** An hour of them: some 100 KB. */
const maxSamples = 720;

/** Reads directory, viewers, bridges and HAProxy's counters every five seconds. */
export function watchFigures(
  settings: Settings,
  { directory, viewers }: { readonly directory: Directory; readonly viewers: Viewers },
  log: Logger,
  recordCommand: RecordTime,
): FigureWatch {
  const history = createHistory(maxSamples);
  const bridges: TimeHistogram[] = [];
  const { nodes, socket, backend } = settings.haproxy;
  const asked = nodes.length > 0 ? nodes : [{ name: 'haproxy', socket }];
  const load = watchLoad({
    nodes:
      settings.servers.length > 0
        ? []
        : asked.map(({ name, socket: address }) => ({ name, client: createRuntimeClient({ address, recordCommand }) })),
    backend,
    intervalMs: sampleEveryMs,
    log,
  });
  const take = (): void => {
    const slots = directory.slots();
    history.take({
      atMs: Date.now(),
      viewers: viewers.total().viewers,
      streams: directory.streamCount,
      servers: slots.filter(({ usable }) => usable).length,
      requests: load.requests(),
      apiCalls: [...directory.stats.apiCalls.values()].reduce((sum, { outcomes }) => sum + countOf(outcomes), 0),
      decisionTimes: bridges,
    });
  };
  const timer = setInterval(take, sampleEveryMs);
  return {
    history,
    load,
    addBridge: (bridge) => {
      bridges.push(bridge.stats.decisions.time);
    },
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
