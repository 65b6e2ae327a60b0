import { connect, type Socket } from 'node:net';
import { createViewers } from '../../../src/viewers';
import { until } from '../../support/until';
import { createFakeEvents } from '../api/fake-events';
import { startHttpLab } from '../api/lab';

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

it('lists that one address has in hand keep no other from its own', async () => {
  let isReleased = false;
  const directory = {
    // As long as a list is to be: it is made in slices until then.
    *streamNames() {
      while (!isReleased) yield 'live/a';
    },
    stream: () => undefined,
    servers: () => [],
    hasEvidence: () => true,
    confirm: () => Promise.resolve(),
  };
  const viewers = createViewers({ goneAfterMs: 10_000, showAddresses: false, nowMs: 0 });
  const { server } = await startHttpLab({ directory, events: createFakeEvents(), viewers });
  function ask(localAddress: string, path = '/v1/streams?match=nothing'): { readonly status: () => number } {
    let text = '';
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(server.url).port), localAddress }, () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`),
    );
    sockets.push(socket);
    socket.on('error', () => undefined).on('data', (bytes: Buffer) => (text += bytes.toString('latin1')));
    return { status: () => Number(text.split(' ')[1]) };
  }
  const { heavyAnswers } = server.stats;

  const greedy = Array.from({ length: 20 }, () => ask('127.0.0.2'));
  await until('16 in hand', () => heavyAnswers.inHand === 16 && heavyAnswers.refused === 4);
  // Whatever takes long to be made; and nothing else.
  const heavy = ['/v1/streams', '/v1/servers', '/v1/events', '/v1/viewers', '/v1/streams/live/a/why', '/metrics'];
  const light = ['/healthz', '/v1/route?stream=live/a'];
  const more = [...heavy, ...light].map((path) => ask('127.0.0.2', path));
  await until('an answer to each', () => more.every(({ status }) => status() > 0));
  expect(more.map(({ status }) => status())).toEqual([...heavy.map(() => 503), ...light.map(() => 200)]);

  const other = ask('127.0.0.3');
  await until('that of another address', () => heavyAnswers.inHand === 17);
  isReleased = true;
  await until('all answers', () => [...greedy, other].every(({ status }) => status() > 0));
  expect(greedy.filter(({ status }) => status() === 503)).toHaveLength(4);
  expect(other.status()).toBe(200);
  await server.stop();
});
