import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { startChild } from '../support/child-process';
import {
  createFaultProvider,
  type FaultProvider,
  hangUp,
  html,
  live,
  redirect,
  status,
} from '../support/fault-provider';
import { type RelayProcess, startRelay } from '../support/relay';
import { addStream, callRelay, readStream } from '../support/relay-client';
import { type ClipFolder, createClipFolder } from '../support/ts-clips';
import { until } from '../support/until';

const secret = 'geheim';
const packetLength = 188;

let clips: ClipFolder;
let clip: Buffer;
let provider: FaultProvider;
let relay: RelayProcess;
beforeAll(async () => {
  clips = createClipFolder();
  clip = clips.clip({ seconds: 4 });
  provider = await createFaultProvider();
});
afterAll(async () => {
  await provider.close();
  clips.remove();
});
afterEach(async () => {
  await relay.stop('SIGKILL');
});

describe('what is secret', () => {
  let receiver: Server;
  const received: string[] = [];
  beforeEach(async () => {
    received.length = 0;
    receiver = createServer((req, res) => {
      let text = '';
      req.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      req.on('end', () => {
        received.push(text);
        res.end();
      });
    });
    await new Promise<void>((resolve) => void receiver.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => void receiver.close());

  it('shows nowhere: log at level debug, events, metrics, answers, problems', async () => {
    const hook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
    const account = { match: `http://127.0.0.1:${provider.port}/live/user/${secret}/`, maxConnections: 9 };
    const patient = { allow: ['127.0.0.0/8'], timeouts: { stall: '10m' }, accounts: { one: account } };
    const events = { viewers: true, webhooks: { all: { url: `${hook}cloud`, streams: '**' } } };
    relay = await startRelay({
      relay: patient,
      config: { events, log: { level: 'debug' } },
      env: { LOG_LEVEL: 'DEBUG' },
    });
    const said: string[] = [];
    const ask = async (method: string, path: string, body?: unknown) => {
      const answer = await callRelay(relay.url, method, path, body);
      said.push(JSON.stringify(answer));
      return answer;
    };
    const all = ['stream_started', 'stream_stopped', 'stream_failed', 'client_connected', 'client_disconnected'];
    await ask('POST', '/webhooks', { url: `${hook}hook`, events: [...all, 'failover_triggered'] });

    const at = (name: string) => provider.url(`/live/user/${secret}/${name}.ts`).replace('//', `//user:${secret}@`);
    const path = (name: string) => `/live/user/${secret}/${name}.ts`;
    const asked = (name: string) => `${at(name)}?username=user&password=${secret}`;
    provider.at(path('first'), live(clip, { bytesPerTick: 4000 }));
    provider.at(path('page'), html(`<p>user ${secret} has no subscription</p>`));
    provider.at(path('refused'), status(403, secret, { 'x-reason': secret }));
    provider.at(path('moved'), redirect(`http://169.254.169.254/${secret}`));
    provider.at(path('gone'), hangUp('reset'));
    provider.at(path('backup'), live(clip, { bytesPerTick: 4000 }));
    const backups = ['page', 'refused', 'moved', 'gone', 'backup'].map(asked);
    const { json } = await ask('POST', '/streams', {
      url: asked('first'),
      failover_urls: backups,
      failover_resolver_url: `http://user:${secret}@127.0.0.1:1/${secret}?key=${secret}`,
      headers: { Cookie: secret, Authorization: `Bearer ${secret}` },
    });
    const id = String(json['stream_id']);
    const reader = await readStream(`${relay.url}/stream/${id}`, { headers: { 'x-username': 'ada' } });
    expect(reader.status).toBe(200);
    await reader.more(packetLength);
    provider.at(path('first'), status(500, secret));
    provider.cut(path('first'), 'reset');
    await until('the last backup to play', () => provider.open(path('backup')) === 1);
    await reader.more(clip.length / 4);
    expect(provider.requestsOf(path('gone')).length).toBeGreaterThan(0);

    for (const page of ['/streams', `/streams/${id}`, '/clients', '/stats', '/stats/detailed', '/stats/performance'])
      await ask('GET', page);
    for (const page of [
      '/stats/streams',
      '/stats/clients',
      '/health',
      '/info',
      '/v3/paths/list',
      `/v3/paths/get/${id}`,
    ])
      await ask('GET', page);
    await ask('POST', `/streams/${id}/failover`);
    await ask('POST', '/test-connection', { url: asked('refused') });
    await ask('POST', '/test-connection', { url: `http://user:${secret}@169.254.169.254/${secret}` });
    await ask('POST', '/streams', { url: `ftp://user:${secret}@host/${secret}` });
    await ask('POST', '/streams', { url: asked('first'), headers: { [`X ${secret}`]: secret } });
    reader.leave();
    // A stream of which no source gives a byte: a live one, and a file.
    for (const name of ['refused.ts', 'refused.mp4']) {
      const source = asked('refused').replace('refused.ts', name);
      const { json: made } = await ask('POST', '/streams', {
        url: source,
        failover_urls: [asked('moved'), asked('page')],
      });
      expect((await ask('GET', `/stream/${String(made['stream_id'])}`)).status).toBeGreaterThanOrEqual(400);
    }
    await ask('DELETE', `/streams/${id}`);
    const told = (word: string) => received.some((text) => text.includes(word));
    for (const word of ['stream_stopped', 'stream_failed', 'client_disconnected', 'failover_triggered', 'specversion'])
      await until(`${word} to be told`, () => told(word));
    said.push(await (await fetch(`${relay.url}/metrics`)).text());
    await relay.stop();

    expect(relay.log()).toContain('no source could serve a client');
    for (const text of [...said, ...received, relay.log()]) expect(text).not.toContain(secret);
    // Every source was asked with what it needs.
    expect(provider.requestsOf(path('refused'))[0]?.query).toContain(secret);
  });

  it('is not printed by `mtxpilot config`', async () => {
    relay = await startRelay();
    const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-secrets-'));
    try {
      const file = join(folder, 'mtxpilot.yaml');
      const accounts = {
        one: { match: `http://user:${secret}@tv.example/`, maxConnections: 1 },
        two: { match: `http://tv.example/live/user/${secret}/`, maxConnections: 1 },
      };
      const store = { redis: 'redis://redis.example:6379/0', username: 'relay', password: secret };
      writeFileSync(file, stringify({ relay: { token: `${secret}-${secret}-${secret}`, accounts, store } }));
      const child = startChild(process.execPath, ['dist/cli/main.js', 'config', '--config', file], { API_TOKEN: '' });
      expect(await child.exited).toBe(0);
      expect(child.lines.join('\n')).toContain('tv.example/…');
      expect(child.lines.join('\n')).not.toContain(secret);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('addresses that nobody allowed', () => {
  it('are not asked, however they are written, nor by a redirect; one that is allowed is', async () => {
    relay = await startRelay({ relay: { allow: ['127.0.0.2'], timeouts: { stall: '10m' } } });
    const outside = await createFaultProvider({ host: '127.0.0.2' });
    try {
      provider.at('/inner.ts', live(clip, { bytesPerTick: 4000 }));
      outside.at('/inner.ts', live(clip, { bytesPerTick: 4000 }));
      const hosts = ['127.0.0.1', '127.1', '2130706433', '0x7f000001', '0177.0.0.1', '①②⑦.0.0.1', '127.0.0.1.', '0'];
      const names = ['localhost', 'LOCALHOST.', '[::1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::]'];
      const { port } = provider;
      const before = provider.connections.total;
      for (const host of [...hosts, ...names]) {
        for (const file of ['inner.ts', 'inner.mp4']) {
          const source = `http://${host}:${port}/${file}`;
          const response = await fetch(`${relay.url}/stream/${await addStream(relay.url, source)}`);
          expect([source, response.status]).toEqual([source, 502]);
          await response.text();
        }
        await callRelay(relay.url, 'POST', '/test-connection', { url: `http://${host}:${port}/` });
        const written = host.replace(/[^\x20-\x7e]/g, encodeURIComponent);
        outside.at('/away.ts', redirect(`http://${written}:${port}/inner.ts`));
        const away = await addStream(relay.url, outside.url('/away.ts'));
        expect((await fetch(`${relay.url}/stream/${away}`)).status).toBe(502);
      }
      expect(provider.connections.total).toBe(before);
      expect(outside.requestsOf('/away.ts')).toHaveLength(hosts.length + names.length);
      const reader = await readStream(`${relay.url}/stream/${await addStream(relay.url, outside.url('/inner.ts'))}`);
      expect(reader.status).toBe(200);
      reader.leave();
    } finally {
      await outside.close();
    }
  });
});
