import { createHaproxyControl } from '../../../src/control/control';
import type { Directory, FleetServer } from '../../../src/directory';
import type { EventDraft } from '../../../src/events/event';
import { createMemoryStore } from '../../../src/store';
import { fakeHaproxyServers } from '../../support/fake-haproxy-servers';
import { hangingRuntimeClient } from '../../support/fake-runtime-client';
import { until } from '../../support/until';
import { createFakeLog } from './push-lab';

const by = { reason: 'update', operator: 'ada' };
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Control of two fake HAProxys with the same three servers. */
async function startControl(options: { readonly isFirstStuck?: boolean; readonly intervalMs?: number } = {}) {
  const haproxys = [fakeHaproxyServers(), fakeHaproxyServers()] as const;
  const { log } = createFakeLog();
  const store = createMemoryStore(log);
  const events: EventDraft[] = [];
  const suspects = new Set<string>();
  let fleet: readonly FleetServer[] = [];
  const directory = {
    servers: () =>
      fleet.map((server) => ({
        ...server,
        api: { health: suspects.has(server.name) ? 'suspect' : 'ok', inventoryAgeMs: 0 },
      })),
    slots: () => [],
    setServers: (servers: readonly FleetServer[]) => {
      fleet = servers;
    },
    streamNames: () => [],
    entry: () => undefined,
    onOverrideGone: () => () => undefined,
  } as unknown as Directory;
  const control = createHaproxyControl({
    nodes: haproxys.map(({ client }, i) => {
      const used = options.isFirstStuck === true && i === 0 ? hangingRuntimeClient() : client;
      return { name: `lb${i + 1}`, state: used, bulk: used, routes: used, statistics: used };
    }),
    backends: { mediamtx: 'mtx', relay: undefined },
    apiUrlFor: ({ name }) => `http://${name}:9997`,
    directory,
    store,
    emit: (event) => void events.push(event),
    map: null,
    staleForMs: 60_000,
    onApiFailure: 'drain',
    weights: 'config',
    intervalMs: options.intervalMs ?? 5,
    log,
  });
  closers.push(
    () => store.close(),
    () => control.stop(),
  );
  await control.start();
  const [first, second] = haproxys;
  await until('the fleet', () => fleet.length === 3, 1);
  return { control, first, second, events, suspects };
}

it('a HAProxy that never answers delays no other: neither orders nor what is decided without them', async () => {
  const { control, first, second, suspects, events } = await startControl({ isFirstStuck: true });
  // Nobody waits for the answer: it comes when the first HAProxy is given up.
  const order = control.setIntent('mtx1', { kind: 'drain', ...by });
  await until('the order to be carried out', () => second.servers.get('mtx1')?.bits === 8, 1);
  await until('it to be seen', () => control.servers()[0]?.nodes[0]?.administrative === 'drain', 1);
  suspects.add('mtx2');
  // One of three is out already: the guard holds.
  await until('the guard', () => control.stats.heldBack === 1, 1);
  const back = control.setIntent('mtx1', { kind: 'ready', ...by });
  await until('the order to be taken back', () => second.servers.get('mtx1')?.bits === 0, 1);
  await until('the drain', () => second.servers.get('mtx2')?.bits === 8, 1);
  expect(events.map(({ type, server, data }) => [type, server, data?.['kind']].join(' '))).toEqual([
    'server.intent mtx1 drain',
    'server.suspect mtx2 ',
    'server.intent mtx1 ready',
    'server.intent mtx2 drain',
  ]);
  expect(first.asked).toEqual([]);
  await control.stop();
  await Promise.all([order, back]);
});

it('an order is carried out at once, however long the pause between two looks is', async () => {
  const { control, first, second } = await startControl({ intervalMs: 3_600_000 });
  const order = await control.setIntent('mtx3', { kind: 'maint', ...by });
  expect(order).toMatchObject({ ok: true, value: { wanted: 'maint' } });
  expect([first, second].map(({ servers }) => servers.get('mtx3')?.bits)).toEqual([1, 1]);
});
