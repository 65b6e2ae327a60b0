import { createDirectory, type Directory } from '../../../src/directory';
import type { DirectoryOptions } from '../../../src/directory/directory';
import { createLogger } from '../../../src/log';
import { createRouter, type Decision, type Router } from '../../../src/router';
import { createFakeServer, type FakeServer } from '../../support/fake-mediamtx';

jest.useFakeTimers();

let fakes: FakeServer[];
let directory: Directory;
let router: Router;

function begin(count: number, change: Partial<DirectoryOptions> = {}): void {
  fakes = Array.from({ length: count }, (_, i) => createFakeServer(`mtx${i + 1}`));
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
}

function tellFleet(): void {
  directory.setServers(fakes.map((fake) => ({ ...fake.fleet })));
}

/** A directory that has had its first inventory. */
async function ready(count = 3, change: Partial<DirectoryOptions> = {}): Promise<void> {
  begin(count, change);
  tellFleet();
  directory.start();
  await passMs(50);
}

const passMs = (ms: number) => jest.advanceTimersByTimeAsync(ms);
const mtx = (n: number): FakeServer => fakes[n - 1] ?? createFakeServer('missing');
const gets = () => fakes.reduce((sum, fake) => sum + fake.calls.get, 0);

async function decide(stream: string, session = 's'): Promise<Decision> {
  const decision = router.decide(stream, session);
  if (decision instanceof Promise) await passMs(200);
  return decision;
}

afterEach(() => directory.stop());

describe('a stream in the inventory', () => {
  it('is located in the same turn, without a call', async () => {
    begin(3);
    mtx(2).streams = { 'live/a': 1 };
    tellFleet();
    directory.start();
    await passMs(50);
    expect(router.decide('live/a', 's')).toEqual({ state: 'located', server: 'mtx2' });
    expect(gets()).toBe(0);
  });

  it('gives the same object for the same server, so that bridges can prepare their answers', async () => {
    await ready();
    mtx(1).streams = { a: 1, b: 1 };
    await passMs(1000);
    expect(await decide('a')).toBe(await decide('b'));
  });

  it('belongs to the newest publisher while two servers have it', async () => {
    await ready();
    mtx(1).streams = { a: 5 };
    mtx(3).streams = { a: 9 };
    await passMs(1000);
    expect(await decide('a')).toEqual({ state: 'located', server: 'mtx3' });
    expect(await router.explain('a', 's')).toMatchObject({ rule: 'newest-publisher', server: 'mtx3' });
  });

  it('follows a publisher that moves, within one inventory, and a move is no conflict', async () => {
    await ready();
    mtx(1).streams = { a: 5 };
    await passMs(1000);
    mtx(1).streams = {};
    mtx(2).streams = { a: 6 };
    await passMs(1000);
    expect(await decide('a')).toEqual({ state: 'located', server: 'mtx2' });
    await passMs(2000);
    expect(directory.stats.conflicts).toBe(0);
  });

  it('counts a conflict once, for as long as both hold it', async () => {
    await ready();
    mtx(1).streams = { a: 5 };
    mtx(2).streams = { a: 6 };
    await passMs(5000);
    expect([directory.stats.conflicts, directory.conflictCount]).toEqual([1, 1]);
    expect(directory.stream('a')).toMatchObject({ conflict: true, holders: [{ server: 'mtx2' }, { server: 'mtx1' }] });
    mtx(2).streams = {};
    await passMs(2000);
    expect([directory.stats.conflicts, directory.conflictCount]).toEqual([1, 0]);
  });

  it.each([
    ['DOWN', { operational: 'DOWN' }],
    ['in maint', { administrative: 'maint' }],
  ] as const)('is not located on a server that is %s', async (_what, state) => {
    await ready();
    mtx(1).streams = { a: 1 };
    await passMs(1000);
    mtx(1).fleet = { ...mtx(1).fleet, ...state };
    tellFleet();
    expect(await decide('a')).toMatchObject({ state: 'placed', server: expect.not.stringContaining('mtx1') as string });
  });

  it('stays located on a server that drains', async () => {
    await ready();
    mtx(1).streams = { a: 1 };
    await passMs(1000);
    mtx(1).fleet = { ...mtx(1).fleet, administrative: 'drain' };
    tellFleet();
    expect(await decide('a')).toEqual({ state: 'located', server: 'mtx1' });
  });
});

