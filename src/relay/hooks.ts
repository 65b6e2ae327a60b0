import { randomBytes } from 'node:crypto';
import * as z from 'zod/mini';
import {
  createEventPost,
  createLeasedDelivery,
  type Delivery,
  type DispatcherStats,
  type EventLog,
  type StoredEvent,
  type Webhook,
} from '../events';
import type { Logger } from '../log';
import type { RecordTime } from '../measure';
import { followCollection, type Lease, readAs, type Store } from '../store';
import { errorText } from '../wire';
import { type HookEvent, hookFormat, typeOfHookEvent } from './hook-format';
import { orchestratorFormat } from './orchestrator-format';
import { hookEvents, hookShapes } from './schemas';

/** A receiver that was added over the API. */
export interface Hook {
  /** For logs and metrics: made here, so that nothing from outside gets there. */
  readonly name: string;
  /** Its key; may hold secrets. */
  readonly url: string;
  readonly shape: (typeof hookShapes)[number];
  readonly events: readonly HookEvent[];
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Shown again to who set it. */
  readonly retryAttempts: number;
  readonly secret: string | undefined;
}

export type HookDraft = Omit<Hook, 'name'>;
export type HookResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly problem: 'full' | 'not-stored'; readonly detail: string };
export type TestResult =
  | { readonly ok: true; readonly eventId: string }
  | { readonly ok: false; readonly detail: string };

export interface HooksOptions {
  readonly store: Store;
  /** Of relays that share a store, who has it delivers. */
  readonly lease: Lease;
  readonly events: EventLog;
  readonly log: Logger;
  readonly recordAttempt: RecordTime;
  /** How often a shared store is looked at for hooks that were added elsewhere; 1,000 when left out. */
  readonly lookEveryMs?: number;
}

/** The receivers that were added over the API. Each has a queue of its own; they do not wait for each other. */
export interface Hooks {
  list(): readonly Hook[];
  /** Adds a receiver, in place of the one of the same URL. Never rejects. */
  add(draft: HookDraft): Promise<HookResult>;
  /** @returns false when there is none of that URL. @throws Error when the store fails. */
  remove(url: string): Promise<boolean>;
  /** One attempt with an event that never happened; undefined when there is none of that URL. */
  test(url: string): Promise<TestResult | undefined>;
  /** Whether one of them wants to know of each client. */
  readonly wantsClients: boolean;
  /** By the names of the hooks. */
  readonly stats: ReadonlyMap<string, DispatcherStats>;
  stop(): Promise<void>;
}

export const mostHooks = 64;
const giveUpAfterMs = 24 * 3_600_000;

const storedHook = z.object({
  name: z.string().check(z.regex(/^hook-[0-9a-f]{12}$/)),
  url: z.string(),
  shape: z.optional(z.enum(hookShapes)),
  events: z.readonly(z.array(z.enum(hookEvents))),
  headers: z.readonly(z.record(z.string(), z.string())),
  timeoutMs: z.number(),
  retryAttempts: z.number(),
  secret: z.optional(z.string()),
});
const readStored = readAs(storedHook);

function readHook(stored: unknown): Hook | undefined {
  const read = readStored(stored);
  return read === undefined ? undefined : { ...read, shape: read.shape ?? 'm3u-proxy', secret: read.secret };
}

