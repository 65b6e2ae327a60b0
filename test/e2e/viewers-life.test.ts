import { haproxyVersion } from '../support/haproxy';
import type { Player } from '../support/player';
import { until } from '../support/until';
import { startViewerLab, type ViewerLab, viewerOf } from '../support/viewer-lab';

// On a busy machine, too, everybody who plays is seen far more often.
const goneAfterMs = 15_000;

describe(`HAProxy ${haproxyVersion}: viewers play on while`, () => {
  let lab: ViewerLab;
  let players: Player[];
  let over: boolean;
  let playing: Promise<void>;

  beforeEach(async () => {
    lab = await startViewerLab({ nodes: 1, goneAfterMs });
    lab.fleet.server('mtx1').publish('live/a');
    players = Array.from({ length: 30 }, () => lab.player(1, 'live/a'));
    for (const player of players) {
      expect(await player.load()).toBe(200);
      expect(await player.round()).toBe(200);
    }
    over = false;
    playing = (async () => {
      // A node that is just being started again answers nobody; players try again. All at a time: on a busy machine too, each is seen often.
      while (!over) {
        await Promise.all(players.map((player) => lab.again(player, 1).catch(() => 0)));
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    })();
    await until('30 viewers', () => lab.viewers.total().viewers === 30);
  });
  afterEach(async () => {
    over = true;
    await playing;
    await lab.stop();
  });

  const names = () =>
    lab.viewers
      .list({ limit: 100 })
      .viewers.map(({ stream, session }) => `${stream}|${session}`)
      .sort();
  const expected = () => players.map(viewerOf).sort();
  const heardFor = async (ms: number): Promise<void> => {
    const since = lab.peers.stats.updates.live;
    const start = performance.now();
    await until('more touches', () => performance.now() - start > ms && lab.peers.stats.updates.live > since, 100);
  };

  it('HAProxy is reloaded, twice: nobody leaves, nobody joins', async () => {
    for (let reload = 1; reload <= 2; reload++) {
      await lab.nodes[0]?.reload();
      await until('the new process to tell its tables', () => lab.peers.stats.dumps.finished >= reload + 1);
      await heardFor(1.5 * goneAfterMs);
      expect(names()).toEqual(expected());
    }
    expect(lab.viewers.stats).toMatchObject({ joins: 30, leaves: 0 });
  });

  it('the agent is away for long: all are there at its return', async () => {
    await lab.stopPeers();
    expect(lab.viewers.list({ limit: 1 }).viewers).toMatchObject([{ isCertain: false }]);
    const start = performance.now();
    const [first, ...others] = players;
    players = others;
    await until('twice the time of going', () => performance.now() - start > 2 * goneAfterMs, 100);
    expect(lab.viewers.total().viewers).toBe(30);
    await lab.startPeers();
    await until('HAProxy to tell its tables', () => lab.peers.stats.nodesUp === 1);
    // The one that left meanwhile is known by its idle time.
    await until('the one to be gone', () => lab.viewers.total().viewers === 29);
    expect(names()).toEqual(expected());
    expect(names()).not.toContain(viewerOf(first as Player));
    await heardFor(1.5 * goneAfterMs);
    expect(lab.viewers.stats).toMatchObject({ joins: 30, leaves: 1 });
  });

  it('the agent is restarted: all are found again from the tables', async () => {
    await lab.restartWatch();
    await until('HAProxy to tell its tables', () => lab.peers.stats.nodesUp === 1);
    expect(names()).toEqual(expected());
  });

  it('HAProxy is killed and starts again with empty tables: who plays on stays, who does not goes', async () => {
    const [first, ...others] = players;
    players = others;
    await lab.restartNode(1);
    await until(
      'the new process to tell its tables',
      () => lab.peers.stats.nodesUp === 1 && lab.peers.stats.dumps.finished === 2,
    );
    await until('the one to be gone', () => lab.viewers.total().viewers === 29);
    await heardFor(1.5 * goneAfterMs);
    expect(names()).toEqual(expected());
    expect(names()).not.toContain(viewerOf(first as Player));
    expect(lab.viewers.stats).toMatchObject({ joins: 30, leaves: 1 });
  });
});
