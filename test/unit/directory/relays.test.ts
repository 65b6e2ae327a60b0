import { createDirectory, type Directory } from '../../../src/directory';
import { createLogger } from '../../../src/log';
import { createRouter, type Router } from '../../../src/router';
import { createFakeServer, type FakeServer } from '../../support/fake-mediamtx';

jest.useFakeTimers();

const passMs = (ms: number) => jest.advanceTimersByTimeAsync(ms);
/** Streams of as many accounts; the first eight characters are the account. */
const account = (n: number): string => n.toString(16).padStart(8, '0');
const id = (ofAccount: number, n: number): string => `${account(ofAccount)}${n.toString(16).padStart(24, '0')}`;
const ids = Array.from({ length: 40 }, (_, i) => id(i % 10, i));

let relays: FakeServer[];
let mediamtx: FakeServer[];
let directory: Directory;
let router: Router;
let routed: string[];

const all = () => [...mediamtx, ...relays];
const tellFleet = (): void => directory.setServers(all().map(({ fleet }) => ({ ...fleet })));
const relay = (n: number): FakeServer => relays[n - 1] ?? createFakeServer('missing');
const routes = () => new Map(directory.routes());

function change(n: number, fleet: Partial<FakeServer['fleet']>): void {
  relay(n).fleet = { ...relay(n).fleet, ...fleet };
  tellFleet();
}

beforeEach(async () => {
  mediamtx = [1, 2].map((n) => createFakeServer(`mtx${n}`));
  relays = [1, 2, 3].map((n) => createFakeServer(`relay${n}`));
  for (const one of relays) {
    one.fleet = { ...one.fleet, kind: 'relay' };
    one.streams = Object.fromEntries(ids.map((name) => [name, 1000]));
    one.feeds = Object.fromEntries(ids.map((name) => [name, 'pulled']));
  }
  const [first] = mediamtx;
  if (first !== undefined) first.streams = { 'live/a': 1000 };
  directory = createDirectory({
    intervalMs: 1000,
    staleForMs: 60_000,
    suspectAfter: 3,
    maxStreams: 1000,
    holders: [{ match: '**', policy: 'newest' }],
    lookup: { deadlineMs: 80, ttlMs: 2000, missTtlMs: 500, perSecond: 100 },
    apiTimeoutMs: 1000,
    credentialsFor: () => ({}),
    log: createLogger('silent'),
    createClient: ({ server }) => all().find(({ name }) => name === server)?.client ?? createFakeServer(server).client,
  });
  router = createRouter(directory);
  routed = [];
  directory.onRouteChange((stream) => routed.push(stream));
  tellFleet();
  directory.start();
  await passMs(100);
});
afterEach(() => directory.stop());

it('all streams of an account go to one relay, and accounts to all relays', () => {
  const places = new Map<string, Set<string | undefined>>();
  for (const name of ids) {
    const key = name.slice(0, 8);
    places.set(key, (places.get(key) ?? new Set()).add(directory.route(name)));
  }
  expect([...places.values()].map(({ size }) => size)).toEqual(Array(10).fill(1));
  expect(new Set(routes().values()).size).toBe(4);
  expect(directory.stream(ids[0] ?? '')).toMatchObject({ kind: 'relay', conflict: false });
  expect(directory.conflictCount).toBe(0);
});

it.each<[string, Partial<FakeServer['fleet']>]>([
  ['drains', { administrative: 'drain' }],
  ['is in maintenance', { administrative: 'maint' }],
  ['is DOWN', { operational: 'DOWN' }],
  ['is a backup', { isBackup: true }],
])('a relay that %s gets no new clients: its accounts alone go elsewhere, and come back', (_, fleet) => {
  const before = routes();
  routed = [];
  change(1, fleet);
  const during = routes();
  for (const name of ids) {
    if (before.get(name) === 'relay1') expect(during.get(name)).toMatch(/^relay[23]$/);
    else expect(during.get(name)).toBe(before.get(name));
  }
  expect(routed.sort()).toEqual(ids.filter((name) => before.get(name) === 'relay1').sort());
  change(1, { administrative: 'ready', operational: 'UP', isBackup: false });
  expect(routes()).toEqual(before);
});

