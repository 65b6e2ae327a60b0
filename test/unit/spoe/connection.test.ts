import { recordNothing } from '../../../src/measure/record-time';
import type { Decision } from '../../../src/router/decision';
import { createAckBatch } from '../../../src/spoe/ack-batch';
import { createAnswers } from '../../../src/spoe/answers';
import { type ConnectionContext, createConnection, type Decide } from '../../../src/spoe/connection';
import { createSpoeStats } from '../../../src/spoe/stats';
import { feedings } from './feedings';
import {
  ack,
  agentDisconnectNormal,
  agentHello,
  agentHelloWithoutCapabilities,
  frame,
  haproxyDisconnectNormal,
  haproxyHello,
  locatedOnMtx1,
  notify,
  placedOnMtx2,
  unknownAnswer,
  whereLiveA,
} from './golden';
import { hex } from './hex';
import { createMemoryDuplex, settled } from './memory-duplex';
import { recordedFrame, recordedFrames, recordedVersions } from './recorded-frames';
import { createRecordingLog } from './recording-log';

const onMtx1: Decision = { state: 'located', server: 'mtx1' };
const onMtx2: Decision = { state: 'placed', server: 'mtx2' };
const decideMtx1: Decide = () => onMtx1;

const open = new Set<() => void>();
afterEach(() => {
  for (const close of open) close();
  open.clear();
});

/** A connection with the test at its other end. */
function connect(decide: Decide = decideMtx1, settings: Partial<ConnectionContext> = {}, highWaterMarkBytes?: number) {
  const peer = createMemoryDuplex(highWaterMarkBytes);
  const { log, lines } = createRecordingLog();
  const stats = createSpoeStats();
  const clock = { nowMs: 0 };
  const context: ConnectionContext = {
    decide,
    answers: createAnswers(log),
    batch: createAckBatch(),
    stats,
    recordDecision: recordNothing,
    log,
    nowMs: () => clock.nowMs,
    maxFrameSizeBytes: 16_380,
    helloTimeoutMs: 60_000,
    maxWaitingPerConnection: 1000,
    lingerMs: 60_000,
    draining: false,
    ...settings,
  };
  let closed = 0;
  const connection = createConnection(peer.duplex, context, '127.0.0.1', () => closed++);
  peer.duplex.on('data', (bytes: Buffer) => connection.read(bytes));
  open.add(() => peer.duplex.destroy());
  return { ...peer, connection, context, stats, lines, clock, closed: () => closed };
}

/** The same after the HELLOs, which `writes` no longer shows. */
async function connectOpen(...parameters: Parameters<typeof connect>) {
  const peer = connect(...parameters);
  peer.feed(haproxyHello);
  await settled();
  expect(peer.writes.splice(0)).toEqual([agentHello]);
  return peer;
}

/** An AGENT-DISCONNECT with that code, whatever its message. */
function disconnectWith(code: string): RegExp {
  return new RegExp(`^000000..660000000100000b7374617475732d636f646503${code}076d65737361676508`);
}

/** Promises in the hands of the test. */
function createLookups() {
  const pending: { stream: string; resolve: (decision: Decision) => void; reject: (error: Error) => void }[] = [];
  const decide: Decide = (stream) =>
    new Promise<Decision>((resolve, reject) => pending.push({ stream, resolve, reject }));
  return { pending, decide };
}

