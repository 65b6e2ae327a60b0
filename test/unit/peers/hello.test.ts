import { createHelloReader } from '../../../src/peers/hello';
import { feedings } from '../spoe/feedings';
import { hello } from './golden';

describe('the greeting', () => {
  it.each(feedings(hello))('is read however its bytes arrive: $name', ({ chunks }) => {
    const reader = createHelloReader();
    const ends = chunks.map((chunk) => reader.read(chunk));
    expect(ends.slice(0, -1).every((end) => end === undefined)).toBe(true);
    expect(ends.at(-1)).toBe(chunks.at(-1)?.length);
    expect(reader.hello).toEqual({ node: 'hap', pid: 9588, agentName: 'agent' });
  });

  it('leaves what follows', () => {
    const reader = createHelloReader();
    expect(reader.read(Buffer.concat([hello, Buffer.of(0, 0)]))).toBe(hello.length);
  });

  it.each([
    ['HTTP', 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['another version', 'HAProxyS 3.0\nagent\nhap 1 1\n'],
    ['version 1.0', 'HAProxyS 1.0\nagent\nhap 1 1\n'],
    ['a carriage return', 'HAProxyS 2.1\r\nagent\r\nhap 1 1\r\n'],
    ['no name of the agent', 'HAProxyS 2.1\n\nhap 1 1\n'],
    ['no name of the node', 'HAProxyS 2.1\nagent\n 1 1\n'],
    ['a name with a line break in hiding', 'HAProxyS 2.1\nagent\nha\u0085p 1 1\n'],
    ['no pid', 'HAProxyS 2.1\nagent\nhap\n'],
    ['a pid that is none', 'HAProxyS 2.1\nagent\nhap -1 1\n'],
  ])('is none: %s', (_, text) => {
    for (const { chunks } of feedings(Buffer.from(text, 'latin1'))) {
      const reader = createHelloReader();
      expect(chunks.map((chunk) => reader.read(chunk)).find((end) => end !== undefined)).toBe(-1);
      expect(reader.hello).toBeUndefined();
    }
  });

  it.each([257, 100_000])('is none with a line of %d bytes, closed or not', (length) => {
    for (const text of ['x'.repeat(length), `${'x'.repeat(length)}\n`]) {
      expect(createHelloReader().read(Buffer.from(text))).toBe(-1);
      const reader = createHelloReader();
      const ends = Array.from(text, (byte) => reader.read(Buffer.from(byte)));
      expect(ends.indexOf(-1)).toBe(256);
    }
  });
});
