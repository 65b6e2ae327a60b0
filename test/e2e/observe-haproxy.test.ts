import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createObserver, type Observer } from '../../src/control';
import type { FleetServer } from '../../src/directory/views';
import { createLogger } from '../../src/log';
import { createRuntimeClient } from '../../src/runtime';
import { type Haproxy, startHaproxy } from '../support/haproxy';
import { type LoopbackBlock, takeLoopbackBlock } from '../support/loopback-block';
import { until } from '../support/until';

let block: LoopbackBlock;
let folder: string;
let haproxy: Haproxy | undefined;
let observer: Observer | undefined;
let fleet: readonly FleetServer[] = [];
const pids: number[] = [];

beforeAll(async () => {
  block = await takeLoopbackBlock();
  folder = mkdtempSync(join(tmpdir(), 'mtxpilot-observe-'));
  const config = join(folder, 'haproxy.cfg');
  writeFileSync(
    config,
    `global
  stats socket "\${MTX_ADMIN_SOCKET}" mode 600 level admin
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend hls
  bind "\${MTX_BIND}"
  http-request return status 200
backend mtx
  default-server check inter 50
  server mtx1 "\${MTX_BIND}"
  server mtx2 "\${MTX_BIND}"
  server mtx3 ${block.address(2)}:8888
`,
  );
  haproxy = await startHaproxy({ bind: `${block.address(1)}:8080`, servers: [], config });
  observer = createObserver({
    client: createRuntimeClient({ address: { path: haproxy.socket } }),
    backends: { mediamtx: 'mtx', relay: undefined },
    apiUrlFor: ({ address }) => `http://${address}:9997`,
    onServers: (servers) => {
      fleet = servers;
    },
    onHaproxy: ({ pid }) => void pids.push(pid),
    log: createLogger('silent'),
    intervalMs: 20,
  });
  observer.start();
});
afterAll(async () => {
  await observer?.stop();
  await haproxy?.stop();
  rmSync(folder, { recursive: true, force: true });
  await block.release();
});

const becomes = (what: string, expected: readonly string[]) =>
  until(`${what}: ${expected.join(', ')}`, () => {
    const now = fleet.map((server) => `${server.name} ${server.operational} ${server.administrative}`);
    return JSON.stringify(now) === JSON.stringify(expected);
  });

it('follows a real HAProxy: checks, hand-set states, reload', async () => {
  await becomes('after the first checks', ['mtx1 UP ready', 'mtx2 UP ready', 'mtx3 DOWN ready']);
  expect(fleet[2]).toMatchObject({ address: block.address(2), port: 8888, apiUrl: `http://${block.address(2)}:9997` });

  await haproxy?.runtime('set server mtx/mtx1 state drain');
  await haproxy?.runtime('set server mtx/mtx2 state maint');
  await becomes('set by hand', ['mtx1 UP drain', 'mtx2 DOWN maint', 'mtx3 DOWN ready']);

  await haproxy?.reload();
  await until('the new process', () => pids.length === 2 && pids[0] !== pids[1]);
  // A reload forgets what was set over the Runtime API.
  await becomes('after the reload', ['mtx1 UP ready', 'mtx2 UP ready', 'mtx3 DOWN ready']);
  expect(observer?.stats.reloads).toBe(1);
});
