import fc from 'fast-check';
import { createMoves, type MovesNode } from '../../../src/control/moves';
import { createStreamTables, type NodeWithTables } from '../../../src/control/stream-tables';
import type { MoveOrder } from '../../../src/control/views';
import { createDirectory, type Directory } from '../../../src/directory';
import type { EventDraft } from '../../../src/events/event';
import { isStreamName } from '../../../src/mediamtx';
import { createMemoryStore, type Store } from '../../../src/store';
import { createFakeServer, type FakeServer } from '../../support/fake-mediamtx';
import { fakeRuntimeClient, hangingRuntimeClient } from '../../support/fake-runtime-client';
import { until } from '../../support/until';
import { createFakeLog } from './push-lab';

const by: MoveOrder = { reason: 'mtx1 is to be replaced', operator: 'ada' };
const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A real directory over fake servers. */
async function startDirectory(fakes: readonly FakeServer[]): Promise<Directory> {
  const directory = createDirectory({
    intervalMs: 5,
    staleForMs: 60_000,
    suspectAfter: 3,
    maxStreams: 1000,
    holders: [],
    lookup: { deadlineMs: 1000, ttlMs: 1, missTtlMs: 1, perSecond: 10_000 },
    apiTimeoutMs: 1000,
    credentialsFor: () => ({}),
    log: createFakeLog().log,
    createClient: ({ server }) => {
      const fake = fakes.find(({ name }) => name === server);
      if (fake === undefined) throw new Error(server);
      return fake.client;
    },
  });
  closers.push(() => directory.stop());
  directory.setServers(fakes.map(({ fleet }) => fleet));
  directory.start();
  await until('all servers to be listed', () =>
    directory.servers().every(({ api, operational }) => operational === 'DOWN' || api.inventoryAgeMs !== undefined),
  );
  return directory;
}

async function startLab(
  options: {
    store?: Store;
    nodes?: readonly (MovesNode & NodeWithTables)[];
    fakes?: readonly FakeServer[];
    isFleetKnown?: () => boolean;
  } = {},
) {
  const fakes = options.fakes ?? ['mtx1', 'mtx2', 'mtx3'].map(createFakeServer);
  const [first, second] = fakes;
  if (first !== undefined && second !== undefined && options.fakes === undefined) {
    first.streams = { 'live/a': 2000, 'live/b': 1000 };
    second.streams = { 'live/a': 1000 };
  }
  const directory = await startDirectory(fakes);
  const { log, lines } = createFakeLog();
  const store = options.store ?? createMemoryStore(log);
  const events: EventDraft[] = [];
  const emit = (event: EventDraft) => void events.push(event);
  const known = options.isFleetKnown === undefined ? {} : { isFleetKnown: options.isFleetKnown };
  const moves = createMoves({ store, directory, nodes: options.nodes ?? [], emit, log, periodMs: 5, ...known });
  closers.push(() => moves.stop());
  await moves.start();
  const tables = createStreamTables(options.nodes ?? [], () => 'mediamtx', new AbortController().signal);
  return { fakes, directory, store, events, lines, moves, tables };
}

const kept = async (store: Store) => (await store.collection('moves', (value) => value).entries()).map(([key]) => key);

/** A store whose writes fail while told so. */
function failingStore(): { store: Store; fail: boolean } {
  const store = createMemoryStore(createFakeLog().log);
  const failing = { store, fail: false };
  const attempt = <T>(work: () => Promise<T>) => (failing.fail ? Promise.reject(new Error('disk full')) : work());
  failing.store = {
    ...store,
    collection(name, read) {
      const inner = store.collection(name, read);
      return {
        get: (key) => attempt(() => inner.get(key)),
        set: (key, value) => attempt(() => inner.set(key, value)),
        delete: (key) => attempt(() => inner.delete(key)),
        write: (changes) => attempt(() => inner.write(changes)),
        entries: () => attempt(() => inner.entries()),
        revision: () => attempt(() => inner.revision()),
      };
    },
  };
  return failing;
}

