import { createObserver } from '../../../src/control';
import type { FleetServer } from '../../../src/directory/views';
import type { Logger } from '../../../src/log';
import type { HaproxyInfo, RuntimeClient, RuntimeError } from '../../../src/runtime';
import { createRuntimeClientStats } from '../../../src/runtime/client';
import { until } from '../../support/until';
import { timersOf } from '../runtime/timers-of';

type Reply = string | RuntimeError;
interface Replies {
  info: Reply;
  states: Reply;
  stat?: Reply;
  /** Of the backend `relays`; default: there is none. */
  relays?: Reply;
}

/** A client whose replies the test sets, and which counts what it is asked. */
function fakeClient(replies: Replies) {
  const asked: string[] = [];
  const client: RuntimeClient = {
    name: '/run/admin.sock',
    stats: createRuntimeClientStats(),
    executeLines: () => Promise.reject(new Error('nothing is read line by line here')),
    execute: async (words) => {
      asked.push(words.join(' '));
      await new Promise(setImmediate);
      const replied = { info: replies.info, stat: replies.stat ?? stat() } as const;
      const states = words.at(-1) === 'relays' ? (replies.relays ?? noBackend) : replies.states;
      const reply = words[1] === 'info' || words[1] === 'stat' ? replied[words[1]] : states;
      return typeof reply === 'string' ? { ok: true, value: reply } : { ok: false, error: reply };
    },
  };
  return { client, asked, replies };
}

function fakeLog() {
  const lines: string[] = [];
  const write = (level: string) => (_: unknown, text?: string) => {
    if (level !== 'debug') lines.push(`${level}: ${text ?? ''}`);
  };
  const log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  return { log: { ...log, isLevelEnabled: () => true } as unknown as Logger, lines };
}

const info = (pid: number, uptime: number) => `Version: 3.2.1\nPid: ${pid}\nUptime_sec: ${uptime}\n`;
const columns =
  'be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_fqdn srv_port';
const states = (...servers: [name: string, op: number, admin: number, address?: string][]) =>
  [
    '1',
    `# ${columns}`,
    ...servers.map(
      ([name, op, admin, address = '10.0.0.1'], i) => `3 mtx ${i} ${name} ${address} ${op} ${admin} 1 1 9 - 8888`,
    ),
    '',
  ].join('\n');
const stat = (...servers: [name: string, isBackup: boolean][]) =>
  [
    '# pxname,svname,qcur,scur,stot,bin,bout,status,weight,bck,type,check_status,',
    ...servers.map(([name, isBackup]) => `mtx,${name},0,0,0,0,0,UP,1,${isBackup ? 1 : 0},2,L4OK,`),
    '',
  ].join('\n');
const noBackend = "Can't find backend.\n";
const gone: RuntimeError = { reason: 'unreachable', message: 'there is no socket' };

function observed(replies: Replies, intervalMs = 1, change: Partial<Parameters<typeof createObserver>[0]> = {}) {
  const fake = fakeClient(replies);
  const { log, lines } = fakeLog();
  const fleets: (readonly FleetServer[])[] = [];
  const processes: HaproxyInfo[] = [];
  const observer = createObserver({
    client: fake.client,
    backends: { mediamtx: 'mtx', relay: undefined },
    apiUrlFor: ({ address }) => (address === '-' ? undefined : `http://${address}:9997`),
    onServers: (servers) => void fleets.push(servers),
    onHaproxy: (haproxy) => void processes.push(haproxy),
    log,
    intervalMs,
    ...change,
  });
  const polls = async (count: number) => {
    const target = observer.stats.polls + count;
    await until(`poll ${target}`, () => observer.stats.polls > target, 1);
  };
  observer.start();
  return { ...fake, observer, fleets, processes, lines, polls };
}

let current: ReturnType<typeof observed> | undefined;
const observe = (...args: Parameters<typeof observed>) => (current = observed(...args));
afterEach(() => current?.observer.stop());

