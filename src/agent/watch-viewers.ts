import type { Settings } from '../config';
import type { Directory } from '../directory';
import type { Logger } from '../log';
import { createPeersServer, createTableWatch, type PeersServer } from '../peers';
import type { HaproxyNode } from '../runtime';
import type { Store } from '../store';
import {
  createTablePoll,
  createViewers,
  shareViewers,
  type TablePoll,
  type ViewersWithOthers,
  withOthers,
} from '../viewers';

/** The list of viewers, and what keeps it. */
export interface ViewerWatch {
  readonly viewers: ViewersWithOthers;
  /** Undefined where the tables are polled instead. */
  readonly peers: PeersServer | undefined;
  readonly polls: readonly TablePoll[];
  stop(): Promise<void>;
}

/**
 * Watches HAProxy's tables: as their peer, or, with `peers.listen: off`, by reading them over the Runtime API.
 *
 * @throws Error when the address cannot be listened on; nothing is left running then.
 */
export async function watchViewers(
  settings: Settings,
  nodes: readonly HaproxyNode[],
  directory: Directory,
  store: Store,
  log: Logger,
): Promise<ViewerWatch> {
  // Goes on evenly when the system's clock is set.
  const nowMs = (): number => performance.timeOrigin + performance.now();
  const heard = createViewers({
    goneAfterMs: settings.viewers.goneAfter,
    showAddresses: settings.viewers.addresses,
    nowMs: nowMs(),
  });
  const viewers = withOthers(heard);
  const { listen, siblings } = settings.peers;
  let peers: PeersServer | undefined;
  const polls: TablePoll[] = [];
  if (listen !== null) {
    const onStream = (stream: string, server: string): void => {
      const { holdings = [], fillers = [] } = directory.entry(stream) ?? {};
      const isKnown = [...holdings, ...fillers].some(({ slot }) => slot.name === server);
      if (!isKnown) void directory.confirm(stream, server);
    };
    peers = createPeersServer({ listener: createTableWatch({ viewers, onStream, nowMs }), log, hasSiblings: siblings });
    await peers.listen(listen);
  } else {
    for (const { name: node, statistics: client } of nodes)
      polls.push(createTablePoll({ node, client, viewers, log, nowMs }));
  }
  for (const poll of polls) poll.start();
  const exchange = store.isShared ? shareViewers(viewers, { store, log }) : undefined;
  const ticking = setInterval(() => viewers.tick(nowMs()), viewers.tickMs);
  return {
    viewers,
    peers,
    polls,
    async stop() {
      clearInterval(ticking);
      await exchange?.stop();
      await Promise.all([peers?.stop(), ...polls.map((poll) => poll.stop())]);
    },
  };
}
