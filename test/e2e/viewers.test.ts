import { haproxyVersion } from '../support/haproxy';
import { connectionsFrom, type Player } from '../support/player';
import { GiveUp, until } from '../support/until';
import { startViewerLab, type ViewerLab, viewerOf } from '../support/viewer-lab';

const goneAfterMs = 10_000;
const streams = Array.from({ length: 6 }, (_, i) => `live/studio/${i}`);
const holderOf = (stream: string) => `mtx${(streams.indexOf(stream) % 3) + 1}`;

/** One player, at a node. */
interface Watching {
  player: Player;
  node: number;
}

/** Time that goes on only when a test says so: who is gone does not depend on how fast the machine is. */
const clock = { nowMs: Date.now() };
const nowMs = (): number => clock.nowMs;

describe(`HAProxy ${haproxyVersion}: viewers over two nodes`, () => {
  let lab: ViewerLab;
  /** Who plays now; each asks for its playlist again and again. */
  const playing = new Set<Watching>();
  const underWay = new Set<Watching>();
  const refused: string[] = [];
  let over = false;
  let isPaused = false;
  let loops: Promise<void>[] = [];

  beforeAll(async () => {
    // Who pauses comes back, however long the machine takes.
    const sim = { profile: 'session', sessionIdleMs: 3_600_000 } as const;
    lab = await startViewerLab({ nodes: 2, goneAfterMs, nowMs, sim });
    for (const stream of streams) lab.fleet.server(holderOf(stream)).publish(stream);
    // Eight at a time go round.
    const queue: Watching[] = [];
    const loop = async (): Promise<void> => {
      while (!over) {
        if (queue.length === 0 || isPaused) {
          await new Promise((resolve) => setTimeout(resolve, 100));
          if (queue.length === 0) queue.push(...playing);
          continue;
        }
        const next = queue.pop();
        if (next === undefined || !playing.has(next)) continue;
        underWay.add(next);
        const status = await lab.again(next.player, next.node);
        underWay.delete(next);
        if (status !== 200) refused.push(`${viewerOf(next.player)}: ${status}`);
      }
    };
    loops = Array.from({ length: 8 }, loop);
  });
  afterAll(async () => {
    over = true;
    await Promise.all(loops);
    await lab.stop();
  });

  async function join(
    count: number,
    streamOf: (i: number) => string,
    nodeOf: (i: number) => number,
  ): Promise<Watching[]> {
    const joined: Watching[] = [];
    let next = 0;
    const one = async (): Promise<void> => {
      for (let i = next++; i < count; i = next++) {
        const player = lab.player(nodeOf(i), streamOf(i));
        expect(await player.load()).toBe(200);
        expect(await player.round()).toBe(200);
        const watching = { player, node: nodeOf(i) };
        joined.push(watching);
        playing.add(watching);
      }
    };
    await Promise.all(Array.from({ length: 8 }, one));
    return joined;
  }

  /** Nobody asks for a moment, until all that was asked for is over and heard of: what HAProxy tells later is about later requests. */
  async function allHeard(): Promise<void> {
    isPaused = true;
    await until('requests under way to end', () => underWay.size === 0);
    for (const node of [1, 2]) await lab.allTold(node);
    isPaused = false;
  }

  /** So much time goes by that who does not play is gone; whoever plays is seen meanwhile. */
  async function timeGoesBy(): Promise<void> {
    for (let step = 0; step < 2; step++) {
      clock.nowMs += 0.6 * goneAfterMs;
      // What HAProxy tells is a little old when it comes.
      const sinceMs = clock.nowMs - 0.3 * goneAfterMs;
      await until(
        'everybody who plays to be seen',
        () => {
          if (refused.length > 0) throw new GiveUp(refused.join('\n'));
          const seen = new Map(
            lab.viewers
              .list({ limit: 10_000 })
              .viewers.map(({ stream, session, lastSeenMs }) => [`${stream}|${session}`, lastSeenMs]),
          );
          return [...playing].every(({ player }) => (seen.get(viewerOf(player)) ?? 0) > sinceMs);
        },
        100,
      );
    }
  }

  /** Everybody who plays is a viewer, nobody else is, and all sums are right; `later`: once who left is gone. */
  async function expectExact(what: string, later?: 'later'): Promise<void> {
    const expected = [...playing]
      .map(({ player, node }) => `${viewerOf(player)} lb${node} ${holderOf(player.stream)}`)
      .sort();
    const listed = () =>
      lab.viewers
        .list({ limit: 10_000 })
        .viewers.map(({ stream, session, node, server }) => `${stream}|${session} lb${node.slice(2)} ${server}`)
        .sort();
    const wanted = expected.join('\n');
    if (later !== undefined) await allHeard();
    await until(
      what,
      async () => {
        if (later !== undefined) await timeGoesBy();
        // Of two sights at different nodes the later one counts, and in one moment neither is.
        else clock.nowMs++;
        return listed().join('\n') === wanted;
      },
      100,
    ).catch(() => expect(listed()).toEqual(expected));
    const count = (of: (one: Watching) => string) => {
      const counts: Record<string, number> = {};
      for (const one of playing) counts[of(one)] = (counts[of(one)] ?? 0) + 1;
      return counts;
    };
    const seen = (all: Iterable<{ name: string; viewers: number }>) =>
      Object.fromEntries([...all].filter(({ viewers }) => viewers > 0).map(({ name, viewers }) => [name, viewers]));
    expect(seen(lab.viewers.streams())).toEqual(count(({ player }) => player.stream));
    expect(seen(lab.viewers.servers())).toEqual(count(({ player }) => holderOf(player.stream)));
    expect(seen(lab.viewers.nodes())).toEqual(count(({ node }) => `lb${node}`));
    expect(lab.viewers.total().viewers).toBe(playing.size);
    expect(lab.viewers.stats.joins - lab.viewers.stats.leaves).toBe(playing.size);
  }

  it('500 join, pause, leave, switch streams, go to the other node, come back: exact at each step', async () => {
    // Every stream has viewers on both nodes.
    const streamOf = (i: number): string => streams[i % 6] ?? '';
    const nodeOf = (i: number): number => (Math.floor(i / 6) % 2) + 1;
    const all = await join(500, streamOf, nodeOf);
    await expectExact('500 viewers');
    expect(lab.viewers.total().peak).toBe(500);
    expect(lab.viewers.stats.joins).toBe(500);

    const paused = all.slice(0, 100);
    for (const one of [...paused, ...all.slice(100, 150)]) playing.delete(one);
    const switching = all.slice(150, 210);
    for (const one of switching) playing.delete(one);
    await join(60, (i) => streamOf(i + 1), nodeOf);
    await expectExact('150 to be gone, 60 to have switched', 'later');
    expect(lab.viewers.stats).toMatchObject({ joins: 560, leaves: 210 });

    // Pauses that were long enough make a new viewer of the same session.
    for (const one of paused) {
      expect(await lab.again(one.player, one.node)).toBe(200);
      playing.add(one);
    }
    await expectExact('100 to be back');
    expect(lab.viewers.stats).toMatchObject({ joins: 660, leaves: 210 });

    const moving = all.slice(210, 310);
    // Of two sights the later one counts.
    clock.nowMs += 0.3 * goneAfterMs;
    for (const one of moving) one.node = 3 - one.node;
    await expectExact('100 to be on the other node');
    expect(lab.viewers.stats).toMatchObject({ joins: 660, leaves: 210, nodeMoves: 100 });

    playing.clear();
    await expectExact('everybody to be gone', 'later');
    expect(lab.viewers.stats).toMatchObject({ joins: 660, leaves: 660, strangeKeys: 0, overflow: 0 });
    expect(refused).toEqual([]);
    // Who switches is counted with both streams until the time of going is over.
    expect(lab.viewers.total().peak).toBe(560);
    const peaks = Object.fromEntries([...lab.viewers.streams()].map(({ name, peak }) => [name, peak >= 83]));
    expect(peaks).toEqual(Object.fromEntries(streams.map((stream) => [stream, true])));
  });
});