/** Opens the receivers that are stored and begins to deliver. @throws Error when the store cannot be read. */
export async function openHooks(options: HooksOptions): Promise<Hooks> {
  const { store, log, lookEveryMs = 1000 } = options;
  const kept = store.collection('relay-hooks', readHook);
  const running = new Map<string, { readonly hook: Hook; readonly delivery: Delivery }>();

  async function run(hook: Hook): Promise<void> {
    const delivery = createLeasedDelivery({ ...options, webhooks: new Map([[hook.name, webhookOf(hook)]]) });
    await delivery.start();
    running.set(hook.url, { hook, delivery });
  }

  async function end(url: string): Promise<void> {
    const ended = running.get(url);
    running.delete(url);
    await ended?.delivery.stop();
    await ended?.delivery.forget();
  }

  async function add(draft: HookDraft): Promise<HookResult> {
    if (running.size >= mostHooks && !running.has(draft.url)) {
      return { ok: false, problem: 'full', detail: `${mostHooks} webhooks are stored, which is all that may be` };
    }
    const hook: Hook = { ...draft, name: `hook-${randomBytes(6).toString('hex')}` };
    const before = running.get(draft.url);
    try {
      // Under its name alone: a key of the store has a bound, which a URL might exceed.
      await kept.write([[hook.name, hook], ...(before === undefined ? [] : [[before.hook.name, undefined] as const])]);
      await end(draft.url);
      await run(hook);
      return { ok: true };
    } catch (error) {
      return { ok: false, problem: 'not-stored', detail: `the store fails: ${errorText(error)}` };
    }
  }

  async function remove(url: string): Promise<boolean> {
    const found = running.get(url);
    if (found === undefined) return false;
    await kept.delete(found.hook.name);
    await end(url);
    return true;
  }

  /** Serves what is stored, and nothing else: another relay may have added or removed hooks. */
  async function take(entries: readonly (readonly [name: string, hook: Hook])[]): Promise<void> {
    const stored = new Map(entries);
    for (const { hook, delivery } of [...running.values()]) {
      if (stored.delete(hook.name)) continue;
      running.delete(hook.url);
      await delivery.stop();
    }
    for (const hook of stored.values()) await run(hook);
  }

  const followed = await followCollection({
    collection: kept,
    take,
    lookEveryMs: store.isShared ? lookEveryMs : undefined,
    onFailure: (error) =>
      log.warn({ error: errorText(error) }, 'the webhooks of other relays cannot be read; will be tried again'),
  });
  if (running.size > 0) log.info({ webhooks: running.size }, 'webhooks that were added over the API are served');

  return {
    list: () => [...running.values()].map(({ hook }) => hook),
    add: (draft) => followed.inTurn(() => add(draft)),
    remove: (url) => followed.inTurn(() => remove(url)),
    async test(url) {
      const found = running.get(url);
      if (found === undefined) return undefined;
      const event = testEvent(found.hook);
      const post = createEventPost(webhookOf(found.hook));
      const attempt = await post.deliver(event, undefined);
      await post.close();
      return attempt.ok ? { ok: true, eventId: event.id } : { ok: false, detail: attempt.detail };
    },
    get wantsClients() {
      const wanted: readonly HookEvent[] = ['client_connected', 'client_disconnected'];
      return [...running.values()].some(({ hook }) => hook.events.some((event) => wanted.includes(event)));
    },
    get stats() {
      return new Map([...running.values()].flatMap(({ delivery }) => [...delivery.stats]));
    },
    async stop() {
      await followed.stop();
      await Promise.all([...running.values()].map(({ delivery }) => delivery.stop()));
    },
  };
}

function webhookOf({ url, shape, events, headers, timeoutMs, secret }: Hook): Webhook {
  return {
    url,
    types: events.map((event) => typeOfHookEvent[event]),
    headers,
    timeoutMs,
    secret,
    giveUpAfterMs,
    format: shape === 'orchestrator' ? orchestratorFormat : hookFormat,
  };
}

/** For an orchestrator an end, of a stream that it does not know: a start would stay in its lists. */
function testEvent({ shape }: Hook): StoredEvent {
  const data = { stream: 'test_stream_123', test: true, message: 'This is a test webhook event' };
  return {
    specversion: '1.0',
    id: `test-${randomBytes(8).toString('hex')}`,
    time: new Date().toISOString(),
    source: '/mtxpilot/relay',
    type: shape === 'orchestrator' ? 'stream.ended' : 'stream.started',
    subject: data.stream,
    datacontenttype: 'application/json',
    data,
  };
}
