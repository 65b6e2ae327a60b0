import type { Collection } from './store';

export interface FollowOptions<T> {
  readonly collection: Pick<Collection<T>, 'revision' | 'entries'>;
  /** Takes over what is stored: at the start, and whenever somebody changed it. */
  readonly take: (entries: readonly (readonly [key: string, value: T])[]) => void | Promise<void>;
  /** How often it is looked whether others have changed it; undefined: nobody else can. */
  readonly lookEveryMs: number | undefined;
  /** Looking fails; called once until it works again. */
  readonly onFailure: (error: unknown) => void;
}

/** A collection of which this process holds a copy. */
export interface Followed {
  /** Does one change or look at a time: what was read first must not come in last. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  /** Finishes what is under way. */
  stop(): Promise<void>;
}

/**
 * Reads a collection and keeps the copy as others make it.
 * @throws (rejects) Error when it cannot be read at the start.
 */
export async function followCollection<T>({
  collection,
  take,
  lookEveryMs,
  onFailure,
}: FollowOptions<T>): Promise<Followed> {
  let turns: Promise<unknown> = Promise.resolve();
  let revision: string | undefined;
  let hasLookFailed = false;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  function inTurn<R>(work: () => Promise<R>): Promise<R> {
    const done = turns.then(work);
    turns = done.catch(() => undefined);
    return done;
  }

  async function load(): Promise<void> {
    revision = await collection.revision();
    await take(await collection.entries());
  }

  async function look(): Promise<void> {
    try {
      if ((await collection.revision()) !== revision) await load();
      hasLookFailed = false;
    } catch (error) {
      if (!hasLookFailed) onFailure(error);
      hasLookFailed = true;
    }
  }

  function lookSoon(): void {
    if (!isStopped) timer = setTimeout(() => void inTurn(look).then(lookSoon), lookEveryMs);
  }

  await load();
  if (lookEveryMs !== undefined) lookSoon();
  return {
    inTurn,
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await turns;
      clearTimeout(timer);
    },
  };
}