it('relays that drain, all of them, are better than none', () => {
  for (const n of [1, 2, 3]) change(n, { administrative: 'drain' });
  expect(ids.every((name) => directory.route(name)?.startsWith('relay'))).toBe(true);
});

it('a stream that one relay has is there', async () => {
  const name = id(3, 999);
  for (const n of [1, 2, 3]) {
    relay(n).streams[name] = 1000;
    relay(n).feeds[name] = 'pulled';
    const decision = await router.decide(name, '');
    expect(decision).toEqual({ state: 'located', server: `relay${n}` });
    expect(await router.explain(name, '')).toMatchObject({
      kind: 'relay',
      rule: 'relay-of-account',
      because: `relay${n} has ${name}, and no other relay that can be used has it`,
    });
    Reflect.deleteProperty(relay(n).streams, name);
    await passMs(2500);
  }
});

it('tells why', async () => {
  const [name = ''] = ids;
  expect(await router.explain(name, '')).toMatchObject({
    state: 'located',
    because: `relays have ${name}; the streams of its account, ${name.slice(0, 8)}, go to ${directory.route(name)}`,
  });
});

describe('what no relay has', () => {
  it('is placed on MediaMTX', async () => {
    for (let n = 0; n < 30; n++) {
      for (const name of [`live/${n}`, id(50, n)]) {
        const decision = await router.decide(name, '');
        expect([decision.state, decision.server]).toEqual(['placed', expect.stringMatching(/^mtx/)]);
      }
    }
  });
  it('is not asked for at relays, unless its name could be an id', async () => {
    const before = relays.map(({ calls }) => calls.get);
    await router.decide('live/x', '');
    await directory.confirm('live/x');
    expect(relays.map(({ calls }) => calls.get)).toEqual(before);
    await router.decide(id(50, 1), '');
    expect(relays.map(({ calls }) => calls.get)).toEqual(before.map((count) => count + 1));
    expect(relays.map(({ calls }) => calls.configs)).toEqual([0, 0, 0]);
  });
  it('is known to be nowhere, whatever the relays say or do not say', async () => {
    for (const one of relays) one.fault = 'unauthorized';
    await passMs(20_000);
    const decision = await router.decide('live/none', '');
    expect(decision).toMatchObject({ state: 'placed' });
    expect(directory.hasEveryList()).toBe(true);
    expect(directory.absence('live/none').complete).toBe(true);
    expect(directory.absence(id(50, 1)).complete).toBe(false);
  });
  it('is not placed at all where there are relays only', async () => {
    mediamtx = [];
    tellFleet();
    expect(await router.decide('live/none', '')).toEqual({ state: 'unknown', server: undefined });
  });
});

it('a relay is believed about ids only', async () => {
  relay(1).streams['live/b'] = 5000;
  await passMs(3000);
  expect(directory.stream('live/b')).toBeUndefined();
  expect(directory.stats.ignoredNames).toBeGreaterThan(0);
});

it('a MediaMTX that publishes under a name of theirs takes nothing away from relays', async () => {
  const [name = ''] = ids;
  const before = directory.route(name);
  const [first] = mediamtx;
  if (first !== undefined) first.streams[name] = Date.now();
  await passMs(3000);
  expect(directory.stream(name)?.holders).toHaveLength(4);
  expect(directory.route(name)).toBe(before);
  expect(directory.conflictCount).toBe(0);
});

it('tells listeners what a server is', async () => {
  const heard: string[] = [];
  directory.onStreamChange(({ stream, serverKind }) => heard.push(`${stream} ${serverKind}`));
  const name = id(60, 1);
  relay(2).streams[name] = 1000;
  const [first] = mediamtx;
  if (first !== undefined) first.streams['live/new'] = 2000;
  await passMs(3000);
  expect(heard.sort()).toEqual([`${name} relay`, 'live/new mediamtx']);
  expect(directory.servers().map(({ kind }) => kind)).toEqual(['mediamtx', 'mediamtx', 'relay', 'relay', 'relay']);
});
