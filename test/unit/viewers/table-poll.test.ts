import { createTablePoll, createViewers } from '../../../src/viewers';
import { fakeRuntimeClient } from '../../support/fake-runtime-client';
import { createRecordingLog } from '../spoe/recording-log';

beforeEach(() => jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] }));
afterEach(() => jest.useRealTimers());

/** A HAProxy whose table the test holds: session → ms until the entry expires. */
function start() {
  const table = new Map<string, number>();
  const haproxy = { isDown: false };
  const fake = fakeRuntimeClient(() => {
    if (haproxy.isDown) return { reason: 'unreachable', message: 'nobody there' };
    const lines = [...table].map(
      ([session, expiresInMs], i) =>
        `0x${i}: key=live/a|${session} use=0 exp=${expiresInMs} server_id=1 server_key=mtx1\n`,
    );
    return `# table: sessions, type: string, size:1024, used:${table.size}\n${lines.join('')}`;
  });
  const viewers = createViewers({ goneAfterMs: 10_000, showAddresses: false, nowMs: Date.now() });
  const changes: string[] = [];
  viewers.onChange(({ kind, viewer, evidence }) => changes.push(`${kind} ${viewer.session} ${evidence}`));
  const { log, lines } = createRecordingLog();
  const poll = createTablePoll({ node: 'lb1', client: fake.client, viewers, log, nowMs: () => Date.now() });
  const told = () => changes.splice(0);
  /** Time passes for all entries; `touched` are used at its end. */
  async function pass(ms: number, ...touched: string[]): Promise<void> {
    for (const [session, expiresInMs] of table) table.set(session, expiresInMs - ms);
    for (const session of touched) table.set(session, 60_000);
    await jest.advanceTimersByTimeAsync(ms);
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    viewers.tick(Date.now());
  }
  return { table, haproxy, viewers, poll, asked: fake.asked, told, lines, pass };
}

it('reads the table every 2 s; an entry that was not used for 10 s is nobody', async () => {
  const lab = start();
  lab.table.set('s1', 60_000).set('s2', 51_000).set('old', 40_000);
  lab.poll.start();
  lab.poll.start();
  await lab.pass(0);
  expect(lab.told()).toEqual(['joined s1 found', 'joined s2 found']);
  await lab.pass(2000, 's1', 's3');
  expect(lab.told().sort()).toEqual(['joined s3 live', 'left s2 live']);
  for (let i = 0; i < 4; i++) await lab.pass(2000, 's1');
  expect(lab.told()).toEqual([]);
  await lab.pass(2000, 's1');
  expect(lab.told()).toEqual(['left s3 live']);
  expect(lab.asked).toEqual(Array.from({ length: 7 }, () => 'show table sessions'));
  await lab.poll.stop();
  expect(jest.getTimerCount()).toBe(0);
});

it('knows nothing while HAProxy does not answer, says so once, and goes on', async () => {
  const lab = start();
  lab.table.set('s1', 60_000);
  lab.poll.start();
  await lab.pass(0);
  lab.haproxy.isDown = true;
  for (let i = 0; i < 10; i++) await lab.pass(2000);
  expect(lab.viewers.total().viewers).toBe(1);
  expect(lab.viewers.nodes()).toMatchObject([{ name: 'lb1', isUp: false }]);
  expect(lab.lines).toEqual(['warn viewers: nobody there']);
  lab.haproxy.isDown = false;
  await lab.pass(2000);
  expect(lab.viewers.nodes()).toMatchObject([{ name: 'lb1', isUp: true }]);
  expect(lab.viewers.total().viewers).toBe(0);
  expect(lab.poll.stats).toEqual({ polls: 12, failures: 10 });
  await lab.poll.stop();
});

it('sees nothing after it was stopped', async () => {
  const lab = start();
  lab.table.set('s1', 60_000);
  lab.poll.start();
  await lab.poll.stop();
  await lab.pass(5000);
  expect(lab.told()).toEqual([]);
  expect(lab.viewers.nodes()).toEqual([]);
});
