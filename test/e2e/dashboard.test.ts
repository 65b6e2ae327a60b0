import { mkdirSync, statSync } from 'node:fs';
import { get, type IncomingMessage, type RequestOptions } from 'node:http';
import type { Browser, Page } from 'playwright-core';
import { type DashboardPage, type DashboardPageOptions, launchBrowser, openDashboard } from '../support/dashboard-page';
import { type Lab, startLab } from '../support/lab';
import { until } from '../support/until';

const token = 'a-token-of-the-tests-0001';
const streams = ['live/news', 'live/studio/a', 'live/studio/b', 'sports/arena', 'town/hall', 'weather'] as const;

let lab: Lab;
let browser: Browser;
const opened: DashboardPage[] = [];
let stopViewers: () => Promise<void>;

beforeAll(async () => {
  lab = await startLab({
    haproxyEnv: { MTX_SHOW_SERVER: '1' },
    // Whoever watches is a viewer on a busy machine too.
    agentConfig: { http: { token }, directory: { interval: '100ms' }, viewers: { goneAfter: '50s' } },
  });
  browser = await launchBrowser();
  for (const [i, stream] of streams.entries()) lab.fleet.servers[i % 3]?.publish(stream);
  for (const [i, stream] of streams.entries()) await lab.located(stream, `mtx${(i % 3) + 1}`);
  stopViewers = watchEverything();
});
afterAll(async () => {
  await stopViewers();
  await browser.close();
  await lab.stop();
});
afterEach(async () => {
  for (const { context } of opened.splice(0)) await context.close();
});

/** Players that go on until the end: most for the last stream. */
function watchEverything(): () => Promise<void> {
  let isOver = false;
  const players = streams.flatMap((stream, i) => Array.from({ length: 2 * (i + 1) }, () => lab.player(stream)));
  const all = (async () => {
    for (const player of players) await player.load();
    while (!isOver) {
      for (const player of players) await player.round();
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  })();
  return async () => {
    isOver = true;
    await all.catch(() => undefined);
  };
}

async function open(path = '', options: DashboardPageOptions = {}): Promise<DashboardPage> {
  const dashboard = await openDashboard(browser, `${lab.agent.url}/#/${path}`, options);
  opened.push(dashboard);
  await dashboard.page.getByText('Live', { exact: true }).waitFor();
  return dashboard;
}

const rows = (page: Page) => page.getByRole('listbox', { name: 'Streams' }).getByRole('option');
const row = (page: Page, name: string) => rows(page).filter({ hasText: name });
const server = (page: Page, name: string) => page.getByRole('listitem', { name: `server ${name}` });

describe('the files of the page', () => {
  it('come from the agent alone, under a policy that allows no inline script', async () => {
    const response = await fetch(`${lab.agent.url}/`);
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toMatch("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:");
    expect(policy).toMatch(`connect-src 'self' ${lab.haproxy.url};`);
    expect(policy).not.toMatch('unsafe');
    const html = await response.text();
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)/);
    const { page, troubles, hosts } = await open();
    await page.getByRole('heading', { name: 'Time of a decision' }).waitFor();
    expect([...hosts]).toEqual([new URL(lab.agent.url).host]);
    expect(troubles).toEqual([]);
  });

  it('are sent once, and small', async () => {
    const first = await fetch(`${lab.agent.url}/ui/dashboard.js`);
    expect(Number(first.headers.get('content-length'))).toBeLessThan(40_000);
    const again = await fetch(`${lab.agent.url}/ui/dashboard.js`, {
      headers: { 'if-none-match': first.headers.get('etag') ?? '' },
    });
    expect(again.status).toBe(304);
    expect((await fetch(`${lab.agent.url}/ui/../agent.js`)).status).toBe(404);
    expect((await fetch(`${lab.agent.url}/`, { method: 'POST' })).status).toBe(405);
  });

  it('repeat no Host that is not checked, also where any is answered', async () => {
    const { hostname, port } = new URL(lab.agent.url);
    const ask = (host: string, to: RequestOptions): Promise<IncomingMessage> =>
      new Promise((resolve, reject) => {
        const asked = get({ ...to, path: '/', headers: { host }, agent: false }, (response) => {
          response.resume();
          resolve(response);
        });
        asked.once('error', reject);
      });
    for (const host of ['x"><script>;', 'evil.example']) {
      const refused = await ask(host, { hostname, port });
      expect([refused.statusCode, refused.headers['content-security-policy']]).toEqual([421, undefined]);
      const { headers } = await ask(host, { socketPath: lab.agent.adminSocket });
      expect(headers['content-security-policy']).toMatch("connect-src 'self' http://127.0.0.1:8080;");
    }
    const { headers } = await ask('LocalHost.:1', { hostname, port });
    expect(headers['content-security-policy']).toMatch("connect-src 'self' http://localhost:8080;");
  });
});

