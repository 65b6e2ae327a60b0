import { execFileSync, spawn } from 'node:child_process';
import { getEventListeners, once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createAddressGuard } from '../../../src/relay/address-guard';
import type { OpenSource, SourceFailure, SourceRequest } from '../../../src/relay/provider';
import { createProvider, type ProviderOptions } from '../../../src/relay/provider-client';
import {
  type Behaviour,
  createFaultProvider,
  endAfter,
  type FaultProvider,
  file,
  hangUp,
  headersOnly,
  html,
  live,
  loop,
  raw,
  redirect,
  resetAfter,
  silent,
  stallAfter,
  status,
} from '../../support/fault-provider';
import { until } from '../../support/until';

const clip = Buffer.from(Array.from({ length: 188 * 400 }, (_, index) => (index % 188 === 0 ? 0x47 : index % 251)));
const guard = createAddressGuard({
  allow: ['127.0.0.0/8', '::1'],
  resolve: (host) =>
    host === 'name.example'
      ? Promise.resolve([{ address: '127.0.0.1', family: 4 }])
      : Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })),
});

let faulty: FaultProvider;
const closers: (() => unknown)[] = [];
beforeEach(async () => {
  faulty = await createFaultProvider();
  closers.push(() => faulty.close());
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** An hour: what is not about time is not to end by it. */
const hourMs = 3_600_000;
const patient: ProviderOptions = { guard, connectTimeoutMs: hourMs, headersTimeoutMs: hourMs };

function open(url: string, more: Partial<SourceRequest> = {}, options: ProviderOptions = patient) {
  const request: SourceRequest = { url, method: 'GET', headers: {}, signal: new AbortController().signal, ...more };
  return createProvider(options).open(request);
}

async function opened(url: string, more: Partial<SourceRequest> = {}): Promise<OpenSource> {
  const { source, failure } = await open(url, more);
  if (source === undefined) throw new Error(failure.reason);
  closers.push(() => source.close());
  return source;
}

async function failed(behaviour: Behaviour, options?: ProviderOptions): Promise<SourceFailure> {
  faulty.at('/x', behaviour);
  const { failure } = await open(faulty.url('/x'), {}, options);
  if (failure === undefined) throw new Error('it did not fail');
  return failure;
}

/** How a body ends, and what came before. */
function read({ body }: OpenSource): Promise<{ bytes: Buffer; end: string }> {
  const chunks: Buffer[] = [];
  body.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve) => {
    const settle = (end: string) => (): void => resolve({ bytes: Buffer.concat(chunks), end });
    body.once('end', settle('end'));
    body.once('error', settle('error'));
    body.once('close', settle('close'));
  });
}

