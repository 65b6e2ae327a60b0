import { createDirectory, type Directory, maxOverrides, type StreamChange } from '../../../src/directory';
import type { DirectoryOptions } from '../../../src/directory/directory';
import { createLogger } from '../../../src/log';
import { createRouter, type Decision, type Router } from '../../../src/router';
import { createFakeServer, type FakeServer } from '../../support/fake-mediamtx';

jest.useFakeTimers();

let fakes: FakeServer[];
let directory: Directory;
let router: Router;
/** What listeners heard, in order: `route a`, `+a mtx1 inventory`, `-a mtx1 push`, `gone a mtx1`. */
let heard: string[];

const passMs = (ms: number) => jest.advanceTimersByTimeAsync(ms);
const mtx = (n: number): FakeServer => fakes[n - 1] ?? createFakeServer('missing');
const gets = () => fakes.map((fake) => fake.calls.get);
const tellFleet = (): void => directory.setServers(fakes.map((fake) => ({ ...fake.fleet })));
const news = (): string[] => heard.splice(0);
const routes = () => Object.fromEntries(directory.routes());

/** Three servers that have been listed once; lists come every `intervalMs`. */
async function ready(streams: Record<string, number>[] = [], change: Partial<DirectoryOptions> = {}): Promise<void> {
  fakes = [1, 2, 3].map((n) => createFakeServer(`mtx${n}`));
  streams.forEach((held, i) => (mtx(i + 1).streams = held));
  directory = createDirectory({
    intervalMs: 1000,
    staleForMs: 60_000,
    suspectAfter: 3,
    maxStreams: 1000,
    holders: [{ match: 'spread/**', policy: 'spread' }],
    lookup: { deadlineMs: 80, ttlMs: 2000, missTtlMs: 500, perSecond: 5 },
    apiTimeoutMs: 1000,
    credentialsFor: () => ({}),
    log: createLogger('silent'),
    createClient: ({ server }) => {
      const fake = fakes.find(({ name }) => name === server);
      if (fake === undefined) throw new Error(server);
      return fake.client;
    },
    ...change,
  });
  router = createRouter(directory);
  heard = [];
  directory.onRouteChange((stream) => heard.push(`route ${stream} ${directory.route(stream) ?? '-'}`));
  directory.onStreamChange(({ stream, kind, server, source }: StreamChange) =>
    heard.push(`${kind === 'appeared' ? '+' : '-'}${stream} ${server} ${source}`),
  );
  directory.onOverrideGone((stream, server) => heard.push(`gone ${stream} ${server}`));
  tellFleet();
  directory.start();
  await passMs(50);
}

/** Lists are so rare that all that happens comes by another way. */
const rarely = { intervalMs: 600_000 };

/** The decision, when all timers that it waits for have passed. */
async function decided(stream: string): Promise<Decision> {
  const decision = router.decide(stream, '');
  await passMs(80);
  return decision;
}

afterEach(() => directory.stop());

describe('a stream that was looked for before a server was in service', () => {
  function checked(n: number, operational: 'UP' | 'DOWN'): void {
    mtx(n).fleet = { ...mtx(n).fleet, operational };
    tellFleet();
  }

  it('is not placed elsewhere: an agent that has just started knows no server at first', async () => {
    await ready([], rarely);
    const known = fakes;
    fakes = [];
    tellFleet();
    expect(await router.decide('a', '')).toEqual({ state: 'unknown', server: undefined });
    fakes = known;
    mtx(2).streams = { a: 1 };
    tellFleet();
    expect(await decided('a')).toEqual({ state: 'located', server: 'mtx2' });
  });

  it('is asked of a server that has come up', async () => {
    await ready([], rarely);
    checked(2, 'DOWN');
    expect(await decided('a')).toMatchObject({ state: 'placed' });
    mtx(2).streams = { a: 1 };
    checked(2, 'UP');
    expect(await decided('a')).toEqual({ state: 'located', server: 'mtx2' });
  });

  it('is undecided when the server comes while the others are asked', async () => {
    await ready([], rarely);
    checked(2, 'DOWN');
    mtx(1).fault = 'stall';
    const decision = router.decide('a', '');
    mtx(2).fault = 'stall';
    checked(2, 'UP');
    await passMs(80);
    expect(await decision).toEqual({ state: 'unknown', server: undefined });
  });
});

