import { parsedUrl } from '../wire';
import { bracketed } from './address';
import type { Settings } from './schema';

/** How the Control API of one server is reached. */
export interface MediamtxAccess {
  /** Base URL without a slash at its end; undefined where the server has no URL of its own, and no address of which one can be made. */
  readonly apiUrl: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** A server, as far as it is known. `address` is a host name or an IP address (IPv6 without brackets), or `-` where HAProxy has none. */
export interface ServerToAsk {
  readonly name: string;
  readonly kind: 'mediamtx' | 'relay';
  readonly address: string;
  readonly port: number;
}

/**
 * What the settings say about one server: what `mediamtx.servers` has for its name, else what `servers` has, else the common values. Relays answer where
 * they serve viewers, and are told no common password: it is not theirs.
 */
export function mediamtxAccess(settings: Pick<Settings, 'mediamtx' | 'servers'>, server: ServerToAsk): MediamtxAccess {
  const { mediamtx, servers } = settings;
  const override = Object.hasOwn(mediamtx.servers, server.name) ? mediamtx.servers[server.name] : undefined;
  const listed = servers.find(({ name }) => name === server.name);
  const isRelay = server.kind === 'relay';
  const api = isRelay ? `http://{address}:${server.port}` : mediamtx.api;
  const isKnown = server.address !== '-' || !api.includes('{address}');
  const common = isKnown
    ? api.replaceAll('{address}', () => bracketed(server.address)).replaceAll('{name}', () => server.name)
    : undefined;
  return {
    // HAProxy's names and addresses may hold what no URL can.
    apiUrl:
      override?.api ?? listed?.api ?? (common !== undefined && parsedUrl(common) !== undefined ? common : undefined),
    ...(isRelay
      ? relayCredentials(override)
      : { username: override?.username ?? mediamtx.username, password: override?.password ?? mediamtx.password }),
  };
}

/** A relay takes its token as the password of any user. */
function relayCredentials(override: Settings['mediamtx']['servers'][string] | undefined) {
  const { username = 'mtxpilot', password } = override ?? {};
  return { username: password === undefined ? undefined : username, password };
}
