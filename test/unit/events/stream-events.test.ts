import {
  type AnnouncedStream,
  createStreamEvents,
  type StreamEvents,
  type StreamEventsOptions,
} from '../../../src/events/stream-events';

/** A fleet written by the test, and what was told of it, a word and the servers an event. */
function watch(options: Partial<StreamEventsOptions> = {}) {
  const fleet = new Map<string, { server: string; sinceMs: number; seenAtMs: number }[]>();
  const told: string[] = [];
  const kept = new Map<string, AnnouncedStream | undefined>();
  const silent = new Set<string>();
  const askedAtMs = new Map<string, number>();
  let isReplicated = false;
  let fillers: string[] = [];
  let room = Number.POSITIVE_INFINITY;
  const events: StreamEvents = createStreamEvents({
    endGraceMs: 3000,
    holdersOf: (stream) => ({
      holders: (fleet.get(stream) ?? []).map(({ server, sinceMs, seenAtMs }) => ({
        server: server.replace(/[?*]/, ''),
        isPulled: server.endsWith('*'),
        isRival: !isReplicated && !server.endsWith('*'),
        publisherSinceMs: sinceMs,
        evidence: 'inventory',
        seenAtMs,
        askedAtMs: askedAtMs.get(server) ?? Number.POSITIVE_INFINITY,
      })),
      // The first in the test's list, unless its name has a question mark: then none is usable.
      chosen: fleet
        .get(stream)
        ?.find(({ server }) => !server.endsWith('?'))
        ?.server.replace('*', ''),
      fillers,
    }),
    hasSpoken: (server) => !silent.has(server),
    emit: ({ type, stream, server, data }) => {
      room--;
      const more = type === 'stream.moved' ? `${String(data?.['from'])}>` : '';
      const all = type === 'stream.conflict' ? ` of ${String(data?.['servers'])}` : '';
      told.push(`${type.slice('stream.'.length)} ${stream ?? ''} ${more}${server ?? ''}${all}`);
    },
    canEmit: () => room > 0,
    whyGone: () => 'its publisher left',
    onAnnounced: (stream, value) => kept.set(stream, value),
    ...options,
  });
  return {
    events,
    told,
    kept,
    silent,
    /** When servers were asked last; without an entry: just now. */
    askedAtMs,
    setRoom: (value: number) => {
      room = value;
    },
    replicate: () => {
      isReplicated = true;
    },
    fill: (...servers: string[]) => {
      fillers = servers;
    },
    /** The chosen holder first; a number after @ is when its publisher came. */
    holders: (nowMs: number, stream: string, servers: string) => {
      const list = servers === '' ? [] : servers.split(' ');
      const before = fleet.get(stream) ?? [];
      fleet.set(
        stream,
        list.map((text) => {
          const [server = '', since = '1'] = text.split('@');
          const known = before.find((one) => one.server === server && one.sinceMs === Number(since));
          return known ?? { server, sinceMs: Number(since), seenAtMs: nowMs };
        }),
      );
      events.changed(stream, nowMs);
    },
  };
}