const names = (fleet: readonly FleetServer[] | undefined) =>
  fleet?.map((server) => `${server.name} ${server.operational} ${server.administrative}`);

it('reports the fleet once, and again only when something changed', async () => {
  const seen = observe({ info: info(7, 1), states: states(['mtx1', 2, 0], ['mtx2', 0, 0]) });
  await seen.polls(5);
  expect(seen.fleets.map(names)).toEqual([['mtx1 UP ready', 'mtx2 DOWN ready']]);
  expect(seen.fleets[0]?.[0]).toEqual({
    name: 'mtx1',
    kind: 'mediamtx',
    address: '10.0.0.1',
    port: 8888,
    apiUrl: 'http://10.0.0.1:9997',
    operational: 'UP',
    administrative: 'ready',
    isBackup: false,
  });

  // Uptime and "time since last change" move on without anything having changed.
  seen.replies.info = info(7, 2);
  seen.replies.states = states(['mtx1', 2, 0], ['mtx2', 0, 0]).replaceAll(' 9 - ', ' 10 - ');
  await seen.polls(3);
  expect(seen.observer.stats.changes).toBe(1);

  seen.replies.states = states(['mtx1', 2, 8], ['mtx2', 0, 0]);
  await seen.polls(3);
  expect(seen.fleets.slice(1).map(names)).toEqual([['mtx1 UP drain', 'mtx2 DOWN ready']]);
  expect(seen.asked.slice(0, 2)).toEqual(['show info', 'show servers state mtx']);
  expect(seen.lines).toEqual([]);
});

it('keeps the last fleet while the socket is away, and says so once', async () => {
  const seen = observe({ info: info(7, 1), states: states(['mtx1', 2, 0]) });
  await seen.polls(2);
  seen.replies.info = gone;
  await seen.polls(10);
  expect(seen.fleets).toHaveLength(1);
  expect(seen.lines).toEqual(['warn: there is no socket; the last known servers stay in use']);
  expect(seen.observer.stats.failures).toBeGreaterThanOrEqual(9);

  seen.replies.info = { reason: 'timeout', message: 'no answer' };
  await seen.polls(3);
  seen.replies.info = info(7, 5);
  await seen.polls(3);
  expect(seen.lines.slice(1)).toEqual([
    'warn: no answer; the last known servers stay in use',
    'info: HAProxy answers again',
  ]);
  expect({ fleets: seen.fleets.length, reloads: seen.observer.stats.reloads }).toEqual({ fleets: 1, reloads: 0 });
});

it.each<[string, Reply]>([
  ['a backend that is not there', "Can't find backend.\n"],
  ['garbage', '\0\u001b[2J'],
  ['half a line', states(['mtx1', 2, 0], ['mtx2', 2, 0]).slice(0, -12)],
  ['a refusal', 'Permission denied\n'],
])('is not led astray by %s', async (_, reply) => {
  const seen = observe({ info: info(7, 1), states: states(['mtx1', 2, 0], ['mtx2', 2, 0]) });
  await seen.polls(2);
  seen.replies.states = reply;
  await seen.polls(3);
  expect({ fleets: seen.fleets.length, told: seen.lines.length }).toEqual({ fleets: 1, told: 1 });
});

it('says that nothing is known yet when HAProxy was never seen', async () => {
  const seen = observe({ info: gone, states: gone });
  await seen.polls(3);
  expect(seen.lines).toEqual(['warn: there is no socket; no servers are known yet']);
  expect(seen.fleets).toEqual([]);
});

it.each([
  ['another pid', info(8, 100)],
  ['a younger uptime', info(7, 3)],
])('takes %s for a reload', async (_, after) => {
  const seen = observe({ info: info(7, 60), states: states(['mtx1', 2, 0]) });
  await seen.polls(2);
  seen.replies.info = after;
  await seen.polls(3);
  expect(seen.observer.stats.reloads).toBe(1);
  expect(seen.processes.map(({ pid, uptimeSeconds }) => [pid, uptimeSeconds])).toEqual([
    [7, 60],
    after === info(8, 100) ? [8, 100] : [7, 3],
  ]);
  expect(seen.lines).toEqual(['info: HAProxy was reloaded or restarted']);
});

