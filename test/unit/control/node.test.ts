import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Command } from '../../../src/control/decide';
import type { DesiredServer } from '../../../src/control/desired-state';
import { type ControlNode, createNode } from '../../../src/control/node';
import { emptyNodeMemory, type NodeMemory, type ServerMemory } from '../../../src/control/node-memory';
import type { IntentKind } from '../../../src/control/views';
import type { RuntimeError } from '../../../src/runtime';
import { fakeHaproxyServers } from '../../support/fake-haproxy-servers';
import { until } from '../../support/until';
import { createFakeLog } from './push-lab';

const gone: RuntimeError = { reason: 'unreachable', message: 'there is no socket' };
const nobody: DesiredServer = {
  state: undefined,
  by: 'nobody',
  intentId: undefined,
  reason: 'undo',
  because: '-',
  isHeldBack: false,
};
const intent = (state: IntentKind): DesiredServer => ({
  ...nobody,
  state,
  by: 'intent',
  intentId: state,
  reason: 'intent',
});

const running: ControlNode[] = [];
afterEach(async () => {
  for (const node of running.splice(0)) await node.stop();
});

/** A node before the three servers of a fake HAProxy. */
function startNode(
  wanted: Record<string, DesiredServer> = {},
  weights: Record<string, number> = {},
  memory: NodeMemory | 'late' = emptyNodeMemory,
) {
  const haproxy = fakeHaproxyServers();
  const { client, asked, servers } = haproxy;
  // Clearing that does not end until the test says so.
  const held: (() => void)[] = [];
  const bulk = {
    ...client,
    isHanging: false,
    async execute(...args: Parameters<typeof client.execute>) {
      if (bulk.isHanging) await new Promise<void>((resolve) => held.push(resolve));
      return client.execute(...args);
    },
  };
  const push: { readonly resync: string[]; retries: number; sent: () => Promise<void> } = {
    resync: [],
    retries: 0,
    sent: () => Promise.resolve(),
  };
  const countRetry = () => {
    push.retries++;
  };
  const { log, lines } = createFakeLog();
  const observed: number[] = [];
  const memories: NodeMemory[] = [];
  const done: Command[] = [];
  const node = createNode({
    node: {
      name: 'edge',
      state: client,
      bulk,
      push: { resync: (reason) => void push.resync.push(reason), retry: countRetry, sent: () => push.sent() },
    },
    backends: { mediamtx: 'mtx', relay: undefined },
    apiUrlFor: () => 'http://10.0.0.1:9997',
    goneAfterMs: 10_000,
    intervalMs: 5,
    onObserved: () => void observed.push(asked.length),
    desired: () => ({
      desired: new Map([...servers.keys()].map((name) => [name, wanted[name] ?? nobody])),
      weights: new Map(Object.entries(weights)),
    }),
    isShared: false,
    onDoubt: () => Promise.resolve(true),
    onProcess: () => undefined,
    onAction: (command, error) => {
      if (error === undefined) done.push(command);
    },
    onMemory: (memory) => void memories.push(memory),
    log,
  });
  running.push(node);
  if (memory !== 'late') node.resume(memory);
  node.start();
  const looks = async (count: number) => {
    const goal = node.stats.polls + count;
    await until(`${count} looks`, () => node.stats.polls > goal, 1);
  };
  const orders = () => asked.filter((command) => /^(set|clear) /.test(command));
  return { node, haproxy, servers, wanted, asked, orders, looks, push, bulk, held, lines, memories, done, observed };
}

describe('a command that is refused', () => {
  const isStatic = (command: string) =>
    command.includes(' weight ')
      ? "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.\n"
      : undefined;

  it('holds up its own server only', async () => {
    const lab = startNode({ mtx3: intent('maint') }, { mtx1: 64, mtx2: 64, mtx3: 64 });
    lab.haproxy.spoil = isStatic;
    await until('maint', () => lab.servers.get('mtx3')?.bits === 1, 1);
    await until('its entries to be cleared', () => lab.done.some(({ kind }) => kind === 'clear-entries'), 1);
    expect(lab.orders().slice(0, 3)).toEqual([
      'set server mtx/mtx3 state maint',
      'set server mtx/mtx1 weight 64',
      'set server mtx/mtx2 weight 64',
    ]);
    // Orders that come later are carried out as well.
    lab.wanted['mtx2'] = intent('drain');
    await until('drain', () => lab.servers.get('mtx2')?.bits === 8, 1);
  });

  it('is not repeated at every look, and told once a server', async () => {
    const lab = startNode({}, { mtx1: 64, mtx2: 64 });
    lab.haproxy.spoil = isStatic;
    const began = performance.now();
    await lab.looks(50);
    // Twice at first, then after 1, 4, 11 … seconds: 50 looks may take that long on a busy machine.
    const times = 2 + Math.floor(Math.log2(1 + (performance.now() - began) / 1000));
    expect(lab.orders().length).toBeLessThanOrEqual(2 * times);
    expect(lab.lines.filter(({ level }) => level === 'warn')).toHaveLength(2);
    // An order of an operator is a reason to try at once.
    const before = lab.orders().length;
    await lab.node.now();
    expect(lab.orders().length).toBe(before + 2);
  });

  it('of a state: what points there is not cleared', async () => {
    const lab = startNode({ mtx1: intent('maint') });
    lab.haproxy.spoil = (command) => (command.startsWith('set') ? 'Permission denied\n' : undefined);
    await lab.looks(10);
    expect(lab.orders().filter((command) => command.startsWith('clear'))).toEqual([]);
  });
});

