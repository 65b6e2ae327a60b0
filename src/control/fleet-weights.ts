import type { Directory, ServerView } from '../directory';
import type { ServerState } from '../runtime';
import type { FleetView } from './fleet-view';
import { type LoadMemory, loadWeights, type ServerLoad } from './load-weights';
import type { ControlNode } from './node';
import type { Survey } from './survey';

/** Weights that follow load, for the whole fleet. */
export interface FleetWeights {
  /** Undefined until they are known. */
  current(): ReadonlyMap<string, number> | undefined;
  /** Makes them anew every five seconds, as soon as everybody's load is known. */
  update(nowMs: number): void;
  /** Goes on from weights that were found by another agent, or in an earlier life. */
  takeOver(weights: ReadonlyMap<string, number> | undefined): void;
}

const updateEveryMs = 5000;

export function createFleetWeights(
  view: FleetView,
  directory: Pick<Directory, 'servers'>,
  survey: Pick<Survey, 'latest'>,
): FleetWeights {
  let weights: ReadonlyMap<string, number> | undefined;
  let memory: LoadMemory | undefined;

  /** The weight that a server has in some HAProxy, where it is one that control gave it. */
  function ownWeightOf(name: string): number | undefined {
    const own = view.heard().flatMap((node) => {
      const weight = node.states()?.find(({ serverName }) => serverName === name)?.weight;
      return weight !== undefined && node.memory().servers.get(name)?.ownWeight === weight ? [weight] : [];
    });
    return own[0];
  }

  /** A backup has no share to be weighed while others are up, and relays have theirs by account. */
  function mayWeigh(node: ControlNode, state: ServerState): boolean {
    return view.kindOf(state) === 'mediamtx' && !node.backups().has(state.serverName);
  }

  return {
    current: () => weights,
    takeOver(found) {
      weights = found;
    },
    update(nowMs) {
      const look = survey.latest();
      if (look === undefined || (memory !== undefined && nowMs - memory.atMs < updateEveryMs)) return;
      const servers = directory.servers().filter(({ kind }) => kind === 'mediamtx');
      const isListed = ({ name, api }: ServerView) => api.inventoryAgeMs !== undefined && look.servers.has(name);
      // Before the first lists everybody looks idle. Who does not answer at all is not waited for.
      const isLoadKnown = servers.every(
        (server) =>
          isListed(server) ||
          server.backup ||
          server.operational !== 'UP' ||
          server.administrative === 'maint' ||
          server.api.health === 'suspect',
      );
      if (memory === undefined && !isLoadKnown) return;
      const readers = new Map(
        servers.filter(isListed).map((server) => [server.name, server.readers + server.hlsSessions]),
      );
      const states = view.heard().flatMap((node) => view.statesOf(node).filter((state) => mayWeigh(node, state)));
      const configured = new Map(states.map((state) => [state.serverName, state.configuredWeight]));
      const loads = [...configured].map(
        ([name, configuredWeight]): ServerLoad => ({
          name,
          configuredWeight,
          readers: readers.get(name),
          bytesSent: look.servers.get(name)?.bytesSent ?? 0,
          presentWeight: ownWeightOf(name),
        }),
      );
      ({ weights, memory } = loadWeights(memory, loads, nowMs));
    },
  };
}
