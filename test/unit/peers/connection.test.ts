import { type ConnectionContext, type ConnectionEvents, createConnection } from '../../../src/peers/connection';
import { createPeersStats } from '../../../src/peers/stats';
import { feedings } from '../spoe/feedings';
import { hex } from '../spoe/hex';
import { createMemoryDuplex, settled } from '../spoe/memory-duplex';
import { createRecordingLog } from '../spoe/recording-log';
import {
  accepted,
  ack,
  firstUpdate,
  heartbeat,
  hello,
  incrementalTimedUpdate,
  incrementalUpdate,
  recorded,
  recordedVersions,
  resyncConfirm,
  resyncFinished,
  resyncPartial,
  resyncRequest,
  secondUpdate,
  sessionsDefinition,
  timedUpdate,
} from './golden';

const open = new Set<() => void>();
beforeEach(() => jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] }));
afterEach(() => {
  for (const close of open) close();
  open.clear();
  jest.useRealTimers();
});

interface Told {
  key: string;
  live: boolean;
  idleMs: number | undefined;
}

/** A connection with the test at its other end. */
function connect(settings: Partial<ConnectionContext> = {}, events: Partial<ConnectionEvents> = {}) {
  const peer = createMemoryDuplex();
  const { log, lines } = createRecordingLog();
  const stats = createPeersStats();
  const touches: Told[] = [];
  const told: string[] = [];
  const context: ConnectionContext = {
    stats,
    log,
    nowMs: () => Date.now(),
    resyncAnswer: 'resyncFinished',
    maxBodyBytes: 65_536,
    helloTimeoutMs: 5000,
    heartbeatMs: 3000,
    silenceMs: 10_000,
    backlogMs: 100,
    ackMs: 100,
    dumpTimeoutMs: 30_000,
    dumpRetry: { firstMs: 1000, longestMs: 30_000 },
    ...settings,
  };
  const connection = createConnection(peer.duplex, context, {
    onHello: ({ node, pid }) => {
      told.push(`hello ${node} ${pid}`);
      return true;
    },
    onTouch: ({ key, live, idleMs }) => touches.push({ key, live, idleMs }),
    onSynced: () => told.push('synced'),
    onClosed: () => told.push('closed'),
    ...events,
  });
  open.add(() => peer.duplex.destroy());
  /** Time passes, and what that sets off happens. */
  async function pass(ms: number): Promise<void> {
    await jest.advanceTimersByTimeAsync(ms);
    await settled();
  }
  return { ...peer, connection, stats, lines, touches, told, pass };
}

/** The same after the greetings, HAProxy's resync request and the whole of a dump of one entry. */
async function connectLive(...parameters: Parameters<typeof connect>) {
  const peer = connect(...parameters);
  peer.feed(Buffer.concat([hello, resyncRequest]));
  await peer.pass(100);
  peer.feed(Buffer.concat([sessionsDefinition, timedUpdate, resyncFinished]));
  await settled();
  expect(peer.told).toEqual(['hello hap 9588', 'synced']);
  peer.writes.splice(0);
  peer.touches.splice(0);
  return peer;
}

