import { haproxyVersion } from '../support/haproxy';
import { type Lab, startLab } from '../support/lab';
import { combinations } from '../support/matrix';
import type { Answer, Player } from '../support/player';
import { until } from '../support/until';

const streams = ['live/a', 'live/b', 'live/c'];

describe.each(combinations)(
  `HAProxy ${haproxyVersion}, $profile servers, bridge $bridge: the agent`,
  ({ profile, bridge }) => {
    let lab: Lab;

    beforeEach(async () => {
      lab = await startLab({ bridge, sim: { profile }, haproxyEnv: { MTX_DEADLINE: '100ms' } });
      streams.forEach((stream, i) => lab.fleet.server(`mtx${i + 1}`).publish(stream));
      for (const [i, stream] of streams.entries()) await lab.located(stream, `mtx${i + 1}`);
      // HAProxy's own memory of the streams, as in any fleet that has had a viewer.
      for (const stream of streams) expect(await lab.player(stream).load()).toBe(200);
    });
    afterEach(() => lab.stop());

    /** Players that come and play on until told to stop. */
    function load(): { answers(): Answer[]; count(): number; stop(): Promise<Answer[]> } {
      const players: Player[] = [];
      let over = false;
      const workers = Array.from({ length: 12 }, async (_, i) => {
        while (!over) {
          const player = lab.player(streams[i % 3] ?? '');
          players.push(player);
          await player.load();
          await player.round();
        }
      });
      const answers = () => players.flatMap((player) => player.answers);
      return {
        answers,
        count: () => answers().filter(({ kind }) => kind === 'master').length,
        async stop() {
          over = true;
          await Promise.all(workers);
          return answers();
        },
      };
    }

    /** Lets the load go on for some more masters. */
    async function more(running: { count(): number }, masters = 200): Promise<void> {
      const goal = running.count() + masters;
      await until(`${masters} more masters`, () => running.count() >= goal);
    }

    const failed = (answers: readonly Answer[]) => answers.filter(({ status }) => status !== 200 && status !== 302);

    it('killed and restarted under load: no failed request', async () => {
      const running = load();
      await more(running);
      await lab.agent.stop('SIGKILL');
      await more(running);
      await lab.agentsUp(0);
      await more(running);
      await lab.restartAgent();
      await lab.agentsUp(1);
      await more(running);
      expect(failed(await running.stop())).toEqual([]);
    });

    it('hung: nobody fails, and once the check has failed nobody waits', async () => {
      const running = load();
      await more(running);
      lab.agent.child.process.kill('SIGSTOP');
      await lab.agentsUp(0);
      expect(failed(await running.stop())).toEqual([]);
      // HAProxy's own word: no question was put any more, so none could wait (the processing time-out is 100 ms).
      const seen = lab.haproxy.requests().length;
      for (const stream of streams) for (let i = 0; i < 20; i++) expect(await lab.player(stream).load()).toBe(200);
      const lines = await until('their log lines', () => {
        const since = lab.haproxy.requests().slice(seen);
        return since.length >= 60 && since;
      });
      expect(lines.filter(({ state, error }) => state !== '-' || error !== '-')).toEqual([]);
      expect(lines.filter(({ totalMs }) => totalMs >= 100)).toEqual([]);
      lab.agent.child.process.kill('SIGCONT');
      await lab.agentsUp(1);
      expect(await lab.player('live/a').load()).toBe(200);
    });

    it('upgraded: a second agent takes over, no failed request, no request without a decision', async () => {
      const running = load();
      await more(running);
      const second = await lab.startSecondAgent();
      await lab.agentsUp(2);
      await more(running);
      await lab.agent.stop('SIGTERM');
      await lab.agentsUp(1);
      await more(running);
      expect(failed(await running.stop())).toEqual([]);
      if (bridge === 'spoe')
        expect(await second.metric('mtxpilot_decisions_total', { bridge: 'spoe' })).toBeGreaterThan(0);
    });

    it('HAProxy reloaded while viewers play: every session stays', async () => {
      const players = streams.flatMap((stream) => Array.from({ length: 10 }, () => lab.player(stream)));
      for (const player of players) {
        expect(await player.load()).toBe(200);
        expect(await player.round()).toBe(200);
      }
      const decisions = () => lab.agent.metric('mtxpilot_decisions_total');
      for (let reload = 0; reload < 2; reload++) {
        await lab.haproxy.reload();
        await lab.agentsUp(1);
        const before = await decisions();
        for (const player of players) expect(await player.round()).toBe(200);
        // Nobody had to be decided again: the tables came along.
        expect(await decisions()).toBe(before);
      }
      expect(failed(players.flatMap(({ answers }) => answers))).toEqual([]);
    });
  },
);

describe(`HAProxy ${haproxyVersion} without an agent`, () => {
  it('finds streams that it has never seen, hundreds at the same time, by trying the servers', async () => {
    const lab = await startLab({ sim: { profile: 'session' } });
    try {
      await lab.agent.stop('SIGKILL');
      await lab.agentsUp(0);
      const unseen = Array.from({ length: 200 }, (_, i) => `live/unseen-${i}`);
      unseen.forEach((stream, i) => lab.fleet.server(`mtx${(i % 3) + 1}`).publish(stream));
      const statuses = await Promise.all(unseen.map((stream) => lab.player(stream).load()));
      expect(statuses.filter((status) => status !== 200)).toEqual([]);
    } finally {
      await lab.stop();
    }
  });
});
