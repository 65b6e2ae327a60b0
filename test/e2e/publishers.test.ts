import { haproxyVersion } from '../support/haproxy';
import { type Lab, startLab } from '../support/lab';
import { combinations } from '../support/matrix';
import { until } from '../support/until';

describe.each(combinations)(
  `HAProxy ${haproxyVersion}, $profile servers, bridge $bridge: publishers`,
  ({ profile, bridge }) => {
    let lab: Lab;
    let number = 0;

    beforeAll(async () => {
      lab = await startLab({ bridge, sim: { profile } });
    });
    afterAll(() => lab.stop());

    const newStream = () => `live/move-${number++}`;

    /** Loads the master of a stream again and again until `done`; returns the final status of each load. */
    async function keepLoading(stream: string, done: () => boolean): Promise<number[]> {
      const statuses: number[] = [];
      while (!done()) statuses.push(await lab.player(stream).load());
      return statuses;
    }

    it('a publisher moves: not one failed master, and the next ones come from the new server', async () => {
      const stream = newStream();
      lab.fleet.server('mtx1').publish(stream);
      await lab.located(stream, 'mtx1');
      const playing = lab.player(stream);
      expect(await playing.load()).toBe(200);
      let over = false;
      const loading = keepLoading(stream, () => over);
      lab.fleet.move(stream, 'mtx3');
      await lab.located(stream, 'mtx3');
      const after = lab.player(stream);
      expect(await after.load()).toBe(200);
      expect(await after.round()).toBe(200);
      over = true;
      expect(after.answers.every(({ server }) => server === 'mtx3')).toBe(true);
      expect(new Set(await loading)).toEqual(new Set([200]));
      // Who was playing starts again, as players do.
      expect(await playing.load()).toBe(200);
      expect(await playing.round()).toBe(200);
    });

    it('a server is killed and the publisher returns on another: the next master is right', async () => {
      const stream = newStream();
      lab.fleet.server('mtx2').publish(stream);
      await lab.located(stream, 'mtx2');
      const player = lab.player(stream);
      await player.load();
      expect(await player.round()).toBe(200);
      await lab.fleet.server('mtx2').kill();
      lab.fleet.server('mtx1').publish(stream);
      expect(await player.load()).toBe(200);
      expect(await player.round()).toBe(200);
      expect(player.answers.at(-1)?.server).toBe('mtx1');
      await lab.fleet.server('mtx2').restart();
    });

    it('a stream on two servers belongs to the newest publisher, and that is counted', async () => {
      const stream = newStream();
      lab.fleet.server('mtx1').publish(stream);
      await lab.located(stream, 'mtx1');
      lab.fleet.server('mtx2').publish(stream);
      await lab.located(stream, 'mtx2');
      const player = lab.player(stream);
      expect(await player.load()).toBe(200);
      expect(player.answers.every(({ server }) => server === 'mtx2')).toBe(true);
      await until(
        'the conflict to be counted',
        async () => (await lab.agent.metric('mtxpilot_stream_conflicts_total')) > 0,
      );
      lab.fleet.server('mtx2').unpublish(stream);
      expect(await lab.player(stream).load()).toBe(200);
    });

    it('a stream that is nowhere is 404 from one server only, and found at once when it is published', async () => {
      const stream = newStream();
      for (const server of lab.fleet.servers) server.resetTraffic();
      expect(await lab.player(stream).load()).toBe(404);
      const masters = lab.fleet.servers.map((server) => server.counters().master);
      expect(masters.filter((count) => count > 0)).toEqual([profile === 'session' ? 2 : 1]);
      const lists = () => lab.fleet.server('mtx3').counters()['paths/list'];
      const listsBefore = lists();
      lab.fleet.server('mtx3').publish(stream);
      const statuses: number[] = [];
      const player = await until('the stream to play', async () => {
        const next = lab.player(stream);
        statuses.push(await next.load());
        return statuses.at(-1) === 200 && next;
      });
      // The miss is forgotten after half a second, or the next list tells; one more is granted to a machine that is busy.
      expect(lists() - listsBefore).toBeLessThanOrEqual(2);
      expect(new Set(statuses.slice(0, -1))).toEqual(new Set(statuses.length > 1 ? [404] : []));
      // The redirect before it may be of the time before.
      expect(player.answers.at(-1)?.server).toBe('mtx3');
    });
  },
);
