import type { Browser } from 'playwright-core';
import { launchBrowser } from '../support/dashboard-page';
import { type Lab, startLab } from '../support/lab';

let lab: Lab;
let browser: Browser;
const evil = 'http://evil.example:9101';

beforeAll(async () => {
  lab = await startLab({ agentConfig: { http: { hosts: ['*.good.example'] } } });
  lab.fleet.server('mtx1').publish('secret/stream');
  await lab.listed('secret/stream', 'mtx1');
  // What a name server of the attacker's does: its name now leads to the agent.
  browser = await launchBrowser([`--host-resolver-rules=MAP *.example ${lab.block.address(1)}`]);
});
afterAll(async () => {
  await browser.close();
  await lab.stop();
});

it('a page whose own name leads here sees nothing of the agent', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  // The document is the agent's refusal, but what runs in it does so as a page of the attacker's.
  expect((await page.goto(`${evil}/lure`))?.status()).toBe(421);
  expect(await page.evaluate('location.origin')).toBe(evil);
  for (const path of ['/', '/v1/streams', '/v1/servers', '/v1/viewers', '/metrics', '/openapi.json']) {
    const [status, text] = await page.evaluate<[number, string]>(
      `fetch('${path}').then(async (answer) => [answer.status, await answer.text()])`,
    );
    expect([path, status]).toEqual([path, 421]);
    expect(JSON.parse(text)).toMatchObject({ given: 'evil.example:9101', status: 421 });
    expect(text).not.toMatch(/secret|mtx1/);
  }
  const change = await page.evaluate<number>(
    `fetch('/v1/servers/mtx1/drain', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }).then(({ status }) => status)`,
  );
  expect(change).toBe(421);
  const feed = await page.evaluate<string>(
    `new Promise((done) => {
      const source = new EventSource('/ui/feed');
      source.onerror = () => done('refused');
      source.onopen = () => done('open');
    })`,
  );
  expect(feed).toBe('refused');
  await context.close();
});

it('a page of another site cannot read what it may ask for', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${evil}/lure`);
  const read = await page.evaluate<string>(
    `fetch('${lab.agent.url}/v1/streams').then((answer) => answer.text(), (error) => error.name)`,
  );
  expect(read).toBe('TypeError');
  await context.close();
});

it('the dashboard opens under the names that are set, and by address', async () => {
  for (const url of ['http://agent.good.example:9101', lab.agent.url]) {
    const context = await browser.newContext();
    const page = await context.newPage();
    const answer = await page.goto(`${url}/#/streams`);
    expect([url, answer?.status()]).toEqual([url, 200]);
    await page.getByText('secret/stream').first().waitFor();
    await context.close();
  }
  const context = await browser.newContext();
  const page = await context.newPage();
  expect((await page.goto(`${evil}/`))?.status()).toBe(421);
  await context.close();
});
