import type { ApiHealth, Directory, FleetServer } from '../directory';
import { emptySlotName, type ServerState } from '../runtime';
import type { ServerFacts } from './desired-state';
import { fleetServers, type KindOf } from './fleet-servers';
import type { ControlNode } from './node';
import { unionFleet } from './union-fleet';
import type { EmptySlot, Intent, IntentKind } from './views';

/** What all HAProxys together say of the servers. Only those count that answer, or all while none does. */
export interface FleetView {
  /** Whether any HAProxy has told its servers. */
  isKnown(): boolean;
  heard(): readonly ControlNode[];
  /** The servers of one HAProxy: all of its states but the empty slots. One whose address a new process still looks for is a server as before. */
  statesOf(node: ControlNode): readonly ServerState[];
  names(): string[];
  /** Slots that no HAProxy has an address for. */
  emptySlots(): EmptySlot[];
  /** Somebody else set its state on some HAProxy. */
  isExternal(server: string): boolean;
  /** The servers that the directory is to ask, `out` of service as far as that is desired already. */
  fleet(out: ReadonlyMap<string, IntentKind>): FleetServer[];
  /** Every server, also those without a Control API. */
  facts(): ServerFacts[];
  readonly kindOf: KindOf;
}

export function createFleetView(
  nodes: readonly ControlNode[],
  directory: Pick<Directory, 'servers'>,
  intentOf: (server: string) => Intent | undefined,
  kindOf: KindOf,
): FleetView {
  function heard(): readonly ControlNode[] {
    const live = nodes.filter((node) => !node.isLost());
    return live.length > 0 ? live : nodes;
  }

  function statesOf(node: ControlNode): readonly ServerState[] {
    const known = new Set(node.fleet().map(({ name }) => name));
    return (node.states() ?? []).filter((state) => emptySlotName(state) === undefined || known.has(state.serverName));
  }

  function names(): string[] {
    return [...new Set(heard().flatMap((node) => statesOf(node).map(({ serverName }) => serverName)))];
  }

  return {
    isKnown: () => nodes.some((node) => node.states() !== undefined),
    heard,
    statesOf,
    names,
    emptySlots() {
      const servers = new Set([...names(), ...directory.servers().map(({ name }) => name)]);
      const slots = new Map<string, EmptySlot>();
      for (const state of heard().flatMap((node) => node.states() ?? [])) {
        const { serverName: name } = state;
        const hostName = emptySlotName(state);
        if (hostName !== undefined && !servers.has(name) && !slots.has(name))
          slots.set(name, { name, hostName, intent: intentOf(name) });
      }
      return [...slots.values()];
    },
    isExternal: (server) => heard().some((node) => node.memory().servers.get(server)?.isExternal === true),
    fleet: (out) =>
      unionFleet(
        heard().map((node) => node.fleet()),
        out,
      ),
    facts() {
      const health = new Map(directory.servers().map(({ name, api }): [string, ApiHealth] => [name, api.health]));
      const fleet = unionFleet(
        heard().map((node) => {
          // Their URL is of no interest here.
          const found = fleetServers(node.states() ?? [], { kindOf, apiUrlFor: () => 'none' }, node.backups());
          const known = new Set(found.map(({ name }) => name));
          return [...found, ...node.fleet().filter(({ name }) => !known.has(name))];
        }),
        new Map(),
      );
      return fleet.map(({ name, kind, operational, administrative, isBackup }) => ({
        name,
        kind,
        operational,
        isBackup,
        takesViewers: operational === 'UP' && administrative === 'ready',
        api: health.get(name) ?? 'unknown',
        intent: intentOf(name),
      }));
    },
    kindOf,
  };
}