describe('a source', () => {
  it('is opened with its body paused, and closes its connection when it is closed', async () => {
    faulty.at('/x', live(clip, { bytesPerTick: 1e6 }));
    const source = await opened(faulty.url('/x?a=b'), { headers: { 'user-agent': 'VLC' } });
    expect(source).toMatchObject({ status: 200, headers: { 'content-type': 'video/mp2t' }, url: faulty.url('/x?a=b') });
    expect(faulty.requests).toMatchObject([
      {
        method: 'GET',
        query: '?a=b',
        headers: { 'user-agent': 'VLC', 'accept-encoding': 'identity', connection: 'close' },
      },
    ]);
    expect(source.body.readableHighWaterMark).toBe(16 * 1024);
    expect(source.body.socket.readableHighWaterMark).toBe(16 * 1024);
    await until('what is read ahead', () => source.body.readableLength > 0);
    expect(source.body.readableLength).toBeLessThanOrEqual(16 * 1024 + 64 * 1024);
    source.close();
    source.close();
    expect(source.body.socket.destroyed).toBe(true);
    await faulty.waitForOpen(0);
  });

  it('gives what is sent, to a clean end', async () => {
    faulty.at('/x', live(clip, { loops: false, bytesPerTick: 1e6 }));
    const { bytes, end } = await read(await opened(faulty.url('/x')));
    expect(end).toBe('end');
    expect(bytes.equals(clip)).toBe(true);
    await faulty.waitForOpen(0);
  });

  it.each<[string, Behaviour]>([
    ['that has no length', resetAfter(5000, live(clip))],
    ['of a file', file(clip, { cut: { at: 5000, kind: 'reset' } })],
    ['that ends before its length', file(clip, { cut: { at: 5000, kind: 'end' } })],
  ])('tells of a broken connection by an error of its body %s', async (_name, behaviour) => {
    faulty.at('/x', behaviour);
    const { bytes, end } = await read(await opened(faulty.url('/x')));
    expect(end).toBe('error');
    expect(bytes.length).toBeLessThanOrEqual(5000);
    await faulty.waitForOpen(0);
  });

  it('tells of chunks that are none, with the headers or later', async () => {
    const head = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n';
    expect(await failed(raw(`${head}nonsense`))).toMatchObject({ trigger: 'type' });
    let goOn = (): void => undefined;
    faulty.at('/x', ({ request: { socket } }) => {
      socket.write(head);
      goOn = () => socket.write('nonsense');
    });
    const result = read(await opened(faulty.url('/x')));
    goOn();
    expect(await result).toMatchObject({ end: 'error' });
    await faulty.waitForOpen(0);
  });

  it('may stand behind IPv6, and behind a name', async () => {
    const six = await createFaultProvider({ host: '::1' });
    closers.push(() => six.close());
    six.at('/x', headersOnly());
    faulty.at('/x', headersOnly());
    await opened(`http://[::1]:${six.port}/x`);
    await opened(`http://name.example:${faulty.port}/x`);
    expect(six.requests[0]?.headers.host).toBe(`[::1]:${six.port}`);
    expect(faulty.requests[0]?.headers.host).toBe(`name.example:${faulty.port}`);
  });

  it('is asked for a range, and for its head', async () => {
    faulty.at('/x', redirect('/file'));
    faulty.at('/file', file(clip));
    const range = { range: 'bytes=10-19', ifRange: '"1"' };
    const part = await opened(faulty.url('/x'), { range });
    expect(part).toMatchObject({ status: 206, headers: { 'content-range': `bytes 10-19/${clip.length}` } });
    expect((await read(part)).bytes.equals(clip.subarray(10, 20))).toBe(true);
    expect(await opened(faulty.url('/x'), { range: { range: 'bytes=99999999-' } })).toMatchObject({ status: 416 });
    const head = await opened(faulty.url('/x'), { method: 'HEAD' });
    expect(head).toMatchObject({ status: 200, headers: { 'content-length': String(clip.length) } });
    expect(await read(head)).toMatchObject({ end: 'end' });
    expect(faulty.requests.map(({ method, headers }) => [method, headers.range])).toEqual([
      ...[0, 1].map(() => ['GET', 'bytes=10-19']),
      ...[0, 1].map(() => ['GET', 'bytes=99999999-']),
      ...[0, 1].map(() => ['HEAD', undefined]),
    ]);
  });
});

