import { connect, type Socket } from 'node:net';
import { idBefore } from '../../../src/events';
import { until } from '../../support/until';
import { createFakeEvents, event, type FakeEvents, idOf } from './fake-events';
import { type HttpLab, startHttpLab } from './lab';

let lab: HttpLab;
let events: FakeEvents;
const clients: Socket[] = [];

beforeEach(async () => {
  events = createFakeEvents();
  lab = await startHttpLab({ events, heartbeatMs: 20 });
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await lab.server.stop();
});

interface Client {
  readonly socket: Socket;
  text(): string;
  /** The ids that came. */
  ids(): string[];
}

function follow(target = '/v1/events', headers: readonly string[] = []): Client {
  const socket = connect(Number(new URL(lab.server.url).port), '127.0.0.1');
  clients.push(socket);
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  socket.on('error', () => undefined);
  socket.write(
    [`GET ${target} HTTP/1.1`, 'Host: localhost', 'Accept: text/event-stream', ...headers, '', ''].join('\r\n'),
  );
  return { socket, text: () => text, ids: () => [...text.matchAll(/^id: (\S+)$/gm)].map(([, id = '']) => id) };
}

describe('the list', () => {
  it('has the newest events, and the cursor to go on with', async () => {
    events.kept = [event(1, { stream: 'a' }), event(2), event(3)];
    const { json } = await lab.request('/v1/events?limit=2');
    expect(json).toMatchObject({ events: [{ id: idOf(2), subject: null }, { id: idOf(3) }], next: idOf(3) });
    expect((await lab.request(`/v1/events?after=${idOf(3)}`)).json).toEqual({ events: [], next: idOf(3) });
  });

  it('without an event has no cursor', async () => {
    expect((await lab.request('/v1/events')).json).toEqual({ events: [], next: null });
  });

  it('that cannot be read now is 503, and not the fault of who asks', async () => {
    events.failure = new Error('the store is away');
    const { status, json } = await lab.request('/v1/events');
    expect(status).toBe(503);
    expect(json).toMatchObject({ title: 'The store cannot be read' });
    expect(JSON.stringify(json)).not.toContain('away');
  });

  it('passes on what is wanted', async () => {
    await lab.request('/v1/events?type=stream.moved,server.down&type=stream.ended&stream=live/a&server=mtx1&limit=7');
    expect(events.queries).toEqual([
      {
        after: undefined,
        limit: 7,
        types: ['stream.ended', 'stream.moved', 'server.down'],
        stream: 'live/a',
        server: 'mtx1',
      },
    ]);
  });

  it('goes on from a time as from an id', async () => {
    await lab.request('/v1/events?since=2026-11-21T10:00:00Z');
    expect(events.queries).toMatchObject([{ after: idBefore(Date.parse('2026-11-21T10:00:00Z')) }]);
    // What it gives to go on with is taken again, also where there was nothing yet.
    const { next } = (await lab.request('/v1/events?since=2999-11-21T10:00:00.5%2B01:00')).json as { next: string };
    expect((await lab.request(`/v1/events?after=${next}`)).status).toBe(200);
  });

  it.each([
    'limit=0',
    'limit=1001',
    'limit=x',
    'after=1',
    'after=%0a',
    'since=yesterday',
    'since=2026-11-21',
    'type=stream.exploded',
    'stream=a&stream=b',
    `server=${'x'.repeat(300)}`,
  ])('%.30s is refused with what is allowed', async (query) => {
    const reply = await lab.request(`/v1/events?${query}`);
    expect(reply).toMatchObject({ status: 400, json: { allowed: expect.any(String) as string } });
    expect(events.queries).toEqual([]);
  });

  it('is not there where no events are kept', async () => {
    await lab.server.stop();
    lab = await startHttpLab();
    expect((await lab.request('/v1/events')).status).toBe(501);
    expect((await lab.request('/v1/events', { headers: ['Accept: text/event-stream'] })).status).toBe(501);
  });
});

