import fc from 'fast-check';
import { createSharedSource, type SharedPlace, type SharedReader } from '../../../src/relay/shared-source';
import { type ClipFolder, createClipFolder } from '../../support/ts-clips';
import { until } from '../../support/until';

/** A reader that is told by a test when it takes something. */
interface TestReader {
  readonly place: SharedPlace;
  readonly received: () => Buffer;
  readonly dropped: () => string | undefined;
  /** Where in the stream it began, tables aside. */
  readonly from: number;
  isFull: boolean;
  hasLeft: boolean;
}

const packetLength = 188;
let folder: ClipFolder;
beforeAll(() => {
  folder = createClipFolder();
});
afterAll(() => folder.remove());

/** Packets of a stream that has no tables: whoever joins begins with the next one. */
function packetsOf(count: number, first: number): Buffer {
  const packets = Buffer.alloc(count * packetLength, 0xff);
  for (let index = 0; index < count; index++) {
    packets.set([0x47, 0x01, 0x00, 0x10], index * packetLength);
    packets.writeUInt32BE(first + index, index * packetLength + 4);
  }
  return packets;
}

/** What a reader does with all that a test is not about. */
const deaf: SharedReader = {
  begin: () => undefined,
  write: () => true,
  fill: () => undefined,
  end: () => undefined,
  fail: () => undefined,
  drop: () => undefined,
};

function createTest(maxBytes: number) {
  let resumed = 0;
  const shared = createSharedSource({ maxBytes, onResume: () => resumed++ });
  const written: Buffer[] = [];
  let end = 0;
  const write = (bytes: Buffer): boolean => {
    written.push(bytes);
    end += bytes.length;
    return shared.write([bytes]);
  };
  const join = (isFull = false): TestReader => {
    const received: Buffer[] = [];
    let dropped: string | undefined;
    const reader = { isFull, hasLeft: false, from: end };
    const place = shared.join({
      ...deaf,
      write(runs) {
        received.push(...runs);
        return !reader.isFull;
      },
      drop(reason) {
        expect(reader.isFull).toBe(true);
        dropped = reason;
      },
    });
    return Object.assign(reader, { place, received: () => Buffer.concat(received), dropped: () => dropped });
  };
  return { shared, write, join, resumed: () => resumed, stream: () => Buffer.concat(written) };
}

type Step = { readonly do: 'write' | 'join' | 'fill' | 'resume' | 'leave'; readonly with: number };
const steps = fc.array(
  fc.record({ do: fc.constantFrom('write', 'write', 'write', 'join', 'fill', 'resume', 'leave'), with: fc.nat(20) }),
  { maxLength: 120 },
);

test('every reader has exactly the bytes from its beginning on, in order, up to where it is; or was dropped and told so', () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 60 }), (todo: readonly Step[], maxPackets) => {
      const { shared, stream, write, join } = createTest(maxPackets * packetLength);
      const readers: TestReader[] = [];
      let packets = 0;
      for (const step of todo) {
        const reader = readers[step.with % Math.max(1, readers.length)];
        if (step.do === 'write') {
          write(packetsOf(step.with, packets));
          packets += step.with;
        } else if (step.do === 'join') readers.push(join());
        else if (reader === undefined) continue;
        else if (step.do === 'fill') reader.isFull = true;
        else if (step.do === 'resume') {
          reader.isFull = false;
          reader.place.resume();
        } else {
          reader.hasLeft = true;
          reader.place.leave();
        }
        const all = stream();
        let there = 0;
        for (const { from, received, dropped, isFull, hasLeft, place } of readers) {
          const got = received();
          expect(got.equals(all.subarray(from, from + got.length))).toBe(true);
          const isThere = dropped() === undefined && !hasLeft;
          if (isThere) there++;
          if (isThere && !isFull) expect(from + got.length).toBe(all.length);
          expect(place.lagBytes).toBe(isThere ? all.length - from - got.length : 0);
        }
        expect(shared.readers).toBe(there);
      }
    }),
    { numRuns: 200 },
  );
});

