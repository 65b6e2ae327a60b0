import type { DemoFleet } from '../../../src/demo/fleet';
import { createHolderLog } from '../../../src/demo/holder-log';
import { demoStreams, make, publishAll, roundMs, steps } from '../../../src/demo/schedule';

/** A fleet without servers that refuses what cannot be. */
function strictFleet() {
  const log = createHolderLog();
  const fleet: DemoFleet = {
    description: 'nothing',
    async publish(stream, server) {
      expect(log.holders(stream)).not.toContain(server);
      log.live(stream, server);
      await Promise.resolve();
    },
    async unpublish(stream, server) {
      expect(log.holders(stream)).toContain(server);
      log.gone(stream, server);
      await Promise.resolve();
    },
    async move(stream, from, to) {
      await fleet.unpublish(stream, from);
      await fleet.publish(stream, to);
    },
    stop: () => Promise.resolve(),
    kill: () => undefined,
  };
  return { fleet, log };
}

describe('schedule', () => {
  it('is in order of time, and within a round', () => {
    const times = steps.map(({ atMs }) => atMs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(Math.max(...times)).toBeLessThanOrEqual(roundMs);
  });

  it('can be carried out step by step, and ends where it began', async () => {
    const { fleet, log } = strictFleet();
    await publishAll(fleet);
    for (const step of steps) await make(step, fleet);
    for (const { name, startsOn } of demoStreams) expect(log.holders(name)).toEqual([startsOn]);
    expect(log.moves).toBeGreaterThan(3);
  });

  it('has a stream that is away for a while, and one that is on two servers for a while', async () => {
    const { fleet, log } = strictFleet();
    await publishAll(fleet);
    const seen = new Set<number>();
    for (const step of steps) {
      await make(step, fleet);
      seen.add(log.holders(step.stream).length);
    }
    expect([...seen].sort()).toEqual([0, 1, 2]);
  });
});
