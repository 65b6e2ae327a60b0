import { checkRuntime, type RuntimeExpectations } from '../../../src/check/check-runtime';
import type { RuntimeView } from '../../../src/check/runtime-view';
import type { ServerState, StatLine } from '../../../src/runtime';

const server: ServerState = {
  backendId: 3,
  backendName: 'mtx',
  serverId: 1,
  serverName: 'mtx1',
  address: '127.0.0.11',
  operational: 'running',
  adminBits: 0,
  weight: 1,
  configuredWeight: 1,
  secondsSinceLastChange: 1,
  fqdn: undefined,
  srvRecord: undefined,
  port: 8888,
};
const agent: StatLine = {
  proxy: 'mtx_agent',
  server: 'agent1',
  type: 'server',
  status: 'UP',
  weight: 1,
  currentSessions: 0,
  totalSessions: 0,
  queued: 0,
  bytesIn: 0,
  bytesOut: 0,
  isBackup: false,
  checkStatus: 'L7OK',
};
const view: RuntimeView = {
  socket: '/run/admin.sock',
  error: undefined,
  info: { version: '3.0.11', pid: 1, uptimeSeconds: 60, processNumber: 1 },
  level: 'admin',
  environment: new Map(),
  servers: [server],
  serversError: undefined,
};
const expected: RuntimeExpectations = {
  backend: 'mtx',
  context: undefined,
  files: [],
  programVersion: '3.0.11',
  agents: [agent],
  agentBackend: 'mtx_agent',
};
const info = (version: string) => ({ version, pid: 1, uptimeSeconds: 60, processNumber: 1 });
const noBackend = { reason: 'not-found', message: 'no such backend: mtx' } as const;

it.each<[string, Partial<RuntimeView>, Partial<RuntimeExpectations>, string[]]>([
  ['is right', {}, {}, []],
  [
    'does not answer',
    { info: undefined, error: { reason: 'unreachable', message: 'nobody listens' } },
    {},
    ['error runtime.answers: HAProxy does not answer on /run/admin.sock: nobody listens.'],
  ],
  [
    'is too old',
    { info: info('2.4.22') },
    { programVersion: '2.4.22' },
    ['error runtime.version: HAProxy 2.4.22 runs.'],
  ],
  ['is of the oldest version', { info: info('2.6.0') }, { programVersion: undefined }, []],
  [
    'is of another version than the program',
    { info: info('2.6.12') },
    {},
    ['warning runtime.version: HAProxy 2.6.12 runs, and the program that checks the configuration is 3.0.11.'],
  ],
  ['has a level below admin', { level: 'operator' }, {}, ['error runtime.level: /run/admin.sock has level operator.']],
  [
    'has no such backend',
    { servers: undefined, serversError: noBackend },
    {},
    ['error runtime.servers: HAProxy runs without the backend mtx: no such backend: mtx.'],
  ],
  ['has no servers', { servers: [] }, {}, ['error runtime.servers: Backend mtx has no server.']],
  [
    'has no backend of the agents',
    {},
    { agents: [] },
    ['error agent.up: HAProxy runs without a server in a backend mtx_agent, in which it would know the agent.'],
  ],
  ['was not asked for the agents', {}, { agents: undefined }, []],
  [
    'sees no agent up',
    {},
    { agents: [{ ...agent, status: 'DOWN', checkStatus: 'L4CON' }] },
    ['error agent.up: HAProxy sees no agent up: agent1 DOWN (L4CON).'],
  ],
  ['sees one of two agents', {}, { agents: [agent, { ...agent, server: 'agent2', status: 'DOWN' }] }, []],
])('a HAProxy that %s', (_what, change, other, said) => {
  const findings = checkRuntime({ ...view, ...change }, { ...expected, ...other });
  const wrongs = findings.filter(({ severity }) => severity !== 'ok');
  expect(wrongs.map(({ severity, id, what }) => `${severity} ${id}: ${what}`)).toEqual(said);
  for (const { change: todo } of wrongs) expect(todo).toBeTruthy();
});
