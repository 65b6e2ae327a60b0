import { createViewers, type Sighting, type ViewerChange, type Viewers } from '../../../src/viewers';

const start = 1_000_000;

/** A list of viewers with a clock in the hands of the test. Time only passes in `pass`, tick by tick. */
function create(settings: Partial<Parameters<typeof createViewers>[0]> = {}) {
  const viewers = createViewers({ goneAfterMs: 10_000, showAddresses: false, nowMs: start, ...settings });
  const changes: string[] = [];
  let nowMs = start;
  viewers.onChange(({ kind, viewer, viewersOfStream, evidence }: ViewerChange) => {
    changes.push(`${kind} ${viewer.stream}|${viewer.session} ${evidence} ${viewersOfStream}`);
  });
  const lab = {
    viewers,
    changes,
    now: () => nowMs,
    /** What was told since the last call. */
    told: () => changes.splice(0),
    see(key: string, change: Partial<Sighting> = {}) {
      viewers.see(
        { node: 'lb1', key, serverName: 'mtx1', idleMs: 0, live: true, bytesOut: undefined, ...change },
        nowMs,
      );
    },
    /** From a dump. */
    dump: (key: string, idleMs: number, change: Partial<Sighting> = {}) =>
      lab.see(key, { idleMs, live: false, ...change }),
    up: (node = 'lb1') => viewers.nodeUp(node, nowMs),
    down: (node = 'lb1') => viewers.nodeDown(node, nowMs),
    pass(ms: number) {
      const endMs = nowMs + ms;
      while (nowMs < endMs) {
        nowMs = Math.min(endMs, nowMs + viewers.tickMs);
        viewers.tick(nowMs);
      }
    },
    names: () => viewers.list({ limit: 1000 }).viewers.map(({ stream, session }) => `${stream}|${session}`),
    the: (session: string) => viewers.list({ limit: 1000 }).viewers.find((viewer) => viewer.session === session),
  };
  lab.up();
  return lab;
}

const counts = (all: Iterable<{ name: string; viewers: number; peak: number }>) =>
  [...all].map(({ name, viewers, peak }) => `${name} ${viewers}/${peak}`).sort();

/** What must always add up. */
function expectSound(viewers: Viewers): void {
  const sum = (all: Iterable<{ viewers: number }>) => [...all].reduce((total, each) => total + each.viewers, 0);
  const listed = viewers.list({ limit: 1_000_000 }).viewers;
  const { viewers: total } = viewers.total();
  expect(listed).toHaveLength(total);
  expect(sum(viewers.streams())).toBe(total);
  expect(sum(viewers.nodes())).toBe(total);
  expect(sum(viewers.servers())).toBe(listed.filter(({ server }) => server !== undefined).length);
  expect(viewers.stats.joins - viewers.stats.leaves).toBe(total);
}

