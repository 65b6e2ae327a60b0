import { connect } from 'node:net';
import { haproxyVersion, logLines } from '../support/haproxy';
import { type Lab, startLab } from '../support/lab';
import { bridges } from '../support/matrix';
import { until } from '../support/until';

describe.each(bridges)(`HAProxy ${haproxyVersion}, bridge %s: hostile requests`, (bridge) => {
  let lab: Lab;
  const budget = 20;

  beforeAll(async () => {
    lab = await startLab({ bridge, agentConfig: { lookup: { budget }, log: { level: 'debug' } } });
    lab.fleet.server('mtx1').publish('live/a');
    await lab.located('live/a', 'mtx1');
  });
  afterAll(() => lab.stop());

  /** One request as raw bytes, so that nothing normalises it. Resolves with the status. */
  function raw(target: string): Promise<number> {
    return new Promise((done, fail) => {
      const [host = '', port = ''] = lab.haproxy.url.replace('http://', '').split(':');
      let reply = '';
      const connection = connect(Number(port), host, () =>
        connection.write(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, 'latin1'),
      );
      connection.setEncoding('latin1').on('data', (text: string) => {
        reply += text;
      });
      connection.once('error', fail).once('close', () => done(Number(/^HTTP\/1\.\d (\d+)/.exec(reply)?.[1])));
    });
  }

  const names = [
    '%0a',
    'live%0aset%20server%20mtx/mtx1%20state%20maint',
    'a;b',
    'live/a;show%20info',
    '..',
    'live/../../etc/passwd',
    'live/%2e%2e/x',
    'live%2Fa',
    '%252e%252e/x',
    `live/${'x'.repeat(4096)}`,
    'live/\u00e4\u00f6',
    'live/%C3%A4',
    '%22quoted%22',
    "live/'quoted'",
    'live/a"b',
    'live/a\\b',
    'live/a%00b',
    'live/a b',
    'live/{a}',
    'live/$(id)',
    'live/`id`',
    'live/<script>',
    'live/%5Cn',
  ];

  it.each(names)('%j reaches nobody: 404, or 400 by HAProxy itself', async (name) => {
    for (const server of lab.fleet.servers) server.resetTraffic();
    expect([400, 404]).toContain(await raw(`/${name}/index.m3u8`));
    expect([400, 404]).toContain(await raw(`/${name}/video1_stream.m3u8`));
    for (const server of lab.fleet.servers) {
      expect(server.requests()).toEqual([]);
      expect(server.counters()['paths/get']).toBe(0);
    }
  });

  it.each(['%0a', 'a b', '', 'x'.repeat(65), '%00'])('a session named %j is refused', async (session) => {
    expect(await raw(`/live/a/index.m3u8?mtxs=${session}`)).toBe(400);
  });

  it('asks the agent directly: a problem that names what is allowed, nothing in a call or a raw log line', async () => {
    for (const server of lab.fleet.servers) server.resetTraffic();
    for (const name of names) {
      const escaped = encodeURIComponent(name);
      for (const path of [`/v1/route?stream=${escaped}`, `/v1/streams/${escaped}`, `/v1/streams/${escaped}/why`]) {
        const response = await fetch(lab.agent.url + path);
        expect([400, 404, 414]).toContain(response.status);
        expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
        expect(await response.json()).toMatchObject({ status: response.status, title: expect.any(String) as string });
      }
    }
    for (const server of lab.fleet.servers) expect(server.counters()['paths/get']).toBe(0);
    // Every line that the agent wrote is one JSON value: nobody broke out of it.
    for (const line of lab.agent.child.lines) expect(() => JSON.parse(line) as unknown).not.toThrow();
  });

  it('10,000 made-up names: API calls within the budget, bounded memory, located streams answered as before, a line for each decision', async () => {
    const asked = () => lab.fleet.servers.reduce((sum, server) => sum + server.counters()['paths/get'], 0);
    const decisions = () => lab.agent.metric('mtxpilot_decisions_total');
    const decisionLines = () => lab.agent.child.lines.filter((line) => line.includes('"msg":"decision"')).length;
    const before = asked();
    const requestsBefore = lab.haproxy.requests().length;
    const [decisionsBefore, linesBefore] = [await decisions(), decisionLines()];
    const started = Date.now();
    const connections = lab.connections(undefined, 32);
    const loads: number[] = [];
    let masters = 0;
    await Promise.all(
      Array.from({ length: 40 }, async (_, worker) => {
        for (let i = 0; i < 250; i++) {
          const response = await connections.request({
            origin: lab.haproxy.url,
            path: `/made-up/${worker}-${i}/index.m3u8`,
            method: 'GET',
          });
          await response.body.dump();
          if (i % 25 !== 0) continue;
          const player = lab.player('live/a');
          loads.push(await player.load());
          masters += player.answers.length;
        }
      }),
    );
    const seconds = (Date.now() - started) / 1000;
    expect(loads.filter((status) => status !== 200)).toEqual([]);
    expect(loads.length).toBe(400);
    // HAProxy would find the stream without a decision too: it has to say that there was one, and in time.
    const lines = await logLines(() => lab.haproxy.requests().slice(requestsBefore), 10_000 + masters);
    const located = lines.filter(({ path }) => path === '/live/a/index.m3u8');
    expect(located.length).toBeGreaterThanOrEqual(masters - Math.max(0, 10_000 + masters - lines.length));
    expect(
      located.filter(({ state, error, server }) => state !== 'located' || error !== '-' || server !== 'mtx1'),
    ).toEqual([]);
    const decided = (await decisions()) - decisionsBefore;
    expect(decided).toBeGreaterThanOrEqual(lines.filter(({ state }) => state !== '-').length);
    await until('a line for each decision', () => decisionLines() - linesBefore >= decided);
    expect(decisionLines() - linesBefore).toBe(decided);
    expect(asked() - before).toBeLessThanOrEqual(budget * (seconds + 2) * lab.fleet.servers.length);
    expect(await lab.agent.metric('mtxpilot_lookups_total', { result: 'over_budget' })).toBeGreaterThan(0);
    // Nothing of the names is kept but what the budget let in, for half a second.
    expect(await lab.agent.metric('mtxpilot_lookup_cache_entries')).toBeLessThanOrEqual(budget * 3);
    expect(await lab.agent.metric('process_resident_memory_bytes')).toBeLessThan(250 * 1024 * 1024);
  });
});
