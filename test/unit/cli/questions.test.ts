import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { createHttpServer, type HttpServer } from '../../../src/api';
import { runCommandLine } from '../../../src/cli/run-command-line';
import type { ServerView, StreamView } from '../../../src/directory/views';
import { createLogger } from '../../../src/log';
import type { Decision, Explanation } from '../../../src/router';

const clear = '\u001b[2J';

const mtx1: ServerView = {
  name: 'mtx1',
  kind: 'mediamtx',
  address: '10.0.0.11',
  port: 8888,
  apiUrl: 'http://10.0.0.11:9997',
  operational: 'UP',
  administrative: 'ready',
  backup: false,
  api: {
    health: 'ok',
    consecutiveFailures: 0,
    lastError: undefined,
    inventoryAgeMs: 412,
    inventoryTookMs: 3,
    version: 'v1.20.1',
    era: 'session',
  },
  streams: 2,
  readers: 15,
  readersByProtocol: { rtsp: 10, rtmp: 0, srt: 0, webrtc: 5, other: 0 },
  hlsSessions: 0,
};
const failing: ServerView = {
  ...mtx1,
  name: 'mtx2',
  operational: 'DOWN',
  api: { ...mtx1.api, health: 'suspect', version: undefined, inventoryAgeMs: 75_000, lastError: `status 500 ${clear}` },
};
const holder = (server: string, stale: boolean): StreamView['holders'][number] => ({
  server,
  publisherSince: '2026-11-21T10:00:00Z',
  sourceType: 'rtmpConn',
  pulled: false,
  tracks: ['H264', 'MPEG-4 Audio'],
  readers: 15,
  readersByProtocol: { rtsp: 10, rtmp: 0, srt: 0, webrtc: 5, other: 0 },
  bytesReceived: 1,
  bytesSent: 2,
  evidence: { source: 'inventory', ageMs: 2100, stale },
});
const stream = (name: string): StreamView => ({
  name,
  kind: 'mediamtx',
  holders: [holder('mtx1', false)],
  fillers: [],
  conflict: false,
  policy: 'newest',
});
const twice: StreamView = {
  ...stream('live/b'),
  holders: [holder('mtx2', true), holder('mtx1', false)],
  conflict: true,
};

let fleet: ServerView[] = [];
let live: StreamView[] = [];
let agent: HttpServer;
const others: Server[] = [];

beforeAll(async () => {
  const decide = (name: string): Decision =>
    name === 'live/a' ? { state: 'located', server: 'mtx1' } : { state: 'placed', server: 'mtx2' };
  const explain = (name: string, session: string | undefined): Promise<Explanation> =>
    Promise.resolve({
      stream: name,
      kind: 'mediamtx',
      session,
      ...decide(name),
      rule: name === 'live/a' ? 'only-holder' : 'placed-by-hash',
      because: name === 'live/a' ? 'only mtx1 has it' : 'nobody has it',
      evidence: [
        {
          server: 'mtx1',
          says: name === 'live/filler' ? 'filler' : 'live',
          source: 'inventory',
          ageMs: 412,
          stale: false,
          path: undefined,
        },
        { server: 'mtx2', says: 'no answer', source: undefined, ageMs: undefined, stale: true, path: 'startable' },
      ],
    });
  agent = createHttpServer({
    router: { decide, explain },
    directory: {
      streamNames: () => live.map(({ name }) => name).values(),
      stream: (name) => live.find((each) => each.name === name),
      servers: () => fleet,
      hasEvidence: () => true,
      confirm: () => Promise.resolve(),
    },
    metrics: { render: () => Promise.resolve({ contentType: 'text/plain', body: '' }) },
    log: createLogger('silent'),
    version: '0.0.0',
  });
  await agent.listen('127.0.0.1', 0);
});
afterAll(async () => {
  await agent.stop();
  await Promise.all(others.map((server) => new Promise((done) => server.close(done))));
});
beforeEach(() => {
  fleet = [mtx1];
  live = [stream('live/a')];
});