it(`HAProxy ${haproxyVersion}: players that leave the query out are told apart by address and stream, and by nothing else`, async () => {
  const lab = await startViewerLab({ nodes: 1, goneAfterMs, nowMs, sim: { profile: 'pre-session' } });
  try {
    for (const stream of ['live/a', 'live/b']) lab.fleet.server('mtx2').publish(stream);
    for (const stream of ['live/a', 'live/b']) {
      const player = lab.player(1, stream);
      expect(await player.load()).toBe(200);
      expect(await player.round()).toBe(200);
      const path = player.answers.findLast(({ kind }) => kind === 'media')?.path.replace(/\?.*/, '') ?? '';
      for (const address of [101, 102, 101].map((number) => lab.block.address(number))) {
        if (stream === 'live/b' && address === lab.block.address(102)) continue;
        const connections = connectionsFrom(address);
        const { statusCode, body } = await connections.request({
          origin: lab.nodes[0]?.url ?? '',
          path,
          method: 'GET',
        });
        await body.dump();
        await connections.destroy();
        expect(statusCode).toBe(200);
      }
    }
    const [one, two] = [lab.block.address(101), lab.block.address(102)];
    await until('two players and three addresses', () => lab.viewers.total().viewers === 5);
    expect(
      lab.viewers
        .list({ limit: 100 })
        .viewers.filter(({ session }) => session.includes('.'))
        .map(({ stream, session, server }) => `${stream}|${session} ${server}`)
        .sort(),
    ).toEqual([`live/a|${one} mtx2`, `live/a|${two} mtx2`, `live/b|${one} mtx2`].sort());
    expect(new Set(lab.streamEvidence)).toEqual(new Set(['live/a mtx2', 'live/b mtx2']));
  } finally {
    await lab.stop();
  }
});

it(`HAProxy ${haproxyVersion}: what a viewer was sent is counted`, async () => {
  const lab = await startViewerLab({ nodes: 1, goneAfterMs, nowMs, sim: { profile: 'pre-session' } });
  try {
    lab.fleet.server('mtx3').publish('live/a');
    const player = lab.player(1, 'live/a');
    expect(await player.load()).toBe(200);
    expect(await player.round()).toBe(200);
    const bytes = () => lab.viewers.list({ limit: 1 }).viewers[0]?.bytes;
    await until('a viewer', () => bytes() !== undefined);
    // A file that does not change, of known size, and its header.
    const path = player.answers.findLast(({ kind }) => kind === 'init')?.path ?? '';
    const before = bytes() ?? 0;
    let sizeBytes = 0;
    for (let i = 0; i < 50; i++) {
      const answer = await fetch(new URL(path, lab.nodes[0]?.url));
      expect(answer.status).toBe(200);
      sizeBytes += (await answer.arrayBuffer()).byteLength;
    }
    await until('all of it to be counted', () => (bytes() ?? 0) - before >= sizeBytes);
    expect((bytes() ?? 0) - before).toBeLessThan(sizeBytes + 60 * 1000);
  } finally {
    await lab.stop();
  }
});
