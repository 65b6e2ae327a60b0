import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { createReadInPlace } from '../../../src/spoe/read-in-place';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** An accepted socket that is paused, and the other end. */
async function accept(): Promise<[accepted: Socket, client: Socket]> {
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [Socket];
  closers.push(() => {
    client.destroy();
    server.close();
  });
  return [accepted, client];
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

it('reads several sockets into the same memory', async () => {
  const readInPlace = createReadInPlace();
  const seen: [string, ArrayBufferLike][] = [];
  for (const word of ['one', 'two']) {
    const [accepted, client] = await accept();
    const socket = readInPlace(accepted, (bytes) => seen.push([bytes.toString(), bytes.buffer]));
    closers.push(() => socket.destroy());
    client.write(word);
    await until(() => seen.at(-1)?.[0] === word);
  }
  expect(seen.map(([word]) => word)).toEqual(['one', 'two']);
  expect(seen[0]?.[1]).toBe(seen[1]?.[1]);
});

it('writes, pauses, goes on and ends as an accepted socket does', async () => {
  const [accepted, client] = await accept();
  let received = '';
  const socket = createReadInPlace()(accepted, (bytes) => {
    received += bytes.toString();
    socket.pause();
  });
  client.write('one');
  await until(() => received === 'one');
  expect(socket.isPaused()).toBe(true);
  client.write('two');
  // Its answer comes back while nothing is read.
  socket.write('answer');
  expect(String((await once(client, 'data'))[0])).toBe('answer');
  expect(received).toBe('one');
  socket.resume();
  await until(() => received === 'onetwo');
  socket.resume();
  client.end();
  await Promise.all([once(socket, 'end'), once(socket, 'close'), once(client, 'close')]);
});

it('reads the stream where Node has no handle that can be moved', async () => {
  const stream = new PassThrough();
  stream.pause();
  const chunks: string[] = [];
  const socket = createReadInPlace()(stream as unknown as Socket, (bytes) => chunks.push(bytes.toString()));
  expect(socket).toBe(stream);
  stream.write('one');
  await until(() => chunks.length > 0);
  expect(chunks).toEqual(['one']);
});