/** Something else than an agent. */
async function listen(answer: RequestListener): Promise<string> {
  const server = createServer((request, response) => {
    response.setHeader('connection', 'close');
    answer(request, response);
  });
  others.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function run(args: readonly string[], env: NodeJS.ProcessEnv = { MTXPILOT_URL: agent.url }) {
  const text = { out: '', err: '' };
  const stdout = new PassThrough().on('data', (chunk: Buffer) => (text.out += chunk.toString()));
  const stderr = new PassThrough().on('data', (chunk: Buffer) => (text.err += chunk.toString()));
  const code = await runCommandLine(args, { stdin: new PassThrough(), stdout, stderr, env });
  await new Promise(setImmediate);
  return { code, ...text };
}

describe('where', () => {
  it('tells the server, with 0', async () => {
    expect(await run(['where', 'live/a'])).toEqual({
      code: 0,
      out: 'STREAM  STATE    SERVER\nlive/a  located  mtx1\n',
      err: '',
    });
  });

  it('ends with 1 when nobody has the stream', async () => {
    expect(await run(['where', 'live/x'])).toMatchObject({
      code: 1,
      out: expect.stringContaining('live/x  placed  mtx2'),
    });
  });

  it('prints what the API says with --json', async () => {
    const { code, out } = await run(['where', 'live/a', '--session', 's 1', '--json']);
    expect({ code, json: JSON.parse(out) as unknown }).toEqual({
      code: 0,
      json: { stream: 'live/a', session: 's 1', state: 'located', server: 'mtx1' },
    });
  });

  it.each(['', '..', '/live/a', 'a;b', `${clear}x`, 'a?b=c', '%0a', 'x'.repeat(300)])(
    'has 1 and the rule for %j',
    async (name) => {
      const { code, out, err } = await run(['where', '--', name]);
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err).toMatch(/^mtxpilot: Not a stream name\. .*Allowed: letters, digits and _ - .*\n$/);
    },
  );
});

describe('why', () => {
  it('gives the rule and what each server says', async () => {
    expect(await run(['why', 'live/a'])).toEqual({
      code: 0,
      out: `live/a is located: mtx1
Why: only mtx1 has it (rule only-holder).

What the servers say
  mtx1 has it: its list of 412 ms ago names it.
  mtx2 has not answered yet.

What comes next
  The next viewer makes HAProxy ask, and is sent to mtx1.
`,
      err: '',
    });
  });

  it('says of a filler what it is', async () => {
    expect((await run(['why', 'live/filler'])).out).toContain(
      '  mtx1 shows its filler, the publisher is away: its list of 412 ms ago names it.\n',
    );
  });

  it('passes the session on', async () => {
    const { code, out } = await run(['why', 'live/x', '--session', 'a&b', '--json']);
    expect({ code, json: JSON.parse(out) as unknown }).toMatchObject({
      code: 1,
      json: { stream: 'live/x', session: 'a&b' },
    });
  });

  it.each(['.', '..', ''])('does not let %j become another question', async (name) => {
    expect(await run(['why', name])).toEqual({
      code: 1,
      out: '',
      err: `mtxpilot: "${name}" cannot be the name of a stream\n`,
    });
  });

  it.each(['../servers', 'a/../../servers', 'x?y', 'x#y'])('does not let %j become another question', async (name) => {
    expect(await run(['why', name])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^mtxpilot: Not a stream name\./),
    });
  });
});

