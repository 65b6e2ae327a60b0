import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Arrival, type Receiver, startReceiver } from '../unit/events/receiver';
import { type Lab, type LabOptions, startLab } from './lab';
import { until } from './until';

/** An event as the log lists it. */
export interface ListedEvent {
  readonly specversion: string;
  readonly id: string;
  readonly time: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A whole installation whose agent keeps its events in a folder and delivers them to a receiver of the test. */
export interface EventLab {
  readonly lab: Lab;
  /** As long as publishers may be away. */
  readonly endGraceMs: number;
  receiver: Receiver;
  /** The receiver ends; the next one listens where it did, and goes on with its lists. */
  stopReceiver(): Promise<void>;
  startReceiver(tls?: { cert: string; key: string }): Promise<void>;
  /** Ends the agent, and starts it again with the same folder. */
  restartAgent(signal: NodeJS.Signals): Promise<void>;
  /** Everything in the log, oldest first. */
  logged(): Promise<ListedEvent[]>;
  /** What the log says of streams, `moved live/a mtx1 mtx2`; and of the agent, `agent.started`. */
  story(): Promise<string[]>;
  /** Waits until the log has this sentence, `count` times. */
  told(sentence: string, count?: number): Promise<void>;
  /** Everything that was accepted, by any of the receivers. */
  accepted(): Arrival[];
  /** Waits until everything in the log of which the receiver wants to know was accepted. */
  delivered(): Promise<void>;
  /** `mtxpilot` with these arguments, over the admin socket. */
  run(...args: string[]): Promise<{ code: number | null; out: string; err: string }>;
  stop(): Promise<void>;
}

export interface EventLabOptions {
  /** Of the webhook `hook`, beside its url. */
  readonly webhook?: Record<string, unknown>;
  readonly tls?: { cert: string; key: string };
  readonly agentEnv?: Record<string, string>;
  readonly sim?: LabOptions['sim'];
}

// As agents have it by default: a busy machine must not take longer between two steps of a test.
const endGraceMs = 3000;

export async function startEventLab({ webhook, tls, agentEnv, sim }: EventLabOptions = {}): Promise<EventLab> {
  const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-events-'));
  const first = await startReceiver(tls);
  const accepted: Arrival[] = [];
  let lab: Lab;
  try {
    lab = await startLab({
      ...(sim === undefined ? {} : { sim }),
      ...(agentEnv === undefined ? {} : { agentEnv }),
      agentConfig: {
        directory: { interval: '100ms' },
        store: { folder: join(folder, 'state') },
        events: { endGrace: `${endGraceMs}ms`, webhooks: { hook: { url: first.url, ...webhook } } },
      },
    });
  } catch (error) {
    await first.stop();
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }

  const events: EventLab = {
    lab,
    endGraceMs,
    receiver: first,
    async stopReceiver() {
      accepted.push(...events.receiver.accepted.splice(0));
      await events.receiver.stop();
    },
    async startReceiver(next) {
      events.receiver = await startReceiver(next, first.port);
    },
    async restartAgent(signal) {
      await lab.agent.stop(signal);
      await lab.restartAgent();
    },
    async logged() {
      const all: ListedEvent[] = [];
      for (let after = '0'.repeat(26); ; ) {
        const { body } = await lab.agent.get(`/v1/events?limit=1000&after=${after}`);
        const page = (body as { events: ListedEvent[] }).events;
        const last = page.at(-1);
        if (last === undefined) return all;
        all.push(...page);
        after = last.id;
      }
    },
    story: async () => (await events.logged()).map(sentenceOf),
    async told(sentence, count = 1) {
      await until(sentence, async () => (await events.story()).filter((line) => line === sentence).length >= count);
    },
    accepted: () => [...accepted, ...events.receiver.accepted],
    async delivered() {
      const isForStreams = webhook?.['streams'] !== undefined;
      await until('everything is delivered', async () => {
        const ids = new Set(events.accepted().map(({ event }) => event.id));
        const wanted = (await events.logged()).filter(
          ({ data }) => !isForStreams || typeof data['stream'] === 'string',
        );
        return wanted.every(({ id }) => ids.has(id));
      });
    },
    run: (...args) =>
      new Promise((resolve) => {
        const child = spawn(process.execPath, ['dist/cli/main.js', ...args], {
          env: { ...process.env, MTXPILOT_HTTP_ADMIN_SOCKET: lab.agent.adminSocket },
        });
        const text = { out: '', err: '' };
        child.stdout.on('data', (chunk: Buffer) => (text.out += chunk.toString()));
        child.stderr.on('data', (chunk: Buffer) => (text.err += chunk.toString()));
        child.once('close', (code) => resolve({ code, ...text }));
      }),
    async stop() {
      await lab.stop();
      await events.receiver.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return events;
}

/** Of those that were accepted, no first time came before that of an earlier one of the same stream. */
export function expectOrder(accepted: readonly Arrival[]): void {
  const seen = new Map<unknown, string[]>();
  for (const { event } of accepted) {
    const ids = seen.get(event.data['stream']) ?? [];
    if (!ids.includes(event.id)) ids.push(event.id);
    seen.set(event.data['stream'], ids);
  }
  for (const ids of seen.values()) expect(ids).toEqual([...ids].sort());
}

function sentenceOf({ type, data }: ListedEvent): string {
  const words = [type.replace('stream.', ''), data['stream'], data['from'], data['server']];
  return words.filter((word) => typeof word === 'string').join(' ');
}