describe('a conversation with HAProxy', () => {
  const conversation = Buffer.concat([
    haproxyHello,
    notify('00 01', whereLiveA),
    notify('f000 01', whereLiveA),
    haproxyDisconnectNormal,
  ]);
  const expected = Buffer.concat([
    agentHello,
    ack('00 01', locatedOnMtx1),
    ack('f000 01', locatedOnMtx1),
    agentDisconnectNormal,
  ]);

  it.each(feedings(conversation))('is the same however its bytes arrive: $name', async ({ chunks }) => {
    const asked: string[][] = [];
    const peer = connect((stream, session) => {
      asked.push([stream, session]);
      return onMtx1;
    });
    for (const chunk of chunks) peer.feed(chunk);
    await settled();
    expect(peer.written()).toEqual(expected);
    expect(peer.ended()).toBe(true);
    expect(asked).toEqual([
      ['live/a', 's1'],
      ['live/a', 's1'],
    ]);
    expect(peer.stats).toMatchObject({
      framesIn: { haproxyHello: 1, haproxyDisconnect: 1, notify: 2, other: 0 },
      framesOut: { agentHello: 1, agentDisconnect: 1, ack: 2 },
      disconnectsSent: { normal: 1 },
      disconnectsReceived: { normal: 1 },
      decisions: { byState: { located: 2, placed: 0, unknown: 0 } },
      waiting: 0,
    });
  });

  it.each(recordedVersions)('goes as HAProxy %s leads it', async (version) => {
    const frames = recordedFrames(version).filter(
      ({ name }) => name !== 'healthcheck' && !name.startsWith('disconnect'),
    );
    const ids = frames.filter(({ name }) => name.startsWith('notify')).map(({ bytes }) => bytes.toString('hex', 9, 11));
    const unanswerable = new Set(
      ['notify-session-null', 'notify-all-types'].map((name) => recordedFrame(version, name).toString('hex', 9, 11)),
    );
    const replies = ids.map((id) => ack(id, unanswerable.has(id) ? unknownAnswer : locatedOnMtx1));
    for (const { chunks } of feedings(Buffer.concat(frames.map(({ bytes }) => bytes)))) {
      const peer = connect();
      for (const chunk of chunks) peer.feed(chunk);
      await settled();
      expect(peer.written().equals(Buffer.concat([agentHello, ...replies]))).toBe(true);
      peer.duplex.destroy();
    }
    expect(replies.length).toBeGreaterThan(6);
  });

  it.each(recordedVersions)('is short for a health check of HAProxy %s', async (version) => {
    const peer = connect();
    peer.feed(recordedFrame(version, 'healthcheck'));
    await settled();
    expect(peer.writes).toEqual([agentHelloWithoutCapabilities]);
    expect(peer.ended()).toBe(true);
    expect(peer.stats.healthchecks).toBe(1);
    expect(peer.lines).toEqual([]);
  });

  it('ends a health check with a DISCONNECT while the server drains', async () => {
    const peer = connect(decideMtx1, { draining: true });
    peer.feed(recordedFrame('2.6', 'healthcheck'));
    await settled();
    expect(peer.writes).toEqual([agentDisconnectNormal]);
  });

  it.each(['disconnect-idle', 'disconnect-stop', 'disconnect-error'])('ends with the recorded %s', async (name) => {
    const peer = await connectOpen();
    peer.feed(recordedFrame('3.0', name));
    await settled();
    expect(peer.writes).toEqual([agentDisconnectNormal]);
    expect(peer.ended()).toBe(true);
    expect(peer.lines).toEqual([expect.stringMatching(name === 'disconnect-error' ? /^warn / : /^debug /)]);
  });

  it('can end before the HELLO', async () => {
    const peer = connect();
    peer.feed(haproxyDisconnectNormal);
    await settled();
    expect(peer.writes).toEqual([agentDisconnectNormal]);
  });
});

