import { bracketed } from './address';
import type { Settings } from './schema';

/** How the Control API of one server is reached. */
export interface MediamtxAccess {
  /** Base URL without a slash at its end; undefined where the server has no URL of its own, and no address of which one can be made. */
  readonly apiUrl: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/**
 * What the settings say about one server: what `mediamtx.servers` has for its name, else what `servers` has, else the common values.
 * `address` is a host name or an IP address (IPv6 without brackets), or `-` where HAProxy has none.
 */
export function mediamtxAccess(
  settings: Pick<Settings, 'mediamtx' | 'servers'>,
  server: { readonly name: string; readonly address: string },
): MediamtxAccess {
  const { mediamtx, servers } = settings;
  const override = Object.hasOwn(mediamtx.servers, server.name) ? mediamtx.servers[server.name] : undefined;
  const listed = servers.find(({ name }) => name === server.name);
  const isKnown = server.address !== '-' || !mediamtx.api.includes('{address}');
  const common = isKnown
    ? mediamtx.api.replaceAll('{address}', () => bracketed(server.address)).replaceAll('{name}', () => server.name)
    : undefined;
  return {
    // HAProxy's names and addresses may hold what no URL can.
    apiUrl: override?.api ?? listed?.api ?? (common !== undefined && URL.canParse(common) ? common : undefined),
    username: override?.username ?? mediamtx.username,
    password: override?.password ?? mediamtx.password,
  };
}
