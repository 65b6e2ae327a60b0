import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { haproxyVersion, logLines } from '../support/haproxy';
import { type Lab, type LabOptions, startLab } from '../support/lab';
import { bridges, combinations } from '../support/matrix';
import { until } from '../support/until';
import { within } from '../support/within';

const names = ['mtx1', 'mtx2', 'mtx3'];
const streams = Array.from({ length: 12 }, (_, i) => `live/${i}`);
const holderOf = (stream: string) => names[streams.indexOf(stream) % 3] ?? '';

/** What lookups in routes.map find. */
async function routes(lab: Lab): Promise<Record<string, string>> {
  const reply = await lab.haproxy.runtime('show map routes.map');
  const entries = [...reply.matchAll(/^0x\S+ (\S+) (\S+)$/gm)].map(([, stream = '', server = '']) => [stream, server]);
  return Object.fromEntries(entries.reverse()) as Record<string, string>;
}

const routeIs = (lab: Lab, stream: string, server: string | undefined) =>
  until(`${stream} on ${server} in routes.map`, async () => (await routes(lab))[stream] === server);

const wanted = Object.fromEntries(streams.map((stream) => [stream, holderOf(stream)]));

const allRoutesAre = (lab: Lab, expected: Record<string, string> = wanted) =>
  until('routes.map to be right', async () => {
    const seen = await routes(lab);
    return Object.keys(seen).length === Object.keys(expected).length && streams.every((s) => seen[s] === expected[s]);
  });

/** With a viewer of each stream, so that HAProxy's own memory knows them too. */
async function startPushLab(options: LabOptions = {}): Promise<Lab> {
  const lab = await startLab({ push: true, ...options });
  for (const stream of streams) lab.fleet.server(holderOf(stream)).publish(stream);
  return lab;
}

const decisions = (lab: Lab) => lab.agent.metric('mtxpilot_decisions_total');

