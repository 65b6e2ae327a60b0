import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHosts } from '../../../src/http/hosts';
import { exchange, type HttpLab, parseReply, type Reply, startHttpLab } from '../api/lab';

let lab: HttpLab;
beforeAll(async () => {
  lab = await startHttpLab({ hosts: ['agent', 'Pilot.Example', '*.inside.example'] });
});
afterAll(() => lab.server.stop());

/** The answer to a question with exactly these lines about the host. */
async function ask(lines: readonly string[], target = '/v1/route?stream=a', version = '1.1'): Promise<Reply> {
  const text = [`GET ${target} HTTP/${version}`, ...lines, 'Connection: close', '', ''].join('\r\n');
  return parseReply(await exchange(lab.server, text));
}

const good: readonly string[] = [
  '127.0.0.1',
  '127.0.0.1:9101',
  '10.1.2.3:80',
  '192.168.0.1.',
  '[::1]',
  '[::1]:9101',
  '[FE80::1%25eth0]:9101',
  '[::ffff:10.0.0.1]',
  'localhost',
  'LocalHost:9101',
  'localhost.:9101',
  'a.b.localhost',
  'agent',
  'AGENT:9101',
  'agent.',
  'pilot.example',
  'pilot.EXAMPLE.:443',
  'a.inside.example',
  'a.b.Inside.example:9101',
  '',
];
const bad: readonly string[] = [
  'evil.example',
  'evil.example:9101',
  'x',
  'agent.evil.example',
  'agent..',
  'my-agent',
  'inside.example',
  'notinside.example',
  '.inside.example.evil.example',
  'localhost.evil.example',
  'evillocalhost',
  '127.0.0.1.evil.example',
  '127.0.0.1@evil.example',
  'evil.example@127.0.0.1',
  '127.0.0.1,evil.example',
  '127.0.0.1 evil.example',
  '127.0.0.1/evil.example',
  '127.1',
  '0x7f000001',
  '2130706433',
  '127.0.0.256',
  '127.0.0.1:port',
  '127.0.0.1:9101:9101',
  '127.0.0.1:123456',
  '::1',
  '[::1',
  '[evil.example]',
  '[::1]evil.example',
  '[]',
  '.',
  'agent\t1',
  'x"><script>;',
  'constructor',
  '__proto__',
  '*.inside.example',
  '127.0.0.1\u00a0',
];

