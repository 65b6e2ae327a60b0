import fc from 'fast-check';
import type { StoredEvent } from '../../../src/events';
import { createDeliveryWindow, type Delivery } from '../../../src/events/delivery-window';

const event = (id: string, stream: string | undefined, server = 'mtx1'): StoredEvent => ({
  specversion: '1.0',
  id,
  time: '2026-01-01T00:00:00.000Z',
  source: '/mtxpilot/test',
  type: 'stream.started',
  datacontenttype: 'application/json',
  data: stream === undefined ? { server } : { stream, server },
});
const ids = (deliveries: readonly Delivery[]) => deliveries.map((one) => one.event.id).join('');

function windowOf(...events: [id: string, stream: string | undefined][]) {
  const window = createDeliveryWindow('');
  for (const [id, stream] of events) window.add(event(id, stream), 0);
  return window;
}

describe('the events on their way to a receiver', () => {
  it('go one at a time for each stream, and side by side for others', () => {
    const window = windowOf(['a', 's'], ['b', 's'], ['c', 't'], ['d', undefined]);
    const first = window.take(9, 0);
    expect(ids(first)).toBe('acd');
    expect(ids(window.take(9, 0))).toBe('');
    for (const one of first) window.done(one);
    expect(ids(window.take(9, 0))).toBe('b');
    expect(window.size).toBe(1);
  });

  it('are no more at a time than are wanted', () => {
    const window = windowOf(['a', 'r'], ['b', 's'], ['c', 't']);
    expect(ids(window.take(2, 0))).toBe('ab');
    expect(ids(window.take(2, 0))).toBe('c');
  });

  it('hold up their own stream alone when they fail, until they are due again', () => {
    const window = windowOf(['a', 's'], ['b', 's'], ['c', 't']);
    const [a, c] = window.take(2, 0) as [Delivery, Delivery];
    window.failed(a, 1000);
    window.done(c);
    expect(a.attempts).toBe(1);
    expect(ids(window.take(9, 999))).toBe('');
    expect(window.nextDueMs()).toBe(1000);
    expect(ids(window.take(9, 1000))).toBe('a');
    window.failed(a, 9000);
    window.hurry(2000);
    expect(window.nextDueMs()).toBe(2000);
    expect(ids(window.take(9, 2000))).toBe('a');
    expect(window.nextDueMs()).toBeUndefined();
  });

  it('are told of by how far the log was looked at, and what of that is not done', () => {
    const window = createDeliveryWindow('5');
    expect(window.progress).toEqual({ through: '5', undone: [] });
    for (const id of ['6', '7', '8']) window.add(event(id, id), 0);
    window.looked('9');
    window.looked('7');
    const [, seven] = window.take(3, 0) as [Delivery, Delivery];
    window.done(seven);
    expect(window.progress).toEqual({ through: '9', undone: ['6', '8'] });
    expect(window.oldest?.id).toBe('6');
  });

  it('come in order for each stream, each until it is done, whatever fails when (property)', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 30 }),
        fc.array(fc.boolean(), { minLength: 200, maxLength: 200 }),
        fc.integer({ min: 1, max: 5 }),
        (streams, outcomes, atATime) => {
          const window = createDeliveryWindow('');
          const done: string[] = [];
          const underWay: Delivery[] = [];
          const events = streams.map((stream, n) => event(String(n).padStart(3, '0'), `s${stream}`));
          let nowMs = 0;
          let next = 0;
          for (const isGood of [...outcomes, ...outcomes.map(() => true), ...outcomes.map(() => true)]) {
            nowMs++;
            const added = events[next++];
            if (added !== undefined) window.add(added, nowMs);
            underWay.push(...window.take(atATime - underWay.length, nowMs));
            const one = underWay.shift();
            if (one === undefined) continue;
            if (isGood) {
              done.push(one.event.id);
              window.done(one);
            } else window.failed(one, nowMs + 2);
          }
          expect([...done].sort()).toEqual(events.map(({ id }) => id));
          for (const stream of [0, 1, 2, 3]) {
            const own = done.filter((id) => streams[Number(id)] === stream);
            expect(own).toEqual([...own].sort());
          }
          expect(window.progress.undone).toEqual([]);
        },
      ),
    );
  });
});