describe('redirects', () => {
  it.each([301, 302, 303, 307, 308])('are followed on %d, with the cookies that they set', async (code) => {
    faulty.at('/x', redirect('/y', code, { 'set-cookie': ['a=1; Path=/', 'b=2'] }));
    faulty.at('/y', headersOnly());
    const source = await opened(faulty.url('/x').replace('//', '//user:pass@'), { headers: { cookie: 'c=3' } });
    expect(source.url).toBe(faulty.url('/y').replace('//', '//user:pass@'));
    expect(faulty.requestsOf('/y')[0]?.headers).toMatchObject({
      cookie: 'c=3; a=1; b=2',
      authorization: `Basic ${Buffer.from('user:pass').toString('base64')}`,
    });
    await faulty.waitForOpen(1);
  });

  it('take nothing that is secret to another host', async () => {
    const other = await createFaultProvider({ host: '127.0.0.2' });
    closers.push(() => other.close());
    other.at('/y', redirect(faulty.url('/z')));
    faulty.at('/x', redirect(other.url('/y'), 302, { 'set-cookie': 'a=1' }));
    faulty.at('/z', headersOnly());
    const headers = { cookie: 'c=3', authorization: 'Bearer t', 'x-token': 't', 'user-agent': 'VLC' };
    await opened(faulty.url('/x').replace('//', '//user:pass@'), { headers });
    expect(faulty.requestsOf('/x')[0]?.headers).toMatchObject(headers);
    for (const { headers: got } of [...other.requestsOf('/y'), ...faulty.requestsOf('/z')]) {
      expect(got).toMatchObject({ 'user-agent': 'VLC' });
      for (const name of ['authorization', 'x-token']) expect(got).not.toHaveProperty(name);
    }
    expect(other.requests[0]?.headers).not.toHaveProperty('cookie');
  });

  it('are followed ten times, and no more', async () => {
    for (let step = 0; step < 10; step++) faulty.at(`/${step}`, redirect(`/${step + 1}`));
    faulty.at('/10', headersOnly());
    await opened(faulty.url('/0'));
    expect(await failed(redirect('/0'))).toMatchObject({ trigger: 'redirect', reason: expect.stringContaining('10') });
    expect(await failed(loop())).toMatchObject({ trigger: 'redirect' });
    expect(faulty.requestsOf('/x')).toHaveLength(1 + 11);
    await faulty.waitForOpen(1);
  });

  it.each([
    ['file:///etc/hostname', 'redirect'],
    ['', 'redirect'],
    ['http://10.0.0.1/', 'forbidden'],
    ['http://0xa9fea9fe/latest/meta-data', 'forbidden'],
    ['http://[::ffff:169.254.169.254]/', 'forbidden'],
    ['http://unknown.example/', 'connect'],
  ])('to %j fail', async (location, trigger) => {
    const behaviour = location === '' ? status(302) : redirect(location);
    expect(await failed(behaviour)).toMatchObject({ trigger });
    await faulty.waitForOpen(0);
  });
});