/** Steps `[ms, servers]` of stream `s`, with a tick every 100 ms in between, and what is told until 20 s. */
const rows: [name: string, steps: [number, string][], told: string[]][] = [
  ['a stream starts', [[0, 'a']], ['started s a']],
  [
    'and ends after the grace',
    [
      [0, 'a'],
      [5000, ''],
    ],
    ['started s a', 'ended s a'],
  ],
  [
    'a publisher that returns within the grace is no end',
    [
      [0, 'a'],
      [5000, ''],
      [7900, 'a'],
    ],
    ['started s a'],
  ],
  [
    'a publisher that flaps forever is no end',
    [
      [0, 'a'],
      [1000, ''],
      [3000, 'a'],
      [4000, ''],
      [6500, 'a'],
      [7000, ''],
      [9900, 'a'],
    ],
    ['started s a'],
  ],
  [
    'a publisher that returns after the grace starts again',
    [
      [0, 'a'],
      [5000, ''],
      [8100, 'a'],
    ],
    ['started s a', 'ended s a', 'started s a'],
  ],
  [
    'on another server within the grace it has moved',
    [
      [0, 'a'],
      [5000, ''],
      [6000, 'b'],
    ],
    ['started s a', 'moved s a>b'],
  ],
  [
    'on another server after the grace it starts there',
    [
      [0, 'a'],
      [5000, ''],
      [8200, 'b'],
    ],
    ['started s a', 'ended s a', 'started s b'],
  ],
  [
    'a new publisher elsewhere before the old one is noticed to be gone: moved, no conflict',
    [
      [0, 'a'],
      [5000, 'b a'],
      [7900, 'b'],
    ],
    ['started s a', 'moved s a>b'],
  ],
  [
    'an older publisher elsewhere for a moment: nothing',
    [
      [0, 'a'],
      [5000, 'a b'],
      [7000, 'a'],
    ],
    ['started s a'],
  ],
  [
    'an older publisher elsewhere that stays: a conflict',
    [
      [0, 'a'],
      [5000, 'a b'],
    ],
    ['started s a', 'conflict s a of a,b'],
  ],
  [
    'two publishers that stay: moved and a conflict, each once',
    [
      [0, 'a'],
      [5000, 'b a'],
      [9000, 'b a'],
    ],
    ['started s a', 'moved s a>b', 'conflict s b of b,a'],
  ],
  [
    'the loser of a conflict leaves: nothing',
    [
      [0, 'a'],
      [5000, 'a b'],
      [9000, 'a'],
    ],
    ['started s a', 'conflict s a of a,b'],
  ],
  [
    'the winner of a conflict leaves: moved',
    [
      [0, 'a'],
      [5000, 'a b'],
      [9000, 'b'],
    ],
    ['started s a', 'conflict s a of a,b', 'moved s a>b'],
  ],
  [
    'a second conflict is told again',
    [
      [0, 'a'],
      [1000, 'a b'],
      [5000, 'a'],
      [6000, 'a b'],
    ],
    ['started s a', 'conflict s a of a,b', 'conflict s a of a,b'],
  ],
  [
    'a conflict that a third one joins is told once',
    [
      [0, 'a'],
      [1000, 'a b'],
      [5000, 'a b c'],
    ],
    ['started s a', 'conflict s a of a,b'],
  ],
  [
    'both leave a conflict',
    [
      [0, 'a'],
      [1000, 'a b'],
      [5000, ''],
    ],
    ['started s a', 'conflict s a of a,b', 'ended s a'],
  ],
  [
    'a conflict about to be told that ends in nobody: the grace begins anew',
    [
      [0, 'a'],
      [1000, 'a b'],
      [3900, ''],
      [6800, 'a'],
    ],
    ['started s a'],
  ],
  [
    'what is where it was has not moved because viewers cannot be sent there',
    [
      [0, 'a'],
      [1000, 'b? a?'],
      [2000, 'a?'],
      [3000, 'b? a'],
      [4000, 'a'],
    ],
    ['started s a'],
  ],
  [
    'moves on and on',
    [
      [0, 'a'],
      [1000, 'b'],
      [2000, 'c'],
      [3000, 'a'],
    ],
    ['started s a', 'moved s a>b', 'moved s b>c', 'moved s c>a'],
  ],
  [
    'the newest publisher of a conflict changes with no server coming or going',
    [
      [0, 'a'],
      [1000, 'a b'],
      [9000, '=b a'],
    ],
    ['started s a', 'conflict s a of a,b', 'moved s a>b'],
  ],
  [
    'copies of a stream are neither a move nor a conflict',
    [
      [0, 'a'],
      [1000, 'a b* c*'],
    ],
    ['started s a'],
  ],
  [
    'nor is what they are copies of, when it is seen after them',
    [
      [0, 'b*'],
      [100, 'a b*'],
      [200, 'a b* c*'],
      [9000, 'a'],
    ],
    ['started s b'],
  ],
  [
    'copies that outlive their publisher for a moment',
    [
      [0, 'a b*'],
      [5000, 'b*'],
      [6000, ''],
    ],
    ['started s a', 'ended s a'],
  ],
  [
    'a publisher that returns while copies are left',
    [
      [0, 'a b*'],
      [5000, 'b*'],
      [6000, 'a b*'],
    ],
    ['started s a'],
  ],
  [
    'a publisher that comes to another server while copies are left',
    [
      [0, 'a c*'],
      [5000, 'b c*'],
    ],
    ['started s a', 'moved s a>b'],
  ],
  [
    'copies that are all that is left for longer',
    [
      [0, 'a* b*'],
      [5000, 'b*'],
    ],
    ['started s a', 'moved s a>b'],
  ],
  [
    'two publishers, and copies: a conflict of the publishers',
    [
      [0, 'a'],
      [1000, 'a b c*'],
    ],
    ['started s a', 'conflict s a of a,b'],
  ],
];