describe('a viewer', () => {
  it('joins with the first touch, stays while it is seen, and is gone 10 s after the last', () => {
    const lab = create();
    lab.see('live/a|s1');
    expect(lab.told()).toEqual(['joined live/a|s1 live 1']);
    for (let i = 0; i < 5; i++) {
      lab.pass(9900);
      lab.see('live/a|s1');
    }
    expect(lab.the('s1')).toEqual({
      stream: 'live/a',
      session: 's1',
      server: 'mtx1',
      node: 'lb1',
      joinedMs: start,
      lastSeenMs: start + 49_500,
      watchedMs: 49_500,
      bytes: undefined,
      isCertain: true,
    });
    lab.pass(9999);
    expect(lab.told()).toEqual([]);
    lab.pass(lab.viewers.tickMs);
    expect(lab.told()).toEqual(['left live/a|s1 live 0']);
    expect(lab.names()).toEqual([]);
    lab.see('live/a|s1');
    expect(lab.told()).toEqual(['joined live/a|s1 live 1']);
    expectSound(lab.viewers);
  });

  it('is one for each stream and session', () => {
    const lab = create();
    for (const key of ['live/a|s1', 'live/a|s2', 'live/b|s1', 'live/a|s1']) lab.see(key);
    expect(lab.names()).toEqual(['live/a|s1', 'live/a|s2', 'live/b|s1']);
    expect(counts(lab.viewers.streams())).toEqual(['live/a 2/2', 'live/b 1/1']);
  });

  it('that moves to another server stays one', () => {
    const lab = create();
    lab.see('live/a|s1');
    lab.pass(5000);
    lab.see('live/a|s1', { serverName: 'mtx2' });
    lab.see('live/a|s1', { serverName: undefined });
    expect(lab.the('s1')).toMatchObject({ server: 'mtx2', joinedMs: start, watchedMs: 5000 });
    expect(counts(lab.viewers.servers())).toEqual(['mtx1 0/1', 'mtx2 1/1']);
    expect(lab.told()).toEqual(['joined live/a|s1 live 1']);
    expect(lab.viewers.stats.serverMoves).toBe(1);
    expectSound(lab.viewers);
  });

  it('without a server gets one later', () => {
    const lab = create();
    lab.see('live/a|s1', { serverName: undefined });
    expect(lab.the('s1')?.server).toBeUndefined();
    lab.see('live/a|s1');
    expect(lab.the('s1')?.server).toBe('mtx1');
    expect(lab.viewers.stats.serverMoves).toBe(0);
    expectSound(lab.viewers);
  });

  it('that moves to another HAProxy stays one, and what the former one still has of it does not count', () => {
    const lab = create();
    lab.up('lb2');
    lab.see('live/a|s1');
    lab.pass(5000);
    lab.see('live/a|s1', { node: 'lb2', serverName: 'mtx2' });
    lab.pass(3000);
    lab.dump('live/a|s1', 8000, { node: 'lb1', serverName: 'mtx1' });
    expect(lab.the('s1')).toMatchObject({ node: 'lb2', server: 'mtx2', lastSeenMs: start + 5000 });
    expect(lab.viewers.nodes()).toMatchObject([
      { name: 'lb1', viewers: 0, peak: 1 },
      { name: 'lb2', viewers: 1, peak: 1 },
    ]);
    expect(lab.told()).toEqual(['joined live/a|s1 live 1']);
    lab.pass(7100);
    expect(lab.told()).toEqual(['left live/a|s1 live 0']);
    expectSound(lab.viewers);
  });

  it.each([
    ['no separator', 'live/a'],
    ['an empty stream', '|s1'],
    ['a stream that is none', '../a|s1'],
    ['two separators', 'live/a|s1|s2'],
    ['an empty session', 'live/a|'],
    ['a session with other characters', 'live/a|<b>'],
    ['a session that is too long', `live/a|${'s'.repeat(65)}`],
    ['control characters', 'live/a\n|s1'],
  ])('is none: %s', (_, key) => {
    const lab = create();
    lab.see(key);
    expect(lab.names()).toEqual([]);
    expect(lab.viewers.stats.strangeKeys).toBe(1);
  });

  it('with the longest names that there are is one', () => {
    const lab = create();
    const key = `${'s'.repeat(200)}|${'i'.repeat(64)}`;
    lab.see(key);
    expect(lab.names()).toEqual([key]);
  });
});

describe('dumps', () => {
  it('tell of viewers whom nobody saw come, with the time that they were seen', () => {
    const lab = create();
    lab.dump('live/a|s1', 4000);
    lab.dump('live/a|s2', 9999);
    lab.dump('live/a|gone', 10_000);
    expect(lab.told()).toEqual(['joined live/a|s1 found 1', 'joined live/a|s2 found 2']);
    expect(lab.the('s1')).toMatchObject({ joinedMs: start - 4000, lastSeenMs: start - 4000, watchedMs: 0 });
    lab.pass(100);
    expect(lab.names()).toEqual(['live/a|s1']);
    lab.pass(6000);
    expect(lab.names()).toEqual([]);
  });
});

