import type { Asked, RelayClient, RelayPlace } from '../../../src/relays/relay-client';
import { createRelayViews } from '../../../src/relays/relay-views';
import { type Config, configOf, failover, id, type Overview, row, type Why, whyOf } from './answers';

interface Says {
  overview?: Asked<Overview>;
  why?: Asked<Why | undefined>;
  failover?: Asked<number | undefined>;
  config?: Asked<Config | undefined>;
  changed?: Asked<Config>;
}

const place = (name: string, more: Partial<RelayPlace> = {}): RelayPlace => ({
  name,
  url: `http://${name}.example`,
  username: undefined,
  password: undefined,
  ...more,
});

function setUp(says: Record<string, Says>) {
  const places = Object.keys(says).map((name) => place(name));
  const made: string[] = [];
  const closed: string[] = [];
  const views = createRelayViews({
    relays: () => places,
    clientOf({ name, url }): RelayClient {
      made.push(url);
      const missing = { problem: 'not asked' };
      return {
        overview: () => Promise.resolve(says[name]?.overview ?? missing),
        why: () => Promise.resolve(says[name]?.why ?? missing),
        failover: () => Promise.resolve(says[name]?.failover ?? missing),
        config: () => Promise.resolve(says[name]?.config ?? missing),
        changeConfig: () => Promise.resolve(says[name]?.changed ?? missing),
        close() {
          closed.push(url);
          return Promise.resolve();
        },
      };
    },
  });
  return { views, places, made, closed };
}

const down = { problem: 'It could not be asked: ECONNREFUSED.' };

it('joins the streams of all relays: figures are summed, those that are played come first', async () => {
  const other = 'f'.repeat(32);
  const account = { name: 'alice', maxConnections: 2, inUse: 1, inUseElsewhere: 0, waiting: 0 };
  const { views } = setUp({
    relay1: {
      overview: {
        value: {
          streams: [
            row({
              clients: 1,
              bytes: 10,
              current: 0,
              failovers: 1,
              gapsMs: [5],
              lastFailover: failover('2026-11-29T12:00:00Z'),
            }),
            row({ id: other, title: 'A', clients: 0 }),
          ],
          total: 700,
          accounts: [account],
        },
      },
    },
    relay2: {
      overview: {
        value: {
          streams: [
            row({
              clients: 2,
              bytes: 20,
              current: 1,
              failovers: 2,
              failedSources: 1,
              gapsMs: [7, 8],
              lastFailover: failover('2026-11-29T13:00:00Z'),
            }),
          ],
          total: 700,
          accounts: [],
        },
      },
    },
    relay3: { overview: down },
  });
  const { streams, total, relays } = await views.streams('');
  expect(streams.map(({ stream, relays: playing }) => [stream.id, stream.clients, playing])).toEqual([
    [id, 3, ['relay1', 'relay2']],
    [other, 0, []],
  ]);
  expect(streams[0]?.stream).toMatchObject({
    bytes: 30,
    failovers: 3,
    current: 1,
    failedSources: 1,
    gapsMs: [7, 8],
    lastFailover: { time: '2026-11-29T13:00:00Z' },
  });
  expect(total).toBe(700);
  expect(relays).toEqual([
    { name: 'relay1', problem: null, streams: 700, accounts: [account] },
    { name: 'relay2', problem: null, streams: 700, accounts: [] },
    { name: 'relay3', problem: down.problem, streams: null, accounts: [] },
  ]);
});

it('shows what each relay says of a stream, and sums', async () => {
  const { views } = setUp({
    relay1: { why: { value: whyOf({ recentFailovers: [failover('2026-11-29T12:00:00Z')], failovers: 1 }) } },
    relay2: { why: { value: whyOf({ clients: 2, bytes: 5, recentFailovers: [failover('2026-11-29T11:00:00Z')] }) } },
    relay3: { why: down },
    relay4: { why: { value: undefined } },
  });
  expect(await views.stream(id)).toMatchObject({
    id,
    title: 'News',
    type: 'live',
    clients: 3,
    bytes: 1005,
    failovers: 1,
    lastFailover: { time: '2026-11-29T12:00:00Z' },
    relays: [
      { name: 'relay1', problem: null, why: { clients: 1 } },
      { name: 'relay2', problem: null, why: { clients: 2 } },
      { name: 'relay3', problem: down.problem, why: null },
      { name: 'relay4', problem: null, why: null },
    ],
  });
});

it('knows that there is no such stream only when every relay says so', async () => {
  expect(await setUp({ relay1: { why: { value: undefined } } }).views.stream(id)).toBeUndefined();
  expect(await setUp({}).views.stream(id)).toBeUndefined();
  expect(await setUp({ relay1: { why: { value: undefined } }, relay2: { why: down } }).views.stream(id)).toMatchObject({
    clients: 0,
    type: null,
    lastFailover: null,
  });
});

it('moves the clients of all relays', async () => {
  const { views } = setUp({
    relay1: { failover: { value: 2 } },
    relay2: { failover: { value: undefined } },
    relay3: { failover: { problem: 'The stream has no backups.', status: 400 } },
  });
  expect(await views.failover(id)).toEqual({
    id,
    moved: 2,
    relays: [
      { name: 'relay1', moved: 2, problem: null },
      { name: 'relay2', moved: 0, problem: null },
      { name: 'relay3', moved: 0, problem: 'The stream has no backups.' },
    ],
  });
  expect(await setUp({ relay1: { failover: { value: undefined } } }).views.failover(id)).toBeUndefined();
});

it('follows relays that come, go and change their address', async () => {
  const { views, places, made, closed } = setUp({ relay1: { why: { value: undefined } } });
  await views.stream(id);
  await views.stream(id);
  expect(made).toEqual(['http://relay1.example']);
  places[0] = place('relay1', { url: 'http://moved.example' });
  await views.stream(id);
  expect(made).toEqual(['http://relay1.example', 'http://moved.example']);
  expect(closed).toEqual(['http://relay1.example']);
  places.length = 0;
  expect(views.count).toBe(0);
  await views.stream(id);
  expect(closed).toEqual(['http://relay1.example', 'http://moved.example']);
});

it('tells what each relay is set to, and changes one of them', async () => {
  const refused = { problem: 'Somebody else was first.', status: 412 };
  const { views } = setUp({
    relay1: { config: { value: configOf() }, changed: { value: configOf({ tag: 'new' }) } },
    relay2: { config: down, changed: refused },
    relay3: { config: { value: undefined } },
  });
  expect(await views.configs()).toEqual({
    relays: [
      { name: 'relay1', problem: null, config: configOf() },
      { name: 'relay2', problem: down.problem, config: null },
      { name: 'relay3', problem: null, config: null },
    ],
  });
  expect(await views.changeConfig('relay1', {}, 'x')).toEqual({ value: configOf({ tag: 'new' }) });
  expect(await views.changeConfig('relay2', {}, 'x')).toEqual(refused);
  expect(await views.changeConfig('relay4', {}, 'x')).toBeUndefined();
});