describe('a conversation with HAProxy', () => {
  const before = Buffer.concat([hello, resyncRequest, sessionsDefinition, firstUpdate]);
  const after = Buffer.concat([
    sessionsDefinition,
    timedUpdate,
    incrementalTimedUpdate,
    resyncFinished,
    sessionsDefinition,
    secondUpdate,
    incrementalUpdate,
    heartbeat,
  ]);

  it.each(feedings(Buffer.concat([before, after])))(
    'is the same however its bytes arrive: $name',
    async ({ chunks }) => {
      const peer = connect();
      let fed = 0;
      for (const chunk of chunks) {
        // The dump comes when it is asked for.
        if (fed <= before.length && fed + chunk.length > before.length) {
          peer.feed(chunk.subarray(0, before.length - fed));
          await peer.pass(100);
          peer.feed(chunk.subarray(before.length - fed));
        } else peer.feed(chunk);
        fed += chunk.length;
      }
      await peer.pass(100);
      expect(peer.told).toEqual(['hello hap 9588', 'synced']);
      expect(peer.touches).toEqual([
        { key: 'live/a|s1', live: false, idleMs: undefined },
        { key: 'live/1|s1', live: false, idleMs: 2686 },
        { key: 'live/2|s1', live: false, idleMs: 1 },
        { key: 'live/a|s1', live: true, idleMs: 0 },
        { key: 'live/4|s1', live: true, idleMs: 0 },
      ]);
      const written = peer.written().toString('hex');
      expect(
        written.startsWith(
          Buffer.concat([accepted, resyncFinished, ack('00000001'), resyncRequest, resyncConfirm]).toString('hex'),
        ),
      ).toBe(true);
      expect(written.endsWith(ack('00000003').toString('hex'))).toBe(true);
      expect(peer.stats).toMatchObject({
        updates: { backlog: 1, dump: 2, live: 2, stale: 0 },
        dumps: { finished: 1, partial: 0 },
        resyncsAnswered: 1,
      });
    },
  );

  it.each(recordedVersions)('goes through with what HAProxy %s wrote', async (version) => {
    const messages = recorded(version);
    const part = (...names: string[]) =>
      Buffer.concat(
        messages.filter(({ name }) => names.some((start) => name.startsWith(start))).map(({ bytes }) => bytes),
      );
    const peer = connect();
    peer.feed(part('hello', 'resync-request', 'start-', 'push-', 'numbers-', 'arrays-', 'six-', 'bytes-', 'burst-'));
    await peer.pass(100);
    expect(peer.touches.length).toBeGreaterThan(8);
    expect(peer.touches.every(({ live, idleMs }) => !live && idleMs === undefined)).toBe(true);
    peer.touches.splice(0);
    peer.feed(part('dump-'));
    await settled();
    expect(peer.told).toEqual(['hello hap ' + String(/ (\d+) /.exec(String(messages[0]?.bytes))?.[1]), 'synced']);
    expect(peer.touches.length).toBeGreaterThan(8);
    expect(peer.touches.every(({ live }) => !live)).toBe(true);
    peer.touches.splice(0);
    peer.feed(part('after-', 'heartbeat'));
    await settled();
    expect(peer.touches.length).toBeGreaterThan(8);
    expect(peer.touches.every(({ live, idleMs }) => live && idleMs === 0)).toBe(true);
    expect(peer.lines).toEqual([]);
  });
});

