import type { EventType } from '../../../src/events';
import { createHeldEvents, type SeenEvent } from '../../../src/events/held-events';

const seen = (type: EventType, data: Record<string, unknown>): SeenEvent => ({ event: { type, data } });
const started = (stream: string, server = 'mtx1') => seen('stream.started', { stream, server });
const ended = (stream: string, server = 'mtx1') => seen('stream.ended', { stream, server });

describe('events that another agent is to tell', () => {
  it('are handed over in the order in which they were seen', () => {
    const held = createHeldEvents<SeenEvent>();
    const all = [started('b'), started('a'), ended('b'), started('b')];
    for (const [index, one] of all.entries()) held.hold(one, index);
    expect(held.size).toBe(4);
    expect(held.take()).toEqual(all);
    expect(held.size).toBe(0);
    expect(held.take()).toEqual([]);
  });

  it('are let go when they are in the log, whichever came first, each for one', () => {
    const held = createHeldEvents<SeenEvent>();
    held.hold(started('a'), 1);
    held.logged(started('a').event, 2);
    held.logged(ended('a').event, 3);
    held.hold(ended('a'), 4);
    expect(held.size).toBe(0);
    held.hold(started('a'), 5);
    held.hold(started('a'), 6);
    held.logged(started('a').event, 7);
    expect(held.take()).toEqual([started('a')]);
  });

  it.each<[string, SeenEvent, SeenEvent, boolean]>([
    ['another server', started('a', 'mtx1'), started('a', 'mtx2'), false],
    ['another stream', started('a'), started('b'), false],
    ['another type', started('a'), ended('a'), false],
    [
      'another reason',
      seen('stream.ended', { stream: 'a', server: 'mtx1', reason: 'x' }),
      seen('stream.ended', { stream: 'a', server: 'mtx1', reason: 'y' }),
      true,
    ],
    [
      'another first viewer',
      seen('stream.watched', { stream: 'a', server: 'mtx1', viewers: 1 }),
      seen('stream.watched', { stream: 'a', server: 'mtx2', viewers: 2 }),
      true,
    ],
    [
      'another viewer',
      seen('viewer.joined', { stream: 'a', session: 'x' }),
      seen('viewer.joined', { stream: 'a', session: 'y' }),
      false,
    ],
    [
      'the same viewer over another node',
      seen('viewer.joined', { stream: 'a', session: 'x', node: 'lb1' }),
      seen('viewer.joined', { stream: 'a', session: 'x', node: 'lb2' }),
      true,
    ],
    [
      'another process',
      seen('haproxy.reloaded', { node: 'lb1', pid: 1 }),
      seen('haproxy.reloaded', { node: 'lb1', pid: 2 }),
      false,
    ],
    [
      'a move from elsewhere',
      seen('stream.moved', { stream: 'a', server: 'mtx1', from: 'mtx2' }),
      seen('stream.moved', { stream: 'a', server: 'mtx1', from: 'mtx3' }),
      false,
    ],
    [
      'another order',
      seen('server.intent', { server: 'mtx1', kind: 'drain' }),
      seen('server.intent', { server: 'mtx1', kind: 'ready' }),
      false,
    ],
  ])('%s: the same? ', (_, one, other, isSame) => {
    const held = createHeldEvents<SeenEvent>();
    held.hold(one, 1);
    held.logged(other.event, 2);
    expect(held.size).toBe(isSame ? 0 : 1);
  });

  it('are forgotten when whoever leads did not tell them for long, and kept as long as nobody is known to lead', () => {
    const held = createHeldEvents<SeenEvent>();
    held.hold(started('old'), 1000);
    held.hold(started('young'), 5000);
    held.forget(Number.NEGATIVE_INFINITY, 1_000_000);
    expect(held.size).toBe(2);
    held.forget(8000, 8000);
    expect(held.size).toBe(2);
    held.forget(8001, 8001);
    expect(held.take()).toEqual([started('young')]);
  });

  it('does not let what was told long ago stand for what is seen now', () => {
    const held = createHeldEvents<SeenEvent>();
    held.logged(started('a').event, 0);
    held.forget(Number.NEGATIVE_INFINITY, 60_000);
    held.logged(started('b').event, 1);
    held.forget(Number.NEGATIVE_INFINITY, 60_001);
    held.hold(started('a'), 60_002);
    held.hold(started('b'), 60_002);
    expect(held.take()).toEqual([started('a')]);
  });
});