describe('replicas (holders: spread)', () => {
  beforeEach(async () => {
    await ready();
    for (const n of [1, 2, 3]) mtx(n).streams = { 'spread/a': n };
    await passMs(1000);
  });

  async function shares(): Promise<Record<string, number>> {
    const shares: Record<string, number> = {};
    for (let i = 0; i < 3000; i++) {
      const { server = '' } = await decide('spread/a', `session-${i}`);
      shares[server] = (shares[server] ?? 0) + 1;
    }
    return shares;
  }

  it('share the sessions evenly, and each session keeps its server', async () => {
    for (const share of Object.values(await shares())) expect(Math.abs(share - 1000)).toBeLessThan(150);
    expect(await decide('spread/a', 'x')).toBe(await decide('spread/a', 'x'));
    expect(directory.stats.conflicts).toBe(0);
  });

  it('share the sessions evenly where only the copies themselves read', async () => {
    mtx(1).readers = 2;
    await passMs(1000);
    const { mtx1 = 0, mtx2 = 0, mtx3 = 0 } = await shares();
    expect(mtx1).toBeGreaterThan(mtx2 / 2);
    expect(mtx1).toBeGreaterThan(mtx3 / 2);
  });

  it('send fewer new sessions to the busier one, none to one that drains', async () => {
    mtx(1).readers = 100;
    await passMs(1000);
    const { mtx1 = 0, mtx2 = 0, mtx3 = 0 } = await shares();
    expect(mtx1).toBeLessThan(mtx2 / 2);
    expect(mtx1).toBeLessThan(mtx3 / 2);
    mtx(2).fleet = { ...mtx(2).fleet, administrative: 'drain' };
    tellFleet();
    expect((await shares())['mtx2']).toBeUndefined();
  });
});

describe('a publisher and copies of its stream (holders: auto)', () => {
  beforeEach(async () => {
    await ready();
    mtx(2).feeds = { a: 'pulled' };
    mtx(3).feeds = { a: 'pulled' };
    mtx(1).streams = { a: 10 };
    await passMs(1000);
    // Copies come after what they are copies of.
    mtx(2).streams = { a: 20 };
    mtx(3).streams = { a: 30 };
    await passMs(1000);
  });

  const servers = async () =>
    new Set(
      await Promise.all(Array.from({ length: 100 }, async (_, i) => (await router.decide('a', `session-${i}`)).server)),
    );

  it('are no conflict: the sessions are spread over them', async () => {
    expect(await servers()).toEqual(new Set(['mtx1', 'mtx2', 'mtx3']));
    await passMs(2000);
    expect([directory.stats.conflicts, directory.conflictCount]).toEqual([0, 0]);
    expect(directory.stream('a')).toMatchObject({
      policy: 'auto',
      conflict: false,
      holders: [
        { server: 'mtx1', pulled: false },
        { server: 'mtx3', pulled: true },
        { server: 'mtx2', pulled: true },
      ],
    });
    expect(directory.route('a')).toBeUndefined();
    expect(await router.explain('a', 's')).toMatchObject({ rule: 'spread-by-session' });
  });

  it('are given up for the newest of two publishers, which is a conflict between those two', async () => {
    mtx(3).feeds = {};
    mtx(3).streams = { a: 40 };
    await passMs(2000);
    expect(await servers()).toEqual(new Set(['mtx3']));
    expect(directory.conflictCount).toBe(1);
    mtx(1).streams = {};
    await passMs(2000);
    expect(await servers()).toEqual(new Set(['mtx2', 'mtx3']));
    expect(directory.conflictCount).toBe(0);
  });

  it('and copies alone, of a camera that all pull', async () => {
    mtx(1).streams = {};
    await passMs(1000);
    expect(await servers()).toEqual(new Set(['mtx2', 'mtx3']));
    expect(directory.stream('a')).toMatchObject({ conflict: false });
  });
});

