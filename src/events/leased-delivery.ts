import type { Lease } from '../store';
import { errorText } from '../wire';
import { createDelivery, type Delivery, type DeliveryOptions } from './delivery';
import type { DispatcherStats } from './dispatcher';

export interface LeasedDeliveryOptions extends DeliveryOptions {
  /** Who has it delivers; the next one goes on where the last one stopped. */
  readonly lease: Lease;
}

const tryAgainMs = 1000;
const nobody: ReadonlyMap<string, DispatcherStats> = new Map();

/**
 * Delivery by one of the agents that share a store. What was delivered and not noted when one of them ended is delivered again by the next, under the same ids.
 * Its `stats` are empty while another agent delivers; what is asked of it is refused then.
 */
export function createLeasedDelivery(options: LeasedDeliveryOptions): Delivery {
  const { lease, log } = options;
  /** Never started: it answers as one whose events another agent delivers. */
  const idle = createDelivery(options);
  let current: Delivery | undefined;
  let turns: Promise<unknown> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let unwatch: (() => void) | undefined;
  let isStopped = false;

  /** Is as the lease says; `current` is not shown before it runs. */
  async function settle(): Promise<void> {
    const isWanted = lease.isHeld && !isStopped;
    if (isWanted === (current !== undefined)) return;
    if (!isWanted) {
      const ended = current;
      current = undefined;
      await ended?.stop();
      return;
    }
    const next = createDelivery({ ...options, store: lease.store });
    try {
      await next.start();
    } catch (error) {
      await next.stop();
      throw error;
    }
    current = next;
  }

  function settleSoon(): void {
    clearTimeout(timer);
    turns = turns.then(settle).catch((error: unknown) => {
      log.warn({ error: errorText(error) }, 'events cannot be delivered yet; will be tried again');
      if (!isStopped) timer = setTimeout(settleSoon, tryAgainMs);
    });
  }

  return {
    async start() {
      await settle();
      unwatch = lease.onChange(settleSoon);
      // It may have changed meanwhile.
      settleSoon();
    },
    webhooks: () => (current ?? idle).webhooks(),
    replay: (webhook, after) => (current ?? idle).replay(webhook, after),
    deadLetters: (query) => idle.deadLetters(query),
    redeliver: (webhook) => (current ?? idle).redeliver(webhook),
    get stats() {
      return current?.stats ?? nobody;
    },
    async stop() {
      isStopped = true;
      unwatch?.();
      settleSoon();
      clearTimeout(timer);
      await turns;
      clearTimeout(timer);
      await idle.stop();
    },
    forget: () => idle.forget(),
  };
}
