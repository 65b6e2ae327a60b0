import { haproxyVersion } from '../support/haproxy';
import { type Lab, startLab } from '../support/lab';
import { profiles } from '../support/matrix';
import type { Player } from '../support/player';
import { until } from '../support/until';

interface Controlled {
  name: string;
  control: {
    wanted: string;
    because: string;
    viewersLeft?: number;
    safeToStop: boolean;
    notSafeBecause: string;
    nodes: { administrative: string; viewers?: number }[];
  };
}

const token = 'a-token-for-this-test';

describe.each(profiles)(`HAProxy ${haproxyVersion}, %s servers: an operator takes a server out`, (profile) => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await startLab({ push: true, sim: { profile }, agentConfig: { http: { token } } });
    // The newest publisher of live/a is on mtx1; mtx2 has it too.
    lab.fleet.server('mtx2').publish('live/a');
    await lab.located('live/a', 'mtx2');
    lab.fleet.server('mtx1').publish('live/a');
    lab.fleet.server('mtx2').publish('live/b');
    lab.fleet.server('mtx3').publish('live/c');
    await lab.located('live/a', 'mtx1');
    await lab.located('live/b', 'mtx2');
    await lab.located('live/c', 'mtx3');
  });
  afterAll(() => lab.stop());

  async function order(server: string, kind: string, body: Record<string, unknown> = {}): Promise<void> {
    const response = await fetch(`${lab.agent.url}/v1/servers/${server}/${kind}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ reason: 'update', operator: 'ada', ...body }),
    });
    if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  }
  async function server(name: string): Promise<Controlled['control']> {
    const { servers } = (await lab.agent.get('/v1/servers')).body as { servers: Controlled[] };
    const found = servers.find((each) => each.name === name);
    if (found === undefined) throw new Error(`no ${name}`);
    return found.control;
  }
  const state = async (name: string) => {
    const text = await lab.haproxy.runtime('show servers state mtx');
    const words = text.split('\n').map((line) => line.split(' '));
    return Number(words.find(([, , , server]) => server === name)?.[6]);
  };

  async function audience(stream: string, count: number): Promise<Player[]> {
    const players = Array.from({ length: count }, () => lab.player(stream));
    for (const player of players) {
      expect(await player.load()).toBe(200);
      expect(await player.round()).toBe(200);
    }
    return players;
  }
  /** What they were answered from now on, and not by that server. */
  const answeredElsewhere = (players: readonly Player[], than: string) => {
    // How many answers each has had depends on when it came: segments were made meanwhile.
    const before = new Map(players.map((player) => [player, player.answers.length]));
    return () =>
      players.flatMap((player) =>
        player.answers
          .slice(before.get(player) ?? 0)
          .filter(({ server: name }) => name !== than)
          .map(({ kind, status, server: name, path }) => `${kind} ${status} ${name ?? ''} ${path}`),
      );
  };
  const servedBy = (players: readonly Player[]) => [
    ...new Set(players.flatMap((player) => player.answers.map(({ server: name }) => name))),
  ];

  it('drain, maint, ready with players watching: nobody else notices, whoever watched there is located anew', async () => {
    const others = [...(await audience('live/b', 5)), ...(await audience('live/c', 5))];
    const watching = await audience('live/a', 5);
    expect(servedBy(watching)).toEqual(['mtx1']);
    let over = false;
    const playOn = Promise.all(
      others.map(async (player) => {
        while (!over) {
          await player.load();
          await player.round();
        }
      }),
    );

    await order('mtx1', 'drain');
    expect(await state('mtx1')).toBe(8);
    // Those who watch there go on there.
    for (const player of watching) expect(await player.round()).toBe(200);
    expect(servedBy(watching)).toEqual(['mtx1']);
    const drained = await until('its viewers to be counted', async () => {
      const seen = await server('mtx1');
      return (seen.viewersLeft ?? 0) >= 5 && seen;
    });
    expect(drained).toMatchObject({ wanted: 'drain', because: 'ada: update', safeToStop: false });
    expect(drained.notSafeBecause).toMatch(/^\d+ viewers watch from it$/);

    await order('mtx1', 'maint');
    expect(await state('mtx1')).toBe(1);
    const elsewhere = answeredElsewhere(watching, 'mtx2');
    for (const player of watching) {
      const status = await player.round();
      // Servers with sessions of their own know only those that began with them: the player begins anew, once.
      if (profile === 'session' && status !== 200) expect(await player.load()).toBe(200);
      expect(await player.round()).toBe(200);
    }
    // With HAProxy's own words about it, should one have gone elsewhere.
    const astray = elsewhere();
    expect(astray.length === 0 ? [] : [...astray, ...lab.haproxy.requests().map(({ line }) => line)]).toEqual([]);
    await until('nobody to be left', async () => (await server('mtx1')).viewersLeft === 0);
    // Both copies of live/a lived; it is not only there.
    await until('safe to stop', async () => (await server('mtx1')).safeToStop);
    await lab.fleet.server('mtx1').kill();

    await lab.fleet.server('mtx1').restart();
    await order('mtx1', 'ready');
    expect(await state('mtx1')).toBe(0);
    over = true;
    await playOn;
    const failed = others.flatMap(({ answers }) => answers.filter(({ status }) => status !== 200 && status !== 302));
    expect(failed).toEqual([]);
    expect(new Set(servedBy(others))).toEqual(new Set(['mtx2', 'mtx3']));
    const commands = await lab.agent.metric('mtxpilot_control_commands_total', {
      command: 'set_state',
      result: 'done',
    });
    expect(commands).toBe(3);
  });

  it('an agent that was killed and started again goes on where it was, and takes nothing back', async () => {
    await order('mtx3', 'drain');
    await lab.agent.stop('SIGKILL');
    await lab.restartAgent();
    // Without a folder it remembers nothing: what it had set is somebody else's now, and stays.
    await until('the hand', async () => (await server('mtx3')).wanted === 'external');
    expect(await state('mtx3')).toBe(8);
    await order('mtx3', 'ready');
    expect(await state('mtx3')).toBe(0);
  });
});
