import { mediamtxAccess, type Settings } from '../config';
import type { Directory } from '../directory';
import type { RelayPlace } from '../relays';

/** The relays among HAProxy's servers, and how they are asked. */
export function relayPlaces(settings: Settings, directory: Pick<Directory, 'servers'>): readonly RelayPlace[] {
  return directory
    .servers()
    .filter(({ kind, apiUrl }) => kind === 'relay' && apiUrl !== '')
    .map(({ name, kind, address, port, apiUrl }) => {
      const { username, password } = mediamtxAccess(settings, { name, kind, address, port });
      return { name, url: apiUrl, username, password };
    });
}
