import * as fc from 'fast-check';
import { contract, Explanation, StreamList } from '../../../src/api/schemas';
import { isUnderstood, whatIsMissing } from '../../../src/cli/tolerant';

const stream = { name: 'live/a', holders: [{ server: 'mtx1' }] };

it.each<[value: unknown, missing: string]>([
  [null, ''],
  [[], ''],
  ['text', ''],
  [{}, 'streams'],
  [{ streams: {}, total: 1 }, 'streams'],
  [{ streams: [], total: '1' }, 'total'],
  [{ streams: [], total: null }, 'total'],
  [{ streams: [stream, { name: 'live/b' }], total: 2 }, 'streams.1.holders'],
  [{ streams: [{ name: 'live/a', holders: [{ server: 1 }] }], total: 1 }, 'streams.0.holders.0.server'],
  [{ streams: [{ ...stream, fillers: [1] }], total: 1 }, 'streams.0.fillers.0'],
  [{ streams: [{ ...stream, conflict: 'yes' }], total: 1 }, 'streams.0.conflict'],
])('%j lacks %j', (value, missing) => {
  expect(whatIsMissing(StreamList, value)).toBe(missing);
});

it('takes what another version says: words and fields that are not known here, and others missing or null', () => {
  const said: unknown = {
    stream: 'live/a',
    state: 'teleported',
    because: 'a newer agent has newer reasons',
    evidence: [{ server: 'mtx1', says: 'perhaps', source: 'gossip', mood: { new: true } }],
    haproxy: [{ node: 'lb1', sessions: { mtx1: 3 }, route: null }],
    move: null,
    since: 2031,
  };
  expect(isUnderstood(Explanation, said)).toBe(true);
});

it('never throws, whatever is said', () => {
  const anything = fc.anything();
  fc.assert(
    fc.property(anything, fc.constantFrom(...Object.values(contract)), (value, schema) => {
      expect(typeof (whatIsMissing(schema, value) ?? '')).toBe('string');
    }),
  );
});
