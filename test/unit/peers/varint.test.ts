import fc from 'fast-check';
import { encodeVarint, readVarint } from '../../../src/peers/varint';
import { hex } from '../spoe/hex';

const cases: [value: number, bytes: string][] = [
  [0, '00'],
  [239, 'ef'],
  [240, 'f000'],
  [2287, 'ff7f'],
  [2288, 'f08000'],
  [3000, 'f8ac00'],
  [264_431, 'ffff7f'],
  [264_432, 'f0808000'],
  [600_000, 'f0eda301'],
  [0x80001, 'f1f1fe00'],
  [4_294_967_295, 'fff0fefe7e'],
];

function read(bytes: Buffer, offset = 0, end = bytes.length): { value: number; offset: number } {
  const cursor = { bytes, offset, end };
  return { value: readVarint(cursor), offset: cursor.offset };
}

describe('varint', () => {
  it.each(cases)('reads and writes %d as %s, and nothing from a part of it', (value, text) => {
    const bytes = hex(`aa${text}ff`);
    expect(read(bytes, 1)).toEqual({ value, offset: bytes.length - 1 });
    for (let end = 1; end < bytes.length - 1; end++) expect(read(bytes, 1, end)).toEqual({ value: -1, offset: 1 });
    expect(Buffer.from(encodeVarint(value)).toString('hex')).toBe(text);
  });

  it('reads ten bytes (-5, its sign extended to 64 bits) and refuses eleven', () => {
    expect(read(hex('fbf0fefefefefefefe0e'))).toEqual({ value: 2 ** 64, offset: 10 });
    expect(read(hex('ffffffffffffffffffff00')).value).toBe(-1);
  });

  it.each([-1, 0.5, 2 ** 53, Number.NaN])('refuses to write %d', (value) => {
    expect(() => encodeVarint(value)).toThrow(`not ${value}`);
  });

  it('reads what it wrote, for every safe integer', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const bytes = Buffer.from(encodeVarint(value));
        expect(read(bytes)).toEqual({ value, offset: bytes.length });
      }),
    );
  });
});