describe.each(combinations)(
  `HAProxy ${haproxyVersion}, $profile servers, bridge $bridge: routes pushed into HAProxy`,
  ({ profile, bridge }) => {
    let lab: Lab;

    beforeAll(async () => {
      lab = await startPushLab({ bridge, sim: { profile } });
      await allRoutesAre(lab);
    });
    afterAll(() => lab.stop());

    it('answer every master, and children of sessions follow: the agent is not asked once', async () => {
      const before = await decisions(lab);
      const seen = lab.haproxy.requests().length;
      const players = streams.flatMap((stream) => [lab.player(stream), lab.player(stream)]);
      for (const player of players) {
        expect(await player.load()).toBe(200);
        expect(await player.round()).toBe(200);
      }
      const wrong = players.flatMap(({ stream, answers }) =>
        answers.filter(({ server }) => server !== holderOf(stream)).map(({ path }) => path),
      );
      expect(wrong).toEqual([]);
      expect((await decisions(lab)) - before).toBe(0);
      const count = players.reduce((sum, { answers }) => sum + answers.length, 0);
      const lines = await logLines(() => lab.haproxy.requests().slice(seen), count);
      const masters = lines.filter(({ path }) => path.includes('/index.m3u8'));
      expect(masters.length).toBeGreaterThanOrEqual(players.length - Math.max(0, count - lines.length));
      expect(new Set(masters.map(({ state, retries }) => `${state} ${retries}`))).toEqual(new Set(['routed 0']));
      for (const { stream, line } of masters) expect(line).toContain(`decided=${holderOf(stream)} `);
    });

    it('of a child without a session too', async () => {
      const { stream = '', path = '' } = lab.haproxy.requests().find((line) => line.path.includes('.mp4')) ?? {};
      const uri = path.replace(/\?.*/, '');
      const seen = lab.haproxy.requests().length;
      // The session was never heard of, so no table knows it.
      const response = await fetch(`${lab.haproxy.url}${uri}?mtxs=never-heard-of`);
      await response.arrayBuffer();
      expect(response.headers.get('x-sim-server')).toBe(holderOf(stream));
      const [line] = await until('its log line', () => {
        const since = lab.haproxy.requests().slice(seen);
        return since.length > 0 && since;
      });
      expect(line?.state).toBe('routed');
    });

    it('do not exist of a stream that nobody has: the agent is asked', async () => {
      const before = await decisions(lab);
      expect(await lab.player('live/nobody').load()).toBe(404);
      expect(await decisions(lab)).toBeGreaterThan(before);
      expect(lab.haproxy.requests().findLast(({ stream }) => stream === 'live/nobody')?.state).toBe('placed');
    });

    it('follow a publisher that moves, and the memory of streams forgets', async () => {
      const stream = 'live/mover';
      lab.fleet.server('mtx1').publish(stream);
      await routeIs(lab, stream, 'mtx1');
      expect(await lab.player(stream).load()).toBe(200);
      expect(await lab.haproxy.runtime(`show table streams key ${stream}`)).toContain('key=live/mover');
      lab.fleet.move(stream, 'mtx3');
      await routeIs(lab, stream, 'mtx3');
      await until(
        'the memory of streams to forget',
        async () => !(await lab.haproxy.runtime(`show table streams key ${stream}`)).includes('key=live/mover'),
      );
      const after = lab.player(stream);
      expect(await after.load()).toBe(200);
      expect(await after.round()).toBe(200);
      expect(after.answers.every(({ server }) => server === 'mtx3')).toBe(true);
      expect(lab.haproxy.requests().findLast((line) => line.stream === stream)?.retries).toBe('0');
      lab.fleet.server('mtx3').unpublish(stream);
      await routeIs(lab, stream, undefined);
    });

    it('that are wrong are healed within the request, by retries', async () => {
      const stream = streams[0] ?? '';
      await lab.haproxy.runtime(`set map routes.map ${stream} mtx2`);
      const player = lab.player(stream);
      const seen = lab.haproxy.requests().length;
      expect(await player.load()).toBe(200);
      expect(player.answers.at(-1)?.server).toBe(holderOf(stream));
      const lines = await until('its log lines', () => {
        const since = lab.haproxy.requests().slice(seen);
        return since.length >= player.answers.length && since;
      });
      expect(lines[0]).toMatchObject({ state: 'routed' });
      // Servers with sessions redirect whoever comes, so that the second request is the one that is healed.
      expect(lines.map(({ retries }) => retries)).not.toEqual(lines.map(() => '0'));
      await lab.haproxy.runtime(`set map routes.map ${stream} ${holderOf(stream)}`);
    });

    it('that somebody removed come back, and those that somebody added go', async () => {
      await allRoutesAre(lab);
      await lab.haproxy.runtime(`del map routes.map ${streams[1]}`);
      await lab.haproxy.runtime('add map routes.map live/invented mtx1');
      await lab.haproxy.runtime('add map routes.map live/invented-2 mtx1');
      await allRoutesAre(lab);
    });

    it('come back after HAProxy was reloaded, and nobody fails meanwhile', async () => {
      // The old process closes its kept connections, whatever is on its way on them: browsers send that again.
      const players = streams.map((stream) => lab.player(stream, { sendsAgain: true }));
      for (const player of players) expect(await player.load()).toBe(200);
      await lab.haproxy.reload();
      let isFilled = false;
      const filled = allRoutesAre(lab).then(() => {
        isFilled = true;
      });
      do {
        for (const player of players) expect(await player.round()).toBe(200);
        for (const stream of streams) expect(await lab.player(stream, { sendsAgain: true }).load()).toBe(200);
      } while (!isFilled);
      await filled;
    });
  },
);

