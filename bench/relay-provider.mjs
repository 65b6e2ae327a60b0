// A provider of one live stream: a file of TS packets in a loop, at its own rate, on whatever path. All connections are at the same place of it.
// Arguments: host, port, file, bytes a second. Lines of its input: `cut PATH` breaks what is sent for a path now.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

const [host, port, file, rate] = process.argv.slice(2);
const bytes = readFileSync(file);
const twice = Buffer.concat([bytes, bytes]);
const everyMs = 20;
const began = performance.now();
/** Whole packets, by the time that has passed. */
const placeNow = () => Math.floor((((performance.now() - began) / 1000) * Number(rate)) / 188) * 188;
const open = new Map();

createServer({ highWaterMark: 16_384, noDelay: true }, (req, res) => {
  res.useChunkedEncodingByDefault = false;
  res.writeHead(200, { 'content-type': 'video/mp2t', connection: 'close' });
  res.flushHeaders();
  open.set(res, { path: req.url, place: placeNow() - 188 * 7 });
  res.once('close', () => open.delete(res));
}).listen(Number(port), host);

setInterval(() => {
  const now = placeNow();
  for (const [res, one] of open) {
    if (res.writableNeedDrain) continue;
    const from = one.place % bytes.length;
    const length = Math.min(now - one.place, bytes.length);
    if (length <= 0) continue;
    res.write(twice.subarray(from, from + length));
    one.place += length;
  }
}, everyMs);

createInterface({ input: process.stdin }).on('line', (line) => {
  const [verb, path] = line.split(' ');
  if (verb !== 'cut') return;
  for (const [res, one] of open) if (one.path === path) res.socket?.resetAndDestroy();
});
