import { createViewers, type Viewers } from '../../../src/viewers';
import { type HttpLab, serverView, startHttpLab } from '../api/lab';
import { type RunOptions, run } from './run';

let lab: HttpLab;
let viewers: Viewers;

beforeEach(async () => {
  viewers = createViewers({ goneAfterMs: 10_000, showAddresses: false, nowMs: 0 });
  lab = await startHttpLab({ viewers });
});
afterEach(() => lab.server.stop());

const ask = (args: readonly string[], options: RunOptions = {}) =>
  run(['viewers', ...args], { env: { MTXPILOT_URL: lab.server.url }, ...options });

function see(key: string, serverName: string | undefined, nowMs: number, bytesOut?: number): void {
  viewers.see({ key, serverName, node: 'lb1', idleMs: 0, live: true, bytesOut }, nowMs);
}

it('shows counts and peaks of servers and streams, and the viewers', async () => {
  viewers.nodeUp('lb1', 0);
  see('live/a|s1', 'mtx1', 1000, 0);
  see('live/a|s2', 'mtx2', 2000);
  see('live/a|s1', 'mtx1', 76_000, 5000);
  lab.directory.servers = [serverView('mtx1'), serverView('mtx2')];
  expect(await ask([])).toEqual({
    code: 0,
    err: '',
    out: `SERVER  VIEWERS  PEAK  PEAK AT
mtx1          1     1  1970-01-01T00:00:01.000Z
mtx2          1     1  1970-01-01T00:00:02.000Z
all           2     2  1970-01-01T00:00:02.000Z

readers by other protocols: 2 RTSP, 2 WebRTC

STREAM  VIEWERS  PEAK  PEAK AT
live/a        2     2  1970-01-01T00:00:02.000Z

STREAM  SESSION  SERVER  NODE  WATCHED  LAST SEEN                 BYTES  NOTE
live/a  s1       mtx1    lb1   75 s     1970-01-01T00:01:16.000Z   5000  -
live/a  s2       mtx2    lb1   0 ms     1970-01-01T00:00:02.000Z      -  -
`,
  });
});

it('says so when a HAProxy is not heard, and when none ever was', async () => {
  expect((await ask([])).out).toBe('no viewers are known: no HAProxy has reported any\n');
  see('live/a|s1', 'mtx1', 1000);
  const { out } = await ask([]);
  expect(out).toContain('\nout of reach now: lb1\n');
  expect(out).toMatch(/^live\/a {2}s1 .* its HAProxy is out of reach$/m);
});

it('picks by stream and server, and lists no more than asked for', async () => {
  for (let i = 0; i < 5; i++) see(`live/a|a${i}`, 'mtx1', 1000);
  see('live/b|b0', 'mtx2', 1000);
  const sessions = async (...args: string[]) =>
    [...(await ask(args)).out.matchAll(/^live\/\w +(\w\d) /gm)].map(([, session]) => session);
  expect(await sessions('--stream', 'live/b')).toEqual(['b0']);
  expect(await sessions('--server', 'mtx1')).toEqual(['a0', 'a1', 'a2', 'a3', 'a4']);
  expect(await sessions('--stream', 'live/b', '--server', 'mtx1')).toEqual([]);
  const { out } = await ask(['--limit', '2']);
  expect(out).toContain('2 viewers are listed, --limit shows more\n');
  expect(await ask(['--limit', '0'])).toMatchObject({ code: 2, err: expect.stringContaining('from 1 to 9999999') });
});

it('goes through as many pages as it needs, and prints JSON', async () => {
  for (let i = 0; i < 2500; i++) see(`live/a|s${i}`, 'mtx1', 1000);
  const { code, out } = await ask(['--json', '--limit', '2400']);
  expect(code).toBe(0);
  const answer = JSON.parse(out) as { total: object; viewers: { session: string }[] };
  expect(answer.total).toMatchObject({ viewers: 2500, peak: 2500 });
  expect(new Set(answer.viewers.map(({ session }) => session)).size).toBe(2400);
});

it('draws itself again with --watch', async () => {
  viewers.nodeUp('lb1', 0);
  see('live/a|s1', 'mtx1', 1000);
  const stop = new AbortController();
  const { code } = await ask(['--watch'], {
    terminal: { columns: 100, rows: 30 },
    stop: stop.signal,
    onOutput: (text) => {
      if (text.includes('live/a')) see('live/z|s2', 'mtx1', 2000);
      if (text.includes('live/z')) stop.abort();
    },
  });
  expect(code).toBe(0);
});

it('ends with 1 where nobody counts viewers, and with 3 without an agent', async () => {
  const bare = await startHttpLab();
  const { url } = bare.server;
  const askThere = () => run(['viewers'], { env: { MTXPILOT_URL: url } });
  expect(await askThere()).toMatchObject({ code: 1, err: expect.stringContaining('It watches no viewers') });
  await bare.server.stop();
  expect(await askThere()).toMatchObject({ code: 3 });
});