describe('a filler of a path that is always available', () => {
  beforeEach(async () => {
    await ready();
    mtx(1).feeds = { a: 'filler' };
    mtx(1).streams = { a: 99 };
    await passMs(1000);
  });

  it('is where new viewers go while nobody publishes, at once and without asking', async () => {
    const before = gets();
    expect(router.decide('a', 's')).toEqual({ state: 'located', server: 'mtx1' });
    expect(gets()).toBe(before);
    expect(directory.route('a')).toBe('mtx1');
    const explained = await router.explain('a', 's');
    expect(explained).toMatchObject({ rule: 'filler', evidence: [{ server: 'mtx1', says: 'filler' }, {}, {}] });
    expect(explained.because).toContain('shows its filler');
    expect(directory.stream('a')).toMatchObject({ holders: [], fillers: ['mtx1'], conflict: false });
    expect([directory.streamCount, directory.servers()[0]?.streams]).toEqual([0, 0]);
  });

  it('yields at once to a publisher elsewhere, however old, in the turn of its report', async () => {
    mtx(2).streams = { a: 1 };
    await directory.confirm('a', 'mtx2');
    expect(router.decide('a', 's')).toEqual({ state: 'located', server: 'mtx2' });
    expect(directory.route('a')).toBe('mtx2');
    await passMs(2000);
    expect(directory.stream('a')).toMatchObject({ holders: [{ server: 'mtx2' }], fillers: ['mtx1'], conflict: false });
    mtx(2).streams = {};
    await passMs(1000);
    expect(await decide('a')).toEqual({ state: 'located', server: 'mtx1' });
    expect(directory.stats.conflicts).toBe(0);
  });

  it('is not shown where HAProxy cannot send anybody', async () => {
    mtx(1).fleet = { ...mtx(1).fleet, operational: 'DOWN' };
    tellFleet();
    expect(await decide('a')).toMatchObject({ state: 'placed' });
  });

  it('is one of several by the hash of the stream, and another one when that drains', async () => {
    mtx(2).feeds = { a: 'filler' };
    mtx(2).streams = { a: 1 };
    await passMs(1000);
    const { server } = await decide('a');
    const [chosen, other] = server === 'mtx1' ? [mtx(1), mtx(2)] : [mtx(2), mtx(1)];
    expect(directory.stream('a')).toMatchObject({ holders: [], fillers: ['mtx1', 'mtx2'] });
    chosen.fleet = { ...chosen.fleet, administrative: 'drain' };
    tellFleet();
    expect(await decide('a')).toEqual({ state: 'located', server: other.name });
    expect(directory.conflictCount).toBe(0);
  });

  it('found by asking does not hide the publisher that another server has', async () => {
    mtx(2).feeds = { b: 'filler' };
    mtx(2).streams = { b: 1 };
    mtx(3).streams = { b: 1 };
    expect(await decide('b')).toEqual({ state: 'located', server: 'mtx3' });
    expect(await router.explain('b', 's')).toMatchObject({ rule: 'only-holder' });
  });

  it('found by asking is shown, also when that is long ago and no more may be asked', async () => {
    await directory.stop();
    await ready(3, { intervalMs: 60_000 });
    mtx(2).feeds = { b: 'filler' };
    mtx(2).streams = { b: 1 };
    expect(await decide('b')).toEqual({ state: 'located', server: 'mtx2' });
    await passMs(2000);
    const flood = Array.from({ length: 9 }, async (_, i) => router.decide(`made-up/${i}`, 's'));
    const before = gets();
    expect(await router.decide('b', 's')).toEqual({ state: 'located', server: 'mtx2' });
    expect(gets()).toBe(before);
    await passMs(200);
    await Promise.all(flood);
  });

  it('is shown without a place in the inventory', async () => {
    await directory.stop();
    await ready(2, { maxStreams: 1 });
    mtx(1).streams = { other: 1 };
    await passMs(1000);
    mtx(2).feeds = { b: 'filler' };
    mtx(2).streams = { b: 1 };
    expect(await decide('b')).toEqual({ state: 'located', server: 'mtx2' });
    expect(await router.explain('b', 's')).toMatchObject({ rule: 'filler', evidence: [{}, { says: 'filler' }] });
    expect(directory.stream('b')).toMatchObject({ holders: [], fillers: ['mtx2'] });
  });
});

describe('a server whose clock is wrong', () => {
  const in2099 = Date.parse('2099-01-01T00:00:00Z');

  it('has the newest publisher only until another one comes', async () => {
    await ready();
    mtx(1).streams = { a: in2099 };
    await passMs(1000);
    mtx(2).streams = { a: Date.now() };
    await passMs(1000);
    expect(await decide('a')).toEqual({ state: 'located', server: 'mtx2' });
    // It is a conflict all the same, which its claim being read again and again does not put off.
    await passMs(2000);
    expect(directory.conflictCount).toBe(1);
    // A publisher that reconnects there is the newest again.
    mtx(1).streams = { a: in2099 + 1000 };
    await passMs(1000);
    expect(await decide('a')).toEqual({ state: 'located', server: 'mtx1' });
    expect(Date.parse(directory.stream('a')?.holders[0]?.publisherSince ?? '')).toBeLessThanOrEqual(Date.now());
  });

  it('does not have the newest publisher when an agent starts', async () => {
    begin(2);
    mtx(1).streams = { a: Date.now() - 3_600_000 };
    mtx(2).streams = { a: in2099 };
    tellFleet();
    directory.start();
    await passMs(2000);
    expect(await decide('a')).toEqual({ state: 'located', server: 'mtx1' });
  });

  it('is not believed when it is asked either', async () => {
    await ready(3, { maxStreams: 1 });
    mtx(3).streams = { other: 1 };
    await passMs(1000);
    mtx(1).streams = { b: in2099 };
    mtx(2).streams = { b: Date.now() + 1000 };
    expect(await decide('b')).toMatchObject({ state: 'located' });
    for (const { publisherSince } of directory.stream('b')?.holders ?? []) {
      expect(Date.parse(publisherSince ?? '')).toBeLessThanOrEqual(Date.now());
    }
  });
});

