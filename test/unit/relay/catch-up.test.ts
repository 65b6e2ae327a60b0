import fc from 'fast-check';
import { withClientQuery } from '../../../src/relay/catch-up';

const live = 'http://provider.example/live/user/word/7.ts';
const shifted = 'http://provider.example/timeshift/user/word/60/2026-11-01:20-00/7.ts';
const script = 'http://provider.example/streaming/timeshift.php?username=u&password=p&stream=7';

test.each([
  ['an ordinary request', live, '', live],
  ['a parameter that has nothing to do with catch-up', live, 'x=1', live],
  ['times', live, 'utc=100&lutc=200', `${live}?utc=100&lutc=200`],
  ['times, with the question mark', live, '?utc=100', `${live}?utc=100`],
  ['times and what goes with them', live, 'utc=100&duration=60', `${live}?utc=100&duration=60`],
  ['a source with a query', `${live}?a=%20b&c`, 'utc=1', `${live}?a=%20b&c&utc=1`],
  ['a source that has the times already', `${live}?utc=5&a=1`, 'utc=1', `${live}?a=1&utc=1`],
  ['a source with a fragment', `${live}#there`, 'utc=1', `${live}?utc=1`],
  ['a catch-up path', shifted, 'start=5', `${shifted}?start=5`],
  ['a catch-up script', script, 'start=2026-11-01:20-00&duration=60', `${script}&start=2026-11-01:20-00&duration=60`],
  ['a catch-up path without a question', shifted, '', shifted],
  [
    'a folder that only looks like one',
    'http://p.example/timeshifted/7.ts',
    'start=5',
    'http://p.example/timeshifted/7.ts',
  ],
  ['a catch-up word in the query', `${live}?to=/timeshift/`, 'start=5', `${live}?to=/timeshift/`],
  ['the relay’s own parameters', live, 'client_id=c&utc=1&api_token=t&username=me&url=x', `${live}?utc=1`],
  ['only the relay’s own parameters', shifted, 'client_id=c&api_token=t', shifted],
  ['own parameters in disguise', live, 'utc=1&api%5Ftoken=t&API_TOKEN=t&%61pi_token=t', `${live}?utc=1`],
  ['a login that would replace the source’s', script, 'password=other&start=1', `${script}&start=1`],
  ['a broken escape', live, 'utc=1&%zz=2', `${live}?utc=1&%zz=2`],
  ['a fragment', live, 'utc=1#&lutc=2', `${live}?utc=1`],
  ['a query that is too long', live, `utc=1&x=${'y'.repeat(2_048)}`, live],
])('%s', (_, source, query, expected) => {
  expect(withClientQuery(source, query)).toBe(expected);
});

test('never passes on an own parameter, however it is written', () => {
  const spelled = fc.constantFrom('client_id', 'username', 'api_token', 'Api_Token', 'api%5ftoken', 'url');
  fc.assert(
    fc.property(fc.array(spelled), (own) => {
      const query = `utc=1&${own.map((name) => `${name}=secret`).join('&')}`;
      expect(withClientQuery(live, query)).toBe(`${live}?utc=1`);
    }),
  );
});
