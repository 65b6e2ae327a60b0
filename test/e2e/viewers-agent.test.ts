import { haproxyVersion } from '../support/haproxy';
import { type Lab, startLab } from '../support/lab';
import type { Player } from '../support/player';
import { until } from '../support/until';

describe(`HAProxy ${haproxyVersion}: the agent counts viewers`, () => {
  let lab: Lab;
  afterEach(() => lab.stop());

  async function watch(count: number): Promise<readonly Player[]> {
    const players = Array.from({ length: count }, () => lab.player('live/a'));
    for (const player of players) {
      expect(await player.load()).toBe(200);
      expect(await player.round()).toBe(200);
    }
    return players;
  }

  /** Until all are counted at once, they play: on a busy machine the first is gone before the last has come. */
  async function countedWhilePlaying(players: readonly Player[]): Promise<void> {
    await until(`${players.length} viewers`, async () => {
      if ((await lab.agent.metric('mtxpilot_viewers')) === players.length) return true;
      for (const player of players) expect(await player.round()).toBe(200);
      return false;
    });
  }

  async function publish(): Promise<void> {
    lab.fleet.server('mtx2').publish('live/a');
    await lab.located('live/a', 'mtx2');
  }

  it('as the peer of the shipped haproxy.cfg, with the default settings', async () => {
    lab = await startLab();
    await publish();
    await until('the link', async () => (await lab.agent.metric('mtxpilot_peers_nodes')) === 1);
    await countedWhilePlaying(await watch(12));
    expect(await lab.agent.metric('mtxpilot_server_viewers', { server: 'mtx2' })).toBe(12);
    expect(await lab.agent.metric('mtxpilot_server_viewers')).toBe(12);
    await until('all to be gone', async () => (await lab.agent.metric('mtxpilot_viewer_leaves_total')) >= 12, 100);
    await until('nobody to be left', async () => (await lab.agent.metric('mtxpilot_viewers')) === 0);
  });

  it('by reading the table, where it is no peer', async () => {
    lab = await startLab({ agentConfig: { peers: { listen: 'off' } } });
    await publish();
    await countedWhilePlaying(await watch(12));
    expect(await lab.agent.metric('mtxpilot_server_viewers', { server: 'mtx2' })).toBe(12);
    expect(await lab.agent.metric('mtxpilot_table_polls_total', { result: 'failed' })).toBe(0);
    await until('all to be gone', async () => (await lab.agent.metric('mtxpilot_viewer_leaves_total')) >= 12, 100);
  });

  it.each(['pre-session', 'session'] as const)(
    'with readers by other ways told apart, and HLS counted once (%s servers)',
    async (profile) => {
      lab = await startLab({
        sim: { profile },
        agentConfig: { directory: { interval: '100ms' }, viewers: { goneAfter: '10m' } },
      });
      await publish();
      const stops = ['rtspSession', 'rtspSession', 'rtmpConn', 'srtConn', 'webRTCSession'].map((type) =>
        lab.fleet.server('mtx2').read('live/a', type),
      );
      await watch(3);
      const seen = async () => {
        const { total, readers } = (await lab.agent.get('/v1/viewers?stream=live/a')).body as {
          total: { viewers: number };
          readers: Record<string, number>;
        };
        return { viewers: total.viewers, readers };
      };
      const expected = (rtsp: number) => ({ viewers: 3, readers: { rtsp, rtmp: 1, srt: 1, webrtc: 1, other: 0 } });
      await until('3 viewers and 5 readers', async () => JSON.stringify(await seen()) === JSON.stringify(expected(2)));
      // Several lists, in which MediaMTX shows its HLS viewers too.
      const listed = () => lab.fleet.server('mtx2').counters()['paths/list'];
      const since = listed();
      await until('more lists', () => listed() >= since + 3);
      expect(await seen()).toEqual(expected(2));
      const mtx2 = async () => {
        const { servers } = (await lab.agent.get('/v1/servers')).body as {
          servers: { name: string; control: { viewersLeft: number | null } }[];
        };
        return servers.find(({ name }) => name === 'mtx2');
      };
      const hlsSessions = profile === 'session' ? 3 : 0;
      expect(await mtx2()).toMatchObject({ viewers: 3, readers: 5, hlsSessions });
      // Counted by control, in its own time.
      await until('8 who are left', async () => (await mtx2())?.control.viewersLeft === 8);
      const { holders } = (await lab.agent.get('/v1/streams/live/a')).body as { holders: object[] };
      expect(holders).toMatchObject([{ server: 'mtx2', readers: 5, readersByProtocol: { rtsp: 2, webrtc: 1 } }]);
      for (const stop of stops.slice(0, 2)) stop();
      await until('two to be gone', async () => (await seen()).readers['rtsp'] === 0);
      expect(await seen()).toMatchObject(expected(0));
    },
  );

  it("hears from HAProxy's table where a stream went, without another list or question", async () => {
    // Lists only at the start: whatever is known after it comes from elsewhere.
    lab = await startLab({ agentConfig: { directory: { interval: '1h' }, lookup: { ttl: '1h' } } });
    lab.fleet.server('mtx2').publish('live/a');
    await watch(1);
    await lab.located('live/a', 'mtx2');
    await until('the link', async () => (await lab.agent.metric('mtxpilot_peers_nodes')) === 1);
    lab.fleet.server('mtx2').unpublish('live/a');
    lab.fleet.server('mtx3').publish('live/a');
    // Sent to mtx2, HAProxy finds mtx3 within the same request.
    const calls = () => lab.fleet.servers.map((server) => server.counters());
    const before = calls();
    expect(await lab.player('live/a').load()).toBe(200);
    await lab.located('live/a', 'mtx3');
    const since = (call: 'paths/get' | 'paths/list') => calls().map((now, i) => now[call] - (before[i]?.[call] ?? 0));
    // Only when the new holder has confirmed.
    await until('the former holder to be asked', () => since('paths/get')[1] === 1);
    // The new holder confirms, the former one denies.
    expect({ asked: since('paths/get'), listed: since('paths/list') }).toEqual({ asked: [0, 1, 1], listed: [0, 0, 0] });
  });
});