describe('the stream', () => {
  it('tells events as they happen, and gives signs of life in between', async () => {
    const client = follow();
    await until('it to listen', () => events.listeners.size === 1);
    events.happen(1, { stream: 'live/a' });
    await until('the event', () => client.ids().length === 1);
    expect(client.text()).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(client.text()).toMatch(/content-type: text\/event-stream\r\n/);
    expect(client.text()).toContain(`id: ${idOf(1)}\ndata: ${JSON.stringify(events.kept[0])}\n\n`);
    await until('a heartbeat', () => client.text().includes(':\n\n'));
    expect(lab.server.stats.eventStreams.open).toBe(1);
  });

  it('tells only what was asked for', async () => {
    const client = follow('/v1/events?stream=live/a&type=stream.ended');
    await until('it to listen', () => events.listeners.size === 1);
    events.happen(1, { stream: 'live/a' });
    events.happen(2, { stream: 'live/b' }, 'stream.ended');
    events.happen(3, { stream: 'live/a' }, 'stream.ended');
    await until('the event', () => client.ids().length > 0);
    expect(client.ids()).toEqual([idOf(3)]);
  });

  it('goes on after Last-Event-ID, before the cursor of the URL, in order and without a gap', async () => {
    events.kept = Array.from({ length: 450 }, (_, i) => event(i + 1));
    const client = follow(`/v1/events?after=${idOf(1)}`, [`Last-Event-ID: ${idOf(10)}`]);
    await until('it to listen', () => events.listeners.size === 1);
    for (let number = 451; number <= 460; number++) events.happen(number);
    await until('all events', () => client.ids().length >= 450);
    expect(client.ids()).toEqual(Array.from({ length: 450 }, (_, i) => idOf(i + 11)));
  });

  it('that happen while the kept ones are read, come after them and once', async () => {
    let answer: () => void = () => undefined;
    events.kept = [event(1), event(2)];
    const { list } = events;
    events.list = async (query) => {
      await new Promise<void>((resolve) => (answer = resolve));
      return list(query);
    };
    const client = follow('/v1/events', [`Last-Event-ID: ${idOf(1)}`]);
    await until('it to listen', () => events.listeners.size === 1);
    events.happen(3);
    answer();
    await until('the events', () => client.ids().length === 2);
    events.happen(4);
    await until('the next event', () => client.ids().length === 3);
    expect(client.ids()).toEqual([idOf(2), idOf(3), idOf(4)]);
  });

  it('of much that was kept, and of what happens meanwhile, goes to a slow client whole', async () => {
    // More than the system takes for a client that does not read.
    const filling = { stream: 'x'.repeat(60_000) };
    events.kept = Array.from({ length: 190 }, (_, i) => event(i + 2, filling));
    const client = follow('/v1/events', [`Last-Event-ID: ${idOf(1)}`]);
    client.socket.pause();
    await until('it to listen', () => events.listeners.size === 1);
    for (let number = 192; number <= 240; number++) events.happen(number, filling);
    client.socket.resume();
    await until('all events', () => client.ids().length >= 239);
    expect(client.ids()).toEqual(Array.from({ length: 239 }, (_, i) => idOf(i + 2)));
    expect(lab.server.stats.eventStreams.cut).toBe(0);
  });

  it('takes an id and a time, of which the later one counts', async () => {
    const since = Date.parse('2999-11-21T10:00:00Z');
    await lab.request(`/v1/events?since=2999-11-21T10:00:00Z&after=${idOf(1)}`);
    await lab.request(`/v1/events?since=1960-11-21T10:00:00Z&after=${idOf(1)}`);
    expect(events.queries).toMatchObject([{ after: idBefore(since) }, { after: idOf(1) }]);
  });

  it('refuses a Last-Event-ID that is none, of a list as well', async () => {
    const list = await lab.request('/v1/events', { headers: ['Last-Event-ID: x y'] });
    expect(list).toMatchObject({ status: 400, json: { given: 'x y' } });
    const headers = ['Accept: text/event-stream', 'Last-Event-ID: x y'];
    expect(await lab.request('/v1/events', { headers })).toMatchObject({ status: 400, json: { given: 'x y' } });
  });

  it('ends when the client goes', async () => {
    const client = follow();
    await until('it to listen', () => events.listeners.size === 1);
    client.socket.destroy();
    await until('nobody to listen', () => events.listeners.size === 0 && lab.server.stats.eventStreams.open === 0);
    expect(lab.server.stats.eventStreams.cut).toBe(0);
  });

  it('ends when the server stops, without waiting for it', async () => {
    const client = follow();
    await until('it to listen', () => events.listeners.size === 1);
    const closed = new Promise((resolve) => client.socket.once('close', resolve));
    await lab.server.stop();
    await closed;
    expect(events.listeners.size).toBe(0);
  });

  it('cuts who does not read, and keeps little for him', async () => {
    const client = follow();
    await until('it to listen', () => events.listeners.size === 1);
    client.socket.pause();
    const filling = { stream: 'x'.repeat(60_000) };
    let told = 0;
    while (lab.server.stats.eventStreams.cut === 0) {
      events.happen(++told, filling);
      await new Promise(setImmediate);
      expect(told).toBeLessThan(2000);
    }
    await until('nobody to listen', () => events.listeners.size === 0);
    expect((await lab.request('/healthz')).status).toBe(200);
  });

  it('is open to so many at a time', async () => {
    // Half of all places, for one address.
    for (let i = 0; i < 32; i++) follow();
    await until('32 of them', () => lab.server.stats.eventStreams.open === 32);
    const refused = await lab.request('/v1/events', { headers: ['Accept: text/event-stream'] });
    expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '10' } });
    expect((await lab.request('/v1/events')).status).toBe(200);
  });

  it('that cannot be read is cut and told in the log', async () => {
    events.list = () => Promise.reject(new Error('disk'));
    const client = follow('/v1/events', [`Last-Event-ID: ${idOf(1)}`]);
    await new Promise((resolve) => client.socket.once('close', resolve));
    expect(lab.log).toEqual(['error reading kept events failed']);
  });
});
