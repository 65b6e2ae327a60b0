import type { Browser, Page } from 'playwright-core';
import { launchBrowser, type PlayerPage, servePlayerPage } from '../support/browser';
import { haproxyVersion } from '../support/haproxy';
import { type SubjectLab, startSubjectLab, subjectKinds } from '../support/subject-lab';
import { until } from '../support/until';

/*
 * What a page of another site can read (CORS). The page has another address, so it is another site for Chromium.
 */
describe.each(subjectKinds)(`HAProxy ${haproxyVersion}, $name: a page of another site`, (kind) => {
  let lab: SubjectLab;
  let page: PlayerPage;
  let browser: Browser;
  let tab: Page;

  beforeAll(async () => {
    lab = await startSubjectLab({
      kind,
      bridge: 'spoe',
      servers: 2,
      haproxyEnv: { MTX_TIMEOUT: '5s', MTX_HOME: '/live/a/' },
    });
    page = await servePlayerPage(lab.pageAddress);
    browser = await launchBrowser();
    tab = await browser.newPage();
    await tab.goto(page.url);
    await lab.subject('mtx1').publish('live/a');
    await lab.located('live/a', 'mtx1');
    // A muxer that has just begun takes its time.
    await until('the stream to play', async () => (await fetch(`${lab.subject('mtx1').hlsUrl}/live/a/index.m3u8`)).ok);
  });
  afterAll(async () => {
    await browser.close();
    await page.close();
    await lab.stop();
  });

  /** The status that a script of the page reads; 0 when it may read nothing. */
  const statusOf = (path: string, headers: Record<string, string> = {}) =>
    tab.evaluate(readStatus, { url: lab.haproxy.url + path, headers });
  /** With a header that is asked for beforehand (preflight). */
  const statusWithHeader = (path: string) => statusOf(path, { authorization: 'Basic eDp5' });

  it.each([
    ['/live/a', 200, 'the way to the page, redirected by HAProxy'],
    ['/', 200, 'the way home, redirected by HAProxy'],
    ['/live/a/index.m3u8', 200, 'a playlist'],
    ['/live/nobody/index.m3u8', 404, 'a stream that nobody has'],
    ['/no;name/index.m3u8', 404, 'a name that is none'],
    ['/live%2F..%2F/index.m3u8', 404, 'dot segments'],
    ['/live/%zz/index.m3u8', 400, 'a path that is none'],
    ['/live/a/index.m3u8?mtxs=a%20b', 400, 'a session that is none'],
  ])('reads of %s: %d, %s', async (path, status) => {
    expect(await statusOf(path)).toBe(status);
    expect(await statusWithHeader(path)).toBe(status);
  });

  it('reads 504 of a stream that does not begin', async () => {
    await lab.subject('mtx2').publish('live/never', { hasKeyFrames: false });
    await lab.located('live/never', 'mtx2');
    expect(await statusOf('/live/never/index.m3u8')).toBe(504);
    expect(await statusWithHeader('/live/never/index.m3u8')).toBe(504);
  });

  it('reads 503 when no server is left', async () => {
    for (const server of ['mtx1', 'mtx2', 'mtx3']) await lab.haproxy.runtime(`set server mtx/${server} state maint`);
    try {
      expect(await statusOf('/live/a/index.m3u8')).toBe(503);
      expect(await statusWithHeader('/live/a/index.m3u8')).toBe(503);
    } finally {
      for (const server of ['mtx1', 'mtx2', 'mtx3']) await lab.haproxy.runtime(`set server mtx/${server} state ready`);
    }
    await until('the servers to be back', async () => (await statusOf('/live/a/index.m3u8')) === 200);
  });

  it('reads what the servers answer as they allow it', async () => {
    for (const path of ['/live/a/index.m3u8?cookieCheck=1', '/live/a/', '/live/a/abcdefabcdef_video1_seg99.mp4']) {
      for (const method of ['GET', 'OPTIONS']) {
        const init = {
          method,
          headers: {
            origin: 'http://page.example',
            ...(method === 'OPTIONS' && { 'access-control-request-method': 'GET' }),
          },
        };
        const [direct, answer] = await Promise.all(
          [lab.subject('mtx1').hlsUrl, lab.haproxy.url].map((url) => fetch(url + path, init)),
        );
        const cors = (response: Response | undefined) =>
          [...(response?.headers ?? [])].filter(([name]) => name.startsWith('access-control-'));
        expect(cors(answer)).toEqual(cors(direct));
        expect(cors(answer).length).toBeGreaterThan(0);
      }
    }
  });
});

it.each(subjectKinds)(
  `HAProxy ${haproxyVersion}, $name: to what servers that allow one site only say, nothing is added`,
  async (kind) => {
    const site = 'https://site.example';
    const lab = await startSubjectLab({ kind, bridge: undefined, servers: 1, subject: { allowOrigin: site } });
    try {
      const ask = async (url: string, origin: string) => {
        const response = await fetch(`${url}/live/a/`, { headers: { origin } });
        return [response.status, response.headers.get('access-control-allow-origin')];
      };
      for (const url of [lab.subject('mtx1').hlsUrl, lab.haproxy.url]) {
        expect(await ask(url, site)).toEqual([200, site]);
        expect(await ask(url, 'https://other.example')).toEqual([200, null]);
      }
    } finally {
      await lab.stop();
    }
  },
);

/** Runs in the page. */
async function readStatus({ url, headers }: { url: string; headers: Record<string, string> }): Promise<number> {
  try {
    return (await fetch(url, { headers })).status;
  } catch {
    return 0;
  }
}
