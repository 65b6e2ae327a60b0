import { unionFleet } from '../../../src/control/union-fleet';
import type { AdministrativeState, FleetServer, OperationalState } from '../../../src/directory/views';

function fleet(...servers: string[]): FleetServer[] {
  return servers.map((text) => {
    const [name = '', operational = '', administrative = '', backup] = text.split(' ');
    return {
      name,
      kind: 'mediamtx',
      address: '10.0.0.1',
      port: 8888,
      apiUrl: 'http://10.0.0.1:9997',
      operational: operational as OperationalState,
      administrative: administrative as AdministrativeState,
      isBackup: backup === 'backup',
    };
  });
}

it.each<[string, FleetServer[][], Record<string, 'drain' | 'maint' | 'ready'>, string[]]>([
  ['one node', [fleet('a UP ready', 'b DOWN maint')], {}, ['a UP ready', 'b DOWN maint']],
  ['UP on any is UP', [fleet('a DOWN ready'), fleet('a UP ready')], {}, ['a UP ready']],
  [
    'every server of any node',
    [fleet('b UP ready'), fleet('a UP ready', 'b UP ready')],
    {},
    ['b UP ready', 'a UP ready'],
  ],
  ['ready on one of two', [fleet('a UP drain'), fleet('a UP ready')], {}, ['a UP ready']],
  ['of those that are UP', [fleet('a UP drain'), fleet('a DOWN ready')], {}, ['a UP drain']],
  [
    'wanted out, before HAProxy knows',
    [fleet('a UP ready', 'b UP drain', 'c DOWN maint')],
    { a: 'drain', b: 'maint', c: 'drain' },
    ['a UP drain', 'b UP maint', 'c DOWN maint'],
  ],
  ['a backup everywhere', [fleet('a UP ready backup'), fleet('a UP ready backup')], {}, ['a UP ready backup']],
  ['a backup on one of two', [fleet('a UP ready backup'), fleet('a UP drain')], {}, ['a UP ready']],
  ['active on the first of two', [fleet('a UP drain'), fleet('a UP ready backup')], {}, ['a UP ready']],
  ['nobody', [], {}, []],
])('%s', (_, fleets, wanted, expected) => {
  const union = unionFleet(fleets, new Map(Object.entries(wanted)));
  const shown = union.map(
    ({ name, operational, administrative, isBackup }) =>
      `${name} ${operational} ${administrative}${isBackup ? ' backup' : ''}`,
  );
  expect(shown).toEqual(expected);
});
