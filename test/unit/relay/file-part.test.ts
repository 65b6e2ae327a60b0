import { rangeFrom, readFilePart } from '../../../src/relay/file-part';

const part = (start: number, end: number | undefined, total: number | undefined) => ({
  start,
  end,
  total,
  isMultipart: false,
});

test.each([
  ['a whole file', 200, { 'content-length': '1000' }, part(0, 1000, 1000)],
  ['a file without length', 200, {}, part(0, undefined, undefined)],
  ['a length that is none', 200, { 'content-length': '1e3' }, part(0, undefined, undefined)],
  ['a length past all numbers', 200, { 'content-length': '9'.repeat(40) }, part(0, undefined, undefined)],
  ['a range', 206, { 'content-range': 'bytes 5-9/1000' }, part(5, 10, 1000)],
  ['a range with its length', 206, { 'content-range': 'bytes 5-9/1000', 'content-length': '5' }, part(5, 10, 1000)],
  ['a unit in capitals', 206, { 'content-range': 'Bytes 5-9/1000' }, part(5, 10, 1000)],
  ['a range of an unknown whole', 206, { 'content-range': 'bytes 5-9/*' }, part(5, 10, undefined)],
  ['a range and another length', 206, { 'content-range': 'bytes 5-9/1000', 'content-length': '6' }, undefined],
  ['a range that ends before it begins', 206, { 'content-range': 'bytes 9-5/1000' }, undefined],
  ['a range behind the end', 206, { 'content-range': 'bytes 5-1000/1000' }, undefined],
  ['no range', 206, {}, undefined],
  ['an unsatisfied range', 206, { 'content-range': 'bytes */1000' }, undefined],
  ['another unit', 206, { 'content-range': 'seconds 5-9/1000' }, undefined],
  [
    'several ranges',
    206,
    { 'content-type': 'multipart/byteranges; boundary=x', 'content-length': '300' },
    { start: 0, end: 300, total: undefined, isMultipart: true },
  ],
])('%s', (_, status, headers, expected) => {
  expect(readFilePart(status, headers)).toEqual(expected);
});

test('asks for what is left of a part, and for the rest of a file by an open end', () => {
  expect(rangeFrom(7, part(5, 10, 1000))).toBe('bytes=7-9');
  expect(rangeFrom(7, part(5, 1000, 1000))).toBe('bytes=7-');
  expect(rangeFrom(7, part(0, undefined, undefined))).toBe('bytes=7-');
});