describe('streams', () => {
  it('lists holders, the chosen one first, and ends with 1 on a conflict', async () => {
    live = [stream('live/a'), twice];
    expect(await run(['streams'])).toEqual({
      code: 1,
      out: `STREAM  SERVER  PUBLISHER SINCE       SOURCE    TRACKS             VIEWERS  READERS  AGE    NOTE
live/a  mtx1    2026-11-21T10:00:00Z  rtmpConn  H264,MPEG-4 Audio  -             15  2.1 s  -
live/b  mtx2    2026-11-21T10:00:00Z  rtmpConn  H264,MPEG-4 Audio  -             15  2.1 s  conflict, last good answer
        mtx1    2026-11-21T10:00:00Z  rtmpConn  H264,MPEG-4 Audio                15  2.1 s  conflict
`,
      err: '',
    });
  });

  it('tells copies and fillers from publishers', async () => {
    live = [
      {
        ...twice,
        holders: [holder('mtx1', false), { ...holder('mtx2', false), sourceType: 'rtspSource', pulled: true }],
        conflict: false,
      },
      { ...stream('live/c'), holders: [], fillers: ['mtx1', 'mtx2'] },
    ];
    const { code, out } = await run(['streams']);
    expect([code, out]).toEqual([
      0,
      `STREAM  SERVER  PUBLISHER SINCE       SOURCE      TRACKS             VIEWERS  READERS  AGE    NOTE
live/b  mtx1    2026-11-21T10:00:00Z  rtmpConn    H264,MPEG-4 Audio  -             15  2.1 s  -
        mtx2    2026-11-21T10:00:00Z  rtspSource  H264,MPEG-4 Audio                15  2.1 s  pulled copy
live/c  mtx1    -                     -           -                  -              -  -      filler: publisher away
        mtx2    -                     -           -                                 -  -      filler: publisher away
`,
    ]);
  });

  it('says so when there are none', async () => {
    live = [];
    expect(await run(['streams'])).toEqual({ code: 0, out: 'no stream is live\n', err: '' });
  });

  it('asks page after page up to the limit, and says how many there are', async () => {
    live = Array.from({ length: 2500 }, (_, n) => stream(`s${String(n).padStart(4, '0')}`));
    const all = JSON.parse((await run(['streams', '--limit', '5000', '--json'])).out) as {
      streams: StreamView[];
      total: number;
    };
    expect(all.streams.map(({ name }) => name)).toEqual(live.map(({ name }) => name));
    expect(all.total).toBe(2500);

    const some = (await run(['streams', '--limit', '1200'])).out.trimEnd().split('\n');
    expect([some.length, some.at(-2)?.slice(0, 5), some.at(-1)]).toEqual([
      1202,
      's1199',
      '1200 of 2500 streams, --limit shows more',
    ]);
  });

  it('filters by name', async () => {
    live = [stream('live/a'), stream('other')];
    expect((await run(['streams', '--match', 'the'])).out).not.toContain('live/a');
  });

  it('escapes what a server could have made of a name', async () => {
    live = [{ ...stream(`a${clear}`), holders: [{ ...holder('mtx1', false), tracks: [`\u009b2J\u202e`] }] }];
    const shown = await run(['streams']);
    expect(shown.out).toContain('a\\u001b[2J');
    expect(shown.out).toContain('\\u009b2J\\u202e');
    const { out } = await run(['streams', '--json']);
    expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(JSON.parse(out)).toMatchObject({
      streams: [{ name: `a${clear}`, holders: [{ tracks: ['\u009b2J\u202e'] }] }],
    });
  });
});

describe('servers', () => {
  it('shows states, API and load, and ends with 1 when a server is in trouble', async () => {
    fleet = [mtx1, failing];
    expect(await run(['servers'])).toEqual({
      code: 1,
      out: `SERVER  ADDRESS         STATE  ADMIN  API      VERSION  LIST AGE  STREAMS  VIEWERS  READERS  NOTE
mtx1    10.0.0.11:8888  UP     ready  ok       v1.20.1  412 ms          2  -             15  -
mtx2    10.0.0.11:8888  DOWN   ready  suspect  -        75 s            2  -             15  status 500 \\u001b[2J
`,
      err: '',
    });
  });

  it.each<[number, string, ServerView[]]>([
    [0, 'all is well', [mtx1]],
    [0, 'the one in trouble is in maintenance', [mtx1, { ...failing, administrative: 'maint' }]],
    [0, 'no HAProxy was asked', [{ ...mtx1, operational: 'UNKNOWN' }]],
    [0, 'an API was not asked yet', [{ ...mtx1, api: { ...mtx1.api, health: 'unknown' } }]],
    [1, 'an API fails', [{ ...mtx1, api: { ...mtx1.api, health: 'failing' } }]],
    [1, 'a drained server is DOWN', [{ ...mtx1, administrative: 'drain', operational: 'DOWN' }]],
    [1, 'no server is known', []],
  ])('ends with %i when %s', async (code, _, servers) => {
    fleet = servers;
    expect((await run(['servers', '--json'])).code).toBe(code);
  });
});

