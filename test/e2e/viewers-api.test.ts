import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { haproxyVersion } from '../support/haproxy';
import { type Lab, startLab } from '../support/lab';
import type { Player } from '../support/player';
import { until } from '../support/until';
import { viewerOf } from '../support/viewer-lab';

interface Counted {
  readonly name: string;
  readonly viewers: number;
  readonly peak: number;
}
interface Answer {
  readonly total: { readonly viewers: number; readonly peak: number };
  readonly streams: readonly Counted[];
  readonly servers: readonly Counted[];
  readonly viewers: readonly { readonly stream: string; readonly session: string; readonly server: string }[];
}
interface Told {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

describe(`HAProxy ${haproxyVersion}: who watches, as the agent tells`, () => {
  let lab: Lab;
  let folder: string;
  /** Who plays on; each asks for its playlist again and again. */
  const playing = new Set<Player>();
  let over = false;
  let loop: Promise<void>;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mtxpilot-viewers-'));
    lab = await startLab({
      push: true,
      agentConfig: {
        // However slowly they play on a busy machine, those who play are there.
        viewers: { goneAfter: '10s' },
        events: { viewers: true, unwatchedAfter: '1s' },
        store: { folder: join(folder, 'state') },
      },
    });
    for (const [server, stream] of [
      ['mtx1', 'live/a'],
      ['mtx2', 'live/b'],
    ] as const) {
      lab.fleet.server(server).publish(stream);
      await lab.located(stream, server);
    }
    loop = (async () => {
      while (!over) {
        for (const player of playing) await player.round().catch(() => 0);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    })();
  });
  afterAll(async () => {
    over = true;
    await loop;
    await lab.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function joins(stream: string): Promise<Player> {
    const player = lab.player(stream);
    expect(await player.load()).toBe(200);
    expect(await player.round()).toBe(200);
    playing.add(player);
    return player;
  }
  const viewers = async (query = '') => (await lab.agent.get(`/v1/viewers?${query}`)).body as Answer;
  const numberOf = async (path: string, list: string, name: string) => {
    const body = (await lab.agent.get(path)).body as Record<string, readonly Counted[]>;
    return body[list]?.find((one) => one.name === name)?.viewers;
  };
  const run = (...args: string[]): Promise<{ code: number | null; out: string }> =>
    new Promise((resolve) => {
      const child = spawn(process.execPath, ['dist/cli/main.js', ...args], {
        env: { ...process.env, MTXPILOT_HTTP_ADMIN_SOCKET: lab.agent.adminSocket },
      });
      let out = '';
      child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
      child.once('close', (code) => resolve({ code, out }));
    });
  const events = async (types: string) =>
    ((await lab.agent.get(`/v1/events?limit=1000&type=${types}`)).body as { events: Told[] }).events;
  const audience = async (stream: string) =>
    (await events('stream.watched,stream.unwatched'))
      .filter(({ data }) => data['stream'] === stream)
      .map(({ type }) => type.slice('stream.'.length));

  it('players join and leave: API, command line and events say so', async () => {
    const first = await joins('live/a');
    const second = await joins('live/a');
    const other = await joins('live/b');
    const all = [first, second, other].map(viewerOf).sort();
    await until('three viewers', async () => (await viewers()).total.viewers === 3);
    const seen = await viewers();
    expect(seen.viewers.map(({ stream, session }) => `${stream}|${session}`).sort()).toEqual(all);
    expect(seen).toMatchObject({
      total: { viewers: 3, peak: 3 },
      streams: [
        { name: 'live/a', viewers: 2, peak: 2 },
        { name: 'live/b', viewers: 1, peak: 1 },
      ],
      servers: [
        { name: 'mtx1', viewers: 2 },
        { name: 'mtx2', viewers: 1 },
      ],
    });
    expect((await viewers('server=mtx2')).viewers).toMatchObject([{ stream: 'live/b', server: 'mtx2' }]);
    expect((await viewers('stream=live/a')).viewers.length).toBe(2);
    expect(await numberOf('/v1/streams', 'streams', 'live/a')).toBe(2);
    expect(await numberOf('/v1/servers', 'servers', 'mtx1')).toBe(2);
    expect(await numberOf('/v1/servers', 'servers', 'mtx3')).toBe(0);

    const shown = await run('viewers', '--stream', 'live/a');
    expect(shown.code).toBe(0);
    expect(shown.out).toMatch(/^live\/a +2 +2 /m);
    expect(shown.out).toMatch(/^mtx1 +2 +2 /m);
    for (const player of [first, second]) expect(shown.out).toContain(viewerOf(player).split('|')[1]);
    expect(shown.out).not.toContain(viewerOf(other).split('|')[1]);
    const json = JSON.parse((await run('viewers', '--json')).out) as Answer;
    expect(json.viewers.length).toBe(3);

    expect(await audience('live/a')).toEqual(['watched']);
    playing.delete(first);
    await until('the first to be gone', async () => (await viewers('stream=live/a')).viewers.length === 1);
    // Somebody watches still.
    expect(await audience('live/a')).toEqual(['watched']);
    playing.delete(second);
    await until('nobody to watch live/a', async () => (await audience('live/a')).length === 2);
    expect(await audience('live/a')).toEqual(['watched', 'unwatched']);
    expect(await audience('live/b')).toEqual(['watched']);
    expect(await viewers()).toMatchObject({ total: { viewers: 1, peak: 3 } });
    expect((await run('viewers', '--stream', 'live/a')).out).toMatch(/^live\/a +0 +2 /m);

    const told = (await events('viewer.joined,viewer.left')).map(
      ({ type, data }) => `${type} ${String(data['stream'])}|${String(data['session'])}`,
    );
    expect(told.slice().sort()).toEqual(
      [
        ...all.map((name) => `viewer.joined ${name}`),
        ...[first, second].map((player) => `viewer.left ${viewerOf(player)}`),
      ].sort(),
    );
  });

  it('an agent that is killed tells nothing twice, and what ended while it was away', async () => {
    expect(await audience('live/b')).toEqual(['watched']);
    const again = await joins('live/a');
    await until('live/a to be watched', async () => (await audience('live/a')).at(-1) === 'watched');
    await lab.agent.stop('SIGKILL');
    playing.delete(again);
    await lab.restartAgent();
    await until('live/a to be unwatched', async () => (await audience('live/a')).at(-1) === 'unwatched');
    expect(await audience('live/a')).toEqual(['watched', 'unwatched', 'watched', 'unwatched']);
    expect(await audience('live/b')).toEqual(['watched']);
    expect((await viewers()).viewers).toMatchObject([{ stream: 'live/b', server: 'mtx2' }]);
  });
});
