import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { haproxyVersion, logLines } from '../support/haproxy';
import { type Lab, startLab } from '../support/lab';
import { combinations } from '../support/matrix';
import type { Answer, Player } from '../support/player';
import { until } from '../support/until';

const streams = Array.from({ length: 30 }, (_, i) => `live/studio-${i % 3}/${i}`);
const holderOf = (stream: string) => `mtx${(streams.indexOf(stream) % 3) + 1}`;

describe.each(combinations)(`HAProxy ${haproxyVersion}, $profile servers, bridge $bridge`, ({ profile, bridge }) => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await startLab({ bridge, sim: { profile } });
    for (const stream of streams) lab.fleet.server(holderOf(stream)).publish(stream);
    for (const stream of streams) await lab.listed(stream, holderOf(stream));
  });
  afterAll(() => lab.stop());

  /** Plays every player for some rounds, sixteen at a time: test and programs share the machine, and a bridge has 100 ms; returns all answers. */
  async function play(players: readonly Player[], rounds: number): Promise<Answer[]> {
    const waiting = [...players];
    const playOne = async (): Promise<void> => {
      for (let player = waiting.pop(); player !== undefined; player = waiting.pop()) {
        await player.load();
        for (let round = 0; round < rounds; round++) await player.round();
      }
    };
    await Promise.all(Array.from({ length: 16 }, playOne));
    return players.flatMap(({ answers }) => answers);
  }

  /** Every answer is good and from the holder; only masters were decided; the decisions cost no lookup. */
  async function expectRouted(play: () => Promise<Player[]>): Promise<void> {
    const decided = () => lab.agent.metric('mtxpilot_decisions_total', { bridge: bridge === 'spoe' ? 'spoe' : 'http' });
    const asked = () => lab.fleet.servers.reduce((sum, server) => sum + server.counters()['paths/get'], 0);
    const [decidedBefore, askedBefore] = [await decided(), asked()];
    const players = await play();
    const answers = players.flatMap((player) =>
      player.answers.map((answer) => ({ ...answer, holder: holderOf(player.stream) })),
    );

    expect(answers.filter(({ server, holder }) => server !== holder)).toEqual([]);
    expect(answers.filter(({ status }) => status !== 200 && status !== 302)).toEqual([]);
    for (const kind of ['master', 'media', 'init', 'segment'] as const) {
      expect(answers.filter((answer) => answer.kind === kind).length).toBeGreaterThanOrEqual(players.length);
    }
    const masters = answers.filter(({ kind }) => kind === 'master').length;
    expect(masters).toBe(players.length * (profile === 'session' ? 2 : 1));
    expect((await decided()) - decidedBefore).toBe(masters);
    expect(asked() - askedBefore).toBe(0);
  }

  it('300 sessions over three servers: every answer from the right one, decisions for masters only', async () => {
    await expectRouted(async () => {
      const players = Array.from({ length: 300 }, (_, i) => {
        // As many machines as players: each with its own address and connections.
        const connections = lab.connections(lab.block.address(100 + (i % 100)), 2);
        return lab.player(streams[i % streams.length] ?? '', { connections });
      });
      await play(players, 3);
      return players;
    });
  });

  it('the same behind one address, with connections shuffled between players', async () => {
    await expectRouted(async () => {
      const players = Array.from({ length: 300 }, (_, i) => lab.player(streams[i % streams.length] ?? ''));
      await play(players, 3);
      return players;
    });
  });

  it('the same with players that keep cookies', async () => {
    await expectRouted(async () => {
      const players = Array.from({ length: 60 }, (_, i) =>
        lab.player(streams[i % streams.length] ?? '', { keepsCookies: true }),
      );
      await play(players, 3);
      return players;
    });
  });

  it('asks each server for its list about once a second, however many play', async () => {
    const [server] = lab.fleet.servers;
    if (server === undefined) throw new Error('no server');
    server.resetTraffic();
    const started = Date.now();
    await play(
      Array.from({ length: 60 }, (_, i) => lab.player(streams[i % streams.length] ?? '')),
      3,
    );
    await until('two more lists', () => server.counters()['paths/list'] >= 3);
    expect(server.counters()['paths/list']).toBeLessThanOrEqual((Date.now() - started) / 1000 + 2);
  });

  it('tells MediaMTX the address of the connection, whatever the client claims', async () => {
    const [server] = lab.fleet.servers;
    server?.resetTraffic();
    const connections = lab.connections(lab.block.address(77));
    const response = await connections.request({
      origin: lab.haproxy.url,
      path: `/${streams[0]}/index.m3u8`,
      method: 'GET',
      headers: { 'x-forwarded-for': '9.9.9.9' },
    });
    await response.body.dump();
    expect(server?.requests().map(({ xForwardedFor }) => xForwardedFor)).toEqual([lab.block.address(77)]);
  });

  it('decides for a viewer without a session by his address', async () => {
    const [stream = ''] = streams;
    const path = `/${stream}/nobodys_stream.m3u8`;
    await (await fetch(lab.haproxy.url + path)).text();
    const asked = () => lab.haproxy.requests().filter((request) => request.path === path);
    expect(await logLines(asked, 1)).toMatchObject([
      { state: 'located', server: holderOf(stream), session: '127.0.0.1' },
    ]);
  });

  it.each(['HEAD', 'POST', 'DELETE'] as const)(
    '%s of a live master is answered by its server, once',
    async (method) => {
      const [stream = ''] = streams;
      for (const server of lab.fleet.servers) server.resetTraffic();
      const response = await fetch(`${lab.haproxy.url}/${stream}/index.m3u8`, { method });
      expect(response.status).toBe(404);
      expect(lab.fleet.servers.map((server) => server.requests().length)).toEqual([1, 0, 0]);
    },
  );

  it.each([
    ['cam', '/cam/'],
    ['live/studio-0/0', '/live/studio-0/0/'],
    ['live/a_b-c~d/x', '/live/a_b-c~d/x/'],
    ['live/v1.2/x', '/live/v1.2/x/'],
    ['cam?', '/cam/'],
    ['cam?a=b&c=/d?e%0d%0aX:%20y', '/cam/?a=b&c=/d?e%0d%0aX:%20y'],
  ])('leads /%s to the page of the stream, and asks nobody', async (target, location) => {
    for (const server of lab.fleet.servers) server.resetTraffic();
    const decisions = await lab.agent.metric('mtxpilot_decisions_total');
    const { headers, statusCode } = await lab
      .connections()
      .request({ origin: lab.haproxy.url, path: `/${target}`, method: 'GET' });
    expect([statusCode, headers['location']]).toEqual([302, location]);
    expect(lab.fleet.servers.flatMap((server) => server.requests())).toEqual([]);
    expect(await lab.agent.metric('mtxpilot_decisions_total')).toBe(decisions);
  });

  it.each(['/evil.example/x', 'a/../b', '../b', 'a%0d%0ab', 'a%252Fb', 'a;b', 'favicon.ico'])(
    'leads /%s nowhere',
    async (target) => {
      const { headers, statusCode } = await lab
        .connections()
        .request({ origin: lab.haproxy.url, path: `/${target}`, method: 'GET' });
      expect(headers['location']).toBeUndefined();
      expect(statusCode).toBe(404);
    },
  );

  it('sends the player page of a stream to its server', async () => {
    for (const stream of streams.slice(0, 6)) {
      const response = await fetch(`${lab.haproxy.url}/${stream}/`);
      expect([response.status, response.headers.get('x-sim-server')]).toEqual([200, holderOf(stream)]);
    }
  });
});

