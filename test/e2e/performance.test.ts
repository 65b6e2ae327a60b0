import { operationNames } from '../../src/measure';
import { type Lab, startLab } from '../support/lab';
import { until } from '../support/until';
import { type Receiver, startReceiver } from '../unit/events/receiver';

interface Times {
  readonly operation: string;
  readonly count: number;
  readonly errors: number;
  readonly p99: number | null;
}

describe('how long things took, told by an agent at work', () => {
  let lab: Lab;
  let receiver: Receiver;

  beforeAll(async () => {
    receiver = await startReceiver();
    lab = await startLab({ agentConfig: { events: { webhooks: { hook: { url: receiver.url } } } } });
  });
  afterAll(async () => {
    await lab.stop();
    await receiver.stop();
  });

  const all = async () => {
    const { body } = await lab.agent.get('/metrics/performance?window=1h');
    return new Map((body as { operations: Times[] }).operations.map((times) => [times.operation, times]));
  };

  it('every operation is counted by who does it, as often as the metrics say', async () => {
    await lab.agentsUp(1);
    lab.fleet.server('mtx1').publish('live/a');
    await lab.player('live/a').load();
    await lab.listed('live/a', 'mtx1');
    for (let i = 0; i < 20; i++) await lab.player('live/a').load();
    await lab.player('live/nobody').load();
    const times = await until('every operation', async () => {
      const seen = await all();
      return [...seen.values()].every(({ count }) => count > 0) && seen;
    });
    expect([...times.keys()]).toEqual(operationNames);
    expect(times.get('route_decision')?.count).toBe(await lab.agent.metric('mtxpilot_decisions_total'));
    expect(times.get('stream_lookup')?.count).toBe(
      (await lab.agent.metric('mtxpilot_lookups_total')) -
        (await lab.agent.metric('mtxpilot_lookups_total', { result: 'over_budget' })),
    );
    for (const { operation, p99 } of times.values()) {
      expect([operation, p99 !== null && p99 > 0 && p99 < 60_000]).toEqual([operation, true]);
    }
  });

  it('what fails is an error', async () => {
    const errorsOf = async (operation: string) => (await all()).get(operation)?.errors ?? 0;
    const before = await errorsOf('inventory_poll');
    await lab.fleet.server('mtx2').setFault('api', { kind: 'status', status: 500 });
    await until('a list that failed', async () => (await errorsOf('inventory_poll')) > before);
  });
});
