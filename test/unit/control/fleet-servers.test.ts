import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fleetServers } from '../../../src/control/fleet-servers';
import { parseServersState } from '../../../src/runtime/parse-servers-state';

const recorded = (version: string) => {
  const file = join(__dirname, '../../fixtures/runtime', `${version}-show-servers-state.txt`);
  const states = parseServersState(readFileSync(file, 'utf8'));
  if (!states.ok) throw new Error(states.error.message);
  return states.value;
};

it.each(['2.6', '3.0', '3.2'])('the fleet as HAProxy %s has it', (version) => {
  const fleet = fleetServers(recorded(version), ({ address }) => (address === '-' ? undefined : `http://${address}`));
  expect(fleet.map((server) => `${server.name} ${server.operational} ${server.administrative}`)).toEqual([
    'ready UP ready',
    'drained UP drain',
    'maintained DOWN maint',
    'down DOWN ready',
    'disabled DOWN maint',
    'disabled-then-ready UP ready',
    'drained-and-maintained DOWN maint',
    'unchecked UP ready',
    'unresolved DOWN maint',
    'ipv6 DOWN ready',
    // Load balancing sends nobody to these two, so nothing may be placed there either.
    'weightless UP drain',
    'leaving UP drain',
    'starting UP ready',
    'tracking-drained UP drain',
    'tracking-maintained DOWN maint',
    'named DOWN ready',
  ]);
  expect(fleet[8]).toEqual({
    name: 'unresolved',
    address: 'nosuch.invalid',
    port: 8888,
    apiUrl: 'http://nosuch.invalid',
    operational: 'DOWN',
    administrative: 'maint',
  });
});

it('keeps a server without an address when its API is known all the same', () => {
  const fleet = fleetServers(recorded('3.2'), ({ name }) => (name === 'by-socket' ? 'http://x' : undefined));
  expect(fleet).toEqual([
    { name: 'by-socket', address: '-', port: 0, apiUrl: 'http://x', operational: 'UP', administrative: 'ready' },
  ]);
});
