import fc from 'fast-check';
import { createRing } from '../../../src/relay/ring';

const runs = fc.array(fc.uint8Array({ minLength: 0, maxLength: 40 }).map((bytes) => Buffer.from(bytes)));

test('gives from any place that is there what was written from there on', () => {
  fc.assert(
    fc.property(runs, fc.integer({ min: 1, max: 200 }), (written, maxBytes) => {
      const ring = createRing(maxBytes);
      const all: Buffer[] = [];
      for (const run of written) {
        ring.write(run);
        all.push(run);
        const stream = Buffer.concat(all);
        const longest = Math.max(0, ...all.map(({ length }) => length));
        expect(ring.end).toBe(stream.length);
        expect(ring.end - ring.start).toBeLessThanOrEqual(Math.max(maxBytes, longest));
        for (let place = ring.start; place < ring.end; place++) {
          const bytes = ring.read(place) ?? Buffer.alloc(0);
          expect(bytes.length).toBeGreaterThan(0);
          expect(bytes.equals(stream.subarray(place, place + bytes.length))).toBe(true);
        }
        expect(ring.read(ring.end)).toBeUndefined();
      }
    }),
    { numRuns: 60 },
  );
});

test('keeps as much as it may, and the newest run in any case', () => {
  const ring = createRing(100);
  for (let index = 0; index < 50; index++) ring.write(Buffer.alloc(30));
  expect([ring.start, ring.end]).toEqual([1_410, 1_500]);
  ring.write(Buffer.alloc(500));
  expect([ring.start, ring.end]).toEqual([1_500, 2_000]);
});

test('gives the very buffers that were written, to everybody', () => {
  const ring = createRing(100);
  const run = Buffer.from('packets');
  ring.write(run);
  ring.write(Buffer.from('more'));
  expect(ring.read(0)).toBe(run);
  expect(ring.read(0)).toBe(run);
  expect(ring.read(3)?.buffer).toBe(run.buffer);
});

test('knows no place before its start or behind its end', () => {
  const ring = createRing(10);
  expect(ring.read(0)).toBeUndefined();
  ring.write(Buffer.alloc(10));
  ring.write(Buffer.alloc(10));
  expect(() => ring.read(9)).toThrow(RangeError);
  expect(() => ring.read(21)).toThrow(RangeError);
});
