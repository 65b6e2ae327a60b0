import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHttpServer, type HttpServer } from '../../../src/api';
import { loadSettings, mediamtxAccess } from '../../../src/config';
import { createDirectory, type Directory } from '../../../src/directory';
import { recordNothing } from '../../../src/measure/record-time';
import { createRouter, type Router } from '../../../src/router';
import { createAckBatch } from '../../../src/spoe/ack-batch';
import { createAnswers } from '../../../src/spoe/answers';
import { createConnection } from '../../../src/spoe/connection';
import { createSpoeStats } from '../../../src/spoe/stats';
import { createViewers } from '../../../src/viewers';
import { createFakeServer, type FakeServer } from '../../support/fake-mediamtx';
import { ownNames } from '../../support/own-names';
import { until } from '../../support/until';
import { exchange, parseReply, type RequestOptions, requestText } from '../api/lab';
import { run } from '../cli/run';
import { frame, haproxyHello } from '../spoe/golden';
import { createMemoryDuplex, settled } from '../spoe/memory-duplex';
import { createRecordingLog } from '../spoe/recording-log';

/*
 * Every name here is a good one, so whatever it names must be treated as if it were called live/a, mtx1 or s1: the same answers, no exception,
 * no line at error.
 */
const { log, lines } = createRecordingLog();
let servers: FakeServer[];
let directory: Directory;
let router: Router;
let http: HttpServer;
const errors = () => lines.filter((line) => line.startsWith('error'));

const directoryOptions = {
  intervalMs: 60_000,
  staleForMs: 60_000,
  suspectAfter: 3,
  maxStreams: 1000,
  holders: [],
  lookup: { deadlineMs: 5000, ttlMs: 60_000, missTtlMs: 60_000, perSecond: 100_000 },
  apiTimeoutMs: 1000,
  credentialsFor: () => ({}),
  log,
};

beforeAll(async () => {
  // Each name is a server, and the stream of that name is on it; `x/<name>` is nowhere.
  servers = ownNames.map((name) => Object.assign(createFakeServer(name), { streams: { [name]: 1 } }));
  directory = createDirectory({
    ...directoryOptions,
    createClient: ({ server }) => (servers.find(({ name }) => name === server) ?? createFakeServer('none')).client,
  });
  directory.setServers(servers.map(({ fleet }) => fleet));
  directory.start();
  await until('all lists', () => directory.servers().every(({ api }) => api.health === 'ok'));
  router = createRouter(directory);
  http = createHttpServer({
    router,
    directory,
    metrics: { render: () => Promise.resolve({ contentType: 'text/plain', body: '' }) },
    log,
    token: 'secret',
    version: '1.2.3',
  });
  await http.listen('127.0.0.1', 0);
});
afterAll(async () => {
  await http.stop();
  await directory.stop();
});
afterEach(() => expect(errors()).toEqual([]));

const ask = async (target: string, options?: RequestOptions) =>
  parseReply(await exchange(http, requestText(target, options)));
const change = (body: unknown): RequestOptions => ({
  method: 'POST',
  headers: ['Authorization: Bearer secret'],
  body,
});

