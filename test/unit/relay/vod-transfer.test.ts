import type { FilePart } from '../../../src/relay/file-part';
import type { VodAnswer } from '../../../src/relay/vod-answer';
import { createVodTransfer, type VodTransfer } from '../../../src/relay/vod-transfer';

const whole: FilePart = { start: 0, end: 1_000_000, total: 1_000_000, isMultipart: false };

const answer = (source: number, part: FilePart = whole): VodAnswer => ({
  status: 200,
  headers: {},
  part,
  validators: { entityTag: '"1"', lastModified: undefined, isDateStrong: false },
  source,
});

function rest(transfer: VodTransfer): number[] {
  const sources: number[] = [];
  for (let source = transfer.next(); source !== undefined; source = transfer.next()) sources.push(source);
  return sources;
}

test('tries each source once, in order, until a byte has come', () => {
  const transfer = createVodTransfer(3);
  expect(transfer.next()).toBe(0);
  transfer.fail();
  expect(rest(transfer)).toEqual([1, 2]);
  expect(transfer.continuation).toBeUndefined();
  expect(rest(createVodTransfer(0))).toEqual([]);
});

test('after a break asks the same source once, then those behind it, then those before it', () => {
  const transfer = createVodTransfer(4);
  transfer.begin(answer(2));
  expect(transfer.take(10)).toBe(true);
  transfer.fail();
  expect(transfer.continuation).toMatchObject({ position: 10, told: { source: 2 }, last: { source: 2 } });
  expect(rest(transfer)).toEqual([2, 3, 0, 1]);
});

test('begins anew after progress only', () => {
  const transfer = createVodTransfer(2);
  transfer.begin(answer(0));
  transfer.take(10);
  transfer.fail();
  expect(transfer.next()).toBe(0);
  transfer.begin(answer(0));
  transfer.take(65_535);
  transfer.fail();
  expect(transfer.next()).toBe(1);
  transfer.begin(answer(1));
  transfer.take(1);
  transfer.fail();
  expect(rest(transfer)).toEqual([1, 0]);
  transfer.fail();
  expect(rest(transfer)).toEqual([]);
});

test.each<readonly [string, FilePart]>([
  ['several ranges', { ...whole, isMultipart: true }],
  ['a body of unknown length', { ...whole, end: undefined, total: undefined }],
  ['a part of a file of unknown length', { ...whole, total: undefined }],
])('does not go on with %s', (_, part) => {
  const transfer = createVodTransfer(2);
  transfer.begin(answer(0, part));
  transfer.take(10);
  transfer.fail();
  expect(rest(transfer)).toEqual([]);
});

test('is whole when the last byte has come, and takes none behind it', () => {
  const transfer = createVodTransfer(2);
  const first = answer(0, { ...whole, start: 100, end: 200 });
  transfer.begin(first);
  expect(transfer.isReading(first)).toBe(true);
  expect(transfer.take(99)).toBe(true);
  expect(transfer.isWhole).toBe(false);
  expect(transfer.take(1)).toBe(true);
  expect(transfer.isWhole).toBe(true);
  expect(transfer.take(1)).toBe(false);
  transfer.fail();
  expect(rest(transfer)).toEqual([]);
});
