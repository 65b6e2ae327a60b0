import { findBox, makeBox, makeFullBox, readBoxes, uint32s } from '../../../src/sim/box';

// Bytes written by hand after ISO/IEC 14496-12, 4.2.
const inner = [0, 0, 0, 12, 0x6d, 0x66, 0x68, 0x64, 1, 2, 3, 4];
const file = Buffer.from([0, 0, 0, 20, 0x6d, 0x6f, 0x6f, 0x66, ...inner, 0, 0, 0, 8, 0x66, 0x72, 0x65, 0x65]);

it('reads boxes side by side, and one in the other', () => {
  expect(readBoxes(file)).toEqual([
    { type: 'moof', start: 0, contentStart: 8, end: 20 },
    { type: 'free', start: 20, contentStart: 28, end: 28 },
  ]);
  expect(findBox(file, ['moof', 'mfhd'])).toEqual({ type: 'mfhd', start: 8, contentStart: 16, end: 20 });
});

it('writes boxes', () => {
  expect(makeBox('moof', Buffer.from(inner))).toEqual(file.subarray(0, 20));
  expect([...makeFullBox('tfdt', 1, 0x20000, uint32s(0xffffffff))]).toEqual([
    0, 0, 0, 16, 0x74, 0x66, 0x64, 0x74, 1, 2, 0, 0, 255, 255, 255, 255,
  ]);
});

it.each([
  ['longer than the file', [0, 0, 0, 9, 0x66, 0x72, 0x65, 0x65]],
  ['shorter than its header', [0, 0, 0, 7, 0x66, 0x72, 0x65, 0x65]],
  ['cut in its header', [0, 0, 0, 8, 0x66]],
])('refuses a box that is %s', (_, bytes) => {
  expect(() => readBoxes(Buffer.from(bytes))).toThrow(RangeError);
});

it('says which box is missing', () => {
  expect(() => findBox(file, ['moof', 'traf'])).toThrow("no box 'traf'");
});
