import type { RuntimeClient, RuntimeError } from '../../src/runtime';
import { fakeRuntimeClient } from './fake-runtime-client';

const columns =
  'be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_fqdn srv_port';
const table = '# table: sessions, type: string, size:100, used:0\n';
const bitsOf: Readonly<Record<string, number>> = { ready: 0, drain: 8, maint: 1 };

/** The servers mtx1, mtx2 and mtx3 of a HAProxy, which does what it is told unless `spoil` says something else. */
export interface FakeHaproxyServers {
  readonly client: RuntimeClient;
  readonly asked: string[];
  readonly servers: Map<string, { bits: number; weight: number }>;
  pid: number;
  spoil: ((command: string) => string | RuntimeError | undefined) | undefined;
}

export function fakeHaproxyServers(): FakeHaproxyServers {
  const servers = new Map(['mtx1', 'mtx2', 'mtx3'].map((name) => [name, { bits: 0, weight: 1 }]));
  const answer = (command: string): string | RuntimeError => {
    const spoilt = haproxy.spoil?.(command);
    if (spoilt !== undefined) return spoilt;
    if (command === 'show info') return `Version: 3.2.1\nPid: ${haproxy.pid}\nUptime_sec: 100\n`;
    const [, name = '', what = '', value = ''] = /^set server mtx\/(\S+) (\S+) (\S+)$/.exec(command) ?? [];
    const server = servers.get(name);
    if (server !== undefined && what === 'state') server.bits = bitsOf[value] ?? 0;
    if (server !== undefined && what === 'weight') server.weight = Number(value);
    if (command.startsWith('set') || command.startsWith('clear')) return '';
    if (command.startsWith('show table')) return table;
    const lines = [...servers].map(
      ([each, { bits, weight }], i) => `3 mtx ${i + 1} ${each} 10.0.0.1 2 ${bits} ${weight} 1 9 - 8888`,
    );
    return ['1', `# ${columns}`, ...lines, ''].join('\n');
  };
  const { client, asked } = fakeRuntimeClient(answer);
  const haproxy: FakeHaproxyServers = { client, asked, servers, pid: 7, spoil: undefined };
  return haproxy;
}
