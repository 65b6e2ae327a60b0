import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createRuntimeClient,
  type RuntimeAddress,
  type RuntimeClient,
  showInfo,
  showServersState,
} from '../../../src/runtime';
import { type FakeHaproxySocket, type Fault, startFakeHaproxySocket } from '../../support/fake-haproxy-socket';
import { until } from '../../support/until';
import { timersOf } from './timers-of';

const fixtures = join(__dirname, '../../fixtures/runtime');
const info = 'Version: 3.2.1\nPid: 7\nUptime_sec: 3\n\n';

let folder: string;
let path: string;
const open = new Set<Server>();
const sockets = new Set<Socket>();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mtxpilot-runtime-'));
  path = join(folder, 'admin.sock');
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all([...open].map((server) => new Promise((done) => server.close(done))));
  open.clear();
  sockets.clear();
  rmSync(folder, { recursive: true, force: true });
});

/** A stats socket that gives each connection to `answer` with the line it sent. */
async function listen(answer: (line: string, socket: Socket) => void, at: object = { path }): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk.toString();
      if (received.endsWith('\n')) answer(received.slice(0, -1), socket);
    });
    socket.on('end', () => socket.end());
  });
  open.add(server);
  await new Promise<void>((done) => server.listen(at, done));
  return server;
}

const client = (
  options: { timeoutMs?: number; maxReplyBytes?: number; maxWaiting?: number; address?: RuntimeAddress } = {},
) => createRuntimeClient({ address: { path }, ...options });

describe('one command', () => {
  it('is recorded with the time it took, and as failed without a whole reply', async () => {
    const recorded: [number, number][] = [];
    const recordCommand = (tookMs: number, count: number, failed: number) => {
      expect(count).toBe(1);
      recorded.push([tookMs, failed]);
    };
    await listen((line, socket) => socket.end(line === 'show info' ? info : 'cut short'));
    const measured = createRuntimeClient({ address: { path }, recordCommand });
    await measured.execute(['show', 'info']);
    await measured.execute(['show', 'stat']);
    await measured.execute(['two\nlines']);
    expect(recorded.map(([, failed]) => failed)).toEqual([0, 1]);
    for (const [tookMs] of recorded) expect(tookMs).toBeGreaterThan(0);
  });

  it('goes over a Unix socket, and its reply comes without the empty line at its end', async () => {
    const lines: string[] = [];
    await listen((line, socket) => {
      lines.push(line);
      socket.end(info);
    });
    expect(await client().execute(['show', 'info'])).toEqual({ ok: true, value: info.slice(0, -1) });
    expect(lines).toEqual(['show info']);
  });

  it.each(['127.0.0.1', '::1'])('goes over TCP to %s', async (host) => {
    const server = await listen((_, socket) => socket.end(info), { port: 0, host });
    const { port } = server.address() as { port: number };
    const tcp = client({ address: { host, port } });
    expect(tcp.name).toBe(host === '::1' ? `[::1]:${port}` : `127.0.0.1:${port}`);
    expect((await showInfo(tcp)).ok).toBe(true);
  });

  it('may have nothing to say', async () => {
    await listen((_, socket) => socket.end('\n'));
    expect(await client().execute(['set', 'x'])).toEqual({ ok: true, value: '' });
  });

  it('is put together from single bytes, also within a character', async () => {
    await listen((_, socket) => {
      const bytes = Buffer.from('Grüße\n\n');
      let at = 0;
      const next = () => {
        if (at === bytes.length) socket.end();
        else socket.write(bytes.subarray(at, ++at), () => setImmediate(next));
      };
      next();
    });
    expect(await client().execute(['x'])).toEqual({ ok: true, value: 'Grüße\n' });
  });
});

it('leaves no timer behind, whether it was answered or not', async () => {
  const { left, restore } = timersOf(59_999);
  await client({ timeoutMs: 59_999 }).execute(['x']);
  await listen((_, socket) => socket.end(info));
  await client({ timeoutMs: 59_999 }).execute(['x']);
  expect(left()).toEqual({ set: 2, cleared: 2 });
  restore();
});

