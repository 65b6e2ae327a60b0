import { connect } from 'node:net';
import { haproxyVersion } from '../support/haproxy';
import { type Lab, startLab } from '../support/lab';
import { combinations } from '../support/matrix';
import { type SubjectLab, startSubjectLab, subjectKinds } from '../support/subject-lab';
import { until } from '../support/until';

interface Reply {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: string;
}

/** One request as raw bytes, so that nothing normalises it. */
function raw(url: string, target: string): Promise<Reply> {
  return new Promise((done, fail) => {
    const { hostname, port } = new URL(url);
    let reply = '';
    const connection = connect(Number(port), hostname, () =>
      connection.write(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, 'latin1'),
    );
    connection.setEncoding('latin1').on('data', (text: string) => {
      reply += text;
    });
    connection.once('error', fail).once('close', () => {
      const [head = '', ...rest] = reply.split('\r\n\r\n');
      const location = /^location: (.*)$/im.exec(head)?.[1];
      done({ status: Number(/^HTTP\/1\.\d (\d+)/.exec(head)?.[1]), location, body: rest.join('\r\n\r\n') });
    });
  });
}

/** The master playlist, redirect included. */
async function master(url: string, target: string): Promise<Reply> {
  const first = await raw(url, target);
  return first.status === 302 && first.location !== undefined ? raw(url, first.location) : first;
}

/** Other ways to write /live/b/index.m3u8, which MediaMTX takes. */
const spellings = [
  '/live/b/index.m3u8',
  '/live%2Fb/index.m3u8',
  '/live%2fb%2findex.m3u8',
  '/liv%65/b/index.m3u8',
  '/%6C%69%76%65/%62/index.m3u8',
  '/live/b/index%2Em3u8',
  '/live/b/%69ndex.m3u%38',
  '/live/b/index.m3u8?a=%2F..%2f',
  '/live//b/index.m3u8',
  '/live/b//index.m3u8',
  '/live%2F/b/%2Findex.m3u8',
];

/** What is no name however it is written, or is written so that it is not worth reading. */
const refused = [
  '/live%252Fb/index.m3u8',
  '/liv%2565/b/index.m3u8',
  '/%2e%2e/live/b/index.m3u8',
  '/live/%2e%2e/live/b/index.m3u8',
  '/live/x%2F..%2Fb/index.m3u8',
  '/live/%2E/b/index.m3u8',
  '/%2Flive/b/index.m3u8',
  '//live/b/index.m3u8',
  '/live/b%00/index.m3u8',
  '/live/b%0a/index.m3u8',
  '/live/b%0d%0aX-A:%20b/index.m3u8',
  '/live/b/index.m3u8%0a',
  '/live/b/index.m3u8%00',
  '/live/b/index.m3u8%3Fx',
  '/live+b/index.m3u8',
  '/live%2Bb/index.m3u8',
  '/live%20b/index.m3u8',
  '/live%5Cb/index.m3u8',
  '/live/%C3%A4/index.m3u8',
  '/live/%zz/index.m3u8',
  '/live/b%/index.m3u8',
  '/live/b%2/index.m3u8',
  '/live/%u0062/index.m3u8',
];

