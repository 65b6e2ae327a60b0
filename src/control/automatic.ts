import * as z from 'zod/mini';
import type { Logger } from '../log';
import { readAs, type Store } from '../store';
import { errorText } from '../wire';

/** What one agent decided for all, without an operator. */
export interface AutomaticDecisions {
  /** Servers that are drained because their Control APIs fail. */
  readonly drained: ReadonlySet<string>;
  /** Weights that follow load. */
  readonly weights: ReadonlyMap<string, number>;
}

/**
 * The decisions in force, which every agent of a shared store carries out. They are in the store before a HAProxy is told of them, so that no agent
 * takes another one's doing for somebody's hand.
 */
export interface Automatic {
  inForce(): AutomaticDecisions;
  /** Puts others in force, where they differ, as soon as the store has them. */
  decide(decisions: AutomaticDecisions): void;
  /** Takes over what another agent decided. Rejects when the store fails. */
  load(): Promise<void>;
  /** The same beside what goes on, now and then. */
  loadIfDue(): void;
}

const storedDecisions = z.object({ drained: z.array(z.string()), weights: z.record(z.string(), z.int()) });
type StoredDecisions = z.infer<typeof storedDecisions>;

const key = 'decisions';
const periodMs = 500;

/** `onChange` is called when other decisions are in force. */
export function createAutomatic(store: Store, log: Logger, onChange: () => void): Automatic {
  const collection = store.collection('automatic', readAs(storedDecisions));
  let inForce: AutomaticDecisions = { drained: new Set(), weights: new Map() };
  let isDeciding = false;
  let isFailing = false;
  let loadedAtMs = Number.NEGATIVE_INFINITY;
  let revision: string | undefined;

  async function load(): Promise<void> {
    loadedAtMs = performance.now();
    const newest = await collection.revision();
    if (newest !== undefined && newest === revision) return;
    const stored = await collection.get(key);
    if (isDeciding) return;
    revision = newest;
    if (stored === undefined) return;
    inForce = { drained: new Set(stored.drained), weights: new Map(Object.entries(stored.weights)) };
    onChange();
  }

  async function write(decisions: AutomaticDecisions): Promise<boolean> {
    try {
      await collection.set(key, toStored(decisions));
      isFailing = false;
      return true;
    } catch (error) {
      if (!isFailing) log.warn({ error: errorText(error) }, 'a decision could not be stored, so it is not carried out');
      isFailing = true;
      return false;
    }
  }

  return {
    inForce: () => inForce,
    decide(decisions) {
      if (isDeciding || isSame(decisions, inForce)) return;
      isDeciding = true;
      void write(decisions).then((isStored) => {
        isDeciding = false;
        if (!isStored) return;
        inForce = decisions;
        onChange();
      });
    },
    load,
    loadIfDue() {
      if (performance.now() - loadedAtMs < periodMs) return;
      // What is known stays in force; the store itself tells that it is away.
      load().catch(() => undefined);
    },
  };
}

function toStored({ drained, weights }: AutomaticDecisions): StoredDecisions {
  return { drained: [...drained].sort(), weights: Object.fromEntries([...weights].sort()) };
}

function isSame(left: AutomaticDecisions, right: AutomaticDecisions): boolean {
  return JSON.stringify(toStored(left)) === JSON.stringify(toStored(right));
}
