import { createEventLog, type EventLog } from '../../../src/events';
import { createDeadLetters } from '../../../src/events/dead-letters';
import type { DeliveryAttempt, EventPost } from '../../../src/events/deliver-event';
import { createDispatcher, type Dispatcher } from '../../../src/events/dispatcher';
import { createMemoryStore } from '../../../src/store';
import { createRecordingLog } from '../spoe/recording-log';

const { log, lines } = createRecordingLog();

interface Sent {
  readonly atMs: number;
  readonly stream: unknown;
  readonly n: unknown;
  readonly ok: boolean;
}

/** A dispatcher on a clock that the test turns, at the pace that agents have, and a receiver that does as it is told. */
describe('the pace of a dispatcher', () => {
  let events: EventLog;
  let dispatcher: Dispatcher;
  let isUp = true;
  let sent: Sent[];

  const pass = async (ms: number): Promise<void> => {
    await jest.advanceTimersByTimeAsync(ms);
  };

  beforeEach(async () => {
    jest.useFakeTimers();
    lines.length = 0;
    [isUp, sent] = [true, []];
    const store = createMemoryStore(log);
    events = createEventLog({ store, source: '/mtxpilot/test', log, keep: { count: 10_000, ageMs: 1e12 } });
    const post: EventPost = {
      deliver({ data }): Promise<DeliveryAttempt> {
        sent.push({ atMs: performance.now(), stream: data['stream'], n: data['n'], ok: isUp });
        return Promise.resolve(
          isUp
            ? { ok: true, streamId: undefined, tookMs: 1 }
            : { ok: false, failure: 'unreachable', detail: 'ECONNREFUSED', retryAfterMs: undefined, tookMs: 1 },
        );
      },
      close: () => Promise.resolve(),
    };
    dispatcher = createDispatcher({
      name: 'hook',
      post,
      isWanted: () => true,
      giveUpAfterMs: 86_400_000,
      address: 'x',
      store,
      deadLetters: createDeadLetters(store),
      events,
      log,
      // Every pause at its longest.
      random: () => 0,
    });
    const started = dispatcher.start();
    await pass(1);
    await started;
  });
  afterEach(async () => {
    const stopped = Promise.all([events.stop(), dispatcher.stop()]);
    await pass(2000);
    await stopped;
    jest.useRealTimers();
  });

  it('over a receiver that is away for 60 s: asked ever less, then everything at once, each once and in order', async () => {
    isUp = false;
    const wentMs = performance.now();
    for (let second = 0; second < 60; second++) {
      for (const stream of ['a', 'b', 'c']) {
        events.emit({ type: 'stream.moved', stream, server: 'mtx1', data: { n: second } });
      }
      await pass(1000);
    }
    const asked = sent.map(({ atMs }) => (atMs - wentMs) / 1000);
    expect(sent.every(({ ok }) => !ok)).toBe(true);
    // Five failures in a row open the circuit; then it is one probe after 1, 2, 4, 8, 16, 30 s.
    expect(asked.length).toBeLessThanOrEqual(13);
    const probes = asked.slice(-4);
    const pauses = probes.slice(1).map((at, index) => Math.round(at - (probes[index] ?? 0)));
    expect(pauses).toEqual([4, 8, 16]);
    expect(dispatcher.stats).toMatchObject({ depth: 180, circuit: 'open', lastError: 'ECONNREFUSED' });

    isUp = true;
    await pass(30_000);
    const came = sent.filter(({ ok }) => ok);
    expect(came).toHaveLength(180);
    for (const stream of ['a', 'b', 'c']) {
      const order = came.filter((one) => one.stream === stream).map(({ n }) => n);
      expect(order).toEqual(Array.from({ length: 60 }, (_, n) => n));
    }
    // Once the probe got through, nothing waited any more for the pauses of its own failures.
    const times = came.map(({ atMs }) => atMs);
    expect(Math.max(...times) - Math.min(...times)).toBeLessThan(1000);
    expect(dispatcher.stats).toMatchObject({ depth: 0, circuit: 'closed', lastError: undefined });
    expect(lines.filter((line) => line.includes('deliver'))).toEqual([
      'warn events cannot be delivered; will be tried again',
      'info events are delivered again',
    ]);
  });
});
