import { createEventLog, type EventDraft, type EventLog, type StoredEvent } from '../../src/events';
import { type Lease, openStore, type Store } from '../../src/store';
import { type RedisServer, startRedis } from '../support/redis-server';
import { until } from '../support/until';
import { createRecordingLog } from '../unit/spoe/recording-log';

interface Agent {
  readonly store: Store;
  readonly lease: Lease;
  readonly events: EventLog;
  /** What its listeners were told. */
  readonly told: StoredEvent[];
  /** Without giving anything up in order, as in a kill. */
  vanish(): Promise<void>;
}

const started = (stream: string): EventDraft => ({
  type: 'stream.started',
  stream,
  server: 'a',
  evidence: 'inventory',
});
const order = (server: string): EventDraft => ({ type: 'server.intent', server, evidence: 'operator' });
const word = ({ type, subject }: StoredEvent) => `${type.split('.')[1]} ${subject}`;

describe('an event log that two agents share', () => {
  const { log } = createRecordingLog();
  const closers: (() => Promise<unknown>)[] = [];
  let redis: RedisServer;
  let agents: [Agent, Agent];

  async function open(): Promise<Agent> {
    const store = await openStore({ redis: { url: redis.url, prefix: 'test:' }, log });
    const lease = store.lease('leader');
    const events = createEventLog({ store, source: '/test', log, keep: { count: 1000, ageMs: 1e12 }, lease });
    const told: StoredEvent[] = [];
    events.subscribe((event) => told.push(event));
    const stop = async () => {
      await events.stop();
      await lease.release();
      await store.close();
    };
    closers.push(stop);
    return { store, lease, events, told, vanish: () => store.close() };
  }

  beforeEach(async () => {
    redis = await startRedis();
    closers.push(() => redis.stop());
    const first = await open();
    await until('the first leads', () => first.events.leads);
    agents = [first, await open()];
    await until('the second knows', () => agents[1].lease.elsewhereAtMs > 0);
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  const both = (draft: EventDraft) => {
    for (const { events } of agents) events.emit(draft);
  };
  const words = (agent: Agent) => agent.told.map(word);

  it('has what both saw once, and what each was told itself; both hear all of it in one order', async () => {
    for (let n = 0; n < 50; n++) {
      both(started(`s${n}`));
      agents[n % 2]?.events.emit(order(`o${n}`));
      if (n % 10 === 0) await new Promise(setImmediate);
    }
    await until('all', () => agents.every(({ told }) => told.length === 100));
    expect(words(agents[0])).toEqual(words(agents[1]));
    expect(agents[0].told.map(({ id }) => id)).toEqual(agents[0].told.map(({ id }) => id).sort());
    const list = await agents[1].events.list({ after: '0', limit: 1000 });
    expect(list).toEqual(agents[0].told);
    const names = (kind: string) => words(agents[0]).filter((each) => each.startsWith(kind));
    expect(names('started')).toEqual(Array.from({ length: 50 }, (_, n) => `started s${n}`));
    expect(names('intent').sort()).toEqual(Array.from({ length: 50 }, (_, n) => `intent o${n}`).sort());
    await until('nothing is held', () => agents[1].events.stats.waiting === 0);
  });

  it('goes on where the leader vanished: with what it did not tell, and not with what it did', async () => {
    both(started('both'));
    await until('it is told', () => agents.every(({ told }) => told.length === 1));
    // Seen by both, and the leader vanishes before it can keep it.
    await agents[0].vanish();
    both(started('late'));
    expect(agents[1].events.leads).toBe(false);
    await until('the second leads', () => agents[1].events.leads);
    await until('it is told', () => agents[1].told.length === 2);
    expect(words(agents[1])).toEqual(['started both', 'started late']);
    expect(agents[1].told[1]?.time).toMatch(/Z$/);
  });

  it('asks those who tell what can follow, in their turn, and begins after that', async () => {
    const steps: string[] = [];
    let failures = 1;
    agents[1].events.onLead(() => {
      steps.push('prepare');
      if (failures-- > 0) return Promise.reject(new Error('the store is slow'));
      return Promise.resolve({
        admits: ({ data }) => {
          steps.push(`admits ${String(data['stream'])}`);
          return data['stream'] !== 'wrong';
        },
        begin: () => {
          steps.push('begin');
          agents[1].events.emit(started('next'));
        },
      });
    });
    await agents[0].vanish();
    for (const stream of ['right', 'wrong', 'right too']) agents[1].events.emit(started(stream));
    await until('it leads', () => agents[1].events.leads);
    await until('it tells', () => agents[1].told.length === 3);
    expect(words(agents[1])).toEqual(['started right', 'started right too', 'started next']);
    expect(steps).toEqual(['prepare', 'prepare', 'admits right', 'admits wrong', 'admits right too', 'begin']);
  });

  it('has each event once over an absence of Redis, whoever leads then', async () => {
    both(started('before'));
    await until('it is told', () => agents.every(({ told }) => told.length === 1));
    await redis.halt('SIGKILL');
    both(started('meanwhile'));
    agents[1].events.emit(order('order'));
    await until('nobody leads', () => agents.every(({ events }) => !events.leads));
    both(started('longer'));
    await redis.restart();
    await until('somebody leads', () => agents.some(({ events }) => events.leads));
    await until('all is told', () => agents.every(({ told }) => told.length === 4));
    both(started('after'));
    await until('that too', () => agents.every(({ told }) => told.length === 5));
    expect(words(agents[0])).toEqual(words(agents[1]));
    expect(words(agents[0]).sort()).toEqual([
      'intent order',
      'started after',
      'started before',
      'started longer',
      'started meanwhile',
    ]);
    expect(await agents[0].events.list({ after: '0', limit: 1000 })).toEqual(agents[1].told);
  });

  it('has each event once where Redis hung and the answers were lost', async () => {
    redis.freeze();
    both(started('frozen'));
    agents[0].events.emit(order('frozen'));
    await until('the leader gave up', () => agents[0].events.stats.failures > 0);
    redis.thaw();
    await until('all is told', () => agents.every(({ told }) => told.length >= 2));
    both(started('after'));
    await until('that too', () => agents.every((agent) => words(agent).includes('started after')));
    expect(words(agents[0]).sort()).toEqual(['intent frozen', 'started after', 'started frozen']);
    expect(words(agents[0])).toEqual(words(agents[1]));
  });
});
