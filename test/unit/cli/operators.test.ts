import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { ControlledServer } from '../../../src/control/views';
import { until } from '../../support/until';
import { createFakeEvents, event, type FakeEvents, idOf } from '../api/fake-events';
import { controlled, createFakeOperations, type FakeOperations } from '../api/fake-operations';
import { type HttpLab, serverView, startHttpLab, stream } from '../api/lab';
import { run } from './run';

const token = 'correct-horse-battery-staple';
const clear = '\u001b[2J';

let lab: HttpLab;
let operations: FakeOperations;
let events: FakeEvents;
let folder: string;
let socket: string;

beforeEach(async () => {
  operations = createFakeOperations();
  events = createFakeEvents();
  folder = mkdtempSync(join(tmpdir(), 'mtxpilot-cli-'));
  socket = join(folder, 'admin.sock');
  lab = await startHttpLab({ operations, events, token });
  lab.directory.servers = [serverView('mtx1'), serverView('mtx2')];
  lab.directory.streams = ['live/a', 'live/b'].map((name) => stream(name));
  await lab.server.listenForAdmin(socket);
});
afterEach(async () => {
  await lab.server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const overSocket = (args: readonly string[], more: Parameters<typeof run>[1] = {}) =>
  run(args, { env: { MTXPILOT_HTTP_ADMIN_SOCKET: socket }, ...more });

describe('where the agent is looked for', () => {
  it('is its admin socket: changes need nothing else', async () => {
    const { code, err } = await overSocket(['drain', 'mtx1', '--reason', 'kernel']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(operations.orders).toEqual([
      `setIntent mtx1 {"kind":"drain","reason":"kernel","operator":"${userInfo().username}"}`,
    ]);
  });

  it.each([
    ['--token', () => ['--token', token], {}],
    ['--token-file', () => ['--token-file', join(folder, 'token')], {}],
    ['MTXPILOT_HTTP_TOKEN', () => [], { MTXPILOT_HTTP_TOKEN: token }],
    ['MTXPILOT_HTTP_TOKEN_FILE', () => [], { MTXPILOT_HTTP_TOKEN_FILE: 'token' }],
  ])('with %s also over TCP', async (_how, args, env) => {
    writeFileSync(join(folder, 'token'), `${token}\n`);
    const given = Object.fromEntries(
      Object.entries(env).map(([name, value]) => [name, value === 'token' ? join(folder, value) : value]),
    );
    const { code, err } = await run(['maint', 'mtx1', '--url', lab.server.url, ...args()], { env: given });
    expect({ code, err }).toEqual({ code: 0, err: '' });
  });

  it('without a token over TCP: refused with 1, and told what to do', async () => {
    const { code, out, err } = await run(['maint', 'mtx1', '--url', lab.server.url]);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(
      /^mtxpilot: Changes over TCP need a token\. .*admin socket.* --token-file, or MTXPILOT_HTTP_TOKEN\.\n$/,
    );
    expect(operations.orders).toEqual([]);
  });

  it('a token that cannot be read is wrong usage', async () => {
    const file = join(folder, 'absent');
    expect(await run(['ready', 'mtx1', '--token-file', file])).toMatchObject({
      code: 2,
      err: `error: the token cannot be read from ${file} (ENOENT)\n`,
    });
  });

  it('a socket that is not there has 3, in words', async () => {
    const gone = join(folder, 'gone.sock');
    expect(await run(['servers', '--socket', gone])).toMatchObject({
      code: 3,
      err: `mtxpilot: no agent at ${gone}: no such socket; is "mtxpilot agent" running, with this http.adminSocket?\n`,
    });
  });

  it('the token does not go to who only reads, nor over the socket', async () => {
    const seen: string[] = [];
    const eavesdropper = createServer((connection) => {
      connection.on('data', (chunk: Buffer) => seen.push(chunk.toString()));
      connection.end('HTTP/1.1 418 x\r\ncontent-length: 0\r\n\r\n');
    });
    const path = join(folder, 'other.sock');
    await new Promise<void>((resolve) => eavesdropper.listen(path, resolve));
    await run(['ready', 'mtx1', '--socket', path, '--token', token]);
    await run(['servers', '--socket', path], { env: { MTXPILOT_HTTP_TOKEN: token } });
    await new Promise((resolve) => eavesdropper.close(resolve));
    expect(seen).toHaveLength(2);
    expect(seen.join('')).not.toContain(token);
  });
});

describe('drain, maint, ready', () => {
  it('show what is wanted, how HAProxy has it, and what stands in the way', async () => {
    const { out } = await overSocket(['drain', 'mtx1', '--operator', 'alice', '--deadline', '30m']);
    expect(out).toBe(`mtx1: drain, maint at 2026-11-21T10:30:00.000Z, because no order says otherwise
  lb1 has it ready, UP, 2 sessions
  2 viewers left
  live only there: live/a
  not safe to stop: it takes new viewers
`);
    expect(operations.orders[0]).toContain('"deadlineMs":1800000');
  });

  it('print what the API says with --json', async () => {
    const { code, out } = await overSocket(['maint', 'mtx1', '--json']);
    expect({ code, json: JSON.parse(out) as unknown }).toMatchObject({
      code: 0,
      json: { name: 'mtx1', wanted: 'maint' },
    });
  });

  it.each([
    ['no-such-server', 'No such server: mtx1 says no.'],
    ['no-haproxy', 'HAProxy does not answer: mtx1 says no.'],
    ['store-failed', 'The change could not be stored: mtx1 says no.'],
  ] as const)('end with 1 when control refuses: %s', async (kind, text) => {
    operations.refusal = { kind };
    expect(await overSocket(['ready', 'mtx1'])).toEqual({ code: 1, out: '', err: `mtxpilot: ${text}\n` });
  });

  it.each(['', '.', '..'])('do not let %j become another question', async (name) => {
    expect((await overSocket(['drain', name])).code).toBe(1);
    expect(operations.orders).toEqual([]);
  });

  it('escape what others wrote', async () => {
    operations.setIntent = () =>
      Promise.resolve({
        ok: true,
        value: controlled(`mtx${clear}`, { because: clear, onlyHere: [clear], notSafeBecause: clear, wanted: 'drain' }),
      });
    const { out } = await overSocket(['drain', 'mtx1']);
    expect(out).not.toContain('\u001b');
  });
});

describe('--wait', () => {
  const left = (viewersLeft: number, more: Partial<ControlledServer> = {}): ControlledServer =>
    controlled('mtx1', {
      wanted: 'drain',
      intent: { kind: 'drain', reason: 'no reason given', operator: 'alice', since: '2026-11-21T10:00:00.000Z' },
      viewersLeft,
      onlyHere: [],
      onlyHereCount: 0,
      notSafeBecause: `${viewersLeft} viewers watch from it`,
      ...more,
    });
  const safe = left(0, { safeToStop: true, notSafeBecause: '' });

  it('waits for a drain that is in force as it is: no second order, and its deadline stays', async () => {
    const deadline = '2026-11-21T10:30:00.000Z';
    const intent = { kind: 'drain', reason: 'update', operator: 'alice', since: '2026-11-21T10:00:00.000Z' } as const;
    operations.controlled = [left(2, { intent: { ...intent, deadline } })];
    const { code, out } = await overSocket(['drain', 'mtx1', '--wait', '--operator', 'bob'], {
      onOutput: (text) => {
        if (text.includes('waiting: 2 viewers left')) operations.controlled = [{ ...safe, intent }];
      },
    });
    expect(code).toBe(0);
    expect(out).toMatch(/^mtx1: drain, maint at 2026-11-21T10:30:00\.000Z, /);
    expect(operations.orders).toEqual([]);
  });

  it.each([
    ['a reason', 'drain', ['--reason', 'update']],
    ['a deadline', 'drain', ['--deadline', '30m']],
    ['no drain in force', 'maint', []],
  ] as const)('orders the drain with %s', async (_what, kind, words) => {
    const intent = { kind, reason: 'x', operator: 'alice', since: '2026-11-21T10:00:00.000Z' } as const;
    operations.controlled = [{ ...safe, intent }];
    await overSocket(['drain', 'mtx1', '--wait', '--timeout', '10ms', ...words]);
    expect(operations.orders).toEqual([expect.stringMatching(/^setIntent mtx1 .*"kind":"drain"/)]);
  });

  it('follows the viewers left until it is safe to stop, with 0', async () => {
    operations.controlled = [left(2)];
    const { code, out } = await overSocket(['drain', 'mtx1', '--wait', '--reason', 'kernel'], {
      onOutput: (text) => {
        if (text.includes('waiting: 2 viewers left')) operations.controlled = [left(1)];
        if (text.includes('waiting: 1 viewer left')) operations.controlled = [safe];
      },
    });
    expect(code).toBe(0);
    expect(out.split('\n').slice(5)).toEqual([
      'waiting: 2 viewers left, 1 stream live only there',
      'waiting: 1 viewer left',
      'mtx1 is safe to stop',
      '',
    ]);
  });

  it('ends with 4 when --timeout is over, and says what is in the way', async () => {
    operations.controlled = [left(2)];
    expect(await overSocket(['drain', 'mtx1', '--wait', '--timeout', '10ms', '--json'])).toEqual({
      code: 4,
      out: '',
      err: expect.stringMatching(/^mtxpilot: mtx1 is not safe to stop: (it takes|2 viewers watch).*\n$/) as string,
    });
  });

  it('ends with 1 when somebody wants something else', async () => {
    const intent = { kind: 'ready', reason: 'x', operator: 'bob', since: '2026-11-21T11:00:00.000Z' } as const;
    operations.controlled = [left(2, { wanted: 'ready', intent })];
    expect(await overSocket(['drain', 'mtx1', '--wait'])).toMatchObject({
      code: 1,
      err: 'mtxpilot: bob wants ready of mtx1 now\n',
    });
  });

  it('ends with 130 at Ctrl-C, and says that the drain stays', async () => {
    operations.controlled = [left(2)];
    const stop = new AbortController();
    const ran = await overSocket(['drain', 'mtx1', '--wait'], {
      stop: stop.signal,
      onOutput: (text) => text.includes('waiting') && stop.abort(),
    });
    expect(ran).toMatchObject({ code: 130, err: 'mtxpilot: no longer waiting: mtx1 stays as it is\n' });
  });

  it('writes one line over on a terminal, and leaves none', async () => {
    operations.controlled = [safe];
    const { out } = await overSocket(['drain', 'mtx1', '--wait', '--reason', 'kernel'], {
      terminal: { columns: 30, rows: 10 },
    });
    expect(out).toContain('\r\u001b[Kwaiting: 2 viewers left, 1 st\r\u001b[Kmtx1 is safe to stop\n');
  });

  it('waits for an agent that restarts', async () => {
    operations.controlled = [left(2)];
    let isStopped = false;
    const { code, out } = await overSocket(['drain', 'mtx1', '--wait'], {
      onOutput: (text) => {
        if (isStopped || !text.includes('waiting: 2 viewers left\n')) return;
        isStopped = true;
        void lab.server.stop().then(async () => {
          operations.controlled = [safe];
          lab = await startHttpLab({ operations });
          lab.directory.servers = [serverView('mtx1')];
          await lab.server.listenForAdmin(socket);
        });
      },
    });
    expect(code).toBe(0);
    expect(out).toMatch(/mtx1 is safe to stop\n$/);
  });
});

describe('move', () => {
  it('moves, and says until when', async () => {
    expect(await overSocket(['move', 'live/a', 'mtx2', '--operator', 'bob', '--force'])).toEqual({
      code: 0,
      out: 'new viewers of live/a go to mtx2, until the move is cleared or mtx2 loses the stream\n',
      err: '',
    });
    expect(operations.orders).toEqual(['move live/a mtx2 {"reason":"no reason given","operator":"bob","force":true}']);
  });

  it('clears', async () => {
    expect(await overSocket(['move', 'live/a', '--clear', '--operator', 'bob'])).toMatchObject({
      code: 0,
      out: 'live/a is no longer moved: the rules decide again\n',
    });
    expect(operations.orders).toEqual(['clearMove live/a bob']);
  });

  it('takes along who is watching, when that is wished', async () => {
    await overSocket(['move', 'live/a', 'mtx2', '--viewers', '--operator', 'bob']);
    expect(operations.orders).toEqual([
      'move live/a mtx2 {"reason":"no reason given","operator":"bob","force":false,"moveViewers":true}',
    ]);
  });

  it('lists what is in force', async () => {
    expect(await overSocket(['move'])).toEqual({ code: 0, out: 'no stream is moved\n', err: '' });
    operations.inForce = [
      { stream: `live/a${clear}`, server: 'mtx2', reason: 'load', operator: 'bob', since: '2026-11-21T10:00:00Z' },
    ];
    const { out } = await overSocket(['move']);
    expect(out).toBe(`STREAM           SERVER  BY   SINCE                 REASON
live/a\\u001b[2J  mtx2    bob  2026-11-21T10:00:00Z  load
`);
  });

  it('has 1 when the server does not have the stream', async () => {
    operations.refusal = { kind: 'not-a-holder' };
    expect(await overSocket(['move', 'live/a', 'mtx2'])).toMatchObject({
      code: 1,
      err: 'mtxpilot: That server does not have the stream: mtx1 says no.\n',
    });
  });

  it.each([[['move', 'live/a']], [['move', 'live/a', 'mtx1', '--clear']], [['move', '--clear']]])(
    '%j is wrong usage',
    async (args) => {
      expect((await overSocket(args)).code).toBe(2);
    },
  );
});

describe('events', () => {
  beforeEach(() => {
    events.kept = [
      event(1, { stream: 'live/a', server: 'mtx1', reason: 'a publisher came' }),
      event(2, { server: 'mtx2', kind: 'drain', operator: 'alice', reason: `kernel${clear}` }, 'server.intent'),
    ];
  });

  it('are listed, the newest last', async () => {
    const { code, out } = await overSocket(['events']);
    expect(code).toBe(0);
    const [head, first, second] = out.split('\n');
    expect(head).toMatch(/^TIME +EVENT +STREAM +SERVER +WHAT$/);
    expect(first).toMatch(/^2026-11-21 \d\d:00:00\.000 {2}stream\.started {2}live\/a {2}mtx1 {4}a publisher came$/);
    expect(second).toMatch(/server\.intent {3}- {7}mtx2 {4}drain by alice: kernel\\u001b\[2J$/);
  });

  it('are filtered by the agent', async () => {
    await overSocket([
      'events',
      '--type',
      'stream.moved',
      '--stream',
      'live/a',
      '--server',
      'mtx1',
      '--limit',
      '3',
      '--after',
      idOf(1),
    ]);
    expect(events.queries).toEqual([
      { after: idOf(1), limit: 3, types: ['stream.moved'], stream: 'live/a', server: 'mtx1' },
    ]);
  });

  it('are refused with 1 when a type is none', async () => {
    expect(await overSocket(['events', '--type', 'stream.exploded'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('stream.moved') as string,
    });
  });

  it('--follow prints each once, as a line of JSON for programs, until Ctrl-C', async () => {
    const stop = new AbortController();
    const following = overSocket(['events', '--follow', '--json'], {
      stop: stop.signal,
      onOutput: (text) => text.includes(idOf(4)) && stop.abort(),
    });
    await until('it to listen', () => events.listeners.size === 1);
    events.happen(3, { stream: clear });
    events.happen(4);
    const { code, out, err } = await following;
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const lines = out.trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { id: string }).id)).toEqual([1, 2, 3, 4].map(idOf));
    expect(out).not.toContain('\u001b');
  });

  it('--follow goes on where it was, after the agent was away', async () => {
    const stop = new AbortController();
    const following = overSocket(['events', '--follow'], {
      stop: stop.signal,
      onOutput: (text) => text.includes('mtx9') && stop.abort(),
    });
    await until('it to listen', () => events.listeners.size === 1);
    await lab.server.stop();
    // Kept while nobody listened.
    events.kept.push(event(3, { server: 'mtx8' }, 'server.down'), event(4, { server: 'mtx9' }, 'server.down'));
    lab = await startHttpLab({ events });
    await lab.server.listenForAdmin(socket);
    const { code, out, err } = await following;
    expect(code).toBe(0);
    expect(out.match(/mtx[0-9]/g)).toEqual(['mtx1', 'mtx2', 'mtx8', 'mtx9']);
    expect(err).toMatch(/^mtxpilot: .*admin\.sock ended the stream of events; trying again\n$/);
  });

  it('--follow ends with 1 where no events are kept', async () => {
    await lab.server.stop();
    lab = await startHttpLab();
    expect(await run(['events', '--follow', '--url', lab.server.url])).toMatchObject({
      code: 1,
      err: 'mtxpilot: This agent does not do that. It keeps no events.\n',
    });
  });
});

describe('servers and why, with control', () => {
  it('servers shows what is wanted, who is left and whether it is safe to stop', async () => {
    const intent = {
      kind: 'drain',
      reason: 'kernel',
      operator: 'alice',
      since: '',
      deadline: '2026-11-21T10:30:00Z',
    } as const;
    operations.controlled = [
      controlled('mtx1', { wanted: 'drain', intent, viewersLeft: 3 }),
      controlled('mtx2', {
        wanted: 'maint',
        safeToStop: true,
        viewersLeft: undefined,
        onlyHereCount: 0,
        because: 'its API fails',
      }),
    ];
    const { out } = await overSocket(['servers']);
    expect(
      out,
    ).toBe(`SERVER  ADDRESS          STATE  ADMIN  WANTED  LEFT  ONLY HERE  STOP  API  VERSION  LIST AGE  STREAMS  VIEWERS  READERS  NOTE
mtx1    127.0.0.11:8888  UP     ready  drain      3          1  no    ok   v1.20.1  300 ms          1  -              2  drain by alice: kernel, maint at 2026-11-21T10:30:00Z
mtx2    127.0.0.11:8888  UP     ready  maint      -          0  safe  ok   v1.20.1  300 ms          1  -              2  its API fails
`);
  });

  const by = (kind: 'ready' | 'drain') => ({ kind, reason: 'kernel', operator: 'alice', since: '' }) as const;

  it('servers tells of empty slots below, first of those of which something is wanted', async () => {
    const slot = (name: string) => ({ name, hostName: 'mtx.example', intent: undefined });
    operations.empty = [slot('mtx3'), { ...slot('mtx4'), intent: by('drain') }];
    const { out } = await overSocket(['servers']);
    expect(out.split('\n').slice(-2)).toEqual(['2 empty slots, without an address in HAProxy: mtx4 (drain), mtx3', '']);
    lab.directory.servers = [];
    expect(await overSocket(['servers'])).toMatchObject({
      code: 1,
      out: expect.stringContaining('no address for any') as unknown,
    });
  });

  const suspect = 'its Control API does not answer: no new streams are placed there';
  it.each<[string, Partial<ControlledServer>, string | undefined, string]>([
    ['nothing', {}, undefined, '-'],
    ['nothing, and a list failed', {}, 'timeout', 'timeout'],
    [
      'an order',
      { wanted: 'drain', intent: by('drain'), because: 'alice: kernel' },
      undefined,
      'drain by alice: kernel',
    ],
    [
      'an order that is not carried out',
      { wanted: 'drain', intent: by('drain'), because: 'alice: kernel; not yet applied on lb2' },
      undefined,
      'drain by alice: kernel; not yet applied on lb2',
    ],
    ['a suspect server', { because: suspect }, 'timeout', `${suspect}; timeout`],
    [
      'a drain by the agent, against an order',
      { wanted: 'drain', intent: by('ready'), because: 'nobody can tell what it holds' },
      'timeout',
      'nobody can tell what it holds; timeout',
    ],
    [
      'a drain past its deadline',
      { wanted: 'maint', intent: by('drain'), because: 'the deadline of the drain has passed; alice: kernel' },
      undefined,
      'the deadline of the drain has passed; alice: kernel',
    ],
    [
      'somebody else',
      { wanted: 'external', intent: by('ready'), because: 'somebody else set it to drain' },
      undefined,
      'somebody else set it to drain',
    ],
  ])('servers notes why: %s', async (_what, control, lastError, note) => {
    operations.controlled = [controlled('mtx1', control)];
    lab.directory.servers = [serverView('mtx1', { lastError })];
    const [head = '', row = ''] = (await overSocket(['servers'])).out.split('\n');
    expect(row.slice(head.indexOf('NOTE'))).toBe(note);
  });

  it('why tells who moved it, what HAProxy holds and what comes next', async () => {
    operations.inForce = [
      { stream: 'live/a', server: 'mtx2', reason: 'load', operator: 'bob', since: '2026-11-21T10:00:00Z' },
    ];
    operations.held = [
      { node: 'lb1', lastServer: 'mtx1', route: 'mtx2', sessions: { mtx1: 3 }, error: undefined },
      { node: 'lb2', lastServer: undefined, route: undefined, sessions: {}, error: `gone${clear}` },
    ];
    const { out } = await overSocket(['why', 'live/a']);
    expect(out).toBe(`live/a is unknown
Why: nobody is known to have live/a (rule no-evidence).
It was moved to mtx2 by bob at 2026-11-21T10:00:00Z (load).

What the servers say
  mtx1 has not answered yet.

What HAProxy holds
  lb1: routes.map names mtx2; the last that answered was mtx1; sessions: 3 on mtx1.
  lb2 cannot be asked: gone\\u001b[2J.

What comes next
  Sessions that HAProxy remembers stay with their server, also those of viewers who have gone: 3 on mtx1.
  The next viewer is sent to mtx2: routes.map names it, so HAProxy need not ask.
  Without the agent HAProxy goes to mtx1, the last that answered, then tries the others.
  What lb2 holds is not known: gone\\u001b[2J.
  The move to mtx2 holds until it is cleared ("mtxpilot move live/a --clear") or mtx2 loses the stream.
`);
  });
});

describe('colours', () => {
  const terminal = { columns: 200, rows: 20 };

  it.each([
    ['a terminal', {}, terminal, true],
    ['a terminal, NO_COLOR empty', { NO_COLOR: '' }, terminal, true],
    ['no terminal', {}, undefined, false],
    ['NO_COLOR', { NO_COLOR: '1' }, terminal, false],
    ['a dumb terminal', { TERM: 'dumb' }, terminal, false],
  ])('%s: %j', async (_what, env, size, coloured) => {
    const options = {
      env: { MTXPILOT_HTTP_ADMIN_SOCKET: socket, ...env },
      ...(size === undefined ? {} : { terminal: size }),
    };
    const { out } = await run(['servers'], options);
    expect(out.includes('\u001b[32mUP')).toBe(coloured);
    expect(out.includes('\u001b')).toBe(coloured);
  });

  it('do not change what stands where', async () => {
    const coloured = await overSocket(['servers'], { terminal });
    const plain = await overSocket(['servers']);
    expect(coloured.out.replace(/\u001b\[\d+m/g, '')).toBe(plain.out);
  });
});

describe('--watch', () => {
  it('draws again until Ctrl-C, and leaves the terminal as it was', async () => {
    const stop = new AbortController();
    const { code, out, err } = await overSocket(['streams', '--watch'], {
      terminal: { columns: 80, rows: 3 },
      stop: stop.signal,
      onOutput: (text) => {
        if (text.includes('… 2 more lines')) lab.directory.streams = [stream('live/new')];
        if (text.includes('live/new')) stop.abort();
      },
    });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out.startsWith('\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[H')).toBe(true);
    expect(out.endsWith('\u001b[?7h\u001b[?25h\u001b[?1049l')).toBe(true);
    // Three rows: the title, the heading, and that there is more.
    expect(out).toContain('… 2 more lines');
  });

  it('shows that the agent is away, and goes on', async () => {
    const stop = new AbortController();
    const gone = join(folder, 'gone.sock');
    const { code, out } = await run(['servers', '--watch', '--socket', gone], {
      terminal: { columns: 80, rows: 10 },
      stop: stop.signal,
      onOutput: (text) => text.includes('no agent at') && stop.abort(),
    });
    expect(code).toBe(0);
    expect(out).toContain('no such socket');
  });

  it.each([
    [['servers', '--watch'], "option '--watch' needs a terminal"],
    [['where', 'live/a', '--watch', '--json'], "option '--watch' is for people, '--json' for programs"],
  ])('%j is wrong usage', async (args, text) => {
    expect(await overSocket(args)).toMatchObject({ code: 2, out: '', err: expect.stringContaining(text) as string });
  });
});

describe('completion', () => {
  const offered = async (...words: string[]) =>
    (await overSocket(['complete', '--', ...words])).out.split('\n').slice(0, -1);

  it('offers commands, but not itself', async () => {
    const commands = await offered('');
    expect(commands).toEqual(
      expect.arrayContaining(['where', 'why', 'drain', 'maint', 'ready', 'move', 'events', 'completion', 'help']),
    );
    expect(commands).not.toContain('complete');
    expect(await offered('dr')).toEqual(['drain']);
    expect(await offered('help', 'dr')).toEqual(['drain']);
    expect(await offered('nosuch', '')).toEqual([]);
  });

  it('offers streams and servers that are there now', async () => {
    expect(await offered('why', '')).toEqual(['live/a', 'live/b']);
    expect(await offered('why', 'live/b')).toEqual(['live/b']);
    expect(await offered('drain', '')).toEqual(['mtx1', 'mtx2']);
    expect(await offered('move', 'live/a', 'm')).toEqual(['mtx1', 'mtx2']);
    expect(await offered('move', '--operator', 'bob', 'live/a', '')).toEqual(['mtx1', 'mtx2']);
    expect(await offered('events', '--server', '')).toEqual(['mtx1', 'mtx2']);
    expect(await offered('drain', 'mtx1', '')).toEqual([]);
  });

  it('offers options and their choices', async () => {
    expect(await offered('drain', 'mtx1', '--dead')).toEqual(['--deadline']);
    expect(await offered('completion', '')).toEqual(['bash', 'zsh']);
    expect(await offered('sim', '--profile', '')).toEqual(['pre-session', 'session']);
    expect(await offered('drain', '--reason', '')).toEqual([]);
  });

  it('says nothing where there is no agent, or a name would need quotes', async () => {
    expect(await run(['complete', '--', 'why', '--socket', join(folder, 'gone'), ''])).toEqual({
      code: 0,
      out: '',
      err: '',
    });
    expect(await run(['complete', '--', 'why', ''], { env: { MTXPILOT_URL: 'no url' } })).toEqual({
      code: 0,
      out: '',
      err: '',
    });
    lab.directory.streams = [stream('a;rm -rf'), stream(`b${clear}`), stream('c$(d)'), stream('good')];
    expect(await offered('why', '')).toEqual(['good']);
  });

  it.each(['bash', 'zsh'])('prints a script for %s', async (shell) => {
    const { code, out } = await run(['completion', shell]);
    expect(code).toBe(0);
    expect(out).toContain('mtxpilot');
  });

  it('refuses other shells', async () => {
    expect(await run(['completion', 'fish'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('bash, zsh') as string,
    });
  });
});