describe('a HAProxy that is not heard', () => {
  it('keeps its viewers, who are uncertain, and theirs alone', () => {
    const lab = create();
    lab.up('lb2');
    lab.see('live/a|s1');
    lab.see('live/a|s2', { node: 'lb2' });
    lab.down('lb1');
    lab.pass(60_000);
    expect(lab.names()).toEqual(['live/a|s1']);
    expect(lab.the('s1')).toMatchObject({ isCertain: false, lastSeenMs: start });
    expectSound(lab.viewers);
  });

  it('and comes back: its dump tells who was seen meanwhile, who not, and leaves the others the time that they had', () => {
    const lab = create();
    lab.see('live/a|stayed');
    lab.see('live/a|left');
    lab.see('live/a|unheard');
    lab.pass(4000);
    lab.down();
    lab.pass(60_000);
    lab.told();
    lab.dump('live/a|stayed', 2000);
    lab.dump('live/a|left', 64_000);
    lab.dump('live/a|new', 1000);
    lab.up();
    lab.pass(100);
    expect(lab.told()).toEqual(['joined live/a|new found 4', 'left live/a|left live 3']);
    lab.pass(5800);
    expect(lab.told()).toEqual([]);
    lab.pass(100);
    expect(lab.told()).toEqual(['left live/a|unheard live 2']);
    lab.pass(2000);
    expect(lab.told()).toEqual(['left live/a|stayed live 1']);
    expectSound(lab.viewers);
  });

  it('often, for short times: nobody lives for ever by that', () => {
    const lab = create();
    lab.see('live/a|s1');
    for (let i = 0; i < 9; i++) {
      lab.pass(1000);
      lab.down();
      lab.pass(5000);
      lab.up();
    }
    expect(lab.names()).toEqual(['live/a|s1']);
    lab.pass(1100);
    expect(lab.names()).toEqual([]);
  });

  it('while its viewer comes over another: only that one counts', () => {
    const lab = create();
    lab.up('lb2');
    lab.see('live/a|s1');
    lab.down('lb1');
    lab.pass(5000);
    lab.see('live/a|s1', { node: 'lb2' });
    expect(lab.the('s1')).toMatchObject({ node: 'lb2', isCertain: true });
    lab.pass(10_000);
    expect(lab.names()).toEqual([]);
  });

  it('for too long: its viewers are lost, and it is forgotten', () => {
    const lab = create({ lostAfterMs: 100_000 });
    lab.see('live/a|s1');
    lab.down();
    lab.told();
    lab.pass(99_900);
    expect(lab.names()).toHaveLength(1);
    lab.pass(100);
    expect(lab.told()).toEqual(['left live/a|s1 lost 0']);
    expect(lab.viewers.nodes()).toEqual([]);
    lab.see('live/a|s1', { node: 'lb2' });
    expect(lab.viewers.nodes()).toMatchObject([{ name: 'lb2', viewers: 1 }]);
    expectSound(lab.viewers);
  });

  it('yet: what its first dump tells waits for the end of the dump', () => {
    const lab = create();
    lab.dump('live/a|s1', 9000, { node: 'lb2' });
    lab.pass(5000);
    expect(lab.names()).toHaveLength(1);
    lab.up('lb2');
    lab.pass(100);
    expect(lab.names()).toEqual([]);
  });
});