test('a slow reader is dropped and told so, at the moment when what it would read is gone; the others read on', () => {
  const { write, join, stream } = createTest(10 * packetLength);
  const quick = join();
  const slow = join(true);
  write(packetsOf(1, 0));
  for (let index = 1; index <= 10; index++) write(packetsOf(1, index));
  expect(slow.dropped()).toBeUndefined();
  expect(slow.place.lagBytes).toBe(10 * packetLength);
  write(packetsOf(1, 11));
  expect(slow.dropped()).toBe('It read too slowly: it was more than 1880 bytes behind.');
  slow.isFull = false;
  slow.place.resume();
  slow.place.leave();
  expect(slow.received()).toHaveLength(packetLength);
  expect(quick.received().equals(stream())).toBe(true);
});

test('the source is held up only while nobody takes anything', () => {
  const { shared, write, join, resumed } = createTest(100 * packetLength);
  expect(write(packetsOf(1, 0))).toBe(true);
  const one = join(true);
  const other = join();
  expect(write(packetsOf(1, 1))).toBe(true);
  other.isFull = true;
  expect(write(packetsOf(1, 2))).toBe(false);
  expect(resumed()).toBe(0);
  one.isFull = false;
  one.place.resume();
  expect(resumed()).toBe(1);
  one.isFull = true;
  expect(write(packetsOf(1, 3))).toBe(false);
  // Whoever joins goes on at the end, and takes what comes.
  const third = join();
  expect(resumed()).toBe(2);
  third.isFull = true;
  expect(write(packetsOf(1, 4))).toBe(false);
  for (const reader of [one, other, third]) reader.place.leave();
  expect(resumed()).toBe(3);
  expect(shared.readers).toBe(0);
  expect(write(packetsOf(1, 5))).toBe(true);
});

test('the first one’s leaving ends nothing', () => {
  const { write, join, stream } = createTest(100 * packetLength);
  const first = join();
  const second = join();
  write(packetsOf(3, 0));
  first.place.leave();
  write(packetsOf(3, 3));
  expect(first.received()).toHaveLength(3 * packetLength);
  expect(second.received().equals(stream())).toBe(true);
});

test('a reader that leaves or resumes while it is given something does no harm', () => {
  const shared = createSharedSource({ maxBytes: 1_000_000, onResume: () => undefined });
  let given = 0;
  const place = shared.join({
    ...deaf,
    write() {
      given++;
      place.resume();
      place.leave();
      return true;
    },
  });
  shared.write([packetsOf(1, 0), packetsOf(1, 1)]);
  expect(given).toBe(1);
  expect(shared.readers).toBe(0);
});

test('all readers are given the same buffers', () => {
  const { shared } = createTest(1_000_000);
  const seen: Buffer[] = [];
  for (let index = 0; index < 5; index++) shared.join({ ...deaf, write: (runs) => seen.push(...runs) > 0 });
  const run = packetsOf(7, 0);
  shared.write([run]);
  expect(seen).toHaveLength(5);
  for (const bytes of seen) expect(bytes).toBe(run);
});

describe('what a reader is told', () => {
  /** A reader that writes down what it hears. */
  function listener(heard: string[], isFull: () => boolean = () => false): SharedReader {
    return {
      begin: (type) => heard.push(`begin ${type}`),
      write(runs) {
        heard.push(`${Buffer.concat(runs).length} bytes`);
        return !isFull();
      },
      fill: () => heard.push('fill'),
      end: () => heard.push('end'),
      fail: (failures) => heard.push(`fail ${failures.map(({ trigger }) => trigger).join()}`),
      drop: () => heard.push('drop'),
    };
  }

  test('is when it begins, when nothing comes, and its end, which is behind its last byte', () => {
    const { shared } = createTest(1_000_000);
    const early: string[] = [];
    const slow: string[] = [];
    const late: string[] = [];
    let isFull = true;
    shared.join(listener(early));
    const slowPlace = shared.join(listener(slow, () => isFull));
    shared.begin('video/mp2t');
    shared.write([packetsOf(1, 0)]);
    shared.fill(packetsOf(1, 1));
    shared.write([packetsOf(2, 2)]);
    shared.join(listener(late));
    shared.end();
    expect(early).toEqual(['begin video/mp2t', '188 bytes', 'fill', '376 bytes', 'end']);
    expect(slow).toEqual(['begin video/mp2t', '188 bytes']);
    expect(late).toEqual(['begin video/mp2t', 'end']);
    isFull = false;
    slowPlace.resume();
    expect(slow).toEqual(['begin video/mp2t', '188 bytes', '376 bytes', 'end']);
    expect(shared.readers).toBe(0);
  });

  test('is why there is nothing, also when it comes later', () => {
    const { shared } = createTest(1_000_000);
    const early: string[] = [];
    const late: string[] = [];
    shared.join(listener(early));
    shared.fail([{ trigger: 'connect', status: undefined, retryAfterMs: undefined, reason: '' }]);
    shared.join(listener(late));
    expect([early, late]).toEqual([['fail connect'], ['fail connect']]);
    expect(shared.readers).toBe(0);
  });
});

