import fc from 'fast-check';
import {
  addMap,
  clearMap,
  clearTableKey,
  clearTableServer,
  countByServer,
  createRuntimeClient,
  delMap,
  type RuntimeClient,
  replaceMap,
  setMap,
  setServerState,
  setServerWeight,
  showMap,
  showServersState,
  showStat,
  showTable,
  showTableKey,
} from '../../../src/runtime';
import { payloadText } from '../../../src/runtime/command';
import { ownNames } from '../../support/own-names';

/** Every command that takes a name, with that name in each of its places. */
const commands: readonly ((client: RuntimeClient, name: string) => Promise<{ ok: boolean }>)[] = [
  (client, name) => showServersState(client, name),
  (client, name) => showStat(client, name),
  (client, name) => setServerState(client, name, 'mtx1', 'ready'),
  (client, name) => setServerState(client, 'mtx', name, 'ready'),
  (client, name) => setServerWeight(client, 'mtx', name, 1),
  (client, name) => showTable(client, name),
  (client, name) => showTableKey(client, 'sessions', name),
  (client, name) => countByServer(client, name),
  (client, name) => clearTableKey(client, 'sessions', name),
  (client, name) => clearTableServer(client, name, 1),
  (client, name) => showMap(client, name),
  (client, name) => addMap(client, name, [['a', 'b']]),
  (client, name) => addMap(client, 'routes.map', [[name, 'b']]),
  (client, name) => addMap(client, 'routes.map', [['a', name]]),
  (client, name) => setMap(client, 'routes.map', name, 'b'),
  (client, name) => setMap(client, 'routes.map', 'a', name),
  (client, name) => delMap(client, 'routes.map', name),
  (client, name) => clearMap(client, name),
  (client, name) => replaceMap(client, name, [['a', 'b']]),
  (client, name) => replaceMap(client, 'routes.map', [[name, name]]),
];

/** What HAProxy would make of these bytes: commands of words, told from the management guide, not from the code that is tested. */
function asHaproxyReads(bytes: string): { readonly words: string[]; readonly payload: string[] } {
  const [line = '', ...payload] = bytes.split('\n');
  expect(bytes.endsWith('\n')).toBe(true);
  expect(line).not.toMatch(/[;\\"'\t\r\0]/);
  const words = line.split(' ');
  // A payload is announced by the last word, and only there; it ends at the first empty line, which is the last.
  const announced = words.indexOf('<<');
  if (announced < 0) expect(payload).toEqual(['']);
  else {
    expect(announced).toBe(words.length - 1);
    expect(payload.indexOf('')).toBe(payload.length - 2);
    words.pop();
  }
  return { words, payload: payload.filter((entry) => entry !== '') };
}

const hostile = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 30 }) },
  { weight: 2, arbitrary: fc.stringMatching(/^[A-Za-z0-9_.~/-]{1,30}$/) },
  { weight: 1, arbitrary: fc.constantFrom(...ownNames) },
  {
    weight: 3,
    arbitrary: fc
      .array(
        fc.constantFrom(
          'live/a',
          ';',
          ' ',
          '\\',
          '\n',
          '\n\n',
          '\r',
          '\t',
          '\0',
          '<<',
          '#',
          '#0x1',
          '@',
          '@1',
          '"',
          "'",
        ),
        { minLength: 1, maxLength: 5 },
      )
      .map((parts) => parts.join('')),
  },
);

/** A client whose commands go nowhere, and what it would have sent. */
function recordingClient() {
  const sent: string[] = [];
  const client = createRuntimeClient({
    address: { path: '/nowhere' },
    exchange: ({ line, payload = '\n' }) => {
      sent.push(line + payload);
      return Promise.resolve({ ok: true, value: line.startsWith('prepare') ? 'New version created: 1\n' : '' });
    },
  });
  return { client, sent };
}

it('no name is ever read as another word, another command, the end of a payload, a version or an address', async () => {
  const { client, sent } = recordingClient();
  await fc.assert(
    fc.asyncProperty(hostile, fc.constantFrom(...commands), async (name, run) => {
      sent.length = 0;
      await run(client, name);
      for (const bytes of sent) {
        const { words, payload } = asHaproxyReads(bytes);
        for (const word of words) expect(word).toMatch(/^[!-~]+$/);
        // The name stands somewhere as it was given, or the command had nothing to do with it.
        const all = [...words, ...payload.flatMap((entry) => entry.split(' '))];
        if (!/^(prepare|commit) map|^add map|^clear map @1|^show map$/.test(words.join(' '))) {
          expect(all.some((word) => word === name || word === `${name}/mtx1` || word === `mtx/${name}`)).toBe(true);
        }
        for (const entry of payload) expect(entry.split(' ')).toHaveLength(2);
        // HAProxy takes the word after "<verb> map" for a version when it begins with @, and a key that begins with # for an address.
        if (words[1] === 'map' && words[2]?.startsWith('@')) expect(words[2]).toBe('@1');
        if (/^(set|del) map/.test(words.join(' '))) expect(words[3]).not.toMatch(/^#/);
      }
    }),
    { numRuns: 3_000 },
  );
});

it.each(['live/studio-1/~a.b_c', ...ownNames])('a good name gets through, and as it is: %s', async (name) => {
  const { client, sent } = recordingClient();
  for (const run of commands) {
    sent.length = 0;
    await run(client, name);
    const words = sent.flatMap((bytes) => bytes.split(/[\n ]/));
    expect(words.some((word) => [name, `${name}/mtx1`, `mtx/${name}`].includes(word))).toBe(true);
  }
});

it.each([
  [['']],
  [[]],
  [['a b', '']],
  [['a  b']],
  [[' a']],
  [['a ']],
  [['a\nb']],
  [['a\r']],
  [['a\tb']],
  [['a\0']],
  [['ä b']],
  [['a'.repeat(4097)]],
])('the payload %j is refused', (lines) => {
  expect(payloadText(lines)).toMatchObject({ ok: false, error: { reason: 'invalid-command' } });
});

it('a payload ends where it should', () => {
  expect(payloadText(['live/a mtx1', 'live/b mtx2'])).toEqual({ ok: true, value: ' <<\nlive/a mtx1\nlive/b mtx2\n\n' });
});