describe('writes', () => {
  it('are one a read, for all its ACKs', async () => {
    const peer = await connectOpen();
    peer.feed(Buffer.concat(Array.from({ length: 100 }, () => notify('05 01', whereLiveA))));
    await settled();
    expect(peer.writes).toHaveLength(1);
    expect(peer.written()).toEqual(Buffer.concat(Array.from({ length: 100 }, () => ack('05 01', locatedOnMtx1))));
    peer.feed(Buffer.concat([notify('06 01', whereLiveA), notify('07 01', whereLiveA).subarray(0, 9)]));
    await settled();
    expect(peer.writes).toHaveLength(2);
  });

  it('are one a turn for ACKs that are decided later', async () => {
    const { pending, decide } = createLookups();
    const peer = await connectOpen(decide);
    peer.feed(Buffer.concat([notify('01 01', whereLiveA), notify('02 01', whereLiveA), notify('03 01', whereLiveA)]));
    await settled();
    expect(peer.writes).toEqual([]);
    expect(peer.stats.waiting).toBe(3);
    pending[2]?.resolve(onMtx2);
    pending[0]?.resolve(onMtx1);
    await settled();
    expect(peer.writes).toEqual([Buffer.concat([ack('03 01', placedOnMtx2), ack('01 01', locatedOnMtx1)])]);
    pending[1]?.resolve(onMtx1);
    await settled();
    expect(peer.writes[1]).toEqual(ack('02 01', locatedOnMtx1));
    expect(peer.stats).toMatchObject({ waiting: 0, framesOut: { ack: 3 } });
  });

  it('leave what is known at once before what is looked up', async () => {
    const { pending, decide } = createLookups();
    const peer = await connectOpen((stream, session) => (stream === 'b' ? decide(stream, session) : onMtx1));
    const whereB = '05 7768657265 02 06 73747265616d 08 01 62 07 73657373696f6e 08 00';
    peer.feed(Buffer.concat([notify('01 01', whereB), notify('02 01', whereLiveA)]));
    await settled();
    expect(peer.writes).toEqual([ack('02 01', locatedOnMtx1)]);
    pending[0]?.resolve(onMtx2);
    await settled();
    expect(peer.writes[1]).toEqual(ack('01 01', placedOnMtx2));
  });
});

describe('a NOTIFY that gets no decision', () => {
  it.each([
    ['without messages', ''],
    ['with another message', '05 6f74686572 00'],
    ['without session', '05 7768657265 01 06 73747265616d 08 01 62'],
    ['with a session of another type', '05 7768657265 02 06 73747265616d 08 01 62 07 73657373696f6e 09 01 62'],
  ])('is answered unknown: %s', async (_, messages) => {
    const peer = await connectOpen();
    peer.feed(notify('07 01', messages));
    await settled();
    expect(peer.writes).toEqual([ack('07 01', unknownAnswer)]);
    expect(peer.stats).toMatchObject({ unanswerable: 1, decisions: { byState: { located: 0, unknown: 1 } } });
  });

  it('is answered unknown when the decision throws', async () => {
    const peer = await connectOpen(() => {
      throw new Error('out of order');
    });
    peer.feed(Buffer.concat([notify('01 01', whereLiveA), notify('02 01', whereLiveA)]));
    await settled();
    expect(peer.written()).toEqual(Buffer.concat([ack('01 01', unknownAnswer), ack('02 01', unknownAnswer)]));
    expect(peer.stats.decideFailures).toBe(2);
    expect(peer.lines[0]).toMatch(/^error .*decision failed/);
  });

  it('is answered unknown when the lookup rejects', async () => {
    const { pending, decide } = createLookups();
    const peer = await connectOpen(decide);
    peer.feed(notify('01 01', whereLiveA));
    await settled();
    pending[0]?.reject(new Error('out of order'));
    await settled();
    expect(peer.written()).toEqual(ack('01 01', unknownAnswer));
    expect(peer.stats).toMatchObject({ decideFailures: 1, waiting: 0 });
  });

  it('is answered although it carries ABORT: that is about fragments', async () => {
    const peer = await connectOpen();
    peer.feed(notify('01 01', whereLiveA, '00000003'));
    await settled();
    expect(peer.written()).toEqual(ack('01 01', locatedOnMtx1));
  });
});

describe('skipped frames', () => {
  it.each([
    ['an unknown type', frame('7f', '00 00', 'ffff')],
    ['an unknown type, fragmented', frame('04', '01 01', '', '00000000')],
    ['an aborted fragment', frame('00', '01 01', '', '00000003')],
    ["an agent's type", frame('67', '01 01', '')],
  ])('%s', async (_, bytes) => {
    const peer = await connectOpen();
    peer.feed(Buffer.concat([bytes, notify('01 01', whereLiveA)]));
    await settled();
    expect(peer.writes).toEqual([ack('01 01', locatedOnMtx1)]);
    expect(peer.stats.framesIn.other).toBe(1);
  });
});

