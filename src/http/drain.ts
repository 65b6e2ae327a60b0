import { setTimeout } from 'node:timers/promises';

export interface DrainOptions {
  /** A clock that never goes back, in milliseconds. Default: `performance.now`. */
  readonly nowMs?: () => number;
  /**
   * The longest that a stop waits for questions to cease. Default 4,000: two checks of the shipped haproxy.cfg come within 2 s also where each takes all its
   * time (`inter 500ms fall 2`, `timeout check 500ms`), and a thread of HAProxy that asks an agent that has gone loses a whole deadline.
   */
  readonly timeoutMs?: number;
}

/** Keeps count of the questions and health checks of HAProxy's Lua bridge, so that a server that stops loses none of them. */
export interface Drain {
  /** A question about a route arrived. */
  asked(): void;
  /** A health check arrived. */
  checked(): void;
  /** From the beginning of `finish` on: health checks are to fail, and answers to send the bridge to another agent. */
  readonly isStopping: boolean;
  /**
   * Resolves when nobody asks any more: at once when nobody did lately, otherwise when there were no questions for some 50 ms, and,
   * where somebody checks, when two checks have failed; after `timeoutMs` in any case.
   */
  finish(): Promise<void>;
}

/** Who asked or checked within this time will do so again. */
const lateMs = 2_000;
const tickMs = 10;
/** Counted, not measured: after a moment without processor time the questions of that moment are read before the next tick. */
const quietTicks = 5;
/** HAProxy's `fall` in the shipped haproxy.cfg. */
const failedChecks = 2;

export function createDrain({ nowMs = () => performance.now(), timeoutMs = 4_000 }: DrainOptions = {}): Drain {
  let isStopping = false;
  let askedAtMs = -Infinity;
  let checkedAtMs = -Infinity;
  let questions = 0;
  let checks = 0;

  return {
    asked() {
      questions++;
      askedAtMs = nowMs();
    },
    checked() {
      checks++;
      checkedAtMs = nowMs();
    },
    get isStopping() {
      return isStopping;
    },
    async finish() {
      isStopping = true;
      const startMs = nowMs();
      if (startMs - askedAtMs > lateMs) return;
      const enoughChecks = startMs - checkedAtMs > lateMs ? checks : checks + failedChecks;
      for (let quiet = 0; quiet < quietTicks || checks < enoughChecks; ) {
        if (nowMs() - startMs >= timeoutMs) return;
        const before = questions;
        await setTimeout(tickMs);
        quiet = questions === before ? quiet + 1 : 0;
      }
    },
  };
}
