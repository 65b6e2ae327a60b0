import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import type { StoredEvent } from '../../../src/events';
import { createEventPost, type Receiver as Target } from '../../../src/events/deliver-event';
import { accept, answer, type Behaviour, type Receiver, startReceiver } from './receiver';

const event: StoredEvent = {
  specversion: '1.0',
  id: '01HF7YAT3VABCDEFGHJKMNPQRS',
  time: '2023-11-14T22:13:20.123Z',
  source: '/mtxpilot/test',
  type: 'stream.started',
  subject: 'live/ü',
  datacontenttype: 'application/json',
  data: { stream: 'live/ü', server: 'mtx1' },
};
const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

describe('one attempt to deliver an event', () => {
  let receiver: Receiver;
  const closers: (() => Promise<void>)[] = [];
  beforeEach(async () => {
    receiver = await startReceiver();
    closers.push(() => receiver.stop());
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  function post(options: Partial<Target> = {}) {
    const made = createEventPost({ url: receiver.url, timeoutMs: 10_000, ...options });
    closers.push(() => made.close());
    return made;
  }
  const deliver = (behaviour: Behaviour, options: Partial<Target> = {}) => {
    receiver.behave(behaviour);
    return post(options).deliver(event, undefined);
  };

  it('is a POST of the event as CloudEvents, with the token', async () => {
    expect(await deliver(accept, { token: 'let me in' })).toEqual({
      ok: true,
      streamId: undefined,
      tookMs: expect.any(Number),
    });
    const [arrival] = receiver.arrivals;
    expect(JSON.parse(arrival?.body ?? '')).toEqual(event);
    expect(arrival?.headers).toMatchObject({
      'content-type': 'application/cloudevents+json; charset=utf-8',
      authorization: 'Bearer let me in',
      'user-agent': 'mtxpilot',
    });
    expect(arrival?.headers).not.toHaveProperty('webhook-id');
  });

  it('is signed so that the Standard Webhooks library accepts it, and nothing that was changed', async () => {
    await deliver(accept, { secret });
    const [arrival] = receiver.arrivals;
    const headers = arrival?.headers as Record<string, string>;
    expect(headers['webhook-id']).toBe(event.id);
    const verifier = new Webhook(secret);
    expect(verifier.verify(arrival?.body ?? '', headers)).toEqual(event);
    expect(() => verifier.verify(`${arrival?.body ?? ''} `, headers)).toThrow();
    expect(() => verifier.verify(arrival?.body ?? '', { ...headers, 'webhook-id': 'other' })).toThrow();
    const other = new Webhook(`whsec_${Buffer.alloc(32, 8).toString('base64')}`);
    expect(() => other.verify(arrival?.body ?? '', headers)).toThrow();
  });

  it.each([
    ['a text', { stream_id: 'abc' }, 'abc'],
    ['a number', { stream_id: 17 }, '17'],
    ['an empty text', { stream_id: '' }, undefined],
    ['a text that is too long', { stream_id: 'x'.repeat(257) }, undefined],
    ['something else', { stream_id: { a: 1 } }, undefined],
    ['nothing', {}, undefined],
  ])('learns what the receiver calls the stream: %s', async (_, body, streamId) => {
    const attempt = await deliver(answer(200, { 'content-type': 'application/json' }, JSON.stringify(body)));
    expect(attempt).toMatchObject({ ok: true, streamId });
  });

  it('tells it again what it calls the stream', async () => {
    await post().deliver(event, 'abc');
    expect(receiver.arrivals[0]?.event.data).toEqual({ ...event.data, stream_id: 'abc' });
  });

  it.each(['thanks', '{"stream_id":', '{"stream_id":"a"}'.padEnd(70_000, ' '), ''])(
    'takes any body of a 2xx for a yes',
    async (body) => {
      expect(await deliver(answer(202, {}, body))).toMatchObject({ ok: true, streamId: undefined });
    },
  );

  it.each([
    [answer(500), 'bad_status', 'it answers 500', undefined],
    [answer(404), 'bad_status', 'it answers 404', undefined],
    [answer(302, { location: 'http://127.0.0.1:1/' }), 'bad_status', 'it answers 302', undefined],
    [answer(410), 'gone', 'it answers 410', undefined],
    [answer(503, { 'retry-after': '7' }), 'bad_status', 'it answers 503', 7000],
    [answer(503, { 'retry-after': 'soon' }), 'bad_status', 'it answers 503', undefined],
    [answer(429, { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }), 'bad_status', 'it answers 429', 0],
  ])('fails by its status (%#)', async (behaviour, failure, detail, retryAfterMs) => {
    expect(await deliver(behaviour)).toEqual({ ok: false, failure, detail, retryAfterMs, tookMs: expect.any(Number) });
  });

  it('fails when there is no answer in time, or half of one', async () => {
    const silent = await deliver(() => undefined, { timeoutMs: 50 });
    expect(silent).toMatchObject({ failure: 'timeout', detail: 'no complete answer within 50 ms' });
    const slow = await deliver((_, res) => res.writeHead(200, { 'content-length': '10' }).write('1'), {
      timeoutMs: 50,
    });
    expect(slow).toMatchObject({ failure: 'timeout' });
  });

  it.each<[string, Behaviour]>([
    ['before its answer', (_, res) => res.destroy()],
    [
      'half way through it',
      (_, res) => {
        res.writeHead(200, { 'content-length': '10' }).write('12345', () => res.destroy());
      },
    ],
  ])('fails when the receiver closes %s', async (_, behaviour) => {
    expect(await deliver(behaviour)).toMatchObject({ ok: false, failure: 'unreachable' });
  });

  it('fails when nobody listens', async () => {
    await receiver.stop();
    expect(await post().deliver(event, undefined)).toMatchObject({ failure: 'unreachable', detail: 'ECONNREFUSED' });
  });

  it('fails by a certificate that nobody vouches for, having sent nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-tls-'));
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
        ...['-days', '2', '-subj', '/CN=localhost', '-keyout', key, '-out', cert],
      ],
      { stdio: 'ignore' },
    );
    const secure = await startReceiver({ cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') });
    closers.push(() => secure.stop());
    rmSync(folder, { recursive: true });
    expect(await post({ url: secure.url, token: 't' }).deliver(event, undefined)).toMatchObject({
      ok: false,
      failure: 'tls',
      detail: 'its certificate or TLS is not accepted: DEPTH_ZERO_SELF_SIGNED_CERT',
    });
    expect(secure.arrivals).toEqual([]);
    // Something that does not speak TLS at all.
    const wrong = await post({ url: receiver.url.replace('http', 'https') }).deliver(event, undefined);
    expect(wrong).toMatchObject({ ok: false, failure: 'tls' });
  });
});