describe('failures are values', () => {
  const failing = async (words = ['show', 'info'], options = {}) => {
    const result = await client(options).execute(words);
    if (result.ok) throw new Error(`unexpected reply ${result.value}`);
    return { ...result.error, message: result.error.message.replaceAll(path, 'PATH') };
  };

  it('no socket there', async () => {
    expect(await failing()).toEqual({
      reason: 'unreachable',
      message: 'there is no socket PATH: is HAProxy running, with "stats socket PATH" in its global section?',
    });
  });

  it('a file in its place', async () => {
    writeFileSync(path, '');
    expect(await failing()).toMatchObject({
      reason: 'unreachable',
      message: expect.stringMatching(/^(nobody listens on PATH|PATH is not a socket)/),
    });
  });

  it('nobody listening', async () => {
    const server = await listen(() => undefined, { port: 0, host: '127.0.0.1' });
    const { port } = server.address() as { port: number };
    await new Promise((done) => server.close(done));
    open.delete(server);
    expect(await failing(['x'], { address: { host: '127.0.0.1', port } })).toEqual({
      reason: 'unreachable',
      message: `nobody listens on 127.0.0.1:${port}: is HAProxy running, with "stats socket 127.0.0.1:${port}" in its global section?`,
    });
  });

  it('closed without an answer', async () => {
    await listen((_, socket) => socket.end());
    expect(await failing()).toEqual({
      reason: 'unanswered',
      message: 'PATH closed the connection without answering "show info"',
    });
  });

  it('reset in the middle', async () => {
    await listen((_, socket) => socket.write('Version: 3', () => socket.resetAndDestroy()), {
      port: 0,
      host: '127.0.0.1',
    });
    const [server] = open;
    const { port } = server?.address() as { port: number };
    expect((await failing(['x'], { address: { host: '127.0.0.1', port } })).reason).toBe('truncated');
  });

  it('cut at every length', async () => {
    let length = 0;
    await listen((_, socket) => socket.end(info.slice(0, length)));
    const runtime = client();
    expect(await runtime.execute(['show', 'info'])).toMatchObject({ ok: false, error: { reason: 'unanswered' } });
    for (length = 1; length < info.length; length++) {
      expect(await runtime.execute(['show', 'info'])).toMatchObject({ ok: false, error: { reason: 'truncated' } });
    }
    expect((await runtime.execute(['show', 'info'])).ok).toBe(true);
  });

  it('no answer within the deadline, and the connection is given up', async () => {
    await listen(() => undefined);
    expect(await failing(['show', 'info'], { timeoutMs: 20 })).toEqual({
      reason: 'timeout',
      message: 'PATH did not answer "show info" within 20 ms',
    });
    await until('the connection to close', () => sockets.size === 0);
  });

  it('an answer that never ends', async () => {
    await listen((_, socket) => {
      const more = () => socket.write('x'.repeat(1000), (error) => (error ? undefined : setImmediate(more)));
      more();
    });
    expect(await failing(['show', 'info'], { maxReplyBytes: 10_000 })).toEqual({
      reason: 'too-large',
      message: 'PATH answered "show info" with more than 10000 bytes',
    });
    await until('the connection to close', () => sockets.size === 0);
  });

  it('given up by the caller, under way and before', async () => {
    await listen(() => undefined);
    const stopping = new AbortController();
    const asked = client().execute(['show', 'info'], { signal: stopping.signal });
    await until('the connection', () => sockets.size === 1);
    stopping.abort();
    const aborted = { ok: false, error: { reason: 'aborted', message: '"show info" was given up' } };
    expect(await asked).toEqual(aborted);
    expect(await client().execute(['show', 'info'], { signal: stopping.signal })).toEqual(aborted);
    await until('the connection to close', () => sockets.size === 0);
  });

  it('given up while others are before it: nobody waits, and nothing is sent', async () => {
    const seen: string[] = [];
    await listen((line) => void seen.push(line));
    const one = client({ timeoutMs: 60_000 });
    const first = new AbortController();
    const hanging = one.execute(['show', 'info'], { signal: first.signal });
    const second = new AbortController();
    const waiting = one.execute(['show', 'stat'], { signal: second.signal });
    await until('the first command', () => seen.length === 1);
    second.abort();
    expect(await waiting).toMatchObject({ ok: false, error: { reason: 'aborted' } });
    first.abort();
    expect(await hanging).toMatchObject({ ok: false, error: { reason: 'aborted' } });
    expect(await one.execute(['show', 'map'], { timeoutMs: 20 })).toMatchObject({ error: { reason: 'timeout' } });
    expect(seen).toEqual(['show info', 'show map']);
  });

  it('a word that HAProxy would read as a second command never leaves', async () => {
    let asked = 0;
    await listen(() => asked++);
    expect((await failing(['show', 'servers', 'state', 'mtx;shutdown'])).reason).toBe('invalid-command');
    expect(asked).toBe(0);
  });
});

