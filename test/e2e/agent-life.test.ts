import { setTimeout as pause } from 'node:timers/promises';
import { haproxyVersion, logLines } from '../support/haproxy';
import { type Lab, startLab } from '../support/lab';
import { startLeavingAgent } from '../support/leaving-agent';
import { combinations } from '../support/matrix';
import type { Answer, Player } from '../support/player';
import { until } from '../support/until';

const streams = ['live/a', 'live/b', 'live/c'];

describe.each(combinations)(
  `HAProxy ${haproxyVersion}, $profile servers, bridge $bridge: the agent`,
  ({ profile, bridge }) => {
    let lab: Lab;

    async function start(deadline: string, check: string): Promise<void> {
      // A player's pause is no longer than the servers bear, however busy the machine is.
      lab = await startLab({
        bridge,
        sim: { profile, sessionIdleMs: 600_000 },
        haproxyEnv: { MTX_DEADLINE: deadline, MTX_CHECK: check },
      });
      streams.forEach((stream, i) => lab.fleet.server(`mtx${i + 1}`).publish(stream));
      for (const [i, stream] of streams.entries()) await lab.located(stream, `mtx${i + 1}`);
      // HAProxy's own memory of the streams, as in any fleet that has had a viewer.
      for (const stream of streams) expect(await lab.player(stream).load()).toBe(200);
    }
    beforeEach(() => start('100ms', '500ms'));
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

    /** Those that failed; where there are some, what HAProxy told of its servers and of answers like these as well. */
    const failed = (answers: readonly Answer[]): readonly (Answer | string)[] => {
      const bad = answers.filter(({ status }) => status !== 200 && status !== 302);
      if (bad.length === 0) return bad;
      const isTelling = /is (?:DOWN|UP)|state=(?:placed|unknown)/;
      return [...bad, ...lab.haproxy.child.lines.filter((line) => isTelling.test(line)).slice(-30)];
    };

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
      // HAProxy's own word: no question was put any more, or it would have had a time-out for an answer; so nobody waited.
      const seen = lab.haproxy.requests().length;
      for (const stream of streams) for (let i = 0; i < 20; i++) expect(await lab.player(stream).load()).toBe(200);
      const lines = await logLines(() => lab.haproxy.requests().slice(seen), 60);
      expect(lines.filter(({ state, error }) => state !== '-' || error !== '-')).toEqual([]);
      lab.agent.child.process.kill('SIGCONT');
      await lab.agentsUp(1);
      expect(await lab.player('live/a').load()).toBe(200);
    });

    describe('where no decision is late', () => {
      beforeEach(async () => {
        await lab.stop();
        // What is looked at is the agent, not whether a busy machine lets it answer within 100 ms.
        await start('5s', '5s');
      });

      it('upgraded: a second agent takes over, no failed request, none without a decision', async () => {
        const running = load();
        await more(running);
        const second = await lab.startSecondAgent();
        await lab.agentsUp(2);
        await more(running);
        await lab.agent.stop('SIGTERM');
        await lab.agentsUp(1);
        await more(running);
        expect(failed(await running.stop())).toEqual([]);
        const masters = running.count();
        const lines = await logLines(
          () => lab.haproxy.requests().filter(({ path }) => path.endsWith('/index.m3u8')),
          masters,
        );
        // What crossed the first agent's goodbye was asked once more.
        expect(lines.filter(({ state }) => state !== 'located')).toEqual([]);
        // Nor did any question go to an agent that had gone: HAProxy 2.6 would try it four times, a second apart.
        expect(lines.filter(({ totalMs }) => totalMs >= 3000)).toEqual([]);
        expect(
          await second.metric('mtxpilot_decisions_total', { bridge: bridge === 'spoe' ? 'spoe' : 'http' }),
        ).toBeGreaterThan(0);
      });
    });

    it('HAProxy reloaded while viewers play: nobody fails, and every session stays', async () => {
      // HAProxy closes connections that are idle when it reloads: the request that crosses that is sent again, as browsers do.
      const players = (each: number) =>
        streams.flatMap((stream) => Array.from({ length: each }, () => lab.player(stream, { sendsAgain: true })));
      const paused = players(5);
      const playing = players(3);
      for (const player of [...paused, ...playing]) {
        expect(await player.load()).toBe(200);
        expect(await player.round()).toBe(200);
      }
      const decisions = () => lab.agent.metric('mtxpilot_decisions_total');
      for (let reload = 0; reload < 2; reload++) {
        let over = false;
        const rounds = playing.map(() => 0);
        const loops = Promise.all(
          playing.map(async (player, i) => {
            while (!over) {
              await player.round();
              rounds[i] = (rounds[i] ?? 0) + 1;
              await pause(20);
            }
          }),
        );
        const everybodyPlays = async () => {
          const goals = rounds.map((count) => count + 3);
          const played = until('three more rounds each', () => rounds.every((count, i) => count >= (goals[i] ?? 0)));
          await Promise.race([played, loops]);
        };
        try {
          await everybodyPlays();
          await lab.haproxy.reload();
          await everybodyPlays();
          await lab.agentsUp(1);
        } finally {
          over = true;
          await loops;
        }
        const before = await decisions();
        for (const player of paused) expect(await player.round()).toBe(200);
        // Nobody had to be decided again: the tables came along.
        expect(await decisions()).toBe(before);
      }
      const all = [...paused, ...playing];
      expect(failed(all.flatMap(({ answers }) => answers))).toEqual([]);
      // Once for each connection and reload at most.
      expect(all.reduce((sum, { sentAgain }) => sum + sentAgain, 0)).toBeLessThanOrEqual(2 * 16);
    });
  },
);

describe(`HAProxy ${haproxyVersion}, bridge spoe: a question that the agent has, but does not answer because it leaves`, () => {
  it.each(['goodbye', 'end', 'reset'] as const)('is put to the other agent (%s)', async (how) => {
    const first = await startLeavingAgent();
    const lab = await startLab({ haproxyEnv: { MTX_AGENT: first.address } });
    try {
      lab.fleet.server('mtx1').publish('live/a');
      const second = await lab.startSecondAgent();
      await lab.agentsUp(2);
      await lab.located('live/a', 'mtx1');
      const load = async (): Promise<void> => expect(await lab.player('live/a').load()).toBe(200);
      await until('the first agent to be asked', async () => {
        await load();
        return first.answered > 0;
      });
      first.leaveAtNextQuestion(how);
      await until('the first agent to leave', async () => {
        await load();
        return first.lost > 0;
      });
      const lines = await logLines(() => lab.haproxy.requests(), 2);
      expect(lines.filter(({ state }) => state !== 'located')).toEqual([]);
      // Were it not the other one, who else?
      expect(await second.metric('mtxpilot_decisions_total', { bridge: 'spoe' })).toBeGreaterThan(0);
    } finally {
      await lab.stop();
      await first.stop();
    }
  });
});

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
