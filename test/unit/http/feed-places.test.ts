import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createFeedPlaces } from '../../../src/http/feed-places';

function start(most: number) {
  const clock = { ms: 0 };
  const places = createFeedPlaces({ most, safeForMs: 60_000, nowMs: () => clock.ms });
  /** @returns the answer where a place was given, else its status. */
  const come = (address: string): Feed | number => {
    const feed = new Feed();
    return places.admit(feed as unknown as ServerResponse, address) ? feed : feed.status;
  };
  return { clock, places, come };
}

/** As much of an answer as is needed to hold a place. */
class Feed extends EventEmitter {
  status = 0;
  destroyed = false;
  writeHead(status: number): void {
    this.status = status;
  }
  end(): void {}
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

it('gives one address half of the places, and the others theirs', () => {
  const { come, places } = start(4);
  expect([come('a'), come('a'), come('a')]).toEqual([expect.any(Feed), expect.any(Feed), 503]);
  expect([come('b'), come('c'), come('d')]).toEqual([expect.any(Feed), expect.any(Feed), 503]);
  // The admin socket has places of its own.
  expect([come(''), come(''), come('')]).toEqual([expect.any(Feed), expect.any(Feed), 503]);
  expect(places.open.size).toBe(6);
});

it('gives a new one the place of who has had it for longest and for more than a minute, of the same address where that has its share', () => {
  const { come, clock, places } = start(4);
  const [b, first, second] = [come('b'), come('a'), come('a')];
  clock.ms = 60_000;
  expect(come('a')).toBe(503);
  clock.ms = 60_001;
  expect(come('a')).toBeInstanceOf(Feed);
  expect([b, first, second]).toMatchObject([{ destroyed: false }, { destroyed: true }, { destroyed: false }]);
  expect(places.open.size).toBe(3);
});

it('takes the place of the address that has most of them when all are taken', () => {
  const { come, clock } = start(4);
  const all = [come('b'), come('a'), come('a'), come('c')];
  clock.ms = 60_001;
  expect(come('d')).toBeInstanceOf(Feed);
  expect(all).toMatchObject([{ destroyed: false }, { destroyed: true }, { destroyed: false }, { destroyed: false }]);
});

it('has a place again when one is left', () => {
  const { come } = start(2);
  const first = come('a');
  expect(come('a')).toBe(503);
  if (first instanceof Feed) first.destroy();
  expect(come('a')).toBeInstanceOf(Feed);
});
