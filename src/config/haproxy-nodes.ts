import type { Settings } from './schema';

/** The HAProxys that the settings name: `haproxy.nodes`, else the one of `haproxy.socket`. */
export function haproxyNodes({ haproxy: { nodes, socket } }: Pick<Settings, 'haproxy'>): Settings['haproxy']['nodes'] {
  return nodes.length > 0 ? nodes : [{ name: 'haproxy', socket }];
}
