import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { createSimFleet, type SimFleet } from '../../src/sim';
import { type Agent, startAgent } from '../support/agent';
import { type LoopbackBlock, takeLoopbackBlock } from '../support/loopback-block';
import { until } from '../support/until';
import { accept, answer, type Receiver, startReceiver } from '../unit/events/receiver';

interface Told {
  readonly id: string;
  readonly type: string;
  readonly data: { readonly stream?: string; readonly server?: string; readonly from?: string };
}

const secret = `whsec_${Buffer.alloc(32, 3).toString('base64')}`;
const endGraceMs = 1000;

describe('events of an agent and their delivery', () => {
  let block: LoopbackBlock;
  let fleet: SimFleet;
  let folder: string;
  let receiver: Receiver;
  let agent: Agent;

  const closers: (() => unknown)[] = [];

  beforeEach(async () => {
    block = await takeLoopbackBlock();
    closers.push(() => block.release());
    fleet = await createSimFleet({ firstAddress: block.address(11) });
    closers.push(() => fleet.stop());
    folder = mkdtempSync(join(tmpdir(), 'mtxpilot-events-'));
    closers.push(() => rmSync(folder, { recursive: true, force: true }));
    receiver = await startReceiver();
    closers.push(() => receiver.stop());
    agent = await start();
    closers.push(() => agent.stop());
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  function start(): Promise<Agent> {
    const home = block.address(1);
    return startAgent({
      spoe: `${home}:9100`,
      http: `${home}:9101`,
      haproxySocket: join(folder, 'no-haproxy.sock'),
      config: {
        servers: fleet.servers.map(({ name, address }) => ({ name, address: `${address}:8888` })),
        directory: { interval: '100ms' },
        store: { folder: join(folder, 'state') },
        events: {
          endGrace: `${endGraceMs}ms`,
          webhooks: { hook: { url: receiver.url, streams: '**', secret, token: 'let me in' } },
        },
      },
    });
  }

  /** Everything in the log about streams, oldest first. */
  async function logged(): Promise<Told[]> {
    const all: Told[] = [];
    for (let after = '0'.repeat(26); ; ) {
      const { body } = await agent.get(`/v1/events?limit=1000&after=${after}`);
      const { events } = body as { events: Told[] };
      const last = events.at(-1);
      if (last === undefined) return all.filter(({ data }) => data.stream !== undefined);
      all.push(...events);
      after = last.id;
    }
  }
  const sentence = ({ type, data: { stream, server, from } }: Told) =>
    [type.replace('stream.', ''), stream, from, server].filter((word) => word !== undefined).join(' ');
  const story = async () => (await logged()).map(sentence);

  /** Waits until the log's last sentence is this one. */
  async function told(last: string): Promise<void> {
    await until(last, async () => (await story()).at(-1) === last);
  }
  async function delivered(): Promise<void> {
    await until('everything is delivered', async () => {
      const ids = new Set(receiver.accepted.map(({ event }) => event.id));
      return (await logged()).every(({ id }) => ids.has(id));
    });
  }
  /** Of those that were accepted, no first time came before that of an earlier one of the same stream. */
  function expectOrder(): void {
    const seen = new Map<string, string[]>();
    for (const { event } of receiver.accepted) {
      const stream = String(event.data['stream']);
      const ids = seen.get(stream) ?? [];
      if (!ids.includes(event.id)) ids.push(event.id);
      seen.set(stream, ids);
    }
    for (const ids of seen.values()) expect(ids).toEqual([...ids].sort());
  }

  it('are the exact list of what publishers did, over kill -9 and restarts, each once in the log and at the receiver in order', async () => {
    const server = (name: string) => fleet.server(name);
    server('mtx1').publish('live/a');
    await told('started live/a mtx1');

    // Flaps: each away shorter than the grace, and seen to be away.
    for (let flap = 0; flap < 2; flap++) {
      server('mtx1').unpublish('live/a');
      await until('it is away', async () => (await agent.get('/v1/streams/live/a')).status === 404);
      server('mtx1').publish('live/a');
      await until('it is back', async () => (await agent.get('/v1/streams/live/a')).status === 200);
    }

    fleet.move('live/a', 'mtx2');
    await told('moved live/a mtx1 mtx2');

    // The agent dies; meanwhile one stream moves, one starts, and one stays.
    server('mtx1').publish('live/stays');
    server('mtx1').publish('live/ends');
    await until('both started', async () => (await logged()).length === 4);
    await agent.stop('SIGKILL');
    fleet.move('live/a', 'mtx3');
    server('mtx2').publish('live/new');
    server('mtx1').unpublish('live/ends');
    agent = await start();
    await until('all three are told', async () => (await logged()).length === 7);
    const meanwhile = (await story()).slice(2);
    expect(meanwhile.slice(0, 2).sort()).toEqual(['started live/ends mtx1', 'started live/stays mtx1']);
    expect(meanwhile.slice(2).sort()).toEqual([
      'ended live/ends mtx1',
      'moved live/a mtx2 mtx3',
      'started live/new mtx2',
    ]);

    // Two publishers.
    server('mtx1').publish('live/a');
    await told('conflict live/a mtx1');
    server('mtx1').unpublish('live/a');
    await told('moved live/a mtx1 mtx3');

    // Gone for good, and back after that.
    server('mtx3').unpublish('live/a');
    await told('ended live/a mtx3');
    server('mtx3').publish('live/a');
    await told('started live/a mtx3');

    expect((await story()).filter((line) => line.includes('live/a'))).toEqual([
      'started live/a mtx1',
      'moved live/a mtx1 mtx2',
      'moved live/a mtx2 mtx3',
      'moved live/a mtx3 mtx1',
      'conflict live/a mtx1',
      'moved live/a mtx1 mtx3',
      'ended live/a mtx3',
      'started live/a mtx3',
    ]);
    await delivered();
    expectOrder();
    const verifier = new Webhook(secret);
    for (const { headers, body, event } of receiver.accepted) {
      expect(headers.authorization).toBe('Bearer let me in');
      expect(verifier.verify(body, headers as Record<string, string>)).toEqual(event);
    }
  });

  it('lose nothing when the agent is killed with -9 after an event was taken in and before it was delivered', async () => {
    receiver.behave(answer(503));
    for (let n = 0; n < 30; n++) fleet.server(`mtx${(n % 3) + 1}`).publish(`live/${n}`);
    await until('all are in the log', async () => (await logged()).length === 30);
    const before = await logged();
    await agent.stop('SIGKILL');
    expect(receiver.accepted).toEqual([]);
    agent = await start();
    expect(await logged()).toEqual(before);
    receiver.behave(accept);
    await delivered();
    expect(receiver.accepted).toHaveLength(30);
  });

  it('lose nothing and keep the order of each stream when the agent is killed with -9 in the middle of deliveries', async () => {
    let turn = 0;
    receiver.behave((arrival, res) => {
      // Some answers come late, some never arrive: killed in between, the agent cannot know.
      turn++;
      if (turn % 5 === 0) setTimeout(() => accept(arrival, res), 20);
      else if (turn % 7 === 0) res.destroy();
      else accept(arrival, res);
    });
    for (let round = 0; round < 4; round++) {
      for (let n = 0; n < 20; n++) fleet.move(`live/${n}`, `mtx${((n + round) % 3) + 1}`);
      await until('some arrived', () => receiver.accepted.length >= round * 20 + 5);
      await agent.stop('SIGKILL');
      agent = await start();
      await until('all are in the log', async () => (await logged()).length >= (round + 1) * 20);
    }
    await delivered();
    expectOrder();
    const lines = await story();
    expect(lines).toHaveLength(80);
    for (let n = 0; n < 20; n++) {
      const at = (round: number) => `mtx${((n + round) % 3) + 1}`;
      expect(lines.filter((line) => line.split(' ')[1] === `live/${n}`)).toEqual([
        `started live/${n} ${at(0)}`,
        `moved live/${n} ${at(0)} ${at(1)}`,
        `moved live/${n} ${at(1)} ${at(2)}`,
        `moved live/${n} ${at(2)} ${at(3)}`,
      ]);
    }
  });

  it('are shown by the metrics', async () => {
    receiver.behave(answer(500));
    fleet.server('mtx1').publish('live/a');
    await until(
      'it was tried',
      async () => (await agent.metric('mtxpilot_deliveries_total', { result: 'bad_status' })) > 0,
    );
    expect(await agent.metric('mtxpilot_outbox_events', { webhook: 'hook' })).toBe(1);
    expect(await agent.metric('mtxpilot_outbox_age_seconds', { webhook: 'hook' })).toBeGreaterThan(0);
    receiver.behave(accept);
    await until('it came', async () => (await agent.metric('mtxpilot_deliveries_total', { result: 'ok' })) === 1);
    await until('nothing waits', async () => (await agent.metric('mtxpilot_outbox_events')) === 0);
    expect(await agent.metric('mtxpilot_events_total', { type: 'stream.started' })).toBe(1);
    expect(await agent.metric('mtxpilot_events_total', { type: 'agent.started' })).toBe(1);
  });
});