describe('a move', () => {
  it('routes a stream to another holder, is kept and told', async () => {
    const { directory, moves, store, events } = await startLab();
    expect(directory.route('live/a')).toBe('mtx1');
    const moved = await moves.move('live/a', 'mtx2', by);
    expect(moved).toEqual({
      ok: true,
      value: { stream: 'live/a', server: 'mtx2', ...by, since: expect.any(String) as string },
    });
    expect(directory.route('live/a')).toBe('mtx2');
    expect(moves.moves()).toEqual(moved.ok ? [moved.value] : []);
    expect(await kept(store)).toEqual(['live/a']);
    expect(events).toEqual([
      {
        type: 'stream.moved',
        stream: 'live/a',
        server: 'mtx2',
        reason: by.reason,
        evidence: 'operator',
        data: { operator: 'ada', from: 'mtx1' },
      },
    ]);
  });

  it('is cleared', async () => {
    const { directory, moves, store } = await startLab();
    await moves.move('live/a', 'mtx2', by);
    expect(await moves.clearMove('live/a', 'ada')).toEqual({ ok: true, value: undefined });
    expect([directory.route('live/a'), moves.moves(), await kept(store)]).toEqual(['mtx1', [], []]);
    expect(await moves.clearMove('live/a', 'ada')).toMatchObject({ ok: false, problem: { kind: 'no-such-stream' } });
  });

  it('to a server that has had the stream for a moment only: it is asked', async () => {
    const { fakes, directory, moves } = await startLab();
    const [, , third] = fakes;
    if (third === undefined) throw new Error('three servers');
    third.streams['live/a'] = 500;
    expect((await moves.move('live/a', 'mtx3', by)).ok).toBe(true);
    expect(directory.route('live/a')).toBe('mtx3');
  });

  it.each<[string, string, string, Partial<MoveOrder>, string, RegExp]>([
    [
      'a server without the stream',
      'live/a',
      'mtx3',
      {},
      'not-a-holder',
      /^mtx3 does not have live\/a, mtx1, mtx2 has/,
    ],
    ['a stream that nobody has', 'live/z', 'mtx3', {}, 'no-such-stream', /^nobody has live\/z/],
    ['no server', 'live/a', 'mtx9', {}, 'no-such-server', /there is no server "mtx9", there are mtx1, mtx2, mtx3/],
    ['no stream name', 'live/a;b', 'mtx1', {}, 'bad-request', /no MediaMTX path can be named "live\/a;b"/],
    ['no stream name, even with force', '../x', 'mtx1', { force: true }, 'bad-request', /can be named/],
    [
      'a reason that is too long',
      'live/a',
      'mtx2',
      { reason: 'x'.repeat(201) },
      'bad-request',
      /reason: one line of at most 200/,
    ],
    ['a reason of two lines', 'live/a', 'mtx2', { reason: 'a\nb' }, 'bad-request', /reason/],
    ['no operator', 'live/a', 'mtx2', { operator: '' }, 'bad-request', /operator: one line of 1 to 64/],
  ])('to %s is refused, and nothing is kept', async (_what, stream, server, change, kind, message) => {
    const { directory, moves, store, events } = await startLab();
    const answer = await moves.move(stream, server, { ...by, ...change });
    expect(answer).toMatchObject({ ok: false, problem: { kind, message: expect.stringMatching(message) as string } });
    expect([moves.moves(), await kept(store), events, directory.route('live/a')]).toEqual([[], [], [], 'mtx1']);
  });

  it('of relays, and to them, is refused, even with force', async () => {
    const fakes = ['mtx1', 'relay1', 'relay2'].map(createFakeServer);
    const stream = '0123456789abcdef'.repeat(2);
    for (const fake of fakes.slice(1)) {
      fake.fleet = { ...fake.fleet, kind: 'relay' };
      fake.streams = { [stream]: 1000 };
      fake.feeds = { [stream]: 'pulled' };
    }
    const { moves, store, events } = await startLab({ fakes });
    for (const [name, server, message] of [
      [stream, 'relay2', /is the stream of a relay: all streams of an account go to one relay/],
      [stream, 'mtx1', /is the stream of a relay/],
      ['live/a', 'relay1', /^relay1 is a relay: .* drain a relay to lead new viewers elsewhere$/],
    ] as const) {
      const problem = { kind: 'bad-request', message: expect.stringMatching(message) as string };
      expect(await moves.move(name, server, { ...by, force: true })).toEqual({ ok: false, problem });
    }
    expect([moves.moves(), await kept(store), events]).toEqual([[], [], []]);
  });

  it.each([
    [{ operational: 'DOWN' as const }, /mtx2 is DOWN/],
    [{ administrative: 'maint' as const }, /mtx2 is in maintenance/],
  ])('to a server that is %j is refused', async (state, message) => {
    const { fakes, directory, moves } = await startLab();
    directory.setServers(fakes.map(({ fleet }) => (fleet.name === 'mtx2' ? { ...fleet, ...state } : fleet)));
    expect(await moves.move('live/a', 'mtx2', by)).toMatchObject({
      ok: false,
      problem: { kind: 'bad-request', message: expect.stringMatching(message) as string },
    });
  });

  it('with force goes to a server that has not got the stream, and stays until that has had it and lost it', async () => {
    const { fakes, directory, moves } = await startLab();
    const [, , third] = fakes;
    if (third === undefined) throw new Error('three servers');
    expect((await moves.move('live/b', 'mtx3', { ...by, force: true })).ok).toBe(true);
    const calls = third.calls.list;
    await until('two more lists', () => third.calls.list > calls + 2);
    expect(directory.route('live/b')).toBe('mtx3');
    third.streams['live/b'] = 3000;
    await until('the stream there', () => directory.stream('live/b')?.holders.some(({ server }) => server === 'mtx3'));
    third.streams = {};
    await until('the end of the move', () => moves.moves().length === 0);
    expect(directory.route('live/b')).toBe('mtx1');
  });

  it('ends when its server loses the stream, also in the store', async () => {
    const { fakes, directory, moves, store } = await startLab();
    await moves.move('live/a', 'mtx2', by);
    const [, second] = fakes;
    if (second !== undefined) second.streams = {};
    await until('the end of the move', () => moves.moves().length === 0);
    await until('the store to know', async () => (await kept(store)).length === 0);
    expect(directory.route('live/a')).toBe('mtx1');
  });

  it('replaces another one', async () => {
    const { directory, moves, store } = await startLab();
    await Promise.all([moves.move('live/a', 'mtx2', by), moves.move('live/a', 'mtx1', by)]);
    expect(moves.moves().map(({ server }) => server)).toEqual(['mtx1']);
    expect([directory.route('live/a'), await kept(store)]).toEqual(['mtx1', ['live/a']]);
  });
});