describe.each(ownNames)('%s', (name) => {
  it('as a stream: found where it is, placed where nobody has it, remembered, moved', async () => {
    expect(await router.decide(name, name)).toMatchObject({ state: 'located', server: name });
    for (const again of [1, 2]) {
      expect(await router.decide(`x/${name}`, `${name}${again}`)).toMatchObject({ state: 'placed' });
      // One that no list has, without a slash before it.
      expect(await router.decide(`${name}.`, name)).toMatchObject({ state: 'placed' });
    }
    const [elsewhere] = servers.filter((server) => server.name !== name);
    directory.setOverride(name, elsewhere?.name);
    expect(await router.decide(name, name)).toMatchObject({ state: 'located', server: elsewhere?.name });
    directory.setOverride(name, undefined);
    await directory.confirm(name, name);
    expect(directory.stream(name)?.holders).toMatchObject([{ server: name }]);
  });

  it('as a stream that nobody has: asked for once, then remembered', async () => {
    const [server] = servers;
    if (server === undefined) throw new Error('no server');
    const lonely = createDirectory({
      ...directoryOptions,
      createClient: () => createFakeServer('mtx1').client,
    });
    lonely.setServers([createFakeServer('mtx1').fleet]);
    lonely.start();
    await until('its list', () => lonely.hasEvidence());
    const alone = createRouter(lonely);
    for (let i = 0; i < 3; i++) expect(await alone.decide(name, '')).toEqual({ state: 'placed', server: 'mtx1' });
    expect(lonely.stats.lookups).toMatchObject({ miss: 1, cached: 3 });
    expect(lonely.stream(name)).toBeUndefined();
    await lonely.stop();
  });

  it('over the HTTP API: as live/a, s1 and mtx1 would be', async () => {
    const decided = await ask(`/v1/route?stream=${name}&session=${name}`);
    expect(decided).toMatchObject({ status: 200, headers: { 'x-mtx-state': 'located', 'x-mtx-server': name } });
    expect(await ask(`/v1/route?stream=x/${name}&${name}=1`)).toMatchObject({ status: 200 });
    expect((await ask(`/v1/route?${name}=${name}`)).status).toBe(400);
    expect(await ask(`/v1/streams/${name}`)).toMatchObject({ status: 200, json: { name } });
    expect(await ask(`/v1/streams/${name}/why?session=${name}`)).toMatchObject({ status: 200, json: { server: name } });
    expect(await ask(`/v1/streams?match=${name}&cursor=&${name}=x`)).toMatchObject({ status: 200 });
    expect((await ask(`/v1/streams?limit=${name}`)).status).toBe(400);
    expect((await ask(`/v1/events?type=${name}`)).status).toBe(400);
    for (const path of [`/${name}`, `/ui/${name}`, `/v1/${name}`, `/v1/servers/${name}/${name}`]) {
      expect((await ask(path)).status).toBe(404);
    }
    expect(await ask('/healthz', { headers: [`${name}: ${name}`] })).toMatchObject({ status: 200 });
    // A field of that name, as its own one, and with what would be inherited.
    const field = (value: string): string => `{"stream":"live/a","event":"ready","${name}":${value}}`;
    for (const body of [field('1'), field('{"server":"mtx1"}')]) {
      const refused = await ask('/v1/hooks/mediamtx', { method: 'POST', body });
      expect(refused).toMatchObject({ status: 400, json: { title: expect.any(String) as string } });
      expect(JSON.stringify(refused.json)).toContain(name);
    }
    const auth = `{"action":"publish","path":"${name}","${name}":{"x":1}}`;
    expect(await ask(`/v1/hooks/mediamtx?server=${name}`, { method: 'POST', body: auth })).toMatchObject({
      status: 202,
      json: { stream: name },
    });
    const hook = { stream: name, server: name, event: 'ready' };
    expect(await ask('/v1/hooks/mediamtx', { method: 'POST', body: hook })).toMatchObject({ status: 202 });
    expect((await ask('/v1/hooks/mediamtx', { method: 'POST', body: { ...hook, event: name } })).status).toBe(400);
    expect((await ask(`/v1/servers/${name}/drain`, change({ reason: name }))).status).toBe(501);
    expect((await ask('/v1/events/replay', change(`{"webhook":"${name}","after":""}`))).status).toBe(501);
    expect(await ask('/v1/streams/live/a/move', change(name))).toMatchObject({ status: 400 });
  });

  it('over SPOE: decided, not a failure', async () => {
    const peer = createMemoryDuplex();
    const stats = createSpoeStats();
    const connection = createConnection(
      peer.duplex,
      {
        decide: (stream, session) => router.decide(stream, session),
        answers: createAnswers(log),
        batch: createAckBatch(),
        stats,
        recordDecision: recordNothing,
        log,
        nowMs: () => performance.now(),
        maxFrameSizeBytes: 16_380,
        helloTimeoutMs: 60_000,
        maxWaitingPerConnection: 1000,
        lingerMs: 60_000,
        draining: false,
      },
      '127.0.0.1',
      () => undefined,
    );
    const text = (value: string): string =>
      Buffer.concat([Buffer.of(value.length), Buffer.from(value)]).toString('hex');
    const question = (stream: string): Buffer =>
      frame('03', '01 01', `05 7768657265 02 ${text('stream')}08${text(stream)} ${text('session')}08${text(name)}`);
    connection.read(haproxyHello);
    connection.read(question(name));
    connection.read(question(`y/${name}`));
    // A message, and an argument, of that name: other things are skipped.
    connection.read(frame('03', '01 02', `${text(name)} 01 ${text(name)} 08 ${text(name)}`));
    await until('the answers', async () => {
      await settled();
      return stats.waiting === 0;
    });
    expect(stats).toMatchObject({
      decideFailures: 0,
      unanswerable: 1,
      decisions: { byState: { located: 1, placed: 1 } },
    });
    expect(peer.written().toString('latin1')).toContain(name);
    connection.stop();
    peer.duplex.destroy();
  });

  it('on the command line', async () => {
    const cli = (...words: string[]) => run([...words, '--url', http.url]);
    expect(await cli('where', name)).toMatchObject({ code: 0, err: '' });
    expect((await cli('where', name)).out).toContain(name);
    expect((await cli('where', `x/${name}`)).err).toBe('');
    expect(await cli('why', name, '--session', name)).toMatchObject({ code: 0, err: '' });
    expect((await cli('streams')).out).toContain(name);
    expect((await cli('servers')).out).toContain(name);
    expect((await cli('complete', '--', 'where', name)).err).toBe('');
    for (const words of [[name], ['help', name], ['completion', name], ['events', name], ['config', name]]) {
      const { code, err } = await run(words);
      expect([code, err.split('\n').length]).toEqual([2, expect.any(Number)]);
      expect(err).not.toMatch(/at .*\(|native code|TypeError/);
    }
    // The stand-in would go on: it ends at the second option.
    const sim = await run(['sim', '--publish', `${name}=${name}`, '--profile', 'none']);
    expect(sim).toMatchObject({ code: 2, err: expect.stringMatching(/--profile/) as string });
  });

  it('in the configuration: a server of that name has its own settings, and a key of that name is unknown', () => {
    const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-names-'));
    const file = join(folder, 'mtxpilot.yaml');
    const load = (yaml: string, flags: { flag: string; key: string; value: string }[] = []) => {
      writeFileSync(file, yaml);
      return loadSettings({ file, env: {}, flags, standardFiles: [] });
    };
    const settings = load(
      `servers: [{name: ${name}, address: 127.0.0.1:8888}, {name: mtx1, address: 127.0.0.2:8888}]\nmediamtx: {username: a, servers: {mtx1: {username: b}}}\n`,
    );
    if ('errors' in settings) throw new Error(settings.errors.join());
    const server = { name, kind: 'mediamtx', address: '127.0.0.1', port: 8888 } as const;
    expect(mediamtxAccess(settings.settings, server)).toMatchObject({ username: 'a' });
    const own = load(`mediamtx: {servers: {${name}: {username: c}}}\n`);
    // The one name that no map of settings can hold says so.
    if (name === '__proto__') expect(own).toMatchObject({ errors: [expect.stringContaining('__proto__')] });
    else if ('errors' in own) throw new Error(own.errors.join());
    else expect(mediamtxAccess(own.settings, server)).toMatchObject({ username: 'c' });
    for (const yaml of [`${name}: 1\n`, `http: {${name}: 1}\n`, `haproxy: {nodes: [{${name}: 1}]}\n`]) {
      expect(load(yaml)).toMatchObject({ errors: expect.arrayContaining([expect.stringContaining(name)]) as string[] });
    }
    for (const key of [name, `http.${name}`, `mediamtx.servers.${name}.${name}`, `${name}.listen`]) {
      expect(load('{}', [{ flag: '--set', key, value: '1' }])).toMatchObject({ errors: [expect.any(String)] });
    }
    rmSync(folder, { recursive: true, force: true });
  });

  it('as stream, session, server and node of a viewer', () => {
    const viewers = createViewers({ goneAfterMs: 10_000, showAddresses: false, nowMs: 0 });
    viewers.nodeUp(name, 0);
    viewers.see({ node: name, key: `${name}|a1`, serverName: name, idleMs: 0, live: true, bytesOut: 1 }, 0);
    expect(viewers.list({ limit: 10, stream: name, server: name }).viewers).toMatchObject([
      { stream: name, server: name, node: name },
    ]);
    expect(viewers.countsByNode().get(name)).toMatchObject({ viewers: 1, streams: new Map([[name, 1]]) });
    viewers.tick(20_000);
    expect(viewers.total()).toMatchObject({ viewers: 0, peak: 1 });
  });
});
