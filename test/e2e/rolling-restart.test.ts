import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { haproxyVersion } from '../support/haproxy';
import { type Lab, startLab } from '../support/lab';
import { profiles } from '../support/matrix';
import type { Player } from '../support/player';
import { until } from '../support/until';

const run = promisify(execFile);

/** A viewer who plays until told to stop, and starts his player again when something fails, as players do. */
interface Viewer {
  readonly player: Player;
  readonly failedMasters: readonly number[];
  readonly restarts: () => number;
  /** Rounds played since the beginning; the round in hand is not counted. */
  readonly rounds: () => number;
  stop(): Promise<void>;
}

// docs/operations.md, "Restart a fleet, server by server", step by step.
describe.each(profiles)(`HAProxy ${haproxyVersion}, %s servers: a rolling restart`, (profile) => {
  let lab: Lab;
  let viewers: Viewer[] = [];

  beforeAll(async () => {
    lab = await startLab({ push: true, sim: { profile }, agentConfig: { viewers: { goneAfter: '2s' } } });
  });
  afterAll(async () => {
    for (const viewer of viewers) await viewer.stop();
    await lab.stop();
  });

  const mtxpilot = async (...words: string[]) => {
    const args = [join('dist', 'cli', 'main.js'), ...words, '--socket', lab.agent.adminSocket];
    return (await run(process.execPath, args)).stdout;
  };

  function watch(stream: string): Viewer {
    const player = lab.player(stream);
    const failedMasters: number[] = [];
    let [over, restarts, rounds] = [false, -1, 0];
    const load = async () => {
      restarts++;
      const status = await player.load();
      if (status !== 200) failedMasters.push(status);
    };
    const playing = (async () => {
      await load();
      while (!over) {
        if ((await player.round()) >= 400) await load();
        else rounds++;
        await new Promise((next) => setTimeout(next, 50));
      }
    })();
    return {
      player,
      failedMasters,
      restarts: () => restarts,
      rounds: () => rounds,
      stop: () => ((over = true), playing),
    };
  }

  it('no failed master, at most one restart of the player for each server that went away', async () => {
    const streams = Array.from({ length: 6 }, (_, i) => `live/rolling-${i}`);
    const names = lab.fleet.servers.map(({ name }) => name);
    const home = new Map(streams.map((stream, i) => [stream, names[i % names.length] ?? '']));
    for (const [stream, name] of home) {
      lab.fleet.server(name).publish(stream);
      await lab.located(stream, name);
    }
    viewers = streams.flatMap((stream) => [watch(stream), watch(stream)]);
    const allPlay = async () => {
      const before = viewers.map((viewer) => viewer.rounds());
      await until('every viewer to play on', () =>
        viewers.every((viewer, i) => viewer.rounds() > (before[i] ?? 0) + 1),
      );
    };
    await allPlay();

    for (const name of names) {
      const before = viewers.map((viewer) => viewer.restarts());
      await mtxpilot('drain', name, '--reason', 'update');
      const next = names[(names.indexOf(name) + 1) % names.length] ?? '';
      for (const [stream, server] of home) {
        if (server !== name) continue;
        lab.fleet.move(stream, next);
        home.set(stream, next);
      }
      await mtxpilot('drain', name, '--reason', 'update', '--wait');
      await mtxpilot('maint', name, '--reason', 'update');
      await lab.fleet.server(name).kill();
      await allPlay();
      await lab.fleet.server(name).restart();
      await mtxpilot('ready', name);
      await until(`${name} to be back`, async () => {
        const stat = await lab.haproxy.runtime('show stat');
        return stat.split('\n').some((line) => line.startsWith(`mtx,${name},`) && line.includes(',UP,'));
      });
      await allPlay();
      const restarts = viewers.map((viewer, i) => viewer.restarts() - (before[i] ?? 0));
      expect(Math.max(...restarts)).toBeLessThanOrEqual(1);
    }

    for (const viewer of viewers) await viewer.stop();
    expect(viewers.flatMap((viewer) => viewer.failedMasters)).toEqual([]);
    // It was a restart for somebody: the test saw what it claims to count.
    expect(viewers.reduce((sum, viewer) => sum + viewer.restarts(), 0)).toBeGreaterThan(0);
    for (const viewer of viewers) {
      const server = home.get(viewer.player.stream);
      expect(viewer.player.answers.at(-1)?.server).toBe(server);
    }
  });
});
