import type { SimFleetOptions } from '../../src/sim';
import { haproxyVersion, logLines } from '../support/haproxy';
import { type Lab, startLab } from '../support/lab';
import { combinations } from '../support/matrix';
import { until } from '../support/until';

type SimPathConfig = NonNullable<SimFleetOptions['paths']>[number];

const slow = { startDelayMs: 1_000 };
const never = { startDelayMs: 'never' as const, startTimeoutMs: 4_000 };
const open: SimPathConfig = { name: '~^live/' };

/** Enough names that placing them by hash over all servers would send most of them to one that cannot start them. */
const named = ['cam/named/0', 'cam/named/1', 'cam/named/2', 'cam/named/3'];
const below = (folder: string): string[] => [0, 1, 2, 3].map((i) => `${folder}/${i}`);

describe.each(combinations)(
  `HAProxy ${haproxyVersion}, $profile servers, bridge $bridge: a path that one of three servers can start`,
  ({ profile, bridge }) => {
    let lab: Lab;

    beforeAll(async () => {
      lab = await startLab({
        bridge,
        sim: {
          profile,
          overrides: {
            mtx1: { paths: [open] },
            mtx2: {
              paths: [
                open,
                ...named.map((name) => ({ name, onDemand: slow })),
                { name: 'run/named', runOnDemand: slow },
                { name: '~^cam/pattern/[0-9]+$', onDemand: slow },
                { name: '~^run/pattern/', runOnDemand: slow },
                { name: '~^dead/', onDemand: never },
              ],
            },
            mtx3: { paths: [open, { name: '~^never/', onDemand: slow }] },
          },
        },
      });
    });
    afterAll(() => lab.stop());

    const startsOf = (stream: string) => lab.fleet.servers.map((server) => server.starts().get(stream) ?? 0);

    it.each([...named, 'run/named', ...below('cam/pattern'), ...below('run/pattern')])(
      '%s plays for everybody who comes at once, started once',
      async (stream) => {
        const players = Array.from({ length: 20 }, () => lab.player(stream));
        await Promise.all(players.map((player) => player.load()));
        for (const player of players) await player.round();
        const answers = players.flatMap((player) => player.answers);
        expect(answers.filter(({ status }) => status !== 200 && status !== 302)).toEqual([]);
        expect(new Set(answers.map(({ server }) => server))).toEqual(new Set(['mtx2']));
        expect(startsOf(stream)).toEqual([0, 1, 0]);
      },
    );

    it('says so', async () => {
      const { body } = await lab.agent.get('/v1/streams/cam/pattern/77/why');
      expect(body).toMatchObject({
        state: 'placed',
        server: 'mtx2',
        rule: 'placed-on-demand',
        because: 'nobody has cam/pattern/77, and mtx2 can start it on demand',
        evidence: [{ path: 'not configured' }, { path: 'startable' }, { path: 'not configured' }],
      });
    });

    it('one whose source does not come is not started elsewhere', async () => {
      const answers = await Promise.all(
        Array.from({ length: 5 }, () => fetch(`${lab.haproxy.url}/dead/a/index.m3u8?cookieCheck=1`)),
      );
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([profile === 'session' ? 500 : 404]));
      expect(startsOf('dead/a')).toEqual([0, 1, 0]);
    });

    it('a stream that nobody can start is asked for on one server, once', async () => {
      for (const server of lab.fleet.servers) server.resetTraffic();
      const answer = await fetch(`${lab.haproxy.url}/nowhere/a/index.m3u8?cookieCheck=1`);
      expect(answer.status).toBe(profile === 'session' ? 500 : 404);
      expect(lab.fleet.servers.flatMap((server) => server.requests())).toHaveLength(1);
    });
  },
);

describe.each(combinations)(
  `HAProxy ${haproxyVersion}, $profile servers, bridge $bridge: two of three servers do not tell their configuration`,
  ({ profile, bridge }) => {
    let lab: Lab;

    beforeAll(async () => {
      const dead: SimPathConfig = { name: '~^dead/', onDemand: never };
      const hidden = { refusedCalls: ['config/paths/list'] as const };
      lab = await startLab({
        bridge,
        sim: {
          profile,
          overrides: {
            mtx1: { ...hidden, paths: [open, dead, { name: '~^one/', onDemand: slow }] },
            mtx2: { ...hidden, paths: [open, dead, { name: '~^two/', onDemand: slow }] },
            mtx3: { paths: [open] },
          },
        },
      });
    });
    afterAll(() => lab.stop());

    const startsOf = (stream: string) => lab.fleet.servers.map((server) => server.starts().get(stream) ?? 0);

    it.each([
      ...below('one').map((stream) => [stream, [1, 0, 0]] as const),
      ...below('two').map((stream) => [stream, [0, 1, 0]] as const),
    ])('%s is found where it can start, and started once', async (stream, starts) => {
      await until('the budget for looking elsewhere', async () => {
        const { headers } = await lab.agent.get(`/v1/route?stream=made/up/${Math.random()}`);
        return headers.get('x-mtx-elsewhere') === '1';
      });
      const player = lab.player(stream);
      await player.load();
      await player.round();
      expect(player.answers.filter(({ status }) => status !== 200 && status !== 302)).toEqual([]);
      expect(startsOf(stream)).toEqual(starts);
    });

    it('a source that does not come is not started a second time elsewhere', async () => {
      await expect(fetch(`${lab.haproxy.url}/dead/a/index.m3u8?cookieCheck=1`)).rejects.toThrow();
      expect(startsOf('dead/a').reduce((sum, starts) => sum + starts, 0)).toBe(1);
    });

    it('a flood of names that nobody can start is not looked for on every server', async () => {
      const started = performance.now();
      const answers = await Promise.allSettled(
        Array.from({ length: 200 }, (_, i) => fetch(`${lab.haproxy.url}/nowhere/${i}/index.m3u8?cookieCheck=1`)),
      );
      const seconds = (performance.now() - started) / 1000;
      // On a machine that is so busy that answers take seconds, some count as those of a source that did not start.
      const statuses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value.status] : []));
      expect(statuses.filter((status) => status !== (profile === 'session' ? 500 : 404))).toEqual([]);
      const isOfFlood = ({ path }: { path: string }): boolean => path.startsWith('/nowhere/');
      const lines = await logLines(() => lab.haproxy.requests().filter(isOfFlood), 200);
      // Five names a second, thirty retries each at most. Where a busy machine kept the agent from answering, HAProxy goes by its own rules.
      const retries = lines
        .filter(({ state }) => state === 'placed')
        .reduce((sum, line) => sum + Math.abs(Number(line.retries)), 0);
      expect(retries).toBeLessThanOrEqual(30 * 5 * (seconds + 1));
    });
  },
);
