import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { launchBrowser, type PlayerPage, playFor10Seconds, servePlayerPage } from '../support/browser';
import { haproxyVersion } from '../support/haproxy';
import { type Lab, startLab } from '../support/lab';
import { profiles } from '../support/matrix';
import { until } from '../support/until';

const variants = ['fmp4', 'mpegts', 'lowLatency'] as const;
const cases = [
  ...profiles.flatMap((profile) =>
    variants.map((variant) => ({ profile, variant, bridge: 'spoe', push: false }) as const),
  ),
  { profile: 'session', variant: 'fmp4', bridge: 'lua', push: false },
  { profile: 'pre-session', variant: 'fmp4', bridge: 'spoe', push: true },
] as const;

const title = `HAProxy ${haproxyVersion}, $profile servers, $variant, bridge $bridge, routes.map kept: $push: real players`;
describe.each(cases)(title, ({ profile, variant, bridge, push }) => {
  let lab: Lab;
  let page: PlayerPage;

  beforeAll(async () => {
    lab = await startLab({ bridge, push, sim: { profile, variant } });
    lab.fleet.server('mtx2').publish('live/show');
    await lab.located('live/show', 'mtx2');
    if (push)
      await until('the stream in routes.map', async () =>
        (await lab.haproxy.runtime('show map routes.map')).includes('live/show mtx2'),
      );
    page = await servePlayerPage(lab.block.address(1));
  });
  afterEach(async () => {
    const masters = await until('log lines of masters', () => {
      const lines = lab.haproxy.requests().filter(({ path }) => path.endsWith('/index.m3u8'));
      return lines.length > 0 && lines;
    });
    expect(new Set(masters.map(({ state }) => state))).toEqual(new Set([push ? 'routed' : 'located']));
  });
  afterAll(async () => {
    await page.close();
    await lab.stop();
  });

  it('Chromium with hls.js plays 10 s without an error', async () => {
    const browser = await launchBrowser();
    try {
      const play = async () => {
        const tab = await browser.newPage();
        await tab.goto(page.url);
        const result = await tab.evaluate(playFor10Seconds, `${lab.haproxy.url}/live/show/index.m3u8`);
        await tab.close();
        return result;
      };
      let played = await play();
      // A machine that is busy with other things lets a player wait for its own decoder, or for 10 s for an answer: that alone is worth another try.
      const waits = [
        'bufferStalledError',
        'bufferSeekOverHole',
        'bufferNudgeOnStall',
        'levelLoadTimeOut (fatal)',
        'aborted',
      ];
      for (let again = 0; again < 5 && played.errors.length > 0; again++) {
        expect(played.errors.filter((error) => !waits.includes(error))).toEqual([]);
        played = await play();
      }
      expect(played.errors).toEqual([]);
      expect(played.seconds).toBeGreaterThanOrEqual(10);
      expect(played.frames).toBeGreaterThan(100);
    } finally {
      await browser.close();
    }
    expect(lab.fleet.holders('live/show').map(({ name }) => name)).toEqual(['mtx2']);
    for (const name of ['mtx1', 'mtx3']) expect(lab.fleet.server(name).requests()).toEqual([]);
  });

  it('ffmpeg reads 5 s', async () => {
    const source = `${lab.haproxy.url}/live/show/index.m3u8`;
    const { stdout, stderr } = await promisify(execFile)('ffmpeg', [
      ...['-v', 'warning', '-nostdin', '-i', source, '-t', '5', '-map', '0:v', '-map', '0:a', '-c', 'copy'],
      ...['-f', 'framecrc', '-'],
    ]);
    const frames = (stream: number) => stdout.split('\n').filter((line) => line.startsWith(`${stream},`)).length;
    expect(frames(0)).toBeGreaterThan(100);
    expect(frames(1)).toBeGreaterThan(200);
    expect(stderr).not.toMatch(/error|invalid|corrupt|failed|discontinu/i);
  });
});
