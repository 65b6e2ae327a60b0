import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { haproxyVersion } from '../support/haproxy';
import { type Lab, startLab } from '../support/lab';
import { profiles } from '../support/matrix';
import { until } from '../support/until';

const token = 'a-token-for-tests';

describe.each(profiles)(`HAProxy ${haproxyVersion}, %s servers: an operator moves a stream`, (profile) => {
  let lab: Lab;
  let folder: string;
  let number = 0;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mtxpilot-store-'));
    lab = await startLab({ push: true, sim: { profile }, agentConfig: { http: { token }, store: { folder } } });
  });
  afterAll(async () => {
    await lab.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A stream on mtx1 and, newer, on mtx2: viewers go to mtx2 unless somebody says otherwise. */
  async function stream(): Promise<string> {
    const name = `live/moved-${number++}`;
    lab.fleet.server('mtx1').publish(name);
    await routeIs(name, 'mtx1');
    lab.fleet.server('mtx2').publish(name);
    await routeIs(name, 'mtx2');
    return name;
  }

  async function routeOf(name: string): Promise<string | undefined> {
    return /value="([^"]+)"/.exec(await lab.haproxy.runtime(`get map routes.map ${name}`))?.[1];
  }

  const routeIs = (name: string, server: string | undefined) =>
    until(`${name} on ${server} in routes.map`, async () => (await routeOf(name)) === server);

  async function change(method: string, name: string, body: object): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`${lab.agent.url}/v1/streams/${encodeURIComponent(name)}/move`, {
      method,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  }

  const move = (name: string, server: string, more: object = {}) =>
    change('POST', name, { server, reason: 'a test', operator: 'ada', ...more });

  async function serverOfNext(name: string): Promise<string | undefined> {
    const player = lab.player(name);
    expect(await player.load()).toBe(200);
    expect(await player.round()).toBe(200);
    return new Set(player.answers.map(({ server }) => server)).size === 1 ? player.answers[0]?.server : 'several';
  }

  it('new viewers go there at once, who watches stays; cleared, the rules decide again', async () => {
    const name = await stream();
    const watching = lab.player(name);
    expect(await watching.load()).toBe(200);
    expect(await watching.round()).toBe(200);

    expect(await move(name, 'mtx1')).toMatchObject({ status: 200, body: { stream: name, move: { server: 'mtx1' } } });
    expect(await routeOf(name)).toBe('mtx1');
    expect(await serverOfNext(name)).toBe('mtx1');
    expect(await watching.round()).toBe(200);
    expect(watching.answers.every(({ server }) => server === 'mtx2')).toBe(true);
    expect(lab.haproxy.requests().findLast(({ path }) => path.includes(`${name}/index.m3u8`))).toMatchObject({
      state: 'routed',
      retries: '0',
    });

    expect(await change('DELETE', name, { reason: 'over', operator: 'ada' })).toMatchObject({ status: 200 });
    await routeIs(name, 'mtx2');
    expect(await serverOfNext(name)).toBe('mtx2');
  });

  it('to a server that has not got it: refused, unless forced; then the first viewers find it all the same', async () => {
    const name = await stream();
    const refused = await move(name, 'mtx3');
    expect(refused).toMatchObject({
      status: 409,
      body: { detail: expect.stringMatching(/^mtx3 does not have/) as string },
    });
    expect(await routeOf(name)).toBe('mtx2');
    expect(await move(name, 'mtx3', { force: true })).toMatchObject({ status: 200 });
    expect(await routeOf(name)).toBe('mtx3');
    expect(await lab.player(name).load()).toBe(200);
    lab.fleet.server('mtx3').publish(name);
    await until('a viewer from there', async () => (await serverOfNext(name)) === 'mtx3');
    // The server held it and lost it: the move is over.
    lab.fleet.server('mtx3').unpublish(name);
    await routeIs(name, 'mtx2');
    expect(await lab.agent.get('/v1/moves')).toMatchObject({ body: { moves: [] } });
  });

  it('and the agent is restarted: the move is kept', async () => {
    const name = await stream();
    expect(await move(name, 'mtx1')).toMatchObject({ status: 200 });
    await lab.agent.stop('SIGKILL');
    await lab.restartAgent();
    await lab.located(name, 'mtx1');
    expect(await routeOf(name)).toBe('mtx1');
    await lab.agentsUp(1);
    expect(await serverOfNext(name)).toBe('mtx1');
    expect(await change('DELETE', name, { operator: 'ada' })).toMatchObject({ status: 200 });
    await routeIs(name, 'mtx2');
  });

  it('with its viewers: the next request of each is located anew, of no other stream', async () => {
    const [name, other] = [await stream(), await stream()];
    const players = [lab.player(name), lab.player(name), lab.player(other)];
    for (const player of players) {
      expect(await player.load()).toBe(200);
      expect(await player.round()).toBe(200);
    }
    expect(await move(name, 'mtx1', { moveViewers: true })).toMatchObject({ status: 200 });
    const before = players.map(({ answers }) => answers.length);
    for (const player of players) await player.round();
    const servers = players.map(({ answers }, i) => new Set(answers.slice(before[i]).map(({ server }) => server)));
    expect(servers).toEqual([new Set(['mtx1']), new Set(['mtx1']), new Set(['mtx2'])]);
    // The new server knows nothing of a session of the old one; its player starts again, once.
    for (const player of players.slice(0, 2)) {
      expect(await player.load()).toBe(200);
      expect(await player.round()).toBe(200);
      expect(player.answers.at(-1)?.server).toBe('mtx1');
    }
    expect(players[2]?.answers.filter(({ status }) => status !== 200 && status !== 302)).toEqual([]);
  });
});
