import type { ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type PlaceHolder, whoGoes } from '../wire';
import type { HttpStats } from './http-stats';
import { respondProblem } from './problem';

/** Work that may be interrupted wherever it yields; what lies between two yields takes a fraction of a millisecond. */
export type Steps<T> = Generator<void, T, void>;

export interface HeavyWorkOptions {
  /** Answers in hand at a time, from the request until the client has read them; 64 when left out. */
  readonly most?: number;
  /** Of them, for one address; 16 when left out. */
  readonly mostPerAddress?: number;
  /** How long one turn of the event loop may be worked; 2 ms when left out. */
  readonly sliceMs?: number;
  /** A clock that never goes back, in milliseconds. Default: `performance.now`. */
  readonly nowMs?: () => number;
  readonly stats: HttpStats['heavyAnswers'];
}

/** Answers that take more than a moment to make (lists, the page of metrics): made one at a time, in slices, so that decisions never wait for them. */
export interface HeavyWork {
  /**
   * Takes a place for an answer, until it is sent; an answer that its client does not read gives its place up. Refused when too many are
   * in hand: the answer is then 503, and false is returned.
   * @param address of the other end, as `addressKey` gives it; empty on the admin socket, which has places of its own.
   */
  admit(res: ServerResponse, address: string): boolean;
  /** Works in slices, addresses in turn. Resolves with the result; with undefined when `isWanted` says that nobody waits for it any more. */
  run<T>(steps: Steps<T>, address?: string, isWanted?: () => boolean): Promise<T | undefined>;
}

interface Job {
  /** @returns false when there is no more to do. */
  step(): boolean;
  readonly isWanted: () => boolean;
  abandon(): void;
  fail(error: unknown): void;
}

interface InHand extends PlaceHolder {
  readonly res: ServerResponse;
}

export function createHeavyWork(options: HeavyWorkOptions): HeavyWork {
  const { most = 64, mostPerAddress = 16, sliceMs = 2, stats, nowMs = () => performance.now() } = options;
  const inHand = new Set<InHand>();
  const queues = new Map<string, Job[]>();
  let isWorking = false;

  /** An answer that is made, and waits for its client to read it, can go. */
  function makePlace(isOfUse: (one: InHand) => boolean): boolean {
    const leaving = whoGoes(inHand, (one) => isOfUse(one) && one.res.writableEnded);
    if (leaving === undefined) return false;
    stats.cut++;
    inHand.delete(leaving);
    leaving.res.destroy();
    return true;
  }

  function hasPlace(address: string): boolean {
    const own = [...inHand].filter((one) => one.address === address).length;
    if (own >= mostPerAddress) return makePlace((one) => one.address === address);
    const others = address === '' ? 0 : inHand.size - [...inHand].filter((one) => one.address === '').length;
    return others < most || makePlace((one) => one.address !== '');
  }

  /** The next job, of another address than the last where there is one. */
  function take(): Job | undefined {
    for (const [address, jobs] of queues) {
      const job = jobs.shift();
      queues.delete(address);
      if (jobs.length > 0) queues.set(address, jobs);
      if (job !== undefined) return job;
    }
    return undefined;
  }

  async function work(): Promise<void> {
    for (let job = take(); job !== undefined; job = take()) {
      for (let isDone = false; !isDone; ) {
        await nextTurn();
        isDone = slice(job);
      }
    }
    isWorking = false;
  }

  /** @returns whether the job is done. */
  function slice(job: Job): boolean {
    if (!job.isWanted()) {
      job.abandon();
      return true;
    }
    try {
      for (const untilMs = nowMs() + sliceMs; nowMs() < untilMs; ) if (!job.step()) return true;
      return false;
    } catch (error) {
      job.fail(error);
      return true;
    }
  }

  return {
    admit(res, address) {
      if (!hasPlace(address)) {
        stats.refused++;
        const detail = 'Too many lists are in progress.';
        respondProblem(
          res,
          'Busy',
          { detail, allowed: `${mostPerAddress} at a time for one address, ${most} in all` },
          ['retry-after', '1'],
        );
        return false;
      }
      const one: InHand = { res, address, hasAsked: true, lastMs: nowMs() };
      inHand.add(one);
      stats.inHand = inHand.size;
      res.once('close', () => {
        inHand.delete(one);
        stats.inHand = inHand.size;
      });
      return true;
    },
    run: (steps, address = '', isWanted = () => true) =>
      new Promise((resolve, reject) => {
        const job: Job = {
          isWanted,
          step() {
            const { done, value } = steps.next();
            if (done === true) resolve(value);
            return done !== true;
          },
          abandon: () => resolve(undefined),
          fail: reject,
        };
        const queue = queues.get(address);
        if (queue === undefined) queues.set(address, [job]);
        else queue.push(job);
        if (isWorking) return;
        isWorking = true;
        void work();
      }),
  };
}