it('takes a later start for a restart, where pid and uptime say nothing', async () => {
  let nowMs = 0;
  const seen = observe({ info: info(7, 10), states: states(['mtx1', 2, 0]) }, 1, { now: () => nowMs });
  await seen.polls(2);
  // The uptime is told in whole seconds, and an answer may be late.
  nowMs = 5000;
  await seen.polls(2);
  expect(seen.observer.stats.reloads).toBe(0);
  seen.replies.info = gone;
  nowMs = 60_000;
  await seen.polls(2);
  seen.replies.info = info(7, 12);
  await seen.polls(3);
  expect(seen.observer.stats.reloads).toBe(1);
});

it('goes on after a look that went wrong in a way that nobody thought of, and says so once', async () => {
  let isBad = true;
  const onServers = () => {
    if (isBad) throw new Error('Invalid URL');
  };
  const seen = observe({ info: info(7, 1), states: states(['mtx1', 2, 0]) }, 1, { onServers });
  await seen.polls(3);
  expect(seen.observer.lastError?.reason).toBe('unexpected');
  expect(seen.lines).toHaveLength(1);
  expect(seen.lines[0]).toContain('what /run/admin.sock said cannot be used: Invalid URL');
  isBad = false;
  await seen.polls(3);
  expect(seen.observer.lastError).toBeUndefined();
});

it('leaves out a server without an address, and says so once', async () => {
  const seen = observe({ info: info(7, 1), states: states(['mtx1', 2, 0], ['mtx2', 2, 32, '-']) });
  await seen.polls(4);
  expect(seen.fleets.map(names)).toEqual([['mtx1 UP ready']]);
  seen.replies.states = states(['mtx1', 2, 0], ['mtx2', 2, 0]);
  await seen.polls(3);
  expect(seen.fleets.map(names)).toEqual([['mtx1 UP ready'], ['mtx1 UP ready', 'mtx2 UP ready']]);
  expect(seen.lines).toEqual([
    'warn: servers without an address are left out, give their API URLs in mediamtx.servers',
    'info: every server has an address again',
  ]);
});

it('stops for good: no poll, no report, even from one that was under way', async () => {
  const seen = observe({ info: info(7, 1), states: states(['mtx1', 2, 0]) });
  await seen.observer.stop();
  const polls = seen.observer.stats.polls;
  seen.observer.start();
  await new Promise((done) => setTimeout(done, 20));
  expect({ polls: seen.observer.stats.polls, fleets: seen.fleets }).toEqual({ polls, fleets: [] });
});

it('leaves no timer behind', async () => {
  const { left, restore } = timersOf(59_999);
  const seen = observe({ info: info(7, 1), states: states(['mtx1', 2, 0]) }, 59_999);
  await until('the pause between two polls', () => left().set === 1);
  await seen.observer.stop();
  expect(left()).toEqual({ set: 1, cleared: 1 });
  restore();
});

