import { createHookReports } from '../../../src/api/hook-reports';
import { until } from '../../support/until';
import { type HttpLab, serverView, startHttpLab } from './lab';

let lab: HttpLab;
beforeEach(async () => {
  lab = await startHttpLab();
  lab.directory.servers = [serverView('mtx1'), serverView('mtx2')];
});
afterEach(() => lab.server.stop());

const report = (body: unknown, query = '') => lab.request(`/v1/hooks/mediamtx${query}`, { method: 'POST', body });

/** What MediaMTX posts with `authMethod: http` (v1.20.1, internal/auth/manager.go). */
const question = (action: string, path: string) => ({
  ip: '192.0.2.1',
  user: 'studio',
  password: 'geheim',
  token: '',
  action,
  path,
  protocol: 'rtsp',
  id: '6b0a4b1e-2a0e-4f7a-9e0b-0f6d5ad1f1a5',
  query: 'x=1',
  userAgent: '',
});

describe('a hook', () => {
  it.each([
    ['ready', {}, '', 'live/a -'],
    ['notReady', {}, '', 'live/a -'],
    ['ready', { server: 'mtx2' }, '', 'live/a mtx2'],
    ['ready', { server: null }, '', 'live/a -'],
    ['ready', {}, '?server=mtx1', 'live/a mtx1'],
    ['ready', { server: 'mtx2' }, '?server=mtx1', 'live/a mtx2'],
  ])('that says %s with %j and %j asks once: %s', async (event, more, query, asked) => {
    const reply = await report({ stream: 'live/a', event, ...more }, query);
    expect(reply).toMatchObject({ status: 202, json: { stream: 'live/a' } });
    expect(lab.confirmed).toEqual([asked]);
    expect(lab.server.stats.reports).toEqual({ passedOn: 1, ignored: 0, dropped: 0 });
  });

  it.each([
    [{}],
    [{ stream: 'live/a' }],
    [{ stream: 'live/a', event: 'maybe' }],
    [{ stream: 'a;b', event: 'ready' }],
    [{ stream: '../a', event: 'ready' }],
    [{ stream: 'a\nb', event: 'ready' }],
    [{ stream: 'x'.repeat(201), event: 'ready' }],
    [{ stream: 'live/a', event: 'ready', more: 1 }],
    [{ stream: 'live/a', event: 'ready', server: 'a b' }],
  ])('%.60j is refused, and nobody is asked', async (body) => {
    expect((await report(body)).status).toBe(400);
    expect(lab.confirmed).toEqual([]);
  });

  it('of a server that is not there is refused', async () => {
    expect(await report({ stream: 'live/a', event: 'ready', server: 'mtx9' })).toMatchObject({
      status: 404,
      json: { given: 'mtx9' },
    });
    expect((await report({ stream: 'live/a', event: 'ready' }, '?server=mtx1&server=mtx2')).status).toBe(404);
    expect(lab.confirmed).toEqual([]);
  });

  it('must be small JSON', async () => {
    const text = await lab.request('/v1/hooks/mediamtx', {
      method: 'POST',
      body: 'stream=live/a',
      headers: ['Content-Type: text/plain'],
    });
    expect(text.status).toBe(415);
    expect((await report({ stream: 'live/a', event: 'ready', server: 'x'.repeat(20_000) })).status).toBe(413);
    expect((await lab.request('/v1/hooks/mediamtx')).status).toBe(405);
  });
});

describe('a question of MediaMTX whether somebody may publish', () => {
  it('is answered at once, and the server asked a moment later', async () => {
    const reply = await report(question('publish', 'live/a'), '?server=mtx2');
    expect(reply).toMatchObject({ status: 202, json: { stream: 'live/a' } });
    await until('the server to be asked', () => lab.confirmed.length > 0);
    expect(lab.confirmed).toEqual(['live/a mtx2']);
    expect(lab.answeredBefore).toEqual([1]);
  });

  it('again and again makes one question', async () => {
    await Promise.all(Array.from({ length: 20 }, () => report(question('publish', 'live/a'))));
    await until('the servers to be asked', () => lab.confirmed.length > 0);
    expect(lab.confirmed.length).toBeLessThan(20);
  });

  it.each([
    ['read', 'live/a', ''],
    ['api', '', ''],
    ['publish', '../etc', ''],
    ['publish', 'x'.repeat(300), ''],
  ])('%s %.10s is let through, and nobody is asked', async (action, path, query) => {
    expect(await report(question(action, path), query)).toMatchObject({ status: 202, json: { stream: null } });
    expect(lab.server.stats.reports.ignored).toBe(1);
    expect(lab.confirmed).toEqual([]);
  });

  it('is let through though its URL names a server that is not there', async () => {
    expect((await report(question('publish', 'live/a'), '?server=mtx9')).status).toBe(202);
    await until('all servers to be asked', () => lab.confirmed.length > 0);
    expect(lab.confirmed).toEqual(['live/a -']);
  });

  it('keeps a thousand waiting at most, and drops what comes beyond', async () => {
    const asked: string[] = [];
    const { stats } = lab.server;
    const confirm = (stream: string) => {
      asked.push(stream);
      return Promise.resolve();
    };
    const reports = createHookReports({ directory: { confirm }, stats });
    for (let i = 0; i < 1500; i++) reports.aboutToHappen(`flood/${i}`, undefined);
    expect(stats.reports.dropped).toBe(500);
    await until('the thousand', () => asked.length === 1000);
    reports.aboutToHappen('live/a', undefined);
    await until('the next one', () => asked.at(-1) === 'live/a');
  });

  it('that waits is forgotten when the server stops', async () => {
    await report(question('publish', 'live/a'));
    await lab.server.stop();
    expect(lab.confirmed.length).toBeLessThanOrEqual(1);
  });
});
