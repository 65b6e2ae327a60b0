import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { type ConfigFolder, shippedConfig } from '../fixtures/check/apply';
import { haproxyVersion, logLines, type RequestLine } from '../support/haproxy';
import { type Lab, startLab } from '../support/lab';
import { bridges } from '../support/matrix';
import { ownNames } from '../support/own-names';
import { until } from '../support/until';

describe.each(bridges)(`HAProxy ${haproxyVersion}, bridge %s: hostile requests`, (bridge) => {
  let lab: Lab;
  const budget = 20;

  beforeAll(async () => {
    lab = await startLab({
      bridge,
      agentConfig: { lookup: { budget }, log: { level: 'debug' } },
    });
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
    'live%252Fa',
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

  it('names that every JavaScript object has: streams and sessions like any other, published or not', async () => {
    const failures = async (): Promise<number> =>
      (await lab.agent.metric('mtxpilot_spoe_errors_total', { kind: 'decide_failure' })) +
      (await lab.agent.metric('mtxpilot_http_requests_total', { code: '500' }));
    const before = await failures();
    for (const name of ownNames) {
      // A server's own answer, and none of HAProxy's: the agent has placed it.
      for (const server of lab.fleet.servers) server.resetTraffic();
      expect([302, 404]).toContain(await raw(`/${name}/index.m3u8`));
      await until('a server to be asked', () => lab.fleet.servers.some((server) => server.requests().length > 0));
      // No session holds an underscore.
      expect([200, 302]).toContain(await raw(`/live/a/index.m3u8?mtxs=${name.replaceAll('_', '')}`));
    }
    const published = ownNames.map((name) => `${name}.`).concat(ownNames.slice(0, 12));
    for (const name of published) lab.fleet.server('mtx2').publish(name);
    // So many in a moment may be more than the budget of lookups has.
    for (const name of published) await lab.listed(name, 'mtx2');
    for (const name of published) {
      const player = lab.player(name);
      expect(await player.load()).toBe(200);
      expect(await player.round()).toBe(200);
      const asked = await fetch(`${lab.agent.url}/v1/route?stream=${name}&session=${name}`);
      expect(await asked.json()).toMatchObject({ state: 'located', server: 'mtx2' });
      expect((await fetch(`${lab.agent.url}/v1/streams/${name}/why`)).status).toBe(200);
    }
    for (const path of ['/v1/streams?limit=1000', '/v1/viewers', '/v1/events?limit=1000', '/metrics', '/ui/streams']) {
      const response = await fetch(lab.agent.url + path);
      expect([path, response.status]).toEqual([path, 200]);
      await response.text();
    }
    for (const name of published) lab.fleet.server('mtx2').unpublish(name);
    expect(await failures()).toBe(before);
    expect(lab.agent.child.lines.filter((line) => line.includes('"level":50'))).toEqual([]);
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

describe.each(bridges)(
  `HAProxy ${haproxyVersion}, bridge %s: servers with names that every JavaScript object has`,
  (bridge) => {
    // In the order of the stand-ins mtx1, mtx2, mtx3.
    const servers = ['constructor', 'toString', '__proto__'] as const;
    const streams = servers.map((server) => `live/${server}`);
    const token = 'secret-of-this-test';
    let config: ConfigFolder;
    let lab: Lab;

    beforeAll(async () => {
      config = shippedConfig();
      const renamed = readFileSync(config.file, 'utf8').replace(
        /^( *server )mtx(\d) /gm,
        (_, start: string, number: string) => `${start}${servers[Number(number) - 1] ?? ''} `,
      );
      writeFileSync(config.file, renamed);
      lab = await startLab({ bridge, haproxyConfig: config.file, push: true, agentConfig: { http: { token } } });
      for (const [i, stream] of streams.entries()) lab.fleet.server(`mtx${i + 1}`).publish(stream);
      for (const [i, stream] of streams.entries()) await lab.listed(stream, servers[i] ?? '');
    });
    afterAll(async () => {
      await lab.stop();
      config.remove();
    });

    interface ShownServer {
      readonly name: string;
      readonly administrative: string;
      readonly streams: number;
      readonly control: { readonly wanted: string; readonly viewersLeft: number | null };
    }
    const shown = async (): Promise<readonly ShownServer[]> =>
      ((await lab.agent.get('/v1/servers')).body as { servers: ShownServer[] }).servers;
    const one = async (name: string) => (await shown()).find((server) => server.name === name);
    const order = async (kind: string, server: string): Promise<number> => {
      const answer = await fetch(`${lab.agent.url}/v1/servers/${server}/${kind}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: JSON.stringify({ reason: 'update', operator: 'ada' }),
      });
      return answer.status;
    };

    it('are found, by a question and by the map, and their viewers counted', async () => {
      expect((await shown()).map(({ name, streams: held }) => [name, held])).toEqual(servers.map((name) => [name, 1]));
      await until('the map', async () => {
        const map = await lab.haproxy.runtime('show map routes.map');
        return streams.every((stream, i) => map.includes(` ${stream} ${servers[i] ?? ''}\n`));
      });
      for (const [i, stream] of streams.entries()) {
        expect((await lab.agent.get(`/v1/route?stream=${stream}`)).body).toMatchObject({ server: servers[i] });
        const player = lab.player(stream);
        expect([await player.load(), await player.round()]).toEqual([200, 200]);
        expect(new Set(player.answers.map(({ server }) => server))).toEqual(new Set([`mtx${i + 1}`]));
        await until('its viewer', async () => (await one(servers[i] ?? ''))?.control.viewersLeft === 1);
      }
      const isMaster = ({ path }: RequestLine) => path.endsWith('/index.m3u8');
      const lines = await logLines(() => lab.haproxy.requests().filter(isMaster), servers.length);
      expect(new Set(lines.map(({ state }) => state))).toEqual(new Set(['routed']));
    });

    it('are drained, put in maintenance and made ready in HAProxy, each alone', async () => {
      const states = async () => (await shown()).map(({ administrative }) => administrative);
      for (const [i, server] of servers.entries()) {
        for (const kind of ['drain', 'maint', 'ready']) {
          expect(await order(kind, server)).toBe(200);
          await until(`${server} ${kind}`, async () => (await one(server))?.administrative === kind);
          expect(await states()).toEqual(servers.map((_, at) => (at === i ? kind : 'ready')));
        }
        // Who watched there was forgotten, and nobody else.
        const table = await lab.haproxy.runtime('show table sessions');
        const kept = [...table.matchAll(/ server_key=(\S+)/g)].map(([, name]) => name).sort();
        expect(kept).toEqual(servers.slice(i + 1).sort());
      }
    });

    it('are told in the list, in the metrics and in the events, and nothing went wrong', async () => {
      const { stdout } = await promisify(execFile)(process.execPath, ['dist/cli/main.js', 'servers'], {
        env: { ...process.env, MTXPILOT_HTTP_ADMIN_SOCKET: lab.agent.adminSocket },
      });
      const { body } = await lab.agent.get('/v1/events?limit=1000');
      const { events } = body as { events: { type: string; data: { server?: string } }[] };
      for (const server of servers) {
        expect(stdout).toMatch(new RegExp(`^${server} `, 'm'));
        expect(await lab.agent.metric('mtxpilot_server_up', { server })).toBe(1);
        expect(events.filter(({ type, data }) => type === 'server.intent' && data.server === server)).toHaveLength(3);
      }
      expect(lab.agent.child.lines.filter((line) => line.includes('"level":50'))).toEqual([]);
    });
  },
);