describe('a failure', () => {
  it.each<[string, Behaviour, Partial<SourceFailure>]>([
    ['a status', status(404), { trigger: 'status', status: 404 }],
    [
      'a limit',
      status(429, '', { 'retry-after': '7' }),
      { trigger: 'limit', status: 429, retryAfterMs: 7000, reason: expect.stringContaining('429') as string },
    ],
    ['a page', html(), { trigger: 'type', status: 200 }],
    ['nothing', status(200, '', { 'content-type': 'video/mp2t' }), { trigger: 'type', status: 200 }],
    ['an end without an answer', hangUp(), { trigger: 'reset', status: undefined }],
    ['a broken connection', hangUp('reset'), { trigger: 'reset', status: undefined }],
    ['an upgrade', raw('HTTP/1.1 101 Up\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nabc'), { trigger: 'reset' }],
    ['what is no HTTP', raw('ICY is no HTTP\r\n\r\n'), { trigger: 'type' }],
    [
      'headers without end',
      raw(`HTTP/1.1 200 OK\r\n${`x: ${'a'.repeat(1000)}\r\n`.repeat(20)}\r\n`),
      { trigger: 'type' },
    ],
    ['split headers', raw('HTTP/1.1 200 OK\r\nx: a\rset-cookie: b\r\n\r\n'), { trigger: 'type' }],
    ['two lengths', raw('HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'), { trigger: 'type' }],
  ])('is told of: %s', async (_name, behaviour, expected) => {
    expect(await failed(behaviour)).toMatchObject(expected);
    await faulty.waitForOpen(0);
  });

  it.each([
    ['http://user:secret@127.0.0.1:1/secret', 'connect'],
    ['http://user:secret@unknown.example/secret', 'connect'],
    ['http://user:secret@10.0.0.1/secret', 'forbidden'],
    ['ftp://user:secret@host/secret', 'connect'],
    ['secret', 'connect'],
  ])('of %s says nothing of the URL', async (url, trigger) => {
    const { failure } = await open(url);
    expect(failure).toMatchObject({ trigger });
    expect(failure?.reason).not.toContain('secret');
  });

  it('is told of when no headers come within their time, over all redirects', async () => {
    const quick = { guard, connectTimeoutMs: hourMs, headersTimeoutMs: 50 };
    expect(await failed(silent(), quick)).toMatchObject({
      trigger: 'headers',
      reason: expect.stringContaining('50ms'),
    });
    faulty.at('/silent', silent());
    expect(await failed(redirect('/silent'), quick)).toMatchObject({ trigger: 'headers' });
    await faulty.waitForOpen(0);
  });

  it('is told of when there is no connection within its time', async () => {
    const quick = { guard, connectTimeoutMs: 50, headersTimeoutMs: hourMs };
    const full = await startFullListener();
    const { failure } = await open(`http://127.0.0.1:${full}/`, {}, quick);
    expect(failure).toMatchObject({ trigger: 'connect', reason: expect.stringContaining('50ms') });
    const unresolved = createAddressGuard({ allow: [], resolve: () => new Promise(() => undefined) });
    const { failure: other } = await open('http://name.example/', {}, { ...quick, guard: unresolved });
    expect(other).toMatchObject({ trigger: 'connect', reason: expect.stringContaining('50ms') });
    // A server that accepts and says nothing of TLS.
    faulty.at('/x', silent());
    const { failure: tls } = await open(faulty.url('/x').replace('http', 'https'), {}, quick);
    expect(tls?.trigger).toBe('connect');
  });
});

/** A port whose queue of connections is full: the kernel answers nobody. Its process is stopped and takes none of them. */
async function startFullListener(): Promise<number> {
  const code = "const s = require('net').createServer().listen(0, '127.0.0.1', 1, () => console.log(s.address().port))";
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  closers.push(() => child.kill('SIGKILL'));
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  child.kill('SIGSTOP');
  const state = (): string => readFileSync(`/proc/${child.pid ?? 0}/stat`, 'utf8').replace(/^.*\) /s, '');
  await until('the stop', () => state().startsWith('T'));
  for (let count = 0; count < 2; count++) {
    const socket = connect(Number(line), '127.0.0.1').on('error', () => undefined);
    closers.push(() => socket.destroy());
    await once(socket, 'connect');
  }
  return Number(line);
}

describe('TLS', () => {
  it('works with the certificate of an authority that is named, and with no other', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-tls-'));
    closers.push(() => rmSync(folder, { recursive: true }));
    const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
        ...['-subj', '/CN=name.example', '-addext', 'subjectAltName=DNS:name.example,IP:127.0.0.1'],
        ...['-keyout', keyFile, '-out', certFile],
      ],
      { stdio: 'ignore' },
    );
    const cert = readFileSync(certFile, 'utf8');
    const secure = await createFaultProvider({ tls: { cert, key: readFileSync(keyFile, 'utf8') } });
    closers.push(() => secure.close());
    secure.at('/x', live(clip, { loops: false, bytesPerTick: 1e6 }));
    for (const host of ['127.0.0.1', 'name.example']) {
      const { source } = await open(`https://${host}:${secure.port}/x`, {}, { ...patient, ca: cert });
      if (source === undefined) throw new Error('it was not opened');
      expect(source.body.readableHighWaterMark).toBe(16 * 1024);
      expect((await read(source)).bytes.equals(clip)).toBe(true);
    }
    const { failure } = await open(secure.url('/x'));
    expect(failure).toMatchObject({ trigger: 'connect', reason: expect.stringContaining('SELF_SIGNED') });
    const wrongName = createAddressGuard({
      allow: ['wrong.example'],
      resolve: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]),
    });
    const wrong = await open(`https://wrong.example:${secure.port}/`, {}, { ...patient, ca: cert, guard: wrongName });
    expect(wrong.failure).toMatchObject({ trigger: 'connect' });
    expect(secure.requests).toHaveLength(2);
    await secure.waitForOpen(0);
  });
});

