import type { Page } from 'playwright-core';
import { launchBrowser, type PlayerPage, servePlayerPage } from '../support/browser';
import { haproxyVersion } from '../support/haproxy';
import { type SubjectLab, startSubjectLab, subjectKinds } from '../support/subject-lab';
import { until } from '../support/until';

const forNobody = 'private, no-cache';
const uris = (playlist: string) => playlist.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

/** A request as it is sent, redirects not followed. */
async function get(url: string, init: RequestInit = {}) {
  const response = await fetch(url, { redirect: 'manual', ...init });
  return {
    status: response.status,
    cacheControl: response.headers.get('cache-control'),
    location: response.headers.get('location'),
    text: await response.text(),
  };
}

describe.each(subjectKinds)(`HAProxy ${haproxyVersion}, $name: what caches may keep`, (kind) => {
  let lab: SubjectLab;
  let stream: string;

  beforeAll(async () => {
    lab = await startSubjectLab({ kind, bridge: 'spoe', servers: 2, subject: { cdnSecret: 'cdn-secret' } });
    stream = 'live/kept';
    await lab.subject('mtx1').publish(stream);
    await lab.located(stream, 'mtx1');
  });
  afterAll(() => lab.stop());

  it('no playlist and no redirect; segments as the server says', async () => {
    const master = `${lab.haproxy.url}/${stream}/index.m3u8`;
    let answer = await get(master);
    let url = master;
    for (; answer.status === 302; answer = await get(url)) {
      expect(answer.cacheControl).toBe(forNobody);
      url = new URL(answer.location ?? '', url).href;
    }
    expect([answer.status, answer.cacheControl]).toEqual([200, forNobody]);
    const playlist = new URL(uris(answer.text)[0] ?? '', url).href;
    const media = await get(playlist);
    expect([media.status, media.cacheControl]).toEqual([200, forNobody]);
    const segment = await get(new URL(uris(media.text).at(-1) ?? '', playlist).href);
    expect([segment.status, segment.cacheControl]).toEqual([
      200,
      lab.subject('mtx1').hasSessions ? forNobody : 'max-age=3600',
    ]);
  });

  it('no playlist for a CDN either, which shares segments', async () => {
    const cdn = { headers: { authorization: 'Bearer cdn-secret' } };
    const url = `${lab.haproxy.url}/${stream}/index.m3u8`;
    const master = await get(url, cdn);
    expect([master.status, master.cacheControl]).toEqual([200, forNobody]);
    const playlist = new URL(uris(master.text)[0] ?? '', url).href;
    const media = await get(playlist, cdn);
    expect([media.status, media.cacheControl]).toEqual([200, forNobody]);
    const segment = await get(new URL(uris(media.text).at(-1) ?? '', playlist).href, cdn);
    expect([segment.status, segment.cacheControl]).toEqual([
      200,
      lab.subject('mtx1').hasSessions ? 'public, max-age=3600' : 'max-age=3600',
    ]);
  });

  it.each([
    ['a stream that nobody has', '/live/nobody/index.m3u8?cookieCheck=1', 404],
    ['a segment that is gone', '/live/kept/abcdefabcdef_video1_seg999.mp4', undefined],
    ['a name that is none', '/a;b/index.m3u8', 404],
    ['a path that is none', '/live/%zz/index.m3u8', 400],
    ['a session that is none', '/live/kept/index.m3u8?mtxs=a%20b', 400],
    ['the way to the page', '/live/kept', 302],
    ['the way to another page', '/live/v1.2', undefined],
  ])('no error and no redirect: %s', async (_, path, status) => {
    const answer = await get(lab.haproxy.url + path);
    if (status === undefined) expect(answer.status).toBeGreaterThan(300);
    else expect(answer.status).toBe(status);
    expect(answer.cacheControl).toBe(forNobody);
  });

  it('the page of the player as the server says', async () => {
    const answer = await get(`${lab.haproxy.url}/${stream}/`);
    expect([answer.status, answer.cacheControl]).toEqual([200, 'max-age=3600']);
  });
});

describe.each(subjectKinds)(
  `HAProxy ${haproxyVersion}, $name: a publisher moves, and hls.js plays in Chromium`,
  (kind) => {
    let lab: SubjectLab;
    let page: PlayerPage;

    beforeAll(async () => {
      lab = await startSubjectLab({ kind, bridge: 'spoe', servers: 2 });
      page = await servePlayerPage(lab.pageAddress);
    });
    afterAll(async () => {
      await page.close();
      await lab.stop();
    });

    it('the player starts again once, and plays on', async () => {
      const stream = 'live/moves';
      const [from, to] = [lab.subject('mtx1'), lab.subject('mtx2')];
      await from.publish(stream);
      await lab.located(stream, 'mtx1');
      const browser = await launchBrowser();
      try {
        const tab = await browser.newPage();
        await tab.goto(page.url);
        await tab.evaluate(keepPlaying, `${lab.haproxy.url}/${stream}/index.m3u8`);
        await until('the player to play', async () => (await playedOf(tab)).seconds > 2);
        expect(await playedOf(tab)).toMatchObject({ starts: 1 });
        // As an encoder does that connects elsewhere: it leaves no time in which nobody has the stream.
        await to.publish(stream);
        await from.unpublish(stream);
        await lab.located(stream, 'mtx2');
        await until('the player to start again', async () => (await playedOf(tab)).starts > 1);
        await until('the player to play again', async () => {
          const { seconds, starts } = await playedOf(tab);
          return starts > 4 || seconds > 5;
        });
        expect(await playedOf(tab)).toMatchObject({ starts: 2 });
      } finally {
        await browser.close();
      }
    });
  },
);

interface Playing {
  readonly starts: number;
  /** Since the last start. */
  readonly seconds: number;
}

interface Scope {
  playing?: { starts: number; firstTime: number | undefined };
  document: { querySelector(selector: string): { currentTime: number; play(): Promise<void> } };
  Hls: new () => {
    on(event: string, listener: (event: string, data: { fatal: boolean }) => void): void;
    loadSource(url: string): void;
    attachMedia(video: unknown): void;
    destroy(): void;
  };
}

/** Runs in the page: a player that is made anew after each fatal error, as hls.js' documentation has it. */
function keepPlaying(url: string): void {
  const scope = globalThis as unknown as Scope;
  const video = scope.document.querySelector('video');
  const playing = { starts: 0, firstTime: undefined as number | undefined };
  scope.playing = playing;
  const start = (): void => {
    playing.starts++;
    playing.firstTime = undefined;
    const hls = new scope.Hls();
    hls.on('hlsError', (_event, { fatal }) => {
      if (!fatal) return;
      hls.destroy();
      setTimeout(start, 500);
    });
    hls.loadSource(url);
    hls.attachMedia(video);
    void video.play();
  };
  start();
}

function playedOf(tab: Page): Promise<Playing> {
  return tab.evaluate(() => {
    const { playing, document } = globalThis as unknown as Scope;
    const { currentTime } = document.querySelector('video');
    if (playing === undefined) return { starts: 0, seconds: 0 };
    if (currentTime > 0) playing.firstTime ??= currentTime;
    return { starts: playing.starts, seconds: currentTime - (playing.firstTime ?? currentTime) };
  });
}
