import fc from 'fast-check';
import { createMessageReader } from '../../../src/peers/message-reader';
import { feedings } from '../spoe/feedings';
import { hex } from '../spoe/hex';
import { firstUpdate, heartbeat, recorded, recordedVersions, sessionsDefinition } from './golden';

/** Every message as hex: class and type, then the body. */
function createReader(maxBodyBytes = 65_536, until = Number.POSITIVE_INFINITY) {
  const messages: string[] = [];
  const reader = createMessageReader(maxBodyBytes, (messageClass, type, { bytes, offset, end }) => {
    messages.push(`${Buffer.of(messageClass, type).toString('hex')} ${bytes.toString('hex', offset, end)}`);
    return messages.length < until;
  });
  return { reader, messages };
}

describe('the message reader', () => {
  const long = Buffer.concat([hex('0a80 f8ac00'), Buffer.alloc(3000, 7)]);
  const bytes = Buffer.concat([heartbeat, sessionsDefinition, heartbeat, firstUpdate, hex('0a8400'), hex('0101')]);
  const expected = [
    '0004 ',
    `0a82 ${sessionsDefinition.subarray(3).toString('hex')}`,
    '0004 ',
    `0a80 ${firstUpdate.subarray(3).toString('hex')}`,
    '0a84 ',
    '0101 ',
  ];

  it.each(feedings(bytes))('cuts messages however their bytes arrive: $name', ({ chunks }) => {
    const { reader, messages } = createReader();
    for (const chunk of chunks) expect(reader.read(chunk)).toBe(true);
    expect(messages).toEqual(expected);
    expect(reader.heldBytes).toBe(0);
  });

  it('takes messages with lengths of several bytes in pieces of any size', () => {
    const two = Buffer.concat([long, heartbeat, long]);
    for (const size of [1, 2, 3, 4, 5, 6, 7, 1000, 3004, 3005, 3006, 3007, 3008]) {
      const { reader, messages } = createReader();
      for (let at = 0; at < two.length; at += size) expect(reader.read(two.subarray(at, at + size))).toBe(true);
      expect(messages.map((message) => message.length)).toEqual([6005, 5, 6005]);
    }
  });

  it.each(recordedVersions)('cuts what HAProxy %s wrote, in pieces of any size', (version) => {
    const all = recorded(version).filter(({ name }) => name !== 'hello');
    const whole = Buffer.concat(all.map((message) => message.bytes));
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 50 }), (sizes) => {
        const { reader, messages } = createReader();
        for (let at = 0, turn = 0; at < whole.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          expect(reader.read(whole.subarray(at, at + size))).toBe(true);
          at += size;
        }
        expect(messages.map((message) => message.replace(' ', '').length / 2)).toEqual(
          all.map((message) => (message.bytes.length > 2 ? message.bytes.length - 1 : 2)),
        );
      }),
      { numRuns: 20 },
    );
  });

  it.each([
    ['a body above the bound', 'f8ac01'],
    ['a length of eleven bytes', 'ffffffffffffffffffff00'],
    ['a length of 2^63', 'fff0fefefefefefefe0e'],
  ])('ends at %s, before anything of it is held', (_, length) => {
    for (const { chunks } of feedings(hex(`0a80${length}`))) {
      const { reader, messages } = createReader(3000);
      expect(chunks.map((chunk) => reader.read(chunk)).includes(false)).toBe(true);
      expect(messages).toEqual([]);
      expect(reader.heldBytes).toBeLessThanOrEqual(12);
    }
  });

  it('ends when the handler has had enough', () => {
    const { reader, messages } = createReader(3000, 1);
    expect(reader.read(Buffer.concat([heartbeat, heartbeat]))).toBe(false);
    expect(messages).toHaveLength(1);
  });
});
