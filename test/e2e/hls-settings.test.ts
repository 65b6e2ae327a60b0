import { mkdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { hlsSettingNames, hlsUsersName } from '../../src/config';
import { type DashboardPage, type DashboardPageOptions, launchBrowser, openDashboard } from '../support/dashboard-page';
import { type Lab, startLab } from '../support/lab';
import { type RelayProcess, startRelay } from '../support/relay';
import { until } from '../support/until';

const token = 'a-token-of-the-tests-0001';
const relayToken = 'a-token-of-the-relay-0001';

/** A provider whose every id is a live stream, a second a segment. */
let provider: Server;
let lab: Lab;
let relay: RelayProcess;
let before: RelayProcess | undefined;
let browser: Browser;
const opened: DashboardPage[] = [];

beforeAll(async () => {
  provider = createServer((req, res) => {
    const newest = Math.floor(performance.now() / 1000) + 10;
    const listed = Array.from({ length: 6 }, (_, i) => `#EXTINF:1,\n${newest - 5 + i}.ts\n`);
    const isList = (req.url ?? '').startsWith('/ace/manifest.m3u8');
    res.end(
      isList
        ? `#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:${newest - 5}\n${listed.join('')}`
        : Buffer.alloc(188 * 10).fill(Buffer.concat([Buffer.from('471fff10', 'hex'), Buffer.alloc(184, 0xff)])),
    );
  });
  await new Promise<void>((resolve) => void provider.listen(0, '127.0.0.1', resolve));
  const { port } = provider.address() as AddressInfo;
  relay = await startRelay({
    relay: {
      token: relayToken,
      allow: ['127.0.0.1'],
      templates: { ace: { path: '/ace/getstream', url: `http://127.0.0.1:${port}/ace/manifest.m3u8?id={id}` } },
    },
    env: { HLS_INITIAL_SEGMENTS: '2' },
  });
  lab = await startLab({
    haproxyEnv: { MTX_RELAY1: new URL(relay.url).host },
    agentConfig: {
      http: { token },
      directory: { interval: '100ms' },
      mediamtx: { servers: { relay1: { username: 'agent', password: relayToken } } },
    },
  });
  await until('the relay to be seen by the agent', async () => {
    const { body } = await lab.agent.get('/v1/relay/config');
    const [first] = (body as { readonly relays: readonly { readonly config: unknown }[] }).relays;
    return first !== undefined && first.config !== null;
  });
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser.close();
  await lab.stop();
  await relay.stop();
  await before?.stop();
  provider.closeAllConnections();
  await new Promise((resolve) => provider.close(resolve));
});
beforeEach(() => ofRelay('DELETE', '/v1/config'));
afterEach(async () => {
  for (const { context } of opened.splice(0)) await context.close();
});

async function ofRelay(method: string, path: string): Promise<Readonly<Record<string, unknown>>> {
  const answer = await fetch(relay.url + path, { method, headers: { 'x-api-token': relayToken } });
  expect(answer.status).toBe(200);
  return (await answer.json()) as Readonly<Record<string, unknown>>;
}
const inForce = () => ofRelay('GET', '/proxy/config');

async function open(options: DashboardPageOptions = {}): Promise<DashboardPage> {
  const dashboard = await openDashboard(browser, `${lab.agent.url}/#/relay`, options);
  opened.push(dashboard);
  await card(dashboard.page).waitFor();
  // The agent gives a relay's answer again for a second.
  await until('the form to show what is in force', async () => {
    const now = await inForce();
    return String(await valuesOf(dashboard.page)) === String(settingNames.map((name) => now[name]));
  });
  return dashboard;
}
const settingNames = hlsSettingNames.map(hlsUsersName);
const valuesOf = (page: Page): Promise<string[]> =>
  card(page)
    .getByRole('textbox')
    .evaluateAll((inputs) => inputs.map((input) => (input as unknown as { readonly value: string }).value));
const card = (page: Page) => page.getByRole('region', { name: 'HLS buffering' });
const field = (page: Page, name: string) => card(page).getByLabel(name, { exact: true });
const button = (page: Page, name: string) => card(page).getByRole('button', { name, exact: true });
async function confirm(page: Page): Promise<void> {
  const dialog = page.getByRole('dialog');
  await dialog.waitFor();
  const asked = dialog.getByLabel('Token');
  if ((await asked.count()) > 0) await asked.fill(token);
  await dialog.getByRole('button', { name: 'Save' }).click();
}

it('shows the eight settings with unit, range, default and what is configured', async () => {
  const { page, troubles } = await open();
  expect(await valuesOf(page)).toEqual(['20', '2', '6', '30', '30', '10', '10', '0.5']);
  const initial = field(page, 'Segments before start');
  const described = (await initial.getAttribute('aria-describedby'))?.split(' ') ?? [];
  const texts = await Promise.all(described.map((id) => page.locator(`[id="${id}"]`).textContent()));
  expect(texts.join(' ')).toContain('1 to 10, default 3, configured 2');
  expect(await button(page, 'Save…').isDisabled()).toBe(true);
  expect(troubles).toEqual([]);
});

it('checks while one types, saves with the keyboard, and is in force at once', async () => {
  const { page, troubles } = await open();
  await field(page, 'Segments listed').fill('21');
  await card(page).getByText('A whole number from 3 to 20.').waitFor();
  expect(await field(page, 'Segments listed').getAttribute('aria-invalid')).toBe('true');
  await field(page, 'Segments listed').fill('20');
  await field(page, 'Segments held').fill('19');
  await card(page).getByText('No more than “Segments held” (19).').waitFor();
  await card(page).getByText('1 field cannot be saved').waitFor();
  expect(await button(page, 'Save…').isDisabled()).toBe(true);
  await field(page, 'Segments held').fill('30');
  await field(page, 'Between two polls').fill('0.25');
  await card(page).getByText('3 changes not saved yet').waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').getByText('Segments listed: 6 → 20.').waitFor();
  await confirm(page);
  await page.getByText('The settings of relay1 are changed.').waitFor();
  expect(await inForce()).toMatchObject({
    hls_max_segments: 30,
    hls_window_size: 20,
    hls_segment_fetch_interval: 0.25,
  });
  await until('the form to show it', () => button(page, 'Undo').isDisabled());
  await card(page).getByText('changed here').first().waitFor();
  expect(await field(page, 'Segments listed').inputValue()).toBe('20');
  expect(troubles).toEqual([]);
});

it('goes back to the configuration', async () => {
  await ofRelay('POST', '/v1/config?hls_initial_segments=5&hls_window_size=8');
  const { page } = await open();
  await button(page, 'Reset to the configuration…').click();
  await page.getByRole('dialog').getByText('Segments before start: 5 → 2. That is configured.').waitFor();
  await confirm(page);
  await until('the reset', async () => (await inForce())['hls_initial_segments'] === 2);
  await until('the form', async () => (await field(page, 'Segments before start').inputValue()) === '2');
  expect(await button(page, 'Reset to the configuration…').isDisabled()).toBe(true);
});

it('says so when somebody else has changed them meanwhile, and loses neither', async () => {
  const { page } = await open();
  await field(page, 'Segments listed').fill('9');
  await ofRelay('POST', '/v1/config?hls_window_size=7&hls_max_segments=40');
  await card(page).getByText('Segments held is 40 now. Segments listed is 7 now.').waitFor();
  expect(await field(page, 'Segments listed').inputValue()).toBe('9');
  expect(await button(page, 'Save…').isDisabled()).toBe(true);
  await button(page, 'Keep what I typed').click();
  await button(page, 'Save…').click();
  await page.getByRole('dialog').getByText('Segments listed: 7 → 9.').waitFor();
  // Once more, between the look and the order.
  await ofRelay('POST', '/v1/config?hls_window_size=8');
  await confirm(page);
  await page
    .getByRole('dialog')
    .getByText('Somebody else has changed the settings meanwhile: read them again.')
    .waitFor();
  expect(await inForce()).toMatchObject({ hls_window_size: 8, hls_max_segments: 40 });
  await page.keyboard.press('Escape');
  await card(page).getByText('Segments listed is 8 now.').waitFor();
  await button(page, 'Take theirs').click();
  expect(await field(page, 'Segments listed').inputValue()).toBe('8');
});

it('shows how full the buffer of a channel is, which a template has made', async () => {
  const { page, troubles } = await open();
  await card(page).getByText('Nobody plays an HLS stream.').waitFor();
  const master = await fetch(`${relay.url}/ace/getstream?id=abc`);
  const [child = ''] = (await master.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const media = new URL(child, master.url);
  expect(media.pathname).toMatch(/^\/hls\/[0-9a-f]{32}\//);
  const play = async (): Promise<string> => (await fetch(media)).text();
  expect(await play()).toContain('#EXTINF:');
  const playing = setInterval(() => void play(), 1000);
  try {
    const channel = card(page).getByRole('list', { name: 'Channels now' }).getByRole('listitem');
    await channel.getByText(/\d+ segments, \d+ s · 0 underruns · .* a fetch/).waitFor();
    const bar = channel.getByRole('progressbar', { name: /^Segments held of / });
    expect(await bar.getAttribute('max')).toBe('20');
    await until('it to fill', async () => Number(await bar.getAttribute('value')) >= 6);
  } finally {
    clearInterval(playing);
  }
  await card(page).getByText('Nobody plays an HLS stream.').waitFor();
  expect(troubles).toEqual([]);
});

it('is there while the stream mode is HLS', async () => {
  const { page } = await open();
  await ofRelay('POST', '/proxy/config?stream_mode=TS');
  await until('it to go', async () => (await card(page).count()) === 0);
  await ofRelay('POST', '/proxy/config?stream_mode=HLS');
  await card(page).waitFor();
});

it.each([
  ['light', 1280],
  ['dark', 1280],
  ['light', 390],
  ['dark', 390],
] as const)('%s, %d wide: no wider than the screen, and axe finds nothing', async (scheme, width) => {
  const folder = 'test-results/dashboard';
  mkdirSync(folder, { recursive: true });
  const { page, axe } = await open({ scheme, width, height: width === 390 ? 844 : 800 });
  await ofRelay('POST', '/v1/config?hls_window_size=7');
  await card(page).getByText('changed here').waitFor();
  await field(page, 'Segments held').fill('x');
  await field(page, 'Segments listed').fill('9');
  await ofRelay('POST', '/v1/config?hls_initial_segments=4');
  await card(page).getByText('Somebody else has changed settings meanwhile.').waitFor();
  await card(page).scrollIntoViewIfNeeded();
  await page.screenshot({ path: `${folder}/hls-settings-${scheme}-${width}.png`, fullPage: true });
  expect(await axe()).toEqual([]);
  expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
});

it('keeps what was changed over kill -9', async () => {
  await ofRelay('POST', '/v1/config?hls_window_size=11');
  const { storeFolder } = relay;
  const { port } = new URL(relay.url);
  relay.child.process.kill('SIGKILL');
  await relay.child.exited;
  before = relay;
  relay = await startRelay({ relay: { token: relayToken, listen: `127.0.0.1:${port}` }, storeFolder });
  expect(await inForce()).toMatchObject({ hls_window_size: 11, hls_initial_segments: 3 });
});