describe('a bad frame ends the connection with the status', () => {
  const cases: [name: string, bytes: Buffer, status: string, code: string][] = [
    ['a length above the agreed one', hex('00003ffd'), 'frame-too-big', '03'],
    ['a length of 1.1 GB, which is an HTTP request', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'frame-too-big', '03'],
    ['a length below any', hex('00000006 03000000 0100'), 'invalid-frame', '04'],
    ['ids without end', frame('03', 'ffff ffff', ''), 'invalid-frame', '04'],
    ['a NOTIFY cut in its arguments', notify('01 01', '05 7768657265 02 06 73747265'), 'invalid-frame', '04'],
    ['a NOTIFY with a value of an unknown type', notify('01 01', '01 61 01 01 61 0a'), 'invalid-frame', '04'],
    ['a fragmented NOTIFY', notify('01 01', whereLiveA, '00000000'), 'fragmentation-not-supported', '0a'],
    ['a fragment', frame('00', '01 01', '', '00000000'), 'fragmentation-not-supported', '0a'],
    ['a last fragment without a first', frame('00', '01 01', ''), 'interlaced-frames', '0b'],
    ['a second HELLO', haproxyHello, 'invalid-frame', '04'],
    ['a broken DISCONNECT', frame('02', '00 00', '01'), 'invalid-frame', '04'],
    ['a fragmented DISCONNECT', frame('02', '00 00', '', '00000000'), 'fragmentation-not-supported', '0a'],
  ];

  it.each(cases)('%s', async (_, bytes, status, code) => {
    const peer = await connectOpen();
    peer.feed(Buffer.concat([notify('01 01', whereLiveA), bytes, notify('02 01', whereLiveA)]));
    await settled();
    expect(peer.writes).toHaveLength(2);
    expect(peer.writes[0]).toEqual(ack('01 01', locatedOnMtx1));
    expect(peer.writes[1]?.toString('hex')).toMatch(disconnectWith(code));
    expect(peer.ended()).toBe(true);
    expect(peer.stats.disconnectsSent).toMatchObject({ [status]: 1 });
    expect(peer.lines).toEqual([expect.stringMatching(/^warn SPOE: closing a connection/)]);
  });

  it.each(cases)('%s, however it arrives', async (_, bytes, status) => {
    for (const { chunks } of feedings(bytes)) {
      const peer = connect();
      peer.feed(haproxyHello);
      for (const chunk of chunks) peer.feed(chunk);
      await settled();
      expect(peer.stats.disconnectsSent).toMatchObject({ [status]: 1 });
      peer.duplex.destroy();
    }
  });

  it.each([
    ['a NOTIFY', notify('01 01', whereLiveA), '04'],
    ['a HELLO of version 1.0', Buffer.from(haproxyHello.toString('latin1').replace('2.0', '1.0'), 'latin1'), '08'],
    ['a fragmented HELLO', frame('01', '00 00', '', '00000000'), '0a'],
    ['an empty HELLO', frame('01', '00 00', ''), '05'],
  ])('%s at the beginning', async (_, bytes, code) => {
    const peer = connect();
    peer.feed(bytes);
    await settled();
    expect(peer.writes).toHaveLength(1);
    expect(peer.writes[0]?.toString('hex')).toMatch(disconnectWith(code));
  });

  it('a frame above the maximum that the HELLOs agreed on', async () => {
    const peer = connect();
    const hello = Buffer.from(haproxyHello.toString('hex').replace('03fcf006', '03f001'), 'hex');
    hello.writeUInt32BE(hello.length - 4, 0);
    peer.feed(Buffer.concat([hello, hex('00000101')]));
    await settled();
    expect(peer.writes[1]?.toString('hex')).toMatch(disconnectWith('03'));
  });

  it('what comes after is read and dropped, until the peer closes too', async () => {
    const peer = await connectOpen();
    peer.feed(hex('ffffffff'));
    for (let index = 0; index < 50; index++) peer.feed(notify('02 01', whereLiveA));
    await settled();
    expect(peer.duplex.readableLength).toBe(0);
    expect(peer.writes).toHaveLength(1);
    expect(peer.closed()).toBe(0);
    peer.finish();
    await settled();
    expect(peer.closed()).toBe(1);
    expect(peer.stats.framesIn.notify).toBe(0);
  });
});

