import { readFileSync } from 'node:fs';
import { Webhook } from 'standardwebhooks';
import { type EventLab, expectOrder, startEventLab } from '../support/event-lab';
import { haproxyVersion } from '../support/haproxy';
import { until } from '../support/until';

const secret = `whsec_${Buffer.alloc(32, 3).toString('base64')}`;

describe(`HAProxy ${haproxyVersion}: the events of publishers`, () => {
  let events: EventLab;

  beforeEach(async () => {
    events = await startEventLab({ webhook: { secret, token: 'let me in' } });
  });
  afterEach(() => events.stop());

  const server = (name: string) => events.lab.fleet.server(name);
  const status = async (stream: string) => (await events.lab.agent.get(`/v1/streams/${stream}`)).status;
  const away = (stream: string) => until(`${stream} is away`, async () => (await status(stream)) === 404);
  const back = (stream: string) => until(`${stream} is back`, async () => (await status(stream)) === 200);
  /** The grace is over, and what was to be told at its end was. */
  const graceOver = async () => {
    const overAtMs = performance.now() + 1.5 * events.endGraceMs;
    await until('the grace to be over', () => performance.now() > overAtMs);
    await until(
      'nothing to be pending',
      async () => (await events.lab.agent.metric('mtxpilot_stream_events_pending')) === 0,
    );
  };

  /** Each once in the log, all that is in it at the receiver, nothing else, in order for each stream, and signed. */
  async function expectDelivery(): Promise<void> {
    await events.delivered();
    const logged = await events.logged();
    expect(new Set(logged.map(({ id }) => id)).size).toBe(logged.length);
    const accepted = events.accepted();
    const ids = new Set(logged.map(({ id }) => id));
    expect(accepted.every(({ event }) => ids.has(event.id))).toBe(true);
    expectOrder(accepted);
    const verifier = new Webhook(secret);
    for (const { headers, body, event } of accepted) {
      expect(headers.authorization).toBe('Bearer let me in');
      expect(headers['webhook-id']).toBe(event.id);
      expect(verifier.verify(body, headers as Record<string, string>)).toEqual(event);
    }
  }

  it('that flap, move, are two, die and come back: the exact list, each event once, with all that belongs to one', async () => {
    server('mtx1').publish('live/a');
    await events.told('started live/a mtx1');

    // Flaps: each away shorter than the grace, and seen to be away.
    for (let flap = 0; flap < 3; flap++) {
      server('mtx1').unpublish('live/a');
      await away('live/a');
      server('mtx1').publish('live/a');
      await back('live/a');
    }
    await graceOver();

    // Within the grace on another server; at once, and having been seen to be away.
    events.lab.fleet.move('live/a', 'mtx2');
    await events.told('moved live/a mtx1 mtx2');
    server('mtx2').unpublish('live/a');
    await away('live/a');
    server('mtx3').publish('live/a');
    await events.told('moved live/a mtx2 mtx3');

    // Two publishers for longer than the grace; then one again.
    server('mtx1').publish('live/a');
    await events.told('conflict live/a mtx1');
    server('mtx3').unpublish('live/a');
    await graceOver();
    // Two for a moment only.
    server('mtx2').publish('live/a');
    await events.told('moved live/a mtx1 mtx2');
    server('mtx1').unpublish('live/a');
    await graceOver();

    // Gone for good, and back after that, elsewhere.
    server('mtx2').unpublish('live/a');
    await events.told('ended live/a mtx2');
    server('mtx3').publish('live/a');
    await events.told('started live/a mtx3');

    // Its server dies.
    await server('mtx3').kill();
    await events.told('ended live/a mtx3');
    await server('mtx3').restart();
    server('mtx3').publish('live/a');
    await events.told('started live/a mtx3', 2);

    expect((await events.story()).filter((line) => !line.startsWith('server.'))).toEqual([
      'agent.started',
      'started live/a mtx1',
      'moved live/a mtx1 mtx2',
      'moved live/a mtx2 mtx3',
      'moved live/a mtx3 mtx1',
      'conflict live/a mtx1',
      'moved live/a mtx1 mtx2',
      'ended live/a mtx2',
      'started live/a mtx3',
      'ended live/a mtx3',
      'started live/a mtx3',
    ]);

    const examples = [...readFileSync('docs/events.md', 'utf8').matchAll(/```json\n(.*?)```/gs)].map(
      ([, text = '']) => JSON.parse(text) as { type: string; data: object },
    );
    const logged = await events.logged();
    for (const { type, data } of logged) {
      const example = examples.find((one) => one.type === type);
      expect(Object.keys(example?.data ?? {})).toEqual(expect.arrayContaining(Object.keys(data)));
    }
    for (const { specversion, time, source, subject, type, data } of logged) {
      expect(specversion).toBe('1.0');
      expect(new Date(time).toISOString()).toBe(time);
      expect(source).toMatch(/^\/mtxpilot\/./);
      expect(typeof data['evidence']).toBe('string');
      expect(subject).toBe(data['stream'] ?? data['server'] ?? null);
      if (type.startsWith('stream.')) expect(data).toMatchObject({ stream: 'live/a', server: expect.any(String) });
    }
    const reasons = logged.flatMap(({ type, data }) => (type === 'stream.ended' ? [data['reason']] : []));
    expect(reasons[0]).toBe('its publisher left');
    expect(reasons[1]).toMatch(/^mtx3 (is DOWN|no longer reports it)$/);
    await expectDelivery();
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'while the agent is away after %s: what changed, and nothing of what is as it was',
    async (signal) => {
      const streams = ['stays', 'ends', 'moves', 'flaps', 'leaves', 'two'].map((name) => `live/${name}`);
      for (const stream of streams) server('mtx1').publish(stream);
      for (const stream of streams) await events.told(`started ${stream} mtx1`);
      server('mtx2').publish('live/two');
      await events.told('conflict live/two mtx2');
      const before = await events.story();
      expect(before.toSorted()).toEqual(
        [
          'agent.started',
          ...streams.map((stream) => `started ${stream} mtx1`),
          'moved live/two mtx1 mtx2',
          'conflict live/two mtx2',
        ].sort(),
      );

      // One begins its grace just before.
      server('mtx1').unpublish('live/leaves');
      await away('live/leaves');
      await events.lab.agent.stop(signal);
      server('mtx1').unpublish('live/ends');
      events.lab.fleet.move('live/moves', 'mtx3');
      server('mtx1').unpublish('live/flaps');
      server('mtx1').publish('live/flaps');
      server('mtx3').publish('live/new');
      await events.lab.restartAgent();
      await events.told('ended live/leaves mtx1');
      await events.told('ended live/ends mtx1');
      await graceOver();

      const after = (await events.story()).slice(before.length);
      expect(after.toSorted()).toEqual([
        'agent.started',
        'ended live/ends mtx1',
        'ended live/leaves mtx1',
        'moved live/moves mtx1 mtx3',
        'started live/new mtx3',
      ]);
      await expectDelivery();
    },
  );

  it('over one restart after the other in the middle of changes: every change once', async () => {
    const expected: string[] = [];
    let at = 'mtx1';
    server(at).publish('live/a');
    await events.told('started live/a mtx1');
    for (const [round, signal] of (['SIGKILL', 'SIGTERM', 'SIGKILL', 'SIGKILL'] as const).entries()) {
      const to = `mtx${((round + 1) % 3) + 1}`;
      events.lab.fleet.move('live/a', to);
      expected.push(`moved live/a ${at} ${to}`);
      at = to;
      // At once: it may have been told, kept, delivered, or nothing of that.
      await events.restartAgent(signal);
      await until(
        'it is told',
        async () => (await events.story()).filter((line) => line.startsWith('moved')).length > round,
      );
    }
    const story = (await events.story()).filter((line) => line.includes('live/a'));
    expect(story).toEqual(['started live/a mtx1', ...expected]);
    await expectDelivery();
  });
});