describe('the store', () => {
  it('brings moves back after a restart', async () => {
    const { store, moves } = await startLab();
    await moves.move('live/a', 'mtx2', by);
    await moves.stop();
    const again = await startLab({ store });
    expect(again.moves.moves().map(({ server }) => server)).toEqual(['mtx2']);
    expect(again.directory.route('live/a')).toBe('mtx2');
    const { calls } = again.fakes[1] ?? { calls: { list: 0 } };
    const before = calls.list;
    await until('some more lists', () => calls.list > before + 5);
    expect(again.directory.route('live/a')).toBe('mtx2');
  });

  it('brings back no move whose server has lost the stream meanwhile, but one that was forced', async () => {
    const { store, moves } = await startLab();
    await moves.move('live/a', 'mtx2', by);
    await moves.move('live/b', 'mtx3', { ...by, force: true });
    await moves.stop();
    const fakes = ['mtx1', 'mtx2', 'mtx3'].map(createFakeServer);
    if (fakes[0] !== undefined) fakes[0].streams = { 'live/a': 1000, 'live/b': 1000 };
    const again = await startLab({ store, fakes });
    await until('the move to end', () => again.moves.moves().length === 1);
    expect([again.directory.route('live/a'), again.directory.route('live/b')]).toEqual(['mtx1', 'mtx3']);
    await until('the store to know', async () => (await kept(store)).join() === 'live/b');
  });

  it('brings back no move to a server that left the fleet meanwhile, once every HAProxy has told its servers', async () => {
    const { store, moves } = await startLab();
    await moves.move('live/a', 'mtx2', by);
    await moves.stop();
    const [first] = ['mtx1'].map(createFakeServer);
    if (first === undefined) throw new Error('a server');
    let isFleetKnown = false;
    const again = await startLab({ store, fakes: [first], isFleetKnown: () => isFleetKnown });
    await new Promise((next) => setTimeout(next, 30));
    expect(again.moves.moves()).toHaveLength(1);
    isFleetKnown = true;
    await until('its end', () => again.moves.moves().length === 0, 1);
    await until('its end in the store', async () => (await kept(store)).length === 0, 1);
  });

  it('is shared: what another agent moved or cleared is taken over', async () => {
    const store = createMemoryStore(createFakeLog().log);
    const one = await startLab({ store });
    const other = await startLab({ store });
    await one.moves.move('live/a', 'mtx2', by);
    await until('the other agent', () => other.directory.route('live/a') === 'mtx2');
    await other.moves.clearMove('live/a', 'bob');
    await until('the first agent', () => one.directory.route('live/a') === 'mtx1');
  });

  it('that fails: nothing is done, and that is said', async () => {
    const failing = failingStore();
    const { moves, directory, lines } = await startLab({ store: failing.store });
    await moves.move('live/b', 'mtx3', { ...by, force: true });
    failing.fail = true;
    expect(await moves.move('live/a', 'mtx2', by)).toEqual({
      ok: false,
      problem: { kind: 'store-failed', message: 'it could not be stored, so nothing was done: disk full' },
    });
    expect(await moves.clearMove('live/b', 'ada')).toMatchObject({ ok: false, problem: { kind: 'store-failed' } });
    expect([directory.route('live/a'), directory.route('live/b')]).toEqual(['mtx1', 'mtx3']);
    await until('a word about it', () => lines.some(({ text }) => text.startsWith('moves cannot be read')));
    failing.fail = false;
    expect((await moves.move('live/a', 'mtx2', by)).ok).toBe(true);
    expect(lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });

  it('that fails when a move ends: it stays ended, and is removed later', async () => {
    const failing = failingStore();
    const { moves, fakes, directory } = await startLab({ store: failing.store });
    await moves.move('live/a', 'mtx2', by);
    failing.fail = true;
    if (fakes[1] !== undefined) fakes[1].streams = {};
    await until('the end of the move', () => moves.moves().length === 0);
    failing.fail = false;
    await until('the store to know', async () => (await kept(failing.store)).length === 0);
    expect([moves.moves(), directory.route('live/a')]).toEqual([[], 'mtx1']);
  });

  it('with something else in it: left out', async () => {
    const store = createMemoryStore(createFakeLog().log);
    const raw = store.collection<unknown>('moves', (value) => value);
    await raw.set('live/a', {
      stream: 'live/b',
      server: 'mtx2',
      reason: 'r',
      operator: 'o',
      since: new Date().toISOString(),
    });
    await raw.set('live/b', 'nonsense');
    await raw.set('a;b', {
      stream: 'a;b',
      server: 'mtx2',
      reason: 'r',
      operator: 'o',
      since: new Date().toISOString(),
    });
    const { moves } = await startLab({ store });
    expect(moves.moves()).toEqual([]);
  });
});

/** One HAProxy with a sessions table. */
function createNode(sessions: Record<string, string>) {
  const table = new Map(Object.entries(sessions));
  const steps: string[] = [];
  const { client, asked } = fakeRuntimeClient((command) => {
    if (command === 'show table sessions') {
      const lines = [...table].map(
        ([key, server]) => `0x1: key=${key} use=0 exp=1000 server_id=1 server_key=${server}\n`,
      );
      return `# table: sessions, type: string, size:100, used:${lines.length}\n${lines.join('')}`;
    }
    if (command.startsWith('show table streams')) {
      const head = '# table: streams, type: string, size:100, used:1\n';
      return command.endsWith(' live/a') ? `${head}0x1: key=live/a use=0 exp=1000 server_id=2 server_key=mtx2\n` : head;
    }
    if (command.startsWith('get map')) {
      return command === 'get map /etc/routes.map live/a'
        ? 'type=str, case=sensitive, found=yes, idx=tree, key="live/a", value="mtx3", type="str"\n'
        : 'type=str, case=sensitive, found=no\n';
    }
    if (command === 'show servers state mtx_agent') return agents;
    const cleared = /^clear table sessions key (.*)$/.exec(command)?.[1];
    if (cleared === undefined) throw new Error(command);
    steps.push(`clear ${cleared}`);
    table.delete(cleared);
    return '';
  });
  const push = {
    view: () =>
      ({ file: '/etc/routes.map', state: 'behind' }) as ReturnType<NonNullable<NodeWithTables['push']>['view']>,
    sent: () => {
      steps.push('map settled');
      return Promise.resolve();
    },
  };
  const node: MovesNode & NodeWithTables = { name: 'edge', bulk: client, statistics: client, push };
  return { node, table, steps, asked };
}

/** One is up, one is down, one is in maintenance. */
const agents = `1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port
4 mtx_agent 1 agent1 127.0.0.1 2 0 1 1 3 15 3 4 6 0 0 0 - 9100 - 0 0 - - 0
4 mtx_agent 2 agent2 127.0.0.1 0 0 1 1 3 8 2 0 6 0 0 0 - 9110 - 0 0 - - 0
4 mtx_agent 3 agent3 127.0.0.1 0 1 1 1 1 15 3 0 14 0 0 0 - 9120 - 0 0 - - 0
`;

const sessions = {
  'live/a|1': 'mtx1',
  'live/a|2': 'mtx2',
  'live/a|3': 'mtx1',
  'live/ab|4': 'mtx1',
  'live/b|5': 'mtx1',
};

describe('viewers', () => {
  it('stay where they are', async () => {
    const { node, table, steps } = createNode(sessions);
    const { moves } = await startLab({ nodes: [node] });
    await moves.move('live/a', 'mtx2', by);
    expect(Object.fromEntries(table)).toEqual(sessions);
    expect(steps).toEqual(['map settled']);
  });

  it('come along when that is wished: their entries are cleared once the map is right', async () => {
    const { node, table, steps } = createNode(sessions);
    const { moves } = await startLab({ nodes: [node] });
    await moves.move('live/a', 'mtx2', { ...by, moveViewers: true });
    expect([...table.keys()]).toEqual(['live/a|2', 'live/ab|4', 'live/b|5']);
    expect(steps).toEqual(['map settled', 'clear live/a|1', 'clear live/a|3']);
  });

  it('that cannot be moved are told of; the move stands', async () => {
    const { client } = fakeRuntimeClient(() => 'No such table\n');
    const { moves, lines } = await startLab({ nodes: [{ name: 'edge', bulk: client, statistics: client }] });
    expect((await moves.move('live/a', 'mtx2', { ...by, moveViewers: true })).ok).toBe(true);
    expect(lines.filter(({ level }) => level === 'warn').map(({ text }) => text)).toEqual([
      'viewers could not be moved; they stay until they start again',
    ]);
  });
});

it('a HAProxy that hangs while viewers are moved delays no other move', async () => {
  const { statistics } = createNode(sessions).node;
  const { moves, directory } = await startLab({ nodes: [{ name: 'edge', bulk: hangingRuntimeClient(), statistics }] });
  const hanging = moves.move('live/a', 'mtx2', { ...by, moveViewers: true });
  expect((await moves.move('live/b', 'mtx1', by)).ok).toBe(true);
  expect(directory.route('live/a')).toBe('mtx2');
  await moves.stop();
  expect((await hanging).ok).toBe(true);
});

describe('what the tables of each HAProxy hold', () => {
  it('of a stream', async () => {
    const { node } = createNode(sessions);
    const broken = fakeRuntimeClient(() => ({ reason: 'unreachable', message: 'nobody listens' }));
    const { tables } = await startLab({
      nodes: [node, { name: 'other', bulk: broken.client, statistics: broken.client }],
    });
    expect(await tables('live/a')).toEqual([
      {
        node: 'edge',
        lastServer: 'mtx2',
        route: 'mtx3',
        push: 'behind',
        agentsUp: 1,
        sessions: { mtx1: 2, mtx2: 1 },
        error: undefined,
      },
      { node: 'other', lastServer: undefined, route: undefined, sessions: {}, error: 'nobody listens' },
    ]);
    expect(await tables('live/none')).toMatchObject([{ lastServer: undefined, route: undefined, sessions: {} }, {}]);
  });

  it('is asked of a client of its own, and one reading of the sessions serves all who ask', async () => {
    const { node, asked } = createNode(sessions);
    const orders = fakeRuntimeClient(() => '');
    const { tables } = await startLab({ nodes: [{ ...node, bulk: orders.client }] });
    const all = await Promise.all(['live/a', 'live/b', 'live/ab', 'live/none'].map((stream) => tables(stream)));
    expect(all.map(([seen]) => seen?.sessions)).toEqual([{ mtx1: 2, mtx2: 1 }, { mtx1: 1 }, { mtx1: 1 }, {}]);
    expect(asked.filter((command) => command === 'show table sessions')).toHaveLength(1);
    expect(orders.asked).toEqual([]);
  });

  it('where the map is off', async () => {
    const { node, asked } = createNode(sessions);
    const { tables } = await startLab({ nodes: [{ name: node.name, bulk: node.bulk, statistics: node.statistics }] });
    expect(await tables('live/a')).toMatchObject([{ route: undefined, error: undefined }]);
    expect(asked.filter((command) => command.startsWith('get'))).toEqual([]);
  });
});

it('names that no stream can have never reach HAProxy, the servers or the store', async () => {
  const { node, asked } = createNode(sessions);
  const { moves, store, fakes, tables } = await startLab({ nodes: [node] });
  const part = fc.constantFrom('live', '/', '..', ';', '\n', ' ', '<<', '#', '\\', '\u0000', 'ä', '|');
  const name = fc
    .oneof(
      fc.string(),
      fc.array(part).map((parts) => parts.join('')),
    )
    .filter((each) => !isStreamName(each));
  const gets = () => fakes.reduce((sum, { calls }) => sum + calls.get, 0);
  const before = gets();
  await fc.assert(
    fc.asyncProperty(name, async (stream) => {
      const order: MoveOrder = { ...by, force: true, moveViewers: true };
      expect(await moves.move(stream, 'mtx1', order)).toMatchObject({ ok: false });
      expect(await moves.clearMove(stream, 'ada')).toMatchObject({ ok: false });
      expect(await tables(stream)).toEqual([]);
    }),
  );
  expect([asked, await kept(store), gets() - before]).toEqual([[], [], 0]);
});

it('leaves nothing behind', async () => {
  const { moves, directory, store } = await startLab();
  await moves.stop();
  const before = directory.route('live/a');
  await store
    .collection('moves', (value) => value)
    .set('live/a', { stream: 'live/a', server: 'mtx2', ...by, since: new Date().toISOString() });
  await new Promise((next) => setTimeout(next, 30));
  expect(directory.route('live/a')).toBe(before);
});
