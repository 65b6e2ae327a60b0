import fc from 'fast-check';
import { recordNothing } from '../../../src/measure/record-time';
import type { Decision } from '../../../src/router/decision';
import { createAckBatch } from '../../../src/spoe/ack-batch';
import { createAnswers } from '../../../src/spoe/answers';
import { createConnection, type Decide } from '../../../src/spoe/connection';
import { createSpoeStats } from '../../../src/spoe/stats';
import { ack, agentHello, frame, haproxyHello, locatedOnMtx1, notify, placedOnMtx2, unknownAnswer } from './golden';
import { createMemoryDuplex, settled } from './memory-duplex';
import { createRecordingLog } from './recording-log';

const onMtx1: Decision = { state: 'located', server: 'mtx1' };
const onMtx2: Decision = { state: 'placed', server: 'mtx2' };

/** The stream's name says how its decision comes about. */
const decide: Decide = (stream) => {
  switch (stream.slice(0, 4)) {
    case 'late':
      return new Promise((resolve) => setImmediate(() => resolve(onMtx2)));
    case 'soon':
      return Promise.resolve(onMtx2);
    case 'oops':
      throw new Error('out of order');
    case 'fail':
      return Promise.reject(new Error('out of order'));
    default:
      return onMtx1;
  }
};

function actionsFor(stream: string): Buffer {
  const kind = stream.slice(0, 4);
  if (kind === 'late' || kind === 'soon') return placedOnMtx2;
  return kind === 'oops' || kind === 'fail' ? unknownAnswer : locatedOnMtx1;
}

function connect() {
  const peer = createMemoryDuplex();
  const { log, lines } = createRecordingLog();
  const stats = createSpoeStats();
  let closed = false;
  const connection = createConnection(
    peer.duplex,
    {
      decide,
      answers: createAnswers(log),
      batch: createAckBatch(),
      stats,
      recordDecision: recordNothing,
      log,
      nowMs: () => 0,
      maxFrameSizeBytes: 16_380,
      helloTimeoutMs: 60_000,
      maxWaitingPerConnection: 5,
      lingerMs: 60_000,
      draining: false,
    },
    '127.0.0.1',
    () => {
      closed = true;
    },
  );
  peer.duplex.on('data', (bytes: Buffer) => connection.read(bytes));
  return { ...peer, stats, lines, closed: () => closed };
}

function cut(bytes: Buffer, sizes: number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let offset = 0, index = 0; offset < bytes.length; index++) {
    const size = sizes[index % sizes.length] ?? 1;
    chunks.push(bytes.subarray(offset, offset + size));
    offset += size;
  }
  return chunks;
}

/** Whole frames without their lengths; throws when the bytes do not end with one. */
function split(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const end = offset + 4 + bytes.readUInt32BE(offset);
    if (end > bytes.length) throw new Error('The last frame is not whole');
    frames.push(bytes.subarray(offset, end));
    offset = end;
  }
  return frames;
}

const byteHex = (value: number) => value.toString(16).padStart(2, '0');
/** A string shorter than 240 bytes: its length is one byte. */
const stringHex = (text: string) => byteHex(Buffer.byteLength(text)) + Buffer.from(text).toString('hex');

const text = fc.string({ unit: 'grapheme', maxLength: 8 });
const typedData = fc.oneof(
  fc.constantFrom(
    '00',
    '01',
    '11',
    '02 05',
    '03 f000',
    '04 fbf0fefefefefefefe0e',
    '05 00',
    '06 7f000001',
    `07 ${'00'.repeat(16)}`,
  ),
  text.map((value) => `08 ${stringHex(value)}`),
  text.map((value) => `09 ${stringHex(value)}`),
);
const otherArguments = fc.array(
  fc.tuple(
    text.map((name) => `x${name}`),
    typedData,
  ),
  { maxLength: 3 },
);
const otherMessage = otherArguments.map(
  (all) =>
    `${stringHex('other')} ${byteHex(all.length)} ${all.map(([name, value]) => `${stringHex(name)} ${value}`).join('')}`,
);
const question = fc.record({
  kind: fc.constantFrom('now/', 'late', 'soon', 'oops', 'fail'),
  name: text,
  session: text,
  others: otherArguments,
  before: fc.array(otherMessage, { maxLength: 2 }),
  after: fc.array(otherMessage, { maxLength: 2 }),
});
const varintHex = fc.constantFrom('00', '01', 'ef', 'f000', 'f08000', 'fff0fefe7e');