describe('addresses that come from DNS', () => {
  const named = (...addresses: string[]) =>
    `1\n# ${columns}\n${addresses.map((address, i) => `3 mtx ${i} mtx${i} ${address} 2 0 1 1 9 mtx.example 8888\n`).join('')}`;
  const shown = (fleet: readonly FleetServer[] | undefined) =>
    fleet?.map(({ name, address, operational }) => `${name} ${address} ${operational}`).join(', ');

  it('a slot without one is no server, and no cause for a warning', async () => {
    const { fleets, lines, polls } = observe({ info: info(1, 100), states: named('10.0.0.1', '-') });
    await polls(2);
    expect(shown(fleets.at(-1))).toBe('mtx0 10.0.0.1 UP');
    expect(lines).toEqual(['info: slots without an address are no servers until HAProxy has one']);
  });
  it('a process that has only just started resolves anew: what its servers held is not forgotten for that', async () => {
    const { fleets, replies, polls } = observe({ info: info(1, 100), states: named('10.0.0.1', '10.0.0.2') });
    await polls(2);
    Object.assign(replies, { info: info(2, 0), states: named('-', '10.0.0.2') });
    await polls(2);
    expect(shown(fleets.at(-1))).toBe('mtx1 10.0.0.2 UP, mtx0 10.0.0.1 DOWN');
    Object.assign(replies, { info: info(2, 5) });
    await polls(2);
    expect(shown(fleets.at(-1))).toBe('mtx1 10.0.0.2 UP');
  });
  it('nor where HAProxy is reloaded between two of its answers', async () => {
    const { fleets, replies, polls } = observe({ info: info(1, 100), states: named('10.0.0.1', '10.0.0.2') });
    await polls(2);
    // Who tells the servers is a new process; who has told its age was the old one.
    let told = 0;
    Object.defineProperty(replies, 'info', { get: () => info(told++ === 0 ? 1 : 2, told === 1 ? 100 : 0) });
    replies.states = named('-', '10.0.0.2');
    await polls(3);
    expect(fleets.map(shown)).not.toContain('mtx1 10.0.0.2 UP');
    expect(shown(fleets.at(-1))).toBe('mtx1 10.0.0.2 UP, mtx0 10.0.0.1 DOWN');
  });
  it('an address that the new process has given to another slot is of that one alone', async () => {
    const { fleets, replies, polls } = observe({ info: info(1, 100), states: named('10.0.0.1', '10.0.0.2') });
    await polls(2);
    Object.assign(replies, { info: info(2, 0), states: named('10.0.0.2', '-') });
    await polls(2);
    expect(shown(fleets.at(-1))).toBe('mtx0 10.0.0.2 UP');
  });
  it('a slot that loses its address in a young process is empty at once', async () => {
    const { fleets, replies, polls } = observe({ info: info(1, 0), states: named('10.0.0.1', '10.0.0.2') });
    await polls(2);
    replies.states = named('10.0.0.1', '-');
    await polls(2);
    expect(shown(fleets.at(-1))).toBe('mtx0 10.0.0.1 UP');
  });
  it('are looked at more often than once a second', async () => {
    const { polls } = observe({ info: info(1, 100), states: named('10.0.0.1') }, 600_000);
    await polls(3);
  });
});

describe('backups', () => {
  const backups = (fleet: readonly FleetServer[] | undefined) =>
    fleet?.filter(({ isBackup }) => isBackup).map(({ name }) => name);

  it('are asked for once for each process, and when there are other servers', async () => {
    const seen = observe({
      info: info(7, 1),
      states: states(['mtx1', 2, 0], ['mtx2', 2, 0]),
      stat: stat(['mtx1', false], ['mtx2', true]),
    });
    const asked = () => seen.asked.filter((command) => command === 'show stat mtx 4 -1').length;
    await seen.polls(5);
    expect([seen.fleets.map(backups), asked()]).toEqual([[['mtx2']], 1]);

    seen.replies.states = states(['mtx1', 2, 0], ['mtx2', 2, 0], ['mtx3', 2, 0]);
    seen.replies.stat = stat(['mtx1', false], ['mtx2', true], ['mtx3', true]);
    await seen.polls(5);
    expect([backups(seen.fleets.at(-1)), asked()]).toEqual([['mtx2', 'mtx3'], 2]);

    seen.replies.info = info(8, 0);
    seen.replies.stat = stat(['mtx1', false], ['mtx2', false], ['mtx3', true]);
    await seen.polls(5);
    expect([backups(seen.fleets.at(-1)), asked()]).toEqual([['mtx3'], 3]);
  });

  it('stay as they were while that is not answered, and the rest of the look counts', async () => {
    const seen = observe({
      info: info(7, 1),
      states: states(['mtx1', 2, 0], ['mtx2', 2, 0]),
      stat: stat(['mtx1', false], ['mtx2', true]),
    });
    await seen.polls(2);
    seen.replies.info = info(8, 0);
    seen.replies.stat = gone;
    seen.replies.states = states(['mtx1', 2, 8], ['mtx2', 2, 0]);
    await seen.polls(3);
    expect(seen.fleets.map(backups)).toEqual([['mtx2'], ['mtx2']]);
    expect(seen.observer.stats.failures).toBe(0);
    seen.replies.stat = stat(['mtx1', true], ['mtx2', false]);
    await seen.polls(3);
    expect(backups(seen.fleets.at(-1))).toEqual(['mtx1']);
  });
});