describe('views', () => {
  it('overview: viewers, streams, decisions, API calls saved, graphs', async () => {
    const { page } = await open();
    const tile = (name: string) => page.locator('.tile').filter({ has: page.getByRole('heading', { name }) });
    await until('42 viewers', async () => (await tile('Viewers').textContent())?.includes('42'));
    await until('6 streams', async () => (await tile('Streams').textContent())?.includes('6'));
    await until('saved calls', async () => /\d %/.test((await tile('API calls saved').textContent()) ?? ''));
    await page.getByRole('button', { name: 'What are saved API calls?' }).focus();
    expect(await page.getByRole('tooltip').textContent()).toMatch('requests × servers');
    const graph = page.getByRole('slider', { name: /^Viewers/ });
    await graph.focus();
    await page.keyboard.press('ArrowLeft');
    expect(await graph.getAttribute('aria-valuetext')).toMatch(/^\d\d:\d\d:\d\d: viewers \d+/);
  });

  it('fleet: three kinds of state, load and viewers of each server', async () => {
    const { page } = await open('fleet');
    await until('14 viewers on mtx2', async () => {
      const text = (await server(page, 'mtx2').textContent()) ?? '';
      return /Viewers14/.test(text) && /Requests\d/.test(text);
    });
    const text = (await server(page, 'mtx1').textContent()) ?? '';
    for (const part of ['In service', 'Wanted', 'UP', 'ready', 'Control API', 'ok', 'MediaMTX v'])
      expect(text).toMatch(part);
  });

  it('streams: search, sort, and why with one click', async () => {
    const { page } = await open('streams');
    await row(page, 'weather').waitFor();
    expect(await rows(page).count()).toBe(6);
    await page.getByRole('searchbox').fill('STUDIO');
    await until('two streams', async () => (await rows(page).count()) === 2);
    await page.getByRole('searchbox').fill('nothing-of-this-name');
    await page.getByText('No live stream has').waitFor();
    await page.getByRole('searchbox').fill('');
    await page.getByRole('combobox').selectOption('Most viewers');
    await until('weather first', async () => (await rows(page).first().textContent())?.includes('weather'));
    await row(page, 'town/hall').click();
    await page.locator('.why').waitFor();
    const why = (await page.locator('.why').textContent()) ?? '';
    expect(why).toMatch('located');
    expect(why).toMatch('mtx2');
    expect(why).toMatch('The next viewer');
    expect(page.url()).toMatch(/#\/streams\/town\/hall$/);
  });

  it('viewers: each one, of a server or a stream, a page at a time', async () => {
    const readers = ['rtspSession', 'webRTCSession'].map((type) => lab.fleet.server('mtx3').read('weather', type));
    const { page } = await open('fleet');
    const table = page.getByRole('region', { name: 'Table of viewers' });
    const shown = () => table.getByRole('rowheader').allTextContents();
    await server(page, 'mtx2').getByRole('link').click();
    await until('14 viewers of mtx2', async () => (await shown()).length === 14);
    expect(page.url()).toMatch(/#\/viewers\/server\/mtx2$/);
    expect(await page.getByText('14 viewers now').count()).toBe(1);
    for (const text of await table.locator('tbody tr').allTextContents()) {
      expect(text).toMatch(/^(live\/studio\/a|town\/hall)[0-9a-f-]{36}mtx2haproxy \d\d:\d\d:\d\d\d/);
    }
    await page.getByRole('combobox').selectOption('All');
    await until('all 42', async () => (await shown()).length === 42);
    expect(await page.getByRole('button', { name: 'Next' }).count()).toBe(0);

    await page.goto(`${lab.agent.url}/#/streams/weather`);
    await page.getByRole('link', { name: 'who they are' }).click();
    await until('12 viewers of weather', async () => (await shown()).length === 12);
    await page.getByText('Not included, since they bypass HAProxy: 1 by RTSP, 1 by WebRTC').waitFor();
    for (const stop of readers) stop();
    await page.getByRole('button', { name: 'of weather' }).click();
    await until('all 42 again', async () => (await shown()).length === 42);

    // What the API gives, in pages.
    const all = new Set(await shown());
    await page.route('**/v1/viewers?*', async (route) => {
      const url = new URL(route.request().url());
      url.searchParams.set('limit', '30');
      await route.continue({ url: url.href });
    });
    await until('a first page', async () => (await shown()).length === 30);
    await page.getByRole('button', { name: 'Next' }).focus();
    await page.keyboard.press('Enter');
    await until('the rest', async () => (await shown()).length === 12);
    for (const session of await shown()) all.delete(session);
    expect(await page.getByRole('button', { name: 'Next' }).isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Previous' }).press('Enter');
    await until('the first page again', async () => (await shown()).length === 30);
    for (const session of await shown()) all.delete(session);
    expect(all.size).toBe(0);
  });

  it('events: as they come, with a filter', async () => {
    const { page } = await open('events');
    lab.fleet.server('mtx3').publish('late/show');
    await page.getByRole('listitem').filter({ hasText: 'late/show started on mtx3' }).waitFor();
    lab.fleet.server('mtx3').unpublish('late/show');
    await page.getByRole('listitem').filter({ hasText: 'late/show ended' }).waitFor();
    await page.getByRole('button', { name: 'Servers' }).click();
    await until('no streams', async () => (await page.getByText('late/show').count()) === 0);
    await page.getByRole('button', { name: 'All' }).click();
    await page.getByRole('searchbox').fill('late/show ended'.slice(0, 9));
    await until('two events', async () => (await page.getByRole('listitem').count()) === 2);
  });

  it('a preview plays through HAProxy', async () => {
    const { page, troubles } = await open('streams/live/news');
    await page.getByRole('button', { name: /Play a preview/ }).click();
    await page.locator('video[data-state="playing"]').waitFor();
    await until('pictures', () => page.evaluate<boolean>('document.querySelector("video").currentTime > 0.5'));
    expect(await page.locator('.preview-foot').textContent()).toMatch('from mtx1');
    expect(troubles).toEqual([]);
    await page.getByRole('button', { name: 'Stop' }).click();
    expect(await page.locator('video').count()).toBe(0);
  });
});

it('a preview says where it looked when nobody answers there, or nobody has the stream', async () => {
  const { page } = await open('streams/nobody/has/this');
  await page.locator('.why').getByText('placed').waitFor();
  await page.getByRole('button', { name: /Play a preview/ }).click();
  await page.getByText('HAProxy answered 404: nobody has this stream now.').waitFor();
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.route(`${lab.haproxy.url}/**`, (route) => route.abort('connectionrefused'));
  await page.getByRole('button', { name: /Play a preview/ }).click();
  await page.getByText(`HAProxy cannot be reached at ${lab.haproxy.url}`).waitFor();
});

describe('changes', () => {
  it('without a token: the dialog asks for one, a wrong one is refused, nothing is changed', async () => {
    const { page } = await open('fleet');
    await server(page, 'mtx3').getByRole('button', { name: 'Drain' }).click();
    const dialog = page.getByRole('dialog', { name: 'Drain mtx3?' });
    expect(await dialog.textContent()).toMatch(/18 viewers go on until they leave/);
    expect(await dialog.textContent()).toMatch(/2 streams live only here \(live\/studio\/b, weather\)/);
    await dialog.getByLabel('Token').fill('not-the-token');
    await dialog.getByRole('button', { name: 'Drain mtx3' }).click();
    await dialog.getByText('The agent does not know this token').waitFor();
    expect(await page.evaluate('sessionStorage.getItem("mtxpilot.token")')).toBeNull();
    await page.keyboard.press('Escape');
    await until('the dialog to close', async () => (await page.getByRole('dialog').count()) === 0);
    expect(await server(page, 'mtx3').textContent()).toMatch('In service');
  });

  it('with a token: drain, progress, and back; the token stays out of addresses', async () => {
    const { page } = await open('fleet');
    const urls: string[] = [];
    page.on('request', (request) => urls.push(request.url()));
    await server(page, 'mtx3').getByRole('button', { name: 'Drain' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Token').fill(token);
    await dialog.getByLabel('Reason').fill('upgrade');
    await dialog.getByLabel('Your name').fill('ann');
    await dialog.getByRole('button', { name: 'Drain mtx3' }).click();
    await server(page, 'mtx3').getByText('Not safe to stop yet').waitFor();
    await until('who wants it, and how HAProxy has it', async () => {
      const text = (await server(page, 'mtx3').textContent()) ?? '';
      return /Draining.*Wanteddrainann, .* ago: upgrade.*UPdrain/.test(text) && /2 streams live only here/.test(text);
    });
    await page.screenshot({ path: 'test-results/dashboard/draining.png' });
    await server(page, 'mtx3').getByRole('button', { name: 'Ready' }).click();
    await dialog.getByRole('button', { name: 'Use mtx3 again' }).click();
    await server(page, 'mtx3').getByText('In service').waitFor();
    expect(urls.filter((url) => url.includes(token))).toEqual([]);
  });

  it('a server without viewers and streams becomes safe to stop', async () => {
    const extra = await startLab({ agentConfig: { http: { token }, directory: { interval: '100ms' } } });
    try {
      const dashboard = await openDashboard(browser, `${extra.agent.url}/#/fleet`);
      opened.push(dashboard);
      const { page } = dashboard;
      await server(page, 'mtx1').getByRole('button', { name: 'Drain' }).click();
      await page.getByLabel('Token').fill(token);
      await page.getByRole('button', { name: 'Drain mtx1' }).last().click();
      await server(page, 'mtx1').getByText('Safe to stop').waitFor();
      await page.goto(`${extra.agent.url}/#/streams`);
      await page.getByText('No stream is live.').waitFor();
    } finally {
      await extra.stop();
    }
  });

  it('the keyboard stays on a button of the panel when the panel shows more', async () => {
    const { page } = await open('streams');
    let answer = (): void => undefined;
    const mayAnswer = new Promise<void>((resolve) => {
      answer = resolve;
    });
    await page.route('**/why', async (route) => {
      await mayAnswer;
      await route.continue();
    });
    const holder = () => page.evaluate<string>('document.activeElement.textContent.trim()');
    await page.evaluate('location.hash = "#/streams/weather"');
    await page.getByRole('button', { name: 'Move…' }).focus();
    await page.getByText('Asking…').waitFor();
    expect(await holder()).toBe('Move…');
    answer();
    await page.locator('.why').waitFor();
    expect(await holder()).toBe('Move…');
    await page.unroute('**/why');
    await page.route('**/why', (route) => route.abort());
    await page.locator('.panel-body').getByRole('alert').waitFor();
    expect(await holder()).toBe('Move…');
  });

  it('a stream is moved, and the move is cleared', async () => {
    lab.fleet.server('mtx1').publish('weather');
    const { page } = await open('streams/weather');
    await page.getByRole('button', { name: 'Move…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Move weather' });
    await dialog.getByLabel('mtx3').check();
    await dialog.getByLabel('Token').fill(token);
    await dialog.getByRole('button', { name: 'Move to mtx3' }).click();
    await row(page, 'weather').getByText('moved').waitFor();
    await until('the keyboard to be where it was before the dialog', async () => {
      return (await page.evaluate<string>('document.activeElement.textContent')).trim() === 'Move…';
    });
    await page.getByRole('button', { name: 'Clear the move' }).click();
    await dialog.or(page.getByRole('dialog')).getByRole('button', { name: 'Clear the move' }).click();
    await until('no move', async () => (await row(page, 'weather').getByText('moved').count()) === 0);
    lab.fleet.server('mtx1').unpublish('weather');
  });
});

it('is used with the keyboard alone', async () => {
  const { page } = await open();
  const press = async (key: string, times = 1): Promise<void> => {
    for (let i = 0; i < times; i++) await page.keyboard.press(key);
  };
  await press('Tab');
  expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to content');
  await press('Tab', 4);
  await press('Enter');
  await row(page, 'weather').waitFor();
  await until('the list to be reached', async () => {
    await press('Tab');
    return (await page.evaluate('document.activeElement.dataset.index')) === '0';
  });
  await press('End');
  await until('the last row', async () => (await page.evaluate('document.activeElement.dataset.index')) === '5');
  await press('ArrowUp');
  await press('Enter');
  await page.locator('.why').waitFor();
  expect(page.url()).toMatch(/streams\/town\/hall$/);
  expect(await page.evaluate('document.activeElement.id')).toBe('panel-title');
  await press('Escape');
  await until('the panel to close', async () => (await page.locator('.panel').count()) === 0);
  expect(await page.evaluate('document.activeElement.dataset.index')).toBe('4');
});

it('says when the agent is gone, and goes on when it is back', async () => {
  const { page } = await open('streams');
  await row(page, 'weather').waitFor();
  await lab.agent.stop('SIGKILL');
  await page.getByText('The agent does not answer.').waitFor();
  expect(await page.locator('.link').textContent()).toBe('Reconnecting…');
  await page.screenshot({ path: 'test-results/dashboard/lost.png' });
  await lab.restartAgent();
  await page.getByText('Live', { exact: true }).waitFor();
  expect(await page.getByText('The agent does not answer.').count()).toBe(0);
  lab.fleet.server('mtx2').publish('after/restart');
  await row(page, 'after/restart').waitFor();
  lab.fleet.server('mtx2').unpublish('after/restart');
  await until('it to be gone', async () => (await row(page, 'after/restart').count()) === 0);
});

it('keeps the colours that somebody chose', async () => {
  const { page } = await open('', { scheme: 'light' });
  const background = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
  const light = await background();
  await page.getByRole('button', { name: /^Colours/ }).click();
  await page.getByRole('button', { name: /^Colours/ }).click();
  await until('dark', async () => (await background()) !== light);
  await page.reload();
  await until('dark again', async () => (await background()) !== light);
});

describe('screenshots, and what axe says', () => {
  const folder = 'test-results/dashboard';
  mkdirSync(folder, { recursive: true });

  it.each([
    ['light', 1440],
    ['dark', 1440],
    ['light', 390],
    ['dark', 390],
  ] as const)('%s, %d wide', async (scheme, width) => {
    const dashboard = await open('', { scheme, width, height: width === 390 ? 844 : 900 });
    const { page, axe } = dashboard;
    const found: string[] = [];
    const shoot = async (name: string): Promise<void> => {
      await page.screenshot({
        path: `${folder}/${name}-${scheme}-${width}.png`,
        fullPage: width > 390 && name !== 'streams',
      });
      found.push(...(await axe()).map((line) => `${name}: ${line}`));
    };
    await until('graphs', async () => (await page.locator('.graph .line').count()) >= 5);
    await shoot('overview');
    for (const name of ['fleet', 'streams', 'viewers', 'events']) {
      await page.getByRole('navigation').getByRole('link', { name }).click();
      await page.getByRole('heading', { level: 2, name }).waitFor();
      if (name === 'streams') await row(page, 'weather').waitFor();
      if (name === 'viewers') await page.getByRole('rowheader').first().waitFor();
      await shoot(name);
    }
    await page.goto(`${lab.agent.url}/#/streams/live/studio/a`);
    await page.locator('.next').waitFor();
    await page.getByRole('button', { name: /Play a preview/ }).click();
    await page.locator('video[data-state="playing"]').waitFor();
    await shoot('stream');
    await page.goto(`${lab.agent.url}/#/fleet`);
    await server(page, 'mtx2').getByRole('button', { name: 'Drain' }).click();
    await page.getByRole('dialog').waitFor();
    await shoot('drain');
    // The page is no wider than the screen.
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    expect(found).toEqual([]);
  });
});

it('the picture of docs/dashboard.md', async () => {
  const { page } = await open('', { height: 800 });
  await until(
    'a minute of graphs',
    async () => {
      const shown = (await page.locator('.graph-axis').first().textContent()) ?? '';
      return /min ago/.test(shown) || !/^60 s/.test(shown);
    },
    250,
  );
  const path =
    process.env['UPDATE_PICTURES'] === undefined ? 'test-results/dashboard/overview.png' : 'docs/dashboard.png';
  await page.screenshot({ path });
  expect(statSync(path).size).toBeLessThan(300_000);
});