describe('routes', () => {
  it('are those of every stream with one server to name, and are told once', async () => {
    await ready([
      { a: 1, 'spread/x': 1, 'spread/y': 1 },
      { b: 1, 'spread/x': 2 },
    ]);
    expect(routes()).toEqual({ a: 'mtx1', b: 'mtx2', 'spread/y': 'mtx1' });
    expect(news()).toEqual([
      'route a mtx1',
      '+a mtx1 inventory',
      'route spread/x mtx1',
      '+spread/x mtx1 inventory',
      'route spread/y mtx1',
      '+spread/y mtx1 inventory',
      'route b mtx2',
      '+b mtx2 inventory',
      'route spread/x -',
      '+spread/x mtx2 inventory',
    ]);
    await passMs(5000);
    expect(news()).toEqual([]);
    expect(directory.route('nowhere')).toBeUndefined();
  });

  it('follow a publisher that moved as soon as one of two servers is listed', async () => {
    await ready([{}, {}, { a: 1 }]);
    // The servers take turns: mtx1 a third of a second after the first lists, then mtx2, then mtx3.
    await passMs(700);
    mtx(1).streams = { a: 2 };
    mtx(3).streams = {};
    await passMs(350);
    expect(news()).toContain('route a mtx1');
    expect(gets()).toEqual([1, 1, 1]);
  });

  it('of a server that loses all at once are looked for within bounds', async () => {
    const streams = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`s${n}`, 1]));
    await ready([{}, {}, streams], { lookup: { deadlineMs: 80, ttlMs: 2000, missTtlMs: 500, perSecond: 100 } });
    mtx(3).streams = {};
    await passMs(1000);
    expect(routes()).toEqual({});
    expect(gets()).toEqual([10, 10, 10]);
  });

  it('follow the newest publisher, and do not change with an older one', async () => {
    await ready([{ a: 5 }]);
    news();
    mtx(2).streams = { a: 4 };
    await passMs(1000);
    expect(news()).toEqual(['+a mtx2 inventory']);
    mtx(2).streams = { a: 6 };
    await passMs(1000);
    expect(news()).toEqual(['route a mtx2']);
    mtx(1).streams = {};
    mtx(2).streams = {};
    await passMs(1000);
    expect(news()).toEqual(['-a mtx1 inventory', 'route a -', '-a mtx2 inventory']);
    expect(routes()).toEqual({});
  });

  it.each([
    ['goes DOWN', { operational: 'DOWN' }],
    ['goes into maintenance', { administrative: 'maint' }],
  ] as const)('end in the same turn when a server %s, and come back', async (_what, state) => {
    await ready([{ a: 1, b: 1 }, { b: 2 }]);
    news();
    const before = mtx(1).fleet;
    mtx(1).fleet = { ...before, ...state };
    tellFleet();
    expect(news()).toEqual(['route a -']);
    mtx(1).fleet = before;
    tellFleet();
    expect(news()).toEqual(['route a mtx1']);
  });

  it('end in the same turn when a server leaves the fleet or its list is given up', async () => {
    await ready([{ a: 1 }, { b: 1 }]);
    news();
    directory.setServers([mtx(2).fleet]);
    expect(news()).toEqual(['route a -', '-a mtx1 inventory']);
    mtx(2).fault = 'unreachable';
    await passMs(70_000);
    expect(news()).toEqual(['route b -', '-b mtx2 inventory']);
  });

  it('of a stream that a lookup found are told at once, with its source', async () => {
    await ready([], rarely);
    mtx(2).streams = { a: 1 };
    const decision = router.decide('a', 's');
    await passMs(0);
    expect(news()).toEqual(['route a mtx2', '+a mtx2 lookup']);
    await passMs(20);
    expect(await decision).toEqual({ state: 'located', server: 'mtx2' });
    expect(directory.stream('a')).toMatchObject({ holders: [{ server: 'mtx2', evidence: { source: 'lookup' } }] });
    expect(directory.evidence('a', undefined)[1]).toMatchObject({ says: 'live', source: 'lookup' });
  });

  it('are no longer told to who has unsubscribed', async () => {
    await ready();
    const seen: string[] = [];
    const ends = [
      directory.onRouteChange((stream) => seen.push(stream)),
      directory.onStreamChange(({ stream }) => seen.push(stream)),
    ];
    mtx(1).streams = { a: 1 };
    await passMs(1000);
    expect(seen).toEqual(['a', 'a']);
    for (const end of ends) end();
    mtx(1).streams = {};
    await passMs(1000);
    expect(seen).toEqual(['a', 'a']);
  });
});

