import { setImmediate as turn } from 'node:timers/promises';
import { inTime } from '../measure';
import type { Quota } from '../store';
import { errorText } from '../wire';

/** How many connections of one account this relay may have, of those that it shares with others. */
export interface AccountShare {
  /** So many may be open at this moment. */
  readonly limit: number;
  /** So many others have, as of the last answer. */
  readonly elsewhere: number;
  /** The others cannot be asked: until they can, the whole account counts as this relay's. */
  readonly isAlone: boolean;
  /** To be called when a connection is closed or wanted. Resolves when the limit is known that follows from it. Never rejects. */
  settle(): Promise<void>;
  /** Gives everything back. */
  stop(): Promise<void>;
}

export interface AccountShareOptions {
  readonly quota: Quota;
  /** Of all relays together. */
  readonly most: number;
  /** Connections that are open, and those that are wanted beside them. */
  readonly demand: () => { readonly open: number; readonly wanted: number };
  /** The limit may have changed: whoever waits is to be served. */
  readonly onAnswer: () => void;
  /** Why the others cannot be asked; undefined: they can again. */
  readonly onAlone: (reason: string | undefined) => void;
  /** An answer is not waited for longer. Default 1 s. */
  readonly answerWithinMs?: number;
  /** A clock that never goes back, in milliseconds. */
  readonly nowMs?: () => number;
}

/** What is claimed counts for ten seconds. */
const renewEveryMs = 2500;
/** A connection that another relay closes is noticed so late. */
const lookEveryMs = 250;
const tryAgainEveryMs = 1000;

/**
 * Makes the share of one account. What is open is claimed at once, again before the claim runs out, and given back when it is closed; while the store is away
 * everything that is open stays so, and is claimed again afterwards.
 */
export function createAccountShare(options: AccountShareOptions): AccountShare {
  const { quota, most, demand, onAnswer, onAlone, answerWithinMs = 1000, nowMs = () => performance.now() } = options;
  let limit = 0;
  let elsewhere = 0;
  let isAlone = false;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  /** The claim that is under way, whether it has been sent, and the one after it. */
  let current: Promise<void> | undefined;
  let isSent = false;
  let next: Promise<void> | undefined;

  /** @returns false where the answer was read so late that others may have what it gives. */
  async function claim(used: number, wanted: number): Promise<boolean> {
    const askedMs = nowMs();
    const asked = quota.claim({ used, wanted, most });
    const answer: { granted?: number; elsewhere?: number } = {};
    const answered = asked.then((part) => Object.assign(answer, part));
    await inTime(answered, answerWithinMs);
    // After a pause of this process what came meanwhile is read first.
    if (answer.granted === undefined) await turn();
    if (answer.granted === undefined) throw new Error('no answer in time');
    if (nowMs() - askedMs >= renewEveryMs) return false;
    limit = answer.granted;
    elsewhere = answer.elsewhere ?? 0;
    return true;
  }

  /** @returns as `claim`. */
  function claimDemand(): Promise<boolean> {
    const { open, wanted } = demand();
    const all = Math.max(open, Math.min(open + wanted, most));
    // What is given back is nobody's here from now on.
    if (!isAlone) limit = Math.min(limit, all);
    return claim(open, all);
  }

  async function claimOnce(): Promise<void> {
    clearTimeout(timer);
    // Who closes one connection to open another does both before this.
    await Promise.resolve();
    isSent = true;
    try {
      while (!(await claimDemand()));
      if (isAlone) onAlone(undefined);
      isAlone = false;
    } catch (error) {
      if (!isAlone) onAlone(errorText(error));
      isAlone = true;
      limit = most;
      elsewhere = 0;
    }
    onAnswer();
  }

  function start(): Promise<void> {
    next = undefined;
    isSent = false;
    current = claimOnce().finally(() => {
      current = undefined;
      plan();
    });
    return current;
  }

  function settle(): Promise<void> {
    if (isStopped) return Promise.resolve();
    if (next !== undefined) return next;
    if (current === undefined) return start();
    if (!isSent) return current;
    next = current.then(start);
    return next;
  }

  /** What is to be done without being asked for. */
  function plan(): void {
    if (isStopped || next !== undefined) return;
    const { open, wanted } = demand();
    if (!isAlone && limit !== open) void settle();
    else if (isAlone || open > 0 || wanted > 0) {
      const pauseMs = isAlone ? tryAgainEveryMs : wanted > 0 ? lookEveryMs : renewEveryMs;
      timer = setTimeout(() => void settle(), pauseMs).unref();
    }
  }

  return {
    get limit() {
      return limit;
    },
    get elsewhere() {
      return elsewhere;
    },
    get isAlone() {
      return isAlone;
    },
    settle,
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await next;
      await current;
      if (limit === 0) return;
      // Where that fails it runs out by itself.
      await claim(0, 0).catch(() => undefined);
    },
  };
}