describe('back-pressure', () => {
  it('stops reading while the peer does not read, and loses nothing', async () => {
    const peer = await connectOpen(decideMtx1, {}, 1000);
    peer.stall();
    const total = 500;
    for (let index = 0; index < total; index++) {
      peer.feed(notify('01 01', whereLiveA));
      await new Promise((resolve) => setImmediate(resolve));
    }
    // 41-byte ACKs: the high-water mark is reached within 25 of them.
    expect(peer.duplex.isPaused()).toBe(true);
    expect(peer.stats.framesOut.ack).toBeLessThanOrEqual(25);
    expect(peer.duplex.writableLength).toBeLessThan(1100);
    peer.release();
    while (peer.stats.framesOut.ack < total) await settled();
    await settled();
    expect(peer.written()).toEqual(Buffer.concat(Array.from({ length: total }, () => ack('01 01', locatedOnMtx1))));
  });

  it('stops reading while too many lookups wait', async () => {
    const { pending, decide } = createLookups();
    const peer = await connectOpen(decide, { maxWaitingPerConnection: 3 });
    for (const ids of ['01 01', '02 01', '03 01', '04 01', '05 01']) {
      peer.feed(notify(ids, whereLiveA));
      await settled();
    }
    expect(peer.stats.waiting).toBe(3);
    pending[0]?.resolve(onMtx1);
    await settled();
    expect(peer.stats).toMatchObject({ waiting: 3, framesIn: { notify: 4 }, framesOut: { ack: 1 } });
    for (const lookup of pending) lookup.resolve(onMtx1);
    await settled();
    for (const lookup of pending) lookup.resolve(onMtx1);
    await settled();
    expect(peer.stats).toMatchObject({ waiting: 0, framesOut: { ack: 5 } });
    expect(peer.duplex.isPaused()).toBe(false);
  });

  it('does not keep a peer that never reads from being closed', async () => {
    const peer = await connectOpen(decideMtx1, { lingerMs: 1 }, 100);
    peer.stall();
    for (let index = 0; index < 10; index++) peer.feed(notify('01 01', whereLiveA));
    await settled();
    const closed = new Promise((resolve) => peer.duplex.once('close', resolve));
    peer.connection.stop();
    await closed;
    expect(peer.closed()).toBe(1);
  });
});