describe('an end from outside', () => {
  it('ends an attempt at whatever point, and leaves nothing', async () => {
    const name = createAddressGuard({ allow: [], resolve: () => new Promise(() => undefined) });
    faulty.at('/silent', silent());
    faulty.at('/x', redirect('/silent'));
    const points: [string, string, ProviderOptions, () => Promise<void>][] = [
      ['at once', faulty.url('/silent'), patient, () => Promise.resolve()],
      ['while the name is resolved', 'http://name.example/', { ...patient, guard: name }, () => Promise.resolve()],
      ['while it waits', faulty.url('/silent'), patient, () => faulty.waitForRequests('/silent', 1)],
      ['behind a redirect', faulty.url('/x'), patient, () => faulty.waitForRequests('/silent', 2)],
    ];
    const before = resources();
    for (const [what, url, options, wait] of points) {
      const abort = new AbortController();
      const result = open(url, { signal: abort.signal }, options);
      await wait();
      abort.abort();
      expect([what, (await result).failure?.trigger]).toEqual([what, 'reset']);
      expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
      await faulty.waitForOpen(0);
    }
    const abort = new AbortController();
    abort.abort();
    expect((await open(faulty.url('/x'), { signal: abort.signal })).failure?.trigger).toBe('reset');
    await until('nothing to be left', () => resources() <= before);
  });

  it('closes what is open, whose body then neither ends nor fails', async () => {
    faulty.at('/x', live(clip));
    const abort = new AbortController();
    const source = await opened(faulty.url('/x'), { signal: abort.signal });
    const bytes = read(source);
    await until('a byte', () => source.body.readableDidRead);
    abort.abort();
    expect(await bytes).toMatchObject({ end: 'close' });
    await faulty.waitForOpen(0);
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
  });

  it('leaves nothing behind, however attempts end', async () => {
    const behaviours = [
      live(clip),
      file(clip),
      silent(),
      headersOnly(),
      status(404),
      html(),
      redirect('/0'),
      hangUp('reset'),
      stallAfter(1000, live(clip)),
      endAfter(1000, live(clip)),
      resetAfter(1000, live(clip)),
    ];
    for (const [index, behaviour] of behaviours.entries()) faulty.at(`/${index}`, behaviour);
    const sendsBytes = new Set([0, 1, 8, 9, 10]);
    const before = resources();
    const signals: AbortSignal[] = [];
    const attempt = async (index: number): Promise<void> => {
      const abort = new AbortController();
      signals.push(abort.signal);
      const opening = open(faulty.url(`/${index % behaviours.length}`), { signal: abort.signal });
      if (index % 3 === 0) setTimeout(() => abort.abort(), index % 40);
      else if (behaviours[index % behaviours.length] === behaviours[2]) setTimeout(() => abort.abort(), 5);
      const { source } = await opening;
      if (source === undefined) return;
      if (index % 2 === 0) source.body.on('error', () => undefined).resume();
      if (index % 2 === 0 && sendsBytes.has(index % behaviours.length)) {
        await until('a byte', () => source.body.readableDidRead || source.body.destroyed);
      }
      source.close();
    };
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 33 }, (_, index) => attempt(round * 33 + index)));
    }
    await faulty.waitForOpen(0);
    await until('nothing to be left', () => resources() <= before);
    for (const signal of signals) expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

/** Sockets and timers of this process. */
function resources(): number {
  return process.getActiveResourcesInfo().filter((name) => /TCPSocketWrap|TLSWrap|Timeout|TCPConnectWrap/.test(name))
    .length;
}