describe('what is recorded', () => {
  const recorder = () => {
    const seen: [tookMs: number, failed: number][] = [];
    return { seen, record: (tookMs: number, _count: number, failed: number) => void seen.push([tookMs, failed]) };
  };

  it('are lookups that asked servers, and those after which nobody knows', async () => {
    const { seen, record } = recorder();
    await ready([], { ...rarely, recordLookup: record });
    mtx(2).streams = { a: 1 };
    await Promise.all(['a', 'a', 'b'].map(async (stream) => directory.ask(stream)));
    expect(seen.map(([, failed]) => failed)).toEqual([0, 0]);
    seen.length = 0;
    mtx(3).fault = 'unreachable';
    await directory.ask('c');
    expect(seen).toEqual([[0, 1]]);
    seen.length = 0;
    mtx(3).fault = 'stall';
    const asked = directory.ask('d');
    await passMs(80);
    await asked;
    // Its list is good, so that its silence tells enough.
    expect(seen).toEqual([[80, 0]]);
    mtx(3).fault = undefined;
    await Promise.all(['e', 'f', 'g'].map(async (stream) => directory.ask(stream)));
    expect(directory.stats.lookups.overBudget).toBe(2);
    expect(seen).toHaveLength(2);
  });

  it('are lists, and those that failed', async () => {
    const { seen, record } = recorder();
    await ready([], { recordPoll: record });
    expect(seen).toEqual([
      [1, 0],
      [1, 0],
      [1, 0],
    ]);
    seen.length = 0;
    mtx(1).fault = 'timeout';
    await passMs(1000);
    expect(seen.map(([, failed]) => failed).sort()).toEqual([0, 0, 1]);
  });
});