describe('events of a stream', () => {
  it.each(rows)('%s', (_, steps, expected) => {
    const { events, told, holders } = watch();
    for (let nowMs = 0; nowMs <= 20_000; nowMs += 100) {
      for (const [atMs, servers] of steps) if (atMs === nowMs) holders(nowMs, 's', servers.replace('=', ''));
      events.tick(nowMs);
    }
    expect(told).toEqual(expected);
    expect(events.stats.pending).toBe(0);
  });

  it('ends at the end of the grace, not earlier, nor much later', () => {
    const { events, told, holders } = watch();
    holders(0, 's', 'a');
    holders(1000, 's', '');
    events.tick(3999);
    expect(told).toEqual(['started s a']);
    events.tick(4000);
    expect(told).toEqual(['started s a', 'ended s a']);
    expect(events.stats).toEqual({ streams: 0, pending: 0 });
  });

  it('knows neither conflicts nor moves among replicas that are wanted', () => {
    const { events, told, holders, replicate } = watch();
    replicate();
    holders(0, 's', 'a');
    holders(100, 's', 'b a');
    holders(200, 's', 'c b a');
    events.tick(9000);
    expect(told).toEqual(['started s a']);
    holders(9000, 's', 'c b');
    expect(told).toEqual(['started s a', 'moved s a>c']);
  });

  it('a filler is told at the end of a stream, and is no stream', () => {
    const drafts: unknown[] = [];
    const { events, holders, fill } = watch({ emit: (draft) => drafts.push(draft) });
    fill('a', 'b');
    holders(0, 's', '');
    expect(events.stats).toEqual({ streams: 0, pending: 0 });
    holders(0, 's', 'a');
    holders(1000, 's', '');
    events.tick(4000);
    expect(drafts.slice(1)).toEqual([
      {
        type: 'stream.ended',
        stream: 's',
        server: 'a',
        reason: 'its publisher left; a and b show their fillers',
        evidence: 'inventory',
        data: { fillers: ['a', 'b'] },
      },
    ]);
  });

  it('tells why a stream ended, and since when its publisher is there', () => {
    const drafts: unknown[] = [];
    const { events, holders } = watch({
      emit: (draft) => drafts.push(draft),
      whyGone: (server) => `${server} is DOWN`,
    });
    holders(0, 's', 'a@1700000000000');
    holders(0, 's', '');
    events.tick(3000);
    expect(drafts).toEqual([
      {
        type: 'stream.started',
        stream: 's',
        server: 'a',
        evidence: 'inventory',
        data: { publisherSince: '2023-11-14T22:13:20.000Z' },
      },
      { type: 'stream.ended', stream: 's', server: 'a', reason: 'a is DOWN', evidence: 'inventory' },
    ]);
  });

  describe('of a server that has not been asked lately', () => {
    it('is no move back to it: a publisher that moves on before its first server was asked again', () => {
      const { events, told, askedAtMs, holders } = watch();
      holders(0, 's', 'a');
      askedAtMs.set('a', 50);
      holders(100, 's', 'b a');
      holders(150, 's', 'a');
      events.tick(160);
      holders(170, 's', 'c a');
      askedAtMs.set('a', 200);
      holders(210, 's', 'c');
      events.tick(9000);
      expect(told).toEqual(['started s a', 'moved s a>b', 'moved s b>c']);
    });

    it('is a move back to it once it says that it has the stream, and an end when it has not', () => {
      const { events, told, askedAtMs, holders } = watch();
      for (const stream of ['back', 'gone']) {
        holders(0, stream, 'a');
        holders(100, stream, 'b a');
        askedAtMs.set('a', 50);
        holders(150, stream, 'a');
      }
      events.tick(160);
      expect(told.filter((line) => line.startsWith('moved'))).toEqual(['moved back a>b', 'moved gone a>b']);
      expect(events.stats.pending).toBe(2);
      askedAtMs.set('a', 200);
      holders(210, 'gone', '');
      events.tick(220);
      events.tick(3210);
      expect(told.slice(4)).toEqual(['moved back b>a', 'ended gone b']);
      expect(events.stats).toEqual({ streams: 1, pending: 0 });
    });

    it('is no move to a copy there, before it has been seen to outlive its publisher', () => {
      const { events, told, askedAtMs, holders } = watch();
      for (const stream of ['outlives', 'ends', 'returns']) {
        holders(0, stream, 'a b*');
        holders(1000, stream, 'b*');
      }
      askedAtMs.set('b*', 3900);
      for (let nowMs = 1000; nowMs < 9000; nowMs += 100) events.tick(nowMs);
      expect(told).toEqual(['started outlives a', 'started ends a', 'started returns a']);
      askedAtMs.set('b*', 9000);
      holders(9000, 'ends', '');
      holders(9000, 'returns', 'a b*');
      for (let nowMs = 9000; nowMs < 20_000; nowMs += 100) events.tick(nowMs);
      expect(told.slice(3)).toEqual(['moved outlives a>b', 'ended ends a']);
      // Nothing is left of the first time.
      holders(20_000, 'returns', 'b*');
      events.tick(22_900);
      expect(told.slice(5)).toEqual([]);
      askedAtMs.set('b*', 23_000);
      events.tick(23_000);
      expect(told.slice(5)).toEqual(['moved returns a>b']);
      expect(events.stats).toEqual({ streams: 2, pending: 0 });
    });

    it('is no conflict before it has been asked, however long that is', () => {
      const { events, told, askedAtMs, holders } = watch();
      askedAtMs.set('a', 0);
      for (const stream of ['two', 'one']) {
        holders(0, stream, 'a');
        holders(100, stream, 'b a');
      }
      for (let nowMs = 200; nowMs < 10_000; nowMs += 100) events.tick(nowMs);
      expect(told).toEqual(['started two a', 'moved two a>b', 'started one a', 'moved one a>b']);
      askedAtMs.set('a', 10_000);
      holders(10_000, 'one', 'b');
      for (let nowMs = 10_000; nowMs < 20_000; nowMs += 100) events.tick(nowMs);
      expect(told.slice(4)).toEqual(['conflict two b of b,a']);
    });

    it('is no end of a conflict: a publisher that comes anew is one of two still', () => {
      const { events, told, askedAtMs, holders } = watch();
      holders(0, 's', 'b a');
      events.tick(3000);
      expect(told.at(-1)).toBe('conflict s b of b,a');
      askedAtMs.set('b', 4000);
      holders(5000, 's', 'b a@2');
      events.tick(5100);
      askedAtMs.set('b', 6000);
      for (let nowMs = 6000; nowMs < 12_000; nowMs += 100) events.tick(nowMs);
      expect(told).toEqual(['started s b', 'conflict s b of b,a']);
    });
  });

  describe('after a restart', () => {
    it('says nothing of what is as it was, and tells what changed meanwhile', () => {
      const { events, told, holders } = watch();
      for (const stream of ['same', 'gone', 'moved', 'returned']) {
        events.restore(stream, { server: 'a', inConflict: false });
      }
      holders(0, 'same', 'a');
      holders(0, 'moved', 'b');
      holders(0, 'new', 'a');
      events.tick(10_000);
      // Not before every server has told: it may be on one that was not asked yet.
      expect(told).toEqual(['moved moved a>b', 'started new a']);
      events.complete();
      events.tick(10_000);
      holders(11_000, 'returned', 'a');
      events.tick(12_999);
      expect(told).toHaveLength(2);
      events.tick(13_000);
      expect(told).toEqual(['moved moved a>b', 'started new a', 'ended gone a']);
    });

    it('does not tell a conflict again that lasts', () => {
      const { events, told, holders } = watch();
      events.restore('s', { server: 'a', inConflict: true });
      holders(0, 's', 'a b');
      events.tick(9000);
      expect(told).toEqual([]);
    });

    it('takes a stream for moved only when the server where it was has said what it has, or all have', () => {
      const { events, told, silent, holders } = watch();
      silent.add('a');
      for (const stream of ['same', 'moved', 'gone']) events.restore(stream, { server: 'a', inConflict: false });
      // An older publisher, which is no news.
      holders(0, 'same', 'b');
      holders(0, 'moved', 'b');
      holders(100, 'same', 'a b');
      expect(told).toEqual([]);
      events.complete();
      events.tick(200);
      expect(told).toEqual(['moved moved a>b']);
    });

    it('takes a conflict for over only when all have said what they have', () => {
      const { events, told, silent, holders } = watch();
      silent.add('a');
      for (const stream of ['lasts', 'over']) events.restore(stream, { server: 'a', inConflict: true });
      holders(0, 'lasts', 'b');
      holders(0, 'over', 'b');
      silent.clear();
      holders(100, 'lasts', 'a b');
      events.complete();
      for (let nowMs = 200; nowMs < 5000; nowMs += 100) events.tick(nowMs);
      expect(told).toEqual(['moved over a>b']);
    });

    it('without history: what was there before is known, what came since is told', () => {
      const { events, told, kept, holders } = watch({ oldBeforeMs: 1000 });
      holders(0, 'old', 'a@999');
      holders(0, 'of unknown age', 'a@0');
      holders(0, 'new', 'a@1000');
      events.complete();
      holders(0, 'later', 'a@1');
      expect(told).toEqual(['started new a', 'started later a']);
      expect([...kept.keys()]).toEqual(['old', 'of unknown age', 'new', 'later']);
      holders(0, 'old', '');
      events.tick(3000);
      expect(told.at(-1)).toBe('ended old a');
    });
  });

  it('keeps what it told: what another process would restore', () => {
    const { events, kept, holders } = watch();
    holders(0, 's', 'a');
    expect(kept.get('s')).toEqual({ server: 'a', inConflict: false });
    holders(0, 's', 'b a');
    expect(kept.get('s')).toEqual({ server: 'b', inConflict: false });
    events.tick(3000);
    expect(kept.get('s')).toEqual({ server: 'b', inConflict: true });
    holders(3000, 's', 'b');
    expect(kept.get('s')).toEqual({ server: 'b', inConflict: false });
    holders(3000, 's', '');
    events.tick(6000);
    expect(kept.get('s')).toBeUndefined();
  });

  it('tells as much as is wanted at a time, and loses nothing', () => {
    const { events, told, holders, setRoom } = watch();
    setRoom(10);
    const names = Array.from({ length: 5000 }, (_, n) => `s${n}`);
    for (const stream of names) holders(0, stream, 'a');
    expect(told).toHaveLength(10);
    expect(events.stats.pending).toBe(4990);
    setRoom(1_000_000);
    let ticks = 0;
    while (events.stats.pending > 0 && ticks++ < 100) events.tick(ticks * 100);
    expect(ticks).toBe(5);
    expect(told.sort()).toEqual(names.map((stream) => `started ${stream} a`).sort());
    // A server is lost.
    setRoom(0);
    told.length = 0;
    for (const stream of names) holders(10_000, stream, '');
    events.tick(20_000);
    expect(told).toEqual([]);
    setRoom(1_000_000);
    for (let nowMs = 20_000; nowMs < 30_000; nowMs += 100) events.tick(nowMs);
    expect(told.sort()).toEqual(names.map((stream) => `ended ${stream} a`).sort());
    expect(events.stats).toEqual({ streams: 0, pending: 0 });
  });
});