describe('a stream that the inventory has not got', () => {
  it('is asked for once, however many ask', async () => {
    await ready();
    mtx(2).streams = { new: 1 };
    const decisions = Promise.all(Array.from({ length: 50 }, async (_, i) => router.decide('new', `s${i}`)));
    await passMs(20);
    expect(new Set(await decisions)).toEqual(new Set([await decide('new')]));
    expect(await decide('new')).toEqual({ state: 'located', server: 'mtx2' });
    expect(gets()).toBe(3);
    expect(directory.stats.lookups).toMatchObject({ hit: 1, shared: 49 });
  });

  it('is placed on the same server each time when nobody has it, and the miss is kept for its time', async () => {
    await ready();
    const first = await decide('ondemand/x');
    expect(first.state).toBe('placed');
    expect(await decide('ondemand/x')).toBe(first);
    expect(gets()).toBe(3);
    await passMs(600);
    expect(await decide('ondemand/x')).toBe(first);
    expect(gets()).toBe(6);
  });

  it('is found as soon as it is published, once the miss is forgotten', async () => {
    await ready();
    await decide('later');
    mtx(3).streams = { later: 1 };
    await passMs(500);
    expect(await decide('later')).toEqual({ state: 'located', server: 'mtx3' });
  });

  it('is not placed on servers that drain, are suspect or are down', async () => {
    await ready();
    mtx(1).fleet = { ...mtx(1).fleet, administrative: 'drain' };
    mtx(2).fleet = { ...mtx(2).fleet, operational: 'DOWN' };
    tellFleet();
    for (const name of 'abcde') expect(await decide(name)).toEqual({ state: 'placed', server: 'mtx3' });
    mtx(3).fleet = { ...mtx(3).fleet, administrative: 'drain' };
    tellFleet();
    await passMs(600);
    expect(await decide('f')).toEqual({ state: 'unknown', server: undefined });
    await passMs(1000);
    expect(await router.explain('f', undefined)).toMatchObject({ rule: 'no-server' });
  });

  it('is answered at the deadline with what is known: one server stalls', async () => {
    await ready();
    mtx(1).fault = 'stall';
    mtx(2).streams = { new: 1 };
    const started = performance.now();
    const decision = router.decide('new', 's');
    await passMs(11);
    expect(await decision).toEqual({ state: 'located', server: 'mtx2' });
    expect(performance.now() - started).toBeLessThan(80);
  });

  it('is unknown, not placed, while a server that may have it cannot be asked', async () => {
    await ready();
    mtx(1).fault = 'bad_status';
    await passMs(1000);
    expect(await decide('nowhere')).toEqual({ state: 'unknown', server: undefined });
    expect(await router.explain('nowhere', 's')).toMatchObject({ rule: 'no-evidence' });
  });

  it('costs no more calls than the budget, and the inventory answers above it', async () => {
    await ready();
    mtx(1).streams = { known: 1 };
    await passMs(1000);
    const flood = Promise.all(Array.from({ length: 1000 }, async (_, i) => router.decide(`made-up/${i}`, 's')));
    expect(router.decide('known', 's')).toEqual({ state: 'located', server: 'mtx1' });
    await passMs(100);
    expect(new Set((await flood).map(({ state }) => state))).toEqual(new Set(['placed']));
    expect(gets()).toBe(5 * 3);
    expect(directory.stats.lookups.overBudget).toBe(995);
    expect(directory.lookupsKept).toBeLessThanOrEqual(5);
  });

  it.each(['', '..', 'a/../b', 'a b', 'a%2Fb', 'a;b', 'a\nb', 'x'.repeat(4096)])(
    'is never asked for when no MediaMTX can have it: %j',
    async (name) => {
      await ready();
      expect(router.decide(name, 's')).toEqual({ state: 'unknown', server: undefined });
      expect(gets()).toBe(0);
      expect(await router.explain(name, undefined)).toMatchObject({ rule: 'invalid-name' });
    },
  );
});