describe('an agent that is none', () => {
  const none = (url: string, why: string) => ({
    code: 3,
    out: '',
    err: `mtxpilot: what listens at ${url} is not an mtxpilot agent: ${why}\n`,
  });

  it('nobody listens', async () => {
    const url = await listen(() => undefined);
    const server = others.pop();
    await new Promise((done) => server?.close(done));
    expect(await run(['servers', '--url', url])).toEqual({
      code: 3,
      out: '',
      err: `mtxpilot: no agent at ${url}: nobody listens there; is "mtxpilot agent" running, with this http.listen?\n`,
    });
  });

  it('something else listens', async () => {
    const html = await listen((_, response) => response.end('<html>'));
    expect(await run(['servers', '--url', html])).toEqual(none(html, 'it answers 200 and no JSON'));
    const json = await listen((_, response) => response.end('{"servers":[{"name":1}]}'));
    expect(await run(['servers', '--url', json])).toEqual(none(json, 'its answer lacks servers.0.name'));
    const teapot = await listen((_, response) => response.writeHead(418).end('[]'));
    expect(await run(['servers', '--url', teapot])).toEqual(none(teapot, 'it answers 418'));
  });

  it('the connection ends in the middle', async () => {
    const url = await listen((_, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('{"servers"', () => response.destroy());
    });
    expect(await run(['servers', '--url', url])).toMatchObject({
      code: 3,
      err: expect.stringMatching(/^mtxpilot: no agent at /),
    });
  });

  it('pages that never move on are not asked for without end', async () => {
    const page = JSON.stringify({ streams: [{ name: 'a', holders: [] }], total: 9, next: 'a' });
    let asked = 0;
    const url = await listen((_, response) => {
      asked++;
      response.end(page);
    });
    expect((await run(['streams', '--url', url])).code).toBe(0);
    expect(asked).toBe(2);
  });

  it('asks below the path of the URL, and takes --url before MTXPILOT_URL', async () => {
    const paths: (string | undefined)[] = [];
    const url = await listen((request, response) => {
      paths.push(request.url);
      response.end('{"servers":[]}');
    });
    await run(['servers', '--url', `${url}/pilot/`]);
    await run(['servers'], { MTXPILOT_URL: `${url}/` });
    expect(paths).toEqual(['/pilot/v1/servers', '/v1/servers']);
  });
});

describe('wrong usage ends with 2', () => {
  it.each([
    [[], /^Usage: mtxpilot/],
    [['wehre'], /^error: unknown command 'wehre'\n\(Did you mean where\?\)/],
    [['where'], /^error: missing required argument 'stream'/],
    [['where', 'a', 'b'], /^error: too many arguments/],
    [['where', 'a', `--${clear}`], /^error: unknown option '--\\u001b\[2J'/],
    [
      ['where', 'a', '--url', 'ftp://x'],
      /Expected an http:\/\/ or https:\/\/ URL, such as http:\/\/127\.0\.0\.1:9101\./,
    ],
    [['streams', '--limit', '0'], /Expected a whole number from 1 to 9999999\./],
    [['config', '--set', 'lookup'], /Expected KEY=VALUE, such as lookup\.ttl=5s\./],
    [['sim', '--profile', 'modern'], /Allowed choices are pre-session, session\./],
    [['sim', '--publish', 'mtx1'], /Expected SERVER=STREAM, such as mtx1=live\/a\./],
  ])('%j', async (args, expected) => {
    const { code, out, err } = await run(args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(expected);
  });

  it('also in MTXPILOT_URL', async () => {
    const { code, err } = await run(['servers'], { MTXPILOT_URL: '127.0.0.1:9101' });
    expect({ code, err }).toEqual({
      code: 2,
      err: expect.stringContaining(
        'MTXPILOT_URL: "127.0.0.1:9101" is not allowed. Expected an http:// or https:// URL',
      ),
    });
  });
});

describe('--help', () => {
  it.each([[['--help']], [['where', '--help']]])('%j lists the exit codes', async (args) => {
    const { code, out } = await run(args);
    expect(code).toBe(0);
    expect(out).toMatch(/Exit codes:\n {2}0 {2}fine\n {2}1 .*\n {2}2 .*\n {2}3 {2}the agent cannot be reached\n/);
  });
});
