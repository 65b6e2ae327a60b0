// Clients of one URL. Arguments: the URL, how many, and `stopped` for ones that read nothing. Each line of its input is answered with one of JSON: bytes since the last
// line, times to the first byte of each client (ms), the longest pause of each client since the last line (ms), and how many have ended.
import { get } from 'node:http';
import { createInterface } from 'node:readline';

const [url, count, mode] = process.argv.slice(2);
const clients = [];
for (let number = 0; number < Number(count); number++) {
  const client = { bytes: 0, firstMs: undefined, lastAt: undefined, longestMs: 0, isOver: false };
  clients.push(client);
  const began = performance.now();
  get(url, { agent: false }, (answer) => {
    answer.once('close', () => (client.isOver = true));
    answer.once('error', () => undefined);
    if (mode === 'stopped') {
      answer.once('readable', () => undefined);
      client.firstMs = performance.now() - began;
      return;
    }
    answer.on('data', (chunk) => {
      const now = performance.now();
      client.firstMs ??= now - began;
      // Null packets keep a player waiting: they are no bytes of the stream.
      if (chunk.length >= 188 && chunk.length % 188 === 0 && (chunk.readUInt16BE(1) & 0x1fff) === 0x1fff) return;
      if (client.lastAt !== undefined) client.longestMs = Math.max(client.longestMs, now - client.lastAt);
      client.lastAt = now;
      client.bytes += chunk.length;
    });
  }).once('error', () => (client.isOver = true));
}

createInterface({ input: process.stdin }).on('line', () => {
  process.stdout.write(
    `${JSON.stringify({
      bytes: clients.reduce((sum, { bytes }) => sum + bytes, 0),
      firstMs: clients.map(({ firstMs }) => firstMs ?? null),
      longestMs: clients.map(({ longestMs }) => longestMs),
      ended: clients.filter(({ isOver }) => isOver).length,
    })}\n`,
  );
  for (const client of clients) {
    client.bytes = 0;
    client.longestMs = 0;
  }
});
