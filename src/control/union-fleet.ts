import type { AdministrativeState, FleetServer, OperationalState } from '../directory';
import type { IntentKind } from './views';

const operationalOrder: readonly OperationalState[] = ['UP', 'UNKNOWN', 'DOWN'];
const administrativeOrder: readonly AdministrativeState[] = ['ready', 'drain', 'maint'];

/**
 * The fleet as several HAProxy nodes see it: every server of any node, at its best. A server that is UP on one node is UP; of the nodes on which it
 * is, the one that takes most counts, and a backup is who is one on all of them. In the order of the first node. What `wanted` names is at least that much out, even before HAProxy was told.
 */
export function unionFleet(
  fleets: readonly (readonly FleetServer[])[],
  wanted: ReadonlyMap<string, IntentKind>,
): FleetServer[] {
  const servers = new Map<string, FleetServer>();
  for (const server of fleets.flat()) {
    const known = servers.get(server.name);
    const best = known === undefined || isBetter(server, known) ? server : known;
    servers.set(server.name, { ...best, isBackup: server.isBackup && known?.isBackup !== false });
  }
  return [...servers.values()].map((server) => {
    const { administrative } = server;
    const desired = wanted.get(server.name) ?? 'ready';
    const isFurther = administrativeOrder.indexOf(desired) > administrativeOrder.indexOf(administrative);
    return isFurther ? { ...server, administrative: desired } : server;
  });
}

function isBetter(left: FleetServer, right: FleetServer): boolean {
  const byOperation = operationalOrder.indexOf(left.operational) - operationalOrder.indexOf(right.operational);
  if (byOperation !== 0) return byOperation < 0;
  return administrativeOrder.indexOf(left.administrative) < administrativeOrder.indexOf(right.administrative);
}
