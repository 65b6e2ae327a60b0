import type { TableEntry } from '../runtime';

/** The server of a table entry as people know it; its number where HAProxy has forgotten the name; undefined where it has none. */
export function serverOf({ serverKey, serverId }: Pick<TableEntry, 'serverKey' | 'serverId'>): string | undefined {
  return serverKey ?? (serverId === undefined ? undefined : `#${serverId}`);
}
