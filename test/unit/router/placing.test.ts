import { createDirectory, type Directory } from '../../../src/directory';
import type { DirectoryOptions } from '../../../src/directory/directory';
import { createLogger } from '../../../src/log';
import type { PathConfig, PathStart } from '../../../src/mediamtx';
import { createRouter, type Decision, type Router } from '../../../src/router';
import { createFakeServer, type FakeServer } from '../../support/fake-mediamtx';

jest.useFakeTimers();

let fakes: FakeServer[];
let directory: Directory;
let router: Router;

const passMs = (ms: number) => jest.advanceTimersByTimeAsync(ms);
const mtx = (n: number): FakeServer => fakes[n - 1] ?? createFakeServer('missing');
const tellFleet = (): void => directory.setServers(fakes.map((fake) => ({ ...fake.fleet })));
const configs = (...entries: [name: string, start: PathStart][]): PathConfig[] =>
  entries.map(([name, start]) => ({ name, start }));
const configCalls = () => fakes.map(({ calls }) => calls.configs);

/** Three servers that have been listed, set up by `prepare`. */
async function ready(prepare: () => void, change: Partial<DirectoryOptions> = {}): Promise<void> {
  fakes = [1, 2, 3].map((n) => createFakeServer(`mtx${n}`));
  prepare();
  directory = createDirectory({
    intervalMs: 1000,
    staleForMs: 60_000,
    suspectAfter: 3,
    maxStreams: 1000,
    holders: [],
    lookup: { deadlineMs: 80, ttlMs: 2000, missTtlMs: 500, perSecond: 100 },
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
  tellFleet();
  directory.start();
  await passMs(50);
}

/** Compiling is not a matter of fake time. */
async function settle<T>(value: T | Promise<T>): Promise<T> {
  let isDone = !(value instanceof Promise);
  const result = Promise.resolve(value).finally(() => {
    isDone = true;
  });
  while (!isDone) {
    await new Promise(jest.requireActual<typeof import('node:timers')>('node:timers').setImmediate);
    await passMs(1);
  }
  return result;
}

const decide = (stream: string): Promise<Decision> => settle(router.decide(stream, 's'));
const explain = (stream: string) => settle(router.explain(stream, 's'));

/** Names enough that hashing over all servers would miss every one of three. */
const names = Array.from({ length: 12 }, (_, i) => `cam/${i}`);

async function expectAllOn(server: string, rule: string): Promise<void> {
  for (const name of names) {
    expect(await decide(name)).toEqual({ state: 'placed', server });
    expect(await explain(name)).toMatchObject({ rule, server, state: 'placed' });
  }
}

afterEach(() => directory.stop());

describe('a stream that only some servers can start', () => {
  it('starts on the one whose list names its source', async () => {
    await ready(() => (mtx(2).idle = Object.fromEntries(names.map((name) => [name, 'rtspSource']))));
    await expectAllOn('mtx2', 'placed-on-demand');
    const { because, evidence } = await explain('cam/0');
    expect(because).toBe('nobody has cam/0, and mtx2 can start it on demand');
    expect(evidence.map(({ says, path }) => [says, path])).toEqual([
      ['not live', 'not configured'],
      ['not live', 'startable'],
      ['not live', 'not configured'],
    ]);
  });

  it.each<[string, PathConfig[]]>([
    ['names it', configs(...names.map((name): [string, PathStart] => [name, 'reader']))],
    ['has a pattern for it', configs(['~^live/', 'publisher'], ['~^cam/[0-9]+$', 'reader'])],
    ['has one for all others', configs(['~^live/', 'publisher'], ['all_others', 'reader'])],
    ['has one for all', configs(['all', 'reader'])],
  ])('starts on the one whose configuration %s', async (_, entries) => {
    await ready(() => {
      mtx(1).configs = configs(['all_others', 'publisher']);
      mtx(3).configs = entries;
    });
    await expectAllOn('mtx3', 'placed-on-demand');
  });

  it('is shared by hash among those that can, and by all agents alike', async () => {
    await ready(() => {
      for (const n of [1, 3]) mtx(n).configs = configs(['~^cam/', 'reader']);
    });
    const servers = await Promise.all(names.map(async (name) => (await decide(name)).server));
    expect(new Set(servers)).toEqual(new Set(['mtx1', 'mtx3']));
    router = createRouter(directory);
    expect(await Promise.all(names.map(async (name) => (await decide(name)).server))).toEqual(servers);
  });

  it('goes where MediaMTX would look first: the exact name, then patterns by name, then all others', async () => {
    await ready(() => {
      mtx(1).configs = configs(['cam/0', 'publisher'], ['~^cam/', 'reader']);
      mtx(2).configs = configs(['~^z', 'reader'], ['all_others', 'reader'], ['~^cam/', 'nothing']);
      mtx(3).configs = configs(['all_others', 'nothing'], ['~^cam/0$', 'reader']);
    });
    expect((await explain('cam/0')).evidence.map(({ path }) => path)).toEqual([
      'configured',
      'not configured',
      'startable',
    ]);
  });

  it('starts where it is known to start although that server drains, for nobody else can', async () => {
    await ready(() => (mtx(2).idle = { 'cam/0': 'rtspSource' }));
    mtx(2).fleet = { ...mtx(2).fleet, administrative: 'drain' };
    tellFleet();
    expect(await decide('cam/0')).toEqual({ state: 'placed', server: 'mtx2' });
    mtx(2).fleet = { ...mtx(2).fleet, administrative: 'maint' };
    tellFleet();
    expect((await decide('cam/0')).server).not.toBe('mtx2');
  });

  it('stays where it was begun to be started, when it is found that others could have', async () => {
    for (const name of names) {
      await ready(() => {
        mtx(1).configs = mtx(3).configs = configs(['~^cam/', 'reader']);
        mtx(3).configFault = 'stall';
      });
      expect(await decide(name)).toEqual({ state: 'placed', server: 'mtx1' });
      mtx(3).idle = { [name]: 'rtspSource' };
      await passMs(3000);
      expect(await decide(name)).toEqual({ state: 'placed', server: 'mtx1' });
      await directory.stop();
    }
  });

  it('is not forgotten above the budget of lookups, and costs no question then', async () => {
    await ready(() => (mtx(2).idle = { 'cam/0': 'rtspSource' }), {
      lookup: { deadlineMs: 80, ttlMs: 2000, missTtlMs: 500, perSecond: 1 },
    });
    await decide('made/up');
    expect(await decide('cam/0')).toEqual({ state: 'placed', server: 'mtx2' });
    expect(mtx(2).calls.get).toBe(1);
  });

  it('is forgotten with the list that does not name it, and with its server', async () => {
    await ready(() => (mtx(2).idle = Object.fromEntries(names.map((name) => [name, 'rtspSource']))));
    expect(directory.pathsKept).toBe(names.length);
    mtx(2).idle = { 'cam/3': 'rtspSource' };
    await passMs(1000);
    expect(directory.pathsKept).toBe(1);
    fakes = fakes.filter(({ name }) => name !== 'mtx2');
    tellFleet();
    expect(directory.pathsKept).toBe(0);
  });

  it('keeps no more paths than streams', async () => {
    await ready(() => (mtx(2).idle = Object.fromEntries(names.map((name) => [name, 'rtspSource']))), { maxStreams: 5 });
    expect(directory.pathsKept).toBe(5);
  });
});

describe('a stream that nobody can start', () => {
  it('belongs on a server that is configured to have it', async () => {
    await ready(() => (mtx(2).idle = Object.fromEntries(names.map((name) => [name, undefined]))));
    await expectAllOn('mtx2', 'placed-as-configured');
  });

  it('is placed by hash over all where every server, or none, is configured to have it', async () => {
    await ready(() => undefined);
    const bare = await Promise.all(names.map(decide));
    expect(await explain('cam/0')).toMatchObject({ rule: 'placed-by-hash' });
    await directory.stop();
    await ready(() => fakes.forEach((fake) => (fake.configs = configs(['all_others', 'publisher']))));
    expect(await Promise.all(names.map(decide))).toEqual(bare);
    expect(await explain('cam/0')).toMatchObject({ rule: 'placed-by-hash' });
    expect(bare.some(({ isElsewhereAllowed }) => isElsewhereAllowed)).toBe(false);
  });
});

describe('configurations', () => {
  it('are asked for with a lookup that found nobody, once in 10 s, and never by themselves', async () => {
    await ready(() => undefined);
    await passMs(30_000);
    expect(configCalls()).toEqual([0, 0, 0]);
    await Promise.all(names.map(decide));
    expect(configCalls()).toEqual([1, 1, 1]);
    await passMs(9_000);
    await decide('x');
    expect(configCalls()).toEqual([1, 1, 1]);
    await passMs(1_000);
    await decide('y');
    expect(configCalls()).toEqual([2, 2, 2]);
  });

  it('that do not come are waited for until the deadline, and not again by those who come later', async () => {
    await ready(() => (mtx(1).configFault = 'stall'));
    const started = performance.now();
    await decide('a');
    expect(performance.now() - started).toBeGreaterThanOrEqual(80);
    const again = performance.now();
    await decide('b');
    expect(performance.now() - again).toBeLessThan(80);
    expect(configCalls()).toEqual([1, 1, 1]);
  });

  it('of one server that has not said make it the one to ask', async () => {
    await ready(() => (mtx(3).configFault = 'bad_status'));
    await expectAllOn('mtx3', 'placed-unsure');
  });

  it('of several that have not said let HAProxy try others, a few times a second', async () => {
    await ready(() => (mtx(2).configFault = mtx(3).configFault = 'bad_status'));
    const decisions = await Promise.all(Array.from({ length: 50 }, (_, i) => decide(`made/up/${i}`)));
    expect(decisions.every(({ state, server }) => state === 'placed' && server !== 'mtx1')).toBe(true);
    const open = decisions.filter(({ isElsewhereAllowed }) => isElsewhereAllowed === true);
    expect(open.length).toBeGreaterThanOrEqual(5);
    expect(open.length).toBeLessThanOrEqual(6);
    expect(await explain('x')).toMatchObject({
      rule: 'placed-unsure',
      because: expect.stringContaining('the configuration of mtx2, mtx3 is not known') as string,
    });
  });

  it('that are too large to be kept are not known', async () => {
    const entries = Array.from({ length: 300 }, (_, i): [string, PathStart] => [`~^other/${i}/`, 'reader']);
    await ready(() => (mtx(1).configs = configs(...entries)));
    expect((await explain('cam/0')).evidence.map(({ path }) => path)).toEqual([
      'unknown',
      'not configured',
      'not configured',
    ]);
  });

  it('with a pattern that cannot be tried say nothing of what comes after it', async () => {
    await ready(() => {
      mtx(1).configs = configs([`~${'x'.repeat(300)}`, 'reader'], ['~^a/', 'reader']);
    });
    expect((await explain('cam/0')).evidence[0]?.path).toBe('unknown');
    expect((await explain('a/0')).evidence[0]?.path).toBe('startable');
  });
});

describe('a backup', () => {
  const backup = (n: number): void => {
    mtx(n).fleet = { ...mtx(n).fleet, isBackup: true };
  };

  it('gets no stream while another server may take it, and all when none may', async () => {
    await ready(() => backup(2));
    for (const name of names) expect((await decide(name)).server).not.toBe('mtx2');
    mtx(1).fleet = { ...mtx(1).fleet, operational: 'DOWN' };
    mtx(3).fleet = { ...mtx(3).fleet, administrative: 'drain' };
    tellFleet();
    for (const name of names) expect((await decide(name)).server).toBe('mtx2');
  });

  it('starts what another can start only when nobody else can', async () => {
    await ready(() => {
      backup(2);
      mtx(2).configs = configs(['~^cam/', 'reader']);
      mtx(3).configs = configs(['cam/1', 'reader']);
    });
    expect((await decide('cam/1')).server).toBe('mtx3');
    expect((await decide('cam/2')).server).toBe('mtx2');
  });

  it('that has a stream is where it is', async () => {
    await ready(() => {
      backup(2);
      mtx(2).streams = { a: 1 };
    });
    expect(await decide('a')).toEqual({ state: 'located', server: 'mtx2' });
    expect(directory.servers().map(({ backup: isBackup }) => isBackup)).toEqual([false, true, false]);
  });
});
