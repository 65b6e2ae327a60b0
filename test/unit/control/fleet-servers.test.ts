import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fleetServers } from '../../../src/control/fleet-servers';
import { parseServersState } from '../../../src/runtime/parse-servers';

const recorded = (version: string) => {
  const file = join(__dirname, '../../fixtures/runtime', `${version}-show-servers-state.txt`);
  const states = parseServersState(readFileSync(file, 'utf8'));
  if (!states.ok) throw new Error(states.error.message);
  return states.value;
};

const kindOf = () => 'mediamtx' as const;

it.each(['2.6', '3.0', '3.2'])('the fleet as HAProxy %s has it', (version) => {
  const fleet = fleetServers(recorded(version), {
    kindOf,
    apiUrlFor: ({ address }) => (address === '-' ? undefined : `http://${address}`),
  });
  expect(fleet.map((server) => `${server.name} ${server.operational} ${server.administrative}`)).toEqual([
    'ready UP ready',
    'drained UP drain',
    'maintained DOWN maint',
    'down DOWN ready',
    'disabled DOWN maint',
    'disabled-then-ready UP ready',
    'drained-and-maintained DOWN maint',
    'unchecked UP ready',
    'ipv6 DOWN ready',
    // Load balancing sends nobody to these two, so nothing may be placed there either.
    'weightless UP drain',
    'leaving UP drain',
    'starting UP ready',
    'tracking-drained UP drain',
    'tracking-maintained DOWN maint',
    'named DOWN ready',
  ]);
  expect(fleet[8]).toMatchObject({ name: 'ipv6' });
});

it('keeps a server without an address when its API is known all the same', () => {
  const fleet = fleetServers(recorded('3.2'), {
    kindOf,
    apiUrlFor: ({ name }) => (name === 'by-socket' ? 'http://x' : undefined),
  });
  expect(fleet).toEqual([
    {
      name: 'by-socket',
      kind: 'mediamtx',
      address: '-',
      port: 0,
      apiUrl: 'http://x',
      operational: 'UP',
      administrative: 'ready',
      isBackup: false,
    },
  ]);
});

describe('a slot without an address', () => {
  const withColumns = (address: string, fqdn: string, srvRecord: string) => {
    const header = '# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight';
    const states = parseServersState(
      `1\n${header} srv_time_since_last_change srv_fqdn srv_port srvrecord\n3 mtx 1 mtx1 ${address} 0 32 1 1 9 ${fqdn} 8888 ${srvRecord}\n`,
    );
    if (!states.ok) throw new Error(states.error.message);
    return fleetServers(states.value, { kindOf, apiUrlFor: () => 'http://own.example' });
  };
  it.each([
    ['its name is not resolved', '-', 'mtx.example', '-'],
    ['init-addr gave it none', '0.0.0.0', 'mtx.example', '-'],
    ['its SRV record names no target for it', '-', '-', '_hls._tcp.mtx.example'],
  ])('is no server, even where its API has a URL of its own: %s', (_, ...columns) => {
    expect(withColumns(...columns)).toEqual([]);
  });
  it.each([
    ['a name that is resolved', '10.0.0.1', 'mtx.example', '-'],
    ['an SRV record that is', '10.0.0.1', 'p1.mtx.example', '_hls._tcp.mtx.example'],
    ['a Unix socket', '-', '-', '-'],
  ])('what has one is a server: %s', (_, ...columns) => {
    expect(withColumns(...columns)).toHaveLength(1);
  });
});

it('tells the backups', () => {
  const fleet = fleetServers(
    recorded('3.2'),
    { kindOf, apiUrlFor: ({ address }) => `http://${address}` },
    new Set(['down', 'ipv6', 'gone']),
  );
  expect(fleet.filter(({ isBackup }) => isBackup).map(({ name }) => name)).toEqual(['down', 'ipv6']);
});
