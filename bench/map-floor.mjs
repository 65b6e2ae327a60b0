// The yardstick of memory: a Map with an object for each viewer, keys read from received bytes, and nothing else. node bench/map-floor.mjs VIEWERS STREAMS
// writes how much memory (RSS, MB) it takes beyond that of a Node that has just started.
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

const [viewers, streams] = process.argv.slice(2).map(Number);
const before = process.memoryUsage.rss();
const watching = new Map();
for (let i = 0; i < viewers; i++) {
  const received = Buffer.from(`live/${i % streams}|${randomUUID()}`);
  watching.set(received.latin1Slice(), {
    server: i % 3,
    sinceMs: performance.now(),
    lastMs: performance.now(),
    bytes: i,
  });
}
await pause(1000);
process.stdout.write(String((process.memoryUsage.rss() - before) / 2 ** 20));
if (watching.size !== viewers) process.exit(1);
