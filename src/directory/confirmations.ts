import { isStreamName } from '../mediamtx';
import type { createLookupBudget } from './lookup-budget';
import { canHold } from './server-kind';
import type { ServerSlot } from './server-slot';
import type { StreamIndex } from './stream-index';

export interface ConfirmationOptions {
  readonly index: StreamIndex;
  readonly budget: ReturnType<typeof createLookupBudget>;
  readonly slots: () => readonly ServerSlot[];
  /** Called when nothing was asked, because the budget is used up. */
  readonly onOverBudget: () => void;
  /** Called when the servers have answered. */
  readonly onDone: (stream: string) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

interface Confirmation {
  readonly done: Promise<void>;
  /** A report that came while the servers were asked: what they say may be older than it, so they are asked once more. */
  again: Promise<void> | undefined;
}

/**
 * Takes reports from outside (a hook, an authentication request) as what they are, a reason to ask: one `paths/get` to the server that is
 * named, or to all, and what it says goes into the index at once. A server that turns out to have got the stream makes its former
 * holders be asked too, so that a publisher's move is known without waiting for lists.
 *
 * Reports about the same stream and server share a question under way and at most one after it.
 *
 * @returns resolves when all that came of it is in the index; never rejects.
 */
export function createConfirmations(options: ConfirmationOptions): (stream: string, server?: string) => Promise<void> {
  const { index, budget, now } = options;
  const underWay = new Map<string, Confirmation>();

  async function ask(stream: string, slots: readonly ServerSlot[]): Promise<void> {
    const asked = { question: index.ask(), source: 'push', askedAt: Math.floor(now()) } as const;
    await Promise.all(
      slots.map(async (slot) => {
        const answer = await slot.client.getPath(stream);
        if (answer.ok) index.hear(slot, stream, answer.value, asked);
      }),
    );
  }

  function holdersOf(stream: string): readonly ServerSlot[] {
    return index.get(stream)?.holdings.map(({ slot }) => slot) ?? [];
  }

  async function run(stream: string, server: string | undefined): Promise<void> {
    const slots = options
      .slots()
      .filter(({ fleet }) => canHold(fleet.kind, stream))
      .filter((slot) => (server === undefined ? slot.usable && slot.health !== 'suspect' : slot.name === server));
    if (slots.length === 0) return;
    if (!budget.take()) {
      options.onOverBudget();
      return;
    }
    const before = holdersOf(stream);
    await ask(stream, slots);
    if (holdersOf(stream).some((slot) => !before.includes(slot))) {
      const former = holdersOf(stream).filter((slot) => !slots.includes(slot) && before.includes(slot));
      await ask(stream, former);
    }
    options.onDone(stream);
  }

  return function confirm(stream: string, server?: string): Promise<void> {
    if (!isStreamName(stream)) return Promise.resolve();
    // No stream's name holds a line break.
    const key = `${stream}\n${server ?? ''}`;
    const joined = underWay.get(key);
    if (joined !== undefined) {
      joined.again ??= joined.done.then(() => confirm(stream, server));
      return joined.again;
    }
    const done = run(stream, server).finally(() => underWay.delete(key));
    underWay.set(key, { done, again: undefined });
    return done;
  };
}
