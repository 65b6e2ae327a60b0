import fc from 'fast-check';
import { encodeVarint, readVarint } from '../../../src/wire/varint';
import { hex } from '../spoe/hex';

// From HAProxy's include/haproxy/intops.h (encode_varint) and its table in doc/SPOE.txt 3.1.
const cases: [value: number, bytes: string][] = [
  [0, '00'],
  [1, '01'],
  [239, 'ef'],
  [240, 'f000'],
  [2287, 'ff7f'],
  [2288, 'f08000'],
  [3000, 'f8ac00'],
  [16_380, 'fcf006'],
  [264_431, 'ffff7f'],
  [264_432, 'f0808000'],
  [600_000, 'f0eda301'],
  [0x80001, 'f1f1fe00'],
  [33_818_863, 'ffffff7f'],
  [33_818_864, 'f080808000'],
  [4_294_967_295, 'fff0fefe7e'],
  [4_328_786_159, 'ffffffff7f'],
  [4_328_786_160, 'f08080808000'],
];

function read(bytes: Buffer, offset = 0, end = bytes.length): { value: number; offset: number } {
  const cursor = { bytes, offset, end };
  return { value: readVarint(cursor), offset: cursor.offset };
}

describe('varint', () => {
  it.each(cases)('reads and writes %d as %s', (value, bytes) => {
    expect(read(hex(bytes))).toEqual({ value, offset: bytes.length / 2 });
    expect(Buffer.from(encodeVarint(value)).toString('hex')).toBe(bytes);
  });

  it.each(cases)('of %d does not read past its end, nor from a part of it (%s)', (value, text) => {
    const bytes = hex(`aa${text}ff`);
    expect(read(bytes, 1)).toEqual({ value, offset: bytes.length - 1 });
    for (let end = 1; end < bytes.length - 1; end++) expect(read(bytes, 1, end)).toEqual({ value: -1, offset: 1 });
  });

  it('reads the longest 64-bit value and refuses anything longer', () => {
    expect(read(hex('fff0fefefefefefefe0e')).value).toBe(2 ** 64);
    expect(read(hex('ffffffffffffffffffff00')).value).toBe(-1);
  });

  it('reads what HAProxy wrote for -5 (its sign extended to 64 bits)', () => {
    expect(read(hex('fbf0fefefefefefefe0e'))).toEqual({ value: 2 ** 64, offset: 10 });
  });

  it.each([-1, 0.5, 2 ** 53, Number.NaN])('refuses to write %d', (value) => {
    expect(() => encodeVarint(value)).toThrow(`not ${value}`);
  });

  it('agrees with the definition in whole bytes for every safe integer', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const bytes = Buffer.from(encodeVarint(value));
        const sum = bytes.reduce((total, byte, index) => total + (BigInt(byte) << BigInt(index && 7 * index - 3)), 0n);
        expect(sum).toBe(BigInt(value));
        expect(read(bytes)).toEqual({ value, offset: bytes.length });
      }),
    );
  });
});
