import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { type DashboardPage, type DashboardPageOptions, launchBrowser, openDashboard } from '../support/dashboard-page';
import { createFaultProvider, createFeedClock, type FaultProvider, live } from '../support/fault-provider';
import { type Lab, startLab } from '../support/lab';
import { type RelayProcess, startRelay } from '../support/relay';
import { readStream, type StreamReader } from '../support/relay-client';
import { type ClipFolder, createClipFolder } from '../support/ts-clips';
import { until } from '../support/until';

const token = 'a-token-of-the-tests-0001';
const relayToken = 'a-token-of-the-relay-0001';

let lab: Lab;
let clips: ClipFolder;
let provider: FaultProvider;
let relay: RelayProcess;
let browser: Browser;
let id: string;
let reader: StreamReader;
const opened: DashboardPage[] = [];

beforeAll(async () => {
  clips = createClipFolder();
  const clip = clips.clip({ seconds: 4 });
  const clock = createFeedClock();
  provider = await createFaultProvider();
  for (const path of ['/one.ts', '/two.ts', '/three.ts']) provider.at(path, live(clip, { bytesPerTick: 4000, clock }));
  relay = await startRelay({
    relay: {
      token: relayToken,
      allow: ['127.0.0.0/8'],
      timeouts: { stall: '10m' },
      accounts: { alice: { match: provider.url('/one.ts'), maxConnections: 1 } },
    },
  });
  lab = await startLab({
    haproxyEnv: { MTX_RELAY1: new URL(relay.url).host },
    agentConfig: {
      http: { token },
      directory: { interval: '100ms' },
      mediamtx: { servers: { relay1: { username: 'agent', password: relayToken } } },
    },
  });
  const made = await fetch(`${relay.url}/streams`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-token': relayToken },
    body: JSON.stringify({
      url: provider.url('/one.ts'),
      failover_urls: [provider.url('/two.ts'), provider.url('/three.ts')],
      metadata: { title: 'News of the day' },
    }),
  });
  id = ((await made.json()) as { stream_id: string }).stream_id;
  await until('the relay to be up in HAProxy', async () => {
    const stat = await lab.haproxy.runtime('show stat');
    return /^mtx_relays,relay1,.*,UP,.*,L7OK,/m.test(stat);
  });
  reader = await readStream(`${lab.haproxy.url}/stream/${id}`, { keepBytes: 1 });
  await reader.more(188);
  browser = await launchBrowser();
});
afterAll(async () => {
  reader.leave();
  await browser.close();
  await lab.stop();
  await relay.stop();
  await provider.close();
  clips.remove();
});
afterEach(async () => {
  for (const { context } of opened.splice(0)) await context.close();
});

async function open(path: string, options: DashboardPageOptions = {}): Promise<DashboardPage> {
  const dashboard = await openDashboard(browser, `${lab.agent.url}/#/${path}`, options);
  opened.push(dashboard);
  await dashboard.page.getByText('Live', { exact: true }).waitFor();
  return dashboard;
}
const rows = (page: Page) => page.getByRole('listbox', { name: 'Relay streams' }).getByRole('option');
const source = (page: Page, at: number) =>
  page.getByRole('list', { name: 'Sources in the order in which they are tried' }).getByRole('listitem').nth(at);
const get = async (path: string): Promise<unknown> => (await lab.agent.get(path)).body;
async function whyOf(): Promise<RelayWhy> {
  const { relays } = (await get(`/v1/relay/streams/${id}`)) as { relays: { why: RelayWhy }[] };
  return relays[0]?.why ?? { current: null, failovers: 0, recentFailovers: [] };
}
interface RelayWhy {
  readonly current: number | null;
  readonly failovers: number;
  readonly recentFailovers: readonly { readonly trigger: string; readonly to: number }[];
}

