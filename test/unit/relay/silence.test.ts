import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { createDeadline } from '../../../src/relay/deadline';
import { createSilence } from '../../../src/relay/silence';
import { createTicker } from '../../../src/relay/ticker';
import { until } from '../../support/until';

/** What is written to one is read from the other, through the kernel. */
async function connectPair(): Promise<{ from: Socket; to: Socket; close(): void }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const from = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [to] = (await once(server, 'connection')) as [Socket];
  await once(from, 'ready');
  return {
    from,
    to,
    close() {
      from.destroy();
      to.destroy();
      server.close();
    },
  };
}

/** This process does nothing, as on a machine that stands still. */
function standStill(forMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, forMs);
}

let pair: Awaited<ReturnType<typeof connectPair>>;
const seen: string[] = [];
beforeEach(async () => {
  pair = await connectPair();
  seen.length = 0;
  pair.to.on('data', () => seen.push('data'));
});
afterEach(() => pair.close());

test('silence is told when nothing was heard, and again when something was heard in between', async () => {
  const silence = createSilence(20, () => seen.push('silent'));
  await until('silence', () => seen.length === 1, 1);
  silence.heard();
  await until('silence again', () => seen.length === 2, 1);
  silence.heard();
  silence.stop();
  expect(seen).toEqual(['silent', 'silent']);
});

test('what came while this process stood still is read before the silence counts', async () => {
  const silence = createSilence(50, () => seen.push('silent'));
  pair.to.on('data', () => silence.heard());
  pair.from.write('something');
  standStill(150);
  await until('silence', () => seen.includes('silent'), 1);
  silence.stop();
  expect(seen).toEqual(['data', 'silent']);
});

test('an answer that came while this process stood still is in time', async () => {
  const deadline = createDeadline(new AbortController().signal, 50);
  pair.to.once('data', () => deadline.clear());
  pair.from.write('an answer');
  standStill(150);
  await until('the answer', () => seen.length === 1, 1);
  expect([deadline.isOver, deadline.signal.aborted]).toEqual([false, false]);
});

test('what came while this process stood still is read before a ticker looks', async () => {
  const ticker = createTicker(50);
  const end = ticker.add(() => seen.push('tick'));
  pair.from.write('something');
  standStill(150);
  await until('a tick', () => seen.includes('tick'), 1);
  end();
  expect(seen[0]).toBe('data');
});
