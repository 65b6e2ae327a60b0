import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createEventLog, type EventLog } from '../../../src/events';
import { type HookDraft, type Hooks, mostHooks, openHooks } from '../../../src/relay/hooks';
import { createMemoryStore, type Lease, type Store } from '../../../src/store';
import { until } from '../../support/until';
import { keptLog } from './fakes';

interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: {
    readonly event_id: string;
    readonly event_type: string;
    readonly stream_id: string;
    readonly data: object;
  };
}

/** A receiver of webhooks. */
async function startReceiver() {
  const received: Received[] = [];
  const receiver = {
    received,
    status: 200,
    answer: '{"stream_id": "theirs"}',
    /** Answers nothing while it is set. */
    isSilent: false,
    url: '',
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const server: Server = createServer((req, res) => {
    let text = '';
    req.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    req.on('end', () => {
      if (receiver.isSilent) return;
      received.push({ path: req.url ?? '', headers: req.headers, body: JSON.parse(text) as Received['body'] });
      res.writeHead(receiver.status).end(receiver.answer);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  return receiver;
}

let store: Store;
let lease: Lease;
let events: EventLog;
let hooks: Hooks;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
const log = keptLog();

const open = () => openHooks({ store, lease, events, log, recordAttempt: () => undefined });
const draft = (more: Partial<HookDraft> = {}): HookDraft => ({
  url: receiver.url,
  events: ['stream_started', 'stream_stopped'],
  shape: 'm3u-proxy',
  headers: { 'x-key': 'geheim' },
  timeoutMs: 2000,
  retryAttempts: 3,
  secret: undefined,
  ...more,
});

beforeEach(async () => {
  receiver = await startReceiver();
  store = createMemoryStore(log);
  lease = store.lease('leader');
  events = createEventLog({ store, source: '/mtxpilot/test/relay', log, keep: { count: 1000, ageMs: 3_600_000 } });
  hooks = await open();
});
afterEach(async () => {
  await hooks.stop();
  await events.stop();
  await lease.release();
  await store.close();
  await receiver.close();
});

const types = () => receiver.received.map(({ body }) => body.event_type);

it('delivers what a hook wants, in the form and with the headers that it knows', async () => {
  expect(await hooks.add(draft())).toEqual({ ok: true });
  events.emit({ type: 'stream.started', stream: 's1', data: { source: 'http://p.example/…', backups: [] } });
  events.emit({ type: 'viewer.joined', stream: 's1' });
  events.emit({ type: 'stream.ended', stream: 's1', reason: 'over', data: { bytes: 5 } });
  events.emit({ type: 'stream.started', stream: 's1' });
  await until('three events', () => receiver.received.length === 3);
  expect(types()).toEqual(['stream_started', 'stream_stopped', 'stream_started']);
  const [first] = receiver.received;
  expect(first).toMatchObject({
    headers: { 'x-key': 'geheim', 'content-type': 'application/json' },
    body: { stream_id: 's1', data: { primary_url: 'http://p.example/…' } },
  });
  expect(first?.headers).not.toHaveProperty('webhook-signature');
  // What it calls a stream is of no interest.
  expect(receiver.received[2]?.body.stream_id).toBe('s1');
  expect([...hooks.stats.keys()]).toEqual([expect.stringMatching(/^hook-[0-9a-f]{12}$/)]);
});

it('signs only with a secret', async () => {
  const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
  await hooks.add(draft({ secret }));
  events.emit({ type: 'stream.started', stream: 's1' });
  await until('an event', () => receiver.received.length === 1);
  expect(receiver.received[0]?.headers['webhook-signature']).toMatch(/^v1,/);
});

it('lets no hook wait for another', async () => {
  const slow = await startReceiver();
  slow.isSilent = true;
  await hooks.add(draft({ url: slow.url }));
  await hooks.add(draft());
  for (let at = 0; at < 20; at++) events.emit({ type: 'stream.started', stream: `s${at}` });
  await until('all events', () => receiver.received.length === 20);
  expect(slow.received).toEqual([]);
  await slow.close();
});

it('goes on after a restart where it stopped', async () => {
  receiver.status = 500;
  await hooks.add(draft());
  events.emit({ type: 'stream.started', stream: 's1' });
  await until('a failed attempt', () => receiver.received.length > 0);
  await hooks.stop();
  const attempts = receiver.received.length;
  receiver.status = 200;
  hooks = await open();
  expect(hooks.list()).toMatchObject([draft()]);
  await until('the event', () => receiver.received.length > attempts);
  expect(receiver.received.at(-1)?.body.stream_id).toBe('s1');
});

it('replaces a hook of the same URL, which begins with what happens from then on', async () => {
  await hooks.add(draft());
  events.emit({ type: 'stream.started', stream: 's1' });
  await until('an event', () => receiver.received.length === 1);
  await hooks.add(draft({ events: ['client_connected'] }));
  expect(hooks.list()).toHaveLength(1);
  expect(hooks.wantsClients).toBe(true);
  events.emit({ type: 'stream.started', stream: 's2' });
  events.emit({ type: 'viewer.joined', stream: 's2' });
  await until('the second event', () => receiver.received.length === 2);
  expect(types()).toEqual(['stream_started', 'client_connected']);
});

it('sends nothing more to a hook that was removed, and keeps nothing of it', async () => {
  await hooks.add(draft());
  expect(hooks.wantsClients).toBe(false);
  expect([await hooks.remove(receiver.url), await hooks.remove(receiver.url)]).toEqual([true, false]);
  events.emit({ type: 'stream.started', stream: 's1' });
  await events.whenStored();
  expect(hooks.list()).toEqual([]);
  expect(await store.collection('deliveries', (value) => value).entries()).toEqual([]);
  expect(await store.collection('relay-hooks', (value) => value).entries()).toEqual([]);
  expect(receiver.received).toEqual([]);
});

it('delivers a test event once, and says why it did not arrive', async () => {
  await hooks.add(draft());
  const result = await hooks.test(receiver.url);
  expect(result).toEqual({ ok: true, eventId: receiver.received[0]?.body.event_id });
  expect(receiver.received[0]?.body).toMatchObject({ event_type: 'stream_started', data: { test: true } });
  receiver.status = 503;
  expect(await hooks.test(receiver.url)).toEqual({ ok: false, detail: 'it answers 503' });
  expect(await hooks.test('http://other.example/')).toBeUndefined();
});

it('takes only so many, and refuses when the store does', async () => {
  for (let at = 0; at < mostHooks; at++) await hooks.add(draft({ url: `http://127.0.0.1:1/${at}` }));
  expect(await hooks.add(draft())).toMatchObject({ ok: false, problem: 'full' });
  expect(await hooks.add(draft({ url: 'http://127.0.0.1:1/0' }))).toEqual({ ok: true });
  await hooks.remove('http://127.0.0.1:1/1');
  const collection = store.collection('relay-hooks', (value) => value);
  expect(await collection.entries()).toHaveLength(mostHooks - 1);
  await store.close();
  expect(await hooks.add(draft())).toMatchObject({ ok: false, problem: 'not-stored' });
  await expect(hooks.remove('http://127.0.0.1:1/2')).rejects.toThrow();
});

describe('a receiver of the shape of acestream-orchestrator', () => {
  const orchestrator = () =>
    draft({ url: receiver.url.replace('/hook', ''), shape: 'orchestrator', headers: { authorization: 'Bearer key' } });
  const told = () => receiver.received.map(({ path, body }) => ({ path, body }));
  const start = (stream: string, more: object = {}) =>
    events.emit({
      type: 'stream.started',
      stream,
      data: { source: 'http://127.0.0.1:6878/…', streamType: 'hls', metadata: {}, ...more },
    });

  it('is told of starts and ends, by the name that its answer gave', async () => {
    receiver.answer = '{"id": "abc|1", "status": "started"}';
    await hooks.add(orchestrator());
    start('s1', { metadata: { 'relay-template': 'ace', 'relay-id': 'abc' } });
    events.emit({ type: 'viewer.joined', stream: 's1' });
    events.emit({ type: 'stream.ended', stream: 's1', reason: 'last client left' });
    await until('both', () => receiver.received.length === 2);
    const [first] = await events.list({ after: '0', limit: 1 });
    expect(told()).toEqual([
      {
        path: '/events/stream_started',
        body: {
          container_id: null,
          engine: { host: '127.0.0.1', port: 6878 },
          stream: { key_type: 'content_id', key: 'abc' },
          session: { playback_session_id: first?.id, stat_url: '', command_url: '', is_live: 1 },
          labels: { source: 'hls_proxy', stream_mode: 'HLS', stream_id: first?.id },
        },
      },
      {
        path: '/events/stream_ended',
        body: { container_id: null, stream_id: 'abc|1', reason: 'last client left' },
      },
    ]);
    expect(receiver.received[0]?.headers.authorization).toBe('Bearer key');
  });

  it('is told again, with the same name, what it did not take, and of the end only then', async () => {
    receiver.answer = '{"id": "theirs"}';
    receiver.status = 500;
    await hooks.add(orchestrator());
    start('s1');
    events.emit({ type: 'stream.ended', stream: 's1', reason: 'over' });
    await until('a failed attempt', () => receiver.received.length > 0);
    expect(told().every(({ path }) => path === '/events/stream_started')).toBe(true);
    receiver.status = 200;
    await until('the end', () => told().some(({ path }) => path === '/events/stream_ended'));
    const starts = told().filter(({ path }) => path === '/events/stream_started');
    expect(new Set(starts.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect(told().slice(starts.length)).toMatchObject([{ body: { stream_id: 'theirs' } }]);
  });

  it('is told of the end by the same name after a restart', async () => {
    receiver.answer = '{"id": "theirs"}';
    await hooks.add(orchestrator());
    start('s1');
    await until('the start', () => receiver.received.length === 1);
    await hooks.stop();
    hooks = await open();
    events.emit({ type: 'stream.ended', stream: 's1', reason: 'over' });
    await until('the end', () => receiver.received.length === 2);
    expect(told()[1]).toMatchObject({ path: '/events/stream_ended', body: { stream_id: 'theirs' } });
  });

  it.each(['', 'x', '[]', '{"id": 7}', '{"id": ""}', `{"id": "${'x'.repeat(257)}"}`, 'null', '{"id"'])(
    'gives no name with the answer %s',
    async (answer) => {
      receiver.answer = answer;
      await hooks.add(orchestrator());
      start('s1', { source: 'https://provider.example/…', streamType: 'live' });
      events.emit({ type: 'stream.ended', stream: 's1', reason: 'over' });
      await until('both', () => receiver.received.length === 2);
      expect(told()).toMatchObject([
        {
          body: {
            engine: { host: 'provider.example', port: 443 },
            stream: { key_type: 'url', key: 's1' },
            labels: { stream_mode: 'TS' },
          },
        },
        { body: { stream_id: null } },
      ]);
    },
  );

  it('is tested with the end of nothing, and forgotten as a whole', async () => {
    receiver.answer = '{"id": "theirs"}';
    await hooks.add(orchestrator());
    const [hook] = hooks.list();
    start('s1');
    await until('the start', () => receiver.received.length === 1);
    expect(await hooks.test(hook?.url ?? '')).toMatchObject({ ok: true });
    expect(told()[1]).toMatchObject({ path: '/events/stream_ended', body: { stream_id: null } });
    await hooks.remove(hook?.url ?? '');
    expect(await store.collection(`stream-ids-${hook?.name ?? ''}`, (value) => value).entries()).toEqual([]);
  });
});
