import { createFailoverHistory, type OneFailover } from '../../../src/relay/failover-history';

const startMs = Date.parse('2026-11-29T12:00:00.000Z');
const failover = (seconds: number, more: Partial<OneFailover> = {}): OneFailover => ({
  time: new Date(startMs + seconds * 1000).toISOString(),
  from: 0,
  to: 1,
  fromUrl: 'http://a.example/…',
  toUrl: 'http://b.example/…',
  trigger: 'reset',
  reason: 'it broke',
  byteGapMs: 100,
  pictureGapMs: undefined,
  client: 'c1',
  ...more,
});

test('clients that go over together are one failover, with the longest gaps', () => {
  const history = createFailoverHistory();
  history.note('s', failover(0));
  history.note('s', failover(1, { client: 'c2', byteGapMs: 300, pictureGapMs: 400 }));
  history.note('s', failover(4.9, { client: 'c3', byteGapMs: 200, pictureGapMs: 350 }));
  expect(history.of('s')).toEqual([{ ...failover(0), byteGapMs: 300, pictureGapMs: 400, clients: 3 }]);
});

test('later ones, and those for another reason or to another source, stand for themselves, newest first', () => {
  const history = createFailoverHistory();
  history.note('s', failover(0));
  history.note('s', failover(1, { trigger: 'stall' }));
  history.note('s', failover(2, { to: 2 }));
  history.note('s', failover(2, { byteGapMs: 150 }));
  history.note('s', failover(5));
  expect(history.of('s').map(({ trigger, to, clients, byteGapMs }) => [trigger, to, clients, byteGapMs])).toEqual([
    ['reset', 1, 1, 100],
    ['reset', 2, 1, 100],
    ['stall', 1, 1, 100],
    ['reset', 1, 2, 150],
  ]);
});

test('the last 20 of a stream are kept, for as many streams as may be', () => {
  const history = createFailoverHistory(2);
  for (let i = 0; i < 30; i++) history.note('a', failover(10 * i));
  expect(history.of('a').map(({ time }) => time)).toEqual(
    Array.from({ length: 20 }, (_, i) => failover(10 * (29 - i)).time),
  );
  history.note('b', failover(0));
  history.note('a', failover(400));
  history.note('c', failover(0));
  expect(['a', 'b', 'c'].map((id) => history.of(id).length)).toEqual([20, 0, 1]);
  history.forget('a');
  expect(history.of('a')).toEqual([]);
});
