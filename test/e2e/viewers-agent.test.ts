import { haproxyVersion } from '../support/haproxy';
import { type Lab, startLab } from '../support/lab';
import { until } from '../support/until';

describe(`HAProxy ${haproxyVersion}: the agent counts viewers`, () => {
  let lab: Lab;
  afterEach(() => lab.stop());

  async function watch(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const player = lab.player('live/a');
      expect(await player.load()).toBe(200);
      expect(await player.round()).toBe(200);
    }
  }

  async function publish(): Promise<void> {
    lab.fleet.server('mtx2').publish('live/a');
    await lab.located('live/a', 'mtx2');
  }

  it('as the peer of the shipped haproxy.cfg, with the default settings', async () => {
    lab = await startLab();
    await publish();
    await until('the link', async () => (await lab.agent.metric('mtxpilot_peers_nodes')) === 1);
    await watch(12);
    await until('12 viewers', async () => (await lab.agent.metric('mtxpilot_viewers')) === 12);
    expect(await lab.agent.metric('mtxpilot_server_viewers', { server: 'mtx2' })).toBe(12);
    expect(await lab.agent.metric('mtxpilot_server_viewers')).toBe(12);
    await until('all to be gone', async () => (await lab.agent.metric('mtxpilot_viewer_leaves_total')) === 12, 100);
    expect(await lab.agent.metric('mtxpilot_viewers')).toBe(0);
  });

  it('by reading the table, where it is no peer', async () => {
    lab = await startLab({ agentConfig: { peers: { listen: 'off' } } });
    await publish();
    await watch(12);
    await until('12 viewers', async () => (await lab.agent.metric('mtxpilot_viewers')) === 12, 100);
    expect(await lab.agent.metric('mtxpilot_server_viewers', { server: 'mtx2' })).toBe(12);
    expect(await lab.agent.metric('mtxpilot_table_polls_total', { result: 'failed' })).toBe(0);
    await until('all to be gone', async () => (await lab.agent.metric('mtxpilot_viewer_leaves_total')) === 12, 100);
  });

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
    expect(await lab.player('live/a').load()).toBe(200);
    await lab.located('live/a', 'mtx3');
  });
});