describe('relays', () => {
  const backends = { mediamtx: 'mtx', relay: 'relays' };
  const relays = (...servers: Parameters<typeof states>) => states(...servers).replaceAll('3 mtx ', '4 relays ');
  const kinds = (fleet: readonly FleetServer[] | undefined) =>
    fleet?.map(({ name, kind, apiUrl }) => `${name} ${kind} ${apiUrl}`);
  const apiUrlFor: Parameters<typeof createObserver>[0]['apiUrlFor'] = ({ kind, address, port }) =>
    `http://${address}:${kind === 'relay' ? port : 9997}`;

  it('are the servers of a backend of their own', async () => {
    const seen = observe(
      { info: info(7, 1), states: states(['mtx1', 2, 0]), relays: relays(['relay1', 2, 8, '10.0.0.9']) },
      1,
      { backends, apiUrlFor },
    );
    await seen.polls(2);
    expect(seen.fleets.map(kinds)).toEqual([
      ['mtx1 mediamtx http://10.0.0.1:9997', 'relay1 relay http://10.0.0.9:8888'],
    ]);
    expect(seen.fleets.map(names)).toEqual([['mtx1 UP ready', 'relay1 UP drain']]);
  });

  it('are asked for once where HAProxy has no backend for them, and again after a reload; nobody is told', async () => {
    const seen = observe({ info: info(7, 1), states: states(['mtx1', 2, 0]) }, 1, { backends, apiUrlFor });
    const asked = () => seen.asked.filter((command) => command === 'show servers state relays').length;
    await seen.polls(5);
    expect([asked(), seen.lines, seen.observer.lastError]).toEqual([1, [], undefined]);
    seen.replies.relays = relays(['relay1', 2, 0]);
    seen.replies.info = info(8, 0);
    await seen.polls(3);
    expect(seen.fleets.at(-1)?.map(({ name }) => name)).toEqual(['mtx1', 'relay1']);
    expect(asked()).toBeGreaterThan(2);
  });

  it('fail a look when they cannot be read', async () => {
    const seen = observe({ info: info(7, 1), states: states(['mtx1', 2, 0]), relays: gone }, 1, {
      backends,
      apiUrlFor,
    });
    await seen.polls(2);
    expect([seen.fleets, seen.observer.lastError]).toEqual([[], gone]);
  });

  it('need names that no other server has', async () => {
    const seen = observe(
      { info: info(7, 1), states: states(['one', 2, 0]), relays: relays(['one', 2, 0, '10.0.0.9'], ['two', 2, 0]) },
      1,
      { backends, apiUrlFor },
    );
    await seen.polls(3);
    expect(seen.fleets.map(kinds)).toEqual([['one mediamtx http://10.0.0.1:9997', 'two relay http://10.0.0.1:8888']]);
    seen.replies.relays = relays(['two', 2, 0]);
    await seen.polls(3);
    expect(seen.lines).toEqual([
      'warn: a server of mtx and one of relays have the same name: the relay is left out until its name is another',
      'info: every server has a name of its own again',
    ]);
  });
});
