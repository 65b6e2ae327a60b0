import fc from 'fast-check';
import {
  brokenString,
  encodeString,
  encodeTypedData,
  otherString,
  readKnownString,
  readTypedData,
  skipTypedData,
  type TypedValue,
} from '../../../src/spoe/typed-data';
import { hex } from './hex';

const cases: [name: string, bytes: string, value: TypedValue][] = [
  ['NULL', '00', null],
  ['BOOL false', '01', false],
  ['BOOL true', '11', true],
  ['INT32', '02 05', 5],
  ['INT32 below zero, as HAProxy extends it', '02 fbf0fefefefefefefe0e', 2 ** 64],
  ['UINT32', '03 fcf006', 16_380],
  ['INT64', '04 f080808000', 33_818_864],
  ['UINT64', '05 ef', 239],
  ['IPV4', '06 c0000207', hex('c0000207')],
  ['IPV6', '07 20010db8000000000000000000000001', hex('20010db8000000000000000000000001')],
  ['empty STRING', '08 00', ''],
  ['STRING', '08 06 6c6976652f61', 'live/a'],
  ['STRING in UTF-8', '08 05 636166c3a9', 'café'],
  ['STRING of 240 bytes', `08 f000 ${'61'.repeat(240)}`, 'a'.repeat(240)],
  ['STRING that is not UTF-8', '08 02 ff61', '�a'],
  ['BINARY', '09 02 00ff', hex('00ff')],
  ['reserved flags on a STRING', 'f8 01 61', 'a'],
];

describe('typed data', () => {
  it.each(cases)('%s is read and skipped to the same place', (_, text, value) => {
    const bytes = Buffer.concat([hex(text), hex('aa')]);
    const cursor = { bytes, offset: 0, end: bytes.length };
    const read = readTypedData(cursor);
    expect(read instanceof Uint8Array ? Buffer.from(read) : read).toEqual(value);
    expect(cursor.offset).toBe(bytes.length - 1);
    cursor.offset = 0;
    expect(skipTypedData(cursor)).toBe(true);
    expect(cursor.offset).toBe(bytes.length - 1);
  });

  it.each(cases)('%s is not read from a part of it', (_, text) => {
    const bytes = hex(text);
    for (let end = 0; end < bytes.length; end++) {
      expect(readTypedData({ bytes, offset: 0, end })).toBeUndefined();
      expect(skipTypedData({ bytes, offset: 0, end })).toBe(false);
    }
  });

  it.each([10, 11, 12, 13, 14, 15])('type %d is unknown, so nothing after it can be read', (type) => {
    const bytes = Buffer.of(type, 1, 2, 3);
    expect(readTypedData({ bytes, offset: 0, end: 4 })).toBeUndefined();
    expect(skipTypedData({ bytes, offset: 0, end: 4 })).toBe(false);
  });

  it('finds known strings without decoding them', () => {
    const known = [Buffer.from('stream'), Buffer.from('session')];
    const index = (text: string) => {
      const bytes = hex(text);
      return readKnownString({ bytes, offset: 0, end: bytes.length }, known);
    };
    expect(index('06 73747265616d')).toBe(0);
    expect(index('07 73657373696f6e')).toBe(1);
    expect(index('06 73747265616e')).toBe(otherString);
    expect(index('05 7374726561')).toBe(otherString);
    expect(index('00')).toBe(otherString);
    expect(index('06 7374726561')).toBe(brokenString);
    expect(index('')).toBe(brokenString);
  });

  it('writes what an agent has to say', () => {
    expect(Buffer.from(encodeTypedData('live/a'))).toEqual(hex('08 06 6c6976652f61'));
    expect(Buffer.from(encodeTypedData('é'))).toEqual(hex('08 02 c3a9'));
    expect(Buffer.from(encodeTypedData(16_380))).toEqual(hex('03 fcf006'));
    expect(Buffer.from(encodeString('state'))).toEqual(hex('05 7374617465'));
  });

  it('never throws and never leaves its bounds, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(40), (noise, cut) => {
        const bytes = Buffer.from(noise);
        const end = Math.min(cut, bytes.length);
        const reading = { bytes, offset: 0, end };
        const skipping = { bytes, offset: 0, end };
        expect(skipTypedData(skipping)).toBe(readTypedData(reading) !== undefined);
        expect(reading.offset).toBeLessThanOrEqual(end);
        expect(skipping.offset).toBe(reading.offset);
      }),
      { numRuns: 2000 },
    );
  });
});