describe('a Host', () => {
  it.each(good)('%j is answered', async (host) => {
    expect((await ask([`Host: ${host}`])).status).toBe(200);
  });

  it.each(bad)('%j is refused, with what to change', async (host) => {
    lab.asked.length = 0;
    const reply = await ask([`Host: ${host}`]);
    expect(reply).toMatchObject({
      status: 421,
      headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
      json: { type: '/openapi.json#/components/responses/UnknownHost', status: 421 },
    });
    const { detail, given } = reply.json as { detail: string; given: string };
    expect(detail).toMatch('http.hosts');
    expect(given).toMatch(/^[\x20-\x7e]{1,256}…?$/);
    expect(given.slice(0, 20)).toBe(host.replace(/[^\x20-\x7e]/g, '?').slice(0, 20));
    expect(lab.asked).toEqual([]);
  });

  it('is refused on every path and by every method, and in HTTP/1.0 too', async () => {
    for (const path of ['/', '/v1/servers', '/healthz', '/metrics', '/openapi.json', '/no/such', '*']) {
      expect([path, (await ask(['Host: evil.example'], path)).status]).toEqual([path, 421]);
    }
    for (const method of ['HEAD', 'POST', 'OPTIONS', 'DELETE']) {
      const text = `${method} /v1/servers HTTP/1.1\r\nhOST: evil.example\r\nConnection: close\r\n\r\n`;
      expect([method, parseReply(await exchange(lab.server, text)).status]).toEqual([method, 421]);
    }
    expect((await ask(['Host: evil.example'], '/healthz', '1.0')).status).toBe(421);
  });

  it('is not needed in HTTP/1.0, which no browser speaks', async () => {
    expect((await ask([], '/healthz', '1.0')).status).toBe(200);
    expect((await ask([])).status).toBe(400);
  });

  it('that comes twice is allowed only when both are', async () => {
    // Node.js itself may refuse that it comes twice.
    expect([400, 421]).toContain((await ask(['Host: 127.0.0.1', 'Host: evil.example'])).status);
    expect([400, 421]).toContain((await ask(['Host: evil.example', 'Host: 127.0.0.1'])).status);
    expect((await ask(['Host: 127.0.0.1', 'Host: evil.example'], '/healthz', '1.0')).status).toBe(421);
  });

  it.each([
    ['http://agent/v1/route?stream=a', 200],
    ['http://127.0.0.1:9101/v1/route?stream=a', 200],
    ['HTTP://evil.example/v1/route?stream=a', 421],
    ['http://evil.example', 421],
    ['http://127.0.0.1@evil.example/v1/route?stream=a', 421],
    ['https://evil.example:1/healthz', 421],
    ['/v1/route?stream=a&x=http://evil.example/', 200],
  ])('also stands in the target: %j is answered %d', async (target, status) => {
    expect((await ask(['Host: 127.0.0.1'], target)).status).toBe(status);
  });

  it('of any length is refused, and shown in part', async () => {
    for (const host of ['a'.repeat(4000), `${'a.'.repeat(200)}inside.example`]) {
      const reply = await ask([`Host: ${host}`]);
      expect(reply).toMatchObject({ status: 421, json: { given: `${host.slice(0, 256)}…` } });
    }
  });

  it('that is not known is logged, without what a terminal would act upon', async () => {
    const other = await startHttpLab();
    try {
      const question = 'GET / HTTP/1.1\r\nHost: evil\u009b1m.example\r\nConnection: close\r\n\r\n';
      expect(parseReply(await exchange(other.server, question)).status).toBe(421);
      expect(other.log).toEqual([expect.stringMatching('http.hosts')]);
    } finally {
      await other.server.stop();
    }
  });

  it('is looked at again after any number of others', () => {
    const hosts = createHosts(['agent']);
    for (let i = 0; i < 300; i++) {
      expect(hosts.nameOf(`10.0.${i >> 8}.${i & 255}`)).toBe(`10.0.${i >> 8}.${i & 255}`);
      expect(hosts.nameOf(`evil${i}.example`)).toBeUndefined();
      expect(hosts.nameOf('Agent:1')).toBe('agent');
    }
  });
});

it('over the admin socket any Host is answered: no browser comes there', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-hosts-'));
  const other = await startHttpLab();
  try {
    await other.server.listenForAdmin(join(folder, 'admin.sock'));
    const question = 'GET /healthz HTTP/1.1\r\nHost: whatever\r\nConnection: close\r\n\r\n';
    expect(parseReply(await exchange(other.server, question, other.server.adminSocket)).status).toBe(200);
    expect(parseReply(await exchange(other.server, question)).status).toBe(421);
  } finally {
    await other.server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

it('a page of another origin may read nothing', async () => {
  const document = (await lab.request('/openapi.json')).json as { paths: Readonly<Record<string, unknown>> };
  const paths = [...Object.keys(document.paths), '/', '/ui/streams', '/ui/history', '/ui/dashboard.js', '/no/such'];
  // The streams of events have no end, and are asked for by what they accept; HEAD has the same headers.
  const asked = paths.flatMap((path) => ['GET', 'HEAD', 'OPTIONS'].map((method) => ({ path, method })));
  for (const { path, method } of asked) {
    for (const origin of ['http://evil.example', 'null']) {
      const headers = [`Origin: ${origin}`, 'Access-Control-Request-Method: POST'];
      const reply = await lab.request(path.replaceAll('{name}', 'a'), { method, headers });
      const shared = Object.keys(reply.headers).filter((name) => /^access-control-|^timing-allow/.test(name));
      expect([method, path, shared]).toEqual([method, path, []]);
    }
  }
});
