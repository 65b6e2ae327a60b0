import type { RelaySetting } from '../../../ui/api';
import { changedMeanwhile, checkDrafts, textOf } from '../../../ui/hls-drafts';
import { configOf } from '../relays/answers';

const interval: RelaySetting = {
  name: 'hls_segment_fetch_interval',
  value: 0.5,
  configured: 0.5,
  standard: 0.5,
  least: 0.1,
  most: 2,
  unit: 'target durations',
  isWhole: false,
  isChanged: false,
  mostOf: null,
};
const settings = [...configOf().settings, interval];
const check = (drafts: Readonly<Record<string, string>>) => {
  const { changes, problems } = checkDrafts(settings, new Map(Object.entries(drafts)));
  return { changes: Object.fromEntries(changes), problems: Object.fromEntries(problems) };
};

it('changes what is another value, however it is written', () => {
  expect(check({})).toEqual({ changes: {}, problems: {} });
  expect(check({ hls_max_segments: '20', hls_window_size: ' 8 ', hls_segment_fetch_interval: '0,25' })).toEqual({
    changes: { hls_window_size: 8, hls_segment_fetch_interval: 0.25 },
    problems: {},
  });
  expect(check({ hls_segment_fetch_interval: '0.50' }).changes).toEqual({});
});

it.each(['', 'x', '4', '101', '20.5', '-6', '1e1', '0x10', '٧'])('says what is allowed instead of "%s"', (text) => {
  expect(check({ hls_max_segments: text })).toEqual({
    changes: {},
    problems: { hls_max_segments: 'A whole number from 5 to 100.' },
  });
});

it.each(['0.09', '2.01', ''])('says the same of a number with a fraction, %s', (text) => {
  expect(check({ hls_segment_fetch_interval: text }).problems).toEqual({
    hls_segment_fetch_interval: 'A number from 0.1 to 2.',
  });
});

it('blames the field that was typed in for what does not go together', () => {
  expect(check({ hls_max_segments: '5' }).problems).toEqual({
    hls_max_segments: 'No less than “Segments listed” (6).',
  });
  expect(check({ hls_max_segments: '7', hls_window_size: '8' }).problems).toEqual({
    hls_window_size: 'No more than “Segments held” (7).',
  });
  expect(check({ hls_max_segments: '8', hls_window_size: '8' }).problems).toEqual({});
  // What is wrong by itself is told alone.
  expect(check({ hls_max_segments: 'x', hls_window_size: '20' }).problems).toEqual({
    hls_max_segments: 'A whole number from 5 to 100.',
  });
});

it('finds what others have changed', () => {
  const [first, second] = configOf().settings;
  if (first === undefined || second === undefined) throw new Error('no settings');
  const now = configOf({ settings: [first, { ...second, value: 9 }] });
  expect(changedMeanwhile(configOf(), now).map(({ name }) => name)).toEqual(['hls_window_size']);
  expect(changedMeanwhile(configOf(), configOf())).toEqual([]);
});

it('names what it does not know as the relay does', () => {
  expect(textOf('hls_more')).toEqual({ label: 'hls_more', trade: '' });
});
