import {
  createDelivery,
  createEventLog,
  type Delivery,
  type EventDraft,
  type EventLog,
  idBefore,
  type Webhook,
} from '../../../src/events';
import { createMemoryStore, type Store } from '../../../src/store';
import { until } from '../../support/until';
import { createRecordingLog } from '../spoe/recording-log';
import { accept, answer, type Behaviour, type Receiver, startReceiver } from './receiver';

const { log, lines } = createRecordingLog();
/** As in earnest, a hundred times faster. */
const pace = { firstMs: 10, longestMs: 50, circuitFailures: 5, circuitFirstMs: 10, circuitLongestMs: 50 };
const closers: (() => Promise<void>)[] = [];

beforeEach(() => {
  lines.length = 0;
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function receiver(behaviour: Behaviour = accept): Promise<Receiver> {
  const started = await startReceiver();
  started.behave(behaviour);
  closers.push(() => started.stop());
  return started;
}

interface Process {
  readonly events: EventLog;
  readonly delivery: Delivery;
  emit(draft: Partial<EventDraft> & { n?: number }): void;
  stop(): Promise<void>;
}

/** An event log and its delivery, as one process has them. */
async function start(
  store: Store,
  webhooks: Record<string, Partial<Webhook> & { url: string }>,
  keep = { count: 100_000, ageMs: 1e12 },
): Promise<Process> {
  const events = createEventLog({ store, source: '/mtxpilot/test', log, keep });
  const delivery = createDelivery({
    webhooks: new Map(
      Object.entries(webhooks).map(([name, webhook]) => [
        name,
        { types: [], timeoutMs: 5000, giveUpAfterMs: 86_400_000, ...webhook },
      ]),
    ),
    store,
    events,
    log,
    pace,
  });
  await delivery.start();
  let stopped: Promise<void> | undefined;
  const stop = () => (stopped ??= events.stop().then(() => delivery.stop()));
  closers.push(stop);
  return {
    events,
    delivery,
    emit: ({ n, ...draft }) =>
      events.emit({
        type: 'stream.started',
        stream: 's',
        server: 'mtx1',
        ...(n === undefined ? {} : { data: { n } }),
        ...draft,
      }),
    stop,
  };
}

const numbers = (arrivals: readonly { event: { data: Record<string, unknown> } }[]) =>
  arrivals.map(({ event }) => event.data['n']);
const statsOf = ({ delivery }: Process, name = 'hook') => {
  const stats = delivery.stats.get(name);
  if (stats === undefined) throw new Error('no such webhook');
  return stats;
};
const count = (amount: number) => Array.from({ length: amount }, (_, n) => n);

describe('delivery', () => {
  it('brings every event to every webhook that wants it, once when all goes well', async () => {
    const [all, some, streams] = [await receiver(), await receiver(), await receiver()];
    const process = await start(createMemoryStore(log), {
      all: { url: all.url },
      some: { url: some.url, types: ['stream.ended', 'server.up'] },
      streams: { url: streams.url, streams: 'live/*' },
    });
    process.emit({ stream: 'live/a', n: 0 });
    process.emit({ stream: 'live/a/b', n: 1 });
    process.emit({ type: 'stream.ended', stream: 'live/a', n: 2 });
    process.emit({ type: 'server.up', stream: undefined, n: 3 });
    await until(
      'all have all',
      () => all.accepted.length === 4 && some.accepted.length === 2 && streams.accepted.length === 2,
    );
    await process.stop();
    expect(numbers(all.arrivals).sort()).toEqual([0, 1, 2, 3]);
    expect(numbers(some.arrivals).sort()).toEqual([2, 3]);
    expect(numbers(streams.arrivals)).toEqual([0, 2]);
    expect(statsOf(process, 'all')).toMatchObject({ attempts: { ok: 4 }, depth: 0, oldestAgeMs: 0, circuit: 'closed' });
  });

  it('begins with what happens from now on', async () => {
    const store = createMemoryStore(log);
    const before = await start(store, {});
    before.emit({ n: 0 });
    await before.stop();
    const hook = await receiver();
    const process = await start(store, { hook: { url: hook.url } });
    process.emit({ n: 1 });
    await until('it came', () => hook.accepted.length === 1);
    await process.stop();
    expect(numbers(hook.arrivals)).toEqual([1]);
  });

  it('keeps the order of each stream and loses nothing while half of the attempts fail in every way', async () => {
    let turn = 0;
    const faults: Behaviour[] = [
      answer(500),
      (_, res) => res.destroy(),
      answer(429),
      (_, res) => res.writeHead(200, { 'content-length': '9' }).write('x', () => res.destroy()),
    ];
    const hook = await receiver((arrival, res) => {
      turn++;
      (turn % 2 === 0 ? (faults[(turn / 2) % faults.length] ?? accept) : accept)(arrival, res);
    });
    const process = await start(createMemoryStore(log), { hook: { url: hook.url } });
    for (const n of count(200)) process.emit({ stream: `s${n % 7}`, n });
    await until('all are there', () => new Set(numbers(hook.accepted)).size === 200 && statsOf(process).depth === 0);
    await process.stop();
    for (const stream of count(7)) {
      const own = hook.accepted.filter(({ event }) => event.data['stream'] === `s${stream}`);
      // A second time is allowed (the answer was lost), an earlier one after a later one is not.
      const order = numbers(own) as number[];
      expect(order).toEqual([...order].sort((a, b) => a - b));
    }
    const byId = new Map(hook.arrivals.map(({ event }) => [event.data['n'], event.id]));
    expect(hook.arrivals.every(({ event }) => byId.get(event.data['n']) === event.id)).toBe(true);
  });

  it('goes on when a receiver that was away is back, and asks it less and less meanwhile', async () => {
    const hook = await receiver();
    const { port } = hook;
    const process = await start(createMemoryStore(log), { hook: { url: hook.url } });
    await hook.stop();
    for (const n of count(50)) process.emit({ stream: `s${n % 5}`, n });
    await until('the circuit is open', () => statsOf(process).circuit === 'open');
    await until('some probes', () => statsOf(process).attempts.unreachable >= 10);
    expect(statsOf(process).depth).toBe(50);
    expect(statsOf(process).oldestAgeMs).toBeGreaterThan(0);
    const back = await startReceiver(undefined, port);
    closers.push(() => back.stop());
    await until('all are there', () => back.accepted.length === 50);
    await until('nothing waits', () => statsOf(process).depth === 0);
    expect(lines.filter((line) => line.includes('deliver'))).toEqual([
      'warn events cannot be delivered; will be tried again',
      'info events are delivered again',
    ]);
  });

  it('lets one webhook that hangs hold up no other, nor the end of the agent', async () => {
    const [hanging, well] = [await receiver(() => undefined), await receiver()];
    const process = await start(createMemoryStore(log), {
      hanging: { url: hanging.url, timeoutMs: 60_000 },
      well: { url: well.url },
    });
    for (const n of count(20)) process.emit({ stream: `s${n}`, n });
    await until('the other has all', () => well.accepted.length === 20);
    expect(hanging.arrivals.length).toBeLessThanOrEqual(4);
    await process.stop();
    expect(statsOf(process, 'hanging').depth).toBe(20);
  });

  it('goes on after a restart where it stopped: nothing lost, little twice', async () => {
    const store = createMemoryStore(log);
    const hook = await receiver();
    const url = hook.url;
    for (const round of count(3)) {
      const process = await start(store, { hook: { url } });
      for (const n of count(100)) process.emit({ stream: `s${n % 5}`, n: round * 100 + n });
      await until('some came', () => hook.accepted.length >= round * 100 + 30);
      await process.stop();
    }
    const last = await start(store, { hook: { url } });
    await until('all are there', () => statsOf(last).depth === 0 && new Set(numbers(hook.accepted)).size === 300);
    await last.stop();
    // An attempt that the end cut short may have arrived.
    expect(hook.accepted.length).toBeLessThanOrEqual(300 + 3 * 4);
  });

  it('has all again that was not noted as delivered when the process vanished', async () => {
    const store = createMemoryStore(log);
    const hook = await receiver();
    const first = await start(store, { hook: { url: hook.url } });
    // What the store knows at this moment is all that the next process gets, as after kill -9.
    const kept = await store.collection('deliveries', (value) => value).get('hook');
    for (const n of count(20)) first.emit({ n });
    await until('all came', () => hook.accepted.length === 20);
    await first.stop();
    await store.collection('deliveries', (value) => value).set('hook', kept);
    const second = await start(store, { hook: { url: hook.url } });
    await until('all came again', () => hook.accepted.length === 40);
    await second.stop();
    const sent = hook.accepted.map(({ event }) => event.id);
    expect(sent.slice(20)).toEqual(sent.slice(0, 20));
  });

  it('does not send again what came after an event that its receiver does not take, when it is restarted', async () => {
    const store = createMemoryStore(log);
    const hook = await receiver((arrival, res) =>
      (arrival.event.data['stream'] === 'bad' ? answer(500) : accept)(arrival, res),
    );
    const first = await start(store, { hook: { url: hook.url } });
    first.emit({ stream: 'bad', n: 0 });
    first.emit({ stream: 'bad', n: 1 });
    for (const n of count(30)) first.emit({ stream: 'good', n });
    await until('the good ones came', () => hook.accepted.length === 30 && statsOf(first).depth === 2);
    await first.stop();
    const second = await start(store, { hook: { url: hook.url } });
    expect(statsOf(second).depth).toBe(2);
    hook.behave(accept);
    await until('the bad ones came', () => hook.accepted.length === 32);
    await second.stop();
    expect(numbers(hook.accepted.slice(30))).toEqual([0, 1]);
  });

  it('lays an event that is too old among the dead letters after some attempts, and goes on with its stream', async () => {
    const hook = await receiver((arrival, res) => (arrival.event.data['n'] === 0 ? answer(400) : accept)(arrival, res));
    const process = await start(createMemoryStore(log), { hook: { url: hook.url, giveUpAfterMs: 30 } });
    process.emit({ n: 0 });
    process.emit({ n: 1 });
    await until('the next one came', () => hook.accepted.length === 1);
    await until('nothing waits', () => statsOf(process).depth === 0);
    expect(await process.delivery.deadLetters({ limit: 10 })).toEqual({
      ok: true,
      value: [
        {
          webhook: 'hook',
          event: expect.objectContaining({ data: { stream: 's', server: 'mtx1', n: 0 } }),
          attempts: numbers(hook.arrivals).filter((n) => n === 0).length,
          reason: 'it answers 400',
          time: expect.any(String),
        },
      ],
    });
    expect(numbers(hook.arrivals).filter((n) => n === 0).length).toBeGreaterThanOrEqual(5);
    expect(statsOf(process).deadLetters).toBe(1);
  });

  it('sends nothing more to a receiver that is gone, also after a restart, until its address changes', async () => {
    const store = createMemoryStore(log);
    const hook = await receiver(answer(410));
    const first = await start(store, { hook: { url: hook.url } });
    first.emit({ n: 0 });
    await until('it is off', () => statsOf(first).isDisabled);
    first.emit({ n: 1 });
    await first.stop();
    const sent = hook.arrivals.length;
    hook.behave(accept);
    const second = await start(store, { hook: { url: hook.url } });
    second.emit({ n: 2 });
    await until('it waits', () => statsOf(second).depth === 3);
    await second.stop();
    expect(hook.arrivals).toHaveLength(sent);
    const third = await start(store, { hook: { url: hook.url.replace('key=1', 'key=2') } });
    await until('all came', () => hook.accepted.length === 3);
    await third.stop();
    expect(numbers(hook.accepted)).toEqual([0, 1, 2]);
  });

  it('replays from an id and from a time, under the same ids; also to one that was gone', async () => {
    const hook = await receiver();
    const process = await start(createMemoryStore(log), { hook: { url: hook.url } });
    for (const n of count(10)) process.emit({ n });
    await until('all came', () => hook.accepted.length === 10);
    const ids = hook.accepted.map(({ event }) => event.id);
    expect(await process.delivery.replay('hook', ids[6] ?? '')).toMatchObject({ ok: true, value: [{ name: 'hook' }] });
    await until('they came again', () => hook.accepted.length === 13);
    expect(hook.accepted.slice(10).map(({ event }) => event.id)).toEqual(ids.slice(7));
    hook.behave(answer(410));
    process.emit({ n: 10 });
    await until('it is off', () => statsOf(process).isDisabled);
    hook.behave(accept);
    await process.delivery.replay('hook', idBefore(0));
    await until('everything came again', () => hook.accepted.length === 13 + 11);
    expect(numbers(hook.accepted.slice(13))).toEqual(count(11));
    expect(await process.delivery.replay('nobody', idBefore(0))).toEqual({
      ok: false,
      problem: 'no-such-webhook',
      detail: 'there are hook',
    });
    await process.stop();
    expect(await process.delivery.replay('hook', idBefore(0))).toMatchObject({ problem: 'not-delivering' });
  });

  it('replays to all, each what it wants', async () => {
    const [all, some] = [await receiver(), await receiver()];
    const process = await start(createMemoryStore(log), {
      all: { url: all.url },
      some: { url: some.url, types: ['stream.ended'] },
    });
    process.emit({ n: 0 });
    process.emit({ type: 'stream.ended', n: 1 });
    await until('all came', () => all.accepted.length === 2 && some.accepted.length === 1);
    expect(await process.delivery.replay(undefined, idBefore(0))).toMatchObject({
      ok: true,
      value: [{ name: 'all' }, { name: 'some' }],
    });
    await until('all came again', () => all.accepted.length === 4 && some.accepted.length === 2);
    expect(numbers(some.accepted)).toEqual([1, 1]);
  });

  it('does not forget at a replay what was not delivered before where it begins', async () => {
    const hook = await receiver(answer(500));
    const process = await start(createMemoryStore(log), { hook: { url: hook.url } });
    for (const n of count(20)) process.emit({ stream: `s${n % 2}`, n });
    await until('they wait', () => statsOf(process).depth === 20 && hook.arrivals.length > 0);
    const ids = (await process.events.list({ limit: 20 })).map(({ id }) => id);
    await process.delivery.replay('hook', ids[14] ?? '');
    hook.behave(accept);
    await until('all came', () => new Set(numbers(hook.accepted)).size === 20 && statsOf(process).depth === 0);
    for (const parity of [0, 1]) {
      // What was on its way when the replay began may come twice.
      const own = new Set((numbers(hook.accepted) as number[]).filter((n) => n % 2 === parity));
      expect([...own]).toEqual(count(20).filter((n) => n % 2 === parity));
    }
  });

  it('goes on with a replay after a restart', async () => {
    const store = createMemoryStore(log);
    const hook = await receiver();
    const first = await start(store, { hook: { url: hook.url } });
    for (const n of count(10)) first.emit({ n });
    await until('all came', () => hook.accepted.length === 10 && statsOf(first).depth === 0);
    hook.behave(answer(500));
    await first.delivery.replay('hook', idBefore(0));
    await first.stop();
    hook.behave(accept);
    const second = await start(store, { hook: { url: hook.url } });
    await until('all came again', () => hook.accepted.length === 20);
    await second.stop();
    expect(numbers(hook.accepted.slice(10))).toEqual(count(10));
  });

  it('says that a replay cannot be kept, and then does nothing', async () => {
    const inner = createMemoryStore(log);
    let fails = false;
    const store: Store = {
      ...inner,
      collection(name, read) {
        const collection = inner.collection(name, read);
        return {
          ...collection,
          set: (key, value) => (fails ? Promise.reject(new Error('disk full')) : collection.set(key, value)),
        };
      },
    };
    const hook = await receiver();
    const process = await start(store, { hook: { url: hook.url } });
    process.emit({ n: 0 });
    await until('it came', () => hook.accepted.length === 1);
    fails = true;
    expect(await process.delivery.replay('hook', idBefore(0))).toEqual({
      ok: false,
      problem: 'not-stored',
      detail: 'the store fails: disk full',
    });
    fails = false;
    process.emit({ n: 1 });
    await until('the next one came', () => hook.accepted.length === 2);
    expect(numbers(hook.accepted)).toEqual([0, 1]);
  });

  it('delivers dead letters on demand: who takes them has them no more, who does not is told', async () => {
    const store = createMemoryStore(log);
    let refused: unknown[] = [0, 1, 2];
    const hook = await receiver((arrival, res) =>
      (refused.includes(arrival.event.data['n']) ? answer(400) : accept)(arrival, res),
    );
    const other = await receiver(answer(400));
    const process = await start(store, {
      hook: { url: hook.url, giveUpAfterMs: 30 },
      other: { url: other.url, giveUpAfterMs: 30 },
    });
    for (const n of count(4)) process.emit({ stream: `s${n}`, n });
    const { delivery } = process;
    const letters = async (webhook?: string) => {
      const result = await delivery.deadLetters({ webhook, limit: 100 });
      return result.ok ? result.value.map((letter) => `${letter.webhook} ${String(letter.event.data['n'])}`) : [];
    };
    await until('all are given up', async () => (await letters()).length === 7);
    expect(await letters('hook')).toEqual(['hook 2', 'hook 1', 'hook 0']);
    refused = [1];
    expect(await delivery.redeliver('hook')).toEqual({
      ok: true,
      value: { delivered: 2, failed: 1, trouble: 'it answers 400' },
    });
    expect(numbers(hook.accepted)).toEqual([3, 0, 2]);
    expect(await letters('hook')).toEqual(['hook 1']);
    await other.stop();
    // Who cannot be reached is not tried with each.
    const [tried, before] = [statsOf(process, 'other').attempts, statsOf(process, 'other').attempts.unreachable];
    expect(await delivery.redeliver('other')).toMatchObject({ value: { delivered: 0, failed: 1 } });
    expect(tried.unreachable).toBe(before + 1);
    expect(await letters('other')).toHaveLength(4);
    expect(await delivery.redeliver('nobody')).toMatchObject({ ok: false, problem: 'no-such-webhook' });
    expect((await delivery.deadLetters({ limit: 0 })).ok).toBe(false);
  });

  it('shows how each webhook does', async () => {
    const [well, ill, gone] = [await receiver(), await receiver(answer(503)), await receiver(answer(410))];
    const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
    const process = await start(createMemoryStore(log), {
      well: { url: well.url, secret, streams: '**' },
      ill: { url: ill.url },
      gone: { url: gone.url },
    });
    process.emit({ n: 0 });
    const views = () => process.delivery.webhooks();
    await until(
      'they have been tried',
      () =>
        views()
          .map(({ state }) => state)
          .join() === 'delivering,failing,gone',
    );
    await until('one has it', () => well.accepted.length === 1 && views()[0]?.waiting === 0);
    expect(views()).toMatchObject([
      { name: 'well', isSigned: true, streams: '**', trouble: undefined, waiting: 0, oldestAgeMs: 0 },
      { name: 'ill', isSigned: false, streams: undefined, trouble: 'it answers 503', waiting: 1 },
      { name: 'gone', trouble: 'it answers 410', waiting: 1 },
    ]);
  });

  it('says so when what was on its way is not in the log any more after a restart', async () => {
    const store = createMemoryStore(log);
    const hook = await receiver(answer(500));
    const first = await start(store, { hook: { url: hook.url } });
    for (const n of count(10)) first.emit({ n });
    await until('they are tried', () => hook.arrivals.length > 0 && statsOf(first).depth === 10);
    await first.stop();
    const journal = store.journal('events', (value) => value);
    const [, , , fourth] = await journal.read({ limit: 10 });
    await journal.trim(fourth?.[0] ?? '');
    hook.behave(accept);
    const second = await start(store, { hook: { url: hook.url } });
    await until('the rest came', () => hook.accepted.length === 6);
    expect(statsOf(second).trimmed).toBe(1);
    expect(lines).toContain('error events were removed from the log before they were delivered (events.keep)');
    await second.stop();
  });

  it('tells each receiver what it calls a stream, until the stream has ended, over restarts', async () => {
    const store = createMemoryStore(log);
    const [naming, other] = [await receiver(answer(200, {}, '{"stream_id":"job-7"}')), await receiver()];
    const hooks = { naming: { url: naming.url }, other: { url: other.url } };
    const first = await start(store, hooks);
    first.emit({ type: 'stream.started' });
    await until('it came', () => naming.accepted.length === 1 && statsOf(first, 'naming').depth === 0);
    await first.stop();
    const second = await start(store, hooks);
    second.emit({ type: 'stream.moved' });
    second.emit({ type: 'stream.ended' });
    second.emit({ type: 'stream.conflict' });
    await until('they came', () => naming.accepted.length === 4 && other.accepted.length === 4);
    await second.stop();
    const idsOf = (hook: Receiver) => hook.accepted.map(({ event }) => event.data['stream_id']);
    expect(idsOf(naming)).toEqual([undefined, 'job-7', 'job-7', undefined]);
    expect(idsOf(other)).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('says so when the log lost events before they were delivered, and goes on with the rest', async () => {
    const hook = await receiver(answer(500));
    const process = await start(createMemoryStore(log), { hook: { url: hook.url } }, { count: 1000, ageMs: 1e12 });
    for (const n of count(6000)) process.emit({ stream: `s${n % 50}`, n });
    await until('the log was cut', () => process.events.stats.stored <= 1050 && process.events.stats.waiting === 0);
    hook.behave(accept);
    await until('nothing waits', () => statsOf(process).depth === 0);
    expect(statsOf(process).trimmed).toBeGreaterThan(0);
    expect(lines).toContain('error events were removed from the log before they were delivered (events.keep)');
    const came = new Set(numbers(hook.accepted) as number[]);
    // What had been taken on, and what was still in the log.
    expect(came.has(0)).toBe(true);
    expect(came.has(5999)).toBe(true);
    expect(came.size).toBeGreaterThanOrEqual(2000);
  });

  it('does not stop when the store fails', async () => {
    const inner = createMemoryStore(log);
    let fails = false;
    const store: Store = {
      ...inner,
      collection(name, read) {
        const collection = inner.collection(name, read);
        return {
          ...collection,
          set: (key, value) => (fails ? Promise.reject(new Error('disk full')) : collection.set(key, value)),
        };
      },
    };
    const hook = await receiver();
    const process = await start(store, { hook: { url: hook.url } });
    fails = true;
    process.emit({ n: 0 });
    await until('it is told', () => lines.some((line) => line.includes('some events may come twice')));
    process.emit({ n: 1 });
    await until('it came', () => hook.accepted.length === 2);
    fails = false;
    await process.stop();
    expect(await inner.collection('deliveries', (value) => value).get('hook')).toMatchObject({ undone: [] });
  });
});
