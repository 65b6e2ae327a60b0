import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
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
  /** When the failed ones were asked for, on the clock of `performance.now()`. */
  readonly failedMasters: readonly { readonly status: number; readonly askedAt: number }[];
  /** How often he began to play again; tries that failed do not count. */
  readonly restarts: () => number;
  /** Rounds played since the beginning; the round in hand is not counted. */
  readonly rounds: () => number;
  stop(): Promise<void>;
}

/** The commands of the page, as words, in their order. */
function commandsOfThePage(): string[][] {
  const page = readFileSync(join('docs', 'operations.md'), 'utf8');
  const section = page.split(/^## /m).find((one) => one.startsWith('Restart a fleet')) ?? '';
  const lines = [...section.matchAll(/^ +mtxpilot (.+)$/gm)].map(([, line = '']) => line);
  return lines.map((line) => [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? ''));
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

  const mtxpilot = async (words: readonly string[] | undefined, server: string) => {
    if (words === undefined) throw new Error('docs/operations.md lacks a command');
    const own = words.map((word) => (word === 'mtx1' ? server : word));
    const args = [join('dist', 'cli', 'main.js'), ...own, '--socket', lab.agent.adminSocket];
    return (await run(process.execPath, args)).stdout;
  };

  const intentOf = async (name: string) => {
    const { body } = await lab.agent.get('/v1/servers');
    const { servers } = body as { servers: { name: string; control: { intent: unknown } }[] };
    return servers.find((server) => server.name === name)?.control.intent;
  };

  function watch(stream: string): Viewer {
    const player = lab.player(stream);
    const failedMasters: { status: number; askedAt: number }[] = [];
    let [over, isPlaying, restarts, rounds] = [false, false, -1, 0];
    const load = async () => {
      const askedAt = performance.now();
      const status = await player.load();
      isPlaying = status === 200;
      if (isPlaying) restarts++;
      else failedMasters.push({ status, askedAt });
    };
    const playing = (async () => {
      while (!over) {
        if (!isPlaying || (await player.round()) >= 400) await load();
        else rounds++;
        await pause(50);
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

  // Encoders that connect elsewhere before they close, and those that are away meanwhile.
  it.each([0, 1000])(
    'at most one restart of the player for each server that went away; a gap of %d ms',
    async (gapMs) => {
      const [drain, wait, maint, ready, ...more] = commandsOfThePage();
      expect([drain, wait, maint, ready, ...more].map((words) => words?.[0])).toEqual([
        'drain',
        'drain',
        'maint',
        'ready',
      ]);
      const streams = Array.from({ length: 6 }, (_, i) => `live/rolling-${gapMs}-${i}`);
      const names = lab.fleet.servers.map(({ name }) => name);
      const home = new Map(streams.map((stream, i) => [stream, names[i % names.length] ?? '']));
      for (const [stream, name] of home) {
        lab.fleet.server(name).publish(stream);
        await lab.located(stream, name);
      }
      /** From when nobody had the stream until the agent knew the new server. */
      const gaps = new Map<string, { readonly from: number; readonly to: number }[]>(
        streams.map((stream) => [stream, []]),
      );
      const sendElsewhere = async (stream: string, from: string, to: string) => {
        if (gapMs === 0) {
          lab.fleet.move(stream, to);
          return;
        }
        const began = performance.now();
        lab.fleet.server(from).unpublish(stream);
        await pause(gapMs);
        // On a busy machine the first gap lasts until somebody has met it.
        if (viewers.every(({ failedMasters }) => failedMasters.length === 0)) {
          const here = viewers.filter(({ player }) => player.stream === stream);
          await until('a viewer to meet the gap', () => here.some(({ failedMasters }) => failedMasters.length > 0));
        }
        lab.fleet.server(to).publish(stream);
        await lab.located(stream, to);
        gaps.get(stream)?.push({ from: began, to: performance.now() });
      };
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
        await mtxpilot(drain, name);
        const next = names[(names.indexOf(name) + 1) % names.length] ?? '';
        const leaving = [...home].filter(([, server]) => server === name).map(([stream]) => stream);
        await Promise.all(leaving.map((stream) => sendElsewhere(stream, name, next)));
        for (const stream of leaving) home.set(stream, next);
        await mtxpilot(wait, name);
        // Waiting for the drain has not replaced it.
        expect(await intentOf(name)).toMatchObject({
          reason: 'update to v1.20.1',
          deadline: expect.any(String) as string,
        });
        await mtxpilot(maint, name);
        await lab.fleet.server(name).kill();
        await allPlay();
        await lab.fleet.server(name).restart();
        await mtxpilot(ready, name);
        await until(`${name} to be back`, async () => {
          const stat = await lab.haproxy.runtime('show stat');
          return stat.split('\n').some((line) => line.startsWith(`mtx,${name},`) && line.includes(',UP,'));
        });
        await allPlay();
        const restarts = viewers.map((viewer, i) => viewer.restarts() - (before[i] ?? 0));
        expect(Math.max(...restarts)).toBeLessThanOrEqual(1);
      }

      for (const viewer of viewers) await viewer.stop();
      const failed = viewers.flatMap(({ player: { stream }, failedMasters }) =>
        failedMasters.map((one) => ({ stream, ...one })),
      );
      const outsideOfGaps = failed.filter(
        ({ stream, askedAt }) => gaps.get(stream)?.some(({ from, to }) => from <= askedAt && askedAt <= to) !== true,
      );
      expect(outsideOfGaps).toEqual([]);
      // The test saw what it claims to count: somebody's restarts, and the gaps.
      expect(viewers.reduce((sum, viewer) => sum + viewer.restarts(), 0)).toBeGreaterThan(0);
      if (gapMs > 0) expect(failed.length).toBeGreaterThan(0);
      for (const { player } of viewers) {
        const server = home.get(player.stream);
        expect(player.answers.at(-1)?.server).toBe(server);
      }
      for (const [stream, server] of home) lab.fleet.server(server).unpublish(stream);
    },
  );
});
