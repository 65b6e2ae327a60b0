import { createServerEvents, type SeenServer } from '../../../src/control/server-events';

const seen = (change: Partial<SeenServer> = {}): SeenServer => ({
  name: 'mtx1',
  operational: 'UP',
  isMaint: false,
  api: 'ok',
  apiError: undefined,
  ...change,
});
const down = seen({ operational: 'DOWN' });
const suspect = seen({ api: 'suspect', apiError: 'refused' });

it.each<[string, (SeenServer | 'settling')[], string[]]>([
  ['the first sight is no change', [down], []],
  ['down and up', [seen(), down, down, seen()], ['server.down', 'server.up']],
  ['maintenance is no failure', [seen(), seen({ operational: 'DOWN', isMaint: true }), seen()], []],
  [
    'down before maintenance, up after it',
    [seen(), down, seen({ isMaint: true, operational: 'DOWN' }), seen()],
    ['server.down', 'server.up'],
  ],
  [
    'a young HAProxy takes everybody for UP',
    [seen(), down, 'settling', seen(), 'settling', seen(), down],
    ['server.down'],
  ],
  ['suspect, once, and again', [seen(), suspect, suspect, seen(), suspect], ['server.suspect', 'server.suspect']],
  ['failing is not suspect', [seen(), seen({ api: 'failing' }), seen()], []],
  ['a server that is DOWN is not suspect as well', [seen(), down, { ...down, api: 'suspect' }], ['server.down']],
])('%s', (_, looks, expected) => {
  const events: string[] = [];
  const tell = createServerEvents(({ type }) => void events.push(type));
  for (const [i, look] of looks.entries()) if (look !== 'settling') tell([look], looks[i - 1] === 'settling');
  expect(events).toEqual(expected);
});
