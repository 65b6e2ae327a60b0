import { join } from 'node:path';
import { createRuntimeClient, showInfo } from '../runtime';
import { type DemoAddresses, pageUrl } from './addresses';
import { type Child, startChild } from './child';
import type { Ending } from './ending';
import { packageRoot } from './package-root';
import { programPath } from './program-path';
import { parseSessionsTable, type TableSession } from './sessions-table';
import { waitFor } from './wait-for';

/** HAProxy with the shipped configuration. */
export interface Proxy {
  readonly child: Child;
  readonly version: string;
  /** The path of its Runtime API's socket. */
  readonly socket: string;
  /** Resolves when the checks of every server, of the relay and of the agent have passed. */
  ready(): Promise<void>;
  /** The entries of its table of sessions; none while it does not answer. */
  sessions(): Promise<readonly TableSession[]>;
}

export interface ProxyOptions {
  readonly addresses: DemoAddresses;
  /** The executable; undefined for the one on the path. */
  readonly haproxyBin: string | undefined;
  readonly hasPage: boolean;
  /** A private folder for its socket. */
  readonly folder: string;
  /** Is told when it dies. */
  readonly ending: Ending;
}

/** @throws DemoError when HAProxy cannot be run, or ends, with its own words. */
export async function startProxy(options: ProxyOptions): Promise<Proxy> {
  const { addresses, haproxyBin, folder, ending } = options;
  const socket = join(folder, 'admin.sock');
  const client = createRuntimeClient({ address: { path: socket } });
  const child = await startChild({
    title: 'HAProxy',
    command: programPath(haproxyBin ?? 'haproxy'),
    args: ['-db', '-f', join(packageRoot, 'haproxy/haproxy.cfg')],
    env: {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MTX'))),
      MTX_BIND: addresses.viewers,
      ...Object.fromEntries(addresses.servers.map(({ name, hls }) => [name.toUpperCase(), hls])),
      MTX_ADMIN_SOCKET: socket,
      MTX_RELAY1: addresses.relay,
      MTX_PEER: addresses.peer,
      MTX_AGENT_PEER: addresses.agentPeer,
      MTX_AGENT: addresses.spoe,
      MTX_AGENT_HTTP: addresses.http,
      MTX_SHOW_SERVER: '1',
      ...(options.hasPage && { MTX_HOME: pageUrl(addresses) }),
    },
    cwd: folder,
    missing:
      haproxyBin === undefined
        ? 'there is no haproxy: apt-get install haproxy, or name the executable with --haproxy BIN or HAPROXY_BIN'
        : `there is no ${haproxyBin}, which --haproxy or HAPROXY_BIN names`,
  });
  ending.watch(child);
  let version = '';
  try {
    await waitFor(
      'HAProxy to answer on its socket',
      async () => {
        const info = await showInfo(client);
        if (info.ok) version = info.value.version;
        return info.ok;
      },
      ending.reason,
    );
  } catch (error) {
    child.kill();
    throw error;
  }
  return {
    child,
    version,
    socket,
    ready: () =>
      waitFor(
        'HAProxy to see all servers, the relay and the agent',
        async () => {
          const stat = await client.execute(['show', 'stat']);
          const isUp = /^(?:mtx,mtx\d|mtx_relays,relay1|mtx_agent,agent1),.*,UP(?:,|\s)/;
          return (
            stat.ok && stat.value.split('\n').filter((line) => isUp.test(line)).length > addresses.servers.length + 1
          );
        },
        ending.reason,
      ),
    async sessions() {
      const table = await client.execute(['show', 'table', 'sessions']);
      return table.ok ? parseSessionsTable(table.value) : [];
    },
  };
}
