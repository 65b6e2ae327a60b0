import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Child, startChild } from '../../support/child-process';
import { type LoopbackBlock, takeLoopbackBlock } from '../../support/loopback-block';

/** The program from its sources; a folder of its own, so that no configuration file lies about. */
const program = ['--import', require.resolve('tsx'), resolve('src/cli/main.ts')];

let block: LoopbackBlock;
let folder: string;
const children: Child[] = [];

beforeAll(async () => {
  block = await takeLoopbackBlock();
  folder = mkdtempSync(join(tmpdir(), 'mtxpilot-process-'));
});
afterEach(() => Promise.all(children.splice(0).map((child) => child.stop('SIGKILL'))));
afterAll(async () => {
  await block.release();
  rmSync(folder, { recursive: true, force: true });
});

function start(args: readonly string[]): Child {
  const child = startChild(process.execPath, [...program, ...args], {}, folder);
  children.push(child);
  return child;
}

function startAgent(adminSocket = 'off'): Child {
  const servers = `servers=[{name: mtx1, address: "${block.address(1)}:8888"}]`;
  return start([
    'agent',
    '--spoe-listen',
    `${block.address(1)}:9100`,
    '--http-listen',
    `${block.address(1)}:9101`,
    '--peers-listen',
    `${block.address(1)}:9102`,
    '--http-admin-socket',
    adminSocket,
    '--set',
    servers,
  ]);
}

/** Waits for a line, and fails when the program ends without it. */
const said = (child: Child, text: string) =>
  new Promise<void>((done, fail) => {
    const look = () => child.lines.some((line) => line.includes(text)) && done();
    child.onLine(look);
    look();
    void child.exited.then((code) =>
      fail(new Error(`ended with ${code}, without "${text}": ${child.lines.join('\n')}`)),
    );
  });

describe('agent', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('stops in order at %s, with 0', async (signal) => {
    const agent = startAgent();
    await said(agent, 'agent is running');
    expect(agent.lines[0]).toContain('no configuration file, defaults apply');
    agent.process.kill(signal);
    expect(await agent.exited).toBe(0);
    expect(agent.lines.at(-2)).toContain(`"signal":"${signal}"`);
    expect(agent.lines.at(-1)).toContain('"msg":"stopped"');
  });

  it.each([
    [9101, 'http'],
    [9100, 'spoe'],
  ])('says that port %i is taken and of which setting it is, and ends with 1', async (port, section) => {
    const taken = createServer();
    await new Promise<void>((done) => taken.listen(port, block.address(1), done));
    const agent = startAgent();
    expect(await agent.exited).toBe(1);
    expect(agent.lines.at(-1)).toContain(
      `mtxpilot: the agent cannot start: ${section}.listen: another program is already listening there (listen EADDRINUSE: `,
    );
    await new Promise((done) => taken.close(done));
  });

  it('says which socket of its own cannot be made, and ends with 1', async () => {
    const agent = startAgent('/proc/mtxpilot-test/admin.sock');
    expect(await agent.exited).toBe(1);
    expect(agent.lines.at(-1)).toMatch(
      /^mtxpilot: the agent cannot start: http\.adminSocket: \/proc\/mtxpilot-test cannot be made: /,
    );
  });

  it('ends with 2 for a wrong configuration, before anything is opened', async () => {
    const agent = start(['agent', '--log-level', 'loud']);
    expect(await agent.exited).toBe(2);
    expect(agent.lines).toEqual([
      'error: --log-level: log.level: "loud" is not allowed, expected debug, info, warn, error or silent',
      'mtxpilot: 1 error in the configuration',
    ]);
  });
});

describe('a second signal', () => {
  it('ends the process at once', async () => {
    const script = `
      const { stopSignal } = require(${JSON.stringify(resolve('src/cli/stop-signal.ts'))});
      stopSignal().addEventListener('abort', () => console.log('stopping'));
      setInterval(() => undefined, 1000);
      console.log('ready');`;
    const child = startChild(process.execPath, ['--import', require.resolve('tsx'), '-e', script]);
    children.push(child);
    await said(child, 'ready');
    child.process.kill('SIGTERM');
    await said(child, 'stopping');
    child.process.kill('SIGINT');
    expect(await child.exited).toBe(130);
  });
});

describe('sim', () => {
  it('runs until its input ends', async () => {
    const sim = start(['sim', '--servers', '1', '--first-address', block.address(2), '--publish', 'mtx1=live/a']);
    await said(sim, '"ready":true');
    const list = await (await fetch(`http://${block.address(2)}:9997/v3/paths/list`)).text();
    expect(list).toContain('"live/a"');
    sim.process.stdin?.end();
    expect(await sim.exited).toBe(0);
  });

  it('stops at SIGTERM', async () => {
    const sim = start(['sim', '--servers', '1', '--first-address', block.address(3)]);
    await said(sim, '"ready":true');
    sim.process.kill('SIGTERM');
    expect(await sim.exited).toBe(0);
  });
});

it('does not mind that its reader goes away', async () => {
  const streams = Array.from({ length: 1000 }, (_, n) => ({ name: `s${n}`, holders: [{ server: 'x'.repeat(1000) }] }));
  const server = createHttp((_, response) => {
    response.setHeader('connection', 'close');
    response.end(JSON.stringify({ streams, total: streams.length }));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const child = spawn(process.execPath, [...program, 'streams', '--url', url], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let err = '';
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  child.stdout.once('data', () => child.stdout.destroy());
  const code = await new Promise((done) => child.once('exit', done));
  expect({ code, err }).toEqual({ code: 0, err: '' });
  await new Promise((done) => server.close(done));
});
