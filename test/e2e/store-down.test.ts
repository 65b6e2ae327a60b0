import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { Browser } from 'playwright-core';
import { createLogger } from '../../src/log';
import { openStore } from '../../src/store';
import { launchBrowser, openDashboard } from '../support/dashboard-page';
import { type Lab, startLab } from '../support/lab';
import { startRedis } from '../support/redis-server';
import { mountSmallDisk, whyNoSmallDisk } from '../support/small-disk';
import { until } from '../support/until';

const token = 'a-token-of-the-tests-0001';

/** A store of an agent, and how it comes to keep nothing. */
interface Subject {
  readonly store: Record<string, unknown>;
  break(): Promise<void> | void;
  /** Takes the cause away, the agent still running; undefined where that is not possible. */
  heal?: () => unknown;
  end(): Promise<void> | void;
}

const noDisk = whyNoSmallDisk();

describe('a store that keeps nothing', () => {
  const closers: (() => Promise<unknown>)[] = [];
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  function onFullDisk(): Subject {
    const disk = mountSmallDisk();
    return {
      store: { folder: join(disk.folder, 'state') },
      break: () => disk.fill(),
      heal: () => disk.free(),
      end: () => disk.remove(),
    };
  }

  function inDeletedFolder(): Subject {
    const around = mkdtempSync(join(tmpdir(), 'mtxpilot-store-'));
    const folder = join(around, 'state');
    return {
      store: { folder },
      break: () => rmSync(folder, { recursive: true }),
      end: () => rmSync(around, { recursive: true, force: true }),
    };
  }

  /** The primary becomes a replica, as after a failover. */
  async function inReplica(): Promise<Subject> {
    const [redis, other] = [await startRedis(), await startRedis()];
    const admin = new Redis(redis.url);
    return {
      store: { redis: redis.url },
      async break() {
        await admin.replicaof(new URL(other.url).hostname, 6379);
      },
      heal: () => admin.replicaof('NO', 'ONE'),
      async end() {
        admin.disconnect();
        await redis.stop();
        await other.stop();
      },
    };
  }

  /** Its folder goes, and it notices when it saves. */
  async function inRedisThatCannotSave(): Promise<Subject> {
    const redis = await startRedis();
    const admin = new Redis(redis.url);
    const around = mkdtempSync(join(tmpdir(), 'mtxpilot-redis-dir-'));
    const saved = (status: string) =>
      until(`a save that is ${status}`, async () => {
        await admin.bgsave().catch(() => undefined);
        return (await admin.info('persistence')).includes(`rdb_last_bgsave_status:${status}`);
      });
    return {
      store: { redis: redis.url },
      async break() {
        const gone = mkdtempSync(join(around, 'gone-'));
        await admin.config('SET', 'stop-writes-on-bgsave-error', 'yes', 'save', '3600 1', 'dir', gone);
        rmSync(gone, { recursive: true });
        await saved('err');
      },
      async heal() {
        await admin.config('SET', 'dir', around);
        await saved('ok');
      },
      async end() {
        admin.disconnect();
        await redis.stop();
        rmSync(around, { recursive: true, force: true });
      },
    };
  }

  it.each([
    ...(noDisk === undefined ? [['a full disk', onFullDisk, 'its disk is full'] as const] : []),
    [
      'a folder that was deleted',
      inDeletedFolder,
      'its folder was deleted or replaced; start the agent again',
    ] as const,
    ['a Redis that became a replica', inReplica, 'this Redis is a replica, which takes no writes (READONLY)'] as const,
    ['a Redis that cannot save', inRedisThatCannotSave, 'Redis cannot save to its disk (MISCONF)'] as const,
  ])(
    '%s: it is told everywhere, orders are refused, viewers are served, and it comes back',
    async (_, make, failure) => {
      const subject = await make();
      closers.push(async () => subject.end());
      const lab: Lab = await startLab({ push: true, agentConfig: { http: { token }, store: subject.store } });
      closers.push(() => lab.stop());
      const order = (server: string, reason: string) =>
        fetch(`${lab.agent.url}/v1/servers/${server}/maint`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify({ reason, operator: 'test' }),
        });
      lab.fleet.server('mtx1').publish('live/a');
      await lab.located('live/a', 'mtx1');
      expect((await order('mtx2', 'before')).status).toBe(200);
      expect(await lab.agent.get('/readyz')).toMatchObject({ body: { store: { up: true, failure: null } } });

      await subject.break();
      // Some may fit into the last block of a file.
      let orders = 0;
      await until('an order to be refused', async () => {
        const answer = await order('mtx3', `${++orders}`.padEnd(100, 'x'));
        expect([200, 503]).toContain(answer.status);
        return answer.status === 503 && (await answer.text()).includes('nothing was done');
      });
      await until('it to be told', async () => (await lab.agent.metric('mtxpilot_store_up')) === 0);
      expect(await lab.agent.get('/readyz')).toMatchObject({
        status: 200,
        body: { status: 'ready', store: { up: false, failure } },
      });
      const { page, troubles, axe } = await openDashboard(browser, lab.agent.url);
      closers.push(() => page.close());
      const banner = page.getByRole('alert');
      await banner.getByText('The store keeps nothing.').waitFor();
      expect(await banner.textContent()).toContain(`${failure.slice(1)}. Orders are refused`);
      expect(await axe()).toEqual([]);
      // What cannot be read from such a store is answered 503, and the browser notes that by itself.
      expect(troubles.filter((line) => !line.includes('status of 503'))).toEqual([]);
      mkdirSync('test-results/dashboard', { recursive: true });
      await page.screenshot({ path: 'test-results/dashboard/store.png' });
      lab.fleet.server('mtx1').publish('live/meanwhile');
      await lab.located('live/meanwhile', 'mtx1');

      if (subject.heal === undefined) {
        await lab.agent.stop();
        // Not by its limit, which is for what hangs.
        expect(lab.agent.child.lines.at(-1)).toMatch('"msg":"stopped"');
        return;
      }
      await subject.heal();
      await until('it to be up again', async () => (await lab.agent.metric('mtxpilot_store_up')) === 1);
      expect(await lab.agent.get('/readyz')).toMatchObject({ body: { store: { up: true, failure: null } } });
      await banner.waitFor({ state: 'detached' });
      await until('an order to be taken', async () => (await order('mtx2', 'after')).status === 200);
    },
  );

  it('a store that was damaged before the start: the agent is ready, and says what was lost until the next one', async () => {
    const around = mkdtempSync(join(tmpdir(), 'mtxpilot-store-'));
    closers.push(() => rm(around, { recursive: true, force: true }));
    const folder = join(around, 'state');
    const store = await openStore({ folder, log: createLogger('silent') });
    const texts = store.collection('texts', (value) => value);
    for (let i = 0; i < 200; i++) await texts.set(`k${i}`, 'v'.repeat(300));
    await store.close();
    const file = join(folder, readdirSync(folder).find((name) => name.endsWith('.log')) ?? 'no log');
    const bytes = readFileSync(file);
    bytes[20_000] = (bytes[20_000] ?? 0) ^ 0xff;
    writeFileSync(file, bytes);

    const lab = await startLab({ agentConfig: { store: { folder } } });
    closers.push(() => lab.stop());
    expect(await lab.agent.get('/readyz')).toMatchObject({
      status: 200,
      body: { status: 'ready', store: { up: true, failure: null, damage: expect.stringMatching(/^orders .* lost/) } },
    });
    const { page } = await openDashboard(browser, lab.agent.url);
    closers.push(() => page.close());
    const banner = page.getByRole('alert');
    await banner.getByText('The store was damaged when the agent started.').waitFor();
    expect(await banner.textContent()).toMatch(/Orders and events .* are lost: \d+ bytes could not be read\./);
    await lab.agent.stop();
    await lab.restartAgent();
    await banner.waitFor({ state: 'detached' });
    expect(await lab.agent.get('/readyz')).toMatchObject({ body: { store: { up: true, damage: null } } });
  });

  if (noDisk !== undefined) it.skip(`a full disk (not here: ${noDisk})`, () => undefined);
});
