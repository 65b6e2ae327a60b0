import { Readable } from 'node:stream';
import { textAtMost } from '../../../src/wire';

const bodyOf = (...parts: readonly string[]) => Readable.from(parts.map((part) => Buffer.from(part)));

test.each([
  [[], ''],
  [['ab', 'cde'], 'abcde'],
  [['abc', 'def'], undefined],
])('of %j, with at most 5 bytes', async (parts, text) => {
  expect(await textAtMost(bodyOf(...parts), 5)).toBe(text);
});

test('letters are put together over the pieces', async () => {
  const [first, second] = [Buffer.from('é').subarray(0, 1), Buffer.from('é').subarray(1)];
  expect(await textAtMost(Readable.from([first, second]), 5)).toBe('é');
});

test('what is too long is closed', async () => {
  const body = bodyOf('abc', 'def', 'ghi');
  await textAtMost(body, 5);
  expect(body.destroyed).toBe(true);
});

test('what breaks the body is told', async () => {
  const body = bodyOf('abc');
  body.destroy(new Error('broken'));
  await expect(textAtMost(body, 5)).rejects.toThrow('broken');
});