describe('bytes', () => {
  const bytesOf = (touches: [node: string, counter: number][]) => {
    const lab = create();
    lab.up('lb2');
    for (const [node, bytesOut] of touches) {
      lab.pass(1000);
      lab.see('live/a|s1', { node, bytesOut });
    }
    return lab.the('s1')?.bytes;
  };

  it.each<[string, [string, number][], number]>([
    [
      'count from the join on',
      [
        ['lb1', 500],
        ['lb1', 800],
        ['lb1', 1800],
      ],
      1300,
    ],
    [
      'go on after the entry began anew',
      [
        ['lb1', 0],
        ['lb1', 800],
        ['lb1', 100],
      ],
      900,
    ],
    [
      'are the sum over nodes',
      [
        ['lb1', 0],
        ['lb1', 800],
        ['lb2', 0],
        ['lb2', 100],
        ['lb2', 300],
      ],
      1100,
    ],
    [
      'go on where they were on a node before',
      [
        ['lb1', 0],
        ['lb1', 800],
        ['lb2', 0],
        ['lb2', 100],
        ['lb1', 1000],
      ],
      1100,
    ],
  ])('%s', (_, touches, expected) => {
    expect(bytesOf(touches)).toBe(expected);
  });

  it('are not known where they are not counted', () => {
    const lab = create();
    lab.see('live/a|s1');
    expect(lab.the('s1')?.bytes).toBeUndefined();
  });
});

describe('counts', () => {
  it('keep their peaks, and when they were', () => {
    const lab = create();
    lab.see('live/a|s1');
    lab.pass(2000);
    lab.see('live/a|s2');
    lab.see('live/b|s3', { serverName: 'mtx2' });
    lab.pass(60_000);
    expect(counts(lab.viewers.streams())).toEqual(['live/a 0/2', 'live/b 0/1']);
    expect(lab.viewers.stream('live/a')).toMatchObject({ viewers: 0, peak: 2, peakAtMs: start + 2000 });
    expect(lab.viewers.server('mtx2')).toMatchObject({ viewers: 0, peak: 1 });
    expect(lab.viewers.total()).toMatchObject({ viewers: 0, peak: 3, peakAtMs: start + 2000 });
    expect(lab.viewers.stream('live/c')).toBeUndefined();
  });

  it('forget the streams that have been without viewers longest', () => {
    const lab = create({ maxIdleStreams: 2 });
    for (const stream of ['a', 'b', 'c', 'd']) {
      lab.see(`${stream}|s`);
      lab.pass(1000);
    }
    lab.see('d|s');
    lab.pass(9900);
    expect(counts(lab.viewers.streams())).toEqual(['b 0/1', 'c 0/1', 'd 1/1']);
    lab.see('e|s');
    expect(lab.the('s')?.stream).toBeDefined();
    lab.pass(20_000);
    expect(counts(lab.viewers.streams())).toEqual(['d 0/1', 'e 0/1']);
    expectSound(lab.viewers);
  });
});

describe('the list', () => {
  function crowd() {
    const lab = create();
    for (let i = 0; i < 100; i++) lab.see(`live/${i % 5}|s${i}`, { serverName: `mtx${(i % 3) + 1}` });
    return lab;
  }

  /** All pages. */
  function pages(viewers: Viewers, query: { stream?: string; server?: string; limit: number }): string[][] {
    const found: string[][] = [];
    let cursor: number | undefined = 0;
    while (cursor !== undefined) {
      const page = viewers.list({ ...query, cursor });
      found.push(page.viewers.map(({ session }) => session));
      cursor = page.next;
    }
    return found;
  }

  it('comes in pages, each viewer once', () => {
    const { viewers } = crowd();
    const all = pages(viewers, { limit: 30 });
    expect(all.map((page) => page.length)).toEqual([30, 30, 30, 10]);
    expect(new Set(all.flat()).size).toBe(100);
    expect(pages(viewers, { limit: 100 }).map((page) => page.length)).toEqual([100]);
  });

  it('of a stream, of a server, and of both', () => {
    const { viewers } = crowd();
    expect(pages(viewers, { stream: 'live/2', limit: 7 }).flat()).toEqual(
      Array.from({ length: 20 }, (_, i) => `s${5 * i + 2}`),
    );
    expect(pages(viewers, { server: 'mtx1', limit: 100 }).flat()).toHaveLength(34);
    expect(pages(viewers, { stream: 'live/0', server: 'mtx1', limit: 3 }).flat()).toEqual(
      Array.from({ length: 7 }, (_, i) => `s${15 * i}`),
    );
    expect(viewers.list({ stream: 'live/9', limit: 10 })).toEqual({ viewers: [], next: undefined });
    expect(viewers.list({ server: 'mtx9', limit: 10 })).toEqual({ viewers: [], next: undefined });
  });

  it('goes on while viewers come and go: who stays is listed once', () => {
    const lab = crowd();
    const first = lab.viewers.list({ limit: 50 });
    lab.pass(5000);
    for (let i = 0; i < 100; i += 2) lab.see(`live/${i % 5}|s${i}`);
    lab.pass(6000);
    for (let i = 200; i < 300; i++) lab.see(`live/0|s${i}`);
    const second = lab.viewers.list({ limit: 1000, cursor: first.next });
    const seen = [...first.viewers, ...second.viewers].map(({ session }) => session);
    for (let i = 0; i < 100; i += 2) expect(seen.filter((session) => session === `s${i}`)).toHaveLength(1);
  });
});

