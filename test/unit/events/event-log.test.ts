import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEventLog, type EventLog, type EventLogOptions, idBefore, type StoredEvent } from '../../../src/events';
import { createMemoryStore, openStore, type Store } from '../../../src/store';
import { until } from '../../support/until';
import { createRecordingLog } from '../spoe/recording-log';

const { log, lines } = createRecordingLog();

/** A log, with all that was told of. */
function openLog(options: Partial<EventLogOptions> = {}): EventLog & { told: StoredEvent[] } {
  const events = createEventLog({
    store: createMemoryStore(log),
    source: '/mtxpilot/test',
    log,
    keep: { count: 1000, ageMs: 1e12 },
    ...options,
  });
  const told: StoredEvent[] = [];
  events.subscribe((event) => told.push(event));
  return Object.assign(events, { told });
}

/** A store whose journal can be told to fail. */
function failingStore(): { store: Store; fail: (error: Error | undefined) => void; failAfter: () => void } {
  const inner = createMemoryStore(log);
  let failure: Error | undefined;
  let afterwards = false;
  const store: Store = {
    ...inner,
    journal(name, read) {
      const journal = inner.journal(name, read);
      return {
        ...journal,
        async append(records) {
          if (failure !== undefined && !afterwards) throw failure;
          await journal.append(records);
          if (failure !== undefined) throw failure;
        },
      };
    },
  };
  return {
    store,
    fail(error) {
      failure = error;
      afterwards = false;
    },
    failAfter() {
      failure = new Error('no answer');
      afterwards = true;
    },
  };
}

beforeEach(() => {
  lines.length = 0;
});