describe('what an earlier lookup said', () => {
  it('is used while it is refreshed: stale while revalidate', async () => {
    // Lists that take so long that a lookup's time to live passes between two of them.
    await ready(1, { intervalMs: 60_000 });
    mtx(1).streams = { new: 1 };
    await decide('new');
    await passMs(2100);
    const before = gets();
    expect(router.decide('new', 's')).toEqual({ state: 'located', server: 'mtx1' });
    expect(gets()).toBe(before + 1);
    expect(directory.stats.lookups.stale).toBe(1);
  });

  it('yields to a newer list that has not got the stream', async () => {
    await ready();
    mtx(1).streams = { new: 1 };
    expect(await decide('new')).toMatchObject({ state: 'located' });
    mtx(1).streams = {};
    await passMs(1000);
    expect(await decide('new')).toMatchObject({ state: 'placed' });
  });
});

describe("a server's API that fails", () => {
  beforeEach(async () => {
    await ready();
    mtx(1).streams = { a: 1 };
    mtx(2).streams = { b: 1 };
    await passMs(1000);
  });

  it('leaves its last good answer in use, with its age, and counts that', async () => {
    mtx(1).fault = 'bad_body';
    await passMs(5000);
    expect(await decide('a')).toEqual({ state: 'located', server: 'mtx1' });
    expect(directory.stats.staleAnswers).toBe(1);
    const { evidence } = directory.stream('a')?.holders[0] ?? {};
    expect(evidence).toMatchObject({ stale: true });
    expect(evidence?.ageMs).toBeGreaterThan(4000);
    expect(directory.servers()[0]?.api).toMatchObject({ health: 'suspect', lastError: 'server mtx1: bad_body' });
  });

  it('is given up after staleFor', async () => {
    mtx(1).fault = 'unreachable';
    await passMs(70_000);
    expect(await decide('a')).toEqual({ state: 'unknown', server: undefined });
    expect(directory.stream('a')).toBeUndefined();
  });

  it('is given up at once when HAProxy says DOWN', async () => {
    mtx(1).fault = 'unreachable';
    await passMs(1000);
    mtx(1).fleet = { ...mtx(1).fleet, operational: 'DOWN' };
    tellFleet();
    expect(directory.stream('a')).toBeUndefined();
    expect(await decide('a')).toMatchObject({ state: 'placed' });
  });

  it('does not touch the decisions for the others', async () => {
    mtx(1).fault = 'stall';
    await passMs(5000);
    expect(router.decide('b', 's')).toEqual({ state: 'located', server: 'mtx2' });
  });

  it('recovers: one good list and it is trusted again', async () => {
    mtx(1).fault = 'timeout';
    await passMs(5000);
    mtx(1).fault = undefined;
    mtx(1).streams = { c: 1 };
    await passMs(9000);
    expect(directory.servers()[0]?.api).toMatchObject({ health: 'ok', consecutiveFailures: 0 });
    expect(await decide('c')).toEqual({ state: 'located', server: 'mtx1' });
    expect(await decide('a')).toMatchObject({ state: 'placed' });
  });
});

describe('the fleet', () => {
  it('has no evidence before it is told, and before the first list', async () => {
    begin(1);
    expect(directory.hasEvidence()).toBe(false);
    expect(await decide('a')).toEqual({ state: 'unknown', server: undefined });
    tellFleet();
    directory.start();
    expect(directory.hasEvidence()).toBe(false);
    await passMs(50);
    expect(directory.hasEvidence()).toBe(true);
  });

  it('takes servers in and out while it runs', async () => {
    await ready(2);
    mtx(2).streams = { a: 1 };
    await passMs(1000);
    expect(await decide('a')).toMatchObject({ server: 'mtx2' });
    directory.setServers([mtx(1).fleet]);
    expect(await decide('a')).toMatchObject({ state: 'placed', server: 'mtx1' });
    expect(directory.stats.apiCalls.has('mtx2')).toBe(false);
    const { list } = mtx(2).calls;
    await passMs(5000);
    expect(mtx(2).calls.list).toBe(list);
  });

  it('asks a server for its list once a second, whatever viewers do', async () => {
    await ready(1);
    mtx(1).streams = { a: 1 };
    await passMs(1000);
    const { list } = mtx(1).calls;
    for (let i = 0; i < 10_000; i++) await decide('a', `s${i}`);
    await passMs(10_000);
    expect(mtx(1).calls.list - list).toBe(10);
    expect([mtx(1).calls.get, mtx(1).calls.info]).toEqual([0, 1]);
  });

  it('leaves no timer behind when it stops', async () => {
    await ready();
    await decide('somewhere');
    await directory.stop();
    expect(jest.getTimerCount()).toBe(0);
  });
});