it('after a silence HAProxy is looked at first', async () => {
  const lab = startNode({ mtx1: intent('drain'), mtx2: intent('drain') });
  lab.haproxy.spoil = (command) =>
    command.startsWith('set') ? { reason: 'timeout', message: 'no answer' } : undefined;
  await until('both to be tried', () => lab.orders().length >= 2, 1);
  const [first = 0, second = 0] = lab.asked.flatMap((command, i) => (command.startsWith('set') ? [i] : []));
  expect(lab.asked.slice(first, second)).toContain('show servers state mtx');
});

it('clearing tables holds up no look and no state', async () => {
  const lab = startNode({ mtx1: intent('maint') });
  lab.bulk.isHanging = true;
  await until('the clearing to hang', () => lab.held.length > 0, 1);
  const order = lab.node.now();
  lab.wanted['mtx2'] = intent('drain');
  await until('drain', () => lab.servers.get('mtx2')?.bits === 8, 1);
  expect(lab.held).toHaveLength(1);
  lab.bulk.isHanging = false;
  for (const release of lab.held) release();
  // Whoever gave the order hears when it is done.
  await order;
  await until('the entries to be cleared', () => lab.done.some(({ kind }) => kind === 'clear-entries'), 1);
  await lab.looks(5);
  expect(lab.orders().filter((command) => command.startsWith('clear'))).toEqual([
    'clear table sessions data.server_id eq 1',
    'clear table streams data.server_id eq 1',
  ]);
});

it('an order is done when its own tables are cleared, also when others are being cleared', async () => {
  const lab = startNode({ mtx1: intent('maint') });
  lab.bulk.isHanging = true;
  await until('the clearing to hang', () => lab.held.length > 0, 1);
  lab.wanted['mtx2'] = intent('maint');
  const order = lab.node.now();
  await until('maint', () => lab.servers.get('mtx2')?.bits === 1, 1);
  lab.bulk.isHanging = false;
  for (const release of lab.held) release();
  await order;
  expect(lab.orders().filter((command) => command.startsWith('clear'))).toEqual([
    'clear table sessions data.server_id eq 1',
    'clear table streams data.server_id eq 1',
    'clear table sessions data.server_id eq 2',
    'clear table streams data.server_id eq 2',
  ]);
});

it('takes a server out when routes.map names others, and not before', async () => {
  const { wanted, push, orders, looks } = startNode();
  await looks(1);
  const before: string[][] = [];
  push.sent = async () => {
    before.push(orders());
    await nextTurn();
    before.push(orders());
  };
  wanted['mtx1'] = intent('maint');
  await until('its entries to be cleared', () => orders().includes('clear table streams data.server_id eq 1'), 1);
  expect(before.slice(0, 2)).toEqual([[], []]);
  expect(orders()[0]).toBe('set server mtx/mtx1 state maint');
});

it('remembers what was given up: it may have been carried out', async () => {
  const lab = startNode({ mtx1: intent('drain') });
  lab.haproxy.spoil = (command) => {
    if (!command.startsWith('set')) return undefined;
    void lab.node.stop();
    return { reason: 'aborted', message: 'given up' };
  };
  await until('the command', () => lab.orders().length > 0, 1);
  await lab.node.stop();
  expect(lab.memories.at(-1)?.servers.get('mtx1')?.own).toEqual({ state: 'drain', by: 'intent' });
});

it('reports what HAProxy shows when it is something else, and not at every look', async () => {
  const { haproxy, servers, looks, observed, done, wanted } = startNode();
  await looks(20);
  expect(observed).toHaveLength(1);
  // By hand, by control, and by a new process.
  servers.set('mtx2', { bits: 0, weight: 9 });
  await looks(20);
  expect(observed).toHaveLength(2);
  wanted['mtx1'] = intent('drain');
  await until('drain', () => done.length > 0, 1);
  await looks(20);
  expect(observed).toHaveLength(3);
  haproxy.spoil = () => gone;
  await looks(5);
  haproxy.spoil = undefined;
  await looks(5);
  expect(observed).toHaveLength(3);
});

describe('what an earlier life did, where the store that knows it comes late', () => {
  it.each<[what: string, earlier: Partial<ServerMemory>, orders: string[], isExternal: boolean]>([
    ['it drained the server', { own: { state: 'drain', by: 'automatic' } }, ['set server mtx/mtx2 state ready'], false],
    ['somebody else did', { isExternal: true }, [], true],
  ])('%s: nothing is done or stored before, and what is right after', async (_what, earlier, orders, isExternal) => {
    const lab = startNode({}, {}, 'late');
    lab.servers.set('mtx2', { bits: 8, weight: 1 });
    await lab.looks(3);
    expect(lab.orders()).toEqual([]);
    expect(lab.memories).toEqual([]);
    expect(lab.node.memory().servers.get('mtx2')?.isExternal).toBe(true);
    const { process, servers } = lab.node.memory();
    const seen = servers.get('mtx2');
    if (seen === undefined) throw new Error('not seen');
    lab.node.resume({
      process,
      servers: new Map(servers).set('mtx2', { ...seen, isExternal: false, ...earlier }),
      before: new Map(),
    });
    await lab.looks(3);
    expect(lab.orders()).toEqual(orders);
    expect(lab.node.memory().servers.get('mtx2')?.isExternal).toBe(isExternal);
  });
});

describe('the map', () => {
  it('is tried again at once when HAProxy answers again, and read again only for another process', async () => {
    const lab = startNode();
    await lab.looks(3);
    expect(lab.push).toMatchObject({ resync: [], retries: 1 });
    lab.haproxy.spoil = () => gone;
    await lab.looks(3);
    lab.haproxy.spoil = undefined;
    await lab.looks(3);
    expect(lab.push).toMatchObject({ resync: [], retries: 2 });
    lab.haproxy.pid = 8;
    await lab.looks(3);
    expect(lab.push).toMatchObject({ resync: ['another HAProxy process answers'], retries: 2 });
  });
});