describe.each(bridges)(`HAProxy ${haproxyVersion}, bridge %s: routes and the life of the agent`, (bridge) => {
  let lab: Lab;

  beforeEach(async () => {
    lab = await startPushLab({ bridge });
    await allRoutesAre(lab);
    for (const stream of streams) expect(await lab.player(stream).load()).toBe(200);
  });
  afterEach(() => lab.stop());

  it('killed: viewers go on, and once its check has failed the map counts no more', async () => {
    const players = streams.map((stream) => lab.player(stream));
    for (const player of players) expect(await player.load()).toBe(200);
    await lab.agent.stop('SIGKILL');
    let isDown = false;
    const down = lab.agentsUp(0).then(() => {
      isDown = true;
    });
    do {
      for (const player of players) expect(await player.round()).toBe(200);
      for (const stream of streams) expect(await lab.player(stream).load()).toBe(200);
    } while (!isDown);
    await down;
    // A map that would send everybody astray.
    expect(await routes(lab)).toEqual(wanted);
    for (const stream of streams) await lab.haproxy.runtime(`set map routes.map ${stream} nowhere`);
    const seen = lab.haproxy.requests().length;
    for (const stream of streams) {
      const player = lab.player(stream);
      expect(await player.load()).toBe(200);
      expect(player.answers.every(({ server }) => server === holderOf(stream))).toBe(true);
    }
    const lines = await logLines(() => lab.haproxy.requests().slice(seen), streams.length);
    expect(new Set(lines.map(({ state }) => state))).toEqual(new Set(['-']));
  });

  it('restarted: the map is not emptied, wrong entries are put right, old ones go when every server has been listed', async () => {
    await lab.agent.stop('SIGKILL');
    // While it is away a stream moves, one ends, one begins; and one server can then not be asked.
    lab.fleet.move(streams[0] ?? '', 'mtx2');
    lab.fleet.server('mtx2').unpublish(streams[1] ?? '');
    lab.fleet.server('mtx1').publish('live/new');
    await lab.fleet.server('mtx3').setFault('api', { kind: 'stall' });
    const sizes: number[] = [];
    let isOver = false;
    const watch = (async () => {
      while (!isOver) sizes.push(Object.keys(await routes(lab)).length);
    })();
    await lab.restartAgent();
    await routeIs(lab, 'live/new', 'mtx1');
    await routeIs(lab, streams[0] ?? '', 'mtx2');
    // The third server may hold what nobody else does.
    const before = await routes(lab);
    for (const stream of streams.filter((each) => holderOf(each) === 'mtx3')) expect(before[stream]).toBe('mtx3');
    expect(before[streams[1] ?? '']).toBe('mtx2');
    await lab.fleet.server('mtx3').clearFaults();
    const { [streams[1] ?? '']: ended, ...others } = { ...wanted, [streams[0] ?? '']: 'mtx2', 'live/new': 'mtx1' };
    expect(ended).toBe('mtx2');
    await until(
      'the map to be right',
      async () => JSON.stringify(sorted(await routes(lab))) === JSON.stringify(sorted(others)),
    );
    isOver = true;
    await watch;
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(streams.length);
  });
});

describe.each(bridges)(`HAProxy ${haproxyVersion}, bridge %s: routes and a HAProxy that is restarted`, (bridge) => {
  it('come back, and nobody has to be told', async () => {
    const lab = await startPushLab({ bridge });
    try {
      await allRoutesAre(lab);
      await lab.haproxy.restart('SIGKILL');
      await allRoutesAre(lab);
      await lab.agentsUp(1);
      const before = await decisions(lab);
      for (const stream of streams) expect(await lab.player(stream).load()).toBe(200);
      expect(await decisions(lab)).toBe(before);
      // Reading the map back would be the sign of trouble.
      expect(await lab.agent.metric('mtxpilot_route_changes_total', { change: 'repaired' })).toBe(0);
    } finally {
      await lab.stop();
    }
  });
});

const sorted = (map: Record<string, string>) => Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));