describe('the end of a connection', () => {
  it('comes without a HELLO in time', async () => {
    const peer = connect(decideMtx1, { helloTimeoutMs: 1 });
    const ended = new Promise((resolve) => peer.duplex.once('finish', resolve));
    peer.feed(haproxyHello.subarray(0, 20));
    await ended;
    expect(peer.written().toString('hex')).toMatch(disconnectWith('02'));
    expect(peer.stats.disconnectsSent.timeout).toBe(1);
  });

  it('comes when the peer closes, also in the middle of a frame', async () => {
    const peer = await connectOpen();
    peer.feed(notify('01 01', whereLiveA).subarray(0, 20));
    peer.finish();
    await settled();
    expect(peer.closed()).toBe(1);
    expect(peer.writes).toEqual([]);
    expect(peer.lines).toEqual([]);
  });

  it('drops lookups that wait', async () => {
    const { pending, decide } = createLookups();
    const peer = await connectOpen(decide);
    peer.feed(notify('01 01', whereLiveA));
    await settled();
    expect(peer.stats.waiting).toBe(1);
    peer.duplex.destroy();
    await settled();
    expect(peer.stats.waiting).toBe(0);
    pending[0]?.resolve(onMtx1);
    await settled();
    expect(peer.writes).toEqual([]);
    expect(peer.stats).toMatchObject({ waiting: 0, framesOut: { ack: 0 } });
  });

  it.each(['ECONNRESET', 'EPIPE'])('by %s is normal', async (code) => {
    const peer = await connectOpen();
    peer.duplex.destroy(Object.assign(new Error(code), { code }));
    await settled();
    expect(peer.closed()).toBe(1);
    expect(peer.lines).toEqual([]);
    expect(peer.stats.socketErrors).toBe(0);
  });

  it('by another error is told', async () => {
    const peer = await connectOpen();
    peer.duplex.destroy(Object.assign(new Error('no route'), { code: 'EHOSTUNREACH' }));
    await settled();
    expect(peer.closed()).toBe(1);
    expect(peer.lines).toEqual(['warn SPOE: a connection broke']);
    expect(peer.stats.socketErrors).toBe(1);
  });
});

describe('stopping', () => {
  it('answers what waits with unknown, then disconnects', async () => {
    const { pending, decide } = createLookups();
    const peer = await connectOpen(decide);
    peer.feed(Buffer.concat([notify('01 01', whereLiveA), notify('02 01', whereLiveA)]));
    await settled();
    pending[1]?.resolve(onMtx1);
    peer.connection.stop();
    await settled();
    expect(peer.written()).toEqual(
      Buffer.concat([ack('01 01', unknownAnswer), ack('02 01', unknownAnswer), agentDisconnectNormal]),
    );
    pending[0]?.resolve(onMtx1);
    await settled();
    expect(peer.writes).toHaveLength(2);
    peer.connection.stop();
    expect(peer.writes).toHaveLength(2);
  });
});

describe('the time that decisions take', () => {
  const counts = (seconds: Record<number, number>, bounds: readonly number[]) =>
    [...bounds, Number.POSITIVE_INFINITY].map((bound) => seconds[bound] ?? 0);

  it('is one measurement for the decisions of a read, and its own for a later one', async () => {
    const { pending, decide } = createLookups();
    let asked = 0;
    const recordDecision = jest.fn();
    const peer = await connectOpen(
      (stream, session) => {
        asked++;
        if (asked === 3) return decide(stream, session);
        peer.clock.nowMs += 0.01;
        return onMtx1;
      },
      { recordDecision },
    );
    peer.feed(Buffer.concat(['01 01', '02 01', '03 01'].map((ids) => notify(ids, whereLiveA))));
    await settled();
    peer.clock.nowMs += 30;
    pending[0]?.resolve(onMtx2);
    await settled();
    const { time } = peer.stats.decisions;
    expect(time.counts).toEqual(counts({ 0.000025: 2, 0.05: 1 }, time.upperBoundsSeconds));
    expect(time.sumSeconds).toBeCloseTo(0.00002 * 2 + 0.03002);
    expect(recordDecision.mock.calls).toEqual([
      [0.02, 2, 0],
      [30.02, 1, 0],
    ]);
  });

  it('is recorded with how many were answered unknown', async () => {
    const { pending, decide } = createLookups();
    const recordDecision = jest.fn();
    let asked = 0;
    const peer = await connectOpen(
      (stream, session) => {
        asked++;
        if (asked === 1) throw new Error('a bug');
        return asked === 2 ? onMtx1 : decide(stream, session);
      },
      { recordDecision },
    );
    peer.feed(Buffer.concat(['01 01', '02 01', '03 01'].map((ids) => notify(ids, whereLiveA))));
    await settled();
    peer.clock.nowMs += 5;
    pending[0]?.reject(new Error('a bug'));
    await settled();
    expect(recordDecision.mock.calls).toEqual([
      [0, 2, 1],
      [5, 1, 1],
    ]);
  });
});
