import { createActiveStreams } from '../../../src/relay/active-streams';

test('what is known of a stream is remembered for the next client', () => {
  const streams = createActiveStreams();
  streams.of('a').start = 2;
  expect(streams.of('a').start).toBe(2);
  streams.forget('a');
  expect(streams.of('a').start).toBe(0);
});

test('of streams without clients only the last used ones are remembered, those with clients always', () => {
  const streams = createActiveStreams(3);
  streams.of('played').readers.add({});
  for (const id of ['b', 'c']) streams.of(id).start = 1;
  streams.of('b');
  streams.of('d');
  expect(streams.find('c')).toBeUndefined();
  expect(streams.find('b')?.start).toBe(1);
  for (const id of ['e', 'f', 'g']) streams.of(id);
  expect(streams.find('played')?.readers.size).toBe(1);
});