describe('resync', () => {
  it('answers at once, in one write with the greeting, whenever HAProxy asks', async () => {
    const peer = connect();
    peer.feed(Buffer.concat([hello, resyncRequest]));
    await settled();
    expect(peer.writes).toEqual([Buffer.concat([accepted, resyncFinished])]);
    peer.feed(resyncRequest);
    await settled();
    expect(peer.writes.at(-1)).toEqual(resyncFinished);
  });

  it('sends HAProxy on to its siblings where there are some', async () => {
    const peer = connect({ resyncAnswer: 'resyncPartial' });
    peer.feed(Buffer.concat([hello, resyncRequest]));
    await settled();
    expect(peer.written()).toEqual(Buffer.concat([accepted, resyncPartial]));
  });

  it('acknowledges the backlog and asks for a dump in one write, 100 ms after the greeting', async () => {
    const peer = connect();
    peer.feed(Buffer.concat([hello, sessionsDefinition, firstUpdate]));
    await peer.pass(50);
    peer.feed(secondUpdate);
    await peer.pass(49);
    expect(peer.writes).toEqual([accepted]);
    await peer.pass(1);
    expect(peer.writes.slice(1)).toEqual([Buffer.concat([ack('00000002'), resyncRequest])]);
  });

  it('acknowledges nothing between request and confirmation, and what came then not at all: it comes again', async () => {
    const peer = connect();
    peer.feed(hello);
    await peer.pass(100);
    peer.writes.splice(0);
    peer.feed(Buffer.concat([sessionsDefinition, firstUpdate, timedUpdate]));
    await settled();
    expect(peer.writes).toEqual([]);
    peer.feed(resyncFinished);
    await settled();
    expect(peer.writes).toEqual([resyncConfirm]);
    expect(peer.touches.map(({ live }) => live)).toEqual([false, false]);
  });

  it('confirms a partial dump too, and asks again: after 1 s, then 2, 4 …', async () => {
    const peer = connect();
    peer.feed(hello);
    await peer.pass(100);
    peer.feed(resyncPartial);
    await settled();
    expect(peer.told).toContain('synced');
    for (const [round, ms] of [1000, 2000, 4000].entries()) {
      peer.feed(heartbeat);
      peer.writes.splice(0);
      await peer.pass(ms - 1);
      expect(peer.written().includes(resyncRequest)).toBe(false);
      await peer.pass(1);
      expect(peer.writes.at(-1)).toEqual(resyncRequest);
      peer.feed(round === 2 ? resyncFinished : resyncPartial);
      await settled();
      expect(peer.writes.at(-1)).toEqual(resyncConfirm);
    }
    expect(peer.told).toEqual(['hello hap 9588', 'synced']);
    expect(peer.stats.dumps).toEqual({ finished: 1, partial: 3 });
  });

  it('confirms a finish that nobody asked for', async () => {
    const peer = await connectLive();
    peer.feed(resyncFinished);
    await settled();
    expect(peer.writes).toEqual([resyncConfirm]);
    expect(peer.stats.dumps.finished).toBe(1);
  });

  it('gives a dump up that does not end', async () => {
    const peer = connect({ silenceMs: 1_000_000 });
    peer.feed(hello);
    await peer.pass(100);
    await peer.pass(30_000);
    expect(peer.told).toEqual(['hello hap 9588', 'closed']);
    expect(peer.stats.closed['dump-timeout']).toBe(1);
  });
});

describe('acknowledgements', () => {
  it('100 ms after an update, one for each table, of its last update', async () => {
    const peer = await connectLive();
    const other = hex('0a 82 10 02 05 6f74686572 06 a1 f1f1fe00 f8ac00');
    peer.feed(Buffer.concat([sessionsDefinition, firstUpdate, secondUpdate, other, firstUpdate]));
    await peer.pass(60);
    peer.feed(Buffer.concat([sessionsDefinition, incrementalUpdate]));
    await peer.pass(39);
    expect(peer.writes).toEqual([]);
    await peer.pass(1);
    expect(peer.writes).toEqual([Buffer.concat([ack('00000003'), hex('0a 84 05 02 00000001')])]);
    expect(peer.stats.acksSent).toBe(2);
    peer.feed(incrementalUpdate);
    await peer.pass(100);
    expect(peer.writes.slice(1)).toEqual([ack('00000004')]);
    await peer.pass(2000);
    expect(peer.writes.length).toBe(2);
  });
});