describe('readers who come at once', () => {
  test('get their pieces in turn: the last one does not wait until the others have all that was', async () => {
    const { shared } = createTest(16_000_000);
    const clip = folder.clip({ seconds: 4 });
    const runLength = 7 * packetLength;
    for (let at = 0; at + runLength <= clip.length; at += runLength) shared.write([clip.subarray(at, at + runLength)]);
    const order: number[] = [];
    const places = [0, 1, 2].map((number) =>
      shared.join({
        ...deaf,
        write() {
          order.push(number);
          return true;
        },
      }),
    );
    expect(places.every(({ lagBytes }) => lagBytes > 0)).toBe(true);
    // Each has begun, and none is through.
    expect(new Set(order)).toEqual(new Set([0, 1, 2]));
    await until('all have all', () => places.every(({ lagBytes }) => lagBytes === 0));
    expect(order.lastIndexOf(0)).toBeGreaterThan(order.indexOf(2));
  });
});

describe('a stream with pictures', () => {
  test.each([
    ['H.264', {}],
    ['MPEG-2', { video: ['-c:v', 'mpeg2video', '-g', '25', '-bf', '0'] }],
    ['sound alone', { video: null }],
  ])('a reader that comes later begins with the tables and the last keyframe: %s', async (_, options) => {
    const clip = folder.clip({ seconds: 4, ...options });
    for (const share of [0.3, 0.55, 0.8]) {
      const { write, join } = createTest(16_000_000);
      const runLength = 7 * packetLength;
      const cut = Math.floor((clip.length * share) / runLength) * runLength;
      for (let at = 0; at < cut; at += runLength) write(clip.subarray(at, at + runLength));
      const reader = join();
      const atOnce = reader.received();
      await until('it has the past', () => reader.place.lagBytes === 0);
      for (let at = cut; at < clip.length; at += runLength) write(clip.subarray(at, at + runLength));
      await until('it has all', () => reader.place.lagBytes === 0);
      const all = reader.received();
      expect(atOnce.length).toBeGreaterThan(2 * packetLength);
      // PAT, then PMT, then the stream from a packet on, byte for byte.
      const rest = all.subarray(2 * packetLength);
      expect(clip.subarray(clip.length - rest.length).equals(rest)).toBe(true);
      expect(all.readUInt16BE(1) & 0x1fff).toBe(0);
      expect(folder.complaints(all)).toBe('');
      // Less than the distance of two keyframes is missing of what was there.
      expect(rest.length).toBeLessThan(clip.length - cut + clip.length * 0.3);
    }
  });

  test('a keyframe that the ring has forgotten is none: the reader begins with what comes next', () => {
    const clip = folder.clip({ seconds: 4 });
    const { write, join } = createTest(20 * packetLength);
    const cut = Math.floor((clip.length * 0.6) / packetLength) * packetLength;
    for (let at = 0; at < cut; at += packetLength) write(clip.subarray(at, at + packetLength));
    const reader = join();
    const tables = reader.received();
    write(clip.subarray(cut, cut + packetLength));
    expect(tables.length % packetLength).toBe(0);
    expect(
      reader
        .received()
        .subarray(-packetLength)
        .equals(clip.subarray(cut, cut + packetLength)),
    ).toBe(true);
  });
});
