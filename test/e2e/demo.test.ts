import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { type Child, startChild } from '../support/child-process';
import { type LoopbackBlock, takeLoopbackBlock } from '../support/loopback-block';
import { GiveUp, until } from '../support/until';

let block: LoopbackBlock;
let prefix: string;
let home: string;
/** The demo's temporary files come here, so that leftovers can be seen. */
let folder: string;

beforeEach(async () => {
  block = await takeLoopbackBlock();
  home = block.address(1);
  prefix = home.slice(0, home.lastIndexOf('.'));
  folder = mkdtempSync(join(tmpdir(), 'mtxpilot-test-'));
});
afterEach(async () => {
  rmSync(folder, { recursive: true, force: true });
  await block.release();
});

const command = ['dist/cli/main.js', 'demo', '--block'];

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function runToEnd(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return runToEndOf(process.execPath, [...command, prefix, ...args], env);
}

function runToEndOf(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, MEDIAMTX_BIN: '', TMPDIR: folder, ...env } };
    const child = execFile(program, args, options, (_, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

function start(args: readonly string[] = []): Child {
  return startChild(process.execPath, [...command, prefix, ...args], { MEDIAMTX_BIN: '', TMPDIR: folder });
}

/** Waits until the demo has said where everything is; gives the pid of one of its programs. */
async function pidOf(demo: Child, name: 'HAProxy' | 'agent'): Promise<number> {
  return until(`the demo to name its ${name}`, () => {
    if (demo.process.exitCode !== null) throw new GiveUp(demo.lines.join('\n'));
    const line = demo.lines.find((each) => each.startsWith(`  ${name} `));
    return Number(/pid (\d+)/.exec(line ?? '')?.[1]);
  });
}

const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`);

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

async function expectNothingLeft(pids: readonly number[] = []): Promise<void> {
  expect(pids.filter(isAlive)).toEqual([]);
  expect(readdirSync(folder)).toEqual([]);
  const places = [8080, 8085, 8088, 8090, 9100, 9101, 10000].map((port) => [home, port] as const);
  for (const number of [11, 12, 13]) places.push([block.address(number), 8888], [block.address(number), 9997]);
  for (const [host, port] of places) expect([host, port, await isFree(host, port)]).toEqual([host, port, true]);
}

interface Status {
  readonly figures: { readonly viewers: number; readonly moves: number };
  readonly servers: readonly { readonly name: string; readonly streams: number; readonly viewers: number }[];
  readonly streams: readonly { readonly name: string; readonly holders: readonly string[] }[];
}

describe('mtxpilot demo --once --json', () => {
  it.each([
    ['session', 2],
    ['pre-session', 1],
  ] as const)('plays every session without a failure, profile %s', async (profile, questionsALoad) => {
    const { code, stdout, stderr } = await runToEnd(['--once', '--json', '--sessions', '24', '--profile', profile]);
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    const summary = JSON.parse(stdout) as Record<string, number>;
    expect(summary).toMatchObject({ sessions: 24, failed: 0, wrongServer: 0, waits: 0, moves: 3 });
    expect(summary).toMatchObject({ relayCuts: 2, relayFailovers: 2, relayErrors: 0 });
    const { decisions = 0, restarts = 0, requests = 0, apiCalls = 0, relayBytes = 0 } = summary;
    expect(relayBytes).toBeGreaterThan(0);
    // One question for each master playlist (with sessions, a redirect makes two of it), none for anything else.
    expect(decisions).toBe(questionsALoad * (24 + restarts));
    // A master, two playlists with an init segment each, and segments.
    expect(requests).toBeGreaterThan(24 * 8);
    // Lists of all streams, once a second and server, whatever is played.
    expect(apiCalls).toBeGreaterThan(0);
    expect(apiCalls).toBeLessThan(requests / 4);
    await expectNothingLeft();
  });

  it('says so when it is ended before its time', async () => {
    const demo = start(['--once', '--json']);
    await until('the first session', () => demo.lines.some((line) => line.startsWith('playing 60 sessions')));
    await demo.stop('SIGINT');
    expect(await demo.exited).toBe(1);
    expect(demo.lines.some((line) => line.startsWith('{'))).toBe(false);
    await expectNothingLeft();
  });

  const realServers = process.env['MEDIAMTX_BIN'];
  (realServers === undefined || realServers === '' ? it.skip : it)('plays from real servers', async () => {
    const { code, stdout, stderr } = await runToEnd(['--once', '--json', '--sessions', '24'], {
      MEDIAMTX_BIN: realServers,
    });
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ sessions: 24, failed: 0, wrongServer: 0, moves: 3 });
    await expectNothingLeft();
  });
});

describe('npm run demo', () => {
  it('sets up and runs the same, with nothing else on standard output', async () => {
    const built = statSync('dist/.built').mtimeMs;
    const args = ['run', '--silent', 'demo', '--', '--once', '--json', '--sessions', '6', '--block', prefix];
    const { code, stdout, stderr } = await runToEndOf('npm', args);
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ sessions: 6, failed: 0, wrongServer: 0, moves: 3 });
    // What is new is not built again, under the feet of whatever runs from it.
    expect(statSync('dist/.built').mtimeMs).toBe(built);
    await expectNothingLeft();
  });
});

describe('mtxpilot demo that cannot start', () => {
  async function occupied<T>(host: string, port: number, meanwhile: () => Promise<T>): Promise<T> {
    const other = createServer();
    await new Promise<void>((done) => other.listen(port, host, done));
    try {
      return await meanwhile();
    } finally {
      await new Promise((done) => other.close(done));
    }
  }

  it.each([
    ['--bind', 1, 8080],
    ['--page', 1, 8088],
    ['--block', 1, 9101],
    ['--block', 12, 9997],
  ])('names the address in use, and %s', async (flag, number, port) => {
    const host = block.address(number);
    const { code, stdout, stderr } = await occupied(host, port, () => runToEnd([]));
    expect(code).toBe(1);
    expect(stderr).toMatch(`mtxpilot: ${host}:${port} is in use (`);
    expect(stderr).toMatch(`choose another with ${flag} `);
    expect(stdout).not.toMatch('open');
    await expectNothingLeft();
  });

  it('names a temporary folder that cannot be used', async () => {
    const { code, stderr } = await runToEnd(['--once'], { TMPDIR: '/proc' });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'mtxpilot: no temporary folder can be made in /proc (ENOENT); TMPDIR sets another place\n',
    });
    await expectNothingLeft();
  });

  it('names an HAProxy that is not there', async () => {
    const { code, stderr } = await runToEnd(['--haproxy', '/nowhere/haproxy']);
    expect(code).toBe(1);
    expect(stderr).toBe('mtxpilot: there is no /nowhere/haproxy, which --haproxy or HAPROXY_BIN names\n');
    await expectNothingLeft();
  });

  it('shows what HAProxy itself complained about', async () => {
    const { code, stderr } = await runToEnd(['--haproxy', '/bin/false']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^mtxpilot: HAProxy \(pid \d+\) ended unexpectedly: exit code 1\. It said nothing\.\n$/);
    await expectNothingLeft();
  });

  it.each([
    [['--bind', '127.0.0.1'], 'Expected HOST:PORT'],
    [['--bind', '127.0.0.1:0'], 'Expected HOST:PORT'],
    [['--block', '10.1.2'], 'Expected the first three bytes of loopback addresses'],
    [['--block', '127.1.256'], 'Expected the first three bytes of loopback addresses'],
    [['--once', '--sessions', '0'], 'Expected a whole number from 1 to 10000'],
    [['--json'], "'--json' needs '--once'"],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await runToEnd(args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) as string });
  });
});

describe('mtxpilot demo', () => {
  it('serves a page of its own files, to which HAProxy redirects', async () => {
    const demo = start();
    await pidOf(demo, 'agent');
    const redirect = await fetch(`http://${home}:8080/`, { redirect: 'manual' });
    expect([redirect.status, redirect.headers.get('location')]).toEqual([302, `http://${home}:8088/`]);
    const page = await fetch(`http://${home}:8088/`);
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(`connect-src 'self' http://${home}:8080;`);
    expect(policy).not.toMatch('unsafe');
    const html = await page.text();
    const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file ?? '');
    expect(files).toContain('/hls.js');
    for (const file of files) expect([file, (await fetch(`http://${home}:8088${file}`)).status]).toEqual([file, 200]);
    expect((await fetch(`http://${home}:8088/`, { method: 'POST' })).status).toBe(405);
    expect((await fetch(`http://${home}:8088/../package.json`)).status).toBe(404);
    const status = (await (await fetch(`http://${home}:8088/status`)).json()) as Status;
    expect(status.streams.map(({ holders }) => holders.length)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(status.servers.map(({ name, streams }) => [name, streams])).toEqual([
      ['mtx1', 2],
      ['mtx2', 2],
      ['mtx3', 2],
    ]);
    await demo.stop('SIGINT');
    expect(await demo.exited).toBe(0);
    await expectNothingLeft();
  });

  it.each(['HAProxy', 'agent'] as const)('ends, and shows why, when its %s is killed', async (name) => {
    const demo = start();
    const pids = [await pidOf(demo, 'HAProxy'), await pidOf(demo, 'agent')];
    const [killed = 0] = name === 'HAProxy' ? pids : pids.slice(1);
    process.kill(killed, 'SIGKILL');
    expect(await demo.exited).toBe(1);
    const title = name === 'agent' ? 'the agent' : name;
    const complaint = `mtxpilot: ${title} (pid ${killed}) ended unexpectedly: SIGKILL.`;
    expect(demo.lines.filter((line) => line.startsWith(complaint))).toHaveLength(1);
    await expectNothingLeft(pids);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('leaves nothing behind after %s', async (signal) => {
    const demo = start();
    const pids = [await pidOf(demo, 'HAProxy'), await pidOf(demo, 'agent')];
    await demo.stop(signal);
    expect(await demo.exited).toBe(0);
    await expectNothingLeft(pids);
  });

  it('leaves nothing behind when it is ended while it starts', async () => {
    const demo = start();
    await until('its files', () => readdirSync(folder).length > 0);
    await demo.stop('SIGINT');
    expect(await demo.exited).toBe(0);
    await expectNothingLeft();
  });

  it('is watched in Chromium: every stream plays, and a player follows its publisher to another server', async () => {
    const demo = start();
    await pidOf(demo, 'agent');
    const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
    try {
      const page = await browser.newPage();
      const troubles: string[] = [];
      const hosts = new Set<string>();
      page.on('pageerror', (error) => troubles.push(error.message));
      page.on('console', (message) => {
        // Chromium notes every answer that is no success; those are what sessions get that have lost their publisher.
        const isFarewell = /the server responded with a status of (?:401|404)/.test(message.text());
        if (message.type() === 'error' && !isFarewell) troubles.push(message.text());
      });
      page.on('request', (request) => hosts.add(new URL(request.url()).host));
      await page.goto(`http://${home}:8080/`);
      const tiles = page.locator('.tile');
      const badge = (stream: string) => tiles.filter({ hasText: stream }).locator('[data-part="server"]');
      const playing = page.locator('.tile[data-state="playing"]');
      await until('six players that play', async () => (await playing.count()) === 6);
      expect(await badge('live/studio/a').textContent()).toMatch('mtx1');
      await until('live/studio/a on its second server', async () => {
        const isPlaying = (await playing.filter({ hasText: 'live/studio/a' }).count()) === 1;
        return isPlaying && (await badge('live/studio/a').textContent())?.includes('mtx2');
      });
      expect(await badge('live/news').textContent()).toMatch('mtx1');
      const status = (await (await fetch(`http://${home}:8088/status`)).json()) as Status;
      expect(status.figures.viewers).toBeGreaterThanOrEqual(5);
      const relayed = async (part: string) => Number(await page.locator(`#relay-${part}`).textContent());
      await until('the relayed stream to go on from its other source', async () => (await relayed('failovers')) >= 1);
      expect(await relayed('cuts')).toBeGreaterThanOrEqual(1);
      expect(await relayed('errors')).toBe(0);
      expect(troubles).toEqual([]);
      expect([...hosts].sort()).toEqual([`${home}:8080`, `${home}:8088`]);
    } finally {
      await browser.close();
      await demo.stop('SIGINT');
    }
    await expectNothingLeft();
  });
});