describe('the event log', () => {
  it('keeps an event as CloudEvents 1.0 has it', async () => {
    const events = openLog({ now: () => 1_700_000_000_123 });
    events.emit({
      type: 'stream.moved',
      stream: 'live/a',
      server: 'mtx2',
      reason: 'its publisher went to mtx2',
      evidence: 'inventory',
      data: { from: 'mtx1' },
    });
    await until('it is kept', () => events.told.length === 1);
    expect(events.told).toEqual([
      {
        specversion: '1.0',
        id: expect.stringMatching(/^01HF7YAT3V[0-9A-HJKMNP-TV-Z]{16}$/),
        time: '2023-11-14T22:13:20.123Z',
        source: '/mtxpilot/test',
        type: 'stream.moved',
        subject: 'live/a',
        datacontenttype: 'application/json',
        data: {
          stream: 'live/a',
          server: 'mtx2',
          reason: 'its publisher went to mtx2',
          evidence: 'inventory',
          from: 'mtx1',
        },
      },
    ]);
    expect(await events.list({ limit: 10 })).toEqual(events.told);
    await events.stop();
  });

  it('has the server as its subject where there is no stream, and none without both', async () => {
    const events = openLog();
    events.emit({ type: 'server.up', server: 'mtx1' });
    events.emit({ type: 'agent.started' });
    await events.stop();
    expect(events.told.map(({ subject }) => subject)).toEqual(['mtx1', undefined]);
    expect(Object.keys(events.told[1] ?? {})).not.toContain('subject');
  });

  it('takes what was, not what the caller makes of it later', async () => {
    const events = openLog();
    const data: Record<string, unknown> = { from: 'mtx1' };
    events.emit({ type: 'stream.moved', stream: 'a', data });
    data['from'] = 'mtx9';
    await events.stop();
    expect(events.told[0]?.data['from']).toBe('mtx1');
  });

  it('lists in order: from an id, from a time, before an id, by type, stream and server', async () => {
    let nowMs = 1000;
    const events = openLog({ now: () => nowMs });
    for (let n = 0; n < 2500; n++) {
      nowMs = 1000 + n;
      events.emit({
        type: n % 2 === 0 ? 'stream.started' : 'stream.ended',
        stream: `s${n % 5}`,
        server: `mtx${n % 3}`,
        data: { n },
      });
    }
    await until('all are kept', () => events.told.length === 2500);
    // 1000 are kept, and at most a twentieth more.
    await until('the old ones are cut', () => events.stats.stored <= 1050);
    expect(events.stats.stored).toBeGreaterThanOrEqual(1000);
    const numbers = (list: readonly StoredEvent[]) => list.map(({ data }) => data['n']);
    expect(numbers(await events.list({ limit: 3 }))).toEqual([2497, 2498, 2499]);
    const id = events.told[2400]?.id ?? '';
    expect(numbers(await events.list({ after: id, limit: 2 }))).toEqual([2401, 2402]);
    expect(numbers(await events.list({ before: id, limit: 2 }))).toEqual([2398, 2399]);
    expect(numbers(await events.list({ after: id, before: events.told[2402]?.id, limit: 9 }))).toEqual([2401]);
    expect(numbers(await events.list({ after: idBefore(1000 + 2000), limit: 1 }))).toEqual([2000]);
    expect(numbers(await events.list({ after: id, types: ['stream.ended'], limit: 2 }))).toEqual([2401, 2403]);
    expect(numbers(await events.list({ stream: 's1', server: 'mtx0', limit: 2 }))).toEqual([2481, 2496]);
    expect(await events.list({ types: ['server.up'], limit: 5 })).toEqual([]);
    expect(await events.list({ after: events.told.at(-1)?.id, limit: 5 })).toEqual([]);
    await events.stop();
  });

  it.each([0, -1, 1001, 1.5])('refuses a limit of %p', async (limit) => {
    const events = openLog();
    await expect(events.list({ limit })).rejects.toThrow(`a list of events has from 1 to 1000, not ${limit}`);
    await events.stop();
  });

  it('removes what is older than keep.ageMs', async () => {
    const store = createMemoryStore(log);
    const first = openLog({ store, now: () => 1_000_000 });
    first.emit({ type: 'agent.started', data: { n: 1 } });
    await first.stop();
    const second = openLog({ store, now: () => 1_000_000 + 60_001, keep: { count: 1000, ageMs: 60_000 } });
    second.emit({ type: 'agent.started', data: { n: 2 } });
    await until('only the new one is there', async () => {
      const list = await second.list({ limit: 9 });
      return list.length === 1 && list[0]?.data['n'] === 2;
    });
    await second.stop();
  });

  it('goes on after a restart: ids ascend even when the clock went back', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-events-'));
    try {
      const all: StoredEvent[] = [];
      for (const timeMs of [5000, 3000, 9000]) {
        const store = await openStore({ folder, log });
        const events = openLog({ store, now: () => timeMs });
        for (let n = 0; n < 3; n++) events.emit({ type: 'agent.started' });
        await events.stop();
        all.push(...events.told);
        await store.close();
      }
      const store = await openStore({ folder, log });
      const events = openLog({ store });
      const list = await events.list({ limit: 100 });
      expect(list).toEqual(all);
      expect(new Set(list.map(({ id }) => id)).size).toBe(9);
      await events.stop();
      await store.close();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('tries again when the store fails, loses nothing and has nothing twice', async () => {
    const { store, fail, failAfter } = failingStore();
    const events = openLog({ store });
    fail(new Error('disk full'));
    for (let n = 0; n < 3; n++) events.emit({ type: 'agent.started', data: { n } });
    await until('a failure', () => events.stats.failures > 1);
    expect(events.stats.waiting).toBe(3);
    expect(events.told).toEqual([]);
    // Now it keeps them, and fails to say so.
    const failures = events.stats.failures;
    failAfter();
    await until('a failure', () => events.stats.failures > failures);
    events.emit({ type: 'agent.started', data: { n: 3 } });
    fail(undefined);
    await until('all are kept', () => events.told.length === 4);
    expect((await events.list({ limit: 10 })).map(({ data }) => data['n'])).toEqual([0, 1, 2, 3]);
    expect(lines).toEqual(['error events cannot be stored; will be tried again', 'info events are stored again']);
    await events.stop();
  });

  it('takes no more than it can hold, nor what is no JSON or too large; the caller never hears of it', async () => {
    const { store, fail } = failingStore();
    const events = openLog({ store });
    fail(new Error('disk full'));
    for (let n = 0; n < 20_010; n++) events.emit({ type: 'agent.started' });
    expect(events.stats).toMatchObject({ waiting: 20_000, dropped: 10 });
    expect(lines).toContain('error an event is lost: 20000 wait for the store');
    await events.stop();
    expect(lines).toContain('error events are lost: they could not be stored');

    const other = openLog();
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    other.emit({ type: 'agent.started', data: circle });
    other.emit({ type: 'agent.started', data: { n: 1n } });
    other.emit({ type: 'agent.started', data: { text: 'x'.repeat(70_000) } });
    other.emit({ type: 'agent.started' });
    expect(other.stats.dropped).toBe(3);
    await other.stop();
    expect(other.told).toHaveLength(1);
    expect(other.stats.byType['agent.started']).toBe(1);
  });

  it('goes on when a listener throws, and tells one that left no more', async () => {
    const events = openLog();
    const leave = events.subscribe(() => {
      throw new Error('broken');
    });
    events.emit({ type: 'agent.started' });
    await until('it is told', () => events.told.length === 1);
    leave();
    events.emit({ type: 'agent.started' });
    await events.stop();
    expect(events.told).toHaveLength(2);
    expect(lines).toEqual(['error a listener to events failed']);
  });

  it('keeps what was emitted before the stop, and nothing after', async () => {
    const store = createMemoryStore(log);
    const events = openLog({ store });
    events.emit({ type: 'agent.started', data: { n: 1 } });
    const stopping = events.stop();
    events.emit({ type: 'agent.started', data: { n: 2 } });
    await stopping;
    await events.stop();
    expect(await store.journal('events', (value) => value).count()).toBe(1);
  });

  it('gives back at once what it will write to a folder, and has written all of it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-events-'));
    const store = await openStore({ folder, log });
    const events = openLog({ store, keep: { count: 100_000, ageMs: 1e12 } });
    for (let round = 0; round < 100; round++) {
      for (let n = 0; n < 100; n++) {
        events.emit({ type: 'stream.started', stream: `live/${n}`, server: 'mtx1', evidence: 'inventory' });
      }
      // Nothing can have been written in this turn.
      expect(events.told).toHaveLength(round * 100);
      await until('they are kept', () => events.told.length === (round + 1) * 100, 1);
    }
    expect(await events.list({ limit: 1000 })).toHaveLength(1000);
    await events.stop();
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });
});