describe.each(subjectKinds)(`HAProxy ${haproxyVersion}, $name: names with escapes`, (kind) => {
  let lab: SubjectLab;

  beforeAll(async () => {
    lab = await startSubjectLab({ kind, bridge: 'spoe', servers: 2 });
    await lab.subject('mtx2').publish('live/b');
    await lab.located('live/b', 'mtx2');
  });
  afterAll(() => lab.stop());

  it.each(spellings)('%s plays, as it does at the server', async (target) => {
    const direct = await master(lab.subject('mtx2').hlsUrl, target);
    const reply = await master(lab.haproxy.url, target);
    expect([reply.status, direct.status]).toEqual([200, 200]);
    expect(reply.body).toMatch(/^#EXTM3U/m);
    const line = await until('the log line', () =>
      lab.haproxy.requests().findLast(({ line }) => line.includes(`GET ${target.split('?')[0]} `)),
    );
    expect(line).toMatchObject({ stream: 'live/b', state: 'located', server: 'mtx2', retries: '0' });
  });

  it.each(refused.filter((target) => /%(?![0-9A-Fa-f]{2})/.test(target)))(
    '%s is 400, as at the server',
    async (target) => {
      expect((await raw(lab.subject('mtx2').hlsUrl, target)).status).toBe(400);
      expect((await raw(lab.haproxy.url, target)).status).toBe(400);
    },
  );
});

describe.each(combinations)(
  `HAProxy ${haproxyVersion}, $profile servers, bridge $bridge: names with escapes`,
  ({ profile, bridge }) => {
    let lab: Lab;

    beforeAll(async () => {
      lab = await startLab({ bridge, sim: { profile } });
      lab.fleet.server('mtx2').publish('live/b');
      await lab.listed('live/b', 'mtx2');
    });
    afterAll(() => lab.stop());
    beforeEach(() => {
      for (const server of lab.fleet.servers) server.resetTraffic();
    });

    const askedServers = () =>
      lab.fleet.servers.filter((server) => server.requests().length > 0).map(({ name }) => name);

    it.each(spellings)(
      "%s goes on as it came, to the stream's server, for a session of that stream",
      async (target) => {
        const decided = await lab.agent.metric('mtxpilot_decisions_total', { state: 'located' });
        expect((await master(lab.haproxy.url, target)).status).toBe(200);
        expect(askedServers()).toEqual(['mtx2']);
        const [first] = lab.fleet.server('mtx2').requests();
        expect(first?.path).toBe(target.split('?')[0]);
        expect(first?.query).toMatch(/mtxs=[0-9a-f-]{36}$/);
        expect((await lab.agent.metric('mtxpilot_decisions_total', { state: 'located' })) - decided).toBeGreaterThan(0);
        const session = first?.query.slice(-36) ?? '';
        const table = await lab.haproxy.runtime(`show table sessions key live/b|${session}`);
        expect(table).toContain(`key=live/b|${session} `);
      },
    );

    it('children follow their session, escapes or none', async () => {
      const [first, second] = ['/live%2Fb/index.m3u8', '/live/b/index.m3u8'];
      const { body } = await master(lab.haproxy.url, first);
      const child = body.split('\n').find((text) => /^video1_stream/.test(text)) ?? '';
      await lab.agent.stop();
      await lab.agentsUp(0);
      for (const folder of ['/live%2Fb/', '/live/b/', '/liv%65/b/']) {
        for (const server of lab.fleet.servers) server.resetTraffic();
        expect((await raw(lab.haproxy.url, folder + child)).status).toBe(200);
        expect(askedServers()).toEqual(['mtx2']);
      }
      // The table of streams knows it too.
      expect((await master(lab.haproxy.url, second)).status).toBe(200);
      await lab.restartAgent();
      await lab.agentsUp(1);
    });

    it.each(refused)('%s reaches nobody', async (target) => {
      const decided = await lab.agent.metric('mtxpilot_decisions_total');
      expect([400, 404]).toContain((await raw(lab.haproxy.url, target)).status);
      expect(askedServers()).toEqual([]);
      expect(await lab.agent.metric('mtxpilot_decisions_total')).toBe(decided);
    });

    it.each([
      ['/live%2Fb', '/live%2Fb/'],
      ['/liv%65/%62', '/liv%65/%62/'],
      ['/live//b', '/live//b/'],
      ['/live%2Fb?a=b&c=%0d%0a', '/live%2Fb/?a=b&c=%0d%0a'],
    ])('%s leads to the page', async (target, location) => {
      expect(await raw(lab.haproxy.url, target)).toMatchObject({ status: 302, location });
      const page = await raw(lab.haproxy.url, location);
      expect([page.status, askedServers()]).toEqual([200, ['mtx2']]);
    });

    it.each([
      '/%2Fevil.example',
      '/%2F%2Fevil',
      '/%2Fevil/x',
      '//evil/x',
      '//evil%2Fx',
      '/%5Cevil',
      '/%5C/evil/x',
      '/live/b%0d%0aX-A:%20b',
      '/live/b%0a',
      '/live/b%0A/c',
      '/live/%2e%2e',
      '/live/%2e%2e/c',
      '/%2e%2e/c',
      '/live/b%3Fa',
      '/live/b%23a',
      '/live/b%252F',
      '/live/%zz',
      '/%68ttp:%2F%2Fevil/x',
    ])('%s leads nowhere', async (target) => {
      const { status, location } = await raw(lab.haproxy.url, target);
      expect(location).toBeUndefined();
      expect([400, 404]).toContain(status);
      expect(askedServers()).toEqual([]);
    });
  },
);
