import type { AdministrativeState, FleetServer, ServerKind } from '../directory';
import { administrativeState, emptySlotName, type ServerState } from '../runtime';

/** The base URL of a server's Control API, or undefined where none can be told. `address` is `-` where HAProxy has none. */
export type ApiUrlFor = (server: Pick<FleetServer, 'name' | 'kind' | 'address' | 'port'>) => string | undefined;

/** What a server is, by the backend that it is in. */
export type KindOf = (server: Pick<ServerState, 'backendName'>) => ServerKind;

/**
 * What HAProxy says about its servers, in the directory's words. Servers without an API URL are left out:
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
  { kindOf, apiUrlFor }: { readonly kindOf: KindOf; readonly apiUrlFor: ApiUrlFor },
  backups: ReadonlySet<string> = new Set(),
): FleetServer[] {
  return states.flatMap((state) => {
    if (emptySlotName(state) !== undefined) return [];
    const name = state.serverName;
    const address = state.address ?? '-';
    const { port } = state;
    const kind = kindOf(state);
    const apiUrl = apiUrlFor({ name, kind, address, port });
    if (apiUrl === undefined) return [];
    const operational = state.operational === 'stopped' ? 'DOWN' : 'UP';
    const isBackup = backups.has(name);
    return [{ name, kind, address, port, apiUrl, operational, administrative: administrative(state), isBackup }];
  });
}

function administrative(state: ServerState): AdministrativeState {
  const byMask = administrativeState(state.adminBits);
  if (byMask !== 'ready') return byMask;
  return state.weight === 0 || state.operational === 'stopping' ? 'drain' : 'ready';
}
