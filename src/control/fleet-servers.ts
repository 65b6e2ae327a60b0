import type { AdministrativeState, FleetServer } from '../directory';
import { administrativeState, emptySlotName, type ServerState } from '../runtime';

/** The base URL of a server's Control API, or undefined where none can be told. `address` is `-` where HAProxy has none. */
export type ApiUrlFor = (server: { readonly name: string; readonly address: string }) => string | undefined;

/**
 * What HAProxy says about the servers of a backend, in the directory's words. Servers without an API URL are left out:
 * nobody could ask them for their streams. So are slots without an address: their name, if anything, is that of all their siblings, and is
 * HAProxy's to resolve.
 *
 * - `operational` is DOWN when `srv_op_state` is 0 (stopped), else UP: 1 (starting), 2 (running) and 3 (stopping) all serve.
 * - `administrative` is `maint` or `drain` by `srv_admin_state`. It is also `drain` where HAProxy keeps new clients away by other means
 *   (weight 0, or 3 = stopping, which HAProxy's own pages call NOLB): whoever asks for the server by name is served, nothing new is placed there.
 *
 * @param backups names of those that are used only when no other is left; `show servers state` does not tell them.
 */
export function fleetServers(
  states: readonly ServerState[],
  apiUrlFor: ApiUrlFor,
  backups: ReadonlySet<string> = new Set(),
): FleetServer[] {
  return states.flatMap((state) => {
    if (emptySlotName(state) !== undefined) return [];
    const name = state.serverName;
    const address = state.address ?? '-';
    const apiUrl = apiUrlFor({ name, address });
    if (apiUrl === undefined) return [];
    const operational = state.operational === 'stopped' ? 'DOWN' : 'UP';
    const isBackup = backups.has(name);
    return [{ name, address, port: state.port, apiUrl, operational, administrative: administrative(state), isBackup }];
  });
}

function administrative(state: ServerState): AdministrativeState {
  const byMask = administrativeState(state.adminBits);
  if (byMask !== 'ready') return byMask;
  return state.weight === 0 || state.operational === 'stopping' ? 'drain' : 'ready';
}