/** What HAProxy might send, with the ACK that it must get; the ids are made unique by the frame-id. */
const validFrame = fc.oneof(
  { weight: 6, arbitrary: fc.record({ streamId: varintHex, question }) },
  { weight: 1, arbitrary: fc.constantFrom(frame('2a', '00 00', '0102'), frame('00', '01 01', '', '00000003')) },
);

describe('a connection, fuzzed', () => {
  it('answers every valid NOTIFY exactly once, whatever the cuts and however it is decided', async () => {
    const chunkSizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 2000 })), {
      minLength: 1,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(validFrame, { maxLength: 30 }), chunkSizes, async (frames, sizes) => {
        const expected: string[] = [];
        const bytes = frames.map((each, index) => {
          if (!('question' in each)) return each;
          const { kind, name, session, others, before, after } = each.question;
          const ids = `${each.streamId} ${byteHex(index + 1)}`;
          expected.push(ack(ids, actionsFor(kind + name)).toString('hex'));
          const all = [
            ...others.map(([key, value]) => `${stringHex(key)} ${value}`),
            `${stringHex('stream')} 08 ${stringHex(kind + name)}`,
            `${stringHex('session')} 08 ${stringHex(session)}`,
          ];
          return notify(
            ids,
            [...before, `${stringHex('where')} ${byteHex(all.length)} ${all.join('')}`, ...after].join(''),
          );
        });
        const peer = connect();
        for (const chunk of cut(Buffer.concat([haproxyHello, ...bytes]), sizes)) {
          peer.feed(chunk);
          if (chunk.length % 3 === 0) await settled();
        }
        do await settled();
        while (peer.stats.waiting > 0);
        await settled();
        const [hello, ...acks] = split(peer.written());
        expect(hello).toEqual(agentHello);
        expect(acks.map((each) => each.toString('hex')).sort()).toEqual(expected.sort());
        expect(peer.stats.framesOut.ack).toBe(expected.length);
        expect(peer.stats.disconnectsSent.normal).toBe(0);
        expect(peer.ended()).toBe(false);
        peer.duplex.destroy();
      }),
      { numRuns: 150 },
    );
  });

  it('survives any bytes: writes whole frames, at most one DISCONNECT and that last, and closes', async () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
      fc
        .uint8Array({ minLength: 7, maxLength: 60 })
        .map((bytes) => frame('', '', Buffer.from(bytes).toString('hex'), '')),
      fc
        .tuple(fc.uint8Array({ maxLength: 40 }), fc.constantFrom('00', '01', '02', '03', '2a'), varintHex)
        .map(([bytes, type, ids]) => frame(type, `${ids} 01`, Buffer.from(bytes).toString('hex'))),
      fc.constant(haproxyHello),
    );
    const sizes = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.array(piece, { maxLength: 8 }), sizes, async (greet, pieces, chunkSizes) => {
        const peer = connect();
        for (const chunk of cut(Buffer.concat([...(greet ? [haproxyHello] : []), ...pieces]), chunkSizes))
          peer.feed(chunk);
        await settled();
        const types = split(peer.written()).map((each) => each[4]);
        expect(types.indexOf(102)).toBe(peer.stats.framesOut.agentDisconnect === 0 ? -1 : types.length - 1);
        expect(peer.ended()).toBe(types.includes(102) || peer.stats.healthchecks > 0);
        peer.finish();
        while (!peer.closed()) await settled();
        expect(peer.stats).toMatchObject({ waiting: 0, socketErrors: 0 });
      }),
      { numRuns: 500 },
    );
  });

  it('survives a change of any byte of a conversation', async () => {
    const conversation = Buffer.concat([
      haproxyHello,
      notify(
        '01 01',
        `${stringHex('where')} 02 ${stringHex('stream')} 08 ${stringHex('late')} ${stringHex('session')} 08 ${stringHex('s')}`,
      ),
      notify(
        '02 01',
        `${stringHex('where')} 02 ${stringHex('stream')} 08 ${stringHex('now')} ${stringHex('session')} 08 ${stringHex('s')}`,
      ),
    ]);
    for (let at = 0; at < conversation.length; at++) {
      for (const change of [0x01, 0x80, 0xff]) {
        const bytes = Buffer.from(conversation);
        bytes[at] = (bytes[at] ?? 0) ^ change;
        const peer = connect();
        peer.feed(bytes);
        await settled();
        split(peer.written());
        expect(peer.stats.framesOut.ack).toBeLessThanOrEqual(2);
        peer.finish();
        while (!peer.closed()) await settled();
        expect(peer.stats.waiting).toBe(0);
      }
    }
  });
});