describe('several commands', () => {
  it('go one after the other, each on a connection of its own, in the order they were asked', async () => {
    const lines: string[] = [];
    let most = 0;
    await listen((line, socket) => {
      lines.push(line);
      most = Math.max(most, sockets.size);
      setImmediate(() => socket.end(`${line}\n\n`));
    });
    const runtime = client();
    const replies = await Promise.all(['a', 'b', 'c', 'd'].map((word) => runtime.execute([word])));
    expect(replies).toEqual(['a', 'b', 'c', 'd'].map((word) => ({ ok: true, value: `${word}\n` })));
    expect({ lines, most }).toEqual({ lines: ['a', 'b', 'c', 'd'], most: 1 });
    expect(runtime.stats).toMatchObject({ commands: 4, failures: 0, waiting: 0 });
  });

  it('go on after one that failed', async () => {
    await listen((line, socket) => (line === 'bad' ? socket.destroy() : socket.end(`${line}\n\n`)));
    const runtime = client();
    const replies = await Promise.all([runtime.execute(['bad']), runtime.execute(['good'])]);
    expect(replies.map((reply) => reply.ok)).toEqual([false, true]);
    expect(runtime.stats).toMatchObject({ commands: 2, failures: 1, waiting: 0 });
  });

  it('wait in a queue that is bounded', async () => {
    await listen((line, socket) => setImmediate(() => socket.end(`${line}\n\n`)));
    const runtime = client({ maxWaiting: 2 });
    const replies = await Promise.all(['a', 'b', 'c'].map((word) => runtime.execute([word])));
    expect(replies.map((reply) => (reply.ok ? 'ok' : reply.error.reason))).toEqual(['ok', 'ok', 'busy']);
    expect((await runtime.execute(['d'])).ok).toBe(true);
  });
});

describe('a reply read line by line', () => {
  const text = 'Grüße\n\nb\n\n';
  const read = async (runtime: RuntimeClient, options = {}) => {
    const lines: string[] = [];
    const result = await runtime.executeLines(
      ['x'],
      (line) => {
        lines.push(line);
        return undefined;
      },
      options,
    );
    return { lines, result };
  };

  it('comes without its last line, however it is cut on the way', async () => {
    const bytes = Buffer.from(text);
    let cut = 0;
    await listen((_, socket) => {
      socket.write(bytes.subarray(0, cut), () => setImmediate(() => socket.end(bytes.subarray(cut))));
    });
    for (cut = 1; cut < bytes.length; cut++) {
      expect(await read(client())).toEqual({ lines: ['Grüße', '', 'b'], result: { ok: true, value: undefined } });
    }
  });

  it('may have no line', async () => {
    await listen((_, socket) => socket.end('\n'));
    expect(await read(client())).toEqual({ lines: [], result: { ok: true, value: undefined } });
  });

  it('is a failure when it is cut short, though lines were given', async () => {
    await listen((_, socket) => socket.end('a\nb\n'));
    expect(await read(client())).toMatchObject({ lines: ['a', 'b'], result: { error: { reason: 'truncated' } } });
  });

  it('has a bound', async () => {
    await listen((_, socket) => socket.end(`${'a\n'.repeat(1000)}\n`));
    const runtime = createRuntimeClient({ address: { path }, maxStreamedBytes: 100 });
    expect((await read(runtime)).result).toMatchObject({ ok: false, error: { reason: 'too-large' } });
  });

  it('stops at a line that is refused, and closes', async () => {
    await listen((_, socket) => {
      const more = () => socket.write('a\nb\n', (error) => (error ? undefined : setImmediate(more)));
      more();
    });
    const lines: string[] = [];
    const result = await client().executeLines(['x'], (line) => {
      lines.push(line);
      return line === 'b' ? { ok: false, error: { reason: 'unexpected', message: 'b' } } : undefined;
    });
    expect({ lines, result }).toEqual({
      lines: ['a', 'b'],
      result: { ok: false, error: { reason: 'unexpected', message: 'b' } },
    });
    await until('the connection to close', () => sockets.size === 0);
  });
});

describe('a payload', () => {
  it('follows its command in one write', async () => {
    const received: string[] = [];
    await listen((text, socket) => {
      received.push(text);
      if (text.endsWith('\n')) socket.end('\n');
    });
    const added = await client().execute(['add', 'map', 'routes.map'], { payload: ['live/a mtx1', 'live/b mtx2'] });
    expect(added).toEqual({ ok: true, value: '' });
    expect(received.at(-1)).toBe('add map routes.map <<\nlive/a mtx1\nlive/b mtx2\n');
  });

  it('that could end too early never leaves', async () => {
    let asked = 0;
    await listen(() => asked++);
    expect(await client().execute(['add', 'map', 'm'], { payload: ['a b', '', 'c d'] })).toMatchObject({
      ok: false,
      error: { reason: 'invalid-command', message: expect.stringContaining('line 2 of the payload') },
    });
    expect(asked).toBe(0);
  });
});

