import * as z from 'zod/mini';
import { readAs, type Store } from '../store';
import type { StoredEvent } from './event';
import { storedEvent } from './read-event';

/** What could not be delivered. */
export interface DeadLetter {
  readonly webhook: string;
  readonly event: StoredEvent;
  readonly attempts: number;
  /** Why the last attempt failed. */
  readonly reason: string;
  /** When it was given up, RFC 3339. */
  readonly time: string;
}

export interface DeadLetterQuery {
  /** Undefined: those of all webhooks. */
  readonly webhook?: string | undefined;
  /** Only those before this one: `cursorOf` the last one of a list. */
  readonly before?: string | undefined;
  /** 1 to 1001. */
  readonly limit: number;
}

/** The dead letters of all webhooks, in the store. Every promise rejects when the store cannot be reached. */
export interface DeadLetters {
  /** Lays one down; the oldest go when there are too many. */
  lay(letter: DeadLetter): Promise<void>;
  /** The latest events first. @throws RangeError for a limit that is not allowed. */
  list(query: DeadLetterQuery): Promise<DeadLetter[]>;
  /** Those of one webhook, the earliest events first, after this one. */
  oldest(webhook: string, after: string | undefined, limit: number): Promise<DeadLetter[]>;
  /** It was delivered after all: it is no dead letter any more. */
  delivered(letter: DeadLetter): Promise<void>;
}

/** A journal has no end in the middle: what was delivered stays as `deliveredAt` until the journal is trimmed. */
const readStored = readAs<DeadLetter | { readonly deliveredAt: string }>(
  z.union([
    z.object({ deliveredAt: z.string() }),
    z.object({ webhook: z.string(), event: storedEvent, attempts: z.number(), reason: z.string(), time: z.string() }),
  ]),
);

const mostStored = 10_000;
/** A page, and one more that shows whether there is another page. */
const maxListed = 1001;
const pageSize = 500;

export function createDeadLetters(store: Store): DeadLetters {
  const journal = store.journal('dead-letters', readStored);

  async function trim(): Promise<void> {
    const excess = (await journal.count()) - mostStored;
    if (excess <= 0) return;
    const last = (await journal.read({ limit: Math.min(excess, pageSize) })).at(-1);
    if (last !== undefined) await journal.trim(last[0]);
  }

  async function collect(
    { webhook, limit }: Pick<DeadLetterQuery, 'webhook' | 'limit'>,
    range: { readonly after?: string | undefined; readonly before?: string | undefined; readonly newestFirst: boolean },
  ): Promise<DeadLetter[]> {
    if (!Number.isInteger(limit) || limit < 1 || limit > maxListed) {
      throw new RangeError(`a list of dead letters has from 1 to ${maxListed}, not ${limit}`);
    }
    const found: DeadLetter[] = [];
    let { after, before } = range;
    for (;;) {
      const page = await journal.read({ ...range, after, before, limit: pageSize });
      for (const [, letter] of page) {
        const isWanted = 'event' in letter && (webhook === undefined || letter.webhook === webhook);
        if (isWanted && found.length < limit) found.push(letter);
      }
      const last = page.at(-1);
      if (found.length >= limit || last === undefined) return found;
      if (range.newestFirst) before = last[0];
      else after = last[0];
    }
  }

  return {
    async lay(letter) {
      await journal.append([[cursorOf(letter), letter]]);
      await trim();
    },
    list: (query) => collect(query, { before: query.before, newestFirst: true }),
    oldest: (webhook, after, limit) => collect({ webhook, limit }, { after, newestFirst: false }),
    delivered: (letter) => journal.append([[cursorOf(letter), { deliveredAt: new Date().toISOString() }]]),
  };
}

/** Where a dead letter stands among the others. */
export function cursorOf({ event, webhook }: Pick<DeadLetter, 'event' | 'webhook'>): string {
  return `${event.id}.${webhook}`;
}