describe(`HAProxy ${haproxyVersion}: routes`, () => {
  it('follow a report from outside, long before the next list', async () => {
    const lab = await startLab({ push: true, agentConfig: { directory: { interval: '1h' } } });
    try {
      const report = async (stream: string, server: string, event: 'ready' | 'notReady') => {
        const response = await fetch(`${lab.agent.url}/v1/hooks/mediamtx`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ stream, server, event }),
        });
        expect(response.ok).toBe(true);
      };
      lab.fleet.server('mtx1').publish('live/a');
      await report('live/a', 'mtx1', 'ready');
      await routeIs(lab, 'live/a', 'mtx1');
      lab.fleet.move('live/a', 'mtx2');
      await report('live/a', 'mtx1', 'notReady');
      await report('live/a', 'mtx2', 'ready');
      await routeIs(lab, 'live/a', 'mtx2');
      // Nothing else could have told: no second list was asked for.
      expect(lab.fleet.servers.map((server) => server.counters()['paths/list'])).toEqual([1, 1, 1]);
    } finally {
      await lab.stop();
    }
  });

  const routeOf = async (lab: Lab, stream: string) =>
    /value="([^"]+)"/.exec(await lab.haproxy.runtime(`get map routes.map ${stream}`))?.[1];
  /** A publisher who goes from one server to another and back; `tell` says so to the agent. */
  const movesWithin = async (boundMs: number, lab: Lab, tell?: (server: string) => Promise<void>) => {
    const servers = ['mtx1', 'mtx2'];
    await within(
      boundMs,
      'the route of a publisher that moved',
      async () => {
        const [to = '', from = ''] = servers.reverse();
        // The list of the server that it leaves and of the one where it comes are as old as it happens.
        await until('the route', async () => (await routeOf(lab, 'live/a')) === from);
        lab.fleet.move('live/a', to);
        await tell?.(to);
        return async () => (await routeOf(lab, 'live/a')) === to;
      },
      7,
    );
  };

  it('are right a second after a publisher moved, without any report', async () => {
    const lab = await startLab({ push: true });
    try {
      lab.fleet.server('mtx1').publish('live/a');
      await movesWithin(1000, lab);
    } finally {
      await lab.stop();
    }
  });

  it.each([
    ['a hook', (server: string) => ({ stream: 'live/a', server, event: 'ready' })],
    ['a question of authentication', () => ({ action: 'publish', path: 'live/a', protocol: 'rtsp', ip: '127.0.0.1' })],
  ])('are right 100 ms after %s', async (_, report) => {
    const lab = await startLab({ push: true, agentConfig: { directory: { interval: '1h' } } });
    try {
      const tell = async (server: string) => {
        const response = await fetch(`${lab.agent.url}/v1/hooks/mediamtx?server=${server}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(report(server)),
        });
        expect(response.ok).toBe(true);
      };
      lab.fleet.server('mtx1').publish('live/a');
      await tell('mtx1');
      await movesWithin(100, lab, tell);
    } finally {
      await lab.stop();
    }
  });

  it('of replicas that share their sessions are left to the agent', async () => {
    const lab = await startLab({ push: true, agentConfig: { holders: [{ match: 'replicated/*', policy: 'spread' }] } });
    try {
      lab.fleet.server('mtx1').publish('replicated/a');
      await routeIs(lab, 'replicated/a', 'mtx1');
      lab.fleet.server('mtx2').publish('replicated/a');
      lab.fleet.server('mtx2').publish('live/b');
      await routeIs(lab, 'live/b', 'mtx2');
      await routeIs(lab, 'replicated/a', undefined);
      const before = await decisions(lab);
      const players = Array.from({ length: 30 }, () => lab.player('replicated/a'));
      for (const player of players) expect(await player.load()).toBe(200);
      expect((await decisions(lab)) - before).toBeGreaterThanOrEqual(30);
      expect(new Set(players.map(({ answers }) => answers.at(-1)?.server))).toEqual(new Set(['mtx1', 'mtx2']));
      lab.fleet.server('mtx1').unpublish('replicated/a');
      await routeIs(lab, 'replicated/a', 'mtx2');
    } finally {
      await lab.stop();
    }
  });

  it('cannot be pushed into a HAProxy whose configuration has no such map: told once, and the agent is asked', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-old-'));
    const shipped = readFileSync(resolve('haproxy/haproxy.cfg'), 'utf8');
    const without = shipped.replace(/^.*map_str\(routes\.map\).*\n/gm, '');
    expect(without).not.toBe(shipped);
    writeFileSync(join(folder, 'haproxy.cfg'), without);
    copyFileSync(resolve('haproxy/spoe.cfg'), join(folder, 'spoe.cfg'));
    const lab = await startPushLab({ haproxyConfig: join(folder, 'haproxy.cfg') });
    try {
      const warnings = () => lab.agent.child.lines.filter((line) => line.includes('has no map routes.map'));
      await until('a warning', () => warnings().length > 0);
      for (const stream of streams) await lab.located(stream, holderOf(stream));
      const before = await decisions(lab);
      for (const stream of streams) {
        const player = lab.player(stream);
        expect(await player.load()).toBe(200);
        expect(player.answers.every(({ server }) => server === holderOf(stream))).toBe(true);
      }
      expect((await decisions(lab)) - before).toBeGreaterThanOrEqual(streams.length);
      expect(warnings()).toHaveLength(1);
    } finally {
      await lab.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