describe('the API of the agent', () => {
  it('tells what the relay is doing, and no more of a URL than its host', async () => {
    await until('the relay', async () => ((await get('/v1/relay/streams')) as { total: number }).total === 1);
    expect(await get('/v1/relay/streams?match=news')).toMatchObject({
      total: 1,
      streams: [{ relays: ['relay1'], stream: { id, title: 'News of the day', clients: 1, current: 0, sources: 3 } }],
      relays: [{ name: 'relay1', problem: null, accounts: [{ name: 'alice', maxConnections: 1, inUse: 1 }] }],
    });
    const shown = await get(`/v1/streams/${id}/why`);
    expect(shown).toMatchObject({
      stream: id,
      relay: {
        clients: 1,
        relays: [
          {
            name: 'relay1',
            why: {
              sources: [{ state: 'playing', account: 'alice' }, { state: 'ok' }, { state: 'ok' }],
              next: { index: 1 },
            },
          },
        ],
      },
    });
    expect(JSON.stringify(shown)).not.toContain('one.ts');
    expect(await get('/v1/relay/accounts')).toMatchObject({ relays: [{ accounts: [{ name: 'alice' }] }] });
  });

  it('moves clients to the next source, with the token only', async () => {
    const order = (headers: Record<string, string>) =>
      fetch(`${lab.agent.url}/v1/relay/streams/${id}/failover`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ reason: 'it flickers', operator: 'bob' }),
      });
    expect((await order({})).status).toBe(401);
    const before = (await whyOf()).failovers;
    const done = await order({ authorization: `Bearer ${token}` });
    expect(await done.json()).toEqual({ id, moved: 1, relays: [{ name: 'relay1', moved: 1, problem: null }] });
    await until('the failover', async () => (await whyOf()).failovers === before + 1);
    expect((await whyOf()).recentFailovers[0]).toMatchObject({ trigger: 'manual', to: 1 });
    expect(lab.agent.child.lines.join('\n')).toMatch(/"audit":true,"change":"failover".*"operator":"bob"/);
    await reader.more(188);
    expect(reader.ended).toBeUndefined();
  });

  it('is what mtxpilot why prints', async () => {
    const { text, complaint } = await new Promise<{ text: string; complaint: string }>((resolve) => {
      const args = ['dist/cli/main.js', 'why', id, '--url', lab.agent.url];
      execFile(process.execPath, args, (_error, out, errors) => resolve({ text: out, complaint: errors }));
    });
    expect(complaint).toBe('');
    expect(text).toMatch(/What relay relay1 does\n {2}primary http:\/\/127\.0\.0\.1:\d+\/…, account alice/);
    expect(text).toMatch(/backup 1 .*: 1 client plays it\./);
    expect(text).toMatch(/from primary to backup 1 \(manual: An operator asked for it\.\)/);
    expect(text).toMatch(/Next: backup 2\./);
  });
});

describe('the view', () => {
  it('shows each stream, opens one with the keyboard, and fails it over', async () => {
    const { page, troubles } = await open('relay');
    await rows(page).filter({ hasText: 'News of the day' }).waitFor();
    const row = rows(page).first();
    await until('a client', async () => /1 client/.test((await row.textContent()) ?? ''));
    await row.focus();
    await page.keyboard.press('Enter');
    await source(page, 2).waitFor();
    expect(await page.evaluate('document.activeElement.id')).toBe('panel-title');
    const before = await whyOf();
    expect(await source(page, before.current ?? 0).textContent()).toMatch('1 client');
    await page.getByRole('button', { name: 'Fail over…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('1 client goes over to the next source, once').waitFor();
    await dialog.getByLabel('Token').fill(token);
    await dialog.getByLabel('Reason').fill('a test');
    await dialog.getByRole('button', { name: 'Fail over' }).click();
    await page.getByText('1 client moved on.').waitFor();
    const after = await until('the next source', async () => {
      const why = await whyOf();
      return why.failovers > before.failovers && why.current !== null ? why : undefined;
    });
    expect(after.current).not.toBe(before.current);
    await until('it to be seen', async () =>
      /1 client/.test((await source(page, after.current ?? 0).textContent()) ?? ''),
    );
    await page.getByText('manual: An operator asked for it.').first().waitFor();
    await page.keyboard.press('Escape');
    await until('the panel to close', async () => (await page.locator('.panel').count()) === 0);
    expect(troubles).toEqual([]);
  });

  it('shows by itself when a provider is cut', async () => {
    const { page } = await open(`relay/${id}`);
    const { current, failovers } = await whyOf();
    await source(page, 0).waitFor();
    provider.cut(['/one.ts', '/two.ts', '/three.ts'][current ?? 0] ?? '', 'reset');
    await page
      .getByText(/(reset|end): /)
      .first()
      .waitFor();
    await until('the failover to be counted', async () => (await whyOf()).failovers > failovers);
    await until('the row', async () =>
      new RegExp(`${failovers + 1}`).test((await rows(page).first().textContent()) ?? ''),
    );
    expect(reader.ended).toBeUndefined();
  });

  it.each([
    ['light', 1280],
    ['dark', 1280],
    ['light', 390],
    ['dark', 390],
  ] as const)('%s, %d wide: no wider than the screen, and axe finds nothing', async (scheme, width) => {
    const folder = 'test-results/dashboard';
    mkdirSync(folder, { recursive: true });
    const { page, axe } = await open('relay', { scheme, width, height: width === 390 ? 844 : 800 });
    const found: string[] = [];
    const shoot = async (name: string): Promise<void> => {
      await page.screenshot({ path: `${folder}/${name}-${scheme}-${width}.png` });
      found.push(...(await axe()).map((line) => `${name}: ${line}`));
      expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    };
    await rows(page).filter({ hasText: 'News of the day' }).waitFor();
    await shoot('relay');
    await page.goto(`${lab.agent.url}/#/relay/${id}`);
    await page.locator('.failovers').first().waitFor();
    await shoot('relay-stream');
    await page.getByRole('button', { name: 'Fail over…' }).click();
    await page.getByRole('dialog').waitFor();
    await shoot('relay-failover');
    expect(found).toEqual([]);
  });
});

it('without a relay there is no such view', async () => {
  const bare = await startLab({ agentConfig: { http: { token } } });
  try {
    const { page, context } = await openDashboard(browser, bare.agent.url);
    await page.getByRole('link', { name: 'Viewers' }).first().waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    expect(await page.getByRole('link', { name: 'Relay' }).count()).toBe(0);
    await context.close();
  } finally {
    await bare.stop();
  }
});