describe('a report from outside', () => {
  it('is confirmed by one question to that server, and counts at once', async () => {
    await ready([], rarely);
    mtx(3).streams = { a: 1 };
    await directory.confirm('a', 'mtx3');
    expect(gets()).toEqual([0, 0, 1]);
    expect(news()).toEqual(['route a mtx3', '+a mtx3 push']);
    expect(router.decide('a', 's')).toEqual({ state: 'located', server: 'mtx3' });
    expect(directory.stream('a')?.holders[0]?.evidence).toMatchObject({ source: 'push', stale: false });
    mtx(3).streams = {};
    await directory.confirm('a', 'mtx3');
    expect(news()).toEqual(['route a -', '-a mtx3 push']);
    expect(directory.streamCount).toBe(0);
  });

  it('of a publisher that moved makes its former server be asked too', async () => {
    await ready([{ a: 5 }], rarely);
    news();
    mtx(1).streams = {};
    // The new server's clock is behind.
    mtx(2).streams = { a: 4 };
    await directory.confirm('a', 'mtx2');
    expect(gets()).toEqual([1, 1, 0]);
    expect(news()).toEqual(['+a mtx2 push', 'route a mtx2', '-a mtx1 push']);
  });

  it('that names no server makes all be asked', async () => {
    await ready([{ a: 5 }], rarely);
    news();
    mtx(1).streams = {};
    mtx(2).streams = { a: 6 };
    await directory.confirm('a');
    expect(gets()).toEqual([1, 1, 1]);
    expect(directory.route('a')).toBe('mtx2');
    expect(news()).toContain('-a mtx1 push');
  });

  it('shares a question, and asks once more for what came while it was asked', async () => {
    await ready([], rarely);
    const all = Promise.all(Array.from({ length: 50 }, () => directory.confirm('a', 'mtx1')));
    mtx(1).streams = { a: 1 };
    await all;
    expect(gets()).toEqual([2, 0, 0]);
    expect(directory.route('a')).toBe('mtx1');
  });

  it('keeps to the budget of lookups, and is nothing where there is nobody to ask', async () => {
    await ready([], rarely);
    await Promise.all(Array.from({ length: 100 }, (_, i) => directory.confirm(`a${i}`, 'mtx1')));
    expect(gets()).toEqual([5, 0, 0]);
    expect(directory.stats.lookups.overBudget).toBe(95);
    await passMs(1000);
    await directory.confirm('a b', 'mtx1');
    await directory.confirm('a', 'mtx9');
    expect(gets()).toEqual([5, 0, 0]);
  });

  it('that cannot be confirmed changes nothing', async () => {
    await ready([{ a: 1 }], rarely);
    news();
    mtx(1).fault = 'unreachable';
    await directory.confirm('a', 'mtx1');
    expect(news()).toEqual([]);
    expect(directory.route('a')).toBe('mtx1');
  });

  it('ends what a lookup has said of the stream', async () => {
    await ready([], rarely);
    const placed = router.decide('a', 's');
    await passMs(100);
    expect(await placed).toMatchObject({ state: 'placed' });
    mtx(2).streams = { a: 1 };
    await directory.confirm('a', 'mtx2');
    expect(router.decide('a', 's')).toEqual({ state: 'located', server: 'mtx2' });
    mtx(2).streams = {};
    await directory.confirm('a', 'mtx2');
    expect(directory.known('a')).toBeUndefined();
  });
});

