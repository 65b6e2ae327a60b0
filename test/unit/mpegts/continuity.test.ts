import { createContinuityCheck } from '../../../src/mpegts';
import { createLiveSegments } from '../../../src/sim';

const segment = createLiveSegments();
const two = Buffer.concat([segment(7), segment(8)]);

it('finds nothing in a stream that goes on, over the end of its clip too, however it is cut into pieces', () => {
  for (const size of [two.length, 188, 1000]) {
    const check = createContinuityCheck();
    for (let at = 0; at < two.length; at += size) check.write(two.subarray(at, at + size));
    expect([check.errors, check.lastError, check.packets]).toEqual([0, undefined, two.length / 188]);
  }
});

it('counts null packets as nothing', () => {
  const check = createContinuityCheck();
  const filler = Buffer.alloc(188, 0xff);
  filler.set([0x47, 0x1f, 0xff, 0x10]);
  check.write(Buffer.concat([segment(0), filler, segment(1)]));
  expect(check.errors).toBe(0);
  expect(check.packets).toBe((segment(0).length + segment(1).length) / 188);
});

it.each<[string, Buffer, RegExp]>([
  ['a packet is missing', Buffer.concat([segment(0).subarray(0, 20 * 188), segment(0).subarray(21 * 188)]), /counter/],
  ['a second is missing', Buffer.concat([segment(0), segment(2)]), /time|counter/],
  ['a second comes again', Buffer.concat([segment(0), segment(1), segment(0)]), /time|counter/],
  ['bytes come in between', Buffer.concat([segment(0), Buffer.from('junk'), segment(1)]), /4 bytes that are no packet/],
])('notices when %s', (_what, bytes, reason) => {
  const check = createContinuityCheck();
  check.write(bytes);
  expect(check.errors).toBeGreaterThan(0);
  expect(check.lastError).toMatch(reason);
});