describe('spoilt replies', () => {
  let faulty: FakeHaproxySocket;
  beforeEach(async () => {
    faulty = await startFakeHaproxySocket((command) => (command === 'show info' ? info : 'ok\n\n'));
  });
  afterEach(() => faulty.stop());

  it('are failures, and the next command is answered', async () => {
    const runtime = createRuntimeClient({ address: { path: faulty.path }, timeoutMs: 60_000 });
    const never = new Promise(() => undefined);
    const faults: readonly (readonly [Fault, string])[] = [
      [{ kind: 'replace', text: 'garbage' }, 'truncated'],
      [{ kind: 'replace', text: '' }, 'unanswered'],
      [{ kind: 'truncate', bytes: 5 }, 'truncated'],
      [{ kind: 'hang', bytes: 5 }, 'timeout'],
      [{ kind: 'delay', until: never }, 'timeout'],
      [{ kind: 'swallow' }, 'timeout'],
      [{ kind: 'refuse' }, 'unanswered'],
    ];
    for (const [fault, reason] of faults) {
      faulty.breakWith(() => fault);
      const soon = reason === 'timeout' ? { timeoutMs: 50 } : {};
      expect(await showInfo(runtime, soon)).toMatchObject({ ok: false, error: { reason } });
      faulty.breakWith(undefined);
      expect(await showInfo(runtime)).toMatchObject({ ok: true, value: { pid: 7 } });
    }
    expect(faulty.count('show info')).toBe(2 * faults.length);
    expect(runtime.stats).toMatchObject({ commands: 2 * faults.length, failures: faults.length, waiting: 0 });
    await until('the connections to close', () => faulty.connections() === 0);
  });

  it('that come too late are nobody’s: the next command has its own', async () => {
    const runtime = createRuntimeClient({ address: { path: faulty.path }, timeoutMs: 60_000 });
    let release = () => {};
    const until = new Promise<void>((done) => {
      release = done;
    });
    faulty.breakWith((command) => (command === 'show info' ? { kind: 'delay', until } : undefined));
    const late = await runtime.execute(['show', 'info'], { timeoutMs: 30 });
    expect(late).toMatchObject({ ok: false, error: { reason: 'timeout' } });
    const other = runtime.execute(['x']);
    release();
    expect(await other).toEqual({ ok: true, value: 'ok\n' });
  });

  it('may take as long as one command says', async () => {
    const runtime = createRuntimeClient({ address: { path: faulty.path }, timeoutMs: 60_000 });
    faulty.breakWith(() => ({ kind: 'swallow' }));
    expect(await runtime.execute(['x'], { timeoutMs: 20 })).toMatchObject({
      ok: false,
      error: { reason: 'timeout', message: expect.stringContaining('within 20 ms') },
    });
  });

  it('are counted by command and by time', async () => {
    const runtime = createRuntimeClient({ address: { path: faulty.path } });
    await showInfo(runtime);
    await runtime.execute(['set', 'server', 'mtx/a', 'state', 'ready']);
    await runtime.execute(['live/a', 'live/b']);
    await runtime.execute(['a;b']);
    expect(runtime.stats.commands).toBe(3);
    expect(Object.entries(runtime.stats.byCommand).filter(([, count]) => count > 0)).toEqual([
      ['show info', 1],
      ['set server', 1],
      ['other', 1],
    ]);
    expect(runtime.stats.time.counts.reduce((sum, count) => sum + count)).toBe(3);
    expect(runtime.stats.time.sumSeconds).toBeGreaterThan(0);
  });
});

describe('known refusals', () => {
  it.each(['2.6', '3.0', '3.2'])('of HAProxy %s', async (version) => {
    let file = '';
    const { readFileSync } = await import('node:fs');
    await listen((_, socket) => socket.end(readFileSync(join(fixtures, `${version}-${file}.txt`))));
    const runtime = client();

    file = 'no-such-backend';
    expect(await showServersState(runtime, 'nowhere')).toMatchObject({
      ok: false,
      error: { reason: 'not-found', message: `HAProxy at ${path} has no backend nowhere` },
    });
    file = 'permission-denied';
    expect(await showInfo(runtime)).toMatchObject({ ok: false, error: { reason: 'denied' } });
    file = 'unknown-command';
    expect(await showInfo(runtime)).toMatchObject({
      ok: false,
      error: {
        reason: 'unexpected',
        message: expect.stringMatching(/^HAProxy does not know "show info": "Unknown command/),
      },
    });
    file = 'nothing-to-say';
    expect(await showInfo(runtime)).toMatchObject({ ok: false, error: { reason: 'unexpected' } });
    file = 'show-servers-state';
    const states = await showServersState(runtime, 'mtx');
    expect(states.ok && states.value).toHaveLength(17);
  });
});