it(`HAProxy ${haproxyVersion}: SPOE over a Unix socket, also after the agent was killed`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-spoe-'));
  const path = join(folder, 'spoe.sock');
  const lab = await startLab({ agentConfig: { spoe: { listen: path } }, haproxyEnv: { MTX_AGENT: `unix@${path}` } });
  try {
    for (const stream of streams) lab.fleet.server(holderOf(stream)).publish(stream);
    const everybody = async (): Promise<void> => {
      for (const stream of streams) await lab.listed(stream, holderOf(stream));
      const before = await lab.agent.metric('mtxpilot_decisions_total', { bridge: 'spoe', state: 'located' });
      for (const stream of streams) {
        const player = lab.player(stream);
        await player.load();
        expect(new Set(player.answers.map(({ server }) => server))).toEqual(new Set([holderOf(stream)]));
      }
      const decided = await lab.agent.metric('mtxpilot_decisions_total', { bridge: 'spoe', state: 'located' });
      expect(decided - before).toBeGreaterThanOrEqual(streams.length);
    };
    await everybody();
    await lab.agent.stop('SIGKILL');
    await lab.agentsUp(0);
    await lab.restartAgent();
    await lab.agentsUp(1);
    await everybody();
  } finally {
    await lab.stop();
    rmSync(folder, { recursive: true });
  }
});
