import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRelayClient, type RelayClient, type RelayClientOptions } from '../../../src/relays/relay-client';
import { until } from '../../support/until';
import { configOf, id, row, whyOf } from './answers';

let server: Server;
let answer: (req: IncomingMessage, res: ServerResponse) => void;
let client: RelayClient | undefined;
const asked: string[] = [];

beforeEach(async () => {
  asked.length = 0;
  server = createServer((req, res) => {
    asked.push(`${req.method ?? ''} ${req.url ?? ''} ${req.headers.authorization ?? '-'}`);
    answer(req, res);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  await client?.close();
  client = undefined;
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const json =
  (body: unknown, status = 200) =>
  (_req: IncomingMessage, res: ServerResponse): void => {
    res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
const overview = { streams: [row()], total: 1, accounts: [] };

function ask(options: RelayClientOptions & { readonly password?: string; readonly prefix?: string } = {}): RelayClient {
  const { password, prefix = '', ...others } = options;
  const { port } = server.address() as AddressInfo;
  client = createRelayClient(
    { name: 'relay1', url: `http://127.0.0.1:${port}${prefix}`, username: undefined, password },
    others,
  );
  return client;
}

it('asks with the token as the password, below the path of its URL', async () => {
  answer = json(overview);
  const relay = ask({ password: 'geheim', prefix: '/m3u-proxy/' });
  expect(await relay.overview('a b&c')).toEqual({ value: overview });
  expect(asked).toEqual([`GET /m3u-proxy/overview?match=a+b%26c Basic ${Buffer.from(':geheim').toString('base64')}`]);
});

it('gives an answer again for a second, then asks anew', async () => {
  answer = json(overview);
  let nowMs = 0;
  const relay = ask({ now: () => nowMs });
  await Promise.all([relay.overview(''), relay.overview('')]);
  nowMs = 999;
  await relay.overview('');
  expect(asked).toHaveLength(1);
  nowMs = 1001;
  await relay.overview('');
  expect(asked).toHaveLength(2);
});

it('has one question in progress, and refuses those that are too many', async () => {
  const open: ServerResponse[] = [];
  answer = (_req, res) => void open.push(res);
  const relay = ask({ timeoutMs: 600_000 });
  const answers = Array.from({ length: 20 }, (_, i) => relay.overview(`${i}`));
  await until('the first question', () => open.length === 1);
  expect(await answers[17]).toEqual({ problem: 'Too many questions wait for its answers.' });
  for (let i = 0; i < 16; i++) {
    await until(`question ${i}`, () => open.length === i + 1);
    expect(open.filter(({ writableEnded }) => !writableEnded)).toHaveLength(1);
    open[i]?.writeHead(200).end(JSON.stringify(overview));
  }
  expect((await Promise.all(answers.slice(0, 16))).every(({ value }) => value !== undefined)).toBe(true);
  expect(open).toHaveLength(16);
});

it('has no answer about a stream that is not there', async () => {
  answer = json({ title: 'No such stream', detail: 'Stream not found' }, 404);
  const relay = ask();
  expect(await relay.why(id)).toEqual({ value: undefined });
  expect(await relay.failover(id)).toEqual({ value: undefined });
});

it('reads what it knows of an answer, and nothing else', async () => {
  answer = json({ ...whyOf(), surprise: 1 });
  expect(await ask().why(id)).toEqual({ value: whyOf() });
});

it('moves clients, and looks anew afterwards', async () => {
  answer = (req, res) => json(req.method === 'POST' ? { active_clients: 3 } : overview)(req, res);
  const relay = ask();
  await relay.overview('');
  expect(await relay.failover(id)).toEqual({ value: 3 });
  await relay.overview('');
  expect(asked.map((one) => one.split(' ').slice(0, 2).join(' '))).toEqual([
    'GET /overview',
    `POST /streams/${id}/failover`,
    'GET /overview',
  ]);
});

it('changes settings for those that somebody saw, and looks anew afterwards', async () => {
  const got: string[] = [];
  answer = (req, res) => {
    req.setEncoding('utf8').on('data', (text: string) => got.push(`${String(req.headers['if-match'])} ${text}`));
    json(configOf())(req, res);
  };
  const relay = ask();
  expect(await relay.config()).toEqual({ value: configOf() });
  expect(await relay.changeConfig({ hls_window_size: 8 }, 'abc')).toEqual({ value: configOf() });
  expect(await relay.changeConfig({ hls_window_size: null }, undefined)).toEqual({ value: configOf() });
  await relay.config();
  expect(got).toEqual(['"abc" {"hls_window_size":8}', 'undefined {"hls_window_size":null}']);
  expect(asked.map((one) => one.split(' ').slice(0, 2).join(' '))).toEqual([
    'GET /v1/config',
    'POST /v1/config',
    'POST /v1/config',
    'GET /v1/config',
  ]);
});

it('knows that a relay of an older version has no settings to change', async () => {
  answer = json({ title: 'No such path', detail: 'x' }, 404);
  expect(await ask().config()).toEqual({ value: undefined });
});

it('tells what a relay says of settings that it does not take', async () => {
  answer = json({ title: 'The settings are others', detail: 'Read them again.' }, 412);
  expect(await ask().changeConfig({}, 'x')).toEqual({
    problem: 'The settings are others. Read them again.',
    status: 412,
  });
});

it.each<[string, (req: IncomingMessage, res: ServerResponse) => void, string]>([
  ['is no JSON', (_req, res) => res.end('<html>'), 'Its answer is not understood. Is it of the same version?'],
  [
    'lacks a field',
    json({ streams: [{ id }], total: 1, accounts: [] }),
    'Its answer is not understood: streams.0.title. Is it of the same version?',
  ],
  [
    'wants a token',
    json({ title: 'x', detail: 'y' }, 401),
    'It answered 401: set its token as mediamtx.servers.NAME.password.',
  ],
  ['is a problem', json({ title: 'Too many', detail: 'Ask later.' }, 503), 'Too many. Ask later.'],
  ['is another status', (_req, res) => res.writeHead(500).end('x'), 'It answered 500.'],
  [
    'is too long',
    (_req, res) => res.end('x'.repeat(5_000_000)),
    'It could not be asked: the answer has more than 1048576 bytes.',
  ],
  ['breaks', (req) => req.socket.destroy(), 'It could not be asked: UND_ERR_SOCKET.'],
])('says so when the answer %s', async (_what, given, problem) => {
  answer = given;
  expect((await ask().overview('')).problem).toBe(problem);
});

it('gives up a relay that does not answer in time', async () => {
  answer = (_req, res) => {
    res.writeHead(200);
    res.write('{');
  };
  expect(await ask({ timeoutMs: 50 }).overview('')).toEqual({ problem: 'It gave no complete answer within 0.05 s.' });
});

it('says so when nobody listens', async () => {
  answer = json(overview);
  const relay = ask();
  await new Promise((resolve) => server.close(resolve));
  expect((await relay.overview('')).problem).toBe('It could not be asked: ECONNREFUSED.');
});