describe('what an operator moved', () => {
  it('is routed where the operator said, whoever has it', async () => {
    await ready([{ a: 5 }, { a: 4 }]);
    news();
    directory.setOverride('a', 'mtx2');
    expect(news()).toEqual(['route a mtx2']);
    expect(router.decide('a', 's')).toEqual({ state: 'located', server: 'mtx2' });
    expect(await router.explain('a', 's')).toMatchObject({
      rule: 'moved-by-operator',
      server: 'mtx2',
      because: 'an operator moved a to mtx2',
    });
    expect(directory.stream('a')?.holders.map(({ server }) => server)).toEqual(['mtx2', 'mtx1']);
    mtx(1).streams = { a: 9 };
    await passMs(1000);
    expect(news()).toEqual([]);
    directory.setOverride('a', undefined);
    expect(news()).toEqual(['route a mtx1']);
  });

  it('is so too when nobody has it, and is no live stream for that', async () => {
    await ready([], rarely);
    directory.setOverride('later', 'mtx3');
    expect(routes()).toEqual({ later: 'mtx3' });
    expect(router.decide('later', 's')).toEqual({ state: 'located', server: 'mtx3' });
    expect([directory.streamCount, [...directory.streamNames()], directory.stream('later')]).toEqual([
      0,
      [],
      undefined,
    ]);
    mtx(1).streams = { later: 1 };
    await directory.confirm('later', 'mtx1');
    mtx(1).streams = {};
    await directory.confirm('later', 'mtx1');
    expect(directory.route('later')).toBe('mtx3');
    directory.setOverride('later', undefined);
    expect(routes()).toEqual({});
    expect(gets()).toEqual([2, 0, 0]);
  });

  it('of replicas puts all sessions on one', async () => {
    await ready([{ 'spread/a': 1 }, { 'spread/a': 1 }]);
    directory.setOverride('spread/a', 'mtx2');
    for (let i = 0; i < 20; i++) expect(router.decide('spread/a', `s${i}`)).toMatchObject({ server: 'mtx2' });
    expect(directory.route('spread/a')).toBe('mtx2');
  });

  it('waits while that server is not usable, and follows the holders meanwhile', async () => {
    await ready([{ a: 1 }]);
    directory.setOverride('a', 'mtx2');
    news();
    const up = mtx(2).fleet;
    mtx(2).fleet = { ...up, operational: 'DOWN' };
    tellFleet();
    expect(news()).toEqual(['route a mtx1']);
    mtx(2).fleet = up;
    tellFleet();
    expect(news()).toEqual(['route a mtx2']);
  });

  it('waits for a server that is not in the fleet yet', async () => {
    await ready([{ a: 1 }]);
    directory.setServers([mtx(1).fleet]);
    directory.setOverride('a', 'mtx2');
    expect(directory.route('a')).toBe('mtx1');
    news();
    tellFleet();
    expect(news()).toEqual(['route a mtx2']);
  });

  it.each([
    ['a list says so', () => passMs(1000)],
    ['it says so when asked', () => directory.confirm('a', 'mtx2')],
    [
      'it leaves the fleet',
      () => {
        directory.setServers([mtx(1).fleet]);
        return Promise.resolve();
      },
    ],
  ] as const)('is over when that server had it and lost it: %s', async (_how, happens) => {
    await ready([{ a: 5 }, { a: 4 }]);
    directory.setOverride('a', 'mtx2');
    news();
    mtx(2).streams = {};
    await happens();
    expect(news().filter((line) => !line.startsWith('-'))).toEqual(['route a mtx1', 'gone a mtx2']);
    mtx(2).streams = { a: 4 };
    tellFleet();
    await passMs(1000);
    expect(directory.route('a')).toBe('mtx1');
  });

  it('is not over because that server cannot be asked, but when it can be again and has lost it', async () => {
    await ready([{ a: 5 }, { a: 4 }], { staleForMs: 3000 });
    directory.setOverride('a', 'mtx2');
    news();
    mtx(2).fault = 'unreachable';
    await passMs(20_000);
    expect(news()).toEqual(['-a mtx2 inventory']);
    expect(directory.route('a')).toBe('mtx2');
    mtx(2).fault = undefined;
    mtx(2).streams = {};
    await passMs(10_000);
    expect(news()).toEqual(['route a mtx1', 'gone a mtx2']);
  });

  it('stays when that server is reached at another address', async () => {
    await ready([{ a: 5 }, { a: 4 }]);
    directory.setOverride('a', 'mtx2');
    mtx(2).fleet = { ...mtx(2).fleet, apiUrl: 'http://elsewhere:9997' };
    news();
    tellFleet();
    await passMs(1000);
    expect(news()).toEqual(['-a mtx2 inventory', '+a mtx2 inventory']);
    expect(directory.route('a')).toBe('mtx2');
  });

  it('is bounded, and only what can be a stream', async () => {
    await ready();
    for (let i = 0; i < maxOverrides; i++) directory.setOverride(`a${i}`, 'mtx1');
    expect(() => directory.setOverride('one-more', 'mtx1')).toThrow(/10000 streams are moved already/);
    directory.setOverride('a0', 'mtx2');
    expect(directory.route('a0')).toBe('mtx2');
    directory.setOverride('a0', undefined);
    directory.setOverride('one-more', 'mtx1');
    expect(directory.route('one-more')).toBe('mtx1');
    expect(() => directory.setOverride('a b', 'mtx1')).toThrow(/"a b"/);
  });
});