describe('addresses', () => {
  const keys = ['live/a|192.0.2.7', 'live/b|192.0.2.7', 'live/a|192.0.2.8', 'live/a|2001:db8::1', 'live/a|0a1b-uuid'];
  it('are not shown, but told apart', () => {
    const lab = create();
    for (const key of keys) lab.see(key);
    const shown = lab.viewers.list({ limit: 10 }).viewers.map(({ session }) => session);
    expect(shown[0]).toMatch(/^address-[0-9a-f]{16}$/);
    expect(shown[1]).toBe(shown[0]);
    expect(new Set(shown).size).toBe(4);
    expect(shown[4]).toBe('0a1b-uuid');
    expect(JSON.stringify([shown, lab.told()])).not.toMatch(/192\.0|2001:db8/);
  });

  it('have other words in another process', () => {
    const [one, other] = [create(), create()];
    for (const lab of [one, other]) lab.see(keys[0] ?? '');
    expect(one.names()).not.toEqual(other.names());
  });

  it('are shown where that is wanted', () => {
    const lab = create({ showAddresses: true });
    for (const key of keys) lab.see(key);
    expect(lab.names()).toEqual(keys);
  });
});

describe('bounds', () => {
  it('takes in no more viewers than allowed', () => {
    const lab = create({ maxViewers: 3 });
    for (let i = 0; i < 5; i++) lab.see(`live/a|s${i}`);
    expect(lab.names()).toHaveLength(3);
    expect(lab.viewers.stats.overflow).toBe(2);
    lab.pass(11_000);
    lab.see('live/a|s4');
    expect(lab.names()).toEqual(['live/a|s4']);
    expectSound(lab.viewers);
  });

  it('uses places again: names do not pile up', () => {
    const lab = create({ maxIdleStreams: 10 });
    for (let round = 0; round < 50; round++) {
      for (let i = 0; i < 100; i++) lab.see(`live/${round}-${i}|s`);
      lab.pass(11_000);
    }
    expect(lab.viewers.stats).toMatchObject({ joins: 5000, leaves: 5000 });
    expect([...lab.viewers.streams()]).toHaveLength(10);
    expectSound(lab.viewers);
  });

  it('a tick that comes very late loses nobody and nothing', () => {
    const lab = create();
    for (let i = 0; i < 50; i++) {
      lab.see(`live/a|s${i}`);
      lab.pass(100);
    }
    lab.viewers.tick(lab.now() + 3_600_000);
    expect(lab.names()).toEqual([]);
    expectSound(lab.viewers);
  });
});

it('unsubscribes', () => {
  const viewers = createViewers({ goneAfterMs: 1000, showAddresses: false, nowMs: 0 });
  const changes: ViewerChange[] = [];
  const end = viewers.onChange((change) => changes.push(change));
  end();
  viewers.see({ node: 'n', key: 'a|s', serverName: undefined, idleMs: 0, live: true, bytesOut: undefined }, 0);
  expect(changes).toEqual([]);
});