describe('life and death of a link', () => {
  it('sends a heartbeat every 3 s, and closes after 10 s without a word', async () => {
    const peer = await connectLive();
    for (let i = 0; i < 10; i++) {
      await peer.pass(3000);
      peer.feed(heartbeat);
      await settled();
    }
    expect(peer.writes).toEqual(Array.from({ length: 10 }, () => heartbeat));
    await peer.pass(13_000);
    expect(peer.told.at(-1)).toBe('closed');
    expect(peer.stats.closed.silent).toBe(1);
  });

  it('closes a connection that does not greet within 5 s, without a word', async () => {
    const peer = connect();
    peer.feed(hello.subarray(0, 20));
    await peer.pass(5000);
    expect(peer.told).toEqual(['closed']);
    expect(peer.writes).toEqual([]);
    expect(peer.stats.badHellos).toBe(1);
  });

  it.each(['GET / HTTP/1.1\r\n\r\n', 'HAProxyS 9.9\nmtxpilot\nhap 1 1\n'])(
    'refuses %j by closing: a number would end it for good',
    async (text) => {
      const peer = connect();
      peer.feed(Buffer.from(text));
      await settled();
      expect(peer.told).toEqual(['closed']);
      expect(peer.writes).toEqual([]);
    },
  );

  it('closes without a word when the server refuses the node', async () => {
    const peer = connect({}, { onHello: () => false });
    peer.feed(Buffer.concat([hello, resyncRequest]));
    await settled();
    expect(peer.told).toEqual(['closed']);
    expect(peer.writes).toEqual([]);
  });

  it.each([
    ['protocol-error', 'a broken update', '0a 80 00'],
    ['protocol-error', 'a body above the bound', '0a 80 ffffff7f'],
    ['protocol-error', 'class 255', 'ff 00'],
    ['error-received', 'a protocol error', '01 00'],
    ['error-received', 'a size error', '01 01'],
  ] as const)('closes with %s after %s, and hears nothing after it', async (reason, _, bytes) => {
    const peer = await connectLive();
    peer.feed(Buffer.concat([hex(bytes), sessionsDefinition, firstUpdate]));
    await settled();
    expect(peer.touches).toEqual([]);
    expect(peer.told.at(-1)).toBe('closed');
    expect(peer.stats.closed[reason]).toBe(1);
    expect(peer.lines).toHaveLength(1);
  });

  it('skips messages that it does not know', async () => {
    const peer = await connectLive();
    peer.feed(
      Buffer.concat([
        hex('07 01'),
        hex('00 7f'),
        hex('0a 8f 03 010203'),
        hex('22 ff 01 00'),
        sessionsDefinition,
        firstUpdate,
      ]),
    );
    await settled();
    expect(peer.touches).toHaveLength(1);
  });

  it('reads nothing more while HAProxy does not read, and sends it no heartbeats', async () => {
    const peer = await connectLive();
    peer.stall();
    // Each is answered.
    const many = Buffer.concat([sessionsDefinition, firstUpdate, ...Array.from({ length: 100 }, () => resyncRequest)]);
    for (let i = 0; i < 3000 && !peer.duplex.isPaused(); i++) {
      peer.feed(many);
      await settled();
    }
    expect(peer.duplex.isPaused()).toBe(true);
    const written = peer.writes.length;
    await peer.pass(3000);
    expect(peer.writes).toHaveLength(written);
    peer.release();
    await settled();
    expect(peer.duplex.isPaused()).toBe(false);
    await peer.pass(100);
    expect(peer.writes.at(-1)).toEqual(ack('00000001'));
  });

  it('serves HAProxy on when a newer link speaks for the node, but takes nothing from it', async () => {
    const peer = await connectLive();
    peer.connection.retire();
    peer.feed(Buffer.concat([resyncRequest, sessionsDefinition, firstUpdate]));
    await peer.pass(100);
    expect(peer.touches).toEqual([]);
    expect(peer.written()).toEqual(Buffer.concat([resyncFinished, ack('00000001')]));
    expect(peer.stats.updates.stale).toBe(1);
  });

  it.each(['ECONNRESET', 'EPIPE', 'EIO'])('ends quietly with %s, unless it is no usual end', async (code) => {
    const peer = await connectLive();
    peer.duplex.destroy(Object.assign(new Error(code), { code }));
    await settled();
    expect(peer.told.at(-1)).toBe('closed');
    expect(peer.stats.socketErrors).toBe(code === 'EIO' ? 1 : 0);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('leaves no timer when HAProxy closes', async () => {
    const peer = await connectLive();
    peer.finish();
    await settled();
    expect(peer.told.at(-1)).toBe('closed');
    expect(jest.getTimerCount()).toBe(0);
  });
});
