import type { Settings } from './schema';

/** The HAProxys to be asked: `haproxy.nodes`, else the one of `haproxy.socket`. None with a static list of servers. */
export function haproxyNodes({
  haproxy,
  servers,
}: Pick<Settings, 'haproxy' | 'servers'>): Settings['haproxy']['nodes'] {
  if (servers.length > 0) return [];
  return haproxy.nodes.length > 0 ? haproxy.nodes : [{ name: 'haproxy', socket: haproxy.socket }];
}
